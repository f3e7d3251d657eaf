//! What decides which subject is the best.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The quantity by which an experiment ranks its subjects.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Wins {
    /// The shortest mean response time.
    #[default]
    Mean,
    /// The shortest median response time.
    P50,
    /// The shortest 99th percentile of the response time.
    P99,
    /// The most requests answered per second.
    Throughput,
    /// The greatest load at which a bound is met.
    Capacity,
    /// The least processor time for a request.
    ProcessorTime,
}

impl Wins {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Mean, Self::P50, Self::P99, Self::Throughput, Self::Capacity, Self::ProcessorTime];

    /// Its name in scenarios, records and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Throughput => "throughput",
            Self::Capacity => "capacity",
            Self::ProcessorTime => "processor-time",
        }
    }
}

impl fmt::Display for Wins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_records() {
        for wins in Wins::ALL {
            let json = serde_json::to_string(&wins).expect("plain data");
            assert_eq!(json, format!("\"{wins}\""));
        }
    }
}
