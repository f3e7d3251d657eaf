//! Exchanges, the protocols between generator and server: requests as bytes, and replies found in
//! bytes that arrive in any pieces. Pure: no socket, no clock.

mod http;
mod no_reply;
mod status;
mod template;

use protocol::{Decoded, MAX_MESSAGE_SIZE, Reply, Request, decode_reply, encode_request};

use http::HttpReader;
pub use http::HttpRequest;
pub use no_reply::NoReply;
pub use status::Statuses;
pub use template::{Demands, PLACEHOLDERS, Template};

/// Bytes at the front of an echo request that identify its reply.
const ECHO_ID: usize = 8;

/// The protocol between the generator and a server.
#[derive(Clone, Debug, PartialEq)]
pub enum Exchange {
    /// Crossover's own protocol: the request carries its processing, the reply its stamps.
    Work,
    /// RFC 862: the request comes back.
    Echo,
    /// The service `next`, over UDP: the reply has the number of the client's request.
    Next,
    /// HTTP/1.1: always the same request, but for the demands in its path.
    Http(HttpRequest),
    /// Bytes that are not interpreted: always the same, but for the demands in them.
    Raw {
        /// The bytes of a request.
        request: Template,
        /// How the end of a reply is recognised.
        reply: RawReply,
    },
}

/// How the end of a reply is recognised that is not interpreted. A datagram is a whole reply, and
/// must match this as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawReply {
    /// This many bytes, at least 1.
    Length(usize),
    /// Everything up to and including these bytes.
    Delimiter(Vec<u8>),
}

/// The kind of a reply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReplyKind {
    /// A reply of the work protocol.
    Reply(Reply),
    /// The expected reply.
    Right,
    /// A reply with the number of the request among those of its client, from 0.
    Numbered(u64),
    /// HTTP's status, and whether it is one that counts as answered.
    Status {
        /// The three digits.
        code: u16,
        /// Whether it counts as answered.
        right: bool,
    },
    /// A reply, but not to this request.
    Wrong,
}

/// A request whose reply is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedReply {
    /// Its id.
    pub id: u64,
    /// Its length in bytes.
    pub size: u32,
}

impl Exchange {
    /// Appends the bytes of a request.
    pub fn encode(&self, request: &Request, out: &mut Vec<u8>) {
        match self {
            Self::Work => encode_request(request, out),
            Self::Echo | Self::Next => {
                let end = out.len() + (request.request_size as usize).max(ECHO_ID);
                out.extend_from_slice(&request.id.to_be_bytes());
                out.resize(end, 0);
            }
            Self::Http(http) => http.text().encode(request, out),
            Self::Raw { request: template, .. } => template.encode(request, out),
        }
    }

    /// Whether a request may be sent again on another connection although the server may already
    /// have had it. Only HTTP has requests that do no more when sent twice than when sent once.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        matches!(self, Self::Http(request) if request.is_idempotent())
    }

    /// Whether this is HTTP, where a server may announce that a connection ends.
    #[must_use]
    pub fn is_http(&self) -> bool {
        matches!(self, Self::Http(_))
    }

    /// Why a datagram of the kind [`ReplyKind::Wrong`] is not a reply.
    #[must_use]
    pub fn why_wrong(&self) -> NoReply {
        match self {
            Self::Work => NoReply::Work,
            Self::Echo | Self::Next => NoReply::Echo,
            Self::Http(_) => NoReply::Head,
            Self::Raw { .. } => NoReply::Raw,
        }
    }

    /// Which demands of the plan reach the server.
    #[must_use]
    pub fn carries(&self) -> Demands {
        match self {
            Self::Work => Demands { wait: true, compute: true, reply_size: true },
            Self::Echo | Self::Next => Demands { wait: false, compute: false, reply_size: false },
            Self::Http(request) => request.text().carries(),
            Self::Raw { request, .. } => request.carries(),
        }
    }

    /// Whether a reply names its request; otherwise replies come in the order of requests.
    #[must_use]
    pub fn names_requests(&self) -> bool {
        matches!(self, Self::Work)
    }

    /// The kind of a whole datagram, and the request that it names, if any.
    #[must_use]
    pub fn datagram(&self, bytes: &[u8]) -> (Option<u64>, ReplyKind) {
        match self {
            Self::Work => match decode_reply(bytes) {
                Ok(Decoded::Complete { message, length }) if length == bytes.len() => {
                    // The refusal of something unreadable carries no id.
                    ((message.id > 0).then_some(message.id), ReplyKind::Reply(message))
                }
                _ => (None, ReplyKind::Wrong),
            },
            Self::Echo => match bytes.first_chunk::<ECHO_ID>() {
                Some(id) => (Some(u64::from_be_bytes(*id)), ReplyKind::Right),
                None => (None, ReplyKind::Wrong),
            },
            Self::Next => match bytes.split_first_chunk::<ECHO_ID>() {
                Some((id, rest)) if rest.len() >= ECHO_ID => {
                    let number = rest.first_chunk().map_or(0, |number| u64::from_be_bytes(*number));
                    (Some(u64::from_be_bytes(*id)), ReplyKind::Numbered(number))
                }
                _ => (None, ReplyKind::Wrong),
            },
            Self::Http(_) => (None, ReplyKind::Wrong),
            Self::Raw { reply, .. } => {
                let fits = match reply {
                    RawReply::Length(length) => bytes.len() == *length,
                    RawReply::Delimiter(delimiter) => bytes.ends_with(delimiter),
                };
                (None, if fits { ReplyKind::Right } else { ReplyKind::Wrong })
            }
        }
    }
}

