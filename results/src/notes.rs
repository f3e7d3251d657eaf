//! What the generator notes of a run. Notes can be written, read, and added to those of another
//! generator of the same run. A [`crate::Measurement`] is of the whole run and cannot be added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::times::add_to;
use crate::{
    Breakdown, Counts, Events, Gaps, Series, StatusTimes, TimeHistogram, Times, UnsentCause,
};

/// The notes of a run; times are of the measured window's requests only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Notes {
    /// The accounting.
    pub counts: Counts,
    /// Unsent requests by cause, in the order of [`UnsentCause::ALL`].
    pub unsent_causes: [u64; UnsentCause::ALL.len()],
    /// Other events that were counted.
    pub events: Events,
    /// The distributions.
    pub times: Times,
    /// Bursts: the lag of the first request of each burst. The others must leave after it, one at a
    /// time, however fast the generator is.
    pub head_lag: Option<TimeHistogram>,
    /// HTTP replies by their whole status, with their times.
    pub statuses_by_code: BTreeMap<u16, StatusTimes>,
    /// Connections that were made before the load and kept.
    pub kept: u64,
    /// How many of these never brought a reply.
    pub kept_unanswered: u64,
    /// The breakdown of the response times.
    pub parts: Breakdown,
    /// The run in slices of time.
    pub series: Series,
    /// Sum of the waiting that was really done.
    pub waited_ns: u128,
    /// Sum of the processor time that was really used.
    pub computed_ns: u128,
    /// Gaps between the intended starts of arrivals; of bursts, between their first requests.
    pub planned_gaps: Gaps,
    /// Gaps between their actual sends.
    pub sent_gaps: Gaps,
    /// Least and greatest "received so far" that the server reported.
    pub server_received: Option<(u64, u64)>,
    /// Replies of any kind, warm-up included.
    pub replies: u64,
    /// Requests sent, warm-up included.
    pub sent_in_all: u64,
    /// Requests in flight, integrated over the window.
    pub in_flight_area: u128,
    /// Wall time of the whole run, the drain included.
    pub wall_ns: u64,
    /// Times the generator's loop stood still for more than a millisecond.
    pub hiccups: u64,
    /// The longest of these times.
    pub longest_hiccup_ns: u64,
    /// Processor time of the generator.
    pub generator_ns: u64,
    /// Whether the run was broken off.
    pub broken_off: bool,
}

impl Notes {
    /// Adds what another generator noted of its shard of the same plan.
    pub fn add(&mut self, other: &Self) {
        // Taken apart by name, so that a new note cannot be forgotten here.
        let Self {
            counts,
            unsent_causes,
            events,
            times,
            head_lag,
            statuses_by_code,
            kept,
            kept_unanswered,
            parts,
            series,
            waited_ns,
            computed_ns,
            planned_gaps,
            sent_gaps,
            server_received,
            replies,
            sent_in_all,
            in_flight_area,
            wall_ns,
            hiccups,
            longest_hiccup_ns,
            generator_ns,
            broken_off,
        } = other;
        self.counts.add(counts);
        self.unsent_causes.iter_mut().zip(unsent_causes).for_each(|(mine, its)| *mine += its);
        self.events.add(events);
        self.times.add(times);
        add_to(&mut self.head_lag, head_lag);
        for (code, its) in statuses_by_code {
            self.statuses_by_code.entry(*code).or_default().add(its);
        }
        self.kept += kept;
        self.kept_unanswered += kept_unanswered;
        self.parts.add(parts);
        self.series.add(series);
        self.waited_ns += waited_ns;
        self.computed_ns += computed_ns;
        self.planned_gaps.add(planned_gaps);
        self.sent_gaps.add(sent_gaps);
        if let Some((least, most)) = server_received {
            self.server_reported(*least);
            self.server_reported(*most);
        }
        self.replies += replies;
        self.sent_in_all += sent_in_all;
        self.in_flight_area += in_flight_area;
        self.wall_ns = self.wall_ns.max(*wall_ns);
        self.hiccups += hiccups;
        self.longest_hiccup_ns = self.longest_hiccup_ns.max(*longest_hiccup_ns);
        self.generator_ns += generator_ns;
        self.broken_off |= broken_off;
    }

    /// Notes how many requests the server had received when it replied.
    pub fn server_reported(&mut self, so_far: u64) {
        let (least, most) = self.server_received.unwrap_or((so_far, so_far));
        self.server_received = Some((least.min(so_far), most.max(so_far)));
    }
}
