//! The only module that computes response times, and that accounts for every request.

use std::time::Duration;

use protocol::Reply;
use results::{Notes, Series, StatusTimes, TimeHistogram, Times, UnsentCause};
use workload::Law;
use workload::Plan;

use crate::bursts::Bursts;
use crate::fast_histogram::FastHistogram;

/// Nanoseconds from which a connection counts as retried: the first SYN is repeated after a second.
pub(crate) const RETRIED_NS: u64 = 900_000_000;

/// The most statuses whose times are kept, each in half a megabyte. Any further status is counted
/// only by its first digit.
const MOST_STATUSES: usize = 32;

/// The instants of one request in nanoseconds, on one scale.
#[derive(Clone, Copy, Debug)]
pub struct Instants {
    /// When it was due.
    pub intended_ns: u64,
    /// When the generator acted: just before the send, or the connect that it needed first.
    pub started_ns: u64,
}

/// How a request without an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server, or the kernel for it, refused.
    Refused,
    /// The connection ended first.
    Reset,
    /// The reply was not what was asked for.
    Wrong,
    /// No reply came in time.
    TimedOut,
    /// The run was broken off first, this many nanoseconds after the send.
    InFlight(u64),
}

/// Sorts what happens to requests into counts and distributions.
pub struct Recorder {
    log: Notes,
    response_time: FastHistogram,
    from_send: FastHistogram,
    lag: FastHistogram,
    service_time: FastHistogram,
    /// For each status: whether it counts as answered, and the response times.
    by_status: Vec<(u16, bool, FastHistogram)>,
    bursts: Option<Bursts>,
    window_start_ns: u64,
    window_end_ns: u64,
    timeout_ns: u64,
}

impl Recorder {
    /// A recorder for one run of a plan that starts at `start_ns`.
    #[must_use]
    pub fn new(plan: &Plan, start_ns: u64) -> Self {
        let bursts = matches!(plan.spec.arrivals.law(), Some(Law::Burst(_)));
        let log = Notes {
            times: Times {
                response_time_short: plan.is_mixed().then(TimeHistogram::new),
                ..Times::default()
            },
            head_lag: bursts.then(TimeHistogram::new),
            series: Series::over(plan.spec.window),
            ..Notes::default()
        };
        Self {
            log,
            response_time: FastHistogram::new(),
            from_send: FastHistogram::new(),
            lag: FastHistogram::new(),
            service_time: FastHistogram::new(),
            by_status: Vec::new(),
            bursts: match plan.spec.arrivals.law() {
                Some(Law::Burst(size)) => Some(Bursts::of(size)),
                _ => None,
            },
            window_start_ns: start_ns + plan.window_start_ns(),
            window_end_ns: start_ns + plan.window_end_ns(),
            timeout_ns: plan.spec.timeout.as_nanos() as u64,
        }
    }

    fn is_measured(&self, intended_ns: u64) -> bool {
        intended_ns >= self.window_start_ns
    }

    /// Records a request that could not be sent; it also counts as unanswered in the distribution.
    pub fn unsent(&mut self, intended_ns: u64, rare: bool, cause: UnsentCause) {
        if self.is_measured(intended_ns) {
            self.log.unsent_causes[cause as usize] += 1;
            self.log.counts.planned += 1;
            self.log.counts.unsent += 1;
            self.response_time.record_unanswered(self.timeout_ns);
            if let Some(bursts) = &mut self.bursts {
                bursts.unanswered(intended_ns, self.timeout_ns);
            }
            if let (Some(short), false) = (&mut self.log.times.response_time_short, rare) {
                short.record_unanswered(self.timeout_ns);
            }
        }
    }

