//! The answers as data: who is the best, who is tied, and who cannot be.

mod common;

use std::collections::BTreeMap;

use analysis::Findings;
use analysis::answers::{Answers, CrossoverKind};
use common::{Answer, Bench, iterative, process, tcp_iterative, tcp_thread, thread};
use results::{Bound, Doubt, Parameter, Shows, Wins};

fn answers(bench: &Bench) -> Answers {
    Findings::of(&bench.records).answers
}

/// Six runs that vary by 2 %.
fn varied(mean: f64) -> impl Fn(u32) -> Answer {
    move |run| Answer::mean(mean * (1.0 + 0.004 * f64::from(run)), 1e6)
}

#[test]
fn the_best_is_named_with_its_factor_and_those_that_are_alike() {
    let mut bench = Bench::new("plain", &[Shows::Ranking], None);
    bench.cell(&iterative(), 0.0, varied(9e6));
    bench.cell(&thread(), 0.0, varied(2e6));
    bench.cell(&process(), 0.0, varied(2.02e6));
    let found = &answers(&bench).experiments[0];
    let point = &found.points[0];
    assert_eq!(found.points.len(), 1);
    assert!(point.decided && point.why.is_none(), "{point:?}");
    assert_eq!(point.best, Some(thread().name));
    assert_eq!(point.tied, [process().name]);
    assert!(point.factor.is_some_and(|factor| (factor - 4.5).abs() < 0.05), "{point:?}");
    let names: Vec<&str> = found.ranking.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, [thread().name, process().name, iterative().name]);
    assert!(found.ranking.iter().all(|it| it.decided && it.answered == 1.0));
}

#[test]
fn noise_makes_the_best_undecided_and_says_why() {
    let mut bench = Bench::new("plain", &[Shows::Ranking], None);
    bench.cell(&iterative(), 0.0, |run| Answer::mean(1e6 + f64::from(run % 3) * 4e5, 1e6));
    bench.cell(&thread(), 0.0, |run| Answer::mean(1e6 + f64::from((run + 1) % 3) * 4.4e5, 1e6));
    let point = &answers(&bench).experiments[0].points[0];
    assert!(!point.decided && point.tied.len() == 1, "{point:?}");
    assert!(point.why.as_ref().is_some_and(|why| why.contains("not told apart")), "{point:?}");
    // Runs that were disturbed are named as the reason.
    let disturbed = Doubt::Disturbed { share: 0.5, limit: 0.02 };
    let mut bench = Bench::new("plain", &[Shows::Ranking], None);
    bench.cell(&iterative(), 0.0, varied(9e6));
    bench.cell(&thread(), 0.0, |run| {
        let answer = varied(1e6)(run);
        if run == 0 { answer.doubted(disturbed.clone()) } else { answer }
    });
    let found = answers(&bench);
    let why = found.experiments[0].points[0].why.clone().expect("undecided");
    assert!(why.contains("5 of the 6") && why.contains("1 runs were disturbed"), "{why}");
    assert_eq!((found.disturbed_runs, found.repeated_runs), (1, 0));
}

#[test]
fn whoever_leaves_requests_unanswered_is_last_by_the_share_answered() {
    let mut bench = Bench::new("plain", &[Shows::Ranking], None);
    bench.cell(&iterative(), 0.0, |_| Answer::times(100, 1e5).leaving(300));
    bench.cell(&thread(), 0.0, |_| Answer::times(100, 9e6));
    bench.cell(&process(), 0.0, |_| Answer::times(100, 2e5).leaving(100));
    let found = &answers(&bench).experiments[0];
    let names: Vec<&str> = found.ranking.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, [thread().name, process().name, iterative().name]);
    assert_eq!(found.points[0].best, Some(thread().name));
    assert!(found.points[0].decided, "the others are no rivals: {:?}", found.points[0]);
    // If each leaves some, none is the best.
    let mut bench = Bench::new("plain", &[Shows::Ranking], None);
    bench.cell(&iterative(), 0.0, |_| Answer::times(100, 1e5).leaving(300));
    bench.cell(&thread(), 0.0, |_| Answer::times(100, 1e5).leaving(200));
    let point = &answers(&bench).experiments[0].points[0];
    assert!(point.best.is_none() && !point.decided && point.why.is_some(), "{point:?}");
}

