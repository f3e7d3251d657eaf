//! Response times of whole bursts: the mean of each burst's requests.
//!
//! A stall of the machine hits one or two bursts. It may raise the mean of all requests to any
//! height, but hardly moves the median of the bursts' means.

use std::collections::BTreeMap;

use results::TimeHistogram;

/// The bursts of a run.
#[derive(Debug)]
pub(crate) struct Bursts {
    size: u32,
    /// Bursts that are not complete, by the instant when they were due.
    open: BTreeMap<u64, Burst>,
    means: TimeHistogram,
}

#[derive(Clone, Copy, Debug, Default)]
struct Burst {
    ended: u32,
    answered: u32,
    sum_ns: u64,
    /// The least bound that one of its unanswered requests exceeds.
    above_ns: Option<u64>,
}

impl Bursts {
    /// Bursts of `size` requests.
    pub(crate) fn of(size: u32) -> Self {
        Self { size, open: BTreeMap::new(), means: TimeHistogram::new() }
    }

    /// Records that a request due at `intended_ns` was answered.
    pub(crate) fn answered(&mut self, intended_ns: u64, response_ns: u64) {
        self.end(intended_ns, |burst| {
            burst.answered += 1;
            burst.sum_ns += response_ns;
        });
    }

    /// Records that a request due at `intended_ns` was not answered within `above_ns`.
    pub(crate) fn unanswered(&mut self, intended_ns: u64, above_ns: u64) {
        self.end(intended_ns, |burst| {
            burst.above_ns = Some(burst.above_ns.map_or(above_ns, |other| other.min(above_ns)));
        });
    }

    fn end(&mut self, intended_ns: u64, note: impl FnOnce(&mut Burst)) {
        let burst = self.open.entry(intended_ns).or_default();
        note(burst);
        burst.ended += 1;
        if burst.ended == self.size
            && let Some(burst) = self.open.remove(&intended_ns)
        {
            record(&mut self.means, burst);
        }
    }

    /// The distribution of the means. A burst with an unanswered request has no mean; it counts as
    /// longer than that request's bound.
    pub(crate) fn finish(mut self) -> TimeHistogram {
        // One of several threads has part of each burst, a broken-off run part of its last.
        for burst in self.open.into_values() {
            record(&mut self.means, burst);
        }
        self.means
    }
}

fn record(means: &mut TimeHistogram, burst: Burst) {
    match burst.above_ns {
        Some(above_ns) => means.record_unanswered(above_ns),
        None => means.record(burst.sum_ns / u64::from(burst.answered.max(1))),
    }
}

#[cfg(test)]
mod tests {
    use results::Percentile;

    use super::*;

    #[test]
    fn a_burst_counts_once_whole_and_as_the_mean_of_its_requests() {
        let mut bursts = Bursts::of(3);
        for (due, response) in [(0, 100), (9, 700), (0, 200), (9, 700), (0, 300), (9, 700)] {
            bursts.answered(due, response);
        }
        assert!(bursts.open.is_empty(), "memory is bounded by what is in flight");
        bursts.answered(20, 50);
        bursts.unanswered(20, 1000);
        bursts.answered(20, 50);
        let means = bursts.finish();
        assert_eq!((means.count(), means.unanswered()), (2, 1));
        assert_eq!(means.percentile(0.1), Percentile::At(200));
        assert_eq!(means.percentile(0.5), Percentile::At(700));
        assert_eq!(means.percentile(0.9), Percentile::Above(1000));
    }
}
