//! Why a load cannot be driven, and which resource was exhausted.

use std::io;

use nix::errno::Errno;
use results::UnsentCause;

/// Why a run could not start.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// A socket could not be made.
    #[error("cannot make a socket for the load: {0}; {hint}", hint = remedy(.0))]
    Socket(io::Error),
    /// The server cannot be reached.
    #[error("cannot connect to {target}: {source}; {hint}", hint = remedy(.source))]
    Connect {
        /// The address.
        target: std::net::SocketAddr,
        /// The kernel's error.
        source: io::Error,
    },
    /// The system starts no more threads.
    #[error(
        "cannot start {asked} threads: {source}; raise the limit of processes (ulimit -u), or use \
         fewer --threads"
    )]
    Threads {
        /// How many were asked for.
        asked: u32,
        /// The system's error.
        source: io::Error,
    },
    /// The address is not loopback, and remote ones were not allowed.
    #[error(
        "{0} is not on this machine, and a load may harm it; give --allow-remote if that is meant"
    )]
    NotLoopback(std::net::SocketAddr),
}

/// The resource that was exhausted when a new connection was made.
pub(super) fn lacking(error: &io::Error) -> UnsentCause {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRNOTAVAIL | Errno::EADDRINUSE) => UnsentCause::Ports,
        Some(Errno::EMFILE | Errno::ENFILE) => UnsentCause::Descriptors,
        _ => UnsentCause::Other,
    }
}

/// The remedy where the kernel makes no socket or no connection.
fn remedy(error: &io::Error) -> &'static str {
    match lacking(error) {
        UnsentCause::Descriptors => {
            "raise the limit of descriptors (ulimit -n), or use fewer --clients"
        }
        UnsentCause::Ports => "there is no port left for it: use fewer --clients",
        _ if error.kind() == io::ErrorKind::TimedOut => {
            "is its listen queue full? give it a longer one, or use fewer --clients"
        }
        _ => "is the server running there?",
    }
}
