//! The accounting of one run: every planned request is in exactly one class at the end.

use serde::{Deserialize, Serialize};

/// How many requests ended in which way. `planned = sent + unsent`, and
/// `sent = answered + refused + reset + wrong + timed_out + in_flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Counts {
    /// Requests that the plan holds for the measured window.
    pub planned: u64,
    /// Planned, but never sent: the bound on requests in flight was reached, a socket could not be
    /// created, or the run was broken off.
    pub unsent: u64,
    /// Handed to the kernel.
    pub sent: u64,
    /// Answered in full and in time.
    pub answered: u64,
    /// Refused by the server, or its connection refused by the kernel.
    pub refused: u64,
    /// The connection ended before the reply.
    pub reset: u64,
    /// Answered with something other than what was asked.
    pub wrong: u64,
    /// No reply within the time-out.
    pub timed_out: u64,
    /// Sent, and neither answered nor timed out when the run was broken off.
    pub in_flight: u64,
}

impl Counts {
    /// Whether the two equalities hold.
    #[must_use]
    pub fn balance(&self) -> bool {
        let ended = self.answered + self.refused + self.reset + self.wrong + self.timed_out;
        self.planned == self.sent + self.unsent && self.sent == ended + self.in_flight
    }

    /// Planned requests that never got their answer.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.planned - self.answered
    }

    /// Adds the counts of another generator that worked on the same run.
    pub fn add(&mut self, other: &Self) {
        // Taken apart by name, so that a new class cannot be forgotten here.
        let Self { planned, unsent, sent, answered, refused, reset, wrong, timed_out, in_flight } =
            other;
        self.planned += planned;
        self.unsent += unsent;
        self.sent += sent;
        self.answered += answered;
        self.refused += refused;
        self.reset += reset;
        self.wrong += wrong;
        self.timed_out += timed_out;
        self.in_flight += in_flight;
    }
}
