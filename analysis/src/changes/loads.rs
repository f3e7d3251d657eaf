//! Two loads that were saved: one run each, so that chance is learnt from blocks within each run.

use results::{Measurement, Outcome, Percentile, Record, Series, percentile_interval};

use super::{Change, ChangeKind, Changes, Measured, unknown};
use crate::bootstrap::{Estimate, student_over_normal};
use crate::metric::Metric;
use crate::pairs::MOST_UNANSWERED;

/// The name of the scenario in the record of a load.
pub const SAVED_LOAD: &str = "saved load";

/// Blocks of a run: long enough to be independent, and enough of them to vary.
const BLOCKS: usize = 20;

/// The 95 % and the 99 % quantile of the normal distribution, both sides.
const NORMAL: (f64, f64) = (1.959_964, 2.575_829);

/// The record of a load, if that is all that a file holds.
#[must_use]
pub fn saved_load(records: &[Record]) -> Option<&Record> {
    match records {
        [one] if one.scenario == SAVED_LOAD => Some(one),
        _ => None,
    }
}

/// What has changed from one load to another, by these metrics; without any by the mean, p50, p90, p99 and the throughput.
#[must_use]
pub fn of_loads(before: &Record, after: &Record, metrics: &[Metric]) -> Changes {
    const USUAL: [Metric; 5] =
        [Metric::Mean, Metric::P50, Metric::P90, Metric::P99, Metric::Throughput];
    let mut changes = Changes::default();
    let (Outcome::Measured(before), Outcome::Measured(after)) = (&before.outcome, &after.outcome)
    else {
        changes.left_out.push("one of the two was not measured".to_owned());
        return changes;
    };
    let metrics = if metrics.is_empty() { &USUAL[..] } else { metrics };
    for metric in metrics {
        match measured(before, after, *metric) {
            Some((measured, values)) => {
                let change = unknown("", "the server", *metric);
                let change = Change { values: Some(values), ..change };
                changes.whole.push(measured.judged(metrics.len(), change));
            }
            None => changes.left_out.push(format!("too few requests for {metric}")),
        }
    }
    changes.whole.extend(more_unanswered(before, after));
    changes
}

/// A regression that no time shows: more requests than before get no answer, by more than 1 % of them.
fn more_unanswered(before: &Measurement, after: &Measurement) -> Option<Change> {
    let share =
        |of: &Measurement| of.counts.unanswered() as f64 / (of.counts.planned as f64).max(1.0);
    let (first, second) = (share(before), share(after));
    let ratio = second / first.max(1e-6);
    (second - first > MOST_UNANSWERED).then(|| Change {
        values: Some((first, second)),
        ratio: Estimate { value: ratio, low: ratio, high: ratio },
        decides: (ratio, ratio),
        kind: ChangeKind::Worse,
        ..unknown("", "the server", Metric::Unanswered)
    })
}

fn measured(
    before: &Measurement,
    after: &Measurement,
    metric: Metric,
) -> Option<(Measured, (f64, f64))> {
    let floor = match metric {
        // How many are answered says nothing of how steady their times are.
        Metric::Throughput => 0.0,
        _ => unsteadiness(before).max(unsteadiness(after)),
    };
    let (first, second) = (value(before, metric)?, value(after, metric)?);
    let error = first.log_error.hypot(second.log_error);
    let value = (second.value / first.value).ln();
    if !value.is_finite() {
        return None;
    }
    let (half, half_to_decide) = (NORMAL.0 * error, NORMAL.1 * error);
    let measured = Measured {
        log_ratio: Estimate { value, low: value - half, high: value + half },
        decides: (value - half_to_decide, value + half_to_decide),
        floor,
    };
    Some((measured, (first.value, second.value)))
}

/// A figure of one run, and the standard error of its logarithm.
struct Figure {
    value: f64,
    log_error: f64,
}

fn value(measured: &Measurement, metric: Metric) -> Option<Figure> {
    let times = &measured.times.response_time;
    match metric {
        Metric::Mean => {
            let blocks = blocks(measured.series.as_ref()?);
            // An unanswered request counts as the time-out that it exceeded.
            Some(Figure { value: times.mean_at_least_ns()?, log_error: error_of(&blocks)? })
        }
        Metric::Throughput => {
            let series = measured.series.as_ref()?;
            let counts = per_block(series, |slice| slice.answered as f64);
            Some(Figure { value: measured.throughput(), log_error: error_of(&counts)? })
        }
        _ => {
            let quantile = metric.share()?;
            let (low, high) = percentile_interval(quantile, measured.effective_samples)?;
            let at = |share: f64| match times.percentile(share) {
                Percentile::At(ns) | Percentile::Above(ns) => Some((ns as f64).max(1.0)),
                Percentile::Empty => None,
            };
            let (low, high) = (at(low)?, at(high)?);
            Some(Figure { value: at(quantile)?, log_error: (high / low).ln() / (2.0 * NORMAL.0) })
        }
    }
}

/// The mean response times of the blocks of a run.
fn blocks(series: &Series) -> Vec<f64> {
    series.means(BLOCKS.min(series.slices.len())).into_iter().map(|(_, mean)| mean).collect()
}

/// The mean over the slices of each block.
fn per_block(series: &Series, of: impl Fn(&results::Slice) -> f64) -> Vec<f64> {
    let count = BLOCKS.min(series.slices.len()).max(1);
    let mut sums = vec![(0.0, 0.0); count];
    for (index, slice) in series.slices.iter().enumerate() {
        let (sum, slices) = &mut sums[index * count / series.slices.len()];
        *sum += of(slice);
        *slices += 1.0;
    }
    sums.into_iter().map(|(sum, slices)| sum / slices).collect()
}

/// The standard error of the mean of these blocks, as a share of it; `None` for fewer than 4 blocks.
fn error_of(blocks: &[f64]) -> Option<f64> {
    let count = blocks.len() as f64;
    let mean = blocks.iter().sum::<f64>() / count;
    let variance = blocks.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let is_enough = blocks.len() >= 4 && mean > 0.0;
    is_enough.then(|| (variance / count).sqrt() / mean * student_over_normal(blocks.len()))
}

/// By how much the two halves of a run differ, as a logarithm: what a run tells about how steady the
/// machine is.
fn unsteadiness(measured: &Measurement) -> f64 {
    let halves = measured.series.as_ref().map(|series| series.means(2)).unwrap_or_default();
    match halves[..] {
        [(_, first), (_, second)] if first > 0.0 && second > 0.0 => {
            (second / first).ln().abs() / 2.0
        }
        _ => 0.0,
    }
}
