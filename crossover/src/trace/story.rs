//! Makes a time line of what was seen: lanes, what each did when, and what went from one to another.

use std::collections::BTreeMap;

use analysis::text::{self, time};
use nix::errno::Errno;
use reports::sequence::{Arrow, Lane, Sequence, Span, SpanKind};
use servers::Design;

use super::Seen;
use super::clients::Load;
use super::registers::{Purpose, name_of};
use super::tracer::{Call, Trace};

/// The call by which the service `work` reads how much processor time a request has used.
const CLOCK: &str = "clock_gettime";

/// Shorter computing is not shown.
const COMPUTES_NS: u64 = 50_000;

/// What is shown before the first request.
const BEFORE_NS: u64 = 200_000;

/// The least bytes of a request or a reply.
const MESSAGE: i64 = protocol::HEADER_SIZE as i64;

/// What the kernel returns where it will begin a call again (`ERESTARTSYS` and its kin).
const RESTARTED: std::ops::RangeInclusive<i64> = -516..=-512;

/// A result as the manual pages have it.
fn returned(result: i64) -> String {
    match result {
        -4095..0 => format!("-1 {:?}", Errno::from_raw(-result as i32)),
        _ => result.to_string(),
    }
}

/// Something that happened, in words.
struct Moment {
    at_ns: u64,
    lane: usize,
    text: String,
}

/// A time line.
pub(super) struct Story {
    title: String,
    lanes: Vec<Lane>,
    spans: Vec<Span>,
    arrows: Vec<Arrow>,
    moments: Vec<Moment>,
    /// From when to when.
    window_ns: (u64, u64),
}

/// The time line of a server under a load.
pub(super) fn of(design: &Design, seen: &Seen, load: &Load) -> Story {
    let first_ns = seen.asked.iter().map(|it| it.sent_ns).min().unwrap_or(0);
    let last_ns = seen.asked.iter().filter_map(|it| it.answered_ns).max().unwrap_or(first_ns);
    let from_ns = first_ns.saturating_sub(BEFORE_NS);
    let window_ns = (from_ns, last_ns + (last_ns - from_ns) / 16 + 100_000);
    let clients = seen.asked.len();
    let tasks = tasks(&seen.trace, window_ns);
    let mut story = Story {
        title: format!(
            "{}: {} clients, {} apart; each request waits {} and computes {}",
            design.name,
            load.clients,
            time(load.apart.as_nanos() as f64),
            time(load.work.wait.as_nanos() as f64),
            time(load.work.compute.as_nanos() as f64)
        ),
        lanes: (1..=clients).map(|number| Lane { name: format!("client {number}") }).collect(),
        spans: Vec::new(),
        arrows: Vec::new(),
        moments: Vec::new(),
        window_ns,
    };
    story.lanes.push(Lane { name: "kernel queue".to_owned() });
    let lane_of: BTreeMap<i32, usize> = tasks
        .iter()
        .enumerate()
        .map(|(position, (task, _))| (*task, clients + 1 + position))
        .collect();
    story.lanes.extend(tasks.into_iter().map(|(_, name)| Lane { name }));
    story.tell_calls(&seen.trace, &lane_of);
    story.tell_births(&seen.trace, &lane_of);
    story.tell_messages(seen, &lane_of);
    story.moments.sort_by_key(|moment| moment.at_ns);
    story
}

/// The threads that took part, with names: the one that was there first, those that it created.
fn tasks(trace: &Trace, window_ns: (u64, u64)) -> Vec<(i32, String)> {
    let is_within = |at_ns: u64| (window_ns.0..=window_ns.1).contains(&at_ns);
    let takes_part = |call: &&Call| {
        let is_seen = is_within(call.from_ns) || call.to_ns.is_some_and(is_within);
        let purpose = name_of(call.number).1;
        let serves = matches!(
            purpose,
            Purpose::Accept | Purpose::Receive | Purpose::Send | Purpose::Create | Purpose::Sleep
        );
        // What only waits for a signal or for its children serves nobody.
        is_seen && serves && call.to_ns.is_some_and(|_| call.result >= 0)
    };
    let mut order: Vec<i32> = Vec::new();
    for call in trace.calls.iter().filter(takes_part) {
        if !order.contains(&call.task) {
            order.push(call.task);
        }
    }
    let creators: Vec<i32> =
        trace.births.iter().filter(|it| is_within(it.at_ns)).map(|it| it.parent).collect();
    // The master first; then those that were there before, and those that were created.
    let born = |task: i32| trace.births.iter().find(|it| it.task == task);
    order.sort_by_key(|task| (!creators.contains(task), born(*task).map(|it| it.at_ns)));
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let only = order.len() == 1;
    let name = |task: i32| {
        let kind = match born(task) {
            _ if creators.contains(&task) => return "master".to_owned(),
            Some(birth) if birth.is_process => "process",
            Some(_) => "thread",
            None if only => return "server".to_owned(),
            None => "worker",
        };
        let number = numbers.entry(kind).or_default();
        *number += 1;
        format!("{kind} {number}")
    };
    let mut name = name;
    order.into_iter().map(|task| (task, name(task))).collect()
}

