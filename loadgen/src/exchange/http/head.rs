//! The head of a response: where it ends, where its body ends (RFC 9112, section 6.3), and whether
//! the connection ends with it (section 9.3).

use super::At;
use super::chunks::Chunk;
use crate::exchange::NoReply;

/// The longest head that is read, in bytes; curl accepts about as much.
const LONGEST_HEAD: usize = 256 << 10;

/// Fields that fit at first; a head with more is read again with space for twice as many.
const FIELDS: usize = 64;

/// How every response of HTTP/1 begins.
const VERSION: &[u8] = b"HTTP/1.";

/// The codings that a server may have used before the last one, which must be `chunked`.
const CODINGS: [&str; 5] = ["gzip", "x-gzip", "deflate", "compress", "x-compress"];

/// The head of a response, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: usize,
    pub(super) status: u16,
    pub(super) body: At,
    /// Whether no further response will come on this connection.
    pub(super) last: bool,
}

impl Head {
    /// Whether the real response is still to come. 101 is final: what follows is another protocol.
    pub(super) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}

/// The length of the head at the start of `bytes`; `None` if it is incomplete. The first `searched`
/// bytes were already searched for its end.
pub(super) fn end_of_head(bytes: &[u8], searched: usize) -> Result<Option<usize>, NoReply> {
    // A client ignores empty lines before a response, as a server does before a request.
    let start = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let begun = bytes[start..].len().min(VERSION.len());
    if bytes[start..start + begun] != VERSION[..begun] {
        return Err(NoReply::Head);
    }
    let from = start.max(searched.saturating_sub(3));
    let mut newlines = (from..bytes.len()).filter(|at| bytes[*at] == b'\n');
    let is_end = |at: &usize| {
        let line_before = &bytes[start..*at];
        line_before.ends_with(b"\n") || line_before.ends_with(b"\n\r")
    };
    match newlines.find(is_end) {
        Some(at) => Ok(Some(at + 1)),
        None if bytes.len() > LONGEST_HEAD => Err(NoReply::LongHead),
        None => Ok(None),
    }
}

/// Reads a complete head. `to_head` means that the request was HEAD, whose responses have no body.
pub(super) fn read_head(bytes: &[u8], to_head: bool) -> Result<Head, NoReply> {
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    let mut fields = vec![httparse::EMPTY_HEADER; FIELDS];
    loop {
        let mut response = httparse::Response::new(&mut fields);
        match config.parse_response(&mut response, bytes) {
            Ok(httparse::Status::Complete(_)) => {
                return interpret(&response, bytes.len(), to_head);
            }
            Err(httparse::Error::TooManyHeaders) if fields.len() < LONGEST_HEAD => {
                fields = vec![httparse::EMPTY_HEADER; 2 * fields.len()];
            }
            Ok(httparse::Status::Partial) | Err(_) => return Err(NoReply::Head),
        }
    }
}

fn interpret(
    response: &httparse::Response<'_, '_>,
    length: usize,
    to_head: bool,
) -> Result<Head, NoReply> {
    let status = response.code.filter(|code| *code >= 100).ok_or(NoReply::Status)?;
    let of_version_0 = response.version == Some(0);
    let values = |name: &'static str| {
        let fields = response.headers.iter();
        let named = fields.filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.flat_map(|field| field.value.split(|byte| *byte == b',')).map(trimmed)
    };
    let says = |word: &[u8]| values("connection").any(|value| value.eq_ignore_ascii_case(word));
    // If options contradict each other, `close` counts.
    let mut last = says(b"close") || (of_version_0 && !says(b"keep-alive"));
    let chunked = is_chunked(values("transfer-encoding"))?;
    let content_length = content_length(values("content-length"))?;
    let without_body = to_head || status < 200 || status == 204 || status == 304;
    let body = match (without_body, chunked, content_length) {
        (true, ..) => At::Body(0),
        (_, true, _) => At::Chunk(Chunk::START),
        (.., Some(length)) => At::Body(length),
        (.., None) => At::UntilClose,
    };
    // After 101 the connection speaks another protocol; version 1.0 has no chunks (section 6.1).
    last |= status == 101 || body == At::UntilClose || (chunked && of_version_0);
    Ok(Head { length, status, body, last })
}

/// Strips the blanks around a value: spaces and tabs only (section 5.6.3 of RFC 9110), and the line
/// ends of folded fields.
fn trimmed(value: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let begin = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(byte)).map_or(begin, |at| at + 1);
    &value[begin..end]
}

/// Reads a length: digits and nothing else; equal values count as one (RFC 9110, section 8.6).
fn content_length<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<Option<u64>, NoReply> {
    let mut found = None;
    for value in values {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| digits);
        let length = text.and_then(|text| text.parse().ok()).ok_or(NoReply::ContentLength)?;
        if found.is_some_and(|other: u64| other != length) {
            return Err(NoReply::ContentLength);
        }
        found = Some(length);
    }
    Ok(found)
}

/// Whether the last coding is `chunked`. No other coding shows where the body ends, and none was
/// asked for.
fn is_chunked<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<bool, NoReply> {
    let codings: Vec<&[u8]> = values.collect();
    let Some((last, others)) = codings.split_last() else { return Ok(false) };
    let is_known =
        |coding: &&[u8]| CODINGS.iter().any(|known| coding.eq_ignore_ascii_case(known.as_bytes()));
    if last.eq_ignore_ascii_case(b"chunked") && others.iter().all(is_known) {
        Ok(true)
    } else {
        Err(NoReply::TransferEncoding)
    }
}
