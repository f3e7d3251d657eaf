//! A plan of the load generator before a machine: open loops, closed loops and sessions.

use workload::{Plan, PlannedRequest, Schedule, Shard};

use super::{Done, Job, Machine};

/// A request of a plan, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Followed {
    /// The request, due at its `intended_ns`.
    pub planned: PlannedRequest,
    /// Its answer; `None` if there was no room for it.
    pub done: Option<Done>,
}

/// Follows a plan to its last answer; `ended` gets each request in the order of their ends, and last
/// those that were never answered, because no worker ever took them up. Returns how many these are.
///
/// Clients that wait for a reply get it when the machine answers; a request that is lost ends its
/// session, and a client of a closed loop asks again after its pause.
pub fn follow_plan(plan: &Plan, machine: &mut Machine, mut ended: impl FnMut(Followed)) -> u64 {
    let mut schedule = Schedule::new(plan, Shard::WHOLE);
    let mut under_way = UnderWay::default();
    let mut done: Vec<Done> = Vec::new();
    loop {
        let due_ns = schedule.next_due_ns().map(|due_ns| due_ns as f64);
        let until_ns = match (due_ns, machine.next_ns()) {
            (Some(due_ns), next) if next.is_none_or(|next_ns| due_ns < next_ns) => {
                if let Some(planned) = schedule.take() {
                    machine.advance(due_ns, &mut done);
                    let id = under_way.begin(planned);
                    if !machine.arrive(due_ns, job_of(&planned, id)) {
                        under_way.end(id);
                        schedule.ended(planned.client, planned.intended_ns, false);
                        ended(Followed { planned, done: None });
                    }
                }
                continue;
            }
            (_, Some(next_ns)) => next_ns,
            (_, None) => break,
        };
        machine.advance(until_ns, &mut done);
        for it in done.drain(..) {
            let planned = under_way.end(it.job.id);
            schedule.ended(planned.client, it.at_ns.ceil() as u64, true);
            ended(Followed { planned, done: Some(it) });
        }
    }
    let left: Vec<PlannedRequest> = under_way.slots.into_iter().flatten().collect();
    let count = left.len() as u64;
    left.into_iter().for_each(|planned| ended(Followed { planned, done: None }));
    count
}

fn job_of(planned: &PlannedRequest, id: u64) -> Job {
    Job {
        id,
        client: planned.client,
        compute_ns: planned.work.compute.as_nanos() as f64,
        wait_ns: planned.work.wait.as_nanos() as f64,
        last: planned.last,
    }
}

/// The requests in progress, each in a slot whose number is its id.
#[derive(Default)]
struct UnderWay {
    slots: Vec<Option<PlannedRequest>>,
    free: Vec<u64>,
}

impl UnderWay {
    fn begin(&mut self, planned: PlannedRequest) -> u64 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u64 - 1
        });
        self.slots[id as usize] = Some(planned);
        id
    }

    fn end(&mut self, id: u64) -> PlannedRequest {
        self.free.push(id);
        self.slots[id as usize].take().expect("a machine answers what it was given, once")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use workload::{Arrivals, Distribution, LoadSpec, Rate};

    use super::*;
    use crate::simulate::{Computer, Costs, Queue, Station, Stays};

    fn iterative() -> Machine {
        let station = Station::Workers {
            count: 1,
            queue: Queue::Central,
            stays: Stays::Request,
            handover_ns: 0.0,
        };
        Machine::new(station, Costs::default(), Computer::default())
    }

    #[test]
    fn a_closed_loop_sends_when_it_is_answered() {
        let spec = LoadSpec {
            arrivals: Arrivals::Closed(Distribution::fixed(1e6)),
            clients: 3,
            window: Duration::from_secs(1),
            warmup: Duration::ZERO,
            wait: Distribution::fixed(3e6),
            ..LoadSpec::default()
        };
        let plan = Plan::draw(spec).expect("a sound load");
        let (mut count, mut sum_ns) = (0.0, 0.0);
        let left = follow_plan(&plan, &mut iterative(), |it| {
            count += 1.0;
            let at_ns = it.done.map_or(f64::NAN, |done| done.at_ns);
            sum_ns += at_ns - it.planned.intended_ns as f64;
        });
        assert_eq!(left, 0);
        // The server is always busy: 3 clients, R = 3·3 ms − 1 ms.
        assert!((count - 333.0_f64).abs() < 4.0, "{count}");
        assert!((sum_ns / count - 8e6).abs() < 0.05e6, "{}", sum_ns / count);
    }

    #[test]
    fn what_is_never_taken_up_is_counted() {
        let station = Station::Workers {
            count: 1,
            queue: Queue::Central,
            stays: Stays::Connection,
            handover_ns: 0.0,
        };
        let spec = LoadSpec {
            arrivals: Arrivals::even(Rate::per_second(100.0).expect("above 0")),
            clients: 2,
            window: Duration::from_secs(1),
            warmup: Duration::ZERO,
            wait: Distribution::fixed(1e6),
            ..LoadSpec::default()
        };
        let plan = Plan::draw(spec).expect("a sound load");
        let mut machine = Machine::new(station, Costs::default(), Computer::default());
        let mut answered = 0;
        let left = follow_plan(&plan, &mut machine, |it| answered += u32::from(it.done.is_some()));
        assert_eq!((answered, left), (50, 50));
    }
}
