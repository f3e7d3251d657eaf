//! Sends what the plan holds when it is due, and sorts what comes back.

mod flight;
mod pacer;
mod simulated;
mod tcp;
mod udp;

use std::io;

use protocol::{Reply, Request};

pub use pacer::Pacing;
pub use simulated::{Faults, SimulatedServer, SimulatedTransport};
pub use tcp::TcpTransport;
pub use udp::UdpTransport;

use crate::plan::Plan;
use crate::recorder::{Ending, Recorder, RunLog};
use crate::schedule::Schedule;
use flight::Flight;

/// Time between the decision to start and the first instant of the plan, for the loop to be
/// ready.
const RUN_UP_NS: u64 = 1_000_000;

/// The longest the loop rests before it looks whether it should break off.
const LONGEST_REST_NS: u64 = 50_000_000;

/// Where requests go and replies come from, and the clock by which that happens.
pub trait Transport {
    /// Nanoseconds on the scale of all instants of a run.
    fn now_ns(&self) -> u64;

    /// Sends one request now, or makes the connection that will carry it.
    fn start(&mut self, client: u32, request: &Request) -> Started;

    /// Rests until something has happened or `until_ns` has come. `in_flight` tells whether
    /// anything can be expected.
    fn wait(&mut self, until_ns: u64, in_flight: usize, happened: &mut Vec<Event>);

    /// A request is given up; whatever was kept for it may go.
    fn abandon(&mut self, id: u64);

    /// How often the loop stood still for more than a millisecond, and the longest time.
    fn hiccups(&self) -> (u64, u64);
}

/// What became of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It is on its way.
    Sent,
    /// The kernel takes no more just now; the same request is to be tried again.
    Later,
    /// There is no port or descriptor for it.
    Impossible,
}

/// Something that happened to a request.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When it was noticed.
    pub at_ns: u64,
    /// Which request; `None` where only the socket is known.
    pub id: Option<u64>,
    /// The socket or connection's owner.
    pub client: u32,
    /// What happened.
    pub what: What,
}

/// What can happen to a request.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A reply.
    Reply(Reply),
    /// The kernel says that nobody listens.
    Refused,
    /// The connection ended.
    Reset,
    /// Bytes that are no reply.
    Wrong,
    /// The connection for it has been made.
    Connected {
        /// From the connect call.
        took_ns: u64,
    },
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// A socket could not be made.
    #[error("cannot make a socket for the load: {0}")]
    Socket(io::Error),
    /// The server cannot be reached.
    #[error("cannot connect to {target}: {source}; is the server running there?")]
    Connect {
        /// The address.
        target: std::net::SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another address than loopback without saying that it is meant.
    #[error(
        "{0} is not on this machine, and a load may harm it; give --allow-remote if that is meant"
    )]
    NotLoopback(std::net::SocketAddr),
}

/// Goes through the plan from beginning to end, or until `stop` says so; it is asked often.
pub fn drive(plan: &Plan, transport: &mut impl Transport, stop: &dyn Fn() -> bool) -> RunLog {
    let start_ns = transport.now_ns() + RUN_UP_NS;
    let mut run = Run {
        plan,
        start_ns,
        schedule: Schedule::new(plan),
        flight: Flight::for_plan(plan),
        recorder: Recorder::new(plan, start_ns),
        counted_until_ns: start_ns,
        happened: Vec::with_capacity(256),
    };
    while !stop() {
        run.start_what_is_due(transport, stop);
        run.give_up_what_is_overdue(transport);
        let Some(until_ns) = run.next_deadline_ns(transport.now_ns()) else { break };
        run.look(transport, until_ns);
    }
    run.finish(transport)
}

/// A run in progress.
struct Run<'a> {
    plan: &'a Plan,
    start_ns: u64,
    schedule: Schedule<'a>,
    flight: Flight,
    recorder: Recorder,
    counted_until_ns: u64,
    happened: Vec<Event>,
}

