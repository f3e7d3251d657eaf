//! The course of a bench: which runs it makes next. The runs of the scenario come first, experiment
//! by experiment, and those of them that were disturbed once more; then further ones where an answer
//! is open. The records decide, so a bench that is resumed goes on in the same way.

use std::time::Duration;

use analysis::{Decisions, Findings};
use results::{Placement, Record, Settled};

use crate::bench::budget::time_of;
use crate::bench::rounds::{Wish, wishes, wishes_of_claims};
use crate::bench::scenario::Scenario;
use crate::bench::sweep::{Run, disturbed, further, remaining, runs_of};
use crate::setup::Setup;

/// The most runs that are made again because they were disturbed, as a share of those planned.
const MOST_REPEATS: f64 = 0.5;

/// Which runs a bench makes next.
pub struct Course<'a> {
    scenario: &'a Scenario,
    stage: Stage<'a>,
    goes_further: bool,
}

/// A part of the course.
enum Stage<'a> {
    /// The runs of the experiment with this number come next.
    Listed(usize),
    /// Those of these runs that were disturbed come next, at most so many. Then comes the experiment
    /// with the number `then`, or without one runs where an answer is open.
    Again { runs: Vec<Run<'a>>, most: usize, then: Option<usize> },
    /// Runs where an answer is open come next.
    Further,
}

/// The next runs of a bench.
pub struct Step<'a> {
    /// The runs to make.
    pub runs: Vec<Run<'a>>,
    /// How many runs were made before a bench was resumed.
    pub made_before: usize,
    /// Whether they are part of the scenario.
    pub is_listed: bool,
}

impl<'a> Course<'a> {
    /// The course of a scenario; with `goes_further` it does not end with the listed runs.
    #[must_use]
    pub fn new(scenario: &'a Scenario, goes_further: bool) -> Self {
        Self { scenario, stage: Stage::Listed(0), goes_further }
    }

    /// What comes next, `None` at the end. Of the time that is left, the runs of the scenario that are
    /// still to come have theirs before runs are made again.
    ///
    /// # Errors
    /// Those of a scenario that was not checked.
    pub fn next(
        &mut self,
        records: &[Record],
        left: Option<Duration>,
        placement: impl Fn(&Setup) -> Placement + Copy,
    ) -> Result<Option<Step<'a>>, String> {
        loop {
            let runs = match &mut self.stage {
                Stage::Listed(number) if *number < self.scenario.experiments.len() => {
                    let then = Some(*number + 1);
                    let all = runs_of(self.scenario, *number)?;
                    let runs = remaining(all.clone(), records, placement);
                    let made_before = all.len() - runs.len();
                    self.again(all, then);
                    return Ok(Some(Step { runs, made_before, is_listed: true }));
                }
                Stage::Listed(_) if self.goes_further => {
                    self.stage = Stage::Further;
                    continue;
                }
                Stage::Listed(_) => return Ok(None),
                Stage::Again { runs, most, then } => {
                    let mut again = disturbed(runs, records, placement);
                    again.truncate(*most);
                    if let Some(left) = left {
                        fit(&mut again, left.saturating_sub(listed_from(self.scenario, *then)?));
                    }
                    *most -= again.len();
                    if again.is_empty() {
                        self.stage = then.map_or(Stage::Further, Stage::Listed);
                        continue;
                    }
                    again
                }
                Stage::Further => {
                    let settled = Settled::of(records.to_vec());
                    let wishes = self.wishes(&settled);
                    let all = further(self.scenario, &wishes)?;
                    let runs = remaining(all.clone(), records, placement);
                    if runs.is_empty() {
                        return Ok(None);
                    }
                    self.again(all, None);
                    runs
                }
            };
            return Ok(Some(Step { runs, made_before: 0, is_listed: false }));
        }
    }

    /// Where further runs are worth their time.
    fn wishes(&self, settled: &Settled) -> Vec<Wish> {
        match self.scenario.claims.is_empty() {
            true => wishes(self.scenario, &Decisions::of(settled), &settled.records),
            false => {
                let findings = Findings::of_settled(settled);
                wishes_of_claims(self.scenario, &findings.measured(), &settled.records)
            }
        }
    }

    /// Goes on with those of these runs that will have been disturbed.
    fn again(&mut self, runs: Vec<Run<'a>>, then: Option<usize>) {
        let most = match self.scenario.repeat_disturbed {
            true => (runs.len() as f64 * MOST_REPEATS).ceil() as usize,
            false => 0,
        };
        self.stage = Stage::Again { runs, most, then };
    }
}

/// The time of the listed runs from an experiment on.
fn listed_from(scenario: &Scenario, experiment: Option<usize>) -> Result<Duration, String> {
    let mut time = Duration::ZERO;
    for number in experiment.unwrap_or(scenario.experiments.len())..scenario.experiments.len() {
        time += time_of(&runs_of(scenario, number)?);
    }
    Ok(time)
}

/// Leaves out the last runs until the others fit into a time.
fn fit(runs: &mut Vec<Run<'_>>, time: Duration) {
    while !runs.is_empty() && time_of(runs) > time {
        runs.pop();
    }
}
