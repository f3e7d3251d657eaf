//! What is said to a client, the same for all designs.
//!
//! A service does no I/O: bytes go in, and out comes a [`Job`] (work to perform, then a reply) or
//! the wish for more bytes. Blocking designs, event loops and async tasks can therefore share it,
//! and each waits in its own manner.

mod conversation;
mod echo;
mod work;

use std::fmt;
use std::str::FromStr;

use protocol::{Refusal, Reply, Request, Work, encode_reply};

pub use conversation::{Conversation, Step};

use crate::limits::Limits;
use crate::processing::Achieved;

/// The services on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The measured one: a request carries its processing and the size of its reply.
    Work,
    /// Sends back what it gets (RFC 862).
    Echo,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 2] = [Self::Work, Self::Echo];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Echo => "echo",
        }
    }

    /// The job that one datagram asks for.
    #[must_use]
    pub fn job_of_datagram(self, datagram: &[u8], limits: &Limits) -> Job {
        match self {
            Self::Work => work::job_of_datagram(datagram, limits),
            Self::Echo => echo::job(datagram.len()),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|service| service.name() == name)
            .ok_or_else(|| format!("no service is called '{name}'; there are: work, echo"))
    }
}

/// One thing to do for a client: perform [`Job::work`], then send the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The processing to perform before the reply.
    pub work: Work,
    answer: Answer,
    /// Bytes of the input that asked for it; `None` where the input cannot be read, and so
    /// nothing that follows can be either.
    asked_in: Option<usize>,
}

/// What the reply will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// A reply of the work protocol.
    Done(Request),
    /// The first `length` bytes of the input, unchanged.
    Echo { length: usize },
    /// A refusal of the work protocol, to the request with this id.
    Refused { id: u64, why: Refusal },
}

/// What the server noted about a job, for the reply to carry.
#[derive(Clone, Copy, Debug)]
pub struct Stamps {
    /// The place of the worker.
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
    fn refuse(request: &Request, why: Refusal) -> Self {
        Self {
            work: Work::default(),
            answer: Answer::Refused { id: request.id, why },
            asked_in: Some(request.request_size as usize),
        }
    }

    fn refuse_unreadable(why: Refusal) -> Self {
        Self { work: Work::default(), answer: Answer::Refused { id: 0, why }, asked_in: None }
    }

    /// Whether the reply tells that the request will not be done.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self.answer, Answer::Refused { .. })
    }

    /// Whether a connection must be closed after the reply: what follows a request that cannot
    /// be read, or will not be read to its end, has no meaning.
    #[must_use]
    pub fn ends_conversation(&self) -> bool {
        self.asked_in.is_none()
    }

    /// Bytes of the reply.
    #[must_use]
    pub fn reply_size(&self) -> usize {
        match self.answer {
            Answer::Done(request) => (request.reply_size as usize).max(protocol::HEADER_SIZE),
            Answer::Echo { length } => length,
            Answer::Refused { .. } => protocol::HEADER_SIZE,
        }
    }

    /// Appends the reply to `out`.
    pub fn reply(&self, input: &[u8], stamps: &Stamps, out: &mut Vec<u8>) {
        let (id, refusal, reply_size) = match self.answer {
            Answer::Echo { length } => return out.extend_from_slice(&input[..length]),
            Answer::Done(request) => (request.id, None, request.reply_size),
            Answer::Refused { id, why } => (id, Some(why), 0),
        };
        let reply = Reply {
            id,
            refusal,
            worker: stamps.worker,
            received_so_far: stamps.received_so_far,
            taken_up_ns: stamps.taken_up_ns,
            finished_ns: stamps.finished_ns,
            computed: stamps.achieved.computed,
            waited: stamps.achieved.waited,
            reply_size,
        };
        encode_reply(&reply, out);
    }
}
