//! A request: its head parsed by `httparse`, its body counted and not read, its query as work.

use std::time::Duration;

use httparse::{EMPTY_HEADER, Header, Status as Parsed};
use protocol::Work;
use protocol::quantity::{read_duration, read_size};

use super::response::{Persistence, Response, Status};
use crate::limits::Limits;
use crate::service::job::{Answer, Job, Then};

/// The longest head in bytes, request line and header fields together.
const LONGEST_HEAD: usize = 16 << 10;

/// The most header fields.
const MOST_FIELDS: usize = 100;

/// Bytes of the body of a reply to a request that names no size.
const USUAL_REPLY: usize = 64;

/// The content of a readable head.
struct Head {
    status: Status,
    work: Work,
    reply_size: usize,
    sends_body: bool,
    persistence: Persistence,
    /// Bytes of the request's own body.
    body: usize,
}

/// The job at the front of a connection's input; `None` until head and body are complete.
pub(crate) fn job_of_stream(input: &[u8], limits: &Limits) -> Option<Job> {
    // RFC 9112, 2.2: a server should ignore an empty line before the request line.
    let empty_lines = input.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let text = &input[empty_lines..];
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(text) {
        Ok(Parsed::Complete(length)) if length <= LONGEST_HEAD => {
            let head = match head_of(&request, limits) {
                Ok(head) => head,
                Err(status) => return Some(final_response(status)),
            };
            let asked_in = empty_lines + length + head.body;
            (asked_in <= input.len()).then(|| job_of(&head, asked_in))
        }
        Ok(Parsed::Partial) if input.len() <= LONGEST_HEAD => None,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Some(final_response(Status::HeadTooLarge)),
        Err(_) => Some(final_response(Status::BadRequest)),
    }
}

fn job_of(head: &Head, asked_in: usize) -> Job {
    let answer = Answer::Http(Response {
        status: head.status,
        body_size: head.reply_size as u32,
        sends_body: head.sends_body,
        persistence: head.persistence,
    });
    let then = match head.persistence {
        Persistence::Closes => Then::Close,
        Persistence::Persists | Persistence::PersistsAsAsked => Then::GoOn,
    };
    Job { work: head.work, answer, asked_in, then }
}

/// The refusal of a request whose end cannot be found, or is not read.
fn final_response(status: Status) -> Job {
    let persistence = Persistence::Closes;
    Job::final_reply(Answer::Http(Response { status, body_size: 0, sends_body: true, persistence }))
}

/// Reads a head; the error is a status after which the connection cannot go on.
fn head_of(request: &httparse::Request<'_, '_>, limits: &Limits) -> Result<Head, Status> {
    let fields = &*request.headers;
    if named(fields, "transfer-encoding").next().is_some() {
        return Err(Status::LengthRequired);
    }
    // The body of such a request comes after a 100 response, which this server never sends.
    if named(fields, "expect").next().is_some() {
        return Err(Status::ExpectationFailed);
    }
    let body = body_length(fields)?;
    if body > limits.request_size {
        return Err(Status::BodyTooLarge);
    }
    let is_1_1 = request.version == Some(1);
    let mut head = Head {
        status: Status::Ok,
        work: Work::default(),
        reply_size: 0,
        sends_body: request.method != Some("HEAD"),
        persistence: persistence(fields, is_1_1),
        body,
    };
    let outcome = match request.method.unwrap_or_default() {
        _ if !is_host_right(fields, is_1_1) => Err(Status::BadRequest),
        "GET" | "HEAD" | "POST" => asked_for(request.path.unwrap_or_default(), limits),
        _ => Err(Status::MethodNotAllowed),
    };
    match outcome {
        Ok((work, reply_size)) => (head.work, head.reply_size) = (work, reply_size),
        Err(status) => head.status = status,
    }
    Ok(head)
}

