//! Which request is due next. An open loop never looks at replies. A closed loop waits for them,
//! and so does each session.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::arrivals::Arrivals;
use crate::plan::Plan;
use crate::random::{Stream, Uniform};
use crate::requests::{PlannedRequest, Requests};
use crate::session::Session;
use crate::shard::Shard;

/// The requests of a run, in the order in which they are due.
pub struct Schedule<'a> {
    plan: &'a Plan,
    next: Option<PlannedRequest>,
    source: Source,
}

enum Source {
    Open(Box<Requests>),
    Closed(Clients),
    Sessions(Box<Sessions>),
}

impl<'a> Schedule<'a> {
    /// The schedule of one shard of a plan, at its start.
    #[must_use]
    pub fn new(plan: &'a Plan, shard: Shard) -> Self {
        let source = match (plan.spec.arrivals, plan.spec.session) {
            (Arrivals::Closed(_), _) => Source::Closed(Clients::new(plan, shard)),
            (_, Some(session)) => Source::Sessions(Box::new(Sessions::new(plan, session, shard))),
            (_, None) => Source::Open(Box::new(plan.requests_of(shard))),
        };
        let mut schedule = Self { plan, next: None, source };
        schedule.look_ahead();
        schedule
    }

    /// When the next request is due, in nanoseconds from the start of the run; `None` if there is
    /// none, or none until a reply comes.
    #[must_use]
    pub fn next_due_ns(&self) -> Option<u64> {
        self.next.as_ref().map(|next| next.intended_ns)
    }

    /// The request that is due next, at its `intended_ns`. It stays due until it is taken, because
    /// a socket may be full for the moment.
    #[must_use]
    pub fn peek(&self) -> Option<&PlannedRequest> {
        self.next.as_ref()
    }

    /// Takes the request that is due next.
    pub fn take(&mut self) -> Option<PlannedRequest> {
        let taken = self.next.take();
        self.look_ahead();
        taken
    }

    /// Notes that a client's request has ended, answered or not. This matters only where clients
    /// wait for replies: a closed loop continues in either case, a session ends if there was no
    /// answer.
    pub fn ended(&mut self, client: u32, at_ns: u64, answered: bool) {
        let next_due_ns = self.next_due_ns();
        let changed = match &mut self.source {
            Source::Open(_) => return,
            Source::Closed(clients) => clients.ended(self.plan, client, at_ns),
            Source::Sessions(sessions) => sessions.ended(self.plan, client, at_ns, answered),
        };
        // A request that is due before the one already chosen goes first.
        if changed.is_some_and(|due_ns| next_due_ns.is_none_or(|next| due_ns < next)) {
            if let Some(put_back) = self.next {
                self.source.put_back(put_back.intended_ns, put_back.client);
            }
            self.look_ahead();
        }
    }

    fn look_ahead(&mut self) {
        let end_ns = self.plan.window_end_ns();
        self.next = match &mut self.source {
            Source::Open(requests) => requests.next(),
            Source::Closed(clients) => clients.next(self.plan),
            Source::Sessions(sessions) => sessions.next(self.plan),
        }
        .filter(|next| next.intended_ns < end_ns);
    }
}

impl Source {
    /// Puts a client back, because another one is due first.
    fn put_back(&mut self, due_ns: u64, client: u32) {
        match self {
            Self::Open(_) => {} // nothing comes in between
            Self::Closed(clients) => clients.due.put(due_ns, client),
            Self::Sessions(sessions) => sessions.thinking.put(due_ns, client),
        }
    }
}

/// Clients, and when each is due. If all pause for the same time, they are due in the order in
/// which their requests ended.
enum Queue {
    InOrder(VecDeque<(u64, u32)>),
    ByTime(BinaryHeap<Reverse<(u64, u32)>>),
}

impl Queue {
    fn new(in_order: bool) -> Self {
        if in_order { Self::InOrder(VecDeque::new()) } else { Self::ByTime(BinaryHeap::new()) }
    }

    fn put(&mut self, due_ns: u64, who: u32) {
        match self {
            Self::InOrder(queue) => {
                // Only clients that were put back, or that ended out of order, are due earlier.
                let later = queue.iter().rev().take_while(|(due, _)| *due > due_ns).count();
                queue.insert(queue.len() - later, (due_ns, who));
            }
            Self::ByTime(heap) => heap.push(Reverse((due_ns, who))),
        }
    }

    fn first(&self) -> Option<(u64, u32)> {
        match self {
            Self::InOrder(queue) => queue.front().copied(),
            Self::ByTime(heap) => heap.peek().map(|Reverse(first)| *first),
        }
    }

    fn take(&mut self) -> Option<(u64, u32)> {
        match self {
            Self::InOrder(queue) => queue.pop_front(),
            Self::ByTime(heap) => heap.pop().map(|Reverse(first)| first),
        }
    }
}

/// The clients of a closed loop. Each goes through the table of demands from its own starting
/// point.
struct Clients {
    due: Queue,
    taken: Vec<u64>,
}

impl Clients {
    fn new(plan: &Plan, shard: Shard) -> Self {
        let lanes = shard.part_of(plan.spec.clients) * plan.spec.depth;
        let fixed = matches!(plan.spec.arrivals, Arrivals::Closed(think) if think.is_fixed());
        let mut clients = Self {
            due: Queue::new(fixed),
            // The clients start far apart in the table of 16,384 demands; as 7919 is coprime to
            // 16,384, their starting points visit all of it.
            taken: (0..lanes)
                .map(|lane| (u64::from(lane) * u64::from(shard.of) + u64::from(shard.index)) * 7919)
                .collect(),
        };
        for lane in 0..lanes {
            clients.due.put(plan.demand(clients.taken[lane as usize]).intended_ns, lane);
        }
        clients
    }

