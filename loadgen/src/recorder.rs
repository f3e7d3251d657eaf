//! The one place where response time is computed, and where every request is accounted for.

use protocol::Reply;
use results::{Counts, Spectrum};

use crate::plan::Plan;

/// Blocks into which the window is cut to see whether response time stays what it is.
pub const BLOCKS: usize = 10;

/// Everything one run has noted; times are of the measured window's requests only.
#[derive(Clone, Debug, Default)]
pub struct RunLog {
    /// The accounting.
    pub counts: Counts,
    /// Requests sent before the window.
    pub warmup: u64,
    /// Replies to requests that had timed out.
    pub late: u64,
    /// Replies to requests that had been answered, or that nobody sent.
    pub duplicates: u64,
    /// From the intended start to the reply.
    pub response_time: Spectrum,
    /// The same of the common requests, where the plan mixes two kinds.
    pub response_time_short: Option<Spectrum>,
    /// From the actual send to the reply.
    pub from_send: Spectrum,
    /// Actual send less intended start.
    pub lag: Spectrum,
    /// The lag of the first of each group of requests that are due at one instant; the others
    /// must leave after it, one by one, however fast the generator is.
    pub head_lag: Spectrum,
    /// From taken up to finished, by the server's stamps.
    pub service_time: Spectrum,
    /// From the connect call to the connection.
    pub connect_time: Spectrum,
    /// Sum of the waiting that was really done.
    pub waited_ns: u128,
    /// Sum of the processor time that was really used.
    pub computed_ns: u128,
    /// Sum and number of the response times in each block of the window.
    pub blocks: [(u128, u64); BLOCKS],
    /// Gaps between intended starts.
    pub planned_gaps: Gaps,
    /// Gaps between actual sends.
    pub sent_gaps: Gaps,
    /// Least and greatest "received so far" that the server told, and replies seen in all.
    pub server_received: Option<(u64, u64)>,
    /// Replies of any kind, warm-up included.
    pub replies: u64,
    /// Requests sent, warm-up included.
    pub sent_in_all: u64,
    /// Requests in flight, integrated over the window.
    pub in_flight_area: u128,
    /// Wall time of the whole run, the drain included.
    pub wall_ns: u64,
    /// Times the generator's loop stood still for more than a millisecond.
    pub hiccups: u64,
    /// The longest of them.
    pub longest_hiccup_ns: u64,
    /// Whether the run was broken off.
    pub broken_off: bool,
}

/// Sums over the gaps between instants that come in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gaps {
    first_ns: Option<u64>,
    last_ns: u64,
    count: u64,
    square_sum: f64,
}

impl Gaps {
    fn add(&mut self, at_ns: u64) {
        if self.first_ns.is_some() {
            let gap = at_ns.saturating_sub(self.last_ns) as f64;
            self.count += 1;
            self.square_sum += gap * gap;
        } else {
            self.first_ns = Some(at_ns);
        }
        self.last_ns = at_ns;
    }

    /// From the first instant to the last.
    #[must_use]
    pub fn span_ns(&self) -> u64 {
        self.last_ns - self.first_ns.unwrap_or(self.last_ns)
    }

    /// Squared coefficient of variation: 0 for even gaps, 1 for a Poisson process; `None` for
    /// fewer than 100 gaps.
    #[must_use]
    pub fn cv2(&self) -> Option<f64> {
        let mean = self.span_ns() as f64 / self.count as f64;
        (self.count >= 100 && mean > 0.0)
            .then(|| self.square_sum / self.count as f64 / (mean * mean) - 1.0)
    }
}

/// The instants of one request, on one scale.
#[derive(Clone, Copy, Debug)]
pub struct Instants {
    /// When it was due.
    pub intended_ns: u64,
    /// When the generator acted: just before the send, or the connect that it needed first.
    pub started_ns: u64,
}

/// How a request ended that got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server, or the kernel for it, refused.
    Refused,
    /// The connection ended first.
    Reset,
    /// What came was not what was asked.
    Wrong,
    /// Nothing came in time.
    TimedOut,
    /// The run was broken off first, this long after the send.
    InFlight(u64),
}

/// Sorts what happens to requests into counts and distributions.
pub struct Recorder {
    log: RunLog,
    window_start_ns: u64,
    window_end_ns: u64,
    timeout_ns: u64,
}

impl Recorder {
    /// A recorder for one run of a plan that begins at `start_ns`.
    #[must_use]
    pub fn new(plan: &Plan, start_ns: u64) -> Self {
        let log = RunLog {
            response_time_short: plan.is_mixed().then(Spectrum::new),
            ..RunLog::default()
        };
        Self {
            log,
            window_start_ns: start_ns + plan.window_start_ns(),
            window_end_ns: start_ns + plan.window_end_ns(),
            timeout_ns: plan.spec.timeout.as_nanos() as u64,
        }
    }

