//! The table of designs. Command line, legends, tests and documentation read it; a new design is
//! a file and a row here.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{TcpListener, UdpSocket};

use crate::context::Context;
use crate::{tcp, udp};

/// One design: what it is called, where it stands on the classic axes, and the function that is it.
pub struct Design {
    /// Folder and file: `tcp-thread-per-connection` is `tcp/thread_per_connection.rs`.
    pub name: &'static str,
    /// One at a time, or several at once as its clients see it.
    pub concurrency: Concurrency,
    /// When its workers are created.
    pub allocation: Allocation,
    /// One line for tables.
    pub summary: &'static str,
    /// Serves until its socket fails; never ends because of a client.
    pub serve: Serve,
}

/// The function of a design, by the socket it serves on.
#[derive(Clone, Copy)]
pub enum Serve {
    /// On a bound datagram socket.
    Udp(fn(UdpSocket, &'static Context) -> io::Result<Infallible>),
    /// On a passive stream socket.
    Tcp(fn(TcpListener, &'static Context) -> io::Result<Infallible>),
}

/// The transport that clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Connectionless.
    Udp,
    /// Connection-oriented.
    Tcp,
}

/// How many requests a server has in progress, as its clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// One at a time; the others queue in the kernel.
    Iterative,
    /// Several at once.
    Concurrent,
}

/// When the workers of a design are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Never: the master serves.
    None,
    /// One for each request or connection, when it comes.
    OnDemand,
}

/// Every design there is.
pub const CATALOGUE: &[Design] = &[
    Design {
        name: "udp-iterative",
        concurrency: Concurrency::Iterative,
        allocation: Allocation::None,
        summary: "receive, process, reply; one request after the other",
        serve: Serve::Udp(udp::iterative::serve),
    },
    Design {
        name: "udp-thread-per-request",
        concurrency: Concurrency::Concurrent,
        allocation: Allocation::OnDemand,
        summary: "a new thread answers each datagram through the shared socket",
        serve: Serve::Udp(udp::thread_per_request::serve),
    },
    Design {
        name: "udp-process-per-request",
        concurrency: Concurrency::Concurrent,
        allocation: Allocation::OnDemand,
        summary: "a forked process answers each datagram and exits",
        serve: Serve::Udp(udp::process_per_request::serve),
    },
    Design {
        name: "tcp-iterative",
        concurrency: Concurrency::Iterative,
        allocation: Allocation::None,
        summary: "accept, converse until the client closes, then the next client",
        serve: Serve::Tcp(tcp::iterative::serve),
    },
    Design {
        name: "tcp-process-per-connection",
        concurrency: Concurrency::Concurrent,
        allocation: Allocation::OnDemand,
        summary: "a forked process converses with each client and exits",
        serve: Serve::Tcp(tcp::process_per_connection::serve),
    },
    Design {
        name: "tcp-thread-per-connection",
        concurrency: Concurrency::Concurrent,
        allocation: Allocation::OnDemand,
        summary: "a new thread converses with each client",
        serve: Serve::Tcp(tcp::thread_per_connection::serve),
    },
];

impl Design {
    /// The design of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|design| design.name == name)
    }

    /// The transport its clients use.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self.serve {
            Serve::Udp(_) => Transport::Udp,
            Serve::Tcp(_) => Transport::Tcp,
        }
    }
}

impl fmt::Debug for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iterative => "iterative",
            Self::Concurrent => "concurrent",
        })
    }
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::OnDemand => "on-demand",
        })
    }
}
