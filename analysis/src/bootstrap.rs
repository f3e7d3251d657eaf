//! Medians over repetitions and their intervals.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// How many resamples are drawn for an interval.
pub const RESAMPLES: usize = 1000;

/// The fewest repetitions whose median has a 95 % interval at all: with 5 even the whole range
/// covers only 93.75 %.
pub const FEWEST_REPETITIONS: usize = 6;

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Median of the repetitions.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Random choices from a fixed seed, so that the same records give the same page.
pub struct Resampler(Pcg64);

impl Resampler {
    /// Choices that are independent of those with another salt.
    #[must_use]
    pub fn salted(salt: u64) -> Self {
        Self(Pcg64::new(0x5EED, u128::from(salt)))
    }

    /// Draws `count` of `count` runs with replacement: how often each of them was drawn.
    pub fn draw(&mut self, count: usize) -> Vec<u32> {
        let mut weights = vec![0; count];
        for _ in 0..count {
            weights[(self.0.next_u64() % count as u64) as usize] += 1;
        }
        weights
    }
}

/// The median, or the mean of the middle two for an even number. `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// A quantile (0 to 1), interpolated between neighbours.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let position = share * last as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    let between = position - position.floor();
    if between == 0.0 {
        return Some(sorted[below]); // infinity times 0 is not a number
    }
    Some(sorted[below] * (1.0 - between) + sorted[above.min(last)] * between)
}

/// The 95 % interval of a value, from its values in resamples of so many runs: their quantiles,
/// moved away from the value by the factor by which a resample of few runs varies too little. This
/// is Hesterberg's expanded percentile interval ("What Teachers Should Know About the Bootstrap",
/// The American Statistician 69, 2015). The scale should be one on which the value varies evenly,
/// such as a logarithm of times.
#[must_use]
pub fn interval(value: f64, resamples: &[f64], runs: usize) -> Option<(f64, f64)> {
    interval_of(0.05, NORMAL, value, resamples, runs)
}

/// The same at 99 %. A bench looks at its answers after each round and goes on where they are open;
/// with about ten looks, 99 % each time leave 95 % for the whole (Pocock, "Group Sequential Methods
/// in the Design and Analysis of Clinical Trials", Biometrika 64, 1977).
#[must_use]
pub fn interval_to_decide(value: f64, resamples: &[f64], runs: usize) -> Option<(f64, f64)> {
    interval_of(0.01, NORMAL_TO_DECIDE, value, resamples, runs)
}

fn interval_of(
    outside: f64,
    normal: f64,
    value: f64,
    resamples: &[f64],
    runs: usize,
) -> Option<(f64, f64)> {
    let factor = expansion(runs, normal);
    let end = |share| {
        let at = quantile(resamples, share)?;
        Some(if at.is_finite() { value + factor * (at - value) } else { at })
    };
    Some((end(outside / 2.0)?.min(value), end(1.0 - outside / 2.0)?.max(value)))
}

/// Half the width of the 95 % interval of the difference of two means over so many pairs of runs, if
/// single runs vary by `variation` (standard deviation over mean). `None` for fewer runs than an
/// interval needs.
#[must_use]
pub fn half_width(runs: usize, variation: f64) -> Option<f64> {
    let of_pairs = variation * 2f64.sqrt();
    (runs >= FEWEST_REPETITIONS)
        .then(|| student(runs as f64 - 1.0, NORMAL) * of_pairs / (runs as f64).sqrt())
}

/// How much wider than the quantiles of resamples of so many runs an interval has to be: the ratio
/// of Student's quantile to the normal one, for the variance that is estimated, times √(n/(n−1)),
/// for the runs that a resample has twice.
fn expansion(runs: usize, normal: f64) -> f64 {
    let runs = runs.max(2) as f64;
    student(runs - 1.0, normal) / normal * (runs / (runs - 1.0)).sqrt()
}

/// By how much the 97.5 % quantile of Student's distribution for the mean of so many values exceeds the
/// normal one.
pub(crate) fn student_over_normal(values: usize) -> f64 {
    student(values.max(2) as f64 - 1.0, NORMAL) / NORMAL
}

/// The 97.5 % quantile of the normal distribution.
const NORMAL: f64 = 1.959_964;

/// The 99.5 % quantile of the normal distribution.
const NORMAL_TO_DECIDE: f64 = 2.575_829;

/// The quantile of Student's distribution that has the rank of `z` in the normal one, by the series of
/// Abramowitz and Stegun, 26.7.5; from five degrees of freedom on within 0.2 % at 97.5 % and within
/// 1 % at 99.5 %.
fn student(degrees: f64, z: f64) -> f64 {
    let terms = [
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| (sum + term) / degrees) + z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0, 9.0, 4.0, 5.0]), Some(3.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        for (degrees, expected) in [(5.0, 2.5706), (7.0, 2.3646), (11.0, 2.2010), (29.0, 2.0452)] {
            let found = student(degrees, NORMAL);
            assert!((found / expected - 1.0).abs() < 0.002, "{degrees}: {found}");
        }
        for (degrees, expected) in [(5.0, 4.0321), (7.0, 3.4995), (11.0, 3.1058), (29.0, 2.7564)] {
            let found = student(degrees, NORMAL_TO_DECIDE);
            assert!((found / expected - 1.0).abs() < 0.01, "{degrees}: {found}");
        }
    }

    /// The interval of a mean of normal values covers it as often as it says: for few runs the
    /// quantiles of the resamples alone would not.
    #[test]
    fn an_interval_of_few_runs_covers_the_truth() {
        let mut random = Pcg64::new(1, 2);
        let mut normal = || {
            let mut uniform = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            (0..12).map(|_| uniform()).sum::<f64>() - 6.0
        };
        for runs in [6, 12] {
            let mut covers = || {
                let values: Vec<f64> = (0..runs).map(|_| normal()).collect();
                let mean = |weights: &[u32]| {
                    let sum: f64 =
                        values.iter().zip(weights).map(|(value, w)| value * f64::from(*w)).sum();
                    sum / runs as f64
                };
                let mut resampler = Resampler::salted(3);
                let drawn: Vec<f64> = (0..200).map(|_| mean(&resampler.draw(runs))).collect();
                let ends = interval(mean(&vec![1; runs]), &drawn, runs);
                ends.is_some_and(|(low, high)| low <= 0.0 && 0.0 <= high)
            };
            let covered = (0..1000).filter(|_| covers()).count();
            assert!((920..=985).contains(&covered), "{covered} of 1000 with {runs} runs");
        }
    }
}
