//! A run in steps of time: what happened to the requests that were due in each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The length of a step, where the window is neither too short nor too long for it.
const STEP_NS: u64 = 100_000_000;

/// The most steps; of a longer window they are longer.
const MOST_STEPS: u64 = 36_000;

/// What happened to the requests due in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
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

/// All steps of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Length of a step.
    pub step_ns: u64,
    /// The steps.
    pub steps: Vec<Step>,
}

/// Whose fault a stall was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stalled {
    /// The generator was late.
    Client,
    /// Replies were.
    Server,
    /// Both at once: perhaps the machine.
    Both,
}

impl Series {
    /// Empty steps for a window of this length.
    #[must_use]
    pub fn over(window: Duration) -> Self {
        let window_ns = window.as_nanos() as u64;
        let step_ns = STEP_NS.min(window_ns / 10).max(window_ns.div_ceil(MOST_STEPS)).max(1);
        let count = window_ns.div_ceil(step_ns).max(1);
        Self { step_ns, steps: vec![Step::default(); count as usize] }
    }

    fn at(&mut self, into_ns: u64) -> &mut Step {
        let last = self.steps.len() - 1;
        &mut self.steps[((into_ns / self.step_ns) as usize).min(last)]
    }

    /// A request that was due so far into the window left with this lag.
    pub fn sent(&mut self, into_ns: u64, lag_ns: u64) {
        let step = self.at(into_ns);
        step.sent += 1;
        step.lag_max_ns = step.lag_max_ns.max(lag_ns);
    }

    /// A request that was due so far into the window was answered.
    pub fn answered(&mut self, into_ns: u64, response_ns: u64, from_send_ns: u64) {
        let step = self.at(into_ns);
        step.answered += 1;
        step.response_sum_ns += response_ns;
        step.response_max_ns = step.response_max_ns.max(response_ns);
        step.from_send_max_ns = step.from_send_max_ns.max(from_send_ns);
    }

    /// A request that was due so far into the window was not.
    pub fn unanswered(&mut self, into_ns: u64) {
        self.at(into_ns).unanswered += 1;
    }

    /// The steps that were begun when so much of the window was over: those of a run that was broken
    /// off end there.
    #[must_use]
    pub fn until(mut self, reached_ns: u64) -> Self {
        let begun = reached_ns.div_ceil(self.step_ns.max(1)).max(1);
        self.steps.truncate(usize::try_from(begun).unwrap_or(usize::MAX));
        self
    }

    /// Adds what another generator noted of the same window.
    pub fn add(&mut self, other: &Self) {
        if self.steps.is_empty() {
            self.clone_from(other);
            return;
        }
        for (mine, its) in self.steps.iter_mut().zip(&other.steps) {
            mine.sent += its.sent;
            mine.answered += its.answered;
            mine.unanswered += its.unanswered;
            mine.response_sum_ns += its.response_sum_ns;
            mine.response_max_ns = mine.response_max_ns.max(its.response_max_ns);
            mine.from_send_max_ns = mine.from_send_max_ns.max(its.from_send_max_ns);
            mine.lag_max_ns = mine.lag_max_ns.max(its.lag_max_ns);
        }
    }

    /// Number and mean response time of the requests in so many blocks, as equal as steps allow;
    /// blocks in which nothing was answered are left out.
    #[must_use]
    pub fn means(&self, blocks: usize) -> Vec<(u64, f64)> {
        let mut sums = vec![(0_u64, 0.0); blocks];
        for (index, step) in self.steps.iter().enumerate() {
            let (count, sum) = &mut sums[index * blocks / self.steps.len()];
            *count += step.answered;
            *sum += step.response_sum_ns as f64;
        }
        let answered = sums.into_iter().filter(|(count, _)| *count > 0);
        answered.map(|(count, sum)| (count, sum / count as f64)).collect()
    }

    /// Which steps stand out, and whose fault it was: a longest time more than ten times that of
    /// the quieter quarter of the steps, and more than a millisecond.
    #[must_use]
    pub fn stalls(&self) -> Vec<(usize, Stalled)> {
        let bound = |of: fn(&Step) -> u64| {
            let mut values: Vec<u64> =
                self.steps.iter().filter(|step| step.sent > 0).map(of).collect();
            values.sort_unstable();
            // Not the median: a stall may take half of a short run.
            let usual = values.get(values.len() / 4).copied().unwrap_or(0);
            (10 * usual).max(1_000_000)
        };
        let (lag, from_send) = (bound(|step| step.lag_max_ns), bound(|step| step.from_send_max_ns));
        let stalled = |step: &Step| match (
            step.lag_max_ns > lag,
            step.from_send_max_ns > from_send || step.unanswered > step.answered,
        ) {
            (true, true) => Some(Stalled::Both),
            (true, false) => Some(Stalled::Client),
            (false, true) => Some(Stalled::Server),
            (false, false) => None,
        };
        let marked = self.steps.iter().enumerate();
        marked.filter_map(|(at, step)| stalled(step).map(|whose| (at, whose))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady() -> Series {
        let mut series = Series::over(Duration::from_secs(2));
        for step in 0..20 {
            series.sent(step * 100_000_000, 1_000);
            series.answered(step * 100_000_000, 51_000, 50_000);
        }
        series
    }

    #[test]
    fn a_steady_run_has_no_stalls() {
        assert_eq!(steady().steps.len(), 20);
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
        assert!(series.steps.len() <= MOST_STEPS as usize && series.step_ns > STEP_NS);
    }
}
