//! One run: what was asked, where, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Counts, Doubt, Events, Failure, Machine, Parts, Placement, Series, StatusTimes, TimeHistogram,
    Times, UnsentCause,
};

/// The version of the format that this program writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// One run of one cell of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format.
    pub format: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// The question that the scenario asks: the title of the page.
    #[serde(default)]
    pub title: String,
    /// Name of the experiment within it.
    pub experiment: String,
    /// The experiment's place in the scenario, from 0.
    pub position: u32,
    /// The question that the experiment asks.
    pub question: String,
    /// What a report may draw from it.
    pub shows: Vec<Shows>,
    /// What was varied.
    pub cell: Cell,
    /// Which repetition of the cell, from 0.
    pub repetition: u32,
    /// The second of two identical cells, run to learn how much identical runs differ.
    pub twin: bool,
    /// The place of this run in the order in which all were made.
    pub order: u32,
    /// Seed of the plan; the same for every design of a cell and repetition.
    pub seed: u64,
    /// When it began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// The machine.
    pub machine: Machine,
    /// The cores.
    pub placement: Placement,
    /// What came of it.
    pub outcome: Outcome,
}

impl Record {
    /// The record without what no page shows of it, in as little memory as that takes: a bench and a
    /// report keep all records at once.
    #[must_use]
    pub fn for_report(mut self) -> Self {
        if let Outcome::Measured(measured) = &mut self.outcome {
            let times = std::mem::take(&mut measured.times);
            measured.times = Times {
                response_time: times.response_time.compact(),
                response_time_short: times.response_time_short.map(TimeHistogram::compact),
                burst_means: times.burst_means.map(TimeHistogram::compact),
                service_time: times.service_time.compact(),
                ..Times::default()
            };
            measured.statuses_by_code = BTreeMap::new();
            measured.parts = None;
            measured.series = None;
        }
        self
    }
}

/// What a report may draw from an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// Response time against processing, and where two designs cross.
    Crossover,
    /// Response time against offered load, and the knee.
    Load,
    /// The whole distribution of each design at one load.
    Percentiles,
    /// The short requests among rare long ones.
    ShortAmongLong,
    /// Processor time per request.
    Cost,
}

/// What distinguishes one cell of an experiment from the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Name of the design.
    pub design: String,
    /// What the experiment varies.
    pub axis: Axis,
    /// Its value as configured: nanoseconds, or requests a second; 0 where nothing is varied.
    pub x: f64,
    /// The whole load.
    pub load: Load,
}

/// The quantity that an experiment varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Waiting of one request.
    Wait,
    /// Processor time of one request.
    Compute,
    /// Offered load.
    Rate,
    /// Nothing.
    None,
}

/// The load of a run in the words of the command line, so that it can be made again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// `poisson`, `even`, `burst:8`, or `closed`.
    pub arrivals: String,
    /// Requests a second; 0 in a closed loop.
    pub rate_per_s: f64,
    /// Connections or sockets of the generator.
    pub clients: u32,
    /// Think time of a closed loop.
    pub think: String,
    /// Length of the measured window.
    pub window_ns: u64,
    /// Time before it.
    pub warmup_ns: u64,
    /// Waiting of a request.
    pub wait: String,
    /// Processor time of a request.
    pub compute: String,
    /// Bytes of a request.
    pub request_size: String,
    /// Bytes of a reply.
    pub reply_size: String,
    /// `persistent`, `per-request` or `per:10`; `datagram` over UDP.
    pub connection: String,
    /// When an unanswered request is given up.
    pub timeout_ns: u64,
    /// How connections are ended: `reset` or `finish`.
    #[serde(default = "usual_close")]
    pub close: String,
    /// Closed loop: requests that each client keeps in flight.
    #[serde(default = "usual_depth")]
    pub depth: u32,
    /// Requests in flight at once, at most.
    #[serde(default = "usual_max_in_flight")]
    pub max_in_flight: u32,
    /// Length of a session, and its pauses; empty where single requests arrive.
    #[serde(default)]
    pub session: String,
}

// What these were in every load before they were recorded.
fn usual_close() -> String {
    "reset".to_owned()
}

fn usual_depth() -> u32 {
    1
}

fn usual_max_in_flight() -> u32 {
    16_384
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was measured.
    Measured(Box<Measurement>),
    /// It was not.
    Failed(Failure),
}

/// What one run measured, finished by the judge of the load generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Proof that two designs got the same plan.
    pub plan_hash: String,
    /// The accounting.
    pub counts: Counts,
    /// What else was counted.
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
    /// Length of the measured window; what there was of it where the run was broken off.
    #[serde(default)]
    pub window_ns: u64,
    /// Replies of HTTP by their whole status, with their times; the first 32 that came.
    #[serde(default)]
    pub statuses_by_code: BTreeMap<u16, StatusTimes>,
    /// The parts of which the response times consist, where the server stamps its replies.
    #[serde(default)]
    pub parts: Option<Parts>,
    /// The window in slices of time.
    #[serde(default)]
    pub series: Option<Series>,
    /// As many independent requests would tell as much: fewer than there were where neighbours
    /// are alike.
    #[serde(default)]
    pub effective_samples: f64,
    /// Mean waiting that the requests really did.
    pub waited_mean_ns: f64,
    /// Mean processor time that the requests really used.
    pub computed_mean_ns: f64,
    /// Reasons not to trust it.
    pub doubts: Vec<Doubt>,
    /// What the server used, where it was started by this program.
    pub server: Option<ServerCost>,
    /// What the generator used.
    pub generator: GeneratorCost,
}

impl Measurement {
    /// Whether the means and medians of this run are to be doubted.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.doubts.iter().any(|doubt| !doubt.concerns_tail_only())
    }

    /// Whether the server held so many requests that others could not be sent: what finds no place in
    /// flight, or no room on its connection, waits for the server and not for the generator.
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
    /// Requests answered in each worker's place.
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
    /// Times it was taken away.
    pub involuntary_switches: u64,
    /// Largest resident set of the server process or of one of its workers.
    pub peak_memory_bytes: u64,
    /// From the opening line to the closing line.
    pub served_ns: u64,
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
pub struct GeneratorCost {
    /// Processor time of its thread.
    pub processor_ns: u64,
    /// Wall time of the run, drain included.
    pub wall_ns: u64,
    /// Times its loop stood still for more than a millisecond.
    pub hiccups: u64,
    /// The longest of them.
    pub longest_hiccup_ns: u64,
    /// Mean number of requests in flight over the measured window.
    pub mean_in_flight: f64,
    /// Share of its time that the hypervisor took from the core robbed most, of those that matter.
    pub stolen_share: f64,
    /// Steps of the server's computing loop in a microsecond: the core's speed at the start.
    pub steps_per_us: f64,
}
