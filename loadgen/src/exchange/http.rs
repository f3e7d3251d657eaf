//! HTTP/1.1 as a client needs it for a load: one request, and where its responses end (RFC 9112).

use super::{NoReply, Said};

/// The longest head of a response that is read.
const LONGEST_HEAD: usize = 64 << 10;

/// The most fields of a head that are read.
const MOST_FIELDS: usize = 96;

/// The request that is sent again and again, ready as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    bytes: Vec<u8>,
    is_head: bool,
}

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
            return Err(format!("'{method} {path}' is no request; write GET and a path like /"));
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
                return Err(format!("'{field}' is no field; write it like 'Accept: text/plain'"));
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
        Ok(Self { bytes, is_head: method == "HEAD" })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Where in a response the reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Head,
    /// So many bytes of the body are still to come.
    Body(u64),
    /// In a chunked body.
    Chunk(Chunk),
    /// The body ends with the connection.
    UntilClose,
}

/// Where in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// In the line that tells the size; what it has told so far.
    Size(u64),
    /// In that line behind the size.
    Extension(u64),
    /// In the data and the line end behind it.
    Data(u64),
    /// In the lines behind the last chunk; whether the present one is empty so far.
    Trailer(bool),
}

/// What the head of a response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    length: usize,
    status: u16,
    body: At,
    last: bool,
}

/// Finds the ends of the responses on one connection.
#[derive(Debug, Default)]
pub(super) struct HttpReader {
    at: At,
    status: u16,
    last: bool,
    /// The bytes of the last head and what they say: a head that is the same byte for byte, as
    /// most are under a load, is not read again.
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
    ) -> Result<(usize, Option<Said>), NoReply> {
        let mut used = 0;
        if self.at == At::Head {
            loop {
                let Some(head) = self.head(request, &bytes[used..])? else {
                    return Ok((used, None));
                };
                used += head.length;
                // An interim response precedes the real one (RFC 9110, section 15.2).
                if !(100..200).contains(&head.status) {
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
                let (more, chunk) = chunks(chunk, rest)?;
                self.at = chunk.map_or(At::Body(0), At::Chunk);
                (more, chunk.is_none())
            }
        };
        if !whole {
            return Ok((used + more, None));
        }
        self.at = At::Head;
        Ok((used + more, Some(Said::Status(self.status))))
    }

    /// The other side has closed.
    pub(super) fn ended(&mut self) -> Option<Said> {
        (self.at == At::UntilClose).then(|| {
            self.at = At::Head;
            Said::Status(self.status)
        })
    }

    fn head(&mut self, request: &HttpRequest, bytes: &[u8]) -> Result<Option<Head>, NoReply> {
        if let Some((known, head)) = &self.known
            && bytes.starts_with(known)
        {
            return Ok(Some(*head));
        }
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let length = match response.parse(bytes).map_err(|_| NoReply)? {
            httparse::Status::Complete(length) => length,
            httparse::Status::Partial if bytes.len() > LONGEST_HEAD => return Err(NoReply),
            httparse::Status::Partial => return Ok(None),
        };
        let head = read_head(request, length, &response)?;
        self.known = Some((bytes[..length].to_vec(), head));
        Ok(Some(head))
    }
}

/// Where the body ends (RFC 9112, section 6.3), and whether the connection does (section 9.3).
fn read_head(
    request: &HttpRequest,
    length: usize,
    response: &httparse::Response<'_, '_>,
) -> Result<Head, NoReply> {
    let status = response.code.unwrap_or(0);
    let mut last = response.version == Some(0);
    let mut content_length = None;
    let mut chunked = false;
    for field in response.headers.iter() {
        let says = |word: &[u8]| {
            let words = field.value.split(|byte| *byte == b',');
            words.into_iter().any(|value| value.trim_ascii().eq_ignore_ascii_case(word))
        };
        if field.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(field.value).map_err(|_| NoReply)?;
            let value: u64 = text.trim().parse().map_err(|_| NoReply)?;
            if content_length.is_some_and(|other| other != value) {
                return Err(NoReply);
            }
            content_length = Some(value);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = says(b"chunked");
        } else if field.name.eq_ignore_ascii_case("connection") {
            last = says(b"close") || last && !says(b"keep-alive");
        }
    }
    let empty = request.is_head || status == 204 || status == 304;
    let body = match (empty, chunked, content_length) {
        (true, ..) => At::Body(0),
        (_, true, _) => At::Chunk(Chunk::Size(0)),
        (.., Some(length)) => At::Body(length),
        (.., None) => At::UntilClose,
    };
    Ok(Head { length, status, body, last: last || body == At::UntilClose })
}

/// Goes on in a chunked body (RFC 9112, section 7.1): how many bytes were used, and where it is
/// now, or `None` at its end.
fn chunks(mut chunk: Chunk, bytes: &[u8]) -> Result<(usize, Option<Chunk>), NoReply> {
    let mut used = 0;
    while used < bytes.len() {
        let byte = bytes[used];
        if let Chunk::Data(left) = chunk {
            let more = left.min((bytes.len() - used) as u64);
            used += more as usize;
            chunk = if left == more { Chunk::Size(0) } else { Chunk::Data(left - more) };
            continue;
        }
        used += 1;
        chunk = match (chunk, byte) {
            (Chunk::Size(size) | Chunk::Extension(size), b'\n') => match size {
                0 => Chunk::Trailer(true),
                _ => Chunk::Data(size + 2),
            },
            (Chunk::Size(size), byte) if byte.is_ascii_hexdigit() && size < 1 << 56 => {
                Chunk::Size(size * 16 + u64::from((byte as char).to_digit(16).unwrap_or(0)))
            }
            (Chunk::Size(size), b';' | b' ' | b'\r') => Chunk::Extension(size),
            (Chunk::Size(_), _) => return Err(NoReply),
            (Chunk::Extension(size), _) => Chunk::Extension(size),
            (Chunk::Trailer(true), b'\n') => return Ok((used, None)),
            (Chunk::Trailer(_), b'\n') => Chunk::Trailer(true),
            (Chunk::Trailer(empty), byte) => Chunk::Trailer(empty && byte == b'\r'),
            (Chunk::Data(_), _) => chunk,
        };
    }
    Ok((used, Some(chunk)))
}
