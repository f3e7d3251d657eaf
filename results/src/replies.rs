//! Replies that are kept in more detail: HTTP statuses, and bytes that were not a reply.

use serde::{Deserialize, Serialize};

use crate::TimeHistogram;

/// The HTTP replies with one status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatusTimes {
    /// Whether the status counts as answered.
    pub right: bool,
    /// From the intended start to the reply's last byte.
    pub times: TimeHistogram,
}

impl StatusTimes {
    /// Adds those of another generator of the same run.
    pub fn add(&mut self, other: &Self) {
        let Self { right, times } = other;
        self.right = *right;
        self.times.add(times);
    }
}

/// Bytes that were not a reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unreadable {
    /// What was expected.
    pub reason: String,
    /// The first bytes, 64 at most, with escapes for all but printable ASCII.
    pub bytes: String,
}
