//! What does a request cost the server?

use results::Subject;

use super::{at, at_middle, by_transport, dot, hollow, joined, middle, scale, series_of};
use crate::experiment::Experiment;
use crate::experiment_findings::ExperimentFindings;
use crate::figure::{Dot, Figure, Panel, Quantity, Series};
use crate::metric::Metric;
use crate::text;
use crate::verdict::Finding;

/// The cost of a request for each design of an experiment, the cheapest first.
pub(super) fn findings(found: &ExperimentFindings<'_>) -> Vec<Finding> {
    let experiment = &found.experiment;
    let mut costs: Vec<(f64, &Subject)> = experiment
        .subjects()
        .into_iter()
        .filter_map(|subject| Some((joined(experiment, subject, Metric::ProcessorTime)?, subject)))
        .collect();
    costs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = at_middle(experiment);
    let sentence = |(cost, subject): (f64, &Subject)| {
        let name = subject.in_a_sentence();
        let text = format!(
            "{name} uses {} of processor time for a request answered{at}.",
            text::time(cost)
        );
        Finding::of(experiment, text)
    };
    costs.into_iter().map(sentence).collect()
}

/// Processor time per request, for each design.
pub(super) fn figure(found: &ExperimentFindings<'_>) -> Figure {
    let (experiment, curves) = (&found.experiment, found.curves(Metric::ProcessorTime));
    let x = middle(experiment);
    let panels = by_transport(experiment, |transport, is_of| Panel {
        title: transport.to_string().to_uppercase(),
        x: scale("", Quantity::Categories(vec![String::new()])),
        y: scale("processor time per request", Quantity::Time),
        series: curves
            .iter()
            .filter(|curve| is_of(&curve.subject))
            .filter_map(|curve| {
                let point = curve.points.iter().find(|point| point.configured_x == x)?;
                let points = vec![Dot { x: 0.0, ..dot(point) }];
                Some(Series { points, ..series_of(curve) })
            })
            .collect(),
        marks: Vec::new(),
        tiles: Vec::new(),
    });
    Figure {
        name: format!("{}-cost", experiment.name),
        question: "How much processor time does a request cost the server?".to_owned(),
        caption: format!(
            "User and system time of the server and of its worker processes, which it collects \
             when they end, divided by the requests answered{}. The waiting that the requests ask \
             for costs nothing; what is left is accepting, receiving, replying, and creating \
             workers.{}{}",
            at(experiment, ", at ", x),
            hollow(experiment, Metric::ProcessorTime, &panels),
            few_answers(experiment, x)
        ),
        panels,
    }
}

/// Names the designs that answered so few of their requests that the cost of one means little.
fn few_answers(experiment: &Experiment<'_>, x: f64) -> String {
    let answers_few = |subject: &&Subject| {
        let runs = experiment.cell(subject, x, false);
        let few = runs.iter().filter(|run| {
            let counts = &run.measured.counts;
            2 * counts.answered < counts.planned
        });
        2 * few.count() > runs.len()
    };
    let few = experiment.subjects().into_iter().filter(answers_few);
    let few: Vec<String> = few.map(Subject::full_label).collect();
    match few.is_empty() {
        true => String::new(),
        false => format!(
            " {} answered less than half of the requests, so its cost is that of few requests.",
            few.join(" and ")
        ),
    }
}
