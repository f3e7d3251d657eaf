//! The messages as bytes: encoding, and decoding from bytes that arrive in any pieces.

use std::time::Duration;

use crate::message::{Refusal, Reply, Request, Work};
use crate::{HEADER_SIZE, MAX_MESSAGE_SIZE};

const REQUEST_MAGIC: [u8; 4] = *b"XOq1";
const REPLY_MAGIC: [u8; 4] = *b"XOr1";

/// What a prefix of a byte stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<Message> {
    /// The bytes so far are the beginning of a message, but not all of it.
    NeedMore {
        /// The length of the whole message once the header shows it, otherwise that of the header.
        until: usize,
    },
    /// A whole message, and how many bytes of the input it took.
    Complete {
        /// The message.
        message: Message,
        /// Its length on the wire.
        length: usize,
    },
}

/// Why bytes are not a message; nothing after them can be understood either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The first four bytes are not those of this protocol and version.
    Magic,
    /// The length named in the header is below the header's own.
    TooShort(u32),
    /// The length named in the header is above the limit of the reader.
    TooLong(u32),
    /// The outcome code of a reply is unknown to this version.
    Outcome(u8),
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Magic => write!(f, "not a message of this protocol (wrong first four bytes)"),
            Self::TooShort(length) => {
                write!(f, "a length of {length} B is below the header's {HEADER_SIZE} B")
            }
            Self::TooLong(length) => write!(f, "a length of {length} B is above the limit"),
            Self::Outcome(code) => write!(f, "unknown outcome code {code} in a reply"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Appends the request to `out`: [`Request::request_size`] bytes, at least [`HEADER_SIZE`].
pub fn encode_request(request: &Request, out: &mut Vec<u8>) {
    let end = begin(out, REQUEST_MAGIC, request.request_size);
    out.extend_from_slice(&request.id.to_be_bytes());
    out.extend_from_slice(&nanos(request.work.wait).to_be_bytes());
    out.extend_from_slice(&nanos(request.work.compute).to_be_bytes());
    out.extend_from_slice(&request.reply_size.to_be_bytes());
    out.resize(end, 0);
}

/// Appends the reply to `out`: [`Reply::reply_size`] bytes, at least [`HEADER_SIZE`].
pub fn encode_reply(reply: &Reply, out: &mut Vec<u8>) {
    let end = begin(out, REPLY_MAGIC, reply.reply_size);
    out.extend_from_slice(&reply.id.to_be_bytes());
    out.extend_from_slice(&[reply.refusal.map_or(0, Refusal::code), 0, 0, 0]);
    out.extend_from_slice(&reply.worker.to_be_bytes());
    out.extend_from_slice(&reply.received_so_far.to_be_bytes());
    out.extend_from_slice(&reply.taken_up_ns.to_be_bytes());
    out.extend_from_slice(&reply.finished_ns.to_be_bytes());
    out.extend_from_slice(&nanos(reply.computed).to_be_bytes());
    out.extend_from_slice(&nanos(reply.waited).to_be_bytes());
    out.resize(end, 0);
}

/// Reads a request from the front of `bytes`; refuses one longer than `limit` bytes as soon as its
/// header shows the length, before the rest has arrived.
pub fn decode_request(bytes: &[u8], limit: usize) -> Result<Decoded<Request>, Malformed> {
    let length = match frame(bytes, REQUEST_MAGIC, limit)? {
        Decoded::NeedMore { until } => return Ok(Decoded::NeedMore { until }),
        Decoded::Complete { length, .. } => length,
    };
    let message = Request {
        id: u64_at(bytes, 8),
        work: Work {
            wait: Duration::from_nanos(u64_at(bytes, 16)),
            compute: Duration::from_nanos(u64_at(bytes, 24)),
        },
        request_size: length as u32,
        reply_size: u32_at(bytes, 32),
    };
    Ok(Decoded::Complete { message, length })
}

/// Reads a reply from the front of `bytes`.
pub fn decode_reply(bytes: &[u8]) -> Result<Decoded<Reply>, Malformed> {
    let length = match frame(bytes, REPLY_MAGIC, MAX_MESSAGE_SIZE)? {
        Decoded::NeedMore { until } => return Ok(Decoded::NeedMore { until }),
        Decoded::Complete { length, .. } => length,
    };
    let refusal = match bytes[16] {
        0 => None,
        code => Some(Refusal::from_code(code).ok_or(Malformed::Outcome(code))?),
    };
    let message = Reply {
        id: u64_at(bytes, 8),
        refusal,
        worker: u32_at(bytes, 20),
        received_so_far: u64_at(bytes, 24),
        taken_up_ns: u64_at(bytes, 32),
        finished_ns: u64_at(bytes, 40),
        computed: Duration::from_nanos(u64_at(bytes, 48)),
        waited: Duration::from_nanos(u64_at(bytes, 56)),
        reply_size: length as u32,
    };
    Ok(Decoded::Complete { message, length })
}

/// Whether these bytes start as a reply does, whole or not.
#[must_use]
pub fn is_reply(bytes: &[u8]) -> bool {
    bytes.starts_with(&REPLY_MAGIC)
}

/// Writes magic and length; returns where the message will end in `out`.
fn begin(out: &mut Vec<u8>, magic: [u8; 4], size: u32) -> usize {
    let length = size.max(HEADER_SIZE as u32);
    let end = out.len() + length as usize;
    out.reserve(length as usize);
    out.extend_from_slice(&magic);
    out.extend_from_slice(&length.to_be_bytes());
    end
}

/// Finds the message at the front of `bytes`; each check is made on the first byte that allows it.
fn frame(bytes: &[u8], magic: [u8; 4], limit: usize) -> Result<Decoded<()>, Malformed> {
    let seen = bytes.len().min(magic.len());
    if bytes[..seen] != magic[..seen] {
        return Err(Malformed::Magic);
    }
    if bytes.len() < 8 {
        return Ok(Decoded::NeedMore { until: HEADER_SIZE });
    }
    let named = u32_at(bytes, 4);
    let length = named as usize;
    if length < HEADER_SIZE {
        return Err(Malformed::TooShort(named));
    }
    if length > limit.min(MAX_MESSAGE_SIZE) {
        return Err(Malformed::TooLong(named));
    }
    if bytes.len() < length {
        return Ok(Decoded::NeedMore { until: length });
    }
    Ok(Decoded::Complete { message: (), length })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(word)
}