impl Story {
    fn is_within(&self, at_ns: u64) -> bool {
        (self.window_ns.0..=self.window_ns.1).contains(&at_ns)
    }

    fn tell_calls(&mut self, trace: &Trace, lane_of: &BTreeMap<i32, usize>) {
        // From the first to the last of a row of looks at the thread's clock.
        let mut computing: BTreeMap<i32, (u64, u64)> = BTreeMap::new();
        for call in &trace.calls {
            let Some(lane) = lane_of.get(&call.task).copied() else { continue };
            let (name, purpose) = name_of(call.number);
            let ends_ns = call.to_ns.unwrap_or(call.from_ns);
            if name == CLOCK {
                computing.entry(call.task).or_insert((call.from_ns, ends_ns)).1 = ends_ns;
            } else if purpose != Purpose::Other {
                if let Some((from_ns, to_ns)) = computing.remove(&call.task)
                    && to_ns - from_ns > COMPUTES_NS
                    && self.is_within(from_ns)
                {
                    self.tell_computing(lane, from_ns, to_ns);
                }
                self.tell_call(lane, call);
            }
        }
    }

    fn tell_computing(&mut self, lane: usize, from_ns: u64, to_ns: u64) {
        let label = format!("computes {}", time((to_ns - from_ns) as f64));
        self.moments.push(Moment { at_ns: from_ns, lane, text: label.clone() });
        self.spans.push(Span { lane, from_ns, to_ns, label, kind: SpanKind::Computes });
    }

    fn tell_call(&mut self, lane: usize, call: &Call) {
        let (name, purpose) = name_of(call.number);
        let to_ns = call.to_ns.unwrap_or(self.window_ns.1);
        let kind = match purpose {
            Purpose::Accept | Purpose::Receive | Purpose::Block | Purpose::Collect => {
                SpanKind::Blocks
            }
            Purpose::Sleep => SpanKind::Sleeps,
            Purpose::Create => SpanKind::Creates,
            Purpose::Send => SpanKind::Sends,
            Purpose::End => SpanKind::Ends,
            Purpose::Close | Purpose::Other => return,
        };
        if to_ns < self.window_ns.0 || call.from_ns > self.window_ns.1 {
            return;
        }
        // A few bytes within the server wake one thread for another; they are no request and no reply.
        let is_message = matches!(purpose, Purpose::Receive | Purpose::Send);
        if is_message && (1..MESSAGE).contains(&call.result) {
            return;
        }
        let took = time(to_ns.saturating_sub(call.from_ns) as f64);
        self.spans.push(Span {
            lane,
            from_ns: call.from_ns.max(self.window_ns.0),
            to_ns: to_ns.min(self.window_ns.1),
            label: name.to_owned(),
            kind,
        });
        let is_end = purpose == Purpose::End;
        // A call that was under way before the first request is told when it returns.
        let began_before = call.from_ns < self.window_ns.0;
        let text = match call.to_ns {
            None if is_end => name.to_owned(),
            // It would have gone on, had it not been let go.
            None => format!("{name} …"),
            Some(_) if RESTARTED.contains(&call.result) => format!("{name} …"),
            Some(_) if began_before => format!("{name} returns {}", returned(call.result)),
            Some(_) => format!("{name} = {}, {took}", returned(call.result)),
        };
        let at_ns = if began_before { to_ns } else { call.from_ns };
        if self.is_within(at_ns) {
            self.moments.push(Moment { at_ns, lane, text });
        }
    }

    fn tell_births(&mut self, trace: &Trace, lane_of: &BTreeMap<i32, usize>) {
        for birth in &trace.births {
            let lanes = lane_of.get(&birth.parent).zip(lane_of.get(&birth.task));
            if let Some((from, to)) = lanes
                && self.is_within(birth.at_ns)
            {
                let (from_lane, to_lane) = (*from, *to);
                let at_ns = birth.at_ns;
                self.arrows.push(Arrow {
                    from_lane,
                    from_ns: at_ns,
                    to_lane,
                    to_ns: at_ns,
                    is_creation: true,
                });
                let text = format!("creates {}", self.lanes[to_lane].name);
                self.moments.push(Moment { at_ns, lane: from_lane, text });
            }
        }
    }

