//! Drives one generator through its shard of a plan.

use protocol::{Reply, Request};
use results::{Notes, UnsentCause};
use workload::{Plan, Schedule, Shard};

use super::flight::{self, Flight, MOST_IN_FLIGHT};
use super::transport::{Event, Started, Transport, What};
use crate::progress::Progress;
use crate::recorder::{Ending, Instants, Recorder};

/// Nanoseconds from the call of [`drive`] to the first instant of the plan, so that the loop is
/// running when the first request is due.
const RUN_UP_NS: u64 = 1_000_000;

/// The longest rest of the loop in nanoseconds; after it the loop checks `stop`.
const LONGEST_REST_NS: u64 = 50_000_000;

/// Lag in nanoseconds beyond which requests are started in batches of [`LARGE_BATCH`]. A generator
/// this late cannot stamp replies promptly any more.
const HOPELESSLY_LATE_NS: u64 = 100_000;

/// Requests started before the generator looks for replies, in a closed loop or when it is later
/// than [`HOPELESSLY_LATE_NS`]. Otherwise it looks after [`Transport::BATCH`] requests, so that
/// replies are stamped promptly.
const LARGE_BATCH: usize = 64;

/// The longest time in nanoseconds spent on reading what has arrived before overdue requests are
/// given up. It bounds the delay if a server sends without end.
const LONGEST_LOOK_NS: u64 = 50_000_000;

/// Drives one shard of a plan from beginning to end, or until `stop` returns true. `stop` is called
/// often. Several generators of one plan start together at `start_ns` if that instant is still to
/// come.
pub fn drive(
    plan: &Plan,
    shard: Shard,
    start_ns: u64,
    transport: &mut impl Transport,
    progress: &Progress,
    stop: &dyn Fn() -> bool,
) -> Notes {
    let start_ns = start_ns.max(transport.now_ns() + RUN_UP_NS);
    let spec = &plan.spec;
    let mut run = Run {
        closed: plan.is_closed(),
        sessions: plan.spec.session.is_some(),
        timeout_ns: spec.timeout.as_nanos() as u64,
        most_in_flight: shard.part_of(spec.max_in_flight).clamp(1, MOST_IN_FLIGHT) as usize,
        given_up_ns: (start_ns + plan.window_end_ns())
            .saturating_add(spec.timeout.as_nanos() as u64),
        start_ns,
        numbers: transport.numbers_requests().then(Vec::new),
        schedule: Schedule::new(plan, shard),
        flight: Flight::new(),
        recorder: Recorder::new(plan, start_ns),
        progress,
        counted_until_ns: start_ns,
        latest_answered_ns: 0,
        refusals_left: transport.most_refusals(),
        stamped: None,
        left: Vec::new(),
        happened: Vec::with_capacity(256),
    };
    let mut now_ns = transport.now_ns();
    while !stop() && run.refusals_left > 0 {
        now_ns = run.start_what_is_due(transport, now_ns, stop);
        now_ns = run.give_up_what_is_overdue(transport, now_ns, stop);
        let Some(until_ns) = run.next_deadline_ns(now_ns) else { break };
        now_ns = run.look(transport, now_ns, until_ns);
    }
    run.finish(transport)
}

/// A run in progress.
struct Run<'a> {
    closed: bool,
    sessions: bool,
    timeout_ns: u64,
    most_in_flight: usize,
    /// The instant after which nothing more is sent: a rate that cannot be reached must not prolong
    /// the run without limit.
    given_up_ns: u64,
    start_ns: u64,
    /// How many requests each client has sent, where replies have that number.
    numbers: Option<Vec<u64>>,
    schedule: Schedule<'a>,
    flight: Flight,
    recorder: Recorder,
    progress: &'a Progress,
    counted_until_ns: u64,
    /// The latest send instant of the requests answered so far.
    latest_answered_ns: u64,
    /// Refusals by the kernel still allowed before the run ends because no server listens;
    /// `u64::MAX` once anything else has arrived.
    refusals_left: u64,
    /// The request that the next reply names, and the kernel's stamp of that reply.
    stamped: Option<(u64, u64)>,
    /// Clients whose session ended early, of which the transport is still to be notified.
    left: Vec<u32>,
    happened: Vec<Event>,
}

