//! The runs of a scenario and their order.

use std::collections::{BTreeMap, HashMap, HashSet};

use loadgen::expectation::{Expectation, Statistic};
use results::{
    Bound, Cell, FORMAT, Failure, Host, Outcome, Parameter, Place, Placement, Program, Record,
    RunKey, Subject, bits,
};
use workload::Plan;

use crate::bench::rounds::Wish;
use crate::bench::scenario::{ExperimentSpec, Scenario};
use crate::setup::Setup;
use crate::testbed::Testbed;

/// One run to make.
#[derive(Clone)]
pub struct Run<'a> {
    /// The experiment that the run belongs to.
    pub experiment: &'a ExperimentSpec,
    /// The experiment's position in the scenario, from 0.
    pub position: u32,
    /// The point, as configured, in the base units of the parameters.
    pub point: BTreeMap<Parameter, f64>,
    /// What is measured.
    pub subject: Subject,
    /// The position of the subject among the designs of the experiment, from 0.
    pub listed: u32,
    /// The number of the repetition, from 0.
    pub repetition: u32,
    /// Whether it is the second of two identical runs.
    pub twin: bool,
    /// Load and server; the plan is the same for all designs at one point and repetition of an
    /// experiment.
    pub setup: Setup,
}

impl Run<'_> {
    /// What distinguishes the run from all others, on a server with this placement.
    #[must_use]
    pub fn key(&self, placement: Option<&Placement>) -> RunKey {
        let place = Place {
            experiment: self.experiment.name.clone(),
            subject: self.subject.name.clone(),
            point: bits(&self.point),
            repetition: self.repetition,
            twin: self.twin,
        };
        RunKey::new(place, &self.setup.in_words(), self.setup.load.seed, placement)
    }

    /// The run in a few words, for the progress display.
    #[must_use]
    pub fn in_words(&self) -> String {
        let point = analysis::text::place(&self.point);
        let at = if point.is_empty() { String::new() } else { format!(" at {point}") };
        format!(
            "{} · {}{at} · repetition {}",
            self.experiment.name,
            self.subject.name,
            self.repetition + 1
        )
    }

    /// The planned time in nanoseconds, without the start of the server.
    #[must_use]
    pub fn expected_ns(&self) -> u64 {
        (self.setup.load.warmup + self.setup.load.window).as_nanos() as u64
    }
}

/// All runs in the order in which they are made: experiment by experiment, so that the first answer
/// comes early, and within an experiment repetition by repetition, so that the runs of a pair are
/// close in time. Within a repetition the order is drawn from the seed, so that a machine that grows
/// slower is unfair to no subject.
///
/// # Errors
/// Those of a scenario that was not checked.
pub fn runs(scenario: &Scenario) -> Result<Vec<Run<'_>>, String> {
    let mut all = Vec::new();
    for number in 0..scenario.experiments.len() {
        all.extend(runs_of(scenario, number)?);
    }
    Ok(all)
}

/// The runs of one experiment in their order.
///
/// # Errors
/// Those of a scenario that was not checked.
pub fn runs_of(scenario: &Scenario, number: usize) -> Result<Vec<Run<'_>>, String> {
    let experiment = &scenario.experiments[number];
    let mut all = Vec::new();
    for repetition in 0..scenario.repetitions {
        let mut round = Vec::new();
        for point in &experiment.points {
            let subjects = (0..experiment.subjects.len()).map(|subject| (subject, false));
            let twins = experiment.twins.iter().map(|subject| (*subject, true));
            for (subject, twin) in subjects.chain(twins) {
                round.push(run_at(scenario, number, point, subject, repetition, twin)?);
            }
        }
        shuffle(
            &mut round,
            mix(scenario.seed, [u64::MAX, u64::from(experiment.place), u64::from(repetition)]),
        );
        all.extend(round);
    }
    Ok(all)
}

/// One run of a subject at a point.
///
/// # Errors
/// Those of a point that was not checked.
pub fn run_at<'a>(
    scenario: &'a Scenario,
    number: usize,
    point: &BTreeMap<Parameter, f64>,
    subject: usize,
    repetition: u32,
    twin: bool,
) -> Result<Run<'a>, String> {
    let experiment = &scenario.experiments[number];
    let place = match experiment.position_of(point) {
        Some(position) => position as u64,
        // A point that was added between others.
        None => point.values().fold(u64::MAX, |place, value| mix(place, [value.to_bits(), 0, 0])),
    };
    let seed = mix(scenario.seed, [u64::from(experiment.place), place, u64::from(repetition)]);
    let setup = experiment.setup(subject, point, seed)?;
    Ok(Run {
        experiment,
        position: experiment.place,
        point: point.clone(),
        subject: setup.server.subject(),
        listed: subject as u32,
        repetition,
        twin,
        setup,
    })
}