    /// Requests and replies: what was sent first is taken first, and a reply reaches the client that has its
    /// answer next.
    fn tell_messages(&mut self, seen: &Seen, lane_of: &BTreeMap<i32, usize>) {
        let queue = seen.asked.len();
        let mut taken: Vec<(u64, usize)> = Vec::new();
        let accepts = seen.trace.calls.iter().any(|call| name_of(call.number).1 == Purpose::Accept);
        for call in &seen.trace.calls {
            let is_taking = match name_of(call.number).1 {
                Purpose::Accept => call.result >= 0,
                Purpose::Receive => !accepts && call.result >= MESSAGE,
                _ => false,
            };
            if let (true, Some(to_ns), Some(lane)) =
                (is_taking, call.to_ns, lane_of.get(&call.task))
            {
                taken.push((to_ns, *lane));
            }
        }
        taken.sort_unstable();
        let mut sent: Vec<(u64, usize)> =
            seen.asked.iter().enumerate().map(|(lane, it)| (it.sent_ns, lane)).collect();
        sent.sort_unstable();
        for ((sent_ns, client), (taken_ns, lane)) in sent.iter().zip(taken) {
            let (at_ns, taken_ns) = (*sent_ns, taken_ns.max(*sent_ns));
            self.moments.push(Moment { at_ns, lane: *client, text: "sends a request".to_owned() });
            let arrow = |from_lane, from_ns, to_lane, to_ns| Arrow {
                from_lane,
                from_ns,
                to_lane,
                to_ns,
                is_creation: false,
            };
            self.arrows.push(arrow(*client, at_ns, queue, at_ns));
            self.arrows.push(arrow(queue, taken_ns, lane, taken_ns));
            self.spans.push(Span {
                lane: queue,
                from_ns: at_ns,
                to_ns: taken_ns,
                label: String::new(),
                kind: SpanKind::Queued,
            });
        }
        self.tell_replies(seen, lane_of);
    }

    fn tell_replies(&mut self, seen: &Seen, lane_of: &BTreeMap<i32, usize>) {
        let mut answered: Vec<(u64, usize)> = seen
            .asked
            .iter()
            .enumerate()
            .filter_map(|(lane, it)| Some((it.answered_ns?, lane)))
            .collect();
        answered.sort_unstable();
        for call in &seen.trace.calls {
            let is_reply = name_of(call.number).1 == Purpose::Send && call.result >= MESSAGE;
            let Some(lane) = lane_of.get(&call.task).filter(|_| is_reply) else { continue };
            let Some(next) = answered.iter().position(|(at_ns, _)| *at_ns >= call.from_ns) else {
                continue;
            };
            let (at_ns, client) = answered.remove(next);
            self.arrows.push(Arrow {
                from_lane: *lane,
                from_ns: call.from_ns,
                to_lane: client,
                to_ns: at_ns,
                is_creation: false,
            });
            let took = time((at_ns - seen.asked[client].sent_ns) as f64);
            self.moments.push(Moment {
                at_ns,
                lane: client,
                text: format!("has its reply, after {took}"),
            });
            let whole = Span {
                lane: client,
                from_ns: seen.asked[client].sent_ns,
                to_ns: at_ns,
                label: took,
                kind: SpanKind::Waits,
            };
            self.spans.push(whole);
        }
    }

    /// The time line as text of at most 80 columns.
    pub(super) fn lines(&self) -> Vec<String> {
        let longest = self.lanes.iter().map(|lane| lane.name.len()).max().unwrap_or(0);
        let head = [self.title.clone(), String::new()];
        let moments = self.moments.iter().map(|Moment { at_ns, lane, text }| {
            let at_ms = at_ns.saturating_sub(self.window_ns.0) as f64 / 1e6;
            format!("{at_ms:>9.3} ms  {:<longest$}  {text}", self.lanes[*lane].name)
        });
        let tail = [
            String::new(),
            format!(
                "{} from the first request to the last reply. Following a server slows it down: each system \
                 call costs it some microseconds more.",
                text::time(self.span_ns() as f64)
            ),
        ];
        head.into_iter().chain(moments).chain(tail).collect()
    }

    fn span_ns(&self) -> u64 {
        let waits = self.spans.iter().filter(|span| span.kind == SpanKind::Waits);
        let ends = waits.clone().map(|span| span.to_ns).max().unwrap_or(0);
        ends.saturating_sub(waits.map(|span| span.from_ns).min().unwrap_or(0))
    }

    /// The picture.
    pub(super) fn picture(&self) -> Sequence {
        Sequence {
            title: self.title.clone(),
            lanes: self.lanes.clone(),
            spans: self.spans.clone(),
            arrows: self.arrows.clone(),
            window_ns: self.window_ns,
        }
    }
}
