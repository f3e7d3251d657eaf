//! What every design receives: the service it offers, its bounds, its workers and its counts.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::axes::Allocation;
use crate::clock::monotonic_ns;
use crate::limits::Limits;
use crate::processing::{Achieved, Processing, wait_until};
use crate::service::next::Numbers;
use crate::service::{Job, Service, Stamps};
use crate::tally::Tally;
use crate::tuning::Tuning;
use crate::worker::{Worker, Workers};

/// The conditions under which a design serves; it lives as long as its process.
pub struct Context {
    /// The service.
    pub service: Service,
    /// The bounds of this server.
    pub limits: Limits,
    /// The choices that some designs leave open.
    pub tuning: Tuning,
    /// The workers, and how many may serve at once.
    pub workers: Workers,
    pub(crate) processing: Processing,
    pub(crate) tally: &'static Tally,
    /// What the service knows about its clients.
    pub(crate) numbers: Numbers,
    /// The address of the server, if known: a server does not answer its own datagrams.
    pub(crate) address: Option<SocketAddr>,
}

/// The service start of a request: when it was complete, and its number among all received.
#[derive(Clone, Copy, Debug)]
pub struct TakenUp {
    at_ns: u64,
    received_so_far: u64,
}

/// A job whose computing is done and whose waiting has started. A blocking worker sleeps until the
/// job is due; an event loop sets a timer and serves others meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct PendingJob {
    job: Job,
    taken_up: TakenUp,
    computed: Duration,
    waits_from_ns: u64,
}

impl PendingJob {
    /// When the waiting ends, on the monotonic clock; `None` if the job does not wait.
    #[must_use]
    pub fn due_ns(&self) -> Option<u64> {
        let wait = self.job.work.wait;
        (!wait.is_zero()).then(|| self.waits_from_ns + wait.as_nanos() as u64)
    }

    /// The job.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }
}

impl Context {
    /// A context with shared counts.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(
        allocation: Allocation,
        service: Service,
        limits: Limits,
        tuning: Tuning,
        processing: Processing,
        tally: &'static Tally,
    ) -> io::Result<Self> {
        let workers = Workers::new(tally, limits.workers, allocation)?;
        Ok(Self {
            service,
            limits,
            tuning,
            workers,
            processing,
            tally,
            numbers: Numbers::default(),
            address: None,
        })
    }

    /// The same context for a server at this address.
    #[must_use]
    pub fn at(self, address: SocketAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// Counts a request that the last receive call completed, and records its service start.
    pub fn take_up(&self) -> TakenUp {
        self.take_up_at(monotonic_ns())
    }

    /// As [`Context::take_up`], for a request that was complete at `at_ns`.
    pub(crate) fn take_up_at(&self, at_ns: u64) -> TakenUp {
        TakenUp { at_ns, received_so_far: self.tally.count_received() }
    }

    /// Does the computing of `job` and starts its waiting.
    #[must_use]
    pub fn begin(&self, job: Job, taken_up: TakenUp) -> PendingJob {
        let computed = self.processing.compute(job.work.compute);
        let waits_from_ns = if job.work.wait.is_zero() { 0 } else { monotonic_ns() };
        PendingJob { job, taken_up, computed, waits_from_ns }
    }

    /// Writes the reply to a job whose waiting is over to `out`, which is emptied first. `input` is
    /// what the client sent.
    pub fn finish(&self, pending: &PendingJob, input: &[u8], worker: Worker, out: &mut Vec<u8>) {
        let finished_ns = monotonic_ns();
        let waited = match pending.due_ns() {
            Some(_) => Duration::from_nanos(finished_ns.saturating_sub(pending.waits_from_ns)),
            None => Duration::ZERO,
        };
        let stamps = Stamps {
            worker: worker.number(),
            received_so_far: pending.taken_up.received_so_far,
            taken_up_ns: pending.taken_up.at_ns,
            finished_ns,
            achieved: Achieved { computed: pending.computed, waited },
        };
        out.clear();
        pending.job.reply(input, &stamps, out);
        if pending.job.is_refusal() {
            self.tally.count_refused(worker.number());
        } else {
            self.tally.count_answered(worker.number());
        }
    }

    /// Does all of `job`, sleeping while it waits, and writes the reply to `out`.
    pub fn perform(
        &self,
        job: Job,
        input: &[u8],
        taken_up: TakenUp,
        worker: Worker,
        out: &mut Vec<u8>,
    ) {
        let pending = self.begin(job, taken_up);
        if let Some(due_ns) = pending.due_ns() {
            wait_until(due_ns);
        }
        self.finish(&pending, input, worker, out);
    }

    /// Counts a request that gets no reply.
    pub fn count_dropped(&self) {
        self.tally.count_dropped();
    }
}
