//! A whole bench in simulated time: every run of the quick scenario, its analysis and its page,
//! without a socket and without a clock.

use std::time::Instant;

use analysis::{Crossover, Findings};
use crossover::bench::scenario::Source;
use crossover::bench::sweep::{record, remaining, runs};
use crossover::testbed::SimulatedTestbed;
use results::{Failure, Outcome, Placement, Record, Settled};
use servers::Design;

fn sweep(scenario: &str) -> Vec<Record> {
    let source = Source::find(scenario).expect("it comes with the program");
    let scenario = source.parse().expect("it is sound");
    let mut testbed = SimulatedTestbed::default();
    let runs = runs(&scenario).expect("it was checked");
    (0..)
        .zip(&runs)
        .map(|(order, run)| {
            record(run, (&source.name, &scenario.title), order, 0, &mut testbed, &|| false)
        })
        .collect()
}

#[test]
fn the_planted_costs_are_found_where_theory_puts_the_crossing() {
    let records = sweep("quick");
    let findings = Findings::of(&records);
    let waiting = findings.experiments.iter().find(|one| one.experiment.name == "burst-waiting");
    let found = &waiting.expect("asked").comparisons;
    assert_eq!(found.len(), 4);
    for comparison in found.clone() {
        let design = Design::named(&comparison.other.name).expect("in the catalogue");
        let creation_ns = SimulatedTestbed::creation(design).as_nanos() as f64;
        let expected = model::burst_crossover(8, creation_ns).expect("more than one");
        let Crossover::At { value, low, high, winner_beyond } = comparison.crossover else {
            panic!("{}: {:?}", comparison.other, comparison.crossover);
        };
        // Interpolation between points that are a factor of two or three apart is off by a few
        // percent.
        assert!((value / expected - 1.0).abs() < 0.1, "{value} instead of {expected}");
        assert!(low <= value && value <= high);
        assert_eq!(winner_beyond, comparison.other.name);
    }
}

#[test]
fn computing_on_one_processor_never_pays_and_the_verdict_says_so() {
    let records = sweep("quick");
    let findings = Findings::of(&records);
    let verdict = &findings.verdict;
    assert!(verdict.headline.starts_with("In simulation, a thread per request beats"));
    assert!(verdict.second.as_ref().is_some_and(|second| second.starts_with("Over TCP, ")));
    let computing: Vec<_> = verdict
        .findings
        .iter()
        .filter(|one| one.experiment == "burst-computing" && one.pair.is_some())
        .collect();
    assert_eq!(computing.len(), 5);
    for finding in computing {
        let never = ["never beats", "differ by less than 10 %"];
        assert!(never.iter().any(|text| finding.text.contains(text)), "{}", finding.text);
    }
    assert!(findings.noise.cells.iter().all(|twins| twins.are_alike()), "the same server twice");
}

#[test]
fn every_design_of_a_cell_gets_the_same_plan() {
    let records = sweep("smoke");
    let hash = |record: &Record| match &record.outcome {
        Outcome::Measured(measured) => measured.plan_hash.clone(),
        Outcome::Failed(failure) => panic!("{failure}"),
    };
    for one in &records {
        for other in &records {
            let same_transport = one.cell.subject.transport == other.cell.subject.transport;
            let same_cell = one.experiment == other.experiment
                && one.cell.point == other.cell.point
                && one.repetition == other.repetition
                && same_transport;
            let same_plan = hash(one) == hash(other);
            assert!(same_plan || !same_cell, "{one:?}\n{other:?}");
            // A burst of fixed length is the same in every repetition; random arrivals are not.
            assert!(!same_plan || same_cell || one.experiment == "burst-waiting");
        }
    }
}

#[test]
fn a_small_sweep_takes_less_than_a_second_and_a_bench_goes_on_where_it_was() {
    let start = Instant::now();
    let records = sweep("smoke");
    let took = start.elapsed();
    // Simulated time costs arithmetic only; a second is a hundred times what it takes.
    assert!(took.as_secs() < 1, "{took:?}");
    let source = Source::find("smoke").expect("it comes with the program");
    let scenario = source.parse().expect("it is sound");
    let all = runs(&scenario).expect("it was checked");
    assert_eq!(all.len(), records.len());
    let placement = Placement::default();
    let left = remaining(all.clone(), &records[..5], |_| placement.clone());
    assert_eq!(left.len(), records.len() - 5);
    assert!(remaining(left, &records, |_| placement.clone()).is_empty());
    // Records that were written and read again are of the same runs, to the last digit.
    let again: Vec<Record> = records
        .iter()
        .map(|record| serde_json::from_slice(&serde_json::to_vec(record).expect("data")))
        .collect::<Result<_, _>>()
        .expect("what was written");
    assert!(remaining(all.clone(), &again, |_| placement.clone()).is_empty());
    // A run under another load, or on other cores, is another run.
    let elsewhere = Placement { server_cores: vec![7], ..placement.clone() };
    assert_eq!(remaining(all, &records, |_| elsewhere.clone()).len(), records.len());
    let edited = Source { text: source.text.replace("seed = ", "seed = 9"), ..source };
    let edited = edited.parse().expect("it is sound");
    let all = runs(&edited).expect("it was checked");
    assert_eq!(remaining(all, &records, |_| placement.clone()).len(), records.len());
}

