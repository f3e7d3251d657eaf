//! Tells for certain that an open loop overloads a server, while it runs: requests arrive faster than
//! they are answered, so more and more are in flight and each takes longer than those before it. What
//! would still be measured then depends on the length of the run, not on the server.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use workload::{Law, Plan};

use crate::Progress;

/// A plan is looked at after each sixteenth of its requests.
const LOOKS: u64 = 16;

/// How many looks in a row have to find more in flight, and longer response times, than those before.
const RISING: usize = 4;

/// The least share of the requests sent that is in flight.
const IN_FLIGHT: f64 = 0.1;

/// The fewest requests in flight.
const FEWEST: u64 = 100;

/// The shortest plan that is watched: a shorter one is over soon.
const SHORTEST: Duration = Duration::from_secs(2);

/// What was counted since the start of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests sent.
    pub sent: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests answered.
    pub answered: u64,
    /// Sum of the response times of these, in nanoseconds.
    pub response_ns: u64,
    /// Sum of the processing that the requests sent ask for, in nanoseconds.
    pub processing_ns: u64,
}

/// Judges what was counted at each look.
#[derive(Debug)]
struct Judge {
    looks: Vec<Counted>,
    /// Half of the requests of the plan: before that, a queue that only fills up at the start would
    /// look like an overload.
    half: u64,
}

impl Judge {
    /// Whether the server is overloaded for certain.
    fn look(&mut self, counted: Counted) -> bool {
        self.looks.push(counted);
        let many = counted.in_flight >= FEWEST
            && counted.in_flight as f64 >= IN_FLIGHT * counted.sent as f64
            && counted.sent >= self.half;
        let Some(last) = self.looks.len().checked_sub(RISING + 1).map(|at| &self.looks[at..])
        else {
            return false;
        };
        let fuller = last.windows(2).all(|pair| pair[0].in_flight < pair[1].in_flight);
        let responses: Vec<Option<f64>> = last
            .windows(2)
            .map(|pair| {
                let answered = pair[1].answered - pair[0].answered;
                let response_ns = pair[1].response_ns - pair[0].response_ns;
                (answered > 0).then(|| response_ns as f64 / answered as f64)
            })
            .collect();
        // Of long requests the short ones end first, so response times rise at first without any
        // queue: they do not exceed the processing, though.
        let processing = counted.processing_ns as f64 / counted.sent.max(1) as f64;
        let queues = responses.last().copied().flatten().is_none_or(|it| it > 2.0 * processing);
        let nothing_ends = counted.answered == last[0].answered && counted.answered > 0;
        let longer = responses.windows(2).all(|pair| pair[0] < pair[1]);
        many && fuller && (nothing_ends || longer && queues)
    }
}

/// Watches a run through the counters of its generator.
pub struct Watch<'a> {
    progress: &'a Progress,
    planned: u64,
    /// The number of requests sent at which to look next; 0 once an overload was found.
    next: AtomicU64,
    judge: Mutex<Judge>,
}

impl<'a> Watch<'a> {
    /// Watches a plan that one generator drives; `None` if it is too short, if its load adapts to the
    /// server, as that of a closed loop or of sessions does, or if its rate is not the same throughout:
    /// in a burst more and more are in flight without any overload.
    #[must_use]
    pub fn over(plan: &Plan, progress: &'a Progress) -> Option<Self> {
        let spec = &plan.spec;
        let is_steady = matches!(spec.arrivals.law(), Some(Law::Poisson | Law::Even));
        let rate = spec.arrivals.rate().filter(|_| spec.session.is_none() && is_steady)?;
        let time = spec.warmup + spec.window;
        if time < SHORTEST {
            return None;
        }
        let planned = (rate.get() * time.as_secs_f64()) as u64;
        Some(Self {
            progress,
            planned,
            next: AtomicU64::new((planned / LOOKS).max(1)),
            judge: Mutex::new(Judge { looks: Vec::new(), half: planned / 2 }),
        })
    }

    /// Whether the server was found to be overloaded for certain. Cheap enough to be asked at each
    /// turn of the generator's loop.
    pub fn is_overloaded(&self) -> bool {
        let next = self.next.load(Relaxed);
        if next == 0 || self.progress.sent() < next {
            return next == 0;
        }
        let counted = self.progress.counted();
        let Ok(mut judge) = self.judge.lock() else { return false };
        let is_found = judge.look(counted);
        let later = counted.sent + (self.planned / LOOKS).max(1);
        self.next.store(if is_found { 0 } else { later }, Relaxed);
        is_found
    }
}
