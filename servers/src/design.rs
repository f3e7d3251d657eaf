//! What a server design is: its place on the classic axes, its needs, and the function that serves.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::num::NonZero;

use protocol::Transport;

use crate::axes::{Allocation, Concurrency, Intake, Stays, WorkUnit};
use crate::context::Context;
use crate::ring;

/// One design: its name, its place on the classic axes, and its function.
pub struct Design {
    /// Folder and file: `tcp-thread-per-connection` is `tcp/thread_per_connection.rs`.
    pub name: &'static str,
    /// Whether it serves requests one at a time or several at once, as its clients see it.
    pub concurrency: Concurrency,
    /// When its workers are created.
    pub allocation: Allocation,
    /// What serves a client.
    pub unit: WorkUnit,
    /// How requests or connections reach its workers.
    pub intake: Intake,
    /// What a worker stays with.
    pub stays: Stays,
    /// The design as a noun phrase in the singular, with its article: `a thread per request`.
    pub phrase: &'static str,
    /// One line for tables.
    pub summary: &'static str,
    /// Serves until its socket fails; never ends because of a client.
    pub serve: Serve,
    /// UDP: whether replies come from another port than the client sent to, as in TFTP (RFC 1350).
    pub answers_from_another_port: bool,
    /// The text of its file, from which [`Design::header`] is taken.
    source: &'static str,
    /// What the system must provide before the design can serve one client.
    pub(crate) needs: Needs,
}

/// What a design needs from the system to serve one client, besides its listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Descriptors, including the client's own.
    pub(crate) descriptors: u32,
    /// Further descriptors for each worker.
    pub(crate) descriptors_each: u32,
    /// How many of its workers.
    pub(crate) workers: NeededWorkers,
    /// Permission to use io_uring.
    pub(crate) io_uring: bool,
}

/// How many workers a design needs in order to serve at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NeededWorkers {
    /// None: the master serves as well.
    None,
    /// One; with fewer workers than allowed, the design serves fewer clients at once.
    One,
    /// All: a library creates the pool or runtime completely or not at all.
    All,
}

/// The function of a design, by the kind of its socket.
#[derive(Clone, Copy)]
pub enum Serve {
    /// On a bound datagram socket.
    Udp(ServeUdp),
    /// On a passive stream socket.
    Tcp(ServeTcp),
}

/// A connectionless design.
pub type ServeUdp = fn(UdpSocket, &'static Context) -> io::Result<Infallible>;

/// A connection-oriented design.
pub type ServeTcp = fn(TcpListener, &'static Context) -> io::Result<Infallible>;

/// A row of the catalogue for a connectionless design.
pub(crate) const fn udp(
    name: &'static str,
    axes: (Concurrency, Allocation, WorkUnit),
    phrase: &'static str,
    summary: &'static str,
    serve: ServeUdp,
    source: &'static str,
) -> Design {
    row(name, axes, phrase, summary, Serve::Udp(serve), source)
}

/// A row of the catalogue for a connection-oriented design.
pub(crate) const fn tcp(
    name: &'static str,
    axes: (Concurrency, Allocation, WorkUnit),
    phrase: &'static str,
    summary: &'static str,
    serve: ServeTcp,
    source: &'static str,
) -> Design {
    row(name, axes, phrase, summary, Serve::Tcp(serve), source)
}

const fn row(
    name: &'static str,
    (concurrency, allocation, unit): (Concurrency, Allocation, WorkUnit),
    phrase: &'static str,
    summary: &'static str,
    serve: Serve,
    source: &'static str,
) -> Design {
    let descriptors_of_a_client = match serve {
        Serve::Udp(_) => 0,
        Serve::Tcp(_) => 1,
    };
    Design {
        name,
        concurrency,
        allocation,
        unit,
        intake: Intake::Taken,
        stays: usual_stays(concurrency, descriptors_of_a_client > 0),
        phrase,
        summary,
        serve,
        answers_from_another_port: false,
        source,
        needs: usual_needs(concurrency, allocation, descriptors_of_a_client),
    }
}

/// What a worker stays with: a thread or process that has a connection serves it to its end.
const fn usual_stays(concurrency: Concurrency, has_connections: bool) -> Stays {
    match (concurrency, has_connections) {
        (Concurrency::Apparent, _) => Stays::Computing,
        (_, true) => Stays::Connection,
        (_, false) => Stays::Request,
    }
}

/// The needs that follow from the axes, and the descriptors of one client.
const fn usual_needs(concurrency: Concurrency, allocation: Allocation, of_a_client: u32) -> Needs {
    let workers = match (concurrency, allocation) {
        (Concurrency::Concurrent, _) => NeededWorkers::One,
        (Concurrency::Apparent, Allocation::OnDemand) => NeededWorkers::All,
        (Concurrency::Iterative | Concurrency::Apparent, _) => NeededWorkers::None,
    };
    Needs { workers, ..descriptors(of_a_client) }
}

pub(crate) const fn descriptors(count: u32) -> Needs {
    let workers = NeededWorkers::None;
    Needs { descriptors: count, descriptors_each: 0, workers, io_uring: false }
}

impl Design {
    pub(crate) const fn answering_from_another_port(self) -> Self {
        Self { answers_from_another_port: true, ..self }
    }

    pub(crate) const fn with_intake(self, intake: Intake) -> Self {
        Self { intake, ..self }
    }

    /// The same design, whose workers serve single requests of any connection.
    pub(crate) const fn serving_single_requests(self) -> Self {
        Self { stays: Stays::Request, ..self }
    }

    pub(crate) const fn needing(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    /// The same design with this many descriptors before it can serve, and for each worker.
    pub(crate) const fn opening(self, descriptors: u32, descriptors_each: u32) -> Self {
        Self { needs: Needs { descriptors, descriptors_each, ..self.needs }, ..self }
    }

    pub(crate) const fn with_workers(self, workers: NeededWorkers) -> Self {
        Self { needs: Needs { workers, ..self.needs }, ..self }
    }

    /// The name without the transport, as a label: `thread per request`.
    #[must_use]
    pub fn label(&self) -> String {
        let transport = self.transport().to_string();
        self.name.trim_start_matches(&transport).replace('-', " ").trim().to_owned()
    }

    /// Why this system cannot run the design, with the remedy; `None` if it can.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        self.needs.io_uring.then(|| ring::available().err()).flatten()
    }

    /// The header of its file as Markdown: what it is, picture, what changed, when it pays, and
    /// where it is described.
    pub fn header(&self) -> impl Iterator<Item = &'static str> {
        let comments = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        comments.map(|line| line.strip_prefix(' ').unwrap_or(line))
    }

    /// The default number of workers: many if each is created for one client or request, a fixed
    /// pool if they are preallocated, and one for each processor under apparent concurrency.
    #[must_use]
    pub fn usual_workers(&self) -> u32 {
        let processors = || std::thread::available_parallelism().map_or(1, NonZero::get) as u32;
        match (self.concurrency, self.allocation) {
            (_, Allocation::None) => 1,
            (Concurrency::Apparent, _) => processors(),
            (_, Allocation::OnDemand | Allocation::Delayed) => 1024,
            (_, Allocation::Preallocated) => 16,
        }
    }

    /// The transport that its clients use.
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
