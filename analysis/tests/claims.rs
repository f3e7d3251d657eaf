//! Verdicts on claims, from records whose figures are known.

mod common;

use analysis::claims::{Cell, Check, Claim, Kind, Place, Ruling, is_open, judge, to_json};
use analysis::figure::Whose;
use analysis::{Findings, Metric};
use common::{Answer, Bench, iterative, thread};
use results::Parameter;

const POINTS: [f64; 4] = [1e6, 2e6, 4e6, 8e6];

/// The iterative server takes the wait and 1 ms more, the other always 3 ms; a run is off by a share
/// of `noise`.
fn records(repetitions: u32, noise: f64) -> Bench {
    let mut bench = Bench::new("hold", &[], Some(Parameter::Wait));
    bench.repetitions = repetitions;
    let off = |repetition: u32| 1.0 + noise * (f64::from(repetition % 3) - 1.0);
    for x in POINTS {
        bench.cell(&iterative(), x, |r| Answer::mean((x + 1e6) * off(r), x).costing(1e4));
        bench.cell(&thread(), x, |r| Answer::mean(3e6 * off(r + 1), x).costing(3e4));
    }
    bench
}

fn check(name: &str, kind: Kind, at_least: Option<f64>, at_most: Option<f64>) -> Check {
    Check {
        name: name.to_owned(),
        says: format!("the {name}"),
        experiment: "hold".to_owned(),
        metric: Metric::Mean,
        kind,
        at_least,
        at_most,
        theory: None,
        is_drawn: true,
    }
}

fn slope(of: &str, at_least: f64, at_most: f64) -> Check {
    let kind = Kind::Slope { of: of.to_owned(), at: Place::new() };
    Check { theory: Some(1.0), ..check("slope", kind, Some(at_least), Some(at_most)) }
}

fn cell(of: &str, x: f64) -> Cell {
    Cell::new("hold", of, &Place::from([(Parameter::Wait, x)]))
}

fn claim(checks: Vec<Check>) -> Claim {
    Claim {
        id: "T1".to_owned(),
        claim: "It grows with the wait.".to_owned(),
        source: "here".to_owned(),
        confirmed: "It grows by {slope}.".to_owned(),
        corrected: "It grows otherwise, by {slope}.".to_owned(),
        why: "Because it waits.".to_owned(),
        cores: 1,
        needs: Vec::new(),
        checks,
    }
}

const ITERATIVE: &str = "udp-iterative";
const THREAD: &str = "udp-thread-per-request";

#[test]
fn a_claim_is_confirmed_where_all_of_its_figures_are_as_expected() {
    let bench = records(6, 0.002);
    let findings = Findings::of(&bench.records);
    let found = judge(&[claim(vec![slope(ITERATIVE, 0.95, 1.05)])], &findings.measured(), 2);
    let answer = &found[0].answer;
    assert_eq!(answer.verdict, Ruling::Confirmed, "{answer:?}");
    assert_eq!(answer.statement, "It grows by 1.00.");
    assert!(answer.because.contains("0.95 to 1.05 expected"), "{}", answer.because);
    assert_eq!(answer.why, "Because it waits.");
    let panels = &found[0].figures[0].panels;
    let theory: Vec<_> = panels[0].series.iter().filter(|it| it.whose == Whose::Theory).collect();
    assert_eq!(theory.len(), 1, "a line for the slope that theory gives");
    let ends = [0, 3].map(|at| theory[0].points[at].y);
    assert!((ends[1] - ends[0] - 7e6).abs() < 1e3, "{ends:?}");
    assert!(to_json(&found).contains("\"verdict\": \"confirmed\""));
}

#[test]
fn a_claim_is_corrected_where_a_figure_is_not() {
    let bench = records(6, 0.002);
    let findings = Findings::of(&bench.records);
    let found = judge(&[claim(vec![slope(THREAD, 0.95, 1.05)])], &findings.measured(), 2);
    let answer = &found[0].answer;
    assert_eq!(answer.verdict, Ruling::Corrected, "{answer:?}");
    assert!(answer.statement.starts_with("It grows otherwise, by "), "{}", answer.statement);
    assert_eq!(answer.evidence[0].holds, Some(false));
}

#[test]
fn noise_and_too_few_runs_leave_a_claim_undecided() {
    let noisy = records(6, 0.4);
    let few = records(4, 0.002);
    for (bench, why) in [(noisy, "the slope"), (few, "an interval needs 6 repetitions")] {
        let findings = Findings::of(&bench.records);
        let one = slope(ITERATIVE, 0.95, 1.05);
        assert!(is_open(&one, &findings.measured()));
        let answer = &judge(&[claim(vec![one])], &findings.measured(), 2)[0].answer;
        assert_eq!(answer.verdict, Ruling::Undecided, "{answer:?}");
        assert!(answer.because.contains(why), "{}", answer.because);
        assert!(answer.why.is_empty());
    }
}

