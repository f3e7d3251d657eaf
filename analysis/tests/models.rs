//! Load curves beside the models of their designs.

mod common;

use analysis::figure::{Figure, Whose};
use analysis::{Findings, Modelled, Models};
use common::{Answer, Bench, iterative, thread};
use results::{Parameter, Shows};

const RATES: [f64; 3] = [100.0, 200.0, 400.0];

/// The iterative server does what its model says; the thread takes twice as long at the last load.
fn findings(bench: &Bench) -> Findings<'_> {
    let point = |subject: String, x: f64| Modelled {
        experiment: "load".to_owned(),
        subject,
        x,
        p50_ns: 1e6,
        p99_ns: 3e6,
    };
    let points = RATES
        .iter()
        .flat_map(|x| [point(iterative().name, *x), point(thread().name, *x)])
        .collect();
    Findings::of(&bench.records).with_models(&Models { points, costs: "known costs".to_owned() })
}

fn bench() -> Bench {
    let mut bench = Bench::new("load", &[Shows::Load], Some(Parameter::Rate));
    for rate in RATES {
        let last = rate == RATES[2];
        bench.cell(&iterative(), rate, |_| Answer::mean(1.1e6, 1e6).sent(rate));
        let mean = if last { 2e6 } else { 1e6 };
        bench.cell(&thread(), rate, |_| Answer::mean(mean, 1e6).sent(rate));
    }
    bench
}

fn named(figures: &[Figure], name: &str) -> Figure {
    figures.iter().find(|figure| figure.name == name).cloned().expect("it is drawn")
}

#[test]
fn each_curve_has_its_own_model_beside_it() {
    let bench = bench();
    let figures = findings(&bench).figures();
    let p50 = named(&figures, "load-p50");
    let models: Vec<_> = p50.panels[0]
        .series
        .iter()
        .filter(|series| matches!(series.whose, Whose::Model(_)))
        .collect();
    assert_eq!(models.len(), 2);
    assert!(models.iter().all(|series| series.points.iter().all(|dot| dot.y == 1e6)));
    assert!(p50.caption.contains("known costs"), "{}", p50.caption);
    let p99 = named(&figures, "load-p99");
    let is_model = |whose: &Whose| matches!(whose, Whose::Model(_));
    let model = p99.panels[0].series.iter().find(|series| is_model(&series.whose));
    assert!(model.is_some_and(|series| series.points[0].y == 3e6));
}

#[test]
fn the_residual_is_the_measured_median_over_that_of_the_model() {
    let bench = bench();
    let findings = findings(&bench);
    let figure = named(&findings.figures(), "load-residual");
    let of = |subject: &results::Subject| -> Vec<f64> {
        let whose = Whose::Subject(subject.clone());
        let series = figure.panels[0].series.iter().find(|series| series.whose == whose);
        series.expect("drawn").points.iter().map(|dot| dot.y).collect()
    };
    let near = |values: Vec<f64>, expected: [f64; 3]| {
        let pairs = values.iter().zip(expected);
        assert!(pairs.clone().all(|(its, it)| (its / it - 1.0).abs() < 0.02), "{values:?}");
    };
    near(of(&iterative()), [1.1, 1.1, 1.1]);
    near(of(&thread()), [1.0, 1.0, 2.0]);
    let sentence = &findings.verdict.findings.last().expect("one").text;
    assert!(sentence.contains("the iterative UDP server stays within 25 %"), "{sentence}");
    assert!(sentence.contains("2.00 times") && sentence.contains("400/s"), "{sentence}");
}

#[test]
fn without_models_there_is_no_residual() {
    let bench = bench();
    let figures = Findings::of(&bench.records).figures();
    assert!(figures.iter().all(|figure| figure.name != "load-residual"));
}
