//! One piece of work for a client, and the reply to it.

use protocol::{Refusal, Request, Work};

use super::http::response::Response;
use crate::processing::Achieved;

/// One piece of work for a client: perform [`Job::work`], then send the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The processing to perform before the reply.
    pub work: Work,
    pub(super) answer: Answer,
    /// The number of input bytes that hold the request.
    pub(super) asked_in: usize,
    pub(super) then: Then,
}

/// The kind of reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A reply of the work protocol.
    Done(Request),
    /// A refusal of the work protocol, to the request with this id.
    Refused { id: u64, why: Refusal },
    /// The first `length` bytes of the input, unchanged.
    Echo { length: usize },
    /// `length` bytes of the input, in which the number of the request stands.
    Next { length: usize, number: u64 },
    /// A line with date and time.
    Daytime,
    /// The seconds since 1900.
    Time,
    /// A response of HTTP.
    Http(Response),
}

/// What happens to the connection after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It stays open for the next request.
    GoOn,
    /// It is closed: the service has nothing more to send, or the request is unreadable or not read
    /// to its end, so that the bytes after it have no meaning.
    Close,
}

/// What the server recorded about a job, for the reply to carry.
#[derive(Clone, Copy, Debug)]
pub struct Stamps {
    /// The slot of the worker.
    pub worker: u32,
    /// Requests received at the service start of this one, including it.
    pub received_so_far: u64,
    /// The service start: just after the receive call that completed the request.
    pub taken_up_ns: u64,
    /// Just before the send call.
    pub finished_ns: u64,
    /// The time that the processing took.
    pub achieved: Achieved,
}

impl Job {
    /// Refuses a complete request of the work protocol; the next one is served.
    pub(super) fn refuse(request: &Request, why: Refusal) -> Self {
        Self {
            work: Work::default(),
            answer: Answer::Refused { id: request.id, why },
            asked_in: request.request_size as usize,
            then: Then::GoOn,
        }
    }

    /// Refuses bytes in which no end of a request can be found.
    pub(super) fn refuse_unreadable(why: Refusal) -> Self {
        Self {
            work: Work::default(),
            answer: Answer::Refused { id: 0, why },
            asked_in: 0,
            then: Then::Close,
        }
    }

    /// The refusal of bytes that are not a request.
    pub(super) fn not_understood() -> Self {
        Self::refuse_unreadable(Refusal::Malformed)
    }

    /// A reply without work, after which the connection is closed.
    pub(super) fn final_reply(answer: Answer) -> Self {
        Self { work: Work::default(), answer, asked_in: 0, then: Then::Close }
    }

    /// The job with the number of its client's request, if its reply has one.
    #[must_use]
    pub fn numbered(mut self, next: impl FnOnce() -> u64) -> Self {
        if let Answer::Next { number, .. } = &mut self.answer {
            *number = next();
        }
        self
    }

    /// Whether the reply refuses the request.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self.answer {
            Answer::Refused { .. } => true,
            Answer::Http(response) => response.is_refusal(),
            Answer::Done(_)
            | Answer::Echo { .. }
            | Answer::Next { .. }
            | Answer::Daytime
            | Answer::Time => false,
        }
    }

    /// Whether a connection must be closed after the reply.
    #[must_use]
    pub fn ends_conversation(&self) -> bool {
        self.then == Then::Close
    }
}
