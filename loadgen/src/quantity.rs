//! Rates, and the units of the quantities that `protocol` reads.

use std::fmt;
use std::str::FromStr;

pub use protocol::quantity::{
    Bytes, Nanoseconds, Unit, read_duration, read_instant, read_size, write_duration,
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rate_is_refused_with_an_example() {
        assert_eq!("500/s".parse::<Rate>(), Ok(Rate(500.0)));
        for text in ["500", "0/s", "-1/s", "fast", "NaN/s"] {
            assert!(text.parse::<Rate>().is_err_and(|error| error.contains("500/s")), "{text}");
        }
    }
}