#[test]
fn each_run_counts_once_and_runs_of_other_loads_not_at_all() {
    let records = sweep("smoke");
    let all = records.len();
    let settled = Settled::of([records.clone(), records[..7].to_vec()].concat());
    assert_eq!((settled.records.len(), settled.repeated), (all, 7));
    assert_eq!(settled.of_another_setup, 0);
    let pages = |settled: &Settled| reports::left_out(settled);
    assert_eq!(
        pages(&settled),
        ["7 runs were recorded more than once: of each run the last record counts."]
    );
    // The scenario was edited, and half of one point was measured again.
    let (experiment, point) = (records[0].experiment.clone(), records[0].cell.point.clone());
    let of_the_point = |record: &&Record| {
        record.experiment == experiment
            && record.cell.point == point
            && record.cell.subject.transport == records[0].cell.subject.transport
    };
    let mut edited: Vec<Record> = records.iter().filter(of_the_point).cloned().collect();
    edited.truncate(edited.len() / 2);
    edited.iter_mut().for_each(|record| record.setup.load.wait = "7ms".to_owned());
    let old = records.iter().filter(of_the_point).count();
    let settled = Settled::of([records.clone(), edited.clone()].concat());
    assert_eq!((settled.of_another_setup, settled.repeated), (old, 0));
    assert_eq!(settled.records.len(), all - old + edited.len());
    assert!(pages(&settled)[0].contains("under another load"), "{:?}", pages(&settled));
    // A failed run that was measured after all is gone. A run that only failed stays, and replaces
    // no measurement.
    let mut failed = records[0].clone();
    failed.outcome = Outcome::Failed(Failure::ServerDied { how: "killed".to_owned() });
    for order in [[failed.clone(), records[0].clone()], [records[0].clone(), failed.clone()]] {
        let settled = Settled::of(order.to_vec());
        assert!(
            matches!(&settled.records[..], [one] if matches!(one.outcome, Outcome::Measured(_)))
        );
    }
    assert_eq!(Settled::of(vec![failed]).records.len(), 1);
    // A page shows the same for records that are kept compact.
    let small: Vec<Record> = records.iter().cloned().map(Record::for_report).collect();
    assert_eq!(Findings::of(&records).figures(), Findings::of(&small).figures());
}

#[test]
fn the_order_is_random_but_the_same_each_time() {
    let order = |records: &[Record]| {
        records
            .iter()
            .map(|one| (one.cell.subject.name.clone(), one.cell.x().to_bits()))
            .collect::<Vec<_>>()
    };
    let once = order(&sweep("smoke"));
    assert_eq!(once, order(&sweep("smoke")));
    let mut sorted = once.clone();
    sorted.sort();
    assert_ne!(once, sorted);
}

#[test]
fn the_page_is_one_file_that_opens_with_the_answer() {
    let records = sweep("smoke");
    let folder = tempfile::tempdir().expect("a folder");
    let settled = Settled::of(records.clone());
    let findings = Findings::of(&settled.records);
    let page =
        reports::write_report(&settled, &findings, None, folder.path()).expect("it can be written");
    let html = std::fs::read_to_string(&page).expect("it was written");
    let headline = findings.verdict.headline.clone();
    let opening = html.find("<h1>").expect("a headline");
    assert!(html[opening..].starts_with(&format!("<h1>{headline}</h1>")));
    for foreign in ["<script src", "src=", "<link", "<img", "<iframe", "@import", "url("] {
        assert!(!html.contains(foreign), "the page must need nothing else: {foreign}");
    }
    for figure in findings.figures() {
        assert!(html.contains(&format!("id=\"{}\"", figure.name)));
        assert!(figure.question.contains('?') || figure.question.contains('('), "{figure:?}");
        for extension in ["png", "svg", "csv"] {
            let file = folder.path().join(format!("figures/{}.{extension}", figure.name));
            let length = std::fs::metadata(&file).map_or(0, |file| file.len());
            assert!(length > 100, "{} has {length} bytes", file.display());
        }
    }
    assert_eq!(html.matches("<svg role=\"img\"").count(), 2 * findings.figures().len());
}
