//! Sends what the plan holds when it is due, and sorts what comes back.

mod error;
mod flight;
mod pacer;
mod run;
mod simulated;
mod tcp;
mod transport;
mod udp;

pub use error::DriveError;
pub use flight::MOST_IN_FLIGHT;
pub use pacer::{Pacing, monotonic_ns};
pub use run::drive;
pub use simulated::{Faults, SimulatedServer, SimulatedTransport};
pub use tcp::{Connections, TcpTransport, Unreadable};
pub use transport::{Event, Noticed, Started, Transport, What};
pub use udp::{Datagrams, UdpTransport};

use error::lacking;

/// Where so many requests are refused by the kernel and nothing else has come, nobody listens.
pub const MOST_REFUSALS: u64 = 50;
