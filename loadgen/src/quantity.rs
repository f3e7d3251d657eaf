//! Rates, and distributions of the quantities that `protocol` reads.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

pub use protocol::quantity::{Bytes, Nanoseconds, Unit, read_duration, read_size, write_duration};

/// Requests a second, above 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// `per_second` requests a second; `None` unless that is a number above 0.
    #[must_use]
    pub fn per_second(per_second: f64) -> Option<Self> {
        (per_second.is_finite() && per_second > 0.0).then_some(Self(per_second))
    }

    /// Requests a second.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim().strip_suffix("/s").and_then(|number| number.trim().parse().ok());
        number
            .and_then(Self::per_second)
            .ok_or_else(|| format!("'{text}' is no rate; write requests a second above 0: 500/s"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// How a quantity varies from request to request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution<U> {
    /// Always the same.
    Fixed(f64, PhantomData<U>),
    /// Exponential with this mean (C² = 1).
    Exponential(f64, PhantomData<U>),
    /// Mostly one value, with a given share another.
    TwoPoint {
        /// The usual value.
        common: f64,
        /// The exception.
        rare: f64,
        /// Share of the exceptions, 0 to 1.
        share: f64,
        /// The unit.
        unit: PhantomData<U>,
    },
}

/// One value drawn from a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// In the base unit.
    pub value: f64,
    /// Whether it is the exception of a two-point distribution.
    pub rare: bool,
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
            Self::Fixed(mean, _) | Self::Exponential(mean, _) => mean,
            Self::TwoPoint { common, rare, share, .. } => common * (1.0 - share) + rare * share,
        }
    }

    /// The largest value that is asked for by name; an exponential one has no largest, and its
    /// mean stands for it.
    #[must_use]
    pub fn largest(&self) -> f64 {
        match *self {
            Self::Fixed(value, _) | Self::Exponential(value, _) => value,
            Self::TwoPoint { common, rare, .. } => common.max(rare),
        }
    }

    /// Turns a number drawn evenly from (0, 1] into a value, by the inverse of the distribution
    /// function: the same number gives corresponding values of any two distributions.
    #[must_use]
    pub fn draw(&self, uniform: f64) -> Draw {
        match *self {
            Self::Fixed(value, _) => Draw { value, rare: false },
            Self::Exponential(mean, _) => Draw { value: -mean * uniform.ln(), rare: false },
            Self::TwoPoint { common, rare, share, .. } => {
                let is_rare = uniform <= share;
                Draw { value: if is_rare { rare } else { common }, rare: is_rare }
            }
        }
    }

    /// Whether it mixes two values, so that the common ones are worth a look of their own.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        matches!(self, Self::TwoPoint { .. })
    }
}

impl<U: Unit> FromStr for Distribution<U> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(mean) = text.strip_prefix("exp:") {
            return Ok(Self::exponential(U::read(mean)?));
        }
        let Some(points) = text.strip_prefix("two-point:") else {
            if text.contains(':') {
                return Err(format!(
                    "'{text}' is no distribution; write a fixed value, exp:MEAN, or \
                     two-point:COMMON,RARE,SHARE"
                ));
            }
            return Ok(Self::fixed(U::read(text)?));
        };
        let parts: Vec<&str> = points.split(',').collect();
        let [common, rare, share] = parts[..] else {
            return Err(format!(
                "'{text}' needs three parts: two-point:COMMON,RARE,SHARE, as in \
                 two-point:100us,20ms,0.01"
            ));
        };
        let share = share
            .trim()
            .parse()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share))
            .ok_or_else(|| format!("'{share}' is no share of the rare value; write 0 to 1"))?;
        Ok(Self::TwoPoint {
            common: U::read(common)?,
            rare: U::read(rare)?,
            share,
            unit: PhantomData,
        })
    }
}

impl<U: Unit> fmt::Display for Distribution<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fixed(value, _) => f.write_str(&U::write(value)),
            Self::Exponential(mean, _) => write!(f, "exp:{}", U::write(mean)),
            Self::TwoPoint { common, rare, share, .. } => {
                write!(f, "two-point:{},{},{share}", U::write(common), U::write(rare))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rate_or_distribution_is_refused_with_an_example() {
        assert_eq!("500/s".parse::<Rate>(), Ok(Rate(500.0)));
        for text in ["500", "0/s", "-1/s", "fast", "NaN/s"] {
            assert!(text.parse::<Rate>().is_err_and(|error| error.contains("500/s")), "{text}");
        }
        for text in ["gamma:1ms", "two-point:1ms,2ms", "two-point:1ms,2ms,1.5", "exp:fast"] {
            assert!(text.parse::<Distribution<Nanoseconds>>().is_err(), "{text}");
        }
    }

    #[test]
    fn distributions_round_trip_and_know_their_mean() {
        for (text, mean) in
            [("2ms", 2e6), ("exp:2ms", 2e6), ("two-point:100us,20ms,0.01", 99_000.0 + 200_000.0)]
        {
            let distribution: Distribution<Nanoseconds> = text.parse().expect("well formed");
            assert_eq!(distribution.to_string(), text);
            assert!((distribution.mean() - mean).abs() < 1e-6);
        }
    }

    #[test]
    fn draws_average_to_the_mean() {
        const COUNT: u32 = 100_000;
        for text in ["exp:2ms", "two-point:100us,20ms,0.25"] {
            let distribution: Distribution<Nanoseconds> = text.parse().expect("well formed");
            let evenly = |i: u32| (f64::from(i) + 0.5) / f64::from(COUNT);
            let sum: f64 = (0..COUNT).map(|i| distribution.draw(evenly(i)).value).sum();
            let ratio = sum / f64::from(COUNT) / distribution.mean();
            assert!((ratio - 1.0).abs() < 1e-3, "{text}: {ratio}");
        }
    }
}
