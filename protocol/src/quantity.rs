//! Quantities as people write them: `2ms`, `64KiB`. Client and server must read them alike, on
//! the command line as in the query of a URL.

use std::time::Duration;

/// A kind of quantity that a distribution can be of.
pub trait Unit {
    /// Reads a quantity with its unit; the result is in the base unit.
    ///
    /// # Errors
    /// A text that says what was expected.
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

const TIME_UNITS: [(&str, f64); 5] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];

/// A day: longer times are slips, and would not fit the arithmetic of instants.
const LONGEST_NS: f64 = 86_400e9;

const SIZE_UNITS: [(&str, f64); 5] =
    [("B", 1.0), ("KiB", 1024.0), ("MiB", 1_048_576.0), ("kB", 1e3), ("MB", 1e6)];

impl Unit for Nanoseconds {
    fn read(text: &str) -> Result<f64, String> {
        let ns = read_with_units(text, &TIME_UNITS).ok_or_else(|| {
            format!("'{text}' is no time; write a number with its unit: 500ns, 20us, 2ms, 1.5s")
        })?;
        if ns > LONGEST_NS {
            return Err(format!("'{text}' is longer than a day, which no run here lasts"));
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
        read_with_units(text, &SIZE_UNITS).ok_or_else(|| {
            format!("'{text}' is no size; write a number with its unit: 64B, 4KiB, 1MiB")
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

/// The longest unit whose name ends the text decides; nothing is guessed without one, but for 0.
fn read_with_units(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    if text == "0" {
        return Some(0.0);
    }
    let (name, size) =
        units.iter().filter(|(name, _)| text.ends_with(name)).max_by_key(|(name, _)| name.len())?;
    let number: f64 = text[..text.len() - name.len()].trim_end().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * size)
}

/// Reads a time such as `2ms`.
///
/// # Errors
/// A text that says what was expected.
pub fn read_duration(text: &str) -> Result<Duration, String> {
    Nanoseconds::read(text).map(|ns| Duration::from_nanos(ns as u64))
}

/// Reads an instant in nanoseconds from whatever it is counted, such as `12.5ms` or, since 1970,
/// `1763800000.000250s`: exactly, which a floating-point number of that size could not.
///
/// # Errors
/// A text that says what was expected.
pub fn read_instant(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no instant; write it like 12.5ms or 1763800000.25s");
    let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let (number, unit) = text.split_at(text.find(|c| !is_number(c)).unwrap_or(text.len()));
    if !number.contains(|letter: char| letter.is_ascii_digit()) {
        return Err(wrong());
    }
    let unit = if number == "0" && unit.is_empty() { "ns" } else { unit.trim() };
    let (_, size) = TIME_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let decimals = size.log10().round() as usize;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{}", &format!("{fraction:0<9}")[..decimals]);
    digits.parse().map_err(|_| wrong())
}

/// Reads a size such as `64KiB`.
///
/// # Errors
/// A text that says what was expected.
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
            ("0", 0),
        ] {
            assert_eq!(read_instant(text), Ok(ns), "{text}");
        }
        for text in ["", "s", "5", "-1s", "1.2.3s", "1 parsec", "99999999999999999999s"] {
            assert!(read_instant(text).is_err_and(|error| error.contains("12.5ms")), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_an_example() {
        for text in ["2", "ms", "-1ms", "2 parsecs", "", "infs"] {
            assert!(Nanoseconds::read(text).is_err_and(|error| error.contains("2ms")), "{text}");
        }
    }
}
