//! The progress of a run: counters that one generator writes and any thread may read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::overload::Counted;

/// Steps of each doubling of time: 6 % between neighbours, enough for a line on a terminal.
const STEPS: usize = 16;

/// Number of counters: up to 2⁴¹ ns, 36 minutes.
const BUCKETS: usize = STEPS * 37;

/// What has happened so far; one thread writes, without a lock.
pub struct Progress {
    sent: AtomicU64,
    processing_ns: AtomicU64,
    in_flight: AtomicU64,
    answered: AtomicU64,
    response_ns: AtomicU64,
    timed_out: AtomicU64,
    longest_lag_ns: AtomicU64,
    response_times: Vec<AtomicU64>,
}

/// A copy of the counters at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests answered.
    pub answered: u64,
    /// Requests given up.
    pub timed_out: u64,
    /// Requests that ended without a right answer, those given up included; as of the last send.
    pub failed: u64,
    /// The longest lag since the last look, in nanoseconds.
    pub longest_lag_ns: u64,
    response_times: Vec<u64>,
}

impl Default for Progress {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            sent: zero(),
            processing_ns: zero(),
            in_flight: zero(),
            answered: zero(),
            response_ns: zero(),
            timed_out: zero(),
            longest_lag_ns: zero(),
            response_times: (0..BUCKETS).map(|_| zero()).collect(),
        }
    }
}

/// Adds one. There is only one writer, so the read and the write need not be one step.
fn count(counter: &AtomicU64) {
    add(counter, 1);
}

fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

impl Progress {
    /// A request that asks for so much processing was sent, and so many are in flight with it.
    pub(crate) fn sent_one(&self, processing_ns: u64, in_flight: usize) {
        count(&self.sent);
        add(&self.processing_ns, processing_ns);
        self.in_flight.store(in_flight as u64, Relaxed);
    }

    /// Requests sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// What was counted, as of the last send.
    pub(crate) fn counted(&self) -> Counted {
        Counted {
            sent: self.sent(),
            in_flight: self.in_flight.load(Relaxed),
            answered: self.answered.load(Relaxed),
            response_ns: self.response_ns.load(Relaxed),
            processing_ns: self.processing_ns.load(Relaxed),
        }
    }

    pub(crate) fn answered(&self, response_ns: u64, lag_ns: u64) {
        count(&self.answered);
        add(&self.response_ns, response_ns);
        count(&self.response_times[bucket_of(response_ns)]);
        if lag_ns > self.longest_lag_ns.load(Relaxed) {
            self.longest_lag_ns.store(lag_ns, Relaxed);
        }
    }

    pub(crate) fn timed_out(&self) {
        count(&self.timed_out);
    }

    fn failed(&self) -> u64 {
        let counted = self.counted();
        counted.sent.saturating_sub(counted.in_flight + counted.answered)
    }

    /// Requests that were sent, and those of them that ended without a right answer; as of the last send.
    #[must_use]
    pub fn sent_and_failed(&self) -> (u64, u64) {
        (self.sent(), self.failed())
    }

    /// Copies the counters, and starts the longest lag anew.
    #[must_use]
    pub fn look(&self) -> Seen {
        Seen {
            answered: self.answered.load(Relaxed),
            timed_out: self.timed_out.load(Relaxed),
            failed: self.failed(),
            longest_lag_ns: self.longest_lag_ns.swap(0, Relaxed),
            response_times: self.response_times.iter().map(|count| count.load(Relaxed)).collect(),
        }
    }
}

impl Seen {
    /// Adds what another generator of the same run has seen.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.answered += other.answered;
        self.timed_out += other.timed_out;
        self.failed += other.failed;
        self.longest_lag_ns = self.longest_lag_ns.max(other.longest_lag_ns);
        self.response_times.resize(BUCKETS, 0);
        for (sum, more) in self.response_times.iter_mut().zip(&other.response_times) {
            *sum += more;
        }
        self
    }

    /// A percentile of the response times since an earlier look, in nanoseconds, to about 6 %.
    #[must_use]
    pub fn percentile_since(&self, earlier: &Self, quantile: f64) -> Option<u64> {
        let before = |index| earlier.response_times.get(index).copied().unwrap_or(0);
        let since = |index: usize| self.response_times[index] - before(index);
        let all: u64 = (0..self.response_times.len()).map(since).sum();
        let rank = (quantile * all as f64).ceil() as u64;
        let mut seen = 0;
        (0..self.response_times.len()).find_map(|index| {
            seen += since(index);
            (all > 0 && seen >= rank).then(|| value_of(index))
        })
    }
}

/// The counter of a time: there are sixteen linear steps between each power of two and the next.
fn bucket_of(ns: u64) -> usize {
    let ns = ns.max(STEPS as u64);
    let doubling = ns.ilog2() - STEPS.ilog2();
    let step = (ns >> doubling) as usize - STEPS;
    (doubling as usize * STEPS + step).min(BUCKETS - 1)
}

fn value_of(bucket: usize) -> u64 {
    ((STEPS + bucket % STEPS) as u64) << (bucket / STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_near_and_of_the_time_since_the_last_look() {
        let progress = Progress::default();
        (1..=1000).for_each(|us| progress.answered(us * 1000, 0));
        let first = progress.look();
        (1..=1000).for_each(|us| progress.answered(us * 10_000, us));
        let second = progress.look();
        let p50 = |seen: &Seen, earlier: &Seen| seen.percentile_since(earlier, 0.5).unwrap_or(0);
        assert!((p50(&first, &Seen::default()) as f64 / 500_000.0 - 1.0).abs() < 0.07);
        assert!((p50(&second, &first) as f64 / 5_000_000.0 - 1.0).abs() < 0.07);
        assert_eq!((second.answered, second.longest_lag_ns), (2000, 1000));
        assert_eq!(progress.look().percentile_since(&second, 0.5), None);
    }
}
