//! The requests in flight: those that were sent, and neither answered nor given up.
//!
//! Each request has a slot, and slots are used again. Memory therefore depends on how many requests
//! are in flight at once, and not on how many a run sends.

use workload::PlannedRequest;

use crate::recorder::Instants;

/// Given-up requests that are remembered, so that a late reply is recognised. If there are more,
/// the oldest are forgotten, and their replies count as duplicates.
const REMEMBERED: u32 = 1 << 16;

/// Bits of an id that hold its slot, the low ones. The bits above count how often the slot has been
/// used, from 1: ids are unique within a run, and no request has id 0.
const SLOT_BITS: u32 = 28;

/// The most requests that can be in flight at once.
pub const MOST_IN_FLIGHT: u32 = (1 << 24) - 1;

const NONE: u32 = u32::MAX;

/// The slot of a request, from 0: less than [`MOST_IN_FLIGHT`] plus [`REMEMBERED`].
pub(super) fn slot_of(id: u64) -> usize {
    (id & ((1 << SLOT_BITS) - 1)) as usize
}

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentRequest {
    pub(super) id: u64,
    pub(super) instants: Instants,
    pub(super) client: u32,
    /// The socket that carried it, as the transport numbers them.
    pub(super) socket: u32,
    pub(super) request_size: u32,
    pub(super) reply_size: u32,
    /// Its number among the requests of its client, from 0, where replies have it.
    pub(super) number: u64,
    pub(super) rare: bool,
    state: State,
    /// Neighbours in a list: of those in flight by age, of those given up by age, or of free slots.
    earlier: u32,
    later: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InFlight,
    GivenUp,
    Free,
}

/// A list through the slots, oldest first.
#[derive(Clone, Copy)]
struct List {
    oldest: u32,
    newest: u32,
    count: u32,
}

impl List {
    const EMPTY: Self = Self { oldest: NONE, newest: NONE, count: 0 };
}

/// The requests of a run that are in flight, and those given up that are remembered.
pub(super) struct Flight {
    slots: Vec<SentRequest>,
    in_flight: List,
    given_up: List,
    free: List,
}

impl Flight {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::with_capacity(1024),
            in_flight: List::EMPTY,
            given_up: List::EMPTY,
            free: List::EMPTY,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.in_flight.count as usize
    }

    /// The id that the next request will have.
    pub(super) fn next_id(&mut self) -> u64 {
        if self.free.count == 0 {
            let slot = self.slots.len() as u32;
            self.slots.push(SentRequest {
                id: u64::from(slot),
                instants: Instants { intended_ns: 0, started_ns: 0 },
                client: 0,
                socket: 0,
                request_size: 0,
                reply_size: 0,
                number: 0,
                rare: false,
                state: State::Free,
                earlier: NONE,
                later: NONE,
            });
            append(&mut self.slots, &mut self.free, slot);
        }
        self.slots[self.free.newest as usize].id + (1 << SLOT_BITS)
    }

    /// Notes that the request with [`next_id`](Self::next_id) was sent.
    pub(super) fn sent(
        &mut self,
        planned: &PlannedRequest,
        socket: u32,
        number: u64,
        instants: Instants,
    ) {
        let slot = self.free.newest;
        remove(&mut self.slots, &mut self.free, slot);
        append(&mut self.slots, &mut self.in_flight, slot);
        let sent = &mut self.slots[slot as usize];
        sent.id += 1 << SLOT_BITS;
        sent.instants = instants;
        sent.client = planned.client;
        sent.socket = socket;
        sent.request_size = planned.request_size;
        sent.reply_size = planned.reply_size;
        sent.number = number;
        sent.rare = planned.rare;
        sent.state = State::InFlight;
    }

    /// Takes a request that has ended; `None` if it is not in flight.
    pub(super) fn take(&mut self, id: u64) -> Option<SentRequest> {
        let sent = *self.find(id)?;
        if sent.state != State::InFlight {
            return None;
        }
        let slot = slot_of(id) as u32;
        remove(&mut self.slots, &mut self.in_flight, slot);
        self.release(slot);
        Some(sent)
    }

    /// Gives up the oldest request in flight if it was sent at `by_ns` or earlier, and returns it.
    pub(super) fn take_started_by(&mut self, by_ns: u64) -> Option<SentRequest> {
        let sent = *self.slots.get(self.in_flight.oldest as usize)?;
        if sent.instants.started_ns > by_ns {
            return None;
        }
        let slot = self.in_flight.oldest;
        remove(&mut self.slots, &mut self.in_flight, slot);
        append(&mut self.slots, &mut self.given_up, slot);
        self.slots[slot as usize].state = State::GivenUp;
        if self.given_up.count > REMEMBERED {
            let forgotten = self.given_up.oldest;
            remove(&mut self.slots, &mut self.given_up, forgotten);
            self.release(forgotten);
        }
        Some(sent)
    }

    pub(super) fn oldest_started_ns(&self) -> Option<u64> {
        let oldest = self.slots.get(self.in_flight.oldest as usize)?;
        Some(oldest.instants.started_ns)
    }

    /// The oldest request in flight on a socket; searches all that are in flight.
    pub(super) fn oldest_on(&self, socket: u32) -> Option<u64> {
        let mut slot = self.in_flight.oldest;
        while let Some(sent) = self.slots.get(slot as usize) {
            if sent.socket == socket {
                return Some(sent.id);
            }
            slot = sent.later;
        }
        None
    }

    /// The instants of a request in flight.
    pub(super) fn instants(&self, id: u64) -> Option<Instants> {
        let sent = self.find(id).filter(|sent| sent.state == State::InFlight);
        sent.map(|sent| sent.instants)
    }

    /// The socket of a request in flight or given up.
    pub(super) fn socket(&self, id: u64) -> Option<u32> {
        let sent = self.find(id).filter(|sent| sent.state != State::Free);
        sent.map(|sent| sent.socket)
    }

    /// Whether a request with this id was ever sent.
    pub(super) fn was_sent(&self, id: u64) -> bool {
        id >> SLOT_BITS > 0 && self.slots.get(slot_of(id)).is_some_and(|slot| id <= slot.id)
    }

    pub(super) fn was_given_up(&self, id: u64) -> bool {
        self.find(id).is_some_and(|sent| sent.state == State::GivenUp)
    }

    /// Forgets a given-up request whose reply has come after all.
    pub(super) fn forget(&mut self, id: u64) {
        if self.was_given_up(id) {
            let slot = slot_of(id) as u32;
            remove(&mut self.slots, &mut self.given_up, slot);
            self.release(slot);
        }
    }

    fn find(&self, id: u64) -> Option<&SentRequest> {
        self.slots.get(slot_of(id)).filter(|sent| sent.id == id)
    }

    fn release(&mut self, slot: u32) {
        append(&mut self.slots, &mut self.free, slot);
        self.slots[slot as usize].state = State::Free;
    }
}

