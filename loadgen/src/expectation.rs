//! Bounds on response times, such as `p99 < 5ms`, and whether a run meets them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use protocol::quantity::{read_duration, write_duration};
use results::{Doubt, Measurement, Percentile, lower_limit, supports};

/// A bound on one statistic of the response times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expectation {
    /// Which statistic.
    pub figure: Statistic,
    /// The statistic must be below this, in nanoseconds.
    pub below_ns: u64,
}

/// A statistic of a distribution of times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The percentile of this many percent.
    Percentile(f64),
    /// The mean.
    Mean,
    /// The longest.
    Longest,
}

/// Whether a run meets a bound.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckResult {
    /// The run meets it.
    Met,
    /// The run does not meet it.
    NotMet,
    /// The run allows no verdict; the reason.
    NotValid(String),
}

/// Fraction of the bound above which the generator's own lag may be the cause of a failure.
const TOLERATED_LAG: f64 = 0.1;

impl Statistic {
    /// The statistic of a run's response times. Unanswered requests count as longer than the
    /// time-out.
    #[must_use]
    pub fn of(self, measured: &Measurement) -> Percentile {
        let times = &measured.times.response_time;
        match self {
            Self::Percentile(percent) => times.percentile(percent / 100.0),
            Self::Longest => times.max(),
            Self::Mean => match times.mean_ns() {
                Some(mean_ns) if times.unanswered() == 0 => Percentile::At(mean_ns as u64),
                Some(mean_ns) => Percentile::Above(mean_ns as u64),
                None => Percentile::Empty,
            },
        }
    }

    fn lag_of(self, measured: &Measurement) -> f64 {
        let lag = match self {
            Self::Percentile(percent) => measured.times.lag.percentile(percent / 100.0),
            Self::Mean => return measured.times.lag.mean_ns().unwrap_or(0.0),
            Self::Longest => measured.times.lag.max(),
        };
        lag.at_least_ns().unwrap_or(0) as f64
    }
}

impl Expectation {
    /// Whether a run meets the bound.
    ///
    /// A disturbance only makes times longer. A bound that is met despite it is therefore met, but
    /// one that is not met may have failed because of it. There is no verdict:
    ///
    /// * if nothing was measured, the run was broken off, or the generator was starved;
    /// * if the planned rate was missed, except that a failure counts if the server held up
    ///   requests;
    /// * if a percentile has too few independent requests;
    /// * if the bound was not met and the generator's own lag may be the cause.
    #[must_use]
    pub fn verdict(&self, measured: &Measurement) -> CheckResult {
        let kept = self.figure.of(measured).known_ns().is_some_and(|ns| ns < self.below_ns);
        let of_the_generator = || (!kept).then(|| self.lag_too_high(measured)).flatten();
        let not_valid = undermined(measured, kept)
            .or_else(|| self.too_few(measured, kept))
            .or_else(of_the_generator);
        match not_valid {
            Some(because) => CheckResult::NotValid(because),
            None if kept => CheckResult::Met,
            None => CheckResult::NotMet,
        }
    }

    /// The reason why there are too few requests for a percentile, if there are. Fewer are needed
    /// to show that it exceeds the bound than to know its value.
    fn too_few(&self, measured: &Measurement, kept: bool) -> Option<String> {
        let Statistic::Percentile(percent) = self.figure else { return None };
        let count = measured.effective_samples;
        let surely = lower_limit(percent / 100.0, count)
            .and_then(|share| measured.times.response_time.percentile(share).at_least_ns())
            .is_some_and(|least_ns| least_ns >= self.below_ns);
        let known = supports(count as u64, percent) || !kept && surely;
        (!known).then(|| {
            format!(
                "{count:.0} independent requests are too few for p{percent}; measure for longer"
            )
        })
    }

    fn lag_too_high(&self, measured: &Measurement) -> Option<String> {
        let lag_ns = self.figure.lag_of(measured);
        (lag_ns > TOLERATED_LAG * self.below_ns as f64).then(|| {
            let lag = write_duration(Duration::from_nanos(lag_ns as u64));
            format!("the generator's own lag was {lag} there; give it a core of its own")
        })
    }
}

/// The reason why a run allows no verdict, whatever the statistic. Under a lighter load than
/// planned a bound is met too easily, and a bound that is not met shows nothing. The exception is a
/// server that itself held so many requests that no more could be sent: its failure counts.
fn undermined(measured: &Measurement, kept: bool) -> Option<String> {
    if measured.times.response_time.count() + measured.times.response_time.unanswered() == 0 {
        return Some("no request was measured; measure for longer".to_owned());
    }
    let held_up = measured.is_held_up();
    let undermines = |doubt: &&Doubt| match doubt {
        Doubt::RateMissed { .. } => kept || !held_up,
        Doubt::BrokenOff | Doubt::GeneratorStarved { .. } => true,
        _ => false,
    };
    measured.doubts.iter().find(undermines).map(Doubt::to_string)
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is not a bound; write 'p99 < 5ms', 'mean < 1ms' or 'max < 1s'");
        let (figure, bound) = text.split_once('<').ok_or_else(wrong)?;
        let figure = match figure.trim() {
            "mean" => Statistic::Mean,
            "max" | "longest" => Statistic::Longest,
            percentile => percentile
                .strip_prefix('p')
                .and_then(|percent| percent.parse().ok())
                .filter(|percent| *percent > 0.0 && *percent < 100.0)
                .map(Statistic::Percentile)
                .ok_or_else(wrong)?,
        };
        let below = read_duration(bound.trim())?;
        if below.is_zero() {
            return Err(wrong());
        }
        Ok(Self { figure, below_ns: below.as_nanos() as u64 })
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "p{percent}"),
            Self::Mean => f.write_str("mean"),
            Self::Longest => f.write_str("max"),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} < {}", self.figure, write_duration(Duration::from_nanos(self.below_ns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_round_trip_and_nonsense_is_refused_with_an_example() {
        for text in ["p99 < 5ms", "p99.9 < 1s", "mean < 300us", "max < 2s"] {
            assert_eq!(text.parse::<Expectation>().map(|bound| bound.to_string()), Ok(text.into()));
        }
        for text in ["p99 > 5ms", "p100 < 5ms", "p99 < 0", "q99 < 5ms", "p99 < fast", ""] {
            assert!(text.parse::<Expectation>().is_err(), "{text}");
        }
    }
}
