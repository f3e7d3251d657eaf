//! The table of designs.
//!
//! The command line, legends, tests and documentation read it. A new design is a file and a row
//! here.

use crate::axes::{Allocation, Concurrency, Intake, WorkUnit};
use crate::design::{Design, NeededWorkers, Needs, descriptors, tcp, udp};
use crate::{tcp, udp};
use Allocation::{Delayed, None, OnDemand, Preallocated};
use Concurrency::{Apparent, Concurrent, Iterative};
use Intake::{Divided, HandedOver};
use WorkUnit::{Loop, Master, Process, Task, Thread};

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
    )
    .with_intake(HandedOver),
    udp(
        "udp-work-stealing",
        (Concurrent, Preallocated, Thread),
        "a pool of threads that steal work",
        "one thread receives, a pool whose threads steal work answers",
        udp::work_stealing::serve,
        include_str!("udp/work_stealing.rs"),
    )
    .with_intake(HandedOver)
    .with_workers(NeededWorkers::All),
    udp(
        "udp-sharded",
        (Concurrent, Preallocated, Thread),
        "a thread per socket",
        "a socket for each worker, the kernel deals datagrams out",
        udp::sharded::serve,
        include_str!("udp/sharded.rs"),
    )
    .with_intake(Divided)
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
    )
    .with_intake(HandedOver),
    tcp(
        "tcp-passed-descriptors",
        (Concurrent, Preallocated, Process),
        "a pool of processes that are passed connections",
        "the master accepts and passes the socket to an idle process",
        tcp::passed_descriptors::serve,
        include_str!("tcp/passed_descriptors.rs"),
    )
    .with_intake(HandedOver)
    .opening(1, 1),
    tcp(
        "tcp-work-stealing",
        (Concurrent, Preallocated, Thread),
        "a pool of threads that steal work",
        "one thread accepts, a pool whose threads steal work converses",
        tcp::work_stealing::serve,
        include_str!("tcp/work_stealing.rs"),
    )
    .with_intake(HandedOver)
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
    .with_intake(Divided)
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
    .with_intake(HandedOver)
    .serving_single_requests()
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

impl Design {
    /// The design with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|design| design.name == name)
    }
}
