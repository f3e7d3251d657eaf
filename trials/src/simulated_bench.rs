//! Whole benches in simulated time on a machine with noise: rounds, repeated runs and the rule to
//! stop included, so that the coverage of the intervals can be counted.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use analysis::answers::{CrossoverAnswer, CrossoverKind, PointAnswer};
use analysis::{Comparison, Crossover, Decisions, Findings};
use crossover::bench::course::Course;
use crossover::bench::scenario::{Scenario, Source};
use crossover::bench::sweep::{Run, record, runs};
use crossover::testbed::{SimulatedNoise, SimulatedTestbed, Testbed};
use rand_pcg::Pcg64;
use results::{Record, Settled};
use servers::Design;

use crate::Failed;

/// A scenario whose crossings arithmetic gives: an iterative server beside one that creates a thread
/// (20 µs) and one that creates a process (200 µs) for each request.
pub const PLANTED: &str = r#"
title = "Where was it planted?"
[[experiment]]
name = "waiting"
designs = ["udp-iterative", "udp-thread-per-request", "udp-process-per-request"]
arrivals = "burst:8"
wait = ["5us", "15us", "50us", "150us", "500us", "1500us"]
utilisation = 0.5
requests = 48
"#;

/// A scenario with two subjects that are one and the same design.
pub const TWICE: &str = r#"
title = "Is a server as good as itself?"
[[server]]
name = "again"
design = "udp-thread-per-request"
[[experiment]]
name = "twice"
designs = ["udp-thread-per-request", "again"]
arrivals = "burst:8"
wait = ["15us", "50us", "150us", "500us", "1500us"]
utilisation = 0.5
requests = 48
"#;

/// The same, judged by the 99th percentile.
pub const TAIL: &str = r#"
title = "Whose tail is the longer?"
[[server]]
name = "again"
design = "udp-thread-per-request"
[[experiment]]
name = "tail"
designs = ["udp-thread-per-request", "again"]
arrivals = "poisson"
wait = "exp:400us"
rate = "1000/s"
requests = 1000
wins = "p99"
"#;

/// The noise of a machine on which a run varies by 5 % and a burst by 10 %.
#[must_use]
pub fn quiet(seed: u64) -> SimulatedNoise {
    SimulatedNoise {
        of_runs: 0.05,
        of_bursts: 0.1,
        stalls: 0.02,
        disturbed: 0.0,
        seen: 1.0,
        slower: BTreeMap::new(),
        chance: Pcg64::new(u128::from(seed), 1),
    }
}

/// The same beside another program, which disturbs a third of the runs and is seen to do so.
#[must_use]
pub fn beside_another(seed: u64) -> SimulatedNoise {
    SimulatedNoise { stalls: 0.1, disturbed: 0.33, seen: 1.0, ..quiet(seed) }
}

/// The same, but one disturbance in ten is not seen.
#[must_use]
pub fn partly_unseen(seed: u64) -> SimulatedNoise {
    SimulatedNoise { seen: 0.9, ..beside_another(seed) }
}

/// The scenario of a text.
///
/// # Errors
/// If it makes no sense.
pub fn scenario(text: &str) -> Result<Scenario, Failed> {
    let source = Source { name: "planted".to_owned(), text: text.to_owned() };
    Ok(source.parse()?)
}

/// The records of a bench that makes at most `most` runs: those of the scenario, those that were
/// disturbed once more, and further ones where an answer is open.
///
/// # Errors
/// If the scenario makes no sense.
pub fn bench(scenario: &Scenario, noise: SimulatedNoise, most: usize) -> Result<Settled, Failed> {
    let mut testbed = SimulatedTestbed::with_noise(noise);
    let mut records: Vec<Record> = Vec::new();
    let mut course = Course::new(scenario, true);
    while let Some(mut step) = course.next(&records, None, |setup| testbed.placement(setup))? {
        step.runs.truncate(most.saturating_sub(records.len()));
        if step.runs.is_empty() {
            break;
        }
        make(&step.runs, &mut testbed, &mut records);
    }
    Ok(Settled::of(records))
}