/// The work and the size of the reply, from a path such as `/?compute=100us&wait=2ms&reply=1KiB`.
fn asked_for(target: &str, limits: &Limits) -> Result<(Work, usize), Status> {
    let target = target.strip_prefix("http://").map_or(target, |rest| {
        rest.find('/').map_or("/", |path| &rest[path..]) // the form that proxies use
    });
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != "/" {
        return Err(Status::NotFound);
    }
    let mut work = Work { wait: Duration::ZERO, compute: Duration::ZERO };
    let mut reply_size = USUAL_REPLY;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let unreadable = |_| Status::BadRequest;
        match name {
            "compute" => work.compute = read_duration(value).map_err(unreadable)?,
            "wait" => work.wait = read_duration(value).map_err(unreadable)?,
            "reply" => reply_size = read_size(value).map_err(unreadable)?,
            _ => return Err(Status::BadRequest),
        }
    }
    let beyond =
        work.compute > limits.compute || work.wait > limits.wait || reply_size > limits.reply_size;
    if beyond { Err(Status::BeyondBounds) } else { Ok((work, reply_size)) }
}

/// A value without the spaces and tabs around it; other Unicode white space stays (RFC 9110,
/// 5.6.3).
fn without_blanks(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

/// The length of the body. RFC 9112, 6.3: without the field there is no body; differing values are
/// an error.
fn body_length(fields: &[Header<'_>]) -> Result<usize, Status> {
    let mut length = None;
    for text in named(fields, "content-length").map(without_blanks) {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Status::BadRequest);
        }
        let value = text.parse().unwrap_or(usize::MAX);
        if length.is_some_and(|before| before != value) {
            return Err(Status::BadRequest);
        }
        length = Some(value);
    }
    Ok(length.unwrap_or(0))
}

