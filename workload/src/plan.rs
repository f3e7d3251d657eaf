//! Everything a run will send, determined beforehand by a seed: the plan's hash proves that two
//! designs got the same requests.
//!
//! The requests of an open loop are not stored but drawn again wherever they are needed, so that a
//! run of 10⁸ requests takes no more memory than one of 10⁵.

use std::time::Duration;

use protocol::quantity::write_duration;
use sha2::{Digest, Sha256};

use crate::arrivals::{Arrivals, Due};
use crate::load::{LoadSpec, PlanError, check};
use crate::random::{Stream, Uniform};
use crate::rate::Rate;
use crate::requests::{Demands, PlannedRequest, Requests};
use crate::shard::Shard;

/// If fewer requests than this are expected in the window, the plan is checked for an empty window.
/// With more of them at a steady rate no check is needed: for a Poisson process the window is empty
/// with probability e⁻⁵⁰.
const FEW: f64 = 50.0;

/// Length of the table of demands for clients and sessions whose number of requests depends on the
/// server. Clients and sessions take demands in turn, and start again at the end of the table. The
/// hash of an open loop covers the same number of requests.
const TABLE: usize = 1 << 14;

/// Everything a run will send.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What was asked for.
    pub spec: LoadSpec,
    /// The demands that clients of a closed loop, and sessions, take in turn.
    table: Vec<PlannedRequest>,
    hash: String,
}

impl Plan {
    /// Draws the plan of a load.
    ///
    /// # Errors
    /// When the load makes no sense or is too large.
    pub fn draw(spec: LoadSpec) -> Result<Self, PlanError> {
        check(&spec)?;
        let mut plan = Self { spec, table: Vec::new(), hash: String::new() };
        let think = match (plan.spec.arrivals, plan.spec.session) {
            (Arrivals::Closed(think), _) => Some((think, Stream::Arrivals)),
            (_, Some(session)) => Some((session.think, Stream::Think)),
            _ => None,
        };
        if let Some((think, stream)) = think {
            let mut thinking = Uniform::new(plan.spec.seed, stream);
            let mut demands = Demands::new(&plan.spec);
            let pause = |_| demands.next(0, think.draw(thinking.draw()).value as u64);
            // Demands that never vary need one line, and no memory to look through.
            let lines = if think.is_fixed() && plan.spec.is_fixed() { 1 } else { TABLE };
            plan.table = (0..lines).map(pause).collect();
        }
        if plan.may_be_empty()
            && !plan.due().into_iter().flatten().any(|due_ns| due_ns >= plan.window_start_ns())
        {
            let (from, to) = (plan.spec.warmup, plan.spec.warmup + plan.spec.window);
            return Err(PlanError::Empty { from: write_duration(from), to: write_duration(to) });
        }
        plan.hash = plan.digest();
        Ok(plan)
    }

    /// Draws the plan of an open loop whose window is just so long that it holds this many requests. The window of
    /// `spec` is where the search begins.
    ///
    /// # Errors
    /// As [`Plan::draw`], and if the law of the arrivals has no more requests.
    pub fn draw_exactly(spec: LoadSpec, requests: u64) -> Result<Self, PlanError> {
        const LONGER: u32 = 16;
        let count = requests.max(1) as f64;
        let mut window = spec.window.mul_f64(1.0 + 8.0 / count.sqrt() + 20.0 / count);
        for _ in 0..LONGER {
            let longer = Self::draw(LoadSpec { window, ..spec.clone() })?;
            let start_ns = longer.window_start_ns();
            let mut measured = longer.requests().filter(|request| request.intended_ns >= start_ns);
            if let Some(last) = measured.nth(requests.max(1) as usize - 1) {
                let window = Duration::from_nanos(last.intended_ns + 1 - start_ns);
                return Self::draw(LoadSpec { window, ..spec });
            }
            window *= 2;
        }
        Err(PlanError::TooFew { requests })
    }

    /// The plan's hash: 32 hexadecimal digits of the SHA-256 over the load, its seed, and the first
    /// requests drawn from it, 16,384 at most. All others follow from the seed.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// All requests of an open loop, in the order in which they are due; with sessions, the first
    /// request of each.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.requests_of(Shard::WHOLE)
    }

    pub(crate) fn requests_of(&self, shard: Shard) -> Requests {
        Requests::new(self.due(), &self.spec, shard)
    }

    /// The `index`-th of the demands that clients and sessions take in turn.
    pub(crate) fn demand(&self, index: u64) -> PlannedRequest {
        // The length is a power of two, which saves a division.
        self.table[index as usize & (self.table.len() - 1)]
    }

    fn due(&self) -> Option<Due> {
        self.spec.arrivals.due(self.spec.warmup + self.spec.window, self.spec.seed)
    }

    /// Whether the clients wait for replies.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.spec.arrivals, Arrivals::Closed(_))
    }

    /// Whether the number of requests is known beforehand.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        !self.is_closed() && self.spec.session.is_none()
    }

    /// Whether the requests are of two kinds, common and rare.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.spec.wait.is_mixed() || self.spec.compute.is_mixed()
    }

    /// When the measured window begins, in nanoseconds from the start of the run.
    #[must_use]
    pub fn window_start_ns(&self) -> u64 {
        self.spec.warmup.as_nanos() as u64
    }

    /// When the measured window ends, in nanoseconds from the start of the run.
    #[must_use]
    pub fn window_end_ns(&self) -> u64 {
        (self.spec.warmup + self.spec.window).as_nanos() as u64
    }

    /// Whether chance, or the end of a trace, may leave the window without a request.
    fn may_be_empty(&self) -> bool {
        let arrivals = &self.spec.arrivals;
        let expected = arrivals.rate().map(|rate| rate.get() * self.spec.window.as_secs_f64());
        expected.is_some_and(|expected| !arrivals.is_steady() || expected < FEW)
    }

    fn digest(&self) -> String {
        let spec = &self.spec;
        let mut hasher = Sha256::new();
        let frame = [spec.warmup, spec.window, spec.timeout].map(|time| time.as_nanos() as u64);
        frame.iter().for_each(|value| hasher.update(value.to_le_bytes()));
        let rate = spec.arrivals.rate().map_or(0.0, Rate::get);
        hasher.update(format!(
            "{} {rate} {:?} {} {} {} {:?} {} {} {} {} {}",
            spec.arrivals,
            spec.session.map(|session| (session.length, session.think.to_string())),
            spec.clients,
            spec.depth,
            spec.reuse,
            spec.close,
            spec.wait,
            spec.compute,
            spec.request_size,
            spec.reply_size,
            spec.seed,
        ));
        for request in self.table.iter().copied().chain(self.requests().take(TABLE)) {
            hasher.update(request.intended_ns.to_le_bytes());
            hasher.update((request.work.wait.as_nanos() as u64).to_le_bytes());
            hasher.update((request.work.compute.as_nanos() as u64).to_le_bytes());
            for word in [request.client, request.request_size, request.reply_size] {
                hasher.update(word.to_le_bytes());
            }
        }
        hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}
