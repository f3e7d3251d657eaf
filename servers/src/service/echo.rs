//! ECHO (RFC 862): sends back what it receives, over UDP each datagram, over TCP the bytes as they
//! arrive.

use protocol::Work;

use super::job::{Answer, Job, Then};

/// The job that sends `length` bytes of input back.
pub(super) fn job(length: usize) -> Job {
    Job {
        work: Work::default(),
        answer: Answer::Echo { length },
        asked_in: length,
        then: Then::GoOn,
    }
}
