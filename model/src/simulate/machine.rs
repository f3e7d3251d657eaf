//! A station on its cores, followed event by event.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::cores::Cores;
use super::lanes::{Connections, Lane, Place};
use super::order::{Instant, Timed};
use super::{Computer, Costs, Done, Job, Queue, Station, Stays};

/// A server on a computer, in simulated time.
///
/// Requests are handed to [`Machine::arrive`] in the order of their instants; [`Machine::advance`]
/// follows what happens until an instant and returns the answers. Clients that wait for an answer
/// before they ask again need no more than that.
#[derive(Debug)]
pub struct Machine {
    station: Station,
    costs: Costs,
    room: usize,
    now_ns: f64,
    cores: Cores<Step>,
    timers: BinaryHeap<Reverse<Timed<Event>>>,
    entries: u64,
    /// Requests that wait for any worker, or for the master.
    line: Lane,
    /// Requests that wait for one worker, and whether it is idle.
    lanes: Vec<(Lane, bool)>,
    connections: Connections,
    /// Clients whose requests are served in turn, of which one is in progress, and what they have sent
    /// since; `None` where requests of a client may overlap.
    in_turn: Option<BTreeMap<u32, Lane>>,
    /// Idle workers behind the common line.
    idle: u32,
    /// Workers that were created on demand, or receivers.
    workers: u32,
    master_is_busy: bool,
    port: Port,
    computed_ns: f64,
    done: Vec<Done>,
}

/// Who receives on the port (delayed allocation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// A receiver that waits for a request.
    Free,
    /// The receiver serves the request of this turn, and may yet take the next.
    Serves(u64),
    /// A new receiver is being created.
    Created,
    /// There are as many workers as allowed; the next that ends makes room for a receiver.
    Lacking,
}

/// What a thread computes.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The master creates the worker of a request; whether it was idle when that came.
    Create(Job, bool),
    /// The last receiver's successor is created.
    CreateReceiver,
    /// A worker processes.
    Process(Served),
    /// A worker returns from a wait.
    Resume(Served),
}

/// A request with its worker.
#[derive(Clone, Copy, Debug)]
struct Served {
    job: Job,
    taken_up_ns: f64,
    /// Which worker's own line it came through.
    lane: usize,
    /// The receiver's turn (delayed allocation).
    turn: u64,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A worker that was created runs its first instruction.
    Started(Job),
    /// The new receiver does.
    ReceiverStarted,
    /// An idle worker runs.
    Woken(Served),
    /// A request has waited.
    WaitOver(Served),
    /// The client of an answered request has closed its connection.
    Left(Served),
    /// The receiver's patience ends.
    PatienceOver(u64),
}

impl Machine {
    /// An idle server.
    #[must_use]
    pub fn new(station: Station, costs: Costs, computer: Computer) -> Self {
        let (idle, own) = match station {
            Station::Workers { count, queue: Queue::Central, .. } => (count, 0),
            Station::Workers { count, queue: Queue::OfItsOwn, .. } => (0, count),
            Station::OnDemand { .. } | Station::Delayed { .. } => (0, 0),
        };
        Self {
            station,
            costs,
            room: computer.room.map_or(usize::MAX, |room| room as usize),
            now_ns: 0.0,
            cores: Cores::new(computer.cores, computer.slice_ns),
            timers: BinaryHeap::new(),
            entries: 0,
            line: Lane::new(),
            lanes: vec![(Lane::new(), true); own as usize],
            connections: Connections::default(),
            in_turn: computer.in_turn.then(BTreeMap::new),
            idle,
            workers: u32::from(matches!(station, Station::Delayed { .. })),
            master_is_busy: false,
            port: Port::Free,
            computed_ns: 0.0,
            done: Vec::new(),
        }
    }

    /// Processor time used so far, that of computing in progress included.
    #[must_use]
    pub fn computed_ns(&self) -> f64 {
        self.computed_ns
    }

