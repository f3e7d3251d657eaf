//! The ratio of two cells, from the pairs of their runs that had the same plan.

use crate::bootstrap::{RESAMPLES, Resampler};
use crate::experiment::Run;
use crate::metric::Metric;
use crate::sample::Sample;

/// The logarithm that stands for a ratio with infinity in it: a factor of a million.
const BEYOND_COMPARISON: f64 = 13.8;

/// The log ratio of two cells, and the same of resampled pairs of runs.
pub(crate) fn resampled(
    pairs: &[(Run<'_>, Run<'_>)],
    metric: Metric,
    salt: u64,
) -> Option<(f64, Vec<f64>)> {
    let (base, other): (Vec<Run<'_>>, Vec<Run<'_>>) = pairs.iter().copied().unzip();
    let same = |value: f64| Some((value, vec![value; RESAMPLES]));
    match (leaves_unanswered(&base), leaves_unanswered(&other)) {
        (true, false) => return same(-BEYOND_COMPARISON),
        (false, true) => return same(BEYOND_COMPARISON),
        (true, true) => return None,
        (false, false) => {}
    }
    let (base, other) = (Sample::of(metric, &base)?, Sample::of(metric, &other)?);
    let ratio = |weights: &[u32]| {
        let (base, other) = (base.value(weights)?, other.value(weights)?);
        let (base, other) = if metric.more_is_better() { (other, base) } else { (base, other) };
        match (base.is_finite(), other.is_finite()) {
            (true, true) => Some((other / base).ln()).filter(|ratio| ratio.is_finite()),
            (true, false) => Some(BEYOND_COMPARISON),
            (false, true) => Some(-BEYOND_COMPARISON),
            (false, false) => None,
        }
    };
    let value = ratio(&vec![1; pairs.len()])?;
    let mut resampler = Resampler::salted(salt);
    let resamples = (0..RESAMPLES).filter_map(|_| ratio(&resampler.draw(pairs.len()))).collect();
    Some((value, resamples))
}

/// The largest share of unanswered requests with which a subject can still be the best.
pub const MOST_UNANSWERED: f64 = 0.01;

/// Whether more than 1 % of the requests went unanswered, and some in at least half of the runs: one
/// run that met a long stall does not speak against a server.
#[must_use]
pub fn leaves_unanswered(runs: &[Run<'_>]) -> bool {
    let counts = runs.iter().map(|run| &run.measured.counts);
    let (mut unanswered, mut planned, mut affected) = (0, 0, 0);
    for one in counts {
        unanswered += one.unanswered();
        planned += one.planned;
        affected += usize::from(one.unanswered() > 0);
    }
    unanswered as f64 > MOST_UNANSWERED * planned as f64 && 2 * affected >= runs.len()
}