    fn next(&mut self, plan: &Plan) -> Option<PlannedRequest> {
        let (intended_ns, client) = self.due.take()?;
        Some(PlannedRequest { intended_ns, client, ..plan.demand(self.taken[client as usize]) })
    }

    fn ended(&mut self, plan: &Plan, client: u32, at_ns: u64) -> Option<u64> {
        let taken = &mut self.taken[client as usize];
        *taken += 1;
        let due_ns = at_ns.saturating_add(plan.demand(*taken).intended_ns);
        self.due.put(due_ns, client);
        Some(due_ns)
    }
}

/// The sessions in progress. Each has a number of its own that serves as its client, and goes
/// through the table of demands from its own starting point.
struct Sessions {
    arrivals: Requests,
    /// The next session to arrive.
    coming: Option<PlannedRequest>,
    lengths: Uniform,
    session: Session,
    under_way: Vec<UnderWay>,
    free: Vec<u32>,
    /// Sessions in a pause, and when it ends.
    thinking: Queue,
    shard: Shard,
    begun: u64,
}

#[derive(Clone, Copy)]
struct UnderWay {
    requests_left: u32,
    demand: u64,
    /// Whether its current request is its first, which came by the law of arrivals.
    fresh: bool,
}

impl Sessions {
    fn new(plan: &Plan, session: Session, shard: Shard) -> Self {
        let mut arrivals = plan.requests_of(shard);
        let mut lengths = Uniform::new(plan.spec.seed, Stream::SessionLength);
        for _ in 0..shard.index {
            lengths.draw(); // those of earlier sessions, in other shards
        }
        Self {
            coming: arrivals.next(),
            arrivals,
            lengths,
            session,
            under_way: Vec::new(),
            free: Vec::new(),
            thinking: Queue::new(false),
            shard,
            begun: 0,
        }
    }

    fn next(&mut self, plan: &Plan) -> Option<PlannedRequest> {
        let thought = self.thinking.first();
        let comes_first = |coming: &PlannedRequest| {
            thought.is_none_or(|(due_ns, _)| coming.intended_ns <= due_ns)
        };
        if let Some(coming) = self.coming.filter(comes_first) {
            self.coming = self.arrivals.next();
            let client = self.begin();
            self.under_way[client as usize].fresh = true;
            return Some(self.request_of(plan, client, coming.intended_ns));
        }
        let (due_ns, client) = self.thinking.take()?;
        Some(self.request_of(plan, client, due_ns))
    }

    fn begin(&mut self) -> u32 {
        // The sessions start far apart in the table, as the clients of a closed loop do. A session
        // is the same in whatever shard it is.
        let of = u64::from(self.shard.of);
        let demand = (self.begun * of + u64::from(self.shard.index)).wrapping_mul(7919);
        self.begun += 1;
        let requests_left = self.session.length.draw(self.lengths.draw());
        for _ in 1..of {
            self.lengths.draw();
        }
        let session = UnderWay { requests_left, demand, fresh: true };
        if let Some(client) = self.free.pop() {
            self.under_way[client as usize] = session;
            return client;
        }
        self.under_way.push(session);
        (self.under_way.len() - 1) as u32
    }

    fn request_of(&self, plan: &Plan, client: u32, intended_ns: u64) -> PlannedRequest {
        let session = self.under_way[client as usize];
        PlannedRequest {
            intended_ns,
            client,
            arrival: session.fresh,
            last: session.requests_left == 1,
            ..plan.demand(session.demand)
        }
    }

    fn ended(&mut self, plan: &Plan, client: u32, at_ns: u64, answered: bool) -> Option<u64> {
        let session = &mut self.under_way[client as usize];
        session.requests_left -= 1;
        session.demand = session.demand.wrapping_add(1);
        session.fresh = false;
        if session.requests_left == 0 || !answered {
            self.free.push(client);
            return None;
        }
        let due_ns = at_ns.saturating_add(plan.demand(session.demand).intended_ns);
        self.thinking.put(due_ns, client);
        Some(due_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Distribution, LoadSpec, SessionLength};

    /// First instants and waits of all sessions of a shard whose replies come at once.
    fn sessions_of(plan: &Plan, shard: Shard) -> Vec<(u64, Vec<std::time::Duration>)> {
        let mut schedule = Schedule::new(plan, shard);
        let (mut under_way, mut over) = (std::collections::HashMap::new(), Vec::new());
        while let Some(request) = schedule.take() {
            let begun = || (request.intended_ns, Vec::new());
            let session = under_way.entry(request.client).or_insert_with(begun);
            session.1.push(request.work.wait);
            if request.last {
                over.push(under_way.remove(&request.client).expect("under way"));
            }
            schedule.ended(request.client, request.intended_ns, true);
        }
        over
    }

    #[test]
    fn threads_together_send_the_sessions_of_one() {
        let plan = Plan::draw(LoadSpec {
            session: Some(Session {
                length: SessionLength::Geometric(5.0),
                think: Distribution::fixed(0.0),
            }),
            wait: Distribution::exponential(1e6),
            ..LoadSpec::default()
        })
        .expect("a sound load");
        let mut whole = sessions_of(&plan, Shard::WHOLE);
        let shards = (0..3).flat_map(|index| sessions_of(&plan, Shard { index, of: 3 }));
        let mut together: Vec<_> = shards.collect();
        assert!(whole.len() > 1000, "{} sessions", whole.len());
        whole.sort();
        together.sort();
        assert!(whole == together);
    }
}
