//! HTTP/1.1 (RFC 9110, RFC 9112): `GET /?compute=100us&wait=2ms&reply=1KiB` does that work and
//! answers with a body of that size. Connections persist, and requests may be pipelined.

mod request;
pub(super) mod response;

pub(super) use request::job_of_stream;
