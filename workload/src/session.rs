//! Sessions: clients that come, make some requests, and go.

use std::fmt;
use std::str::FromStr;

use protocol::quantity::Nanoseconds;

use crate::distribution::Distribution;

/// A client that comes, makes some requests one after the other, and goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Session {
    /// How many requests it makes.
    pub length: SessionLength,
    /// The pause between a reply and the next request.
    pub think: Distribution<Nanoseconds>,
}

/// How many requests a session makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SessionLength {
    /// Always this many.
    Fixed(u32),
    /// At least one; each is followed by another with the same probability. The value is the mean.
    Geometric(f64),
}

impl SessionLength {
    /// The mean number of requests.
    #[must_use]
    pub fn mean(self) -> f64 {
        match self {
            Self::Fixed(count) => f64::from(count),
            Self::Geometric(mean) => mean,
        }
    }

    pub(crate) fn draw(self, uniform: f64) -> u32 {
        match self {
            Self::Fixed(count) => count,
            Self::Geometric(mean) if mean <= 1.0 => 1,
            Self::Geometric(mean) => {
                ((libm::log(uniform) / libm::log1p(-1.0 / mean)) as u32).saturating_add(1)
            }
        }
    }
}

impl FromStr for SessionLength {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = match text.strip_prefix("geometric:") {
            Some(mean) => {
                mean.parse().ok().filter(|mean| (1.0..=1e9).contains(mean)).map(Self::Geometric)
            }
            None => text.parse().ok().filter(|count| *count > 0).map(Self::Fixed),
        };
        read.ok_or_else(|| {
            format!("'{text}' is not a session length; write 5, or geometric:5 for a mean of 5")
        })
    }
}

impl fmt::Display for SessionLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(count) => write!(f, "{count}"),
            Self::Geometric(mean) => write!(f, "geometric:{mean}"),
        }
    }
}
