//! The time that a bench may take.

use std::time::{Duration, Instant};

use crate::bench::scenario::Scenario;
use crate::bench::sweep::{Run, runs};
use crate::setup::Server;

/// The time that a run takes beside its load: starting and ending a server.
const BESIDES: Duration = Duration::from_millis(60);

/// The same for a server of the user's own, which may be an interpreter with its libraries.
const BESIDES_OWN: Duration = Duration::from_secs(1);

/// The part of a budget that the runs of a scenario may take, so that some is left for runs where an
/// answer is open and for runs that have to be made again.
const FOR_LISTED: f64 = 0.7;

/// Runs of so much time show how fast this machine is beside what was expected.
const ENOUGH: Duration = Duration::from_secs(2);

/// A time that runs out; without one, a bench takes as long as its runs take.
pub(crate) struct Budget {
    begin: Instant,
    end: Option<Instant>,
    time: Option<Duration>,
    /// What the runs so far should have taken.
    expected: Duration,
}

impl Budget {
    /// A budget from now on.
    pub(crate) fn begin(time: Option<Duration>) -> Self {
        let begin = Instant::now();
        let end = time.and_then(|time| begin.checked_add(time));
        Self { begin, end, time, expected: Duration::ZERO }
    }

    /// Notes that a run was made.
    pub(crate) fn made(&mut self, run: &Run<'_>) {
        self.expected += Duration::from_nanos(run.expected_ns()) + besides(run);
    }

    /// The time that is left, in that of runs as they are expected: where runs have taken less so far,
    /// more of them fit. `None` without a budget.
    pub(crate) fn left(&self) -> Option<Duration> {
        let left = self.end?.saturating_duration_since(Instant::now());
        let taken = self.begin.elapsed();
        let pace = match self.expected > ENOUGH {
            true => self.expected.as_secs_f64() / taken.as_secs_f64(),
            false => 1.0,
        };
        Some(left.mul_f64(pace.clamp(0.1, 10.0)))
    }

    /// Whether there is one.
    pub(crate) fn is_given(&self) -> bool {
        self.end.is_some()
    }

    /// Whether a run would end after it.
    pub(crate) fn is_spent(&self, run: &Run<'_>) -> bool {
        let needed = Duration::from_nanos(run.expected_ns()).saturating_add(besides(run));
        self.end.is_some_and(|end| Instant::now() + needed > end)
    }

    /// Leaves points out until the runs of a scenario fit, as far as its axes allow.
    pub(crate) fn fit(&self, scenario: &mut Scenario) {
        let Some(time) = self.time else { return };
        if !scenario.claims.is_empty() {
            return shorten(scenario, time.mul_f64(FOR_LISTED));
        }
        while planned_time(scenario) > time.mul_f64(FOR_LISTED) {
            let longest = scenario.experiments.iter_mut().max_by_key(|it| it.points.len());
            if !longest.is_some_and(|experiment| experiment.thin()) {
                break;
            }
        }
    }
}

/// Shortens the loads of claims, which read figures off certain points, until they fit; at most to a
/// quarter.
fn shorten(scenario: &mut Scenario, time: Duration) {
    const SHORTEST: f64 = 0.25;
    let runs = runs(scenario).unwrap_or_default();
    let besides: Duration = runs.iter().map(besides).sum();
    let load = planned_time(scenario).saturating_sub(besides);
    let left = time.saturating_sub(besides);
    let factor = (left.as_secs_f64() / load.as_secs_f64()).clamp(SHORTEST, 1.0);
    for experiment in &mut scenario.experiments {
        experiment.shorten(factor);
    }
}

/// The number of a scenario's runs, and the time of their loads in nanoseconds.
pub(crate) fn planned(scenario: &Scenario) -> (usize, u64) {
    let runs = runs(scenario).unwrap_or_default();
    (runs.len(), runs.iter().map(Run::expected_ns).fold(0, u64::saturating_add))
}

/// The time that a scenario's runs take.
pub(crate) fn planned_time(scenario: &Scenario) -> Duration {
    time_of(&runs(scenario).unwrap_or_default())
}

/// The time that these runs take, starting and ending the servers included.
pub(crate) fn time_of(runs: &[Run<'_>]) -> Duration {
    let time = |run: &Run<'_>| Duration::from_nanos(run.expected_ns()) + besides(run);
    runs.iter().map(time).fold(Duration::ZERO, Duration::saturating_add)
}

fn besides(run: &Run<'_>) -> Duration {
    match &run.setup.server {
        Server::Own(own) if !own.spec.command.is_empty() => BESIDES_OWN,
        Server::Own(_) | Server::Design(_) => BESIDES,
    }
}
