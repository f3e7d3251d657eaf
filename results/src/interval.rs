//! Intervals of percentiles from order statistics, without assuming a distribution.

/// The expected number of exceedances above which the binomial distribution counts as normal.
const NORMAL_FROM: f64 = 400.0;

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_964;

/// The 95 % point of the normal distribution.
const Z_ONE_SIDED: f64 = 1.644_854;

/// Whether so many independent requests support a percentile, given in percent: with 95 %
/// probability, at least one of them must be longer. p90 needs 29, p99 299, p99.9 2,995.
#[must_use]
pub fn supports(count: u64, percentile: f64) -> bool {
    count as f64 >= needed(percentile)
}

/// The least number of independent requests that [`supports`] a percentile, given in percent.
#[must_use]
pub fn needed(percentile: f64) -> f64 {
    (0.05_f64.ln() / (percentile / 100.0).ln()).ceil()
}

/// The fractions of the sample between whose order statistics the `quantile` (0 to 1) lies with
/// 95 % confidence. `observations` is the number of independent observations, which correlation
/// makes smaller than the count. `None` if the sample is too small: the interval would reach beyond
/// the longest or the shortest value. The median needs 6, p99 about 368 (Conover, Practical
/// Nonparametric Statistics, section 3.2).
#[must_use]
pub fn percentile_interval(quantile: f64, observations: f64) -> Option<(f64, f64)> {
    let count = observations.floor();
    if count < 1.0 || !(0.0..1.0).contains(&quantile) || quantile <= 0.0 {
        return None;
    }
    let (expected, exceeding) = (count * quantile, count * (1.0 - quantile));
    let (low, high) = if expected.min(exceeding) > NORMAL_FROM {
        let half = Z * (expected * (1.0 - quantile)).sqrt();
        (expected - half, expected + half + 1.0)
    } else if exceeding <= expected {
        // Counted from above, where there are few.
        let above = few(count, 1.0 - quantile, 0.025);
        (count - above.1, count - above.0 + 1.0)
    } else {
        let below = few(count, quantile, 0.025);
        (below.0, below.1 + 1.0)
    };
    (low >= 1.0 && high <= count).then(|| (low / count, high / count))
}

/// The fraction of the sample whose order statistic is a lower limit of the `quantile` (0 to 1),
/// with 95 % confidence. This one-sided limit needs fewer independent observations than an
/// interval. `None` if chance may have put all of them above the quantile.
#[must_use]
pub fn lower_limit(quantile: f64, observations: f64) -> Option<f64> {
    let count = observations.floor();
    if count < 1.0 || !(0.0..1.0).contains(&quantile) || quantile <= 0.0 {
        return None;
    }
    let (expected, exceeding) = (count * quantile, count * (1.0 - quantile));
    // At most this many may be above the quantile by chance.
    let most = if expected.min(exceeding) > NORMAL_FROM {
        (exceeding + Z_ONE_SIDED * (exceeding * quantile).sqrt()).ceil()
    } else if exceeding <= expected {
        few(count, 1.0 - quantile, 0.05).1
    } else {
        count - few(count, quantile, 0.05).0
    };
    (most < count).then(|| (count - most) / count)
}

/// The range of a binomial distribution with few expected successes, without a probability of
/// `tail` on either side, by summing.
fn few(count: f64, probability: f64, tail: f64) -> (f64, f64) {
    let ratio = probability / (1.0 - probability);
    let mut term = (count * (-probability).ln_1p()).exp();
    let (mut sum, mut successes) = (term, 0.0);
    let mut low = None;
    loop {
        if low.is_none() && sum >= tail {
            low = Some(successes);
        }
        if sum >= 1.0 - tail || successes >= count {
            return (low.unwrap_or(0.0), successes);
        }
        term *= (count - successes) / (successes + 1.0) * ratio;
        successes += 1.0;
        sum += term;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_its_samples() {
        assert!(supports(10, 50.0));
        assert!(!supports(298, 99.0));
        assert!(supports(299, 99.0));
        assert!(!supports(299, 99.9));
        assert!(supports(2_995, 99.9) && supports(29_956, 99.99));
        assert!(!supports(29_956, 99.999));
    }

    #[test]
    fn a_percentile_needs_its_observations() {
        assert_eq!(percentile_interval(0.5, 5.0), None);
        assert!(percentile_interval(0.5, 8.0).is_some());
        assert_eq!(percentile_interval(0.99, 300.0), None);
        assert!(percentile_interval(0.99, 400.0).is_some());
        assert_eq!(percentile_interval(0.999, 3_000.0), None);
        assert!(percentile_interval(0.999, 4_000.0).is_some());
    }

    #[test]
    fn the_interval_is_around_the_quantile_and_narrows() {
        let mut before = 1.0;
        for observations in [1e3, 1e4, 1e5, 1e6, 1e9] {
            for quantile in [0.5, 0.9, 0.99] {
                let (low, high) = percentile_interval(quantile, observations).expect("enough");
                assert!(low < quantile && quantile < high, "{quantile} of {observations}");
            }
            let (low, high) = percentile_interval(0.9, observations).expect("enough");
            assert!(high - low < before);
            before = high - low;
        }
    }

    #[test]
    fn a_lower_limit_needs_few_observations_and_is_nearer_than_the_interval() {
        // Of 19 one may be above p99 by chance (in 17 of 100 samples), and hardly two (in 1.5).
        assert_eq!(lower_limit(0.99, 19.0), Some(18.0 / 19.0));
        assert_eq!(lower_limit(0.5, 4.0), None);
        for observations in [1e3, 1e5, 1e7] {
            for quantile in [0.1, 0.5, 0.99] {
                let (low, _) = percentile_interval(quantile, observations).expect("enough");
                let limit = lower_limit(quantile, observations).expect("enough");
                assert!(low < limit && limit < quantile, "{quantile} of {observations}: {limit}");
            }
        }
    }

    #[test]
    fn summing_and_the_normal_law_meet() {
        // Just below and just above the bound between the two ways.
        let (low, high) = percentile_interval(0.99, 39_900.0).expect("enough");
        let (low_after, high_after) = percentile_interval(0.99, 40_100.0).expect("enough");
        assert!((low - low_after).abs() < 1e-4 && (high - high_after).abs() < 1e-4);
    }
}
