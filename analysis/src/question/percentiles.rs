//! How are response times distributed? Whole distributions at one point.

use results::Subject;

use super::{at, at_middle, by_transport, joined, middle, scale, tells};
use crate::curve::percentile_curves;
use crate::experiment_findings::ExperimentFindings;
use crate::figure::{Dot, Figure, Panel, Quantity, Series, Whose};
use crate::metric::Metric;
use crate::text;
use crate::verdict::Finding;

/// The median of each design and, if there are enough requests, p99.
pub(super) fn findings(found: &ExperimentFindings<'_>) -> Vec<Finding> {
    let experiment = &found.experiment;
    let sentences = experiment.subjects().into_iter().filter_map(move |subject| {
        let half = joined(experiment, subject, Metric::P50)?;
        let tail = match joined(experiment, subject, Metric::P99) {
            Some(p99) if tells(experiment, subject, 1.0, 99.0) => {
                format!(" and 99 % within {}", text::time(p99))
            }
            _ => String::new(),
        };
        let name = subject.in_a_sentence();
        let at = at_middle(experiment);
        Some(format!("{name} answers half of the requests within {}{tail}{at}.", text::time(half)))
    });
    sentences.map(|text| Finding::of(experiment, text)).collect()
}

/// Response time against the percentile.
pub(super) fn figure(found: &ExperimentFindings<'_>) -> Figure {
    let experiment = &found.experiment;
    let x = middle(experiment);
    let curves = percentile_curves(experiment, x);
    let panels = by_transport(experiment, |transport, is_of| Panel {
        title: transport.to_string().to_uppercase(),
        x: scale("percentile", Quantity::Quantile),
        y: scale("response time", Quantity::Time),
        series: curves
            .iter()
            .filter(|(subject, curve)| is_of(subject) && curve.len() > 1)
            .map(|(subject, curve)| Series {
                label: subject.label.clone(),
                whose: Whose::Subject((*subject).clone()),
                is_marked: false,
                points: curve.iter().map(|(quantile, ns)| Dot::exact(*quantile, *ns)).collect(),
            })
            .collect(),
        marks: Vec::new(),
        tiles: Vec::new(),
    });
    let load = at(experiment, " at ", x);
    Figure {
        name: format!("{}-percentiles", experiment.name),
        question: format!("How are the response times of each design distributed{load}?"),
        caption: "Each point of a curve is the median of that percentile over the repetitions; a \
                  curve ends where a repetition has too few independent requests to say more, or \
                  where requests went unanswered."
            .to_owned()
            + &without_curve(&curves),
        panels,
    }
}

/// Names the designs that have no curve because too little was answered.
fn without_curve(curves: &[(&Subject, Vec<(f64, f64)>)]) -> String {
    let none: Vec<String> = curves
        .iter()
        .filter(|(_, curve)| curve.len() <= 1)
        .map(|(subject, _)| subject.full_label())
        .collect();
    match none.is_empty() {
        true => String::new(),
        false => format!(" {} answered too few requests to have one.", none.join(" and ")),
    }
}