#[test]
fn what_this_machine_cannot_show_is_told() {
    let findings = Findings::of(&[]);
    let one = Claim { cores: 4, ..claim(vec![slope(ITERATIVE, 0.95, 1.05)]) };
    let answer = &judge(&[one], &findings.measured(), 2)[0].answer;
    assert_eq!(answer.verdict, Ruling::NotOnThisMachine);
    assert!(answer.because.contains("4 cores; this one has 2"), "{}", answer.because);
    let needs = vec!["nginx".to_owned()];
    let one = Claim { needs, ..claim(vec![slope(ITERATIVE, 0.95, 1.05)]) };
    let answer = &judge(&[one], &findings.measured(), 2)[0].answer;
    assert_eq!(answer.verdict, Ruling::NotOnThisMachine);
    assert!(answer.because.contains("it needs nginx"), "{}", answer.because);
}

#[test]
fn figures_are_made_as_their_kinds_say() {
    let bench = records(6, 0.002);
    let findings = Findings::of(&bench.records);
    let cost = |less: Option<Cell>| Check {
        metric: Metric::ProcessorTime,
        ..check(
            "cost",
            Kind::Ratio { of: cell(THREAD, 1e6), to: cell(ITERATIVE, 1e6), less },
            None,
            None,
        )
    };
    let crossing = |of: &str, to: &str| {
        let kind = Kind::Crossing { of: of.to_owned(), to: to.to_owned(), at: Place::new() };
        check("crossing", kind, Some(1.8e6), Some(2.2e6))
    };
    let growth = Kind::Ratio { of: cell(ITERATIVE, 8e6), to: cell(ITERATIVE, 1e6), less: None };
    let cases = [
        (check("value", Kind::Value(cell(ITERATIVE, 1e6)), None, None), 2e6),
        (cost(None), 3.0),
        (check("growth", growth, None, None), 4.5),
        (crossing(THREAD, ITERATIVE), 2e6),
    ];
    for (one, expected) in cases {
        let name = one.name.clone();
        let one = Claim { confirmed: String::new(), corrected: String::new(), ..claim(vec![one]) };
        let answer = &judge(&[one], &findings.measured(), 2)[0].answer;
        let value = answer.evidence[0].value.expect("it is known");
        assert!((value / expected - 1.0).abs() < 0.06, "{name}: {value} and not {expected}");
    }
    let undefined =
        &judge(&[claim(vec![cost(Some(cell(ITERATIVE, 1e6)))])], &findings.measured(), 2)[0];
    assert_eq!(undefined.answer.evidence[0].value, None, "nothing is left below");
    let below =
        &judge(&[claim(vec![crossing(ITERATIVE, THREAD)])], &findings.measured(), 2)[0].answer;
    assert!(below.evidence[0].text.contains("is better below"), "{}", below.evidence[0].text);
}

/// "Never" is a crossing beyond the last point.
#[test]
fn one_that_is_always_better_is_overtaken_beyond_the_end() {
    let mut bench = Bench::new("hold", &[], Some(Parameter::Wait));
    for x in POINTS {
        bench.cell(&iterative(), x, |_| Answer::mean(x, x));
        bench.cell(&thread(), x, |_| Answer::mean(2.0 * x, x));
    }
    let findings = Findings::of(&bench.records);
    let crossing = |of: &str, to: &str, least| {
        let kind = Kind::Crossing { of: of.to_owned(), to: to.to_owned(), at: Place::new() };
        let one = check("slope", kind, least, Some(8e6).filter(|_| least.is_none()));
        judge(&[claim(vec![one])], &findings.measured(), 2).remove(0).answer
    };
    let never = crossing(THREAD, ITERATIVE, Some(8e6));
    assert_eq!(never.verdict, Ruling::Confirmed, "{never:?}");
    assert_eq!((never.evidence[0].value, never.evidence[0].low), (None, Some(8e6)));
    let always = crossing(ITERATIVE, THREAD, None);
    assert_eq!((always.verdict, always.evidence[0].value), (Ruling::Confirmed, Some(0.0)));
}

/// That none of 600 requests went unanswered does not say that none ever will.
#[test]
fn nothing_in_few_requests_is_little_at_most() {
    let bench = records(6, 0.0);
    let findings = Findings::of(&bench.records);
    let unanswered = |at_most| {
        let one = check("slope", Kind::Value(cell(ITERATIVE, 1e6)), None, Some(at_most));
        judge(&[claim(vec![Check { metric: Metric::Unanswered, ..one }])], &findings.measured(), 2)
            .remove(0)
            .answer
    };
    assert_eq!(unanswered(0.01).verdict, Ruling::Confirmed);
    assert_eq!(unanswered(0.001).verdict, Ruling::Undecided, "of 600 requests");
    assert_eq!(unanswered(0.01).evidence[0].high, Some(3.0 / 600.0));
}
