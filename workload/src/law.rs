//! The laws by which requests arrive in an open loop, and how they are written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use protocol::quantity::{read_duration, write_duration};

use crate::rate::Rate;
use crate::trace::Trace;

/// The law by which requests of an open loop are due, at a rate that is given beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// At random, independent of each other.
    Poisson,
    /// With equal gaps.
    Even,
    /// This many at once, with equal gaps between bursts. The rate is that of requests.
    Burst(u32),
    /// At random during one phase, none in the next. The rate is the mean over both.
    OnOff {
        /// Length of the busy phase.
        on: Duration,
        /// Length of the silent one.
        off: Duration,
    },
    /// At random, with a rate that changes to another value over the whole run, warm-up included.
    Ramp {
        /// The rate at the end of the window.
        to: Rate,
    },
    /// At random, with a rate that follows a sine.
    Sine {
        /// How far it swings to both sides, as a fraction of the mean, 0 to 1.
        swing: f64,
        /// From one crest to the next.
        period: Duration,
    },
    /// At instants that were recorded elsewhere, which have a rate of their own.
    Trace(&'static Trace),
}

impl Law {
    /// Whether the rate is constant, so that there can be a steady state.
    #[must_use]
    pub fn is_steady(self) -> bool {
        matches!(self, Self::Poisson | Self::Even | Self::Burst(_))
    }

    /// The period of the rate; `None` if it has none.
    #[must_use]
    pub fn period(self) -> Option<Duration> {
        match self {
            Self::OnOff { on, off } => Some(on + off),
            Self::Sine { period, .. } => Some(period),
            _ => None,
        }
    }
}

impl FromStr for Law {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (law, parts) = text.split_once(':').unwrap_or((text, ""));
        let two = || parts.split_once(',');
        let time = |text: &str| read_duration(text).ok().filter(|time| !time.is_zero());
        let read = match law {
            "poisson" if parts.is_empty() => Some(Self::Poisson),
            "even" if parts.is_empty() => Some(Self::Even),
            "burst" => parts.parse().ok().filter(|size| *size > 0).map(Self::Burst),
            "on-off" => {
                two().and_then(|(on, off)| Some(Self::OnOff { on: time(on)?, off: time(off)? }))
            }
            "ramp" => parts.parse().ok().map(|to| Self::Ramp { to }),
            "sine" => two().and_then(|(swing, period)| {
                let swing = swing.parse().ok().filter(|swing| (0.0..=1.0).contains(swing))?;
                Some(Self::Sine { swing, period: time(period)? })
            }),
            _ => None,
        };
        read.ok_or_else(|| {
            format!(
                "'{text}' is not a law of arrivals; write poisson, even, burst:8, on-off:1s,4s, \
                 ramp:5000/s, sine:0.5,10s or trace:FILE"
            )
        })
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisson => f.write_str("poisson"),
            Self::Even => f.write_str("even"),
            Self::Burst(size) => write!(f, "burst:{size}"),
            Self::OnOff { on, off } => {
                write!(f, "on-off:{},{}", write_duration(*on), write_duration(*off))
            }
            Self::Ramp { to } => write!(f, "ramp:{to}"),
            Self::Sine { swing, period } => write!(f, "sine:{swing},{}", write_duration(*period)),
            Self::Trace(trace) => {
                write!(f, "trace:{} instants, {}", trace.count(), trace.digest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_round_trip() {
        for text in ["poisson", "even", "burst:8", "on-off:1s,4s", "ramp:5000/s", "sine:0.5,10s"] {
            assert_eq!(text.parse::<Law>().map(|law| law.to_string()), Ok(text.to_owned()));
        }
        for text in ["poisson:3", "burst:0", "on-off:1s", "sine:2,1s", "ramp:fast", "tidal"] {
            assert!(text.parse::<Law>().is_err(), "{text}");
        }
    }
}
