//! How sizes, demands and pauses vary from request to request.

mod normal;
mod text;

use std::marker::PhantomData;

use crate::digest::eight_digits;

/// How a quantity varies from request to request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution<U> {
    /// Always the same.
    Fixed(f64, PhantomData<U>),
    /// Exponential with this mean (C² = 1).
    Exponential(f64, PhantomData<U>),
    /// Evenly spread between two values.
    Uniform {
        /// The least value.
        low: f64,
        /// The greatest.
        high: f64,
    },
    /// The logarithm is normally distributed.
    Lognormal {
        /// The mean of the values, not of their logarithms.
        mean: f64,
        /// Their squared coefficient of variation C².
        squared_variation: f64,
    },
    /// Pareto with an upper bound: many small values, a few that are very much larger.
    BoundedPareto {
        /// The least value.
        low: f64,
        /// The greatest.
        high: f64,
        /// The exponent α; the smaller, the heavier the tail.
        shape: f64,
    },
    /// Mostly one value, and another one for a given fraction.
    TwoPoint {
        /// The common value.
        common: f64,
        /// The rare value.
        rare: f64,
        /// Fraction of rare values, 0 to 1.
        share: f64,
    },
    /// Drawn from values that were measured elsewhere.
    Empirical(&'static Samples),
}

/// One value drawn from a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// The value, in the base unit.
    pub value: f64,
    /// Whether it is the rare value of a two-point distribution.
    pub rare: bool,
}

/// Values of an empirical distribution, kept for the life of the program so that distributions
/// can be copied.
#[derive(Debug, PartialEq)]
pub struct Samples {
    /// The values, greatest first.
    values: Vec<f64>,
    /// Eight digits of the SHA-256 of the values.
    digest: String,
}

impl Samples {
    /// Keeps values in the base unit; `None` if there are none, or one is negative or not finite.
    #[must_use]
    pub fn keep(mut values: Vec<f64>) -> Option<&'static Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite() || *value < 0.0) {
            return None;
        }
        values.sort_by(|a, b| b.total_cmp(a));
        let digest = eight_digits(values.iter().map(|number| number.to_le_bytes()));
        Some(Box::leak(Box::new(Self { values, digest })))
    }

    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }
}

impl<U> Distribution<U> {
    /// The distribution that always gives `value`.
    #[must_use]
    pub fn fixed(value: f64) -> Self {
        Self::Fixed(value, PhantomData)
    }

    /// The exponential distribution.
    #[must_use]
    pub fn exponential(mean: f64) -> Self {
        Self::Exponential(mean, PhantomData)
    }

    /// The same distribution with each value multiplied by `factor`; values that were measured
    /// elsewhere stay as they are.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        match self {
            Self::Fixed(value, unit) => Self::Fixed(value * factor, unit),
            Self::Exponential(mean, unit) => Self::Exponential(mean * factor, unit),
            Self::Uniform { low, high } => Self::Uniform { low: low * factor, high: high * factor },
            Self::Lognormal { mean, squared_variation } => {
                Self::Lognormal { mean: mean * factor, squared_variation }
            }
            Self::BoundedPareto { low, high, shape } => {
                Self::BoundedPareto { low: low * factor, high: high * factor, shape }
            }
            Self::TwoPoint { common, rare, share } => {
                Self::TwoPoint { common: common * factor, rare: rare * factor, share }
            }
            Self::Empirical(samples) => Self::Empirical(samples),
        }
    }

    /// The mean, in the base unit.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Fixed(mean, _) | Self::Exponential(mean, _) | Self::Lognormal { mean, .. } => {
                mean
            }
            Self::Uniform { low, high } => (low + high) / 2.0,
            Self::BoundedPareto { low, high, shape } => bounded_pareto_mean(low, high, shape),
            Self::TwoPoint { common, rare, share } => common * (1.0 - share) + rare * share,
            Self::Empirical(samples) => samples.mean(),
        }
    }

    /// The largest value that can be drawn. For an unbounded distribution, exponential or
    /// lognormal, it returns the mean instead.
    #[must_use]
    pub fn largest(&self) -> f64 {
        match *self {
            Self::Fixed(value, _) | Self::Exponential(value, _) => value,
            Self::Lognormal { mean, .. } => mean,
            Self::Uniform { high, .. } | Self::BoundedPareto { high, .. } => high,
            Self::TwoPoint { common, rare, .. } => common.max(rare),
            Self::Empirical(samples) => samples.values[0],
        }
    }

    /// The least value that can be drawn.
    #[must_use]
    pub fn least(&self) -> f64 {
        match *self {
            Self::Fixed(value, _) => value,
            Self::Exponential(..) | Self::Lognormal { .. } => 0.0,
            Self::Uniform { low, .. } | Self::BoundedPareto { low, .. } => low,
            Self::TwoPoint { common, rare, .. } => common.min(rare),
            Self::Empirical(samples) => samples.values[samples.values.len() - 1],
        }
    }

    /// Whether there is no largest value.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        matches!(self, Self::Exponential(..) | Self::Lognormal { .. })
    }

    /// Turns a number drawn evenly from (0, 1] into a value, by the inverse of the fraction of
    /// greater values: the same number gives corresponding values of any two distributions.
    #[must_use]
    pub fn draw(&self, uniform: f64) -> Draw {
        let value = match *self {
            Self::Fixed(value, _) => value,
            Self::Exponential(mean, _) => -mean * libm::log(uniform),
            Self::Uniform { low, high } => high - uniform * (high - low),
            Self::Lognormal { mean, squared_variation } => {
                let variance = libm::log(1.0 + squared_variation);
                let deviation = variance.sqrt() * normal::quantile(uniform);
                libm::exp(libm::log(mean) - variance / 2.0 - deviation)
            }
            Self::BoundedPareto { low, high, shape } => {
                // In units of the least value, so that no power overflows.
                let least = libm::pow(high / low, -shape);
                low * libm::pow(least + uniform * (1.0 - least), -1.0 / shape)
            }
            Self::TwoPoint { common, rare, share } => {
                let is_rare = uniform <= share;
                return Draw { value: if is_rare { rare } else { common }, rare: is_rare };
            }
            Self::Empirical(samples) => {
                let count = samples.values.len();
                samples.values[((uniform * count as f64) as usize).min(count - 1)]
            }
        };
        Draw { value, rare: false }
    }

    /// Whether it mixes two values, so that the common ones are also evaluated by themselves.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        matches!(self, Self::TwoPoint { .. })
    }

    /// Whether every draw gives the same.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(..))
    }
}

