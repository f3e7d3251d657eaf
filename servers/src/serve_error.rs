//! Why a server cannot start or cannot go on, each with its remedy.

use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;
use protocol::Transport;

use crate::limits::MAX_WORKERS;
use crate::preflight::Shortage;
use crate::service::Service;

/// Why a server cannot start or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}{}", listen_remedy(source))]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The error of the kernel.
        source: io::Error,
    },
    /// Other machines can reach the address, and that was not allowed explicitly.
    #[error(
        "{0} can be reached from other machines, and whoever reaches it can make this server \
         compute; give --allow-remote if that is meant, or listen on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// The service is not available over the design's transport.
    #[error("{service} is not spoken over {transport}; choose a design that serves over tcp")]
    NotSpoken {
        /// The service asked for.
        service: Service,
        /// The design's transport.
        transport: Transport,
    },
    /// A service's port would be above 65535.
    #[error("port {0} plus a well-known number is above 65535; choose a base port below 65000")]
    PortTooLarge(u16),
    /// There is nothing to serve.
    #[error("the superserver's table is empty; write lines such as: 7777 /bin/cat")]
    EmptyTable,
    /// The superserver's ports may together have more programs than a server has slots.
    #[error(
        "{rows} ports with {each} programs each are more than {MAX_WORKERS}; give fewer --workers, or a \
         shorter table"
    )]
    TooManyPrograms {
        /// Ports of the table.
        rows: usize,
        /// Programs that each may have at once.
        each: u32,
    },
    /// The system does not provide what the design needs.
    #[error("{design} cannot run here: {obstacle}")]
    Obstacle {
        /// The design's name.
        design: &'static str,
        /// The reason, and the remedy.
        obstacle: String,
    },
    /// The system does not provide what serving one client needs.
    #[error("{design} cannot serve here: {shortage}")]
    Shortage {
        /// The design's name.
        design: &'static str,
        /// The resource that is missing.
        shortage: Shortage,
    },
    /// The cores asked for are not available.
    #[error("cannot run on cores {cores:?}: {source}; name cores that this process may use")]
    Cores {
        /// The cores asked for.
        cores: Vec<usize>,
        /// The error of the kernel.
        source: Errno,
    },
    /// The design's socket failed, or the system does not provide something that every server
    /// needs.
    #[error("the server cannot go on: {0}{remedy}", remedy = io_remedy(.0))]
    Io(#[from] io::Error),
}

fn listen_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; choose another port, or port 0 to have a free one chosen",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this machine",
        io::ErrorKind::PermissionDenied => "; choose a port above 1023",
        _ => io_remedy(error),
    }
}

fn io_remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE) => {
            "; allow it more descriptors (ulimit -n), or give it fewer workers"
        }
        Some(Errno::ENOMEM) => "; allow it more memory (ulimit -v), or give it fewer workers",
        Some(Errno::EAGAIN) => "; allow it more threads (ulimit -u), or give it fewer workers",
        _ => "",
    }
}
