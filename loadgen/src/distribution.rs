//! How sizes, demands and pauses vary from request to request.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::quantity::Unit;

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
    /// The logarithm is normal.
    Lognormal {
        /// The mean of the values, not of their logarithms.
        mean: f64,
        /// Their squared coefficient of variation C².
        squared_variation: f64,
    },
    /// Pareto, cut off above: many small values, few that are very much larger.
    BoundedPareto {
        /// The least value.
        low: f64,
        /// The greatest.
        high: f64,
        /// The exponent α; the smaller, the heavier the tail.
        shape: f64,
    },
    /// Mostly one value, with a given share another.
    TwoPoint {
        /// The usual value.
        common: f64,
        /// The exception.
        rare: f64,
        /// Share of the exceptions, 0 to 1.
        share: f64,
    },
    /// Drawn from values that were measured elsewhere.
    Empirical(&'static Samples),
}

/// One value drawn from a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// In the base unit.
    pub value: f64,
    /// Whether it is the exception of a two-point distribution.
    pub rare: bool,
}

/// Values of an empirical distribution, kept for the life of the program so that distributions
/// can be copied.
#[derive(Debug, PartialEq)]
pub struct Samples {
    /// Greatest first.
    values: Vec<f64>,
    /// Eight digits of the SHA-256 of the values.
    digest: String,
}

impl Samples {
    /// Takes values in the base unit; `None` where there are none or one is no number from 0 up.
    #[must_use]
    pub fn keep(mut values: Vec<f64>) -> Option<&'static Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite() || *value < 0.0) {
            return None;
        }
        values.sort_by(|a, b| b.total_cmp(a));
        let mut hasher = Sha256::new();
        values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
        let digest = hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
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

    /// Mean in the base unit.
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

    /// The largest value that is asked for by name; where there is none, the mean stands for it.
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

    /// Whether values without bound can be drawn.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        matches!(self, Self::Exponential(..) | Self::Lognormal { .. })
    }

    /// Turns a number drawn evenly from (0, 1] into a value, by the inverse of the share that is
    /// greater: the same number gives corresponding values of any two distributions.
    #[must_use]
    pub fn draw(&self, uniform: f64) -> Draw {
        let value = match *self {
            Self::Fixed(value, _) => value,
            Self::Exponential(mean, _) => -mean * uniform.ln(),
            Self::Uniform { low, high } => high - uniform * (high - low),
            Self::Lognormal { mean, squared_variation } => {
                let variance = (1.0 + squared_variation).ln();
                (mean.ln() - variance / 2.0 - variance.sqrt() * normal_quantile(uniform)).exp()
            }
            Self::BoundedPareto { low, high, shape } => {
                // In units of the least value, so that no power leaves the range of numbers.
                let least = (high / low).powf(-shape);
                low * (least + uniform * (1.0 - least)).powf(-1.0 / shape)
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

    /// Whether it mixes two values, so that the common ones are worth a look of their own.
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
    let scale = low / (1.0 - (low / high).powf(shape));
    if (shape - 1.0).abs() < 1e-9 {
        return scale * (high / low).ln();
    }
    scale * shape / (shape - 1.0) * (1.0 - (high / low).powf(1.0 - shape))
}

/// The value that a standard normal variable exceeds with probability 1 − `p`: Wichura's AS 241
/// in its shorter form (PPND7), exact to seven digits.
fn normal_quantile(p: f64) -> f64 {
    let q = p.clamp(1e-300, 1.0 - 1e-16) - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q
            * (((59.109_374_720 * r + 159.291_132_02) * r + 50.434_271_938) * r + 3.387_132_717_9)
            / (((67.187_563_600 * r + 78.757_757_664) * r + 17.895_169_469) * r + 1.0);
    }
    let tail = if q < 0.0 { q + 0.5 } else { 0.5 - q };
    let r = (-tail.max(1e-300).ln()).sqrt();
    let magnitude = if r <= 5.0 {
        let r = r - 1.6;
        (((0.170_238_210_3 * r + 1.306_728_481_6) * r + 2.756_815_390_0) * r + 1.423_437_277_7)
            / ((0.120_211_325_75 * r + 0.737_001_642_50) * r + 1.0)
    } else {
        let r = r - 5.0;
        (((0.017_337_203_997 * r + 0.428_682_947_19) * r + 3.081_226_386_1) * r + 6.657_905_115_0)
            / ((0.012_258_202_635 * r + 0.241_978_942_68) * r + 1.0)
    };
    if q < 0.0 { -magnitude } else { magnitude }
}

/// How each distribution is written, for messages.
const FORMS: &str = "a fixed value, exp:MEAN, uniform:LOW,HIGH, lognormal:MEAN,C2, \
                     pareto:LOW,HIGH,SHAPE or two-point:COMMON,RARE,SHARE";

impl<U: Unit> FromStr for Distribution<U> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((kind, parts)) = text.split_once(':') else {
            return Ok(Self::fixed(U::read(text)?));
        };
        let parts: Vec<&str> = parts.split(',').collect();
        match (kind, &parts[..]) {
            ("exp", [mean]) => Ok(Self::exponential(U::read(mean)?)),
            ("uniform", [low, high]) => {
                let (low, high) = in_order::<U>(low, high)?;
                Ok(Self::Uniform { low, high })
            }
            ("lognormal", [mean, squared_variation]) => Ok(Self::Lognormal {
                mean: above_zero(mean, U::read(mean)?)?,
                squared_variation: number(squared_variation, |value| value > 0.0)
                    .ok_or_else(|| format!("'{squared_variation}' is no C²; write one above 0"))?,
            }),
            ("pareto", [low, high, shape]) => {
                let (least, greatest) = in_order::<U>(low, high)?;
                Ok(Self::BoundedPareto {
                    low: above_zero(low, least)?,
                    high: greatest,
                    shape: number(shape, |value| value > 0.0)
                        .ok_or_else(|| format!("'{shape}' is no exponent; write one above 0"))?,
                })
            }
            ("two-point", [common, rare, share]) => Ok(Self::TwoPoint {
                common: U::read(common)?,
                rare: U::read(rare)?,
                share: number(share, |share| (0.0..=1.0).contains(&share)).ok_or_else(|| {
                    format!("'{share}' is no share of the rare value; write 0 to 1")
                })?,
            }),
            ("two-point", _) => Err(format!(
                "'{text}' needs three parts: two-point:COMMON,RARE,SHARE, as in \
                 two-point:100us,20ms,0.01"
            )),
            _ => Err(format!("'{text}' is no distribution; write {FORMS}")),
        }
    }
}

