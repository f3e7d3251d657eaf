//! Quantities as people write them: `2ms`, `64KiB`. Client and server must read them in the same
//! way, on the command line and in the query of a URL.

use std::time::Duration;

/// A kind of quantity that a distribution can be of.
pub trait Unit {
    /// Reads a quantity with its unit; the result is in the base unit.
    ///
    /// # Errors
    /// A text that states what was expected.
    fn read(text: &str) -> Result<f64, String>;

    /// Writes a quantity so that [`Unit::read`] understands it, with as few digits as are exact.
    fn write(value: f64) -> String;
}

/// Time; the base unit is the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nanoseconds;

/// Size; the base unit is the byte.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bytes;

/// Units of time in nanoseconds. The micro sign and the Greek letter look alike; both are read.
const TIME_UNITS: [(&str, f64); 12] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("\u{b5}s", 1e3),
    ("\u{3bc}s", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("sec", 1e9),
    ("m", 60e9),
    ("min", 60e9),
    ("h", 3_600e9),
    ("hr", 3_600e9),
    ("d", 86_400e9),
];

/// A day in nanoseconds: longer times are mistakes, and would not fit the arithmetic of instants.
const LONGEST_NS: f64 = 86_400e9;

const SIZE_UNITS: [(&str, f64); 6] =
    [("", 1.0), ("B", 1.0), ("KiB", 1024.0), ("MiB", 1_048_576.0), ("kB", 1e3), ("MB", 1e6)];

impl Unit for Nanoseconds {
    fn read(text: &str) -> Result<f64, String> {
        let ns = read_sum(text, &TIME_UNITS).ok_or_else(|| {
            format!(
                "'{text}' is not a time; write a number with its unit: 500ns, 20us, 2ms, 1.5s, 1m30s, \
                 1h"
            )
        })?;
        if ns > LONGEST_NS {
            return Err(format!("'{text}' is longer than a day, the longest time accepted"));
        }
        Ok(ns)
    }

    fn write(value: f64) -> String {
        let (name, size) = [("s", 1e9), ("ms", 1e6), ("us", 1e3)]
            .into_iter()
            .find(|(_, size)| value >= *size)
            .unwrap_or(("ns", 1.0));
        format!("{}{name}", value / size)
    }
}

impl Unit for Bytes {
    fn read(text: &str) -> Result<f64, String> {
        read_one(text, &SIZE_UNITS).ok_or_else(|| {
            format!("'{text}' is not a size; write a number with its unit: 64B, 4KiB, 1MiB")
        })
    }

    fn write(value: f64) -> String {
        let (name, size) = [("MiB", 1_048_576.0), ("KiB", 1024.0)]
            .into_iter()
            .find(|(_, size)| value >= *size && value % size == 0.0)
            .unwrap_or(("B", 1.0));
        format!("{}{name}", value / size)
    }
}

/// Reads a number and the unit behind it. A time needs a unit, except 0; a size without a unit is
/// in bytes.
fn read_one(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    if text == "0" {
        return Some(0.0);
    }
    let (number, name) = text.split_at(end_of_number(text));
    let (_, size) = units.iter().find(|(unit, _)| *unit == name.trim())?;
    let number: f64 = number.trim_end().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * size)
}

/// The sum of one or several numbers with their units, such as `1m30s`.
fn read_sum(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(0.0);
    }
    let mut sum = 0.0;
    loop {
        let number = end_of_number(rest);
        let unit = rest[number..].find(|c: char| c.is_ascii_digit() || c == '.');
        let (one, more) = rest.split_at(unit.map_or(rest.len(), |at| number + at));
        if one.trim() == "0" {
            return None; // without a unit only where it stands alone
        }
        sum += read_one(one, units)?;
        rest = more;
        if rest.is_empty() {
            return Some(sum);
        }
    }
}

/// Where a decimal number at the beginning of a text ends; it may have an exponent.
fn end_of_number(text: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let decimal = |text: &str| text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let end = decimal(text).unwrap_or(text.len());
    let Some(exponent) = text[end..].strip_prefix(['e', 'E']) else { return end };
    let sign = usize::from(exponent.starts_with(['+', '-']));
    match digits(&exponent[sign..]) {
        0 => end,
        count => end + 1 + sign + count,
    }
}

/// Reads a time such as `2ms`.
///
/// # Errors
/// A text that states what was expected.
pub fn read_duration(text: &str) -> Result<Duration, String> {
    Nanoseconds::read(text).map(|ns| Duration::from_nanos(ns as u64))
}

