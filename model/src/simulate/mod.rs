//! A simulator of server designs on machines of any size, in nanoseconds.
//!
//! A design is a [`Station`] on some cores, with what its steps cost ([`Costs`]). [`Machine`] follows
//! every request event by event; [`FirstCome`] is the fast way for the stations that serve in order
//! and do not compete for cores. Both are deterministic: only additions, comparisons and divisions
//! of the given numbers.

mod cores;
mod first_come;
mod follow;
mod lanes;
mod machine;
mod order;
mod plan;

pub use first_come::FirstCome;
pub use follow::follow;
pub use machine::Machine;
pub use plan::{Followed, follow_plan};

/// How a server works, as a simulator sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Station {
    /// Workers that exist beforehand. One of them makes the iterative server; one that a wait frees
    /// makes the event loop.
    Workers {
        /// How many.
        count: u32,
        /// How requests reach them.
        queue: Queue,
        /// What a worker stays with.
        stays: Stays,
        /// Processor time that handing a request over to its worker costs.
        handover_ns: f64,
    },
    /// A worker that a master creates when a request or a connection comes. The master creates one
    /// after the other, and waits while there are as many as the limit.
    OnDemand {
        /// The most at once.
        limit: u32,
        /// What a worker stays with: a request or a connection.
        stays: Stays,
    },
    /// A receiver that serves by itself; when a request outlasts the patience, the port gets a new
    /// receiver.
    Delayed {
        /// How long a request may run before that.
        patience_ns: f64,
        /// The most workers at once.
        limit: u32,
    },
}

/// How requests reach workers that exist beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// One queue; the worker that is free first takes the next.
    Central,
    /// A queue for each worker; a client's requests always go to the same one.
    OfItsOwn,
}

/// For how long a worker stays with what it has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// While the request computes; a wait frees it for others (apparent concurrency).
    Computing,
    /// Until the request is answered.
    Request,
    /// Until the connection is closed.
    Connection,
}

/// What the steps of a server cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// Processor time of every request besides its processing: receive, parse, reply.
    pub request_ns: f64,
    /// Processor time of the master to create a worker; the next request waits for it.
    pub creation_ns: f64,
    /// From there to the worker's first instruction.
    pub start_ns: f64,
    /// Processor time at the end of a wait: the timer, and the worker's return to a core. It is the end
    /// of the wait, so that a worker that competes with none waits no longer than its request asks for.
    pub resume_ns: f64,
    /// How long a worker stays with a request that it has answered, without computing: until its client
    /// has closed the connection.
    pub linger_ns: f64,
    /// From an arrival to the first instruction of a worker that was idle.
    pub wakeup_ns: f64,
}

/// The computer on which a station runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Computer {
    /// Processors for the server.
    pub cores: u32,
    /// Time slice of threads that compete for them; 0 shares them evenly (processor sharing).
    pub slice_ns: f64,
    /// Requests that may wait for a worker; `None` for any number. Requests on kept connections wait on
    /// their connections, without limit.
    pub room: Option<u32>,
    /// Whether the requests of a client are served one after the other, as on a kept connection.
    pub in_turn: bool,
}

impl Default for Computer {
    fn default() -> Self {
        Self { cores: 1, slice_ns: 0.0, room: None, in_turn: false }
    }
}

/// A request that arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// Its number; the answer has the same.
    pub id: u64,
    /// Its client; with kept connections, its connection.
    pub client: u32,
    /// Processor time that it asks for.
    pub compute_ns: f64,
    /// Waiting that it asks for, after the computing.
    pub wait_ns: f64,
    /// Whether its connection is closed after it.
    pub last: bool,
}

/// An answered request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Done {
    /// The request.
    pub job: Job,
    /// When a worker took it up.
    pub taken_up_ns: f64,
    /// When it was answered.
    pub at_ns: f64,
}
