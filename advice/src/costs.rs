//! What the steps of servers cost on a machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use servers::{Allocation, CATALOGUE, Concurrency, Design, WorkUnit};

/// What the steps of servers cost on a machine, in nanoseconds: what `crossover calibrate` measures,
/// and the keys of its JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineCosts {
    /// Creating a thread: the time for which the next request waits, in a running server.
    pub creation_thread_ns: f64,
    /// Creating a process, in a server that has little memory.
    pub creation_process_ns: f64,
    /// What each MiB of touched memory in small pages adds to that.
    #[serde(default)]
    pub creation_process_ns_per_mib: f64,
    /// Handing a request over from one thread to another.
    pub handover_ns: f64,
    /// From the decision to create a worker to its first instruction, creation left out.
    pub start_ns: f64,
    /// From an arrival to the first instruction of an idle worker.
    pub wakeup_ns: f64,
    /// How long a thread computes before another has its turn.
    pub slice_ns: f64,
    /// Processor time of a request that asks for no processing, by design.
    pub request_ns: BTreeMap<String, f64>,
    /// Processor time of accepting and closing a connection.
    #[serde(default)]
    pub connection_ns: f64,
    /// Processor time at the end of a thread's wait, when others want the core as well: the timer, and
    /// its return to the core.
    #[serde(default)]
    pub resume_thread_ns: f64,
    /// The same for a process.
    #[serde(default)]
    pub resume_process_ns: f64,
    /// How long a worker stays with an answered connection until its client has closed it.
    #[serde(default)]
    pub linger_ns: f64,
    /// The greatest rate of each design on one core, in requests a second that ask for no processing.
    #[serde(default)]
    pub greatest_per_s: BTreeMap<String, f64>,
    /// The machine.
    pub machine: String,
    /// When it was measured; empty for typical costs.
    pub at: String,
}

/// A creation of a thread in a running server, as measured on virtual machines of two cores: the
/// next request waits for it.
const TYPICAL_THREAD_NS: f64 = 28e3;

/// The same for a process without much memory.
const TYPICAL_PROCESS_NS: f64 = 240e3;

impl MachineCosts {
    /// No costs at all: what theory alone says.
    #[must_use]
    pub fn zero() -> Self {
        Self {
            creation_thread_ns: 0.0,
            creation_process_ns: 0.0,
            creation_process_ns_per_mib: 0.0,
            handover_ns: 0.0,
            start_ns: 0.0,
            wakeup_ns: 0.0,
            slice_ns: 0.0,
            request_ns: BTreeMap::new(),
            connection_ns: 0.0,
            resume_thread_ns: 0.0,
            resume_process_ns: 0.0,
            linger_ns: 0.0,
            greatest_per_s: BTreeMap::new(),
            machine: "no machine: all costs are 0".to_owned(),
            at: String::new(),
        }
    }

    /// Costs as they are on a virtual machine with Linux today, for a machine that has not been
    /// calibrated.
    #[must_use]
    pub fn typical() -> Self {
        let request = |design: &Design| {
            let own = match (design.allocation, design.unit) {
                (Allocation::OnDemand, WorkUnit::Process) if !has_connections(design) => {
                    TYPICAL_PROCESS_NS
                }
                (Allocation::OnDemand, WorkUnit::Thread) if !has_connections(design) => {
                    TYPICAL_THREAD_NS
                }
                _ => 0.0,
            };
            let base = match design.concurrency {
                Concurrency::Iterative => 8e3,
                Concurrency::Concurrent => 9e3,
                Concurrency::Apparent => 10e3,
            };
            (design.name.to_owned(), base + own)
        };
        Self {
            creation_thread_ns: TYPICAL_THREAD_NS,
            creation_process_ns: TYPICAL_PROCESS_NS,
            creation_process_ns_per_mib: 25e3,
            handover_ns: 5e3,
            start_ns: 20e3,
            wakeup_ns: 25e3,
            slice_ns: 3e6,
            request_ns: CATALOGUE.iter().map(request).collect(),
            connection_ns: 25e3,
            resume_thread_ns: 15e3,
            resume_process_ns: 30e3,
            linger_ns: 20e3,
            greatest_per_s: BTreeMap::new(),
            machine: "typical costs; this machine has not been calibrated".to_owned(),
            at: String::new(),
        }
    }

    /// The costs that are not those of one design, with their names.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f64); 11] {
        [
            ("creating a thread", self.creation_thread_ns),
            ("creating a process", self.creation_process_ns),
            ("each MiB of its memory adds", self.creation_process_ns_per_mib),
            ("handing a request over", self.handover_ns),
            ("start of a created worker", self.start_ns),
            ("waking an idle server", self.wakeup_ns),
            ("time slice", self.slice_ns),
            ("accepting and closing a connection", self.connection_ns),
            ("staying with it until its client closes", self.linger_ns),
            ("return of a thread from a wait", self.resume_thread_ns),
            ("return of a process from a wait", self.resume_process_ns),
        ]
    }

    /// Whether they were measured.
    #[must_use]
    pub fn are_measured(&self) -> bool {
        !self.at.is_empty()
    }

    /// What creating a worker of a design costs, in a server with so much memory in bytes.
    #[must_use]
    pub fn creation_ns(&self, design: &Design, memory_bytes: f64) -> f64 {
        match design.unit {
            WorkUnit::Process => {
                self.creation_process_ns
                    + self.creation_process_ns_per_mib * memory_bytes / 1_048_576.0
            }
            WorkUnit::Thread => self.creation_thread_ns,
            WorkUnit::Master | WorkUnit::Loop | WorkUnit::Task => 0.0,
        }
    }

    /// Processor time at the end of a wait of a design's workers.
    #[must_use]
    pub fn resume_ns(&self, design: &Design) -> f64 {
        match design.unit {
            WorkUnit::Process => self.resume_process_ns,
            _ => self.resume_thread_ns,
        }
    }

    /// Processor time of a request of a design besides its processing and the creation of a worker.
    #[must_use]
    pub fn request_ns(&self, design: &Design) -> f64 {
        self.request_ns.get(design.name).copied().unwrap_or(0.0)
    }
}

/// Whether the design serves connections.
pub(crate) fn has_connections(design: &Design) -> bool {
    design.transport() == protocol::Transport::Tcp
}