fn make(runs: &[Run<'_>], testbed: &mut SimulatedTestbed, records: &mut Vec<Record>) {
    for run in runs {
        let order = records.len() as u32;
        records.push(record(run, ("planted", ""), order, 0, testbed, &|| false).for_report());
    }
}

/// Calls a function with each of so many seeds, on all cores; its results in the order of the seeds.
///
/// # Errors
/// The first error of a call.
pub fn for_each_seed<T: Send>(
    seeds: u64,
    each: impl Fn(u64) -> Result<T, Failed> + Sync,
) -> Result<Vec<T>, Failed> {
    let next = AtomicU64::new(0);
    let work = || -> Vec<(u64, Result<T, String>)> {
        let take = || Some(next.fetch_add(1, Relaxed)).filter(|seed| *seed < seeds);
        let call = |seed| (seed, each(seed).map_err(|error| error.to_string()));
        std::iter::from_fn(take).map(call).collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut all: Vec<(u64, Result<T, String>)> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = started.into_iter().map(|thread| thread.join().expect("no panic"));
        joined.flatten().collect()
    });
    all.sort_by_key(|(seed, _)| *seed);
    Ok(all.into_iter().map(|(_, result)| result).collect::<Result<_, String>>()?)
}

/// How a bench answered the question for one pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// The interval contains the truth; it is so many times as wide as the truth.
    Covered(f64),
    /// The interval does not contain the truth.
    Missed,
    /// It is undecided.
    Undecided,
    /// Another outcome than a crossing with this winner.
    Wrong,
}

/// The truth of a comparison in [`PLANTED`], in nanoseconds.
#[must_use]
pub fn truth_ns(comparison: &Comparison) -> Option<f64> {
    let design = Design::named(&comparison.other.name)?;
    let creation_ns = SimulatedTestbed::creation(design).as_nanos() as f64;
    model::burst_crossover(8, creation_ns)
}

/// How the comparisons of a bench answered.
#[must_use]
pub fn answers(settled: &Settled) -> Vec<Answer> {
    let findings = Findings::of_settled(settled);
    let of = |comparison: &Comparison| {
        let Some(truth) = truth_ns(comparison) else { return Answer::Wrong };
        match &comparison.crossover {
            Crossover::At { low, high, winner_beyond, .. } => {
                if *winner_beyond != comparison.other.name {
                    Answer::Wrong
                } else if (*low..=*high).contains(&truth) {
                    Answer::Covered((high - low) / truth)
                } else {
                    Answer::Missed
                }
            }
            Crossover::Undecided(_) => Answer::Undecided,
            Crossover::Always(_) | Crossover::NoDifference => Answer::Wrong,
        }
    };
    findings.experiments.iter().flat_map(|found| &found.comparisons).map(of).collect()
}

/// How many of these answers are each: covered, missed, undecided, wrong.
#[must_use]
pub fn tally(answers: &[Answer]) -> [usize; 4] {
    let count = |is_it: fn(&Answer) -> bool| answers.iter().filter(|one| is_it(one)).count();
    [
        count(|one| matches!(one, Answer::Covered(_))),
        count(|one| *one == Answer::Missed),
        count(|one| *one == Answer::Undecided),
        count(|one| *one == Answer::Wrong),
    ]
}

/// In how many points of a bench two subjects are told apart, of how many.
#[must_use]
pub fn told_apart(settled: &Settled) -> (usize, usize) {
    let findings = Findings::of_settled(settled);
    let points = findings.answers.experiments.first().map_or(&[][..], |first| &first.points);
    let is_apart = |point: &&PointAnswer| point.decided && point.tied.is_empty();
    (points.iter().filter(is_apart).count(), points.len())
}

/// Whether a bench without an axis names this subject as the best, for certain.
#[must_use]
pub fn tells_apart(settled: &Settled, best: &str) -> bool {
    let findings = Findings::of_settled(settled);
    let points = findings.answers.experiments.first().map_or(&[][..], |first| &first.points);
    let is_found = |point: &PointAnswer| {
        point.decided && point.tied.is_empty() && point.best.as_deref() == Some(best)
    };
    !points.is_empty() && points.iter().all(is_found)
}

