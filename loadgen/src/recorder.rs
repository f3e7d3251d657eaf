//! The one place where response time is computed, and where every request is accounted for.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Reply;
use results::{Counts, Lack, Parts, Series, Spectrum, StatusTimes, Unreadable};
use workload::Law;
use workload::Plan;

use crate::bursts::Bursts;
use crate::times::Times;

/// A connection that took so long was tried again: the first SYN is repeated after a second.
pub(crate) const RETRIED_NS: u64 = 900_000_000;

/// Different statuses whose times are kept, each in half a megabyte: a server that invents others is
/// counted by their first digit.
const MOST_STATUSES: usize = 32;

/// Everything one run has noted; times are of the measured window's requests only.
#[derive(Clone, Debug, Default)]
pub struct RunLog {
    /// The accounting.
    pub counts: Counts,
    /// How many of the unsent lacked what, in the order of [`Lack::ALL`].
    pub lacks: [u64; Lack::ALL.len()],
    /// Requests sent before the window.
    pub warmup: u64,
    /// Replies to requests that had timed out.
    pub late: u64,
    /// Replies to requests that had been answered, or that nobody sent.
    pub duplicates: u64,
    /// Replies that came after one to a later request.
    pub reordered: u64,
    /// Replies with other bytes than were asked for, or from somebody who was not asked.
    pub wrong_replies: u64,
    /// From the intended start to the reply.
    pub response_time: Spectrum,
    /// The same of the common requests, where the plan mixes two kinds.
    pub response_time_short: Option<Spectrum>,
    /// Bursts: the mean response time of each.
    pub burst_means: Option<Spectrum>,
    /// From the actual send to the reply.
    pub from_send: Spectrum,
    /// Actual send less intended start.
    pub lag: Spectrum,
    /// Bursts: the lag of the first of each group of requests that are due at one instant; the
    /// others must leave after it, one by one, however fast the generator is.
    pub head_lag: Option<Spectrum>,
    /// From taken up to finished, by the server's stamps.
    pub service_time: Spectrum,
    /// From the connect call to the connection.
    pub connect_time: Spectrum,
    /// Connections whose first SYN got no answer.
    pub connect_retries: u64,
    /// From the actual send to the first byte of the reply, where it came before the last.
    pub first_byte: Spectrum,
    /// From the generator's FIN to the server's.
    pub close_time: Spectrum,
    /// From the intended start to the kernel's receive stamp, where that was asked for.
    pub by_kernel: Spectrum,
    /// Replies of HTTP by the first digit of their status.
    pub statuses: [u64; 6],
    /// The same by their whole status, with their times.
    pub statuses_by_code: BTreeMap<u16, StatusTimes>,
    /// Requests that went out again because their connection had ended; each is sent once all the
    /// same in the accounting.
    pub resent: u64,
    /// The first bytes that were no reply.
    pub unreadable: Option<Unreadable>,
    /// Connections that were made before the load and kept.
    pub kept: u64,
    /// Those of them on which not one reply came.
    pub kept_unanswered: u64,
    /// Whether the run was broken off because the kernel refused all it sent.
    pub nobody_listens: bool,
    /// The parts of which the response times consist.
    pub parts: Parts,
    /// The run in steps of time.
    pub series: Series,
    /// Sum of the waiting that was really done.
    pub waited_ns: u128,
    /// Sum of the processor time that was really used.
    pub computed_ns: u128,
    /// Gaps between the intended starts of arrivals; of bursts, between their first requests.
    pub planned_gaps: Gaps,
    /// Gaps between their actual sends.
    pub sent_gaps: Gaps,
    /// Least and greatest "received so far" that the server told.
    pub server_received: Option<(u64, u64)>,
    /// Right replies that came within the window, whenever their requests were due.
    pub answered_in_window: u64,
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

impl RunLog {
    /// Adds what another generator noted of its share of the same plan.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.warmup += other.warmup;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.wrong_replies += other.wrong_replies;
        self.response_time.add(&other.response_time);
        for (mine, its) in [
            (&mut self.response_time_short, &other.response_time_short),
            (&mut self.head_lag, &other.head_lag),
            (&mut self.burst_means, &other.burst_means),
        ] {
            if let (Some(mine), Some(its)) = (mine, its) {
                mine.add(its);
            }
        }
        self.from_send.add(&other.from_send);
        self.lag.add(&other.lag);
        self.service_time.add(&other.service_time);
        self.connect_time.add(&other.connect_time);
        self.connect_retries += other.connect_retries;
        self.first_byte.add(&other.first_byte);
        self.close_time.add(&other.close_time);
        self.by_kernel.add(&other.by_kernel);
        for (mine, its) in self.statuses.iter_mut().zip(other.statuses) {
            *mine += its;
        }
        for (code, its) in &other.statuses_by_code {
            self.statuses_by_code.entry(*code).or_default().add(its);
        }
        self.resent += other.resent;
        if self.unreadable.is_none() {
            self.unreadable.clone_from(&other.unreadable);
        }
        self.kept += other.kept;
        self.kept_unanswered += other.kept_unanswered;
        self.nobody_listens |= other.nobody_listens;
        for (mine, its) in self.lacks.iter_mut().zip(other.lacks) {
            *mine += its;
        }
        self.parts.add(&other.parts);
        self.series.add(&other.series);
        self.waited_ns += other.waited_ns;
        self.computed_ns += other.computed_ns;
        self.planned_gaps.add(&other.planned_gaps);
        self.sent_gaps.add(&other.sent_gaps);
        if let Some((least, most)) = other.server_received {
            self.server_told(least);
            self.server_told(most);
        }
        self.answered_in_window += other.answered_in_window;
        self.replies += other.replies;
        self.sent_in_all += other.sent_in_all;
        self.in_flight_area += other.in_flight_area;
        self.wall_ns = self.wall_ns.max(other.wall_ns);
        self.hiccups += other.hiccups;
        self.longest_hiccup_ns = self.longest_hiccup_ns.max(other.longest_hiccup_ns);
        self.broken_off |= other.broken_off;
    }