/// The runs of further repetitions, in an order drawn from the seed.
///
/// # Errors
/// Those of a point that was not checked.
pub fn further<'a>(scenario: &'a Scenario, wishes: &[Wish]) -> Result<Vec<Run<'a>>, String> {
    let run = |wish: &Wish| {
        run_at(scenario, wish.experiment, &wish.point, wish.subject, wish.repetition, false)
    };
    let mut runs: Vec<Run<'a>> = wishes.iter().map(run).collect::<Result<_, _>>()?;
    let last = wishes.iter().map(|wish| wish.repetition).max().unwrap_or(0);
    shuffle(&mut runs, mix(scenario.seed, [u64::MAX - 1, 0, u64::from(last)]));
    Ok(runs)
}

/// The runs whose only measurements were disturbed.
#[must_use]
pub fn disturbed<'a>(
    runs: &[Run<'a>],
    records: &[Record],
    placement: impl Fn(&Setup) -> Placement,
) -> Vec<Run<'a>> {
    let mut worth: HashMap<RunKey, bool> = HashMap::new();
    for record in records {
        if let Outcome::Measured(measured) = &record.outcome {
            *worth.entry(RunKey::of(record)).or_default() |= !measured.is_disturbed();
        }
    }
    let is_disturbed = |run: &&Run<'_>| {
        worth.get(&run.key(Some(&placement(&run.setup)))).is_some_and(|counts| !counts)
    };
    runs.iter().filter(is_disturbed).cloned().collect()
}

/// The runs that have no measurement yet. A run under another load than the scenario now asks for,
/// or on other cores, is another run.
#[must_use]
pub fn remaining<'a>(
    runs: Vec<Run<'a>>,
    records: &[Record],
    placement: impl Fn(&Setup) -> Placement,
) -> Vec<Run<'a>> {
    let is_measured = |record: &&Record| matches!(record.outcome, Outcome::Measured(_));
    let done: HashSet<RunKey> = records.iter().filter(is_measured).map(RunKey::of).collect();
    runs.into_iter().filter(|run| !done.contains(&run.key(Some(&placement(&run.setup))))).collect()
}

/// Makes one run on a testbed; a failed run is a record too.
#[must_use]
pub fn record(
    run: &Run<'_>,
    (scenario, title): (&str, &str),
    order: u32,
    started_unix_ms: u64,
    testbed: &mut impl Testbed,
    stop: &(dyn Fn() -> bool + Sync),
) -> Record {
    let made = Plan::draw(run.setup.load.clone())
        .map_err(|error| Failure::Plan { because: error.to_string() })
        .and_then(|plan| testbed.run(&run.setup, &plan, run.experiment.prints_tails(), stop));
    let outcome = match made {
        Ok(measured) => Outcome::Measured(Box::new(measured)),
        Err(failure) => Outcome::Failed(failure),
    };
    Record {
        format: FORMAT,
        program: this_program(),
        testbed: testbed.kind(),
        scenario: scenario.to_owned(),
        title: title.to_owned(),
        experiment: run.experiment.name.clone(),
        position: run.position,
        question: run.experiment.question.clone(),
        shows: run.experiment.shows.clone(),
        wins: run.experiment.wins,
        bound: run.experiment.bound.as_ref().map(bound),
        listed: run.listed,
        cell: Cell { subject: run.subject.clone(), point: run.point.clone() },
        setup: run.setup.in_words(),
        repetition: run.repetition,
        twin: run.twin,
        order,
        seed: run.setup.load.seed,
        started_unix_ms,
        hosts: vec![Host {
            machine: testbed.machine().clone(),
            placement: testbed.placement(&run.setup),
        }],
        outcome,
    }
}

/// This program, for records.
pub(crate) fn this_program() -> Program {
    Program {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("CROSSOVER_COMMIT").map(str::to_owned),
    }
}

/// The bound of a capacity, for records.
fn bound(expectation: &Expectation) -> Bound {
    let quantile = match expectation.figure {
        Statistic::Percentile(percent) => Some(percent / 100.0),
        Statistic::Longest => Some(1.0),
        Statistic::Mean => None,
    };
    Bound { quantile, below_ns: expectation.below_ns }
}

/// Mixes several numbers into one, by SplitMix64 (Steele, Lea and Flood 2014).
fn mix(seed: u64, parts: [u64; 3]) -> u64 {
    parts.into_iter().fold(seed, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// The Fisher-Yates shuffle.
fn shuffle<T>(items: &mut [T], seed: u64) {
    for last in (1..items.len()).rev() {
        let chosen = mix(seed, [last as u64, 1, 2]) % (last as u64 + 1);
        items.swap(last, chosen as usize);
    }
}
