//! Which request is due next. An open loop never looks at replies; a closed loop waits for them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::plan::{Plan, PlannedRequest};

/// The order of a run.
pub struct Schedule<'a> {
    plan: &'a Plan,
    loop_kind: Loop,
}

enum Loop {
    /// How far the plan has been gone through.
    Open { next: usize },
    /// Which client is due when, and how many requests each has sent.
    Closed { due: BinaryHeap<Reverse<(u64, u32)>>, sent: Vec<usize> },
}

impl<'a> Schedule<'a> {
    /// The schedule of a plan, at its beginning.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        let loop_kind = if plan.is_closed() {
            let clients = plan.spec.clients;
            Loop::Closed {
                due: (0..clients)
                    .map(|client| Reverse((demand_of(plan, client, 0).intended_ns, client)))
                    .collect(),
                sent: vec![0; clients as usize],
            }
        } else {
            Loop::Open { next: 0 }
        };
        Self { plan, loop_kind }
    }

    /// When the next request is due, from the start of the run; `None` when there is none, or
    /// none until a reply comes.
    #[must_use]
    pub fn next_due_ns(&self) -> Option<u64> {
        match &self.loop_kind {
            Loop::Open { next } => self.plan.requests.get(*next).map(|next| next.intended_ns),
            Loop::Closed { due, .. } => {
                let Reverse((at_ns, _)) = due.peek()?;
                (*at_ns < self.plan.window_end_ns()).then_some(*at_ns)
            }
        }
    }

    /// The request that is due next; its `intended_ns` is when. It stays due until taken: a
    /// socket may be full just now.
    #[must_use]
    pub fn peek(&self) -> Option<PlannedRequest> {
        let intended_ns = self.next_due_ns()?;
        match &self.loop_kind {
            Loop::Open { next } => Some(self.plan.requests[*next]),
            Loop::Closed { due, sent } => {
                let Reverse((_, client)) = *due.peek()?;
                let demand = demand_of(self.plan, client, sent[client as usize]);
                Some(PlannedRequest { intended_ns, client, ..demand })
            }
        }
    }

    /// Takes the request that is due next.
    pub fn take(&mut self) -> Option<PlannedRequest> {
        let taken = self.peek()?;
        match &mut self.loop_kind {
            Loop::Open { next } => *next += 1,
            Loop::Closed { due, sent } => {
                due.pop();
                sent[taken.client as usize] += 1;
            }
        }
        Some(taken)
    }

    /// Tells that a client's request has ended, whichever way. Only a closed loop listens.
    pub fn ended(&mut self, client: u32, at_ns: u64) {
        if let Loop::Closed { due, sent } = &mut self.loop_kind {
            let think_ns = demand_of(self.plan, client, sent[client as usize]).intended_ns;
            due.push(Reverse((at_ns + think_ns, client)));
        }
    }
}

/// The clients go through the demands from places far apart.
fn demand_of(plan: &Plan, client: u32, index: usize) -> PlannedRequest {
    let apart = plan.requests.len() / plan.spec.clients as usize;
    plan.requests[(client as usize * apart + index) % plan.requests.len()]
}