/// This noise on a machine on which a subject takes so many times as long.
#[must_use]
pub fn slower(mut noise: SimulatedNoise, subject: &str, factor: f64) -> SimulatedNoise {
    noise.slower.insert(subject.to_owned(), factor);
    noise
}

/// The scenario `quick` of the program.
///
/// # Errors
/// If the program has no such scenario.
pub fn quick() -> Result<Scenario, Failed> {
    scenario(include_str!("../../scenarios/quick.toml"))
}

/// Every crossover that a simulated bench of `quick` found, each with the name of its experiment.
///
/// # Errors
/// Those of a bench.
pub fn in_quick(
    scenario: &Scenario,
    noise: SimulatedNoise,
) -> Result<Vec<(String, CrossoverAnswer)>, Failed> {
    // The listed runs, and 40 % more: what the budget of `quick` leaves.
    let most = runs(scenario)?.len() * 7 / 5;
    let settled = bench(scenario, noise, most)?;
    let found = Decisions::of(&settled).answers.into_iter().flat_map(|experiment| {
        let crossovers = experiment.crossovers.into_iter();
        crossovers.map(move |crossover| (experiment.name.clone(), crossover))
    });
    Ok(found.collect())
}

/// What quiet benches agree on, pair by pair.
#[derive(Debug)]
pub struct Reference(Vec<(String, CrossoverAnswer)>);

impl Reference {
    /// The largest factor between two values of one crossing.
    const APART: f64 = 1.5;

    /// The answers of the first bench that decide something, and that all others gave too.
    #[must_use]
    pub fn of(benches: &[Vec<(String, CrossoverAnswer)>]) -> Self {
        let first = benches.first().cloned().unwrap_or_default();
        let is_settled = |(experiment, crossover): &(String, CrossoverAnswer)| {
            crossover.kind != CrossoverKind::Undecided
                && benches.iter().all(|bench| {
                    Self::found(bench, experiment, crossover)
                        .is_some_and(|other| other.kind == crossover.kind)
                })
        };
        Self(first.into_iter().filter(is_settled).collect())
    }

    fn found<'a>(
        bench: &'a [(String, CrossoverAnswer)],
        experiment: &str,
        like: &CrossoverAnswer,
    ) -> Option<&'a CrossoverAnswer> {
        let is_it = |(name, it): &&(String, CrossoverAnswer)| {
            name == experiment && it.base == like.base && it.other == like.other && it.at == like.at
        };
        bench.iter().find(is_it).map(|(_, crossover)| crossover)
    }

    /// How many pairs a bench answers as the quiet ones do, leaves undecided, and answers otherwise.
    #[must_use]
    pub fn tally(&self, bench: &[(String, CrossoverAnswer)]) -> [usize; 3] {
        let mut tally = [0; 3];
        for (experiment, quiet) in &self.0 {
            let place = match Self::found(bench, experiment, quiet) {
                Some(found) if found.kind == CrossoverKind::Undecided => 1,
                Some(found) if Self::agree(quiet, found) => 0,
                _ => 2,
            };
            tally[place] += 1;
        }
        tally
    }

    fn agree(quiet: &CrossoverAnswer, found: &CrossoverAnswer) -> bool {
        let factor = quiet.factor.unwrap_or(1.0);
        match (quiet.kind, found.kind) {
            (_, CrossoverKind::NoDifference) => factor.max(1.0 / factor) < Self::APART,
            (CrossoverKind::At, CrossoverKind::At) => {
                let ratio = found.value.unwrap_or(0.0) / quiet.value.unwrap_or(1.0);
                found.winner_beyond == quiet.winner_beyond
                    && (1.0 / Self::APART..=Self::APART).contains(&ratio)
            }
            _ => found.winner_beyond == quiet.winner_beyond,
        }
    }
}
