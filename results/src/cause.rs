//! What a warning is about: the cause for most of the requests that it counts, or a figure.

use serde::{Deserialize, Serialize};

/// A figure of the response times that reports show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ShownFigure {
    /// The mean.
    Mean,
    /// The median.
    P50,
    /// The 99th percentile.
    P99,
}

impl ShownFigure {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "median",
            Self::P99 => "99th percentile",
        }
    }
}

/// Why a request could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UnsentCause {
    /// The run was over before it could be sent.
    Time,
    /// As many requests as allowed were in flight.
    Places,
    /// The kernel had no port left for a connection.
    Ports,
    /// The process may open no more descriptors.
    Descriptors,
    /// It does not fit in a datagram, or too many bytes already wait on its connection.
    Room,
    /// The kernel refused something else.
    Other,
}

impl UnsentCause {
    /// All causes, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Time, Self::Places, Self::Ports, Self::Descriptors, Self::Room, Self::Other];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Places => "slots in flight",
            Self::Ports => "ports",
            Self::Descriptors => "descriptors",
            Self::Room => "room in a datagram or on the connection",
            Self::Other => "kernel resources",
        }
    }

    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Time => "lower the rate",
            Self::Places => "lower the rate, or raise --max-in-flight",
            Self::Ports => "keep connections, or end them by reset",
            Self::Descriptors => "raise the limit (ulimit -n), or use fewer connections",
            Self::Room => "send smaller requests, or fewer on a connection",
            Self::Other => "look at the kernel's bounds on sockets and their memory",
        }
    }
}

/// How a request without an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UnansweredCause {
    /// It was never sent.
    Unsent,
    /// The server, or the kernel for it, refused.
    Refused,
    /// Its connection ended first.
    Reset,
    /// The reply was not what was asked for.
    Wrong,
    /// No reply came in time.
    TimedOut,
    /// The run was broken off first.
    InFlight,
}

impl UnansweredCause {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Unsent => "never left",
            Self::Refused => "were refused",
            Self::Reset => "lost their connection",
            Self::Wrong => "got a different reply",
            Self::TimedOut => "got no reply within the time-out",
            Self::InFlight => "were in flight when the run was ended",
        }
    }

    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Unsent => "lower the rate",
            Self::Refused => {
                "check that the server listens there and has what is requested; if it is overloaded, lower the rate"
            }
            Self::Reset => {
                "check whether the server died, or keeps no connections (--connection per-request, or per:N)"
            }
            Self::Wrong => {
                "check that the server speaks the protocol of the load (--service, --send, --reply-until, --reply-length)"
            }
            Self::TimedOut => "lower the rate, or wait longer (--timeout)",
            Self::InFlight => "repeat the whole run",
        }
    }
}
