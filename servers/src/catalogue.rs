//! The table of designs.
//!
//! The command line, legends, tests and documentation read it. A new design is a file and a row
//! here.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::num::NonZero;

use protocol::Transport;

use crate::axes::{Allocation, Concurrency, WorkUnit};
use crate::context::Context;
use crate::{ring, tcp, udp};
use Allocation::{Delayed, None, OnDemand, Preallocated};
use Concurrency::{Apparent, Concurrent, Iterative};
use WorkUnit::{Loop, Master, Process, Task, Thread};

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
    io_uring: bool,
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

/// Every design, in reading order.
pub const CATALOGUE: &[Design] = &[
    udp(
        "udp-iterative",
        (Iterative, None, Master),
        "the iterative UDP server",
        "receive, process, reply; one request after the other",
        udp::iterative::serve,
        include_str!("udp/iterative.rs"),
    ),
    udp(
        "udp-thread-per-request",
        (Concurrent, OnDemand, Thread),
        "a thread per request",
        "a new thread answers each datagram through the shared socket",
        udp::thread_per_request::serve,
        include_str!("udp/thread_per_request.rs"),
    ),
    udp(
        "udp-process-per-request",
        (Concurrent, OnDemand, Process),
        "a process per request",
        "a forked process answers each datagram and exits",
        udp::process_per_request::serve,
        include_str!("udp/process_per_request.rs"),
    ),
    udp(
        "udp-preforked",
        (Concurrent, Preallocated, Process),
        "a pool of processes",
        "k processes receive on one socket",
        udp::preforked::serve,
        include_str!("udp/preforked.rs"),
    ),
    udp(
        "udp-prethreaded",
        (Concurrent, Preallocated, Thread),
        "a pool of threads",
        "k threads receive on one socket",
        udp::prethreaded::serve,
        include_str!("udp/prethreaded.rs"),
    ),
    udp(
        "udp-queued-threads",
        (Concurrent, Preallocated, Thread),
        "a pool of threads behind a queue",
        "one thread receives, a bounded queue, k threads answer",
        udp::queued_threads::serve,
        include_str!("udp/queued_threads.rs"),
    ),
    udp(
        "udp-work-stealing",
        (Concurrent, Preallocated, Thread),
        "a pool of threads that steal work",
        "one thread receives, a pool whose threads steal work answers",
        udp::work_stealing::serve,
        include_str!("udp/work_stealing.rs"),
    )
    .with_workers(NeededWorkers::All),
    udp(
        "udp-sharded",
        (Concurrent, Preallocated, Thread),
        "a thread per socket",
        "a socket for each worker, the kernel deals datagrams out",
        udp::sharded::serve,
        include_str!("udp/sharded.rs"),
    )
    .opening(0, 1)
    .with_workers(NeededWorkers::None),
    udp(
        "udp-delayed-allocation",
        (Concurrent, Delayed, Thread),
        "delayed allocation",
        "the receiver serves; a long request keeps it, the port gets another",
        udp::delayed_allocation::serve,
        include_str!("udp/delayed_allocation.rs"),
    )
    .opening(1, 0),
    udp(
        "udp-session-workers",
        (Concurrent, OnDemand, Thread),
        "a worker per session",
        "a worker answers from a port of its own, as TFTP does",
        udp::session_workers::serve,
        include_str!("udp/session_workers.rs"),
    )
    .opening(2, 0)
    .answering_from_another_port(),
    udp(
        "udp-event-loop",
        (Apparent, None, Loop),
        "an event loop",
        "one thread; waits are timers",
        udp::event_loop::serve,
        include_str!("udp/event_loop.rs"),
    )
    .opening(2, 0),
    udp(
        "udp-async-tasks",
        (Apparent, OnDemand, Task),
        "a runtime of async tasks",
        "a task for each datagram on a runtime",
        udp::async_tasks::serve,
        include_str!("udp/async_tasks.rs"),
    )
    .opening(3, 0),
    tcp(
        "tcp-iterative",
        (Iterative, None, Master),
        "the iterative TCP server",
        "accept, converse until the client closes, then the next client",
        tcp::iterative::serve,
        include_str!("tcp/iterative.rs"),
    ),
    tcp(
        "tcp-process-per-connection",
        (Concurrent, OnDemand, Process),
        "a process per connection",
        "a forked process converses with each client and exits",
        tcp::process_per_connection::serve,
        include_str!("tcp/process_per_connection.rs"),
    ),
    tcp(
        "tcp-thread-per-connection",
        (Concurrent, OnDemand, Thread),
        "a thread per connection",
        "a new thread converses with each client",
        tcp::thread_per_connection::serve,
        include_str!("tcp/thread_per_connection.rs"),
    ),
    tcp(
        "tcp-preforked",
        (Concurrent, Preallocated, Process),
        "a pool of processes",
        "k processes accept on one socket",
        tcp::preforked::serve,
        include_str!("tcp/preforked.rs"),
    ),
    tcp(
        "tcp-preforked-locked",
        (Concurrent, Preallocated, Process),
        "a pool of processes that accept in turn",
        "k processes, one at a time in accept",
        tcp::preforked_locked::serve,
        include_str!("tcp/preforked_locked.rs"),
    )
    .opening(2, 0),
    tcp(
        "tcp-prethreaded",
        (Concurrent, Preallocated, Thread),
        "a pool of threads",
        "k threads accept on one socket",
        tcp::prethreaded::serve,
        include_str!("tcp/prethreaded.rs"),
    ),
    tcp(
        "tcp-queued-threads",
        (Concurrent, Preallocated, Thread),
        "a pool of threads behind a queue",
        "one thread accepts, a bounded queue, k threads converse",
        tcp::queued_threads::serve,
        include_str!("tcp/queued_threads.rs"),
    ),
    tcp(
        "tcp-passed-descriptors",
        (Concurrent, Preallocated, Process),
        "a pool of processes that are passed connections",
        "the master accepts and passes the socket to an idle process",
        tcp::passed_descriptors::serve,
        include_str!("tcp/passed_descriptors.rs"),
    )
    .opening(1, 1),
    tcp(
        "tcp-work-stealing",
        (Concurrent, Preallocated, Thread),
        "a pool of threads that steal work",
        "one thread accepts, a pool whose threads steal work converses",
        tcp::work_stealing::serve,
        include_str!("tcp/work_stealing.rs"),
    )
    .with_workers(NeededWorkers::All),
    tcp(
        "tcp-delayed-allocation",
        (Concurrent, Delayed, Thread),
        "delayed allocation",
        "the receiver converses; a long client keeps it, the port gets another",
        tcp::delayed_allocation::serve,
        include_str!("tcp/delayed_allocation.rs"),
    )
    .opening(2, 0),
    tcp(
        "tcp-poll-loop",
        (Apparent, None, Loop),
        "a poll loop",
        "one thread asks poll which of all clients are ready",
        tcp::poll_loop::serve,
        include_str!("tcp/poll_loop.rs"),
    )
    .opening(2, 0),
    tcp(
        "tcp-event-loop",
        (Apparent, None, Loop),
        "an event loop",
        "one thread is told by epoll which clients are ready",
        tcp::event_loop::serve,
        include_str!("tcp/event_loop.rs"),
    )
    .opening(4, 0),
    tcp(
        "tcp-event-loops",
        (Apparent, Preallocated, Loop),
        "a set of event loops",
        "several event loops; how clients reach them is a choice",
        tcp::event_loops::serve,
        include_str!("tcp/event_loops.rs"),
    )
    .opening(1, 3)
    .with_workers(NeededWorkers::One),
    tcp(
        "tcp-event-loop-pool",
        (Concurrent, Preallocated, Thread),
        "an event loop with a pool of threads",
        "an event loop talks, a pool of threads does the processing",
        tcp::event_loop_pool::serve,
        include_str!("tcp/event_loop_pool.rs"),
    )
    .opening(4, 0),
    tcp(
        "tcp-async-tasks",
        (Apparent, OnDemand, Task),
        "a runtime of async tasks",
        "a task for each connection on a runtime",
        tcp::async_tasks::serve,
        include_str!("tcp/async_tasks.rs"),
    )
    .opening(4, 0),
    tcp(
        "tcp-uring-loop",
        (Apparent, None, Loop),
        "an io_uring loop",
        "one thread, operations that the kernel completes",
        tcp::uring_loop::serve,
        include_str!("tcp/uring_loop.rs"),
    )
    .needing(Needs { io_uring: true, ..descriptors(2) }),
];

