//! Events that are counted in a run, beside how its requests ended.

use serde::{Deserialize, Serialize};

use crate::Unreadable;

/// Events of a run, of all its requests or of those of the measured window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Events {
    /// Requests sent before the measured window.
    pub warmup: u64,
    /// Replies that came after their time-out.
    pub late: u64,
    /// Replies to requests that had been answered, or that belong to no request in flight.
    pub duplicates: u64,
    /// Replies that came after the reply to a later request; 0 over TCP, where connections have no
    /// common order.
    #[serde(default)]
    pub reordered: u64,
    /// Replies with other bytes than were asked for, or from an address that was not asked.
    #[serde(default)]
    pub wrong_replies: u64,
    /// Right replies that came within the window, whenever their requests were due.
    #[serde(default)]
    pub answered_in_window: u64,
    /// Connections whose first SYN got no answer: they took a second longer, or three.
    #[serde(default)]
    pub connect_retries: u64,
    /// HTTP replies by the first digit of their status; index 0 counts digits above 5.
    #[serde(default)]
    pub statuses: [u64; 6],
    /// Requests that were sent again because their connection had ended; each counts once as sent.
    #[serde(default)]
    pub resent: u64,
    /// The first bytes that were not a reply.
    #[serde(default)]
    pub unreadable: Option<Unreadable>,
    /// Whether the run was broken off because the kernel refused all it sent.
    #[serde(default)]
    pub nobody_listens: bool,
    /// What was done to requests on purpose, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<Injected>,
}

/// What was done to requests on their way, on purpose; those before the window count too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Injected {
    /// Requests that were not sent, although they count as sent.
    pub dropped: u64,
    /// Requests that were sent twice.
    pub duplicated: u64,
    /// Requests that were sent after the next one.
    pub reordered: u64,
}

impl Injected {
    fn add(&mut self, other: &Self) {
        let Self { dropped, duplicated, reordered } = other;
        self.dropped += dropped;
        self.duplicated += duplicated;
        self.reordered += reordered;
    }
}

impl Events {
    /// Adds what another generator noted of the same run.
    pub fn add(&mut self, other: &Self) {
        // Taken apart by name, so that a new one cannot be forgotten here.
        let Self {
            warmup,
            late,
            duplicates,
            reordered,
            wrong_replies,
            answered_in_window,
            connect_retries,
            statuses,
            resent,
            unreadable,
            nobody_listens,
            injected,
        } = other;
        if let Some(its) = injected {
            self.injected.get_or_insert_default().add(its);
        }
        self.warmup += warmup;
        self.late += late;
        self.duplicates += duplicates;
        self.reordered += reordered;
        self.wrong_replies += wrong_replies;
        self.answered_in_window += answered_in_window;
        self.connect_retries += connect_retries;
        self.statuses.iter_mut().zip(statuses).for_each(|(mine, its)| *mine += its);
        self.resent += resent;
        if self.unreadable.is_none() {
            self.unreadable.clone_from(unreadable);
        }
        self.nobody_listens |= nobody_listens;
    }
}