/// Finds the replies in the bytes of one connection.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes of the current reply that need not be looked at.
    skip: usize,
    /// The kind of the current reply, which is reported after those bytes.
    said: Option<ReplyKind>,
    /// Bytes already searched for the end of a raw reply.
    searched: usize,
    http: HttpReader,
}

impl Reader {
    /// Reads on in `bytes`; returns how many were used, and the kind of the reply if one ended with
    /// them. Bytes that were not used must be passed again, with more behind them. `expected` is
    /// the oldest request without its reply.
    ///
    /// # Errors
    /// When the bytes are not a reply, or no reply is expected.
    pub fn advance(
        &mut self,
        exchange: &Exchange,
        bytes: &[u8],
        expected: Option<ExpectedReply>,
    ) -> Result<(usize, Option<ReplyKind>), NoReply> {
        if self.skip > 0 {
            let used = self.skip.min(bytes.len());
            self.skip -= used;
            let said = if self.skip == 0 { self.said.take() } else { None };
            return Ok((used, said));
        }
        if bytes.is_empty() {
            return Ok((0, None));
        }
        let expected = match exchange {
            // A reply of the work protocol names its request.
            Exchange::Work => expected.unwrap_or(ExpectedReply { id: 0, size: 0 }),
            _ => expected.ok_or(NoReply::Unasked)?,
        };
        match exchange {
            Exchange::Work => match decode_reply(bytes).map_err(|_| NoReply::Work)? {
                Decoded::Complete { message, length } => {
                    Ok((length, Some(ReplyKind::Reply(message))))
                }
                Decoded::NeedMore { .. } => Ok((0, None)),
            },
            Exchange::Echo => {
                let Some(id) = bytes.first_chunk::<ECHO_ID>() else { return Ok((0, None)) };
                if u64::from_be_bytes(*id) != expected.id {
                    return Err(NoReply::Echo); // where the next one begins is not known
                }
                Ok(self.skip_to(bytes, (expected.size as usize).max(ECHO_ID), ReplyKind::Right))
            }
            Exchange::Next => Err(NoReply::Echo), // it is spoken over datagrams only
            Exchange::Http(request) => self.http.advance(request, bytes),
            Exchange::Raw { reply: RawReply::Length(length), .. } => {
                Ok(self.skip_to(bytes, *length, ReplyKind::Right))
            }
            Exchange::Raw { reply: RawReply::Delimiter(delimiter), .. } => {
                let from = self.searched.saturating_sub(delimiter.len() - 1).min(bytes.len());
                let found =
                    bytes[from..].windows(delimiter.len()).position(|at| at == &delimiter[..]);
                self.searched = if found.is_some() { 0 } else { bytes.len() };
                match found {
                    Some(at) => Ok((from + at + delimiter.len(), Some(ReplyKind::Right))),
                    None if bytes.len() > MAX_MESSAGE_SIZE => Err(NoReply::Endless),
                    None => Ok((0, None)),
                }
            }
        }
    }

    /// Uses what has arrived of a reply of this length.
    fn skip_to(
        &mut self,
        bytes: &[u8],
        length: usize,
        said: ReplyKind,
    ) -> (usize, Option<ReplyKind>) {
        let used = length.min(bytes.len());
        self.skip = length - used;
        if self.skip == 0 {
            return (used, Some(said));
        }
        self.said = Some(said);
        (used, None)
    }

    /// Whether the last reply announced that none will follow on this connection.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.http.is_last()
    }

    /// Notes that the other side has closed; returns the reply that ends in this way, if any.
    #[must_use]
    pub fn ended(&mut self, exchange: &Exchange) -> Option<ReplyKind> {
        match exchange {
            Exchange::Http(request) => self.http.ended(request),
            _ => None,
        }
    }
}
