//! Rates of requests.

use std::fmt;
use std::str::FromStr;

use protocol::quantity::read_duration;

/// Requests a second, above 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// `per_second` requests a second; `None` unless that is a finite number above 0.
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
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        // A number alone can only be requests a second.
        let unit = unit.trim();
        let is_unit = !unit.is_empty() && unit.chars().all(char::is_alphabetic);
        let seconds = if is_unit { read_duration(&format!("1{unit}")) } else { Err(String::new()) };
        let number = number.trim().parse::<f64>().ok();
        number
            .zip(seconds.ok())
            .and_then(|(number, time)| Self::per_second(number / time.as_secs_f64()))
            .ok_or_else(|| {
                format!("'{text}' is not a rate; write requests per second above 0, 500/s, or 6/m")
            })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rate_is_refused_with_an_example() {
        for (text, rate) in [("500/s", 500.0), ("500", 500.0), ("6/m", 0.1), ("36/h", 0.01)] {
            assert_eq!(text.parse::<Rate>(), Ok(Rate(rate)), "{text}");
        }
        assert_eq!("2.5 / ms".parse::<Rate>(), Ok(Rate(2500.0)));
        for text in ["0/s", "5/", "5/x", "/s", "5/0s", "-1/s", "fast", "NaN/s"] {
            assert!(text.parse::<Rate>().is_err_and(|error| error.contains("500/s")), "{text}");
        }
    }
}
