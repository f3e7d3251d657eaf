//! Why a run has no measurement.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason why a run failed. Earlier measurements stay valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "failure", rename_all = "kebab-case")]
pub enum Failure {
    /// The server did not start.
    ServerDidNotStart {
        /// The reason.
        because: String,
    },
    /// The server ended during the run.
    ServerDied {
        /// How: an exit code or a signal.
        how: String,
    },
    /// There was nothing to send.
    Plan {
        /// Why.
        because: String,
    },
    /// The generator failed.
    Generator {
        /// What went wrong.
        because: String,
    },
}

impl Failure {
    /// Whether the server may be the cause, so that the next run may fail as well.
    #[must_use]
    pub fn may_be_the_servers(&self) -> bool {
        !matches!(self, Self::Plan { .. })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServerDidNotStart { because } => write!(f, "the server did not start: {because}"),
            Self::ServerDied { how } => write!(f, "the server died during the run: {how}"),
            Self::Plan { because } => write!(f, "there was nothing to send: {because}"),
            Self::Generator { because } => write!(f, "the generator failed: {because}"),
        }
    }
}