    /// Records a request that was handed to the kernel; `arrival` is whether the law of arrivals
    /// brought it.
    pub fn sent(&mut self, instants: Instants, arrival: bool) {
        let Instants { intended_ns, started_ns } = instants;
        let log = &mut self.log;
        log.sent_in_all += 1;
        if intended_ns < self.window_start_ns {
            log.events.warmup += 1;
            return;
        }
        log.counts.planned += 1;
        log.counts.sent += 1;
        let lag_ns = started_ns.saturating_sub(intended_ns);
        self.lag.record(lag_ns);
        log.series.sent(intended_ns - self.window_start_ns, lag_ns);
        if !arrival {
            return;
        }
        if let Some(head_lag) = &mut log.head_lag {
            // Only the first of a burst: the time until the others leave is not a missed rate.
            if log.planned_gaps.ended_at(intended_ns) {
                return;
            }
            head_lag.record(lag_ns);
        }
        log.planned_gaps.note(intended_ns);
        log.sent_gaps.note(started_ns);
    }

    /// Records the right reply, received at `received_ns`, with the server's stamps if it has any.
    pub fn answered(
        &mut self,
        instants: Instants,
        received_ns: u64,
        rare: bool,
        reply: Option<&Reply>,
    ) {
        let Instants { intended_ns, started_ns } = instants;
        let is_within = (self.window_start_ns..self.window_end_ns).contains(&received_ns);
        self.log.events.answered_in_window += u64::from(is_within);
        if !self.is_measured(intended_ns) {
            return;
        }
        let log = &mut self.log;
        let response_ns = received_ns.saturating_sub(intended_ns);
        let from_send_ns = received_ns.saturating_sub(started_ns);
        log.counts.answered += 1;
        self.response_time.record(response_ns);
        self.from_send.record(from_send_ns);
        log.series.answered(intended_ns - self.window_start_ns, response_ns, from_send_ns);
        if let Some(bursts) = &mut self.bursts {
            bursts.answered(intended_ns, response_ns);
        }
        if let (Some(short), false) = (&mut log.times.response_time_short, rare) {
            short.record(response_ns);
        }
        if let Some(reply) = reply {
            self.service_time.record(reply.service_time_ns());
            log.waited_ns += nanoseconds(reply.waited);
            log.computed_ns += nanoseconds(reply.computed);
            let instants =
                [intended_ns, started_ns, reply.taken_up_ns, reply.finished_ns, received_ns];
            log.parts.note(instants);
        }
    }

    /// Records a request that ended without its answer. In the distributions it counts as longer
    /// than the time-out, or, if it was still in flight, than its time since the send.
    pub fn unanswered(&mut self, instants: Instants, rare: bool, ending: Ending) {
        if !self.is_measured(instants.intended_ns) {
            return;
        }
        let counts = &mut self.log.counts;
        let mut above_ns = self.timeout_ns;
        match ending {
            Ending::Refused => counts.refused += 1,
            Ending::Reset => counts.reset += 1,
            Ending::Wrong => counts.wrong += 1,
            Ending::TimedOut => counts.timed_out += 1,
            Ending::InFlight(since_ns) => {
                counts.in_flight += 1;
                above_ns = since_ns.min(self.timeout_ns);
            }
        }
        self.response_time.record_unanswered(above_ns);
        self.from_send.record_unanswered(above_ns);
        self.log.series.unanswered(instants.intended_ns - self.window_start_ns);
        if let Some(bursts) = &mut self.bursts {
            bursts.unanswered(instants.intended_ns, above_ns);
        }
        if let (Some(short), false) = (&mut self.log.times.response_time_short, rare) {
            short.record_unanswered(above_ns);
        }
    }

    /// Records a reply to a request that had been given up.
    pub fn late(&mut self) {
        self.log.events.late += 1;
    }

    /// Records a reply that came twice, or that belongs to no request in flight.
    pub fn duplicate(&mut self) {
        self.log.events.duplicates += 1;
    }

    /// Records a reply that came after the reply to a later request.
    pub fn reordered(&mut self) {
        self.log.events.reordered += 1;
    }

    /// Records a reply that was not what was asked for, or was not asked for at all.
    pub fn wrong_reply(&mut self) {
        self.log.events.wrong_replies += 1;
    }

    /// Records a connection that was given up after its first SYN had failed to establish it.
    pub fn connection_retried(&mut self) {
        self.log.events.connect_retries += 1;
    }

