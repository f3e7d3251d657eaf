//! Figures of checks in words.

use results::{Parameter, ParameterUnit};

use super::reading::{Measured, Reading, open_axis};
use super::{Check, Claim, Kind, Place};
use crate::metric::MetricUnit;
use crate::text;

/// The unit in which the figure of a check is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    Time,
    Rate,
    Size,
    Share,
    Number,
    /// A time for each unit of time.
    Gradient,
    Of(Parameter),
}

impl Unit {
    /// Its name in `claims.json`; the figures are in base units.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Time => "ns",
            Self::Rate => "1/s",
            Self::Size => "B",
            Self::Share | Self::Number | Self::Gradient => "1",
            Self::Of(parameter) => match parameter.row().unit {
                ParameterUnit::Time => "ns",
                ParameterUnit::Rate => "1/s",
                ParameterUnit::Size => "B",
                ParameterUnit::Number | ParameterUnit::Count => "1",
            },
        }
    }

    /// A figure for readers.
    pub(super) fn write(self, value: f64) -> String {
        if value.is_infinite() {
            return "∞".to_owned();
        }
        let (sign, size) = (if value < 0.0 { "−" } else { "" }, value.abs());
        let text = match self {
            Self::Time => text::time(size),
            Self::Rate => text::rate(size),
            Self::Size => text::size(size),
            Self::Share if size == 0.0 => "0 %".to_owned(),
            Self::Share => format!("{} %", text::three_digits(size * 100.0)),
            Self::Gradient => text::three_digits(size),
            Self::Number if size.fract() == 0.0 => format!("{size:.0}"),
            Self::Number if size < 0.1 => two_digits(size),
            Self::Number => text::three_digits(size),
            Self::Of(_) if size == 0.0 => return "below the lowest value tried".to_owned(),
            Self::Of(parameter) => text::value(parameter, size),
        };
        let is_zero = !text.contains(|letter| ('1'..='9').contains(&letter));
        format!("{}{text}", if is_zero { "" } else { sign })
    }
}

/// A small number with two digits that say something.
fn two_digits(size: f64) -> String {
    let places = (1.0 - size.log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{size:.places$}");
    text.trim_end_matches('0').to_owned()
}

/// The unit of a check's figure.
pub(super) fn unit(check: &Check, measured: &Measured<'_, '_>) -> Unit {
    let of_metric = match check.metric.unit() {
        MetricUnit::Time => Unit::Time,
        MetricUnit::Rate => Unit::Rate,
        MetricUnit::Size => Unit::Size,
        MetricUnit::Share => Unit::Share,
        MetricUnit::Count | MetricUnit::Number => Unit::Number,
    };
    let axis = |at: &Place| open_axis(check, at, measured);
    match &check.kind {
        Kind::Value(_) | Kind::Creation { .. } => of_metric,
        Kind::Ratio { .. } | Kind::BreakEven { .. } => Unit::Number,
        Kind::Slope { at, .. } => match axis(at).map(|axis| axis.row().unit) {
            Some(ParameterUnit::Time) if of_metric == Unit::Time => Unit::Gradient,
            _ => of_metric,
        },
        Kind::Crossing { at, .. } => axis(at).map_or(Unit::Time, Unit::Of),
    }
}

/// What a check measures, for people.
pub(super) fn figure(check: &Check, measured: &Measured<'_, '_>) -> String {
    let per = match &check.kind {
        Kind::Slope { at, .. } => {
            open_axis(check, at, measured).map_or_else(String::new, |axis| match axis.row().unit {
                ParameterUnit::Size => format!(", per MiB of {axis}"),
                ParameterUnit::Time => format!(", per unit of {axis}"),
                _ => format!(", per {}", axis.row().name.trim_end_matches('s')),
            })
        }
        _ => String::new(),
    };
    format!("{}{per}", check.says)
}

/// A figure with its interval.
pub(super) fn with_interval(reading: &Reading, unit: Unit) -> String {
    let estimate = reading.estimate;
    let (low, high) = (unit.write(estimate.low), unit.write(estimate.high));
    let value = unit.write(estimate.value);
    match () {
        () if low == value && high == value => value,
        () if estimate.value.is_infinite() => format!("beyond {low}"),
        () if estimate.value == 0.0 && estimate.low == 0.0 => format!("{value} (at most {high})"),
        () => format!("{value} ({low} to {high})"),
    }
}

/// The bounds of a check.
pub(super) fn bounds(check: &Check, unit: Unit) -> String {
    match (check.at_least, check.at_most) {
        (Some(least), Some(most)) => {
            format!("{} to {} expected", unit.write(least), unit.write(most))
        }
        (Some(least), None) => format!("at least {} expected", unit.write(least)),
        (None, Some(most)) => format!("at most {} expected", unit.write(most)),
        (None, None) => String::new(),
    }
}

/// A sentence of a claim with the figures of its checks in it.
pub(super) fn filled(
    sentence: &str,
    claim: &Claim,
    figures: &[(Unit, Result<Reading, String>)],
) -> String {
    let pairs = claim.checks.iter().zip(figures);
    pairs.fold(sentence.to_owned(), |sentence, (check, (unit, reading))| {
        let value = match reading {
            Ok(reading) if matches!(unit, Unit::Of(_)) && reading.estimate.value.is_infinite() => {
                "above the highest value tried".to_owned()
            }
            Ok(reading) => unit.write(reading.estimate.value),
            Err(_) => "unknown".to_owned(),
        };
        sentence.replace(&format!("{{{}}}", check.name), &value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_in_their_unit() {
        assert_eq!(Unit::Time.write(-1_500.0), "−1.50 µs");
        assert_eq!(Unit::Share.write(0.014), "1.40 %");
        assert_eq!(Unit::Share.write(0.0), "0 %");
        assert_eq!(Unit::Number.write(1000.0), "1000");
        assert_eq!(Unit::Number.write(0.5), "0.50");
        assert_eq!(Unit::Gradient.write(-0.000_78), "0.00");
        assert_eq!(Unit::Number.write(0.001), "0.001");
        assert_eq!(Unit::Number.write(0.0123), "0.012");
        assert_eq!(Unit::Of(Parameter::Wait).write(f64::INFINITY), "∞");
    }
}
