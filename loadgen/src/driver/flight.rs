//! The requests in flight: sent, and neither answered nor given up.

use crate::plan::{Plan, PlannedRequest};
use crate::recorder::Instants;

/// A request that left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departed {
    pub(super) id: u64,
    pub(super) instants: Instants,
    pub(super) client: u32,
    pub(super) reply_size: u32,
    pub(super) rare: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InFlight,
    Ended,
    GivenUp,
}

/// All requests of a run that have left; their ids count from 1 (0 is nobody's) in the order
/// of leaving, which is also the order in which they fall overdue.
pub(super) struct Flight {
    departed: Vec<Departed>,
    /// Everything before this index has ended.
    oldest: usize,
    in_flight: usize,
}

impl Flight {
    pub(super) fn for_plan(plan: &Plan) -> Self {
        Self { departed: Vec::with_capacity(plan.requests.len()), oldest: 0, in_flight: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.in_flight
    }

    pub(super) fn next_id(&self) -> u64 {
        self.departed.len() as u64 + 1
    }

    pub(super) fn departed(
        &mut self,
        planned: &PlannedRequest,
        intended_ns: u64,
        started_ns: u64,
    ) -> Instants {
        let instants = Instants { intended_ns, started_ns };
        self.departed.push(Departed {
            id: self.next_id(),
            instants,
            client: planned.client,
            reply_size: planned.reply_size,
            rare: planned.rare,
            state: State::InFlight,
        });
        self.in_flight += 1;
        instants
    }

    /// Takes a request that has ended; `None` where it is not in flight.
    pub(super) fn take(&mut self, id: u64) -> Option<Departed> {
        self.end(index_of(id)?, State::Ended)
    }

    /// Takes the oldest request in flight if it left at `by_ns` or earlier.
    pub(super) fn take_started_by(&mut self, by_ns: u64) -> Option<Departed> {
        let oldest = self.oldest_index()?;
        if self.departed[oldest].instants.started_ns > by_ns {
            return None;
        }
        self.end(oldest, State::GivenUp)
    }

    pub(super) fn oldest_started_ns(&self) -> Option<u64> {
        self.oldest_index().map(|index| self.departed[index].instants.started_ns)
    }

    pub(super) fn oldest_of(&self, client: u32) -> Option<u64> {
        self.departed[self.oldest..]
            .iter()
            .find(|departed| departed.client == client && departed.state == State::InFlight)
            .map(|departed| departed.id)
    }

    pub(super) fn intended_ns(&self, id: u64) -> Option<u64> {
        self.departed.get(index_of(id)?).map(|departed| departed.instants.intended_ns)
    }

    pub(super) fn was_given_up(&self, id: u64) -> bool {
        let departed = index_of(id).and_then(|index| self.departed.get(index));
        departed.is_some_and(|departed| departed.state == State::GivenUp)
    }

    fn oldest_index(&self) -> Option<usize> {
        (self.oldest < self.departed.len()).then_some(self.oldest)
    }

    fn end(&mut self, index: usize, state: State) -> Option<Departed> {
        let departed = self.departed.get_mut(index)?;
        if departed.state != State::InFlight {
            return None;
        }
        departed.state = state;
        let ended = *departed;
        self.in_flight -= 1;
        while self.departed.get(self.oldest).is_some_and(|old| old.state != State::InFlight) {
            self.oldest += 1;
        }
        Some(ended)
    }
}

fn index_of(id: u64) -> Option<usize> {
    usize::try_from(id.checked_sub(1)?).ok()
}
