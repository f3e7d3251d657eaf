//! Writes numbers for readers: three digits and a unit.

use std::collections::BTreeMap;

use results::{Parameter, ParameterUnit};

/// A time given in nanoseconds: `842 ns`, `21.3 µs`, `1.20 s`.
#[must_use]
pub fn time(ns: f64) -> String {
    let (size, unit) = match ns {
        ns if ns >= 999.5e6 => (1e9, "s"),
        ns if ns >= 999.5e3 => (1e6, "ms"),
        ns if ns >= 999.5 => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    format!("{} {unit}", three_digits(ns / size))
}

/// An interval of times; a unit that both ends share is written once: `18.0 to 26.3 µs`.
#[must_use]
pub fn time_range(low_ns: f64, high_ns: f64) -> String {
    let (low, high) = (time(low_ns), time(high_ns));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

/// A rate given in requests a second.
#[must_use]
pub fn rate(per_second: f64) -> String {
    format!("{}/s", three_digits(per_second))
}

/// A point of an experiment's axis as configured; empty without an axis.
#[must_use]
pub fn point(axis: Option<Parameter>, x: f64) -> String {
    axis.map_or_else(String::new, |parameter| value(parameter, x))
}

/// A value of a parameter, in its unit.
#[must_use]
pub fn value(parameter: Parameter, x: f64) -> String {
    match parameter.row().unit {
        ParameterUnit::Time => time(x),
        ParameterUnit::Rate => rate(x),
        ParameterUnit::Size => size(x),
        ParameterUnit::Count if parameter.to_string().ends_with('s') => {
            let name = parameter.to_string();
            format!("{x:.0} {}", if x == 1.0 { name.trim_end_matches('s') } else { &name })
        }
        ParameterUnit::Count => format!("{parameter} {x:.0}"),
        ParameterUnit::Number => format!("{parameter} {}", three_digits(x)),
    }
}

/// A point, each of its values in its unit: `1.00 ms, 800/s`; empty without an axis.
#[must_use]
pub fn place(point: &BTreeMap<Parameter, f64>) -> String {
    let values = point.iter().map(|(axis, x)| value(*axis, *x));
    values.collect::<Vec<_>>().join(", ")
}

/// A size given in bytes.
#[must_use]
pub fn size(bytes: f64) -> String {
    let (size, unit) = [(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB")]
        .into_iter()
        .find(|(size, _)| bytes >= *size)
        .unwrap_or((1.0, "B"));
    format!("{} {unit}", three_digits(bytes / size))
}

/// Items in a sentence: `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A number with three digits; all digits before the point, and at most two behind it.
#[must_use]
pub fn three_digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ if value == 0.0 => "0".to_owned(),
        _ => format!("{value:.2}"),
    }
}

/// A number with as many digits as it has, up to three behind the point: `99`, `99.9`.
#[must_use]
pub fn plain(value: f64) -> String {
    format!("{}", (value * 1e3).round() / 1e3)
}

/// A ratio as a change: `+12.0 %`, `−3.5 %`, or a factor beyond doubling.
#[must_use]
pub fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    let sign = if percent < 0.0 { "−" } else { "+" };
    if ratio >= 2.0 {
        format!("×{}", three_digits(ratio))
    } else {
        format!("{sign}{:.1} %", percent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        assert_eq!(time(0.0), "0 ns");
        assert_eq!(time(842.0), "842 ns");
        assert_eq!(time(21_340.0), "21.3 µs");
        assert_eq!(time(999_900.0), "1.00 ms");
        assert_eq!(time(1_200_000_000.0), "1.20 s");
        assert_eq!(time_range(18_000.0, 26_300.0), "18.0 to 26.3 µs");
        assert_eq!(time_range(900_000.0, 1_200_000.0), "900 µs to 1.20 ms");
        assert_eq!(rate(1500.0), "1500/s");
        assert_eq!(size(4_194_304.0), "4.00 MiB");
        assert_eq!(value(Parameter::Clients, 16.0), "16 clients");
        assert_eq!(value(Parameter::Clients, 1.0), "1 client");
        assert_eq!(value(Parameter::Burst, 8.0), "burst 8");
        assert_eq!(change(0.965), "−3.5 %");
        assert_eq!(change(1.0), "+0.0 %");
        assert_eq!(change(2.5), "×2.50");
    }
}