    /// When something happens next, if no request arrives before.
    #[must_use]
    pub fn next_ns(&self) -> Option<f64> {
        let timer = self.timers.peek().map(|Reverse(timer)| timer.at.0);
        match (timer, self.cores.next_ns()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Follows what happens until `until_ns`, and adds the answers to `done` in their order.
    pub fn advance(&mut self, until_ns: f64, done: &mut Vec<Done>) {
        while let Some(next_ns) = self.next_ns().filter(|next_ns| *next_ns <= until_ns) {
            self.now_ns = self.now_ns.max(next_ns);
            let is_timer = self.timers.peek().is_some_and(|Reverse(timer)| timer.at.0 <= next_ns);
            if is_timer && let Some(Reverse(timer)) = self.timers.pop() {
                self.happen(timer.what);
            } else if let Some(step) = self.cores.end(next_ns) {
                self.computed(step);
            }
        }
        self.now_ns = self.now_ns.max(until_ns);
        done.append(&mut self.done);
    }

    /// A request arrives at `at_ns`, up to which [`Self::advance`] was called. Returns whether there
    /// was room for it; otherwise it is lost.
    pub fn arrive(&mut self, at_ns: f64, job: Job) -> bool {
        self.now_ns = self.now_ns.max(at_ns);
        if let Some(clients) = &mut self.in_turn {
            if let Some(waiting) = clients.get_mut(&job.client) {
                waiting.push_back(job);
                return true;
            }
            clients.insert(job.client, Lane::new());
        }
        let fits = self.admit(job);
        if !fits && let Some(clients) = &mut self.in_turn {
            clients.remove(&job.client);
        }
        fits
    }

    /// Lets a request in, of whose client none is in progress if that matters.
    fn admit(&mut self, job: Job) -> bool {
        match self.station {
            Station::Workers { stays: Stays::Connection, .. }
            | Station::OnDemand { stays: Stays::Connection, .. } => self.arrive_on_connection(job),
            Station::Workers { queue: Queue::Central, .. } if self.idle > 0 => {
                self.idle -= 1;
                self.take_up(job, 0, true);
                true
            }
            Station::Workers { queue: Queue::OfItsOwn, .. } => {
                let lane = lane_of(job.client, self.lanes.len());
                let room = self.room;
                let (waiting, is_idle) = &mut self.lanes[lane];
                if std::mem::take(is_idle) {
                    self.take_up(job, lane, true);
                    return true;
                }
                let fits = waiting.len() < room;
                if fits {
                    waiting.push_back(job);
                }
                fits
            }
            _ => {
                let fits = self.line.len() < self.room || self.is_taken_at_once();
                if fits {
                    self.line.push_back(job);
                    self.serve_the_line(true);
                }
                fits
            }
        }
    }

    /// Whether the next request in the line does not have to wait there.
    fn is_taken_at_once(&self) -> bool {
        match self.station {
            Station::Workers { .. } => false,
            Station::OnDemand { limit, .. } => !self.master_is_busy && self.workers < limit,
            Station::Delayed { .. } => self.port == Port::Free,
        }
    }

    fn arrive_on_connection(&mut self, job: Job) -> bool {
        match self.connections.add(job) {
            Place::Worker => self.take_up(job, 0, true),
            Place::New => self.serve_the_line(true),
            Place::Behind | Place::Waiting => {}
        }
        true
    }

    /// Gives what has waited longest a worker, if there is one or may be one. `was_idle` is whether
    /// nothing was going on at the port before.
    fn serve_the_line(&mut self, was_idle: bool) {
        match self.station {
            Station::Workers { stays: Stays::Connection, .. } => {
                if self.idle > 0
                    && let Some(job) = self.connections.accept()
                {
                    self.idle -= 1;
                    self.take_up(job, 0, true);
                }
            }
            Station::Workers { .. } => {}
            Station::OnDemand { limit, stays } => {
                while !self.master_is_busy && self.workers < limit {
                    let next = match stays {
                        Stays::Connection => self.connections.accept(),
                        Stays::Computing | Stays::Request => self.line.pop_front(),
                    };
                    let Some(job) = next else { return };
                    self.workers += 1;
                    if self.costs.creation_ns > 0.0 {
                        self.master_is_busy = true;
                        self.compute(self.costs.creation_ns, Step::Create(job, was_idle));
                    } else {
                        self.created(job, was_idle);
                    }
                }
            }
            Station::Delayed { patience_ns, .. } => {
                if self.port == Port::Free
                    && let Some(job) = self.line.pop_front()
                {
                    self.entries += 1;
                    let turn = self.entries;
                    self.port = Port::Serves(turn);
                    self.set_timer(patience_ns, Event::PatienceOver(turn));
                    self.begin(Served { job, taken_up_ns: self.now_ns, lane: 0, turn }, was_idle);
                }
            }
        }
    }

    fn take_up(&mut self, job: Job, lane: usize, was_idle: bool) {
        self.begin(Served { job, taken_up_ns: self.now_ns, lane, turn: 0 }, was_idle);
    }

    fn begin(&mut self, served: Served, was_idle: bool) {
        if was_idle && self.costs.wakeup_ns > 0.0 {
            self.set_timer(self.costs.wakeup_ns, Event::Woken(served));
        } else {
            self.process(served);
        }
    }

    fn process(&mut self, served: Served) {
        let extra_ns = match self.station {
            Station::Workers { handover_ns, .. } => handover_ns,
            Station::OnDemand { .. } | Station::Delayed { .. } => 0.0,
        };
        let demand_ns = self.costs.request_ns + extra_ns + served.job.compute_ns;
        self.compute(demand_ns, Step::Process(served));
    }

    fn compute(&mut self, demand_ns: f64, step: Step) {
        self.computed_ns += demand_ns;
        self.cores.begin(self.now_ns, demand_ns, step);
    }

    fn set_timer(&mut self, after_ns: f64, what: Event) {
        self.entries += 1;
        let at = Instant(self.now_ns + after_ns, self.entries);
        self.timers.push(Reverse(Timed { at, what }));
    }

    /// A thread has computed.
    fn computed(&mut self, step: Step) {
        match step {
            Step::Create(job, was_idle) => {
                self.master_is_busy = false;
                self.created(job, was_idle);
                self.serve_the_line(false);
            }
            Step::CreateReceiver => self.set_timer(self.costs.start_ns, Event::ReceiverStarted),
            Step::Process(served) => {
                if self.stays() == Stays::Computing {
                    self.release(served.lane);
                }
                if served.job.wait_ns > 0.0 {
                    let timer_ns = (served.job.wait_ns - self.costs.resume_ns).max(0.0);
                    self.set_timer(timer_ns, Event::WaitOver(served));
                } else {
                    self.answer(served);
                }
            }
            Step::Resume(served) => self.answer(served),
        }
    }

    /// The worker of a request has been created, and starts.
    fn created(&mut self, job: Job, was_idle: bool) {
        let wakeup_ns = if was_idle { self.costs.wakeup_ns } else { 0.0 };
        let after_ns = wakeup_ns + self.costs.start_ns;
        if after_ns > 0.0 {
            self.set_timer(after_ns, Event::Started(job));
        } else {
            self.take_up(job, 0, false);
        }
    }

    fn stays(&self) -> Stays {
        match self.station {
            Station::Workers { stays, .. } | Station::OnDemand { stays, .. } => stays,
            Station::Delayed { .. } => Stays::Request,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Started(job) => self.take_up(job, 0, false),
            Event::ReceiverStarted => {
                self.port = Port::Free;
                self.serve_the_line(false);
            }
            Event::Woken(served) => self.process(served),
            Event::WaitOver(served) if self.costs.resume_ns > 0.0 => {
                self.compute(self.costs.resume_ns, Step::Resume(served));
            }
            Event::WaitOver(served) => self.answer(served),
            Event::Left(served) => self.leave(served),
            Event::PatienceOver(turn) => {
                if self.port == Port::Serves(turn) {
                    self.create_receiver();
                }
            }
        }
    }

    fn create_receiver(&mut self) {
        let Station::Delayed { limit, .. } = self.station else { return };
        if self.workers >= limit {
            self.port = Port::Lacking;
            return;
        }
        self.workers += 1;
        self.port = Port::Created;
        self.compute(self.costs.creation_ns, Step::CreateReceiver);
    }

    /// A request is answered.
    fn answer(&mut self, served: Served) {
        let Served { job, taken_up_ns, .. } = served;
        self.done.push(Done { job, taken_up_ns, at_ns: self.now_ns });
        if self.costs.linger_ns > 0.0 {
            self.set_timer(self.costs.linger_ns, Event::Left(served));
        } else {
            self.leave(served);
        }
    }

    /// The worker of an answered request goes on.
    fn leave(&mut self, served: Served) {
        let Served { job, lane, turn, .. } = served;
        self.go_on(served, lane, turn);
        // The client's next request; one that finds no room is never answered.
        while let Some(next) = self.next_in_turn(job.client) {
            if self.admit(next) {
                break;
            }
        }
    }

    /// What a client has sent since its request in progress; without any, none of its is in progress.
    fn next_in_turn(&mut self, client: u32) -> Option<Job> {
        let clients = self.in_turn.as_mut()?;
        let next = clients.get_mut(&client).and_then(Lane::pop_front);
        if next.is_none() {
            clients.remove(&client);
        }
        next
    }

    /// What a worker does after a request, by its station.
    fn go_on(&mut self, served: Served, lane: usize, turn: u64) {
        let job = served.job;
        match (self.station, self.stays()) {
            (_, Stays::Computing) => {}
            (Station::Workers { .. }, Stays::Request) => self.release(lane),
            (Station::OnDemand { .. }, Stays::Request) => {
                self.workers -= 1;
                self.serve_the_line(false);
            }
            (Station::Delayed { .. }, _) if self.port == Port::Serves(turn) => {
                self.port = Port::Free;
                self.serve_the_line(false);
            }
            (Station::Delayed { .. }, _) => {
                self.workers -= 1;
                if self.port == Port::Lacking {
                    self.create_receiver();
                }
            }
            (_, Stays::Connection) if job.last => self.close(job.client),
            (_, Stays::Connection) => {
                if let Some(next) = self.connections.go_on(job.client) {
                    self.take_up(next, 0, false);
                }
            }
        }
    }

    /// A connection is closed; its worker ends, or takes the next.
    fn close(&mut self, client: u32) {
        self.connections.close(client);
        if let Station::OnDemand { .. } = self.station {
            self.workers -= 1;
            self.serve_the_line(false);
        } else {
            match self.connections.accept() {
                Some(job) => self.take_up(job, 0, false),
                None => self.idle += 1,
            }
        }
    }

    /// A worker is free, and takes the next request of its line.
    fn release(&mut self, lane: usize) {
        let next = match self.lanes.get_mut(lane) {
            Some((waiting, is_idle)) => {
                let next = waiting.pop_front();
                *is_idle = next.is_none();
                next
            }
            None => {
                let next = self.line.pop_front();
                self.idle += u32::from(next.is_none());
                next
            }
        };
        if let Some(job) = next {
            self.take_up(job, lane, false);
        }
    }
}

/// The worker with a line of its own to which a client belongs: chosen by a hash, as the kernel chooses a
/// socket by the client's address (the finaliser of SplitMix64).
fn lane_of(client: u32, lanes: usize) -> usize {
    let mut mixed = (u64::from(client) ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) % lanes.max(1) as u64) as usize
}