/// Reads a duration that is in seconds if it has no unit, such as that of a run: `10` is `10s`.
///
/// # Errors
/// A text that states what was expected.
pub fn read_seconds(text: &str) -> Result<Duration, String> {
    let is_number = text.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match is_number && !text.trim().is_empty() {
        true => read_duration(&format!("{}s", text.trim())),
        false => read_duration(text),
    }
}

/// Reads an instant on any scale as nanoseconds, such as `12.5ms` or, since 1970,
/// `1763800000.000250s`. The result is exact, which a floating-point number of that size could not
/// be. A number without a unit is in seconds, as in logs.
///
/// # Errors
/// A text that states what was expected.
pub fn read_instant(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not an instant; write it like 12.5ms or 1763800000.25s");
    let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let (number, unit) = text.split_at(text.find(|c| !is_number(c)).unwrap_or(text.len()));
    if !number.contains(|letter: char| letter.is_ascii_digit()) {
        return Err(wrong());
    }
    let unit = if unit.is_empty() { "s" } else { unit.trim() };
    let (_, size) = TIME_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{}", format!("{fraction:0<9}").get(..9).ok_or_else(wrong)?);
    // In billionths of the unit, which may be more than 64 bits hold.
    let billionths: u128 = digits.parse().map_err(|_| wrong())?;
    u64::try_from(billionths * *size as u128 / 1_000_000_000).map_err(|_| wrong())
}

/// Reads a share: `1%` or `0.01`.
///
/// # Errors
/// If the text is not a share from 0 to 1.
pub fn read_share(text: &str) -> Result<f64, String> {
    let read = |text: &str| text.trim().parse::<f64>().ok();
    let share = match text.strip_suffix('%') {
        Some(percent) => read(percent).map(|percent| percent / 100.0),
        None => read(text),
    };
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "write a share from 0 to 100%, such as 1% or 0.01".to_owned())
}

/// Reads a size such as `64KiB`.
///
/// # Errors
/// A text that states what was expected.
pub fn read_size(text: &str) -> Result<usize, String> {
    Bytes::read(text).map(|bytes| bytes as usize)
}

/// Writes a time as [`read_duration`] reads it.
#[must_use]
pub fn write_duration(duration: Duration) -> String {
    Nanoseconds::write(duration.as_nanos() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_units_and_written_again() {
        for (text, ns) in [("2ms", 2e6), ("1.5s", 1.5e9), ("20us", 2e4), ("7ns", 7.0), ("0", 0.0)] {
            assert_eq!(Nanoseconds::read(text), Ok(ns));
            assert_eq!(Nanoseconds::read(&Nanoseconds::write(ns)), Ok(ns));
        }
        for (text, ns) in [
            ("1h", 3.6e12),
            ("5m", 3e11),
            ("5min", 3e11),
            ("1m30s", 9e10),
            ("1h 30m", 5.4e12),
            ("1.5e-3s", 1.5e6),
            ("2 ms", 2e6),
            ("7µs", 7e3),
            ("7μs", 7e3),
            ("24h", 8.64e13),
        ] {
            assert_eq!(Nanoseconds::read(text), Ok(ns), "{text}");
        }
        assert_eq!(Bytes::read("64"), Ok(64.0));
        assert_eq!(read_seconds("10"), Ok(Duration::from_secs(10)));
        assert_eq!(read_seconds("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(read_seconds("90ms"), Ok(Duration::from_millis(90)));
        for (text, bytes) in [("64B", 64.0), ("4KiB", 4096.0), ("1MiB", 1_048_576.0)] {
            assert_eq!(Bytes::read(text), Ok(bytes));
            assert_eq!(Bytes::write(bytes), text);
        }
    }

    #[test]
    fn instants_are_read_to_the_nanosecond_on_any_scale() {
        for (text, ns) in [
            ("1763800000.123456789s", 1_763_800_000_123_456_789),
            ("12.5ms", 12_500_000),
            ("3us", 3_000),
            ("7.9ns", 7),
            (".5s", 500_000_000),
            ("1763800000.5", 1_763_800_000_500_000_000),
            ("2m", 120_000_000_000),
            ("0", 0),
        ] {
            assert_eq!(read_instant(text), Ok(ns), "{text}");
        }
        for text in ["", "s", "-1s", "1.2.3s", "1 parsec", "99999999999999999999s"] {
            assert!(read_instant(text).is_err_and(|error| error.contains("12.5ms")), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_an_example() {
        for text in
            ["2", "ms", "-1ms", "2 parsecs", "", "infs", "1m30", "1s0", "1s-2s", "m5", "1..2s"]
        {
            assert!(Nanoseconds::read(text).is_err_and(|error| error.contains("2ms")), "{text}");
        }
    }
}
