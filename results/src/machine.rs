//! The machine on which a run took place, and its cores.

use serde::{Deserialize, Serialize};

/// The machine, as far as it affects the measurements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Machine {
    /// Processor cores that the program may use.
    pub cores: usize,
    /// The processor's name.
    pub processor: String,
    /// Whether it runs under a hypervisor.
    pub virtual_machine: bool,
    /// The kernel's release.
    pub kernel: String,
    /// Main memory in bytes.
    pub memory_bytes: u64,
    /// Open descriptors that a process may have.
    pub descriptors: u64,
    /// Processes and threads that the user may have.
    pub processes: u64,
    /// Ephemeral ports, first and last.
    pub ports: (u16, u16),
    /// Largest listen queue.
    pub listen_queue: u64,
    /// Largest receive buffer of a socket in bytes.
    pub receive_buffer_bytes: u64,
    /// TCP congestion control used on both ends.
    pub congestion_control: String,
}

/// Which cores the generator and the server ran on, and what was done for precise wake-ups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Placement {
    /// Cores of the generator.
    pub generator_cores: Vec<usize>,
    /// Cores of the server.
    pub server_cores: Vec<usize>,
    /// Whether the two have a core in common.
    pub shared: bool,
    /// Whether `/dev/cpu_dma_latency` was held at 0, so that idle cores wake at once.
    pub latency_held: bool,
    /// Whether the generator spun while it waited.
    pub generator_spins: bool,
    /// How it waited: `spin`, `hybrid` or `sleep`.
    #[serde(default)]
    pub pacing: String,
}