impl Run<'_> {
    /// Waits until something has happened or the time has come, and takes in what has.
    fn look(&mut self, transport: &mut impl Transport, until_ns: u64) {
        let mut happened = std::mem::take(&mut self.happened);
        transport.wait(until_ns, self.flight.len(), &mut happened);
        self.count_in_flight(transport.now_ns());
        for event in happened.drain(..) {
            self.handle(event);
        }
        self.happened = happened;
    }

    fn start_what_is_due(&mut self, transport: &mut impl Transport, stop: &dyn Fn() -> bool) {
        while let Some(due_ns) = self.schedule.next_due_ns() {
            if stop() || self.start_ns + due_ns > transport.now_ns() {
                return;
            }
            if self.flight.len() >= self.plan.spec.max_in_flight as usize {
                self.take_unsent();
                continue;
            }
            self.count_in_flight(transport.now_ns());
            let Some(planned) = self.schedule.peek() else { return };
            let request = Request {
                id: self.flight.next_id(),
                work: planned.work,
                request_size: planned.request_size,
                reply_size: planned.reply_size,
            };
            let started_ns = transport.now_ns();
            match transport.start(planned.client, &request) {
                Started::Sent => {
                    self.schedule.take();
                    let intended_ns = self.start_ns + due_ns;
                    let instants = self.flight.departed(&planned, intended_ns, started_ns);
                    self.recorder.sent(instants);
                    // In the midst of a burst replies come already; late stamps would be ours.
                    self.look(transport, 0);
                }
                Started::Later => return,
                Started::Impossible => self.take_unsent(),
            }
        }
    }

    fn take_unsent(&mut self) {
        if let Some(planned) = self.schedule.take() {
            let intended_ns = self.start_ns + planned.intended_ns;
            self.recorder.unsent(intended_ns, planned.rare);
            self.schedule.ended(planned.client, planned.intended_ns + self.retry_pause_ns());
        }
    }

    /// How long a closed loop's client pauses after a request that could not even be sent, so
    /// that it does not try for ever at one instant.
    fn retry_pause_ns(&self) -> u64 {
        self.plan.spec.timeout.as_nanos() as u64
    }

    fn give_up_what_is_overdue(&mut self, transport: &mut impl Transport) {
        let now_ns = transport.now_ns();
        let timeout_ns = self.plan.spec.timeout.as_nanos() as u64;
        while let Some(overdue) = self.flight.take_started_by(now_ns.saturating_sub(timeout_ns)) {
            transport.abandon(overdue.id);
            self.end(&overdue, now_ns, Ending::TimedOut);
        }
    }

    /// When the loop must act next by itself; `None` when the run is over.
    fn next_deadline_ns(&self, now_ns: u64) -> Option<u64> {
        let due = self.schedule.next_due_ns().map(|due_ns| self.start_ns + due_ns);
        let timeout_ns = self.plan.spec.timeout.as_nanos() as u64;
        let overdue = self.flight.oldest_started_ns().map(|started| started + timeout_ns);
        let next = [due, overdue].into_iter().flatten().min()?;
        Some(next.min(now_ns + LONGEST_REST_NS))
    }

    fn count_in_flight(&mut self, now_ns: u64) {
        self.recorder.in_flight(self.flight.len(), self.counted_until_ns, now_ns);
        self.counted_until_ns = now_ns.max(self.counted_until_ns);
    }

    fn handle(&mut self, event: Event) {
        let id = event.id.or_else(|| self.flight.oldest_of(event.client));
        match event.what {
            What::Reply(reply) => self.handle_reply(id, event.at_ns, &reply),
            What::Connected { took_ns } => {
                let intended = id.and_then(|id| self.flight.intended_ns(id));
                self.recorder.connected(intended.unwrap_or(0), took_ns);
            }
            What::Refused => self.end_by_id(id, event.at_ns, Ending::Refused),
            What::Reset => self.end_by_id(id, event.at_ns, Ending::Reset),
            What::Wrong => self.end_by_id(id, event.at_ns, Ending::Wrong),
        }
    }

    fn handle_reply(&mut self, id: Option<u64>, at_ns: u64, reply: &Reply) {
        let Some(departed) = id.and_then(|id| self.flight.take(id)) else {
            if id.is_some_and(|id| self.flight.was_given_up(id)) {
                self.recorder.late(reply);
            } else {
                self.recorder.duplicate(reply);
            }
            return;
        };
        if reply.refusal.is_some() {
            self.recorder.reply_seen(reply);
            self.end(&departed, at_ns, Ending::Refused);
        } else if reply.reply_size != departed.reply_size {
            self.recorder.reply_seen(reply);
            self.end(&departed, at_ns, Ending::Wrong);
        } else {
            self.recorder.answered(departed.instants, at_ns, departed.rare, reply);
            self.schedule.ended(departed.client, at_ns.saturating_sub(self.start_ns));
        }
    }

    fn end_by_id(&mut self, id: Option<u64>, at_ns: u64, ending: Ending) {
        if let Some(departed) = id.and_then(|id| self.flight.take(id)) {
            self.end(&departed, at_ns, ending);
        }
    }

    fn end(&mut self, departed: &flight::Departed, at_ns: u64, ending: Ending) {
        self.recorder.unanswered(departed.instants, departed.rare, ending);
        self.schedule.ended(departed.client, at_ns.saturating_sub(self.start_ns));
    }

    /// Accounts for whatever is left where the run was broken off.
    fn finish(mut self, transport: &impl Transport) -> RunLog {
        let now_ns = transport.now_ns();
        self.count_in_flight(now_ns);
        let broken_off = self.flight.len() > 0 || self.schedule.next_due_ns().is_some();
        while let Some(departed) = self.flight.take_started_by(u64::MAX) {
            let since_ns = now_ns.saturating_sub(departed.instants.started_ns);
            self.recorder.unanswered(departed.instants, departed.rare, Ending::InFlight(since_ns));
        }
        // What was due and not sent is unsent; what was not due yet was never part of this run.
        while self.schedule.next_due_ns().is_some_and(|due_ns| self.start_ns + due_ns <= now_ns) {
            let Some(planned) = self.schedule.take() else { break };
            self.recorder.unsent(self.start_ns + planned.intended_ns, planned.rare);
        }
        let mut log = self.recorder.finish();
        log.wall_ns = now_ns.saturating_sub(self.start_ns);
        log.broken_off = broken_off;
        (log.hiccups, log.longest_hiccup_ns) = transport.hiccups();
        debug_assert!(log.counts.balance(), "every request in one class: {:?}", log.counts);
        log
    }
}