    fn server_told(&mut self, so_far: u64) {
        let (least, most) = self.server_received.unwrap_or((so_far, so_far));
        self.server_received = Some((least.min(so_far), most.max(so_far)));
    }
}

/// Sums over the gaps between instants that come in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gaps {
    first_ns: Option<u64>,
    last_ns: u64,
    count: u64,
    sum: f64,
    square_sum: f64,
}

impl Gaps {
    fn note(&mut self, at_ns: u64) {
        if self.first_ns.is_some() {
            let gap = at_ns.saturating_sub(self.last_ns) as f64;
            self.count += 1;
            self.sum += gap;
            self.square_sum += gap * gap;
        } else {
            self.first_ns = Some(at_ns);
        }
        self.last_ns = at_ns;
    }

    /// The gaps of another generator, each within its own stream.
    fn add(&mut self, other: &Self) {
        let first = [self.first_ns, other.first_ns].into_iter().flatten().min();
        self.first_ns = first;
        self.last_ns = self.last_ns.max(other.last_ns);
        self.count += other.count;
        self.sum += other.sum;
        self.square_sum += other.square_sum;
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
        let mean = self.sum / self.count as f64;
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
    response_time: Times,
    from_send: Times,
    lag: Times,
    service_time: Times,
    /// Of each status: whether it is right, and the response times.
    by_status: Vec<(u16, bool, Times)>,
    bursts: Option<Bursts>,
    window_start_ns: u64,
    window_end_ns: u64,
    timeout_ns: u64,
}

impl Recorder {
    /// A recorder for one run of a plan that begins at `start_ns`.
    #[must_use]
    pub fn new(plan: &Plan, start_ns: u64) -> Self {
        let bursts = matches!(plan.spec.arrivals.law(), Some(Law::Burst(_)));
        let log = RunLog {
            response_time_short: plan.is_mixed().then(Spectrum::new),
            head_lag: bursts.then(Spectrum::new),
            series: Series::over(plan.spec.window),
            ..RunLog::default()
        };
        Self {
            log,
            response_time: Times::new(),
            from_send: Times::new(),
            lag: Times::new(),
            service_time: Times::new(),
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

    /// A request could not be sent. It is in the distribution as never answered, too.
    pub fn unsent(&mut self, intended_ns: u64, rare: bool, lack: Lack) {
        if self.is_measured(intended_ns) {
            self.log.lacks[lack as usize] += 1;
            self.log.counts.planned += 1;
            self.log.counts.unsent += 1;
            self.response_time.record_unanswered(self.timeout_ns);
            if let Some(bursts) = &mut self.bursts {
                bursts.unanswered(intended_ns, self.timeout_ns);
            }
            if let (Some(short), false) = (&mut self.log.response_time_short, rare) {
                short.record_unanswered(self.timeout_ns);
            }
        }
    }

    /// A request was handed to the kernel; whether it came by the law of arrivals.
    pub fn sent(&mut self, instants: Instants, arrival: bool) {
        let Instants { intended_ns, started_ns } = instants;
        let log = &mut self.log;
        log.sent_in_all += 1;
        if intended_ns < self.window_start_ns {
            log.warmup += 1;
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
            // Of a burst its first: how long the others take to leave is no rate that was missed.
            if log.planned_gaps.last_ns == intended_ns {
                return;
            }
            head_lag.record(lag_ns);
        }
        log.planned_gaps.note(intended_ns);
        log.sent_gaps.note(started_ns);
    }

    /// The right reply came at `received_ns`, with what the server noted if it notes anything.
    pub fn answered(
        &mut self,
        instants: Instants,
        received_ns: u64,
        rare: bool,
        reply: Option<&Reply>,
    ) {
        let Instants { intended_ns, started_ns } = instants;
        let is_within = (self.window_start_ns..self.window_end_ns).contains(&received_ns);
        self.log.answered_in_window += u64::from(is_within);
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
        if let (Some(short), false) = (&mut log.response_time_short, rare) {
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

    /// A request ended without its answer; it stands in the distributions as longer than the
    /// time-out.
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
        if let (Some(short), false) = (&mut self.log.response_time_short, rare) {
            short.record_unanswered(above_ns);
        }
    }

    /// A reply came for a request that had been given up.
    pub fn late(&mut self) {
        self.log.late += 1;
    }

    /// A reply came twice, or to a request that nobody sent.
    pub fn duplicate(&mut self) {
        self.log.duplicates += 1;
    }

    /// A reply came before one to an earlier request.
    pub fn reordered(&mut self) {
        self.log.reordered += 1;
    }

    /// A reply was not what was asked for, or nobody asked for it.
    pub fn wrong_reply(&mut self) {
        self.log.wrong_replies += 1;
    }

    /// A connection was given up that had not been there after its first SYN.
    pub fn connection_retried(&mut self) {
        self.log.connect_retries += 1;
    }

    /// Any reply tells how far the server has come.
    pub fn reply_seen(&mut self, reply: &Reply) {
        self.log.server_told(reply.received_so_far);
        self.log.replies += 1;
    }

    /// A reply of HTTP to this request had this status, and whether that counts as answered.
    pub fn status(&mut self, instants: Option<Instants>, at_ns: u64, code: u16, right: bool) {
        let Some(instants) = instants.filter(|it| self.is_measured(it.intended_ns)) else { return };
        let class = usize::from(code / 100);
        self.log.statuses[if class > 5 { 0 } else { class }] += 1;
        let known = self.by_status.iter().position(|(its, ..)| *its == code);
        let at = match known {
            Some(at) => at,
            None if self.by_status.len() < MOST_STATUSES => {
                self.by_status.push((code, right, Times::new()));
                self.by_status.len() - 1
            }
            None => return, // those of the first digit have it
        };
        self.by_status[at].2.record(at_ns.saturating_sub(instants.intended_ns));
    }

    /// A request went out again.
    pub fn resent(&mut self, instants: Option<Instants>) {
        let measured = instants.is_some_and(|instants| self.is_measured(instants.intended_ns));
        self.log.resent += u64::from(measured);
    }

    /// A connection took this long to make, for a request due at `intended_ns`, or for the whole
    /// load.
    pub fn connected(&mut self, intended_ns: Option<u64>, took_ns: u64) {
        if intended_ns.is_none_or(|at| self.is_measured(at)) {
            self.log.connect_time.record(took_ns);
            self.log.connect_retries += u64::from(took_ns >= RETRIED_NS);
        }
    }

    /// The first byte of a reply came, and not yet its last.
    pub fn first_byte(&mut self, instants: Instants, at_ns: u64) {
        if self.is_measured(instants.intended_ns) {
            self.log.first_byte.record(at_ns.saturating_sub(instants.started_ns));
        }
    }

    /// The kernel had received the right reply to a request at `at_ns`.
    pub fn stamped_by_kernel(&mut self, instants: Instants, at_ns: u64) {
        if self.is_measured(instants.intended_ns) {
            self.log.by_kernel.record(at_ns.saturating_sub(instants.intended_ns));
        }
    }

    /// A connection was closed at `at_ns`, in this time.
    pub fn closed(&mut self, at_ns: u64, took_ns: u64) {
        if self.is_measured(at_ns) {
            self.log.close_time.record(took_ns);
        }
    }

    /// So many requests were in flight from one instant to the other.
    pub fn in_flight(&mut self, count: usize, from_ns: u64, until_ns: u64) {
        let from = from_ns.max(self.window_start_ns);
        let until = until_ns.min(self.window_end_ns);
        // A rest is short: the product fits.
        self.log.in_flight_area += u128::from(count as u64 * until.saturating_sub(from));
    }

    /// Ends the recording.
    #[must_use]
    pub fn finish(mut self) -> RunLog {
        self.log.response_time = self.response_time.spectrum();
        if self.log.by_kernel.count() > 0 {
            // A second opinion on the same requests.
            self.log.by_kernel.share_unanswered_of(&self.log.response_time);
        }
        self.log.from_send = self.from_send.spectrum();
        self.log.lag = self.lag.spectrum();
        self.log.service_time = self.service_time.spectrum();
        self.log.burst_means = self.bursts.map(Bursts::finish);
        let statuses = self.by_status.iter();
        self.log.statuses_by_code = statuses
            .map(|(code, right, times)| {
                (*code, StatusTimes { right: *right, times: times.spectrum() })
            })
            .collect();
        self.log
    }
}

fn nanoseconds(duration: Duration) -> u128 {
    u128::from(duration.as_secs() * 1_000_000_000 + u64::from(duration.subsec_nanos()))
}
