//! What one run measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Breakdown, Counts, Doubt, Events, Series, StatusTimes, Times, UnsentCause};

/// What one run measured, finished by the judge of the load generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Measurement {
    /// Proof that two designs got the same plan.
    pub plan_hash: String,
    /// The accounting.
    pub counts: Counts,
    /// Other events that were counted.
    #[serde(flatten)]
    pub events: Events,
    /// Datagrams that the server never received, where it reports that.
    pub requests_lost: Option<u64>,
    /// Datagrams that the server answered and the generator never received, where it reports that.
    pub replies_lost: Option<u64>,
    /// Requests a second that the plan holds; none in a closed loop.
    pub rate_planned: Option<f64>,
    /// Requests a second that were sent.
    pub rate_achieved: f64,
    /// The distributions.
    #[serde(flatten)]
    pub times: Times,
    /// Length of the measured window; of a run that was broken off, the part that took place.
    #[serde(default)]
    pub window_ns: u64,
    /// HTTP replies by their whole status, with their times; the first 32 statuses that came.
    #[serde(default)]
    pub statuses_by_code: BTreeMap<u16, StatusTimes>,
    /// The breakdown of the response times, where the server stamps its replies.
    #[serde(default)]
    pub parts: Option<Breakdown>,
    /// The window in slices of time.
    #[serde(default)]
    pub series: Option<Series>,
    /// The effective sample size: fewer than the requests where neighbours are correlated.
    #[serde(default)]
    pub effective_samples: f64,
    /// Mean waiting that the requests really did.
    pub waited_mean_ns: f64,
    /// Mean processor time that the requests really used.
    pub computed_mean_ns: f64,
    /// Reasons not to trust the run.
    pub doubts: Vec<Doubt>,
    /// What the server used, where it was started by this program.
    pub server: Option<ServerCost>,
    /// What the generator used.
    pub generator: GeneratorCost,
}

impl Measurement {
    /// Requests answered a second, within the measured window.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.events.answered_in_window as f64 / (self.window_ns as f64 / 1e9)
    }

    /// Whether the means and medians of this run are questionable.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.doubts.iter().any(|doubt| !doubt.concerns_tail_only())
    }

    /// Whether something outside the run disturbed it so much that it does not count. The generator
    /// decides this from the cores, never from response times.
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        self.doubts.iter().any(|doubt| matches!(doubt, Doubt::Disturbed { .. }))
    }

    /// Whether the server held so many requests that others could not be sent: a request that finds
    /// no slot in flight, or too much waiting on its connection, waits for the server and not for
    /// the generator.
    #[must_use]
    pub fn is_held_up(&self) -> bool {
        let holds_up = |doubt: &Doubt| {
            matches!(
                doubt,
                Doubt::Exhausted { lack: Some(UnsentCause::Places | UnsentCause::Room), .. }
            )
        };
        self.doubts.iter().any(holds_up)
    }
}

/// A server's closing line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ServerCost {
    /// The design that served.
    pub design: String,
    /// Requests received.
    pub received: u64,
    /// Requests answered.
    pub answered: u64,
    /// Requests refused with a reply.
    pub refused: u64,
    /// Requests that got no reply.
    pub dropped: u64,
    /// Requests answered in each worker's slot.
    pub per_worker: Vec<u64>,
    /// User time of the server process.
    pub user_ns: u64,
    /// System time of the server process.
    pub system_ns: u64,
    /// User time of its worker processes.
    pub children_user_ns: u64,
    /// System time of its worker processes.
    pub children_system_ns: u64,
    /// Times a thread gave the processor up.
    pub voluntary_switches: u64,
    /// Times the processor was taken from a thread.
    pub involuntary_switches: u64,
    /// Largest resident set of the server process or of one of its workers.
    pub peak_memory_bytes: u64,
    /// From the opening line to the closing line.
    pub served_ns: u64,
    /// How its processor time was found, where it has no closing line: `cgroup` (the kernel's
    /// accounts of its control group) or `process-tree` (the clocks of its processes).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub accounting: String,
    /// What it had open when the load was over and its kept connections still stood; absent in old
    /// records, and where its processes are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<InUse>,
}

/// What a server has open, with all its processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InUse {
    /// Descriptors. One that several processes share counts for each.
    pub descriptors: u64,
    /// Descriptors of sockets among them: those that listen, and connections.
    pub sockets: u64,
    /// Processes.
    pub processes: u64,
    /// Threads of these.
    pub threads: u64,
}

impl ServerCost {
    /// All processor time, the children's included.
    #[must_use]
    pub fn processor_ns(&self) -> u64 {
        self.user_ns + self.system_ns + self.children_user_ns + self.children_system_ns
    }

    /// Processor time for each request answered; `None` where none was.
    #[must_use]
    pub fn processor_ns_per_request(&self) -> Option<f64> {
        (self.answered > 0).then(|| self.processor_ns() as f64 / self.answered as f64)
    }
}

/// What the generator used during a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GeneratorCost {
    /// Processor time of its thread.
    pub processor_ns: u64,
    /// Wall time of the run, drain included.
    pub wall_ns: u64,
    /// Times its loop stood still for more than a millisecond.
    pub hiccups: u64,
    /// The longest of these times.
    pub longest_hiccup_ns: u64,
    /// Mean number of requests in flight over the measured window.
    pub mean_in_flight: f64,
    /// The greatest fraction of time that one of the run's cores lost to the hypervisor.
    pub stolen_share: f64,
    /// Steps of the server's computing loop in a microsecond: the core's speed at the start.
    pub steps_per_us: f64,
}