    fn is_measured(&self, intended_ns: u64) -> bool {
        intended_ns >= self.window_start_ns
    }

    /// A request could not be sent. It is in the distribution as never answered, too.
    pub fn unsent(&mut self, intended_ns: u64, rare: bool) {
        if self.is_measured(intended_ns) {
            self.log.counts.planned += 1;
            self.log.counts.unsent += 1;
            self.log.response_time.record_unanswered(self.timeout_ns);
            if let (Some(short), false) = (&mut self.log.response_time_short, rare) {
                short.record_unanswered(self.timeout_ns);
            }
        }
    }

    /// A request was handed to the kernel.
    pub fn sent(&mut self, instants: Instants) {
        self.log.sent_in_all += 1;
        if !self.is_measured(instants.intended_ns) {
            self.log.warmup += 1;
            return;
        }
        self.log.counts.planned += 1;
        self.log.counts.sent += 1;
        let lag_ns = instants.started_ns.saturating_sub(instants.intended_ns);
        self.log.lag.record(lag_ns);
        if self.log.planned_gaps.last_ns != instants.intended_ns {
            self.log.head_lag.record(lag_ns);
        }
        self.log.planned_gaps.add(instants.intended_ns);
        self.log.sent_gaps.add(instants.started_ns);
    }

    /// The right reply came at `received_ns`.
    pub fn answered(&mut self, instants: Instants, received_ns: u64, rare: bool, reply: &Reply) {
        self.reply_seen(reply);
        if !self.is_measured(instants.intended_ns) {
            return;
        }
        let response_ns = received_ns.saturating_sub(instants.intended_ns);
        let log = &mut self.log;
        log.counts.answered += 1;
        log.response_time.record(response_ns);
        if let (Some(short), false) = (&mut log.response_time_short, rare) {
            short.record(response_ns);
        }
        log.from_send.record(received_ns.saturating_sub(instants.started_ns));
        log.service_time.record(reply.service_time_ns());
        log.waited_ns += reply.waited.as_nanos();
        log.computed_ns += reply.computed.as_nanos();
        let window = self.window_end_ns - self.window_start_ns;
        let into = instants.intended_ns - self.window_start_ns;
        let block = (u128::from(into) * BLOCKS as u128 / u128::from(window)) as usize;
        let (sum, count) = &mut log.blocks[block.min(BLOCKS - 1)];
        *sum += u128::from(response_ns);
        *count += 1;
    }

    /// A request ended without its answer; it stands in the distributions as longer than the
    /// time-out.
    pub fn unanswered(&mut self, instants: Instants, rare: bool, ending: Ending) {
        if !self.is_measured(instants.intended_ns) {
            return;
        }
        let counts = &mut self.log.counts;
        let above_ns = match ending {
            Ending::Refused => {
                counts.refused += 1;
                self.timeout_ns
            }
            Ending::Reset => {
                counts.reset += 1;
                self.timeout_ns
            }
            Ending::Wrong => {
                counts.wrong += 1;
                self.timeout_ns
            }
            Ending::TimedOut => {
                counts.timed_out += 1;
                self.timeout_ns
            }
            Ending::InFlight(since_ns) => {
                counts.in_flight += 1;
                since_ns.min(self.timeout_ns)
            }
        };
        self.log.response_time.record_unanswered(above_ns);
        self.log.from_send.record_unanswered(above_ns);
        if let (Some(short), false) = (&mut self.log.response_time_short, rare) {
            short.record_unanswered(above_ns);
        }
    }

    /// A reply came for a request that had been given up.
    pub fn late(&mut self, reply: &Reply) {
        self.reply_seen(reply);
        self.log.late += 1;
    }

    /// A reply came twice, or to a request that nobody sent.
    pub fn duplicate(&mut self, reply: &Reply) {
        self.reply_seen(reply);
        self.log.duplicates += 1;
    }

    /// Any reply tells how far the server has come.
    pub fn reply_seen(&mut self, reply: &Reply) {
        let so_far = reply.received_so_far;
        let (least, most) = self.log.server_received.unwrap_or((so_far, so_far));
        self.log.server_received = Some((least.min(so_far), most.max(so_far)));
        self.log.replies += 1;
    }

    /// A connection took this long to make, for a request due at `intended_ns`.
    pub fn connected(&mut self, intended_ns: u64, took_ns: u64) {
        if self.is_measured(intended_ns) {
            self.log.connect_time.record(took_ns);
        }
    }

    /// So many requests were in flight from one instant to the other.
    pub fn in_flight(&mut self, count: usize, from_ns: u64, until_ns: u64) {
        let from = from_ns.max(self.window_start_ns);
        let until = until_ns.min(self.window_end_ns);
        self.log.in_flight_area += count as u128 * u128::from(until.saturating_sub(from));
    }

    /// Ends the recording.
    #[must_use]
    pub fn finish(self) -> RunLog {
        self.log
    }
}
