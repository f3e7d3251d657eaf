//! The choices that some designs leave open; the other designs ignore them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The choices for a server besides its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Delayed allocation: how long a receiver serves one request before it counts as long and the
    /// port gets a new receiver.
    pub patience: Duration,
    /// Several event loops: how connections reach them.
    pub dispatch: Dispatch,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { patience: Duration::from_millis(1), dispatch: Dispatch::Exclusive }
    }
}

/// How connections reach the loops of a server that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch {
    /// Every loop watches the one listener, and a connection wakes them all (the thundering herd).
    Shared,
    /// Every loop watches the one listener; the kernel wakes one of them (EPOLLEXCLUSIVE).
    Exclusive,
    /// Every loop has a listener of its own on the same port, and the kernel chooses by a hash of
    /// the addresses (SO_REUSEPORT).
    ReusePort,
    /// One thread accepts and deals the connections out in turn.
    RoundRobin,
}

impl Dispatch {
    /// Every choice.
    pub const ALL: [Self; 4] = [Self::Shared, Self::Exclusive, Self::ReusePort, Self::RoundRobin];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Exclusive => "exclusive",
            Self::ReusePort => "reuseport",
            Self::RoundRobin => "round-robin",
        }
    }
}

impl fmt::Display for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dispatch {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|choice| choice.name() == name);
        named.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("'{name}' is no way to distribute connections; there are: {names}")
        })
    }
}