/// Whether the connection persists. RFC 9112, 9.3: HTTP/1.1 persists unless the client asks to
/// close it, HTTP/1.0 closes unless the client asks to keep it.
fn persistence(fields: &[Header<'_>], is_1_1: bool) -> Persistence {
    let has = |wanted: &str| {
        let mut options = named(fields, "connection").flat_map(|value| value.split(','));
        options.any(|option| without_blanks(option).eq_ignore_ascii_case(wanted))
    };
    match (is_1_1, has("close"), has("keep-alive")) {
        (_, true, _) | (false, false, false) => Persistence::Closes,
        (true, false, _) => Persistence::Persists,
        (false, false, true) => Persistence::PersistsAsAsked,
    }
}

/// Whether the number of Host fields is right. RFC 9112, 3.2: exactly one in HTTP/1.1, at most one
/// before.
fn is_host_right(fields: &[Header<'_>], is_1_1: bool) -> bool {
    let hosts = named(fields, "host").count();
    hosts == 1 || (hosts == 0 && !is_1_1)
}

/// The values of all fields of this name; a value that is not text counts as empty.
fn named<'a>(fields: &[Header<'a>], name: &str) -> impl Iterator<Item = &'a str> {
    let of_name = move |field: &&Header<'a>| field.name.eq_ignore_ascii_case(name);
    fields.iter().filter(of_name).map(|field| std::str::from_utf8(field.value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(text: &str) -> Option<Status> {
        let limits = Limits { request_size: 100, ..Limits::default() };
        job_of_stream(text.as_bytes(), &limits).map(|job| match job.answer {
            Answer::Http(response) => response.status,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_query_is_work() {
        let text = b"GET /?compute=100us&wait=2ms&reply=1KiB HTTP/1.1\r\nHost: x\r\n\r\nGET /";
        let job = job_of_stream(text, &Limits::default()).expect("a whole request");
        assert_eq!(job.work.compute, Duration::from_micros(100));
        assert_eq!(job.work.wait, Duration::from_millis(2));
        assert_eq!((job.reply_size(), job.asked_in), (1024, text.len() - 5));
        assert!(!job.ends_conversation() && !job.is_refusal());
    }

    #[test]
    fn statuses_are_given_where_they_are_due() {
        let host = "HTTP/1.1\r\nHost: x\r\n";
        let many = "A: b\r\n".repeat(MOST_FIELDS + 1);
        let long = format!("GET /{} {host}\r\n", "x".repeat(LONGEST_HEAD));
        for (text, expected) in [
            (format!("GET / {host}\r\n"), Some(Status::Ok)),
            (format!("\r\nGET / {host}\r\n"), Some(Status::Ok)),
            ("GET / HTTP/1.0\r\n\r\n".to_owned(), Some(Status::Ok)),
            (format!("GET http://x/?reply=1B {host}\r\n"), Some(Status::Ok)),
            (format!("GET / {host}"), None),
            (format!("POST / {host}Content-Length: 3\r\n\r\nab"), None),
            (format!("POST / {host}Content-Length: 3\r\n\r\nabc"), Some(Status::Ok)),
            (format!("GET /other {host}\r\n"), Some(Status::NotFound)),
            (format!("PUT / {host}\r\n"), Some(Status::MethodNotAllowed)),
            (format!("GET /?wait=soon {host}\r\n"), Some(Status::BadRequest)),
            (format!("GET /?sleep=1ms {host}\r\n"), Some(Status::BadRequest)),
            (format!("GET /?wait=1x {host}\r\n"), Some(Status::BadRequest)),
            (format!("GET /?wait=1h {host}\r\n"), Some(Status::BeyondBounds)),
            (format!("POST / {host}Content-Length: 0\u{a0}\r\n\r\n"), Some(Status::BadRequest)),
            (format!("POST / {host}Content-Length: \u{2003}0\r\n\r\n"), Some(Status::BadRequest)),
            (format!("GET /?wait=3600s {host}\r\n"), Some(Status::BeyondBounds)),
            (format!("GET /?reply=1000MiB {host}\r\n"), Some(Status::BeyondBounds)),
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), Some(Status::BadRequest)),
            (format!("GET / {host}Host: y\r\n\r\n"), Some(Status::BadRequest)),
            (format!("POST / {host}Expect: 100-continue\r\n\r\n"), Some(Status::ExpectationFailed)),
            ("\r\n".repeat(LONGEST_HEAD), Some(Status::HeadTooLarge)),
            ("XOq1\0\0\0\0".to_owned(), Some(Status::BadRequest)),
            (format!("POST / {host}Content-Length: 101\r\n\r\n"), Some(Status::BodyTooLarge)),
            (format!("POST / {host}Content-Length: -1\r\n\r\n"), Some(Status::BadRequest)),
            (
                format!("POST / {host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
                Some(Status::BadRequest),
            ),
            (
                format!("POST / {host}Transfer-Encoding: chunked\r\n\r\n"),
                Some(Status::LengthRequired),
            ),
            (format!("GET / {host}{many}\r\n"), Some(Status::HeadTooLarge)),
            (long, Some(Status::HeadTooLarge)),
        ] {
            assert_eq!(status_of(&text), expected, "{text:.80}");
        }
    }

    #[test]
    fn connections_persist_as_their_version_has_it() {
        for (text, closes) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: a\r\nConnection: close\r\n\r\n", true),
            ("GET / HTTP/1.0\r\n\r\n", true),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", false),
            ("GET /none HTTP/1.1\r\nHost: x\r\n\r\n", false),
            ("rubbish\r\n\r\n", true),
        ] {
            let job = job_of_stream(text.as_bytes(), &Limits::default()).expect("whole");
            assert_eq!(job.ends_conversation(), closes, "{text}");
        }
    }

    #[test]
    fn a_request_in_single_bytes_is_one_job() {
        let text = b"POST /?reply=5B HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
        for end in 0..text.len() {
            assert!(job_of_stream(&text[..end], &Limits::default()).is_none(), "{end}");
        }
        assert!(job_of_stream(text, &Limits::default()).is_some_and(|job| job.reply_size() == 5));
    }
}
