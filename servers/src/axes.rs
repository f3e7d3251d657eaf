//! The classic axes of server design: concurrency, allocation and unit of work.

use std::fmt;

/// How many requests a server has in progress, as its clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// One at a time; the others queue in the kernel.
    Iterative,
    /// Several at once, each with its own worker.
    Concurrent,
    /// Several at once, on few threads that never wait for one request (apparent concurrency).
    Apparent,
}

/// When the workers of a design are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Never: the master serves.
    None,
    /// One for each request or connection, when it comes.
    OnDemand,
    /// All in advance.
    Preallocated,
    /// One for a request or connection that has proved long.
    Delayed,
}

/// How requests or connections reach the workers of a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// Whoever is free takes the next one from the kernel's queue, or the master does for a worker
    /// that it creates.
    Taken,
    /// One thread takes them all and hands each over to a worker.
    HandedOver,
    /// Each worker has clients of its own.
    Divided,
}

/// For how long a worker stays with what it has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// While a request computes; what waits is no thread's (apparent concurrency).
    Computing,
    /// Until the request is answered.
    Request,
    /// Until the client closes the connection.
    Connection,
}

/// What serves a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkUnit {
    /// The server itself, which has no workers.
    Master,
    /// A loop that serves several clients.
    Loop,
    /// A task of a runtime.
    Task,
    /// A thread.
    Thread,
    /// A process.
    Process,
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iterative => "iterative",
            Self::Concurrent => "concurrent",
            Self::Apparent => "apparent",
        })
    }
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::OnDemand => "on-demand",
            Self::Preallocated => "preallocated",
            Self::Delayed => "delayed",
        })
    }
}
