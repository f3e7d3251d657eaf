//! HTTP/1.1 as a client needs it for a load: one request, and where its responses end (RFC 9112).

mod chunks;
mod head;

use super::status::Statuses;
use super::template::Template;
use super::{NoReply, ReplyKind};
use chunks::Chunk;
use head::{Head, end_of_head, read_head};

/// The request that is sent repeatedly, already encoded but for the demands in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    text: Template,
    is_head: bool,
    is_idempotent: bool,
    right: Statuses,
}

/// The methods that a client may repeat on its own (RFC 9110, section 9.2.2).
const IDEMPOTENT: [&str; 6] = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"];

impl HttpRequest {
    /// A request for `path` of `host`, with further fields (`Name: value`) and perhaps a body.
    ///
    /// # Errors
    /// When method, path or a field cannot be part of a request.
    pub fn new(
        method: &str,
        host: &str,
        path: &str,
        fields: &[String],
        body: &[u8],
    ) -> Result<Self, String> {
        let is_token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if !is_token(method) || !is_token(path) || !path.starts_with('/') {
            return Err(format!("'{method} {path}' is not a request; write GET and a path like /"));
        }
        let names = |name: &str| {
            let is_it = |field: &String| {
                field.split_once(':').is_some_and(|(its, _)| its.eq_ignore_ascii_case(name))
            };
            fields.iter().any(is_it)
        };
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        if !names("Host") {
            text.push_str(&format!("Host: {host}\r\n"));
        }
        for field in fields {
            let name = field.split_once(':').map(|(name, _)| name);
            if !name.is_some_and(is_token) || field.contains(['\r', '\n']) {
                return Err(format!(
                    "'{field}' is not a header field; write it like 'Accept: text/plain'"
                ));
            }
            text.push_str(field);
            text.push_str("\r\n");
        }
        let has_body = !body.is_empty() || ["POST", "PUT", "PATCH"].contains(&method);
        if has_body && !names("Content-Length") {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let bytes = [text.as_bytes(), body].concat();
        Ok(Self {
            text: Template::of(&bytes),
            is_head: method == "HEAD",
            is_idempotent: IDEMPOTENT.contains(&method),
            right: Statuses::default(),
        })
    }

    /// The same request; replies with these statuses count as answered.
    #[must_use]
    pub fn expecting(self, right: Statuses) -> Self {
        Self { right, ..self }
    }

    /// Whether it may be sent again when its connection ended before the reply.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }

    pub(super) fn text(&self) -> &Template {
        &self.text
    }
}

/// The reader's position in a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Head,
    /// This many bytes of the body are still to come.
    Body(u64),
    /// In a chunked body.
    Chunk(Chunk),
    /// The body ends with the connection.
    UntilClose,
}

/// Finds the ends of the responses on one connection.
#[derive(Debug, Default)]
pub(super) struct HttpReader {
    at: At,
    status: u16,
    last: bool,
    /// Bytes of an incomplete head already searched for its end.
    searched: usize,
    /// The bytes of the last head, and what was read from them. A head with the same bytes, as most
    /// have under a load, is not read again.
    known: Option<(Vec<u8>, Head)>,
}

impl HttpReader {
    pub(super) fn is_last(&self) -> bool {
        self.last
    }

    pub(super) fn advance(
        &mut self,
        request: &HttpRequest,
        bytes: &[u8],
    ) -> Result<(usize, Option<ReplyKind>), NoReply> {
        let mut used = 0;
        if self.at == At::Head {
            loop {
                let Some(head) = self.head(request, &bytes[used..])? else {
                    return Ok((used, None));
                };
                used += head.length;
                // An interim response precedes the real one (RFC 9110, section 15.2).
                if !head.is_interim() {
                    (self.status, self.at, self.last) = (head.status, head.body, head.last);
                    break;
                }
            }
        }
        let rest = &bytes[used..];
        let (more, whole) = match self.at {
            At::Head | At::UntilClose => (rest.len(), false),
            At::Body(left) => {
                let more = left.min(rest.len() as u64);
                self.at = At::Body(left - more);
                (more as usize, left == more)
            }
            At::Chunk(chunk) => {
                let (more, chunk) = chunk.advance(rest)?;
                self.at = chunk.map_or(At::Body(0), At::Chunk);
                (more, chunk.is_none())
            }
        };
        if !whole {
            return Ok((used + more, None));
        }
        self.at = At::Head;
        Ok((used + more, Some(self.said(request))))
    }

    /// Notes that the other side has closed; returns the reply that ends in this way, if any.
    pub(super) fn ended(&mut self, request: &HttpRequest) -> Option<ReplyKind> {
        (self.at == At::UntilClose).then(|| {
            self.at = At::Head;
            self.said(request)
        })
    }

    fn said(&self, request: &HttpRequest) -> ReplyKind {
        ReplyKind::Status { code: self.status, right: request.right.hold(self.status) }
    }

    fn head(&mut self, request: &HttpRequest, bytes: &[u8]) -> Result<Option<Head>, NoReply> {
        if let Some((known, head)) = &self.known
            && bytes.starts_with(known)
        {
            return Ok(Some(*head));
        }
        let Some(length) = end_of_head(bytes, self.searched)? else {
            self.searched = bytes.len();
            return Ok(None);
        };
        self.searched = 0;
        let head = read_head(&bytes[..length], request.is_head)?;
        self.known = Some((bytes[..length].to_vec(), head));
        Ok(Some(head))
    }
}
