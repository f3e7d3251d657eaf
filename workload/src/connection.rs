//! How long a TCP connection is kept, and how it ends.

use std::fmt;
use std::str::FromStr;

/// How many requests a TCP connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// All of a client's requests, on a connection made before the run, or all of a session's.
    Persistent,
    /// This many; the next request makes a new connection.
    Per(u32),
}

impl FromStr for Reuse {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = match text {
            "persistent" => return Ok(Self::Persistent),
            "per-request" => Some(1),
            _ => text.strip_prefix("per:").and_then(|count| count.parse().ok()),
        };
        count.filter(|count| *count > 0).map(Self::Per).ok_or_else(|| {
            format!(
                "'{text}' is not a way to use connections; write persistent, per-request or per:10"
            )
        })
    }
}

impl fmt::Display for Reuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Persistent => f.write_str("persistent"),
            Self::Per(1) => f.write_str("per-request"),
            Self::Per(count) => write!(f, "per:{count}"),
        }
    }
}

/// How the generator ends a connection that has carried all its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// By RST: its port is free at once.
    Reset,
    /// By FIN, then waiting for the server's FIN: its port cannot be used for a minute.
    Finish,
}