    /// Notes how many requests the server had received, which every reply reports.
    pub fn reply_seen(&mut self, reply: &Reply) {
        self.log.server_reported(reply.received_so_far);
        self.log.replies += 1;
    }

    /// Records the status of an HTTP reply, and whether it counts as answered.
    pub fn status(&mut self, instants: Option<Instants>, at_ns: u64, code: u16, right: bool) {
        let Some(instants) = instants.filter(|it| self.is_measured(it.intended_ns)) else { return };
        let class = usize::from(code / 100);
        self.log.events.statuses[if class > 5 { 0 } else { class }] += 1;
        let known = self.by_status.iter().position(|(its, ..)| *its == code);
        let at = match known {
            Some(at) => at,
            None if self.by_status.len() < MOST_STATUSES => {
                self.by_status.push((code, right, FastHistogram::new()));
                self.by_status.len() - 1
            }
            None => return, // it is counted by its first digit
        };
        self.by_status[at].2.record(at_ns.saturating_sub(instants.intended_ns));
    }

    /// Records that a request was sent again.
    pub fn resent(&mut self, instants: Option<Instants>) {
        let measured = instants.is_some_and(|instants| self.is_measured(instants.intended_ns));
        self.log.events.resent += u64::from(measured);
    }

    /// Records how long a connection took to make, for a request due at `intended_ns`, or, with
    /// `None`, for the whole load.
    pub fn connected(&mut self, intended_ns: Option<u64>, took_ns: u64) {
        if intended_ns.is_none_or(|at| self.is_measured(at)) {
            self.log.times.connect_time.get_or_insert_default().record(took_ns);
            self.log.events.connect_retries += u64::from(took_ns >= RETRIED_NS);
        }
    }

    /// Records the first byte of a reply whose last byte has not come yet.
    pub fn first_byte(&mut self, instants: Instants, at_ns: u64) {
        if self.is_measured(instants.intended_ns) {
            self.log
                .times
                .first_byte
                .get_or_insert_default()
                .record(at_ns.saturating_sub(instants.started_ns));
        }
    }

    /// Records the kernel's stamp: it had received the right reply to a request at `at_ns`.
    pub fn stamped_by_kernel(&mut self, instants: Instants, at_ns: u64) {
        if self.is_measured(instants.intended_ns) {
            self.log
                .times
                .by_kernel
                .get_or_insert_default()
                .record(at_ns.saturating_sub(instants.intended_ns));
        }
    }

    /// Records a connection that was closed at `at_ns`, and how long that took.
    pub fn closed(&mut self, at_ns: u64, took_ns: u64) {
        if self.is_measured(at_ns) {
            self.log.times.close_time.get_or_insert_default().record(took_ns);
        }
    }

    /// Records that `count` requests were in flight from one instant to the other.
    pub fn in_flight(&mut self, count: usize, from_ns: u64, until_ns: u64) {
        let from = from_ns.max(self.window_start_ns);
        let until = until_ns.min(self.window_end_ns);
        // The loop never rests for long, so the product fits.
        self.log.in_flight_area += u128::from(count as u64 * until.saturating_sub(from));
    }

    /// Ends the recording and returns the notes.
    #[must_use]
    pub fn finish(mut self) -> Notes {
        self.log.times.response_time = self.response_time.kept();
        if let Some(by_kernel) = &mut self.log.times.by_kernel {
            // Both distributions are of the same requests, so the unanswered belong in both.
            by_kernel.copy_unanswered(&self.log.times.response_time);
        }
        self.log.times.from_send = self.from_send.kept();
        self.log.times.lag = self.lag.kept();
        self.log.times.service_time = self.service_time.kept();
        self.log.times.burst_means = self.bursts.map(Bursts::finish);
        let statuses = self.by_status.iter();
        self.log.statuses_by_code = statuses
            .map(|(code, right, times)| (*code, StatusTimes { right: *right, times: times.kept() }))
            .collect();
        self.log
    }
}

fn nanoseconds(duration: Duration) -> u128 {
    u128::from(duration.as_secs() * 1_000_000_000 + u64::from(duration.subsec_nanos()))
}
