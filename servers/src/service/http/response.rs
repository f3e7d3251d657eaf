//! A response: status line, header fields, and a body of the size asked for.

use std::cell::RefCell;
use std::io::Write;

use jiff::Timestamp;

use crate::processing::Achieved;

/// A response to be sent; its text is made when the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(super) status: Status,
    /// Bytes of the body with [`Status::Ok`]; with any other status the body is an explanation.
    pub(super) body_size: u32,
    /// Whether the body is sent; a reply to HEAD has only its fields.
    pub(super) sends_body: bool,
    pub(super) persistence: Persistence,
}

/// The statuses in use (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    LengthRequired,
    BodyTooLarge,
    ExpectationFailed,
    HeadTooLarge,
    BeyondBounds,
}

/// Whether the connection stays open, and whether a field must state that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// It stays open, as is the default of HTTP/1.1.
    Persists,
    /// It stays open because an HTTP/1.0 client asked for that; the client expects a confirmation.
    PersistsAsAsked,
    Closes,
}

impl Status {
    /// The end of the status line, and the remedy of a refusal.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("200 OK", ""),
            Self::BadRequest => (
                "400 Bad Request",
                "not understood; write GET /?compute=100us&wait=2ms&reply=1KiB\n",
            ),
            Self::NotFound => ("404 Not Found", "there is only /\n"),
            Self::MethodNotAllowed => ("405 Method Not Allowed", "use GET, HEAD or POST\n"),
            Self::LengthRequired => {
                ("411 Length Required", "chunked bodies are not read; give a Content-Length\n")
            }
            Self::BodyTooLarge => ("413 Content Too Large", "send less; --max-request bounds it\n"),
            Self::ExpectationFailed => {
                ("417 Expectation Failed", "send the body without waiting for a 100\n")
            }
            Self::HeadTooLarge => {
                ("431 Request Header Fields Too Large", "send fewer and shorter fields\n")
            }
            Self::BeyondBounds => (
                "503 Service Unavailable",
                "ask for less; --max-compute, --max-wait and --max-reply bound it\n",
            ),
        }
    }
}

impl Response {
    pub(crate) fn is_refusal(self) -> bool {
        self.status != Status::Ok
    }

    pub(crate) fn body_size(self) -> usize {
        match self.status {
            Status::Ok => self.body_size as usize,
            refusal => refusal.texts().1.len(),
        }
    }

    /// Appends the whole response. A Server-Timing field states what the work took, in
    /// milliseconds.
    pub(crate) fn write(self, achieved: &Achieved, out: &mut Vec<u8>) {
        let (line, explanation) = self.status.texts();
        let size = self.body_size();
        out.reserve(256 + size);
        let mut fields = |text: std::fmt::Arguments<'_>| {
            out.write_fmt(text).expect("a vector takes every write");
        };
        fields(format_args!("HTTP/1.1 {line}\r\nContent-Length: {size}\r\n"));
        with_date(|date| fields(format_args!("Date: {date}\r\n")));
        if size > 0 {
            fields(format_args!("Content-Type: text/plain\r\n"));
        }
        if *achieved != Achieved::default() {
            let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
            let (computed, waited) = (ms(achieved.computed), ms(achieved.waited));
            fields(format_args!(
                "Server-Timing: compute;dur={computed:.4}, wait;dur={waited:.4}\r\n"
            ));
        }
        if self.status == Status::MethodNotAllowed {
            fields(format_args!("Allow: GET, HEAD, POST\r\n"));
        }
        match self.persistence {
            Persistence::Persists => {}
            Persistence::PersistsAsAsked => fields(format_args!("Connection: keep-alive\r\n")),
            Persistence::Closes => fields(format_args!("Connection: close\r\n")),
        }
        fields(format_args!("\r\n"));
        if self.sends_body {
            out.extend_from_slice(explanation.as_bytes());
            out.resize(out.len() + size - explanation.len(), b'.');
        }
    }
}

/// Passes `use_it` the text of the Date field, which is made once a second.
fn with_date(use_it: impl FnOnce(&str)) {
    thread_local! {
        static TEXT: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    let now = Timestamp::now();
    TEXT.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() {
            *text = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            *second = now.as_second();
        }
        use_it(text);
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text_of(response: Response, achieved: Achieved) -> String {
        let mut out = Vec::new();
        response.write(&achieved, &mut out);
        String::from_utf8(out).expect("text")
    }

    const OK: Response = Response {
        status: Status::Ok,
        body_size: 5,
        sends_body: true,
        persistence: Persistence::Persists,
    };

    #[test]
    fn a_response_has_the_body_asked_for_and_says_what_the_work_took() {
        let achieved =
            Achieved { computed: Duration::from_micros(100), waited: Duration::from_micros(2050) };
        let text = text_of(OK, achieved);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: "), "{text}");
        assert!(text.contains("Server-Timing: compute;dur=0.1000, wait;dur=2.0500\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n....."), "{text}");
    }

    #[test]
    fn head_gets_the_fields_only_and_a_refusal_its_remedy() {
        let head = text_of(Response { sends_body: false, ..OK }, Achieved::default());
        assert!(head.contains("Content-Length: 5\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        let refusal =
            Response { status: Status::BeyondBounds, persistence: Persistence::Closes, ..OK };
        let text = text_of(refusal, Achieved::default());
        assert!(text.contains("Connection: close\r\n\r\nask for less"), "{text}");
    }
}
