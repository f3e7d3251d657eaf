//! What every design is given: the service it offers, its bounds, its workers and its counts.

use crate::clock::monotonic_ns;
use crate::limits::Limits;
use crate::processing::Processing;
use crate::service::{Job, Service, Stamps};
use crate::tally::Tally;
use crate::worker::{Worker, Workers};

/// The surroundings of a design; one for each server, alive as long as its process.
pub struct Context {
    /// What is said to a client.
    pub service: Service,
    /// The bounds of this server.
    pub limits: Limits,
    /// Who may serve, and how many at once.
    pub workers: Workers,
    pub(crate) processing: Processing,
    pub(crate) tally: &'static Tally,
}

/// When a request was complete, and which one it was.
#[derive(Clone, Copy, Debug)]
pub struct TakenUp {
    at_ns: u64,
    received_so_far: u64,
}

impl Context {
    /// A context over shared counts.
    #[must_use]
    pub fn new(
        service: Service,
        limits: Limits,
        processing: Processing,
        tally: &'static Tally,
    ) -> Self {
        let workers = Workers::new(tally, limits.workers);
        Self { service, limits, workers, processing, tally }
    }

    /// Counts a request that the last receive call completed, and notes the time.
    pub fn take_up(&self) -> TakenUp {
        self.take_up_at(monotonic_ns())
    }

    /// The same for a request that was complete at `at_ns` already.
    pub(crate) fn take_up_at(&self, at_ns: u64) -> TakenUp {
        TakenUp { at_ns, received_so_far: self.tally.count_received() }
    }

    /// Does what `job` asks and writes the reply to `out`, which is emptied first. `input` is
    /// what the client sent.
    pub fn perform(
        &self,
        job: &Job,
        input: &[u8],
        taken_up: TakenUp,
        worker: Worker,
        out: &mut Vec<u8>,
    ) {
        let achieved = self.processing.perform(job.work);
        out.clear();
        let stamps = Stamps {
            worker: worker.number(),
            received_so_far: taken_up.received_so_far,
            taken_up_ns: taken_up.at_ns,
            finished_ns: monotonic_ns(),
            achieved,
        };
        job.reply(input, &stamps, out);
        if job.is_refusal() {
            self.tally.count_refused(worker.number());
        } else {
            self.tally.count_answered(worker.number());
        }
    }

    /// Counts a request that got no reply at all.
    pub fn count_dropped(&self) {
        self.tally.count_dropped();
    }
}
