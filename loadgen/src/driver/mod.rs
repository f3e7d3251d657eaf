//! Sends the requests of a plan when they are due, and handles what comes back.

mod error;
mod flight;
mod impaired;
mod pacer;
mod run;
mod simulated;
mod tcp;
mod transport;
mod udp;

pub use error::DriveError;
pub use flight::MOST_IN_FLIGHT;
pub use impaired::Impaired;
pub use pacer::{Pacing, monotonic_ns};
pub use run::drive;
pub use simulated::{Faults, SimulatedServer, SimulatedTransport};
pub use tcp::{Connections, TcpTransport, Unreadable};
pub use transport::{Event, Noticed, Started, Transport, What};
pub use udp::{Datagrams, UdpTransport};

use error::lacking;

/// Refusals by the kernel after which no server is taken to listen, if nothing else has arrived.
pub const MOST_REFUSALS: u64 = 50;
