//! Why bytes that a server sent are not a reply.

/// Why bytes are not a reply; nothing after them on this connection can be understood. The text
/// states what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// Nothing was expected.
    #[error("it was not requested")]
    Unasked,
    /// Not the header of a reply of the work protocol.
    #[error("not a reply of the work protocol")]
    Work,
    /// Not the request that an echo server had to send back.
    #[error("not an echo of the request")]
    Echo,
    /// Neither the length nor the end that was asked for (`--reply-length`, `--reply-until`).
    #[error("not the length or the end that a reply was said to have")]
    Raw,
    /// The reply does not end within the size of the largest message.
    #[error("no end of a reply within 16 MiB")]
    Endless,
    /// Not the status line and fields of a response of HTTP/1 (RFC 9112, section 4).
    #[error("not a head of HTTP/1")]
    Head,
    /// A reply that was under way when its request was given up.
    #[error("it was not complete when the time-out came")]
    CutShort,
    /// A head longer than any client takes.
    #[error("a head of more than 256 KiB")]
    LongHead,
    /// A status that no client can interpret (RFC 9110, section 15).
    #[error("a status below 100")]
    Status,
    /// A length that is not a number, or two different ones (RFC 9112, section 6.3).
    #[error("an invalid Content-Length")]
    ContentLength,
    /// A coding that does not show where the body ends, or was not asked for (section 6.1).
    #[error("a Transfer-Encoding other than chunked")]
    TransferEncoding,
    /// A chunk without a size, or longer or shorter than its size (section 7.1).
    #[error("a chunk that is not as long as it says")]
    Chunk,
}
