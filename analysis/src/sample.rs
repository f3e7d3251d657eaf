//! The runs of one cell as a sample: a metric over all of them, and over runs drawn from them.
//!
//! A cell's value is computed from all of its runs together: the ratio of two sums, or a percentile
//! of all its times. Its uncertainty comes from drawing runs, not requests, because the requests of
//! one run share whatever disturbed it.

use results::TimeHistogram;

use crate::bootstrap::{Estimate, FEWEST_REPETITIONS, RESAMPLES, Resampler, interval, quantile};
use crate::experiment::Run;
use crate::metric::Metric;

/// What the runs of a cell say about a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sample {
    /// For each run, the two sums whose totals are divided.
    Ratio(Vec<(f64, f64)>),
    /// The times of all runs in ascending order.
    Times(SortedTimes),
}

/// The times of several runs, in ascending order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SortedTimes {
    /// The percentile, from 0 to 1.
    quantile: f64,
    /// Every time that occurs, in nanoseconds.
    times: Vec<u64>,
    /// For each run, how many of its times do not exceed each of these.
    up_to: Vec<Vec<u64>>,
    /// For each run, the number of its times, the unanswered requests included.
    totals: Vec<u64>,
}

impl Sample {
    /// The sample of these runs; `None` if a run has no value.
    pub(crate) fn of(metric: Metric, runs: &[Run<'_>]) -> Option<Self> {
        if let Some(quantile) = metric.quantile(runs) {
            let histograms: Option<Vec<&TimeHistogram>> =
                runs.iter().map(|run| metric.histogram(run)).collect();
            return Some(Self::Times(SortedTimes::of(&histograms?, quantile)));
        }
        runs.iter().map(|run| metric.sums(run)).collect::<Option<_>>().map(Self::Ratio)
    }

    /// The sample of a percentile (0 to 1) of the response times of these runs.
    pub(crate) fn of_times(runs: &[Run<'_>], quantile: f64) -> Self {
        let times: Vec<&TimeHistogram> =
            runs.iter().map(|run| &run.measured.times.response_time).collect();
        Self::Times(SortedTimes::of(&times, quantile))
    }

    /// The value over all runs, each counted as often as `weights` says. Infinite if a percentile
    /// lies among the unanswered requests, and `None` without any time.
    pub(crate) fn value(&self, weights: &[u32]) -> Option<f64> {
        match self {
            Self::Ratio(sums) => {
                let mut totals = (0.0, 0.0);
                for (weight, (above, below)) in weights.iter().zip(sums) {
                    totals.0 += f64::from(*weight) * above;
                    totals.1 += f64::from(*weight) * below;
                }
                (totals.1 > 0.0).then(|| totals.0 / totals.1)
            }
            Self::Times(times) => times.value(weights),
        }
    }
}

impl Sample {
    /// The sum of what a ratio has below, over all runs; 0 for a percentile.
    pub(crate) fn total_below(&self) -> f64 {
        match self {
            Self::Ratio(sums) => sums.iter().map(|(_, below)| below).sum(),
            Self::Times(_) => 0.0,
        }
    }
}

impl SortedTimes {
    fn of(histograms: &[&TimeHistogram], quantile: f64) -> Self {
        let of_runs: Vec<Vec<(u64, u64)>> = histograms.iter().map(|one| one.values()).collect();
        let mut times: Vec<u64> = of_runs.iter().flatten().map(|(time, _)| *time).collect();
        times.sort_unstable();
        times.dedup();
        let up_to = of_runs.iter().map(|values| counted(values, &times)).collect();
        let totals = histograms.iter().map(|one| one.count() + one.unanswered()).collect();
        Self { quantile, times, up_to, totals }
    }

    fn value(&self, weights: &[u32]) -> Option<f64> {
        let sum = |of: &dyn Fn(usize) -> u64| -> u64 {
            weights.iter().enumerate().map(|(run, weight)| of(run) * u64::from(*weight)).sum()
        };
        let all = sum(&|run| self.totals[run]);
        if all == 0 {
            return None;
        }
        // The rank that `TimeHistogram::percentile` uses. An even number of times has two in the
        // middle; their mean would need times of runs that were not drawn.
        let rank = ((self.quantile * all as f64 - 1e-9).ceil() as u64).clamp(1, all);
        let (mut at, mut beyond) = (0, self.times.len());
        while at < beyond {
            let middle = usize::midpoint(at, beyond);
            match sum(&|run| self.up_to[run][middle]) < rank {
                true => at = middle + 1,
                false => beyond = middle,
            }
        }
        Some(self.times.get(at).map_or(f64::INFINITY, |time| *time as f64))
    }
}

/// How many of these values, each with its count and in ascending order, do not exceed each time.
fn counted(values: &[(u64, u64)], times: &[u64]) -> Vec<u64> {
    let mut values = values.iter().peekable();
    let mut seen = 0;
    let up_to = |time: &u64| {
        while let Some((_, count)) = values.next_if(|(value, _)| value <= time) {
            seen += count;
        }
        seen
    };
    times.iter().map(up_to).collect()
}

/// The value of all these runs together, with its interval: the range of the single runs if
/// they are few, and otherwise from resampled runs. `None` if a run has no value.
#[must_use]
pub fn estimate(metric: Metric, runs: &[Run<'_>]) -> Option<Estimate> {
    let sample = Sample::of(metric, runs)?;
    let value = sample.value(&vec![1; runs.len()])?;
    if runs.len() < FEWEST_REPETITIONS {
        let alone =
            |one: usize| -> Vec<u32> { (0..runs.len()).map(|run| u32::from(run == one)).collect() };
        let values: Vec<f64> =
            (0..runs.len()).filter_map(|one| sample.value(&alone(one))).collect();
        let ends = (quantile(&values, 0.0)?, quantile(&values, 1.0)?);
        return Some(Estimate { value, low: ends.0.min(value), high: ends.1.max(value) });
    }
    let mut resampler = Resampler::salted(0);
    let drawn: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| sample.value(&resampler.draw(runs.len())))
        .map(f64::ln)
        .collect();
    let (low, high) = interval(value.ln(), &drawn, runs.len())?;
    Some(Estimate { value, low: low.exp(), high: high.exp() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(times: &[u64], unanswered: u64) -> TimeHistogram {
        let mut histogram = TimeHistogram::new();
        times.iter().for_each(|time| histogram.record(*time));
        histogram.record_many_unanswered(1_000, unanswered);
        histogram
    }

    #[test]
    fn a_percentile_is_that_of_all_runs_drawn_together() {
        let (first, second) = (histogram(&[10, 20, 30], 0), histogram(&[100, 200], 1));
        let sample = Sample::Times(SortedTimes::of(&[&first, &second], 0.5));
        assert_eq!(sample.value(&[1, 0]), Some(20.0));
        assert_eq!(sample.value(&[0, 1]), Some(200.0));
        assert_eq!(sample.value(&[1, 1]), Some(30.0));
        assert_eq!(sample.value(&[1, 2]), Some(100.0));
        assert_eq!(sample.value(&[0, 0]), None);
        let highest = Sample::Times(SortedTimes::of(&[&first, &second], 0.99));
        assert_eq!(highest.value(&[1, 1]), Some(f64::INFINITY), "it lies among the unanswered");
    }

    #[test]
    fn a_mean_is_the_ratio_of_the_sums_of_the_runs_drawn() {
        let sample = Sample::Ratio(vec![(30.0, 3.0), (10.0, 1.0), (0.0, 0.0)]);
        assert_eq!(sample.value(&[1, 1, 1]), Some(10.0));
        let sample = Sample::Ratio(vec![(30.0, 1.0), (10.0, 3.0)]);
        assert_eq!(sample.value(&[1, 1]), Some(10.0));
        assert_eq!(sample.value(&[2, 0]), Some(30.0));
        assert_eq!(sample.value(&[0, 0]), None);
    }
}