const fn udp(
    name: &'static str,
    (concurrency, allocation, unit): (Concurrency, Allocation, WorkUnit),
    phrase: &'static str,
    summary: &'static str,
    serve: ServeUdp,
    source: &'static str,
) -> Design {
    let (serve, needs) = (Serve::Udp(serve), usual_needs(concurrency, allocation, 0));
    let answers_from_another_port = false;
    Design {
        name,
        concurrency,
        allocation,
        unit,
        phrase,
        summary,
        serve,
        answers_from_another_port,
        source,
        needs,
    }
}

const fn tcp(
    name: &'static str,
    (concurrency, allocation, unit): (Concurrency, Allocation, WorkUnit),
    phrase: &'static str,
    summary: &'static str,
    serve: ServeTcp,
    source: &'static str,
) -> Design {
    let (serve, needs) = (Serve::Tcp(serve), usual_needs(concurrency, allocation, 1));
    let answers_from_another_port = false;
    Design {
        name,
        concurrency,
        allocation,
        unit,
        phrase,
        summary,
        serve,
        answers_from_another_port,
        source,
        needs,
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

const fn descriptors(count: u32) -> Needs {
    let workers = NeededWorkers::None;
    Needs { descriptors: count, descriptors_each: 0, workers, io_uring: false }
}

impl Design {
    /// The design with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|design| design.name == name)
    }

    const fn answering_from_another_port(self) -> Self {
        Self { answers_from_another_port: true, ..self }
    }

    const fn needing(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    /// The same design with this many descriptors before it can serve, and for each worker.
    const fn opening(self, descriptors: u32, descriptors_each: u32) -> Self {
        Self { needs: Needs { descriptors, descriptors_each, ..self.needs }, ..self }
    }

    const fn with_workers(self, workers: NeededWorkers) -> Self {
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
