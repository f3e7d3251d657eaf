//! What a run was given: its load, and the settings of its server.

use serde::{Deserialize, Serialize};

/// Load and server of a run, as written on the command line, so that it can be made again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Setup {
    /// What was sent.
    pub load: Load,
    /// The server's settings that differ from its usual ones.
    #[serde(default)]
    pub server: ServerSetup,
}

/// The settings of a server that differ from its usual ones, by the flags of `crossover serve`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ServerSetup {
    /// Flags and their values, in order.
    #[serde(default)]
    pub flags: Vec<String>,
    /// The number of cores that the server was given, or `all`; absent where it got those that the
    /// generator does not use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<String>,
    /// The program and its arguments where it is a server of the user's own. What may be a secret
    /// is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The target of the requests to such a server, without what may be a secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The files that it was given, each with eight digits of the SHA-256 of its text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// The load of a run as written on the command line, so that it can be made again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Warm-up before the window.
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
    /// The fractions of datagrams that were lost, doubled and reordered on purpose; empty where none
    /// were.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub network: String,
    /// What other clients did on purpose: `silent:1`; empty where nobody did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub misbehaving: String,
}

// The values in every load before these fields were recorded.
fn usual_close() -> String {
    "reset".to_owned()
}

fn usual_depth() -> u32 {
    1
}

fn usual_max_in_flight() -> u32 {
    16_384
}
