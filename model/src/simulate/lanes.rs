//! Requests that wait for a worker: in one line, or in one for each worker or connection.

use std::collections::{BTreeMap, VecDeque};

use super::Job;

/// A line of requests, each with the instant at which it came.
pub(super) type Lane = VecDeque<Job>;

/// Connections whose worker stays with them, and those that wait for a worker.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// What the served connections have still to be served, by client.
    served: BTreeMap<u32, Lane>,
    /// Whether the worker of a served connection is busy.
    busy: BTreeMap<u32, bool>,
    /// Connections without a worker, in the order in which they came.
    waiting: VecDeque<u32>,
    /// Their requests.
    held: BTreeMap<u32, Lane>,
}

/// Where a request of a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To the idle worker of its connection.
    Worker,
    /// Behind others of its connection, which has a worker.
    Behind,
    /// Its connection is new, and waits for a worker.
    New,
    /// Its connection waits already.
    Waiting,
}

impl Connections {
    /// Adds a request.
    pub(super) fn add(&mut self, job: Job) -> Place {
        if let Some(lane) = self.served.get_mut(&job.client) {
            let busy = self.busy.entry(job.client).or_default();
            if !*busy {
                *busy = true;
                return Place::Worker;
            }
            lane.push_back(job);
            return Place::Behind;
        }
        let lane = self.held.entry(job.client).or_default();
        lane.push_back(job);
        if lane.len() > 1 {
            return Place::Waiting;
        }
        self.waiting.push_back(job.client);
        Place::New
    }

    /// Gives the connection that has waited longest a worker; returns its first request.
    pub(super) fn accept(&mut self) -> Option<Job> {
        let client = self.waiting.pop_front()?;
        let mut lane = self.held.remove(&client).unwrap_or_default();
        let first = lane.pop_front()?;
        self.served.insert(client, lane);
        self.busy.insert(client, true);
        Some(first)
    }

    /// After an answer: the connection's next request; with none, its worker is idle.
    pub(super) fn go_on(&mut self, client: u32) -> Option<Job> {
        let next = self.served.get_mut(&client).and_then(VecDeque::pop_front);
        self.busy.insert(client, next.is_some());
        next
    }

    /// Ends a connection; its worker is free.
    pub(super) fn close(&mut self, client: u32) {
        self.served.remove(&client);
        self.busy.remove(&client);
    }
}
