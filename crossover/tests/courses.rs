//! Which runs a bench makes, and in which order, in simulated time.

use std::collections::{BTreeMap, HashMap, HashSet};

use crossover::bench::course::Course;
use crossover::bench::scenario::{Scenario, Source};
use crossover::bench::sweep::{record, runs};
use crossover::testbed::{SimulatedNoise, SimulatedTestbed, Testbed};
use rand_pcg::Pcg64;
use results::{Record, RunKey};

fn scenario(text: &str) -> Scenario {
    let source = Source { name: "course".to_owned(), text: text.to_owned() };
    source.parse().expect("it is sound")
}

const TWO_EXPERIMENTS: &str = r#"
[[experiment]]
name = "first"
designs = ["udp-iterative", "udp-thread-per-request"]
arrivals = "burst:8"
wait = ["5us", "1500us"]
utilisation = 0.5
requests = 48
[[experiment]]
name = "second"
designs = ["udp-iterative"]
rate = "100/s"
requests = 20
"#;

/// Makes the runs of a course after those that were made already, until it ends.
fn go_on(
    scenario: &Scenario,
    testbed: &mut SimulatedTestbed,
    records: &mut Vec<Record>,
    further: bool,
) {
    let mut course = Course::new(scenario, further);
    loop {
        let step = course.next(records, None, |setup| testbed.placement(setup));
        let Some(step) = step.expect("it was checked") else { break };
        for run in step.runs {
            let order = records.len() as u32;
            records.push(record(&run, ("course", ""), order, 0, testbed, &|| false).for_report());
        }
        assert!(records.len() < 2_000, "it never ends");
    }
}

fn noisy(disturbed: f64) -> SimulatedTestbed {
    SimulatedTestbed::with_noise(SimulatedNoise {
        of_runs: 0.05,
        of_bursts: 0.1,
        stalls: 0.0,
        disturbed,
        seen: 1.0,
        slower: BTreeMap::new(),
        chance: Pcg64::new(1, 2),
    })
}

#[test]
fn a_course_without_a_budget_is_the_scenario() {
    let scenario = scenario(TWO_EXPERIMENTS);
    let mut records = Vec::new();
    go_on(&scenario, &mut SimulatedTestbed::default(), &mut records, false);
    let listed = runs(&scenario).expect("it was checked");
    let made: Vec<&str> = records.iter().map(|record| record.experiment.as_str()).collect();
    let expected: Vec<&str> = listed.iter().map(|run| run.experiment.name.as_str()).collect();
    assert_eq!(made, expected);
}

#[test]
fn a_course_goes_on_wherever_it_was_broken_off() {
    let scenario = scenario(TWO_EXPERIMENTS);
    let mut whole = Vec::new();
    go_on(&scenario, &mut SimulatedTestbed::default(), &mut whole, true);
    let keys = |records: &[Record]| -> HashSet<RunKey> { records.iter().map(RunKey::of).collect() };
    for made in 0..whole.len() {
        let mut records = whole[..made].to_vec();
        go_on(&scenario, &mut SimulatedTestbed::default(), &mut records, true);
        assert_eq!(records.len(), keys(&records).len(), "each run once, after {made}");
        let listed: HashSet<RunKey> = keys(&whole[..30]);
        assert!(listed.is_subset(&keys(&records)), "all listed runs, after {made}");
        let mut cells: HashMap<String, HashSet<u32>> = HashMap::new();
        for record in &records {
            let cell = format!("{} {:?}", record.experiment, record.cell);
            cells.entry(cell).or_default().insert(record.repetition);
        }
        for (cell, made_of_it) in cells {
            let count = made_of_it.len() as u32;
            assert!(count >= 6 && made_of_it.contains(&(count - 1)), "after {made}: {cell}");
        }
    }
}

#[test]
fn disturbed_runs_are_made_again_but_a_machine_without_rest_ends_the_bench() {
    let scenario = scenario(TWO_EXPERIMENTS);
    let listed = runs(&scenario).expect("it was checked").len();
    let mut records = Vec::new();
    go_on(&scenario, &mut noisy(1.0), &mut records, false);
    // Half of each experiment's runs, rounded up.
    assert_eq!(records.len(), listed + 12 + 3, "{listed} are listed");
    let mut records = Vec::new();
    go_on(&scenario, &mut noisy(1.0), &mut records, true);
    assert!(records.len() > listed + 15, "a budget is spent on it");
    let mut records = Vec::new();
    go_on(&scenario, &mut noisy(0.0), &mut records, false);
    assert_eq!(records.len(), listed, "a quiet machine repeats nothing");
}
