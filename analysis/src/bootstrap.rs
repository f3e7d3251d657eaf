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

impl Default for Resampler {
    fn default() -> Self {
        Self(Pcg64::new(0x5EED, 7))
    }
}

impl Resampler {
    /// Draws as many values as there are, each from all of them.
    pub fn resample(&mut self, values: &[f64]) -> Vec<f64> {
        (0..values.len())
            .map(|_| values[(self.0.next_u64() % values.len() as u64) as usize])
            .collect()
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

/// Up to this many repetitions, the interval of the median is their whole range: for six it covers
/// 96.9 %, by the sign test, and a bootstrap would cover too little.
const WHOLE_RANGE_UP_TO: usize = 8;

/// The median of the repetitions with its interval: the whole range for up to eight of them,
/// otherwise a bootstrap. `None` without values.
#[must_use]
pub fn estimate(values: &[f64]) -> Option<Estimate> {
    let value = median(values)?;
    let ends = if values.len() <= WHOLE_RANGE_UP_TO {
        (quantile(values, 0.0)?, quantile(values, 1.0)?)
    } else {
        let mut resampler = Resampler::default();
        let medians: Vec<f64> =
            (0..RESAMPLES).filter_map(|_| median(&resampler.resample(values))).collect();
        (quantile(&medians, 0.025)?, quantile(&medians, 0.975)?)
    };
    Some(Estimate { value, low: ends.0, high: ends.1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_inside_its_interval() {
        let values = [3.0, 1.0, 2.0, 9.0, 4.0, 5.0];
        assert_eq!(median(&values), Some(3.5));
        let Some(estimate) = estimate(&values) else { panic!("six values") };
        assert!(estimate.low <= 3.5 && 3.5 <= estimate.high);
        assert!(estimate.low >= 1.0 && estimate.high <= 9.0);
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn few_repetitions_give_their_range() {
        assert_eq!(estimate(&[2.0, 1.0, 5.0]), Some(Estimate { value: 2.0, low: 1.0, high: 5.0 }));
    }
}