fn append(slots: &mut [SentRequest], list: &mut List, slot: u32) {
    let newest = list.newest;
    slots[slot as usize].earlier = newest;
    slots[slot as usize].later = NONE;
    match slots.get_mut(newest as usize) {
        Some(neighbour) => neighbour.later = slot,
        None => list.oldest = slot,
    }
    list.newest = slot;
    list.count += 1;
}

fn remove(slots: &mut [SentRequest], list: &mut List, slot: u32) {
    let SentRequest { earlier, later, .. } = slots[slot as usize];
    match slots.get_mut(earlier as usize) {
        Some(neighbour) => neighbour.later = later,
        None => list.oldest = later,
    }
    match slots.get_mut(later as usize) {
        Some(neighbour) => neighbour.earlier = earlier,
        None => list.newest = earlier,
    }
    list.count -= 1;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use workload::{LoadSpec, Plan};

    #[test]
    fn slots_are_used_again_and_ids_are_not() {
        let planned = Plan::draw(LoadSpec::default()).expect("sound").requests().next();
        let planned = planned.expect("a request");
        let mut flight = Flight::new();
        let mut seen = std::collections::HashSet::new();
        for at_ns in 0..1_000 {
            let id = flight.next_id();
            assert!(id > 0 && seen.insert(id), "{id} came twice");
            flight.sent(&planned, 0, 0, Instants { intended_ns: at_ns, started_ns: at_ns });
            assert_eq!(flight.take(id).map(|sent| sent.id), Some(id));
            assert!(flight.take(id).is_none());
        }
        assert_eq!((flight.len(), flight.slots.len()), (0, 1));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_list_that_is_searched(steps in proptest::collection::vec((0..4u8, any::<prop::sample::Index>()), 1..300)) {
            let planned = Plan::draw(LoadSpec::default()).expect("sound").requests().next();
            let planned = planned.expect("a request");
            let mut flight = Flight::new();
            let mut model: Vec<(u64, u64)> = Vec::new();
            let mut given_up: Vec<u64> = Vec::new();
            for (at_ns, (step, index)) in (1..).zip(steps) {
                match step {
                    0 | 1 => {
                        let id = flight.next_id();
                        flight.sent(&planned, 0, 0, Instants { intended_ns: at_ns, started_ns: at_ns });
                        model.push((id, at_ns));
                    }
                    2 if !model.is_empty() => {
                        let (id, _) = model.remove(index.index(model.len()));
                        prop_assert!(flight.take(id).is_some());
                    }
                    _ if !model.is_empty() => {
                        let (id, started_ns) = model.remove(0);
                        prop_assert_eq!(flight.take_started_by(started_ns).map(|it| it.id), Some(id));
                        given_up.push(id);
                    }
                    _ => {}
                }
                prop_assert_eq!(flight.len(), model.len());
                prop_assert_eq!(flight.oldest_started_ns(), model.first().map(|(_, at)| *at));
                prop_assert!(given_up.iter().all(|id| flight.was_given_up(*id)));
            }
        }
    }
}
