//! One thing to do for a client, and the reply to it.

use protocol::{Refusal, Request, Work};

use super::http::response::Response;
use crate::processing::Achieved;

/// One thing to do for a client: perform [`Job::work`], then send the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The processing to perform before the reply.
    pub work: Work,
    pub(super) answer: Answer,
    /// Bytes of the input that asked for it.
    pub(super) asked_in: usize,
    pub(super) then: Then,
}

/// What the reply will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A reply of the work protocol.
    Done(Request),
    /// A refusal of the work protocol, to the request with this id.
    Refused { id: u64, why: Refusal },
    /// The first `length` bytes of the input, unchanged.
    Echo { length: usize },
    /// A line with date and time.
    Daytime,
    /// The seconds since 1900.
    Time,
    /// A response of HTTP.
    Http(Response),
}

/// What becomes of the connection after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It stays open for the next request.
    GoOn,
    /// It is closed: the service says no more, or what follows a request that cannot be read, or
    /// will not be read to its end, has no meaning.
    Close,
}

/// What the server noted about a job, for the reply to carry.
#[derive(Clone, Copy, Debug)]
pub struct Stamps {
    /// The slot of the worker.
    pub worker: u32,
    /// Requests received when this one was taken up, it included.
    pub received_so_far: u64,
    /// Just after the receive call that completed the request.
    pub taken_up_ns: u64,
    /// Just before the send call.
    pub finished_ns: u64,
    /// What the processing took.
    pub achieved: Achieved,
}

impl Job {
    /// Refuses a whole request of the work protocol; the next one is served.
    pub(super) fn refuse(request: &Request, why: Refusal) -> Self {
        Self {
            work: Work::default(),
            answer: Answer::Refused { id: request.id, why },
            asked_in: request.request_size as usize,
            then: Then::GoOn,
        }
    }

    /// Refuses bytes of which no end can be found.
    pub(super) fn refuse_unreadable(why: Refusal) -> Self {
        Self {
            work: Work::default(),
            answer: Answer::Refused { id: 0, why },
            asked_in: 0,
            then: Then::Close,
        }
    }

    /// The refusal of bytes that are no request.
    pub(super) fn not_understood() -> Self {
        Self::refuse_unreadable(Refusal::Malformed)
    }

    /// What is said at once to whoever comes, and after which there is nothing more to say.
    pub(super) fn final_reply(answer: Answer) -> Self {
        Self { work: Work::default(), answer, asked_in: 0, then: Then::Close }
    }

    /// Whether the reply tells that the request will not be done.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self.answer {
            Answer::Refused { .. } => true,
            Answer::Http(response) => response.is_refusal(),
            Answer::Done(_) | Answer::Echo { .. } | Answer::Daytime | Answer::Time => false,
        }
    }

    /// Whether a connection must be closed after the reply.
    #[must_use]
    pub fn ends_conversation(&self) -> bool {
        self.then == Then::Close
    }
}
