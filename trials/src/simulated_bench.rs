//! Whole benches in simulated time on a machine with noise: rounds, repeated runs and the rule to
//! stop included, so that the coverage of the intervals can be counted.

use analysis::{Comparison, Crossover, Findings};
use crossover::bench::rounds::wishes;
use crossover::bench::scenario::{Scenario, Source};
use crossover::bench::sweep::{Run, disturbed, further, record, remaining, runs};
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

/// The noise of a machine on which a run varies by 5 % and a burst by 10 %.
#[must_use]
pub fn quiet(seed: u64) -> SimulatedNoise {
    SimulatedNoise {
        of_runs: 0.05,
        of_bursts: 0.1,
        stalls: 0.02,
        disturbed: 0.0,
        seen: 1.0,
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
    let listed = runs(scenario)?;
    make(&listed, &mut testbed, &mut records);
    let mut repeats = listed.len().div_ceil(4);
    while repeats > 0 {
        let mut again = disturbed(&listed, &records, |setup| testbed.placement(setup));
        again.truncate(repeats);
        if again.is_empty() {
            break;
        }
        repeats -= again.len();
        make(&again, &mut testbed, &mut records);
    }
    loop {
        let settled = Settled::of(records.clone());
        let findings = Findings::of_settled(&settled);
        let wishes = wishes(scenario, &findings, &settled.records);
        let to_do = further(scenario, &wishes)?;
        let mut to_do = remaining(to_do, &records, |setup| testbed.placement(setup));
        to_do.truncate(most.saturating_sub(records.len()));
        if to_do.is_empty() {
            return Ok(settled);
        }
        make(&to_do, &mut testbed, &mut records);
    }
}

fn make(runs: &[Run<'_>], testbed: &mut SimulatedTestbed, records: &mut Vec<Record>) {
    for run in runs {
        let order = records.len() as u32;
        records.push(record(run, ("planted", ""), order, 0, testbed, &|| false).for_report());
    }
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
