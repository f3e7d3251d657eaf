//! A simulated server and network: a whole run takes no real time, and its true results are known.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use protocol::{Refusal, Reply, Request};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;
use results::UnsentCause;

use super::{Event, Started, Transport, What};

/// How a simulated server works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SimulatedServer {
    /// One request after the other.
    Iterative,
    /// One request after the other, ever more slowly.
    Drifting {
        /// Growth of the service time per second, as a fraction of the first one.
        growth_per_s: f64,
    },
    /// A worker for each request. Creating one takes the master the time `creation`. The workers
    /// compute on one processor in the order of their creation, and wait without occupying it.
    WorkerPerRequest {
        /// Creation cost.
        creation: Duration,
    },
}

/// Faults, each with the fraction of requests that it affects (0 to 1).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Never answered.
    pub ignored: f64,
    /// Answered twice.
    pub doubled: f64,
    /// Refused by the server.
    pub refused: f64,
    /// The connection ends.
    pub reset: f64,
    /// Answered with the wrong size.
    pub wrong: f64,
    /// No port left.
    pub impossible: f64,
}

/// The start and the end of a time when a server does not respond, in nanoseconds.
pub type Pause = (u64, u64);

/// Simulated time, server and network.
pub struct SimulatedTransport {
    now_ns: u64,
    server: SimulatedServer,
    faults: Faults,
    pause: Option<Pause>,
    sending_ns: u64,
    chance: Pcg64,
    received: u64,
    master_free_ns: u64,
    processor_free_ns: u64,
    /// Events to come, soonest first; their number breaks ties in the order of sending.
    coming: BinaryHeap<Reverse<(u64, u64)>>,
    events: Vec<Option<Event>>,
}

impl SimulatedTransport {
    /// A server without faults.
    #[must_use]
    pub fn new(server: SimulatedServer) -> Self {
        Self::faulty(server, Faults::default(), None, 0)
    }

    /// A server with faults drawn from a seed, and perhaps a pause.
    #[must_use]
    pub fn faulty(
        server: SimulatedServer,
        faults: Faults,
        pause: Option<Pause>,
        seed: u64,
    ) -> Self {
        Self {
            now_ns: 0,
            server,
            faults,
            pause,
            sending_ns: 0,
            chance: Pcg64::new(u128::from(seed), 99),
            received: 0,
            master_free_ns: 0,
            processor_free_ns: 0,
            coming: BinaryHeap::new(),
            events: Vec::new(),
        }
    }

    /// The same, with a generator that needs the time `takes` to send each request.
    #[must_use]
    pub fn sending(self, takes: Duration) -> Self {
        Self { sending_ns: takes.as_nanos() as u64, ..self }
    }

    fn happens(&mut self, share: f64) -> bool {
        ((self.chance.next_u64() >> 11) as f64 / (1_u64 << 53) as f64) < share
    }

    /// Service start and end of a request that arrives now.
    fn serve(&mut self, request: &Request) -> (u64, u64) {
        let wait = request.work.wait.as_nanos() as u64;
        let compute = request.work.compute.as_nanos() as u64;
        let begin = self.now_ns.max(self.master_free_ns);
        let taken_up = match self.pause {
            Some((from, until)) if (from..until).contains(&begin) => until,
            _ => begin,
        };
        match self.server {
            SimulatedServer::Iterative => {
                self.master_free_ns = taken_up + compute + wait;
                (taken_up, self.master_free_ns)
            }
            SimulatedServer::Drifting { growth_per_s } => {
                let slower = 1.0 + growth_per_s * self.now_ns as f64 / 1e9;
                self.master_free_ns = taken_up + ((compute + wait) as f64 * slower) as u64;
                (taken_up, self.master_free_ns)
            }
            SimulatedServer::WorkerPerRequest { creation } => {
                self.master_free_ns = taken_up + creation.as_nanos() as u64;
                let computed = self.master_free_ns.max(self.processor_free_ns) + compute;
                self.processor_free_ns = computed;
                (taken_up, computed + wait)
            }
        }
    }

    /// Sends one request, and schedules the events that follow from it.
    fn send(&mut self, client: u32, request: &Request) -> Started {
        if self.happens(self.faults.impossible) {
            return Started::Impossible(UnsentCause::Ports);
        }
        if self.happens(self.faults.reset) {
            self.will_happen(self.now_ns, client, request.id, What::Reset);
            return Started::Sent(self.now_ns);
        }
        self.received += 1;
        if self.happens(self.faults.ignored) {
            return Started::Sent(self.now_ns);
        }
        let (taken_up_ns, finished_ns) = self.serve(request);
        let refusal = self.happens(self.faults.refused).then_some(Refusal::NoWorker);
        let too_long = u32::from(self.happens(self.faults.wrong));
        let reply = Reply {
            id: request.id,
            refusal,
            worker: 0,
            received_so_far: self.received,
            taken_up_ns,
            finished_ns,
            computed: request.work.compute,
            waited: request.work.wait,
            reply_size: request.reply_size + too_long,
        };
        let copies = 1 + u32::from(self.happens(self.faults.doubled));
        for _ in 0..copies {
            self.will_happen(finished_ns, client, request.id, What::Reply(reply));
        }
        Started::Sent(self.now_ns)
    }

    fn will_happen(&mut self, at_ns: u64, client: u32, id: u64, what: What) {
        self.coming.push(Reverse((at_ns, self.events.len() as u64)));
        self.events.push(Some(Event { at_ns, id: Some(id), client, what }));
    }
}

impl Transport for SimulatedTransport {
    const BATCH: usize = 1;

    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn start(&mut self, client: u32, request: &Request, _last: bool) -> Started {
        let started = self.send(client, request);
        self.now_ns += self.sending_ns;
        started
    }

    fn flush(&mut self) {}

    fn wait(&mut self, _now_ns: u64, until_ns: u64, _in_flight: usize, happened: &mut Vec<Event>) {
        let until_ns = until_ns.max(self.now_ns);
        match self.coming.peek() {
            Some(Reverse((at_ns, _))) if *at_ns <= until_ns => {
                self.now_ns = self.now_ns.max(*at_ns);
                while let Some(Reverse((at_ns, number))) = self.coming.peek().copied() {
                    if at_ns > self.now_ns {
                        break;
                    }
                    self.coming.pop();
                    happened.extend(self.events[number as usize].take());
                }
            }
            _ => self.now_ns = until_ns,
        }
    }

    fn abandon(&mut self, _id: u64) {}

    fn hiccups(&self) -> (u64, u64) {
        (0, 0)
    }
}