fn bounded_pareto_mean(low: f64, high: f64, shape: f64) -> f64 {
    if high <= low {
        return low;
    }
    let scale = low / (1.0 - libm::pow(low / high, shape));
    if (shape - 1.0).abs() < 1e-9 {
        return scale * libm::log(high / low);
    }
    scale * shape / (shape - 1.0) * (1.0 - libm::pow(high / low, 1.0 - shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::quantity::Nanoseconds;

    const WRITTEN: [(&str, f64); 6] = [
        ("2ms", 2e6),
        ("exp:2ms", 2e6),
        ("uniform:1ms,3ms", 2e6),
        ("lognormal:2ms,4", 2e6),
        ("pareto:1ms,1s,1", 1e6 * 6.907_755_279 / (1.0 - 1e-3)),
        ("two-point:100us,20ms,0.01", 99_000.0 + 200_000.0),
    ];

    #[test]
    fn distributions_round_trip_and_know_their_mean() {
        for (text, mean) in WRITTEN {
            let distribution: Distribution<Nanoseconds> = text.parse().expect("well formed");
            assert_eq!(distribution.to_string(), text);
            assert!((distribution.mean() / mean - 1.0).abs() < 1e-6, "{text}");
        }
    }

    #[test]
    fn draws_average_to_the_mean_and_stay_within_their_bounds() {
        const COUNT: u32 = 1_000_000;
        let measured = Samples::keep(vec![3e6, 1e6, 2e6, 50e6]).expect("numbers");
        let written = WRITTEN.map(|(text, _)| text.parse().expect("well formed"));
        for distribution in written.into_iter().chain([Distribution::Empirical(measured)]) {
            let distribution: Distribution<Nanoseconds> = distribution;
            let evenly = |i: u32| (f64::from(i) + 0.5) / f64::from(COUNT);
            let values = (0..COUNT).map(|i| distribution.draw(evenly(i)).value);
            let mut sum = 0.0;
            for value in values {
                assert!(value >= distribution.least() * (1.0 - 1e-9), "{distribution}: {value}");
                assert!(distribution.is_unbounded() || value <= distribution.largest() * 1.000_001);
                sum += value;
            }
            let ratio = sum / f64::from(COUNT) / distribution.mean();
            assert!((ratio - 1.0).abs() < 2e-3, "{distribution}: {ratio}");
        }
    }

    #[test]
    fn an_empirical_distribution_gives_each_value_its_share() {
        assert_eq!(Samples::keep(vec![]), None);
        assert_eq!(Samples::keep(vec![1.0, f64::NAN]), None);
        let samples = Samples::keep(vec![1.0, 2.0, 3.0, 4.0]).expect("numbers");
        let distribution: Distribution<Nanoseconds> = Distribution::Empirical(samples);
        let drawn = [0.1, 0.3, 0.6, 0.9, 1.0].map(|uniform| distribution.draw(uniform).value);
        assert_eq!(drawn, [4.0, 3.0, 2.0, 1.0, 1.0]);
    }
}
