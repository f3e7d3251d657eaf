//! A run in slices of time: what happened to the requests that were due in each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The usual length of a slice in nanoseconds, for windows neither too short nor too long for it.
const SLICE_NS: u64 = 100_000_000;

/// The most slices; a longer window has longer slices.
const MOST_SLICES: u64 = 36_000;

/// What happened to the requests due in one slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Slice {
    /// Requests sent.
    pub sent: u64,
    /// Requests answered.
    pub answered: u64,
    /// Requests that never got their answer.
    pub unanswered: u64,
    /// Sum of the response times.
    pub response_sum_ns: u64,
    /// The longest of them.
    pub response_max_ns: u64,
    /// The longest time from the actual send.
    pub from_send_max_ns: u64,
    /// The longest lag.
    pub lag_max_ns: u64,
}

impl Slice {
    fn add(&mut self, other: &Self) {
        let Self {
            sent,
            answered,
            unanswered,
            response_sum_ns,
            response_max_ns,
            from_send_max_ns,
            lag_max_ns,
        } = other;
        self.sent += sent;
        self.answered += answered;
        self.unanswered += unanswered;
        self.response_sum_ns += response_sum_ns;
        self.response_max_ns = self.response_max_ns.max(*response_max_ns);
        self.from_send_max_ns = self.from_send_max_ns.max(*from_send_max_ns);
        self.lag_max_ns = self.lag_max_ns.max(*lag_max_ns);
    }
}

/// All slices of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Series {
    /// Length of a slice.
    #[serde(rename = "step_ns")]
    pub slice_ns: u64,
    /// The slices.
    #[serde(rename = "steps")]
    pub slices: Vec<Slice>,
}

/// Which side caused a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Stalled {
    /// The generator was late.
    Client,
    /// Replies were late.
    Server,
    /// Both at once; perhaps the machine stalled.
    Both,
}

impl Series {
    /// Empty slices for a window of this length.
    #[must_use]
    pub fn over(window: Duration) -> Self {
        let window_ns = window.as_nanos() as u64;
        let slice_ns = SLICE_NS.min(window_ns / 10).max(window_ns.div_ceil(MOST_SLICES)).max(1);
        let count = window_ns.div_ceil(slice_ns).max(1);
        Self { slice_ns, slices: vec![Slice::default(); count as usize] }
    }

    fn at(&mut self, into_ns: u64) -> &mut Slice {
        let last = self.slices.len() - 1;
        &mut self.slices[((into_ns / self.slice_ns) as usize).min(last)]
    }

    /// Records a request that was due `into_ns` into the window and was sent with this lag.
    pub fn sent(&mut self, into_ns: u64, lag_ns: u64) {
        let slice = self.at(into_ns);
        slice.sent += 1;
        slice.lag_max_ns = slice.lag_max_ns.max(lag_ns);
    }

    /// Records that a request due `into_ns` into the window was answered.
    pub fn answered(&mut self, into_ns: u64, response_ns: u64, from_send_ns: u64) {
        let slice = self.at(into_ns);
        slice.answered += 1;
        slice.response_sum_ns += response_ns;
        slice.response_max_ns = slice.response_max_ns.max(response_ns);
        slice.from_send_max_ns = slice.from_send_max_ns.max(from_send_ns);
    }

    /// Records that a request due `into_ns` into the window was not answered.
    pub fn unanswered(&mut self, into_ns: u64) {
        self.at(into_ns).unanswered += 1;
    }

    /// The slices that had started by `reached_ns` into the window, where a run was broken off.
    #[must_use]
    pub fn until(mut self, reached_ns: u64) -> Self {
        let begun = reached_ns.div_ceil(self.slice_ns.max(1)).max(1);
        self.slices.truncate(usize::try_from(begun).unwrap_or(usize::MAX));
        self
    }