impl Run<'_> {
    /// Waits until an event occurs or `until_ns` is reached, and handles the events. Returns the
    /// time: that of the last event, which saves a reading of the clock, or else the current time.
    fn look(&mut self, transport: &mut impl Transport, now_ns: u64, until_ns: u64) -> u64 {
        let mut happened = std::mem::take(&mut self.happened);
        transport.wait(now_ns, until_ns, self.flight.len(), &mut happened);
        let at_ns = happened.last().map_or_else(|| transport.now_ns(), |event| event.at_ns);
        for event in happened.drain(..) {
            self.handle(event);
        }
        self.happened = happened;
        self.release_ended(transport);
        at_ns.max(now_ns)
    }

    fn release_ended(&mut self, transport: &mut impl Transport) {
        for client in self.left.drain(..) {
            transport.leave(client);
        }
    }

    /// Starts all requests that are due; returns the time afterwards.
    fn start_what_is_due<T: Transport>(
        &mut self,
        transport: &mut T,
        mut now_ns: u64,
        stop: &dyn Fn() -> bool,
    ) -> u64 {
        let mut waiting = 0;
        while let Some(planned) = self.schedule.peek().copied() {
            let intended_ns = self.start_ns + planned.intended_ns;
            if intended_ns > now_ns {
                break;
            }
            let is_over = now_ns > self.given_up_ns;
            if is_over || self.flight.len() >= self.most_in_flight {
                self.take_unsent(
                    now_ns,
                    if is_over { UnsentCause::Time } else { UnsentCause::Places },
                );
                if stop() {
                    break;
                }
                continue;
            }
            let request = Request {
                id: self.flight.next_id(),
                work: planned.work,
                request_size: planned.request_size,
                reply_size: planned.reply_size,
            };
            match transport.start(planned.client, &request, planned.last) {
                Started::Sent(started_ns) => {
                    self.schedule.take();
                    now_ns = started_ns;
                    self.count_in_flight(now_ns);
                    let instants = Instants { intended_ns, started_ns };
                    let socket = transport.socket_of(planned.client);
                    let number = self.next_number(planned.client);
                    self.flight.sent(&planned, socket, number, instants);
                    self.recorder.sent(instants, planned.arrival);
                    let processing_ns = planned.work.total().as_nanos() as u64;
                    self.progress.sent_one(processing_ns, self.flight.len());
                    waiting += 1;
                }
                Started::Later => break,
                Started::Impossible(lack) => self.take_unsent(now_ns, lack),
            }
            let hopeless = now_ns > intended_ns + HOPELESSLY_LATE_NS;
            if waiting >= if self.closed || hopeless { LARGE_BATCH } else { T::BATCH } {
                transport.flush();
                waiting = 0;
                // Replies arrive while a burst is being sent; reading them late makes stamps late.
                now_ns = self.look(transport, now_ns, 0);
                if stop() {
                    break;
                }
            }
        }
        transport.flush();
        now_ns
    }

    /// The number of a client's next request, from 0; always 0 where replies do not have it.
    fn next_number(&mut self, client: u32) -> u64 {
        let Some(numbers) = &mut self.numbers else { return 0 };
        let client = client as usize;
        numbers.resize(numbers.len().max(client + 1), 0);
        numbers[client] += 1;
        numbers[client] - 1
    }

    fn take_unsent(&mut self, now_ns: u64, lack: UnsentCause) {
        if let Some(planned) = self.schedule.take() {
            self.recorder.unsent(self.start_ns + planned.intended_ns, planned.rare, lack);
            // A client that cannot send pauses; otherwise it would retry for ever at one instant.
            let again_ns = now_ns.saturating_sub(self.start_ns).saturating_add(self.timeout_ns);
            self.schedule.ended(planned.client, again_ns, false);
            if self.sessions {
                self.left.push(planned.client);
            }
        }
    }

    /// Gives up the requests whose time-out has passed. Replies that have arrived are read first: a
    /// generator that stood still must not blame its own lateness on the server.
    fn give_up_what_is_overdue(
        &mut self,
        transport: &mut impl Transport,
        now_ns: u64,
        stop: &dyn Fn() -> bool,
    ) -> u64 {
        let by_ns = now_ns.saturating_sub(self.timeout_ns);
        let is_overdue = |flight: &Flight| flight.oldest_started_ns().is_some_and(|at| at <= by_ns);
        if !is_overdue(&self.flight) {
            return now_ns;
        }
        let mut later_ns = self.look(transport, now_ns, 0);
        while transport.has_unread() && later_ns < now_ns + LONGEST_LOOK_NS && !stop() {
            later_ns = self.look(transport, later_ns, 0);
        }
        while is_overdue(&self.flight) {
            self.count_in_flight(later_ns);
            let Some(overdue) = self.flight.take_started_by(by_ns) else { break };
            transport.abandon(overdue.id);
            self.progress.timed_out();
            self.end(&overdue, later_ns, Ending::TimedOut);
        }
        self.release_ended(transport);
        later_ns
    }

    /// When the loop must act next without an event; `None` when the run is over.
    fn next_deadline_ns(&self, now_ns: u64) -> Option<u64> {
        let due = self.schedule.next_due_ns().map(|due_ns| self.start_ns + due_ns);
        let given_up = |started: u64| started.saturating_add(self.timeout_ns);
        let overdue = self.flight.oldest_started_ns().map(given_up);
        let next = [due, overdue].into_iter().flatten().min()?;
        Some(next.min(now_ns + LONGEST_REST_NS))
    }

    /// Records how many requests were in flight until now; to be called before that number changes.
    fn count_in_flight(&mut self, now_ns: u64) {
        self.recorder.in_flight(self.flight.len(), self.counted_until_ns, now_ns);
        self.counted_until_ns = now_ns.max(self.counted_until_ns);
    }

    fn handle(&mut self, event: Event) {
        let id = match event.what {
            What::Connected { .. } => event.id,
            _ => event.id.or_else(|| self.flight.oldest_on(event.client)),
        };
        let at_ns = event.at_ns;
        self.count_in_flight(at_ns);
        self.listen(event.what);
        if self.is_of_another(event, id) {
            return self.recorder.wrong_reply();
        }
        match event.what {
            What::Reply(reply) => self.handle_reply(id, at_ns, &reply),
            What::Right => self.handle_right(id, at_ns, None),
            What::Numbered(number) => self.handle_numbered(id, at_ns, number),
            What::Echoed(length) => self.handle_right(id, at_ns, Some(length)),
            What::Status { code, right } => self.handle_status(id, at_ns, code, right),
            What::Resent => {
                let instants = id.and_then(|id| self.flight.instants(id));
                self.recorder.resent(instants);
            }
            What::Refused => self.end_by_id(id, at_ns, Ending::Refused),
            What::Reset => self.end_by_id(id, at_ns, Ending::Reset),
            What::Wrong => {
                self.recorder.wrong_reply();
                self.end_by_id(id, at_ns, Ending::Wrong);
            }
            What::ProtocolError => self.end_by_id(id, at_ns, Ending::Wrong),
            What::Unsolicited => self.recorder.wrong_reply(),
            What::Retried => self.recorder.connection_retried(),
            What::Connected { took_ns } => {
                let due = id.map(|id| self.flight.instants(id).map_or(0, |it| it.intended_ns));
                self.recorder.connected(due, took_ns);
            }
            What::FirstByte => {
                if let Some(instants) = id.and_then(|id| self.flight.instants(id)) {
                    self.recorder.first_byte(instants, at_ns);
                }
            }
            What::KernelStamp => self.stamped = id.map(|id| (id, at_ns)),
            What::Closed { took_ns } => self.recorder.closed(at_ns, took_ns),
        }
    }

    /// Tracks whether a server listens at all.
    fn listen(&mut self, what: What) {
        match what {
            What::Refused => self.refusals_left = self.refusals_left.saturating_sub(1),
            What::Resent | What::Retried | What::Connected { .. } => {}
            _ => self.refusals_left = u64::MAX,
        }
    }

    /// Whether a reply names a request that was sent on another socket than the reply arrived on.
    fn is_of_another(&self, event: Event, id: Option<u64>) -> bool {
        let names = matches!(
            event.what,
            What::Reply(_) | What::Right | What::Echoed(_) | What::Numbered(_)
        );
        let socket = event.id.and(id).and_then(|id| self.flight.socket(id));
        names && socket.is_some_and(|socket| socket != event.client)
    }

    fn handle_status(&mut self, id: Option<u64>, at_ns: u64, code: u16, right: bool) {
        let instants = id.and_then(|id| self.flight.instants(id));
        self.recorder.status(instants, at_ns, code, right);
        match instants {
            Some(_) if !right => self.end_by_id(id, at_ns, Ending::Refused),
            _ => self.handle_right(id, at_ns, None),
        }
    }

    fn handle_reply(&mut self, id: Option<u64>, at_ns: u64, reply: &Reply) {
        if id.is_some_and(|id| self.flight.was_sent(id)) {
            self.recorder.reply_seen(reply);
        }
        let Some(sent) = id.and_then(|id| self.flight.take(id)) else {
            return self.handle_unexpected(id);
        };
        if reply.refusal.is_some() {
            self.end(&sent, at_ns, Ending::Refused);
        } else if reply.reply_size != sent.reply_size {
            self.recorder.wrong_reply();
            self.end(&sent, at_ns, Ending::Wrong);
        } else {
            self.recorder.answered(sent.instants, at_ns, sent.rare, Some(reply));
            self.answered(&sent, at_ns);
        }
    }

    /// Handles a reply without stamps; an echo must be as long as its request.
    fn handle_right(&mut self, id: Option<u64>, at_ns: u64, length: Option<u32>) {
        let Some(sent) = id.and_then(|id| self.flight.take(id)) else {
            return self.handle_unexpected(id);
        };
        if length.is_some_and(|length| length != sent.request_size) {
            self.recorder.wrong_reply();
            return self.end(&sent, at_ns, Ending::Wrong);
        }
        self.recorder.answered(sent.instants, at_ns, sent.rare, None);
        self.answered(&sent, at_ns);
    }

    /// Handles a reply with a number, which must be that of its request.
    fn handle_numbered(&mut self, id: Option<u64>, at_ns: u64, number: u64) {
        let Some(sent) = id.and_then(|id| self.flight.take(id)) else {
            return self.handle_unexpected(id);
        };
        if number != sent.number {
            self.recorder.wrong_reply();
            return self.end(&sent, at_ns, Ending::Wrong);
        }
        self.recorder.answered(sent.instants, at_ns, sent.rare, None);
        self.answered(&sent, at_ns);
    }

    fn answered(&mut self, sent: &flight::SentRequest, at_ns: u64) {
        let Instants { intended_ns, started_ns } = sent.instants;
        if started_ns < self.latest_answered_ns {
            self.recorder.reordered();
        }
        self.latest_answered_ns = self.latest_answered_ns.max(started_ns);
        if let Some((_, stamp_ns)) = self.stamped.take_if(|(id, _)| *id == sent.id) {
            self.recorder.stamped_by_kernel(sent.instants, stamp_ns);
        }
        self.progress
            .answered(at_ns.saturating_sub(intended_ns), started_ns.saturating_sub(intended_ns));
        self.schedule.ended(sent.client, at_ns.saturating_sub(self.start_ns), true);
    }

    /// Handles a reply whose request is no longer in flight.
    fn handle_unexpected(&mut self, id: Option<u64>) {
        match id {
            Some(id) if self.flight.was_given_up(id) => {
                self.flight.forget(id);
                self.recorder.late();
            }
            Some(id) if !self.flight.was_sent(id) => self.recorder.wrong_reply(),
            _ => self.recorder.duplicate(),
        }
    }

    fn end_by_id(&mut self, id: Option<u64>, at_ns: u64, ending: Ending) {
        if let Some(sent) = id.and_then(|id| self.flight.take(id)) {
            self.end(&sent, at_ns, ending);
        }
    }

    fn end(&mut self, sent: &flight::SentRequest, at_ns: u64, ending: Ending) {
        self.recorder.unanswered(sent.instants, sent.rare, ending);
        self.schedule.ended(sent.client, at_ns.saturating_sub(self.start_ns), false);
        if self.sessions {
            self.left.push(sent.client);
        }
    }

    /// Accounts for the requests that are left if the run was broken off, and returns the notes.
    fn finish(mut self, transport: &impl Transport) -> Notes {
        let now_ns = transport.now_ns();
        self.count_in_flight(now_ns);
        let broken_off = self.flight.len() > 0 || self.schedule.next_due_ns().is_some();
        while let Some(sent) = self.flight.take_started_by(u64::MAX) {
            let since_ns = now_ns.saturating_sub(sent.instants.started_ns);
            self.recorder.unanswered(sent.instants, sent.rare, Ending::InFlight(since_ns));
        }
        // A request that was due and not sent is unsent; one not yet due is not part of this run.
        while self.schedule.next_due_ns().is_some_and(|due_ns| self.start_ns + due_ns <= now_ns) {
            let Some(planned) = self.schedule.take() else { break };
            let intended_ns = self.start_ns + planned.intended_ns;
            self.recorder.unsent(intended_ns, planned.rare, UnsentCause::Time);
        }
        let mut log = self.recorder.finish();
        log.wall_ns = now_ns.saturating_sub(self.start_ns);
        log.broken_off = broken_off;
        (log.hiccups, log.longest_hiccup_ns) = transport.hiccups();
        log.events.nobody_listens = self.refusals_left == 0;
        let noticed = transport.noticed();
        log.events.unreadable = noticed.unreadable.map(|it| results::Unreadable {
            reason: it.why.to_string(),
            bytes: it.bytes.escape_ascii().to_string(),
        });
        log.events.injected = noticed.injected;
        (log.kept, log.kept_unanswered) = (noticed.kept, noticed.kept_unanswered);
        debug_assert!(log.counts.balance(), "every request in one class: {:?}", log.counts);
        log
    }
}