#[test]
fn every_two_subjects_of_a_transport_are_compared_and_none_across() {
    let mut bench = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
    for x in [1e5, 4e5, 16e5] {
        bench.cell(&iterative(), x, |_| Answer::mean(4.5 * x, x));
        bench.cell(&thread(), x, |_| Answer::mean(x + 6e5, x));
        bench.cell(&process(), x, |_| Answer::mean(x + 60e5, x));
        bench.cell(&tcp_iterative(), x, |_| Answer::mean(4.5 * x, x));
        bench.cell(&tcp_thread(), x, |_| Answer::mean(4.5 * x, x));
    }
    let found = answers(&bench);
    let first = &found.experiments[0];
    let kinds: BTreeMap<(&str, &str), CrossoverKind> = first
        .crossovers
        .iter()
        .map(|it| ((it.base.as_str(), it.other.as_str()), it.kind))
        .collect();
    let (iterative, thread, process) = (iterative().name, thread().name, process().name);
    let expected = [
        ((iterative.as_str(), thread.as_str()), CrossoverKind::At),
        ((iterative.as_str(), process.as_str()), CrossoverKind::Never),
        ((process.as_str(), thread.as_str()), CrossoverKind::Always),
        (("tcp-iterative", "tcp-thread-per-connection"), CrossoverKind::NoDifference),
    ];
    for ((base, other), kind) in expected {
        let found = kinds.get(&(base, other)).or_else(|| kinds.get(&(other, base)));
        let turned = match kind {
            CrossoverKind::Always => CrossoverKind::Never,
            CrossoverKind::Never => CrossoverKind::Always,
            other => other,
        };
        assert!(found == Some(&kind) || found == Some(&turned), "{base} {other}: {kinds:?}");
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    // Only the metric that decides has crossovers, and it comes first.
    assert_eq!(first.metric, "mean");
    assert!(found.experiments[1..].iter().all(|it| it.crossovers.is_empty()));
    let at = first.crossovers.iter().find(|it| it.kind == CrossoverKind::At).expect("one");
    let truth = 6e5 / 3.5;
    assert!(at.value.is_some_and(|value| (value / truth - 1.0).abs() < 0.02), "{at:?}");
}

#[test]
fn a_capacity_is_found_where_a_bound_is_given() {
    let mut bench = Bench::new("load", &[Shows::Load], Some(Parameter::Rate));
    for rate in [500.0, 700.0, 950.0] {
        let response = 1e9 / (1000.0 - rate);
        bench.cell(&iterative(), rate, |_| Answer::times(400, response).sent(rate));
    }
    let bound = Bound { quantile: Some(0.99), below_ns: 10_000_000 };
    bench.records.iter_mut().for_each(|record| record.bound = Some(bound));
    let found = answers(&bench);
    let capacity = &found.experiments[0].capacities[0];
    assert!(capacity.value.is_some_and(|at| (at / 900.0 - 1.0).abs() < 0.01), "{capacity:?}");
    assert_eq!((capacity.met_to, capacity.missed_from), (Some(700.0), Some(950.0)));
}

#[test]
fn the_keys_are_those_that_scripts_rely_on() {
    let mut bench = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
    bench.wins = Wins::P50;
    bench.cell(&iterative(), 1e5, |_| Answer::times(100, 1e6));
    bench.cell(&thread(), 1e5, |_| Answer::times(100, 2e6));
    let json: serde_json::Value =
        serde_json::from_str(&answers(&bench).to_json()).expect("it is JSON");
    let has = |value: &serde_json::Value, keys: &[&str]| {
        for key in keys {
            assert!(value.get(key).is_some(), "{key} in {value}");
        }
    };
    has(&json, &["format", "experiments", "disturbed_runs", "repeated_runs", "too_short"]);
    let first = &json["experiments"][0];
    assert_eq!(first["metric"], "p50");
    has(first, &["name", "points", "crossovers", "map", "knees", "capacities", "ranking"]);
    let point = &first["points"][0];
    has(point, &["x", "best", "tied", "factor", "low", "high", "decided", "why", "ranking"]);
    assert!(point["x"]["wait"].is_number(), "{point}");
    let ranked =
        ["name", "answered", "p50_ns", "p90_ns", "p99_ns", "mean_ns", "processor_ns", "decided"];
    has(&point["ranking"][0], &ranked);
    let crossover = ["base", "other", "axis", "kind", "value", "low", "high", "winner_beyond"];
    has(&first["crossovers"][0], &crossover);
    assert_eq!(first["crossovers"][0]["axis"], "wait");
    assert_eq!(first["crossovers"][0]["kind"], "never");
}
