//! The messages as values: what is asked, and what comes back.

use std::time::Duration;

/// The processing that one request asks for: processor time, then waiting.
///
/// `compute` is *processor* time of the thread that serves the request; `wait` is time in which
/// that thread sleeps, standing for a disk, a database or another server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Work {
    /// Time asleep.
    pub wait: Duration,
    /// Processor time.
    pub compute: Duration,
}

impl Work {
    /// Wait and compute together: the service time of this request on an idle server.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.wait + self.compute
    }
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Identifies the request; the reply carries it as well. Unique within a run.
    pub id: u64,
    /// The processing asked for.
    pub work: Work,
    /// Bytes of the whole request, header and padding.
    pub request_size: u32,
    /// Bytes of the whole reply that is wanted, header and padding.
    pub reply_size: u32,
}

/// Why a server did not do what a request asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The bytes were not a request.
    Malformed,
    /// The request, or the reply it wants, is larger than the server allows.
    TooLarge,
    /// The processing asked for is more than the server allows.
    TooMuchWork,
    /// The server could not create a worker.
    NoWorker,
}

impl Refusal {
    /// Every refusal, in the order of its code on the wire (the first has code 1).
    pub const ALL: [Self; 4] = [Self::Malformed, Self::TooLarge, Self::TooMuchWork, Self::NoWorker];

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Malformed => 1,
            Self::TooLarge => 2,
            Self::TooMuchWork => 3,
            Self::NoWorker => 4,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

/// One reply, with the server's stamps.
///
/// Instants are nanoseconds of the server's `CLOCK_MONOTONIC`. On one host they are on the client's
/// scale; across hosts only their differences have a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The id of the request; 0 where the request could not be read.
    pub id: u64,
    /// `None` where the work was done.
    pub refusal: Option<Refusal>,
    /// The slot of the worker that served the request, counted from 0.
    pub worker: u32,
    /// How many requests the server had received at service start, this one included.
    pub received_so_far: u64,
    /// Service start: just after the receive call that completed the request.
    pub taken_up_ns: u64,
    /// End of service: just before the send call.
    pub finished_ns: u64,
    /// Processor time that the work really took.
    pub computed: Duration,
    /// Time that the work really waited.
    pub waited: Duration,
    /// Bytes of the whole reply, header and padding.
    pub reply_size: u32,
}

impl Reply {
    /// Service time in nanoseconds: from service start until the reply is ready.
    #[must_use]
    pub fn service_time_ns(&self) -> u64 {
        self.finished_ns.saturating_sub(self.taken_up_ns)
    }
}