    /// Adds what another generator noted of the same window.
    pub fn add(&mut self, other: &Self) {
        if self.slices.is_empty() {
            self.clone_from(other);
            return;
        }
        self.slices.iter_mut().zip(&other.slices).for_each(|(mine, its)| mine.add(its));
    }

    /// Number and mean response time of the answered requests in each of `blocks` blocks, as equal
    /// as slices allow. Blocks without an answer are left out.
    #[must_use]
    pub fn means(&self, blocks: usize) -> Vec<(u64, f64)> {
        let mut sums = vec![(0_u64, 0.0); blocks];
        for (index, slice) in self.slices.iter().enumerate() {
            let (count, sum) = &mut sums[index * blocks / self.slices.len()];
            *count += slice.answered;
            *sum += slice.response_sum_ns as f64;
        }
        let answered = sums.into_iter().filter(|(count, _)| *count > 0);
        answered.map(|(count, sum)| (count, sum / count as f64)).collect()
    }

    /// The slices with a stall, and which side caused it. A side stalls if its longest time in the
    /// slice exceeds both a millisecond and ten times the lower quartile of all slices. The server
    /// also stalls if more requests are unanswered than answered.
    #[must_use]
    pub fn stalls(&self) -> Vec<(usize, Stalled)> {
        let bound = |of: fn(&Slice) -> u64| {
            let mut values: Vec<u64> =
                self.slices.iter().filter(|slice| slice.sent > 0).map(of).collect();
            values.sort_unstable();
            // Not the median: a stall may take half of a short run.
            let usual = values.get(values.len() / 4).copied().unwrap_or(0);
            (10 * usual).max(1_000_000)
        };
        let (lag, from_send) =
            (bound(|slice| slice.lag_max_ns), bound(|slice| slice.from_send_max_ns));
        let stalled = |slice: &Slice| match (
            slice.lag_max_ns > lag,
            slice.from_send_max_ns > from_send || slice.unanswered > slice.answered,
        ) {
            (true, true) => Some(Stalled::Both),
            (true, false) => Some(Stalled::Client),
            (false, true) => Some(Stalled::Server),
            (false, false) => None,
        };
        let marked = self.slices.iter().enumerate();
        marked.filter_map(|(at, slice)| stalled(slice).map(|whose| (at, whose))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady() -> Series {
        let mut series = Series::over(Duration::from_secs(2));
        for slice in 0..20 {
            series.sent(slice * 100_000_000, 1_000);
            series.answered(slice * 100_000_000, 51_000, 50_000);
        }
        series
    }

    #[test]
    fn a_steady_run_has_no_stalls() {
        assert_eq!(steady().slices.len(), 20);
        assert_eq!(steady().stalls(), []);
    }

    #[test]
    fn blocks_are_as_equal_as_steps_allow() {
        for tenths in 10..40 {
            let mut series = Series::over(Duration::from_millis(tenths * 100));
            (0..tenths).for_each(|at| series.answered(at * 100_000_000, 5, 5));
            let counts: Vec<u64> = series.means(10).into_iter().map(|(count, _)| count).collect();
            assert_eq!((counts.len(), counts.iter().sum::<u64>()), (10, tenths), "{counts:?}");
        }
    }

    #[test]
    fn a_stall_is_told_by_what_was_late() {
        let mut series = steady();
        series.sent(300_000_000, 5_000_000);
        series.answered(300_000_000, 5_050_000, 50_000);
        series.sent(500_000_000, 1_000);
        series.answered(500_000_000, 90_001_000, 90_000_000);
        series.sent(700_000_000, 5_000_000);
        series.answered(700_000_000, 95_000_000, 90_000_000);
        let expected = [(3, Stalled::Client), (5, Stalled::Server), (7, Stalled::Both)];
        assert_eq!(series.stalls(), expected);
    }

    #[test]
    fn a_long_window_has_longer_steps_and_no_more_of_them() {
        let series = Series::over(Duration::from_secs(24 * 3600));
        assert!(series.slices.len() <= MOST_SLICES as usize && series.slice_ns > SLICE_NS);
    }
}