fn number(text: &str, holds: impl Fn(f64) -> bool) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite() && holds(*value))
}

fn above_zero(text: &str, value: f64) -> Result<f64, String> {
    if value > 0.0 { Ok(value) } else { Err(format!("'{text}' must be above 0")) }
}

fn in_order<U: Unit>(low: &str, high: &str) -> Result<(f64, f64), String> {
    let (least, greatest) = (U::read(low)?, U::read(high)?);
    if least > greatest {
        return Err(format!("'{low}' is above '{high}'; write the lower one first"));
    }
    Ok((least, greatest))
}

impl<U: Unit> fmt::Display for Distribution<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fixed(value, _) => f.write_str(&U::write(value)),
            Self::Exponential(mean, _) => write!(f, "exp:{}", U::write(mean)),
            Self::Uniform { low, high } => {
                write!(f, "uniform:{},{}", U::write(low), U::write(high))
            }
            Self::Lognormal { mean, squared_variation } => {
                write!(f, "lognormal:{},{squared_variation}", U::write(mean))
            }
            Self::BoundedPareto { low, high, shape } => {
                write!(f, "pareto:{},{},{shape}", U::write(low), U::write(high))
            }
            Self::TwoPoint { common, rare, share } => {
                write!(f, "two-point:{},{},{share}", U::write(common), U::write(rare))
            }
            Self::Empirical(samples) => {
                write!(f, "file:{} values, {}", samples.values.len(), samples.digest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Nanoseconds;

    const WRITTEN: [(&str, f64); 6] = [
        ("2ms", 2e6),
        ("exp:2ms", 2e6),
        ("uniform:1ms,3ms", 2e6),
        ("lognormal:2ms,4", 2e6),
        ("pareto:1ms,1s,1", 1e6 * 6.907_755_279 / (1.0 - 1e-3)),
        ("two-point:100us,20ms,0.01", 99_000.0 + 200_000.0),
    ];

    #[test]
    fn what_is_no_distribution_is_refused_with_an_example() {
        for text in [
            "gamma:1ms",
            "two-point:1ms,2ms",
            "two-point:1ms,2ms,1.5",
            "exp:fast",
            "uniform:3ms,1ms",
            "lognormal:0,1",
            "lognormal:1ms,-1",
            "pareto:0,1s,1",
            "pareto:1ms,1s,0",
        ] {
            assert!(text.parse::<Distribution<Nanoseconds>>().is_err(), "{text}");
        }
    }

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
    fn the_normal_quantile_is_that_of_the_tables() {
        for (p, quantile) in
            [(0.5, 0.0), (0.975, 1.959_964), (0.001, -3.090_232), (1e-9, -5.997_807)]
        {
            assert!((normal_quantile(p) - quantile).abs() < 1e-5, "{p}: {}", normal_quantile(p));
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
