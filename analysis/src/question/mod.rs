//! The kinds of question that an experiment can ask ([`results::Shows`]). Each has a file with its
//! sentences and its figures.

pub(crate) mod along_axis;
mod capacity;
mod cost;
mod crossover;
mod load;
pub(crate) mod map;
mod percentiles;
mod ranking;
mod residual;

mod short_among_long;

use std::collections::BTreeMap;

use protocol::Transport;
use results::{Shows, Subject, supports};

use crate::answers;
use crate::curve::{Curve, Point, independent};
use crate::experiment::Experiment;
use crate::experiment_findings::ExperimentFindings;
use crate::figure::{Dot, Figure, Panel, Quantity, Scale, Series, Whose};
use crate::metric::Metric;
use crate::sample::estimate;
use crate::text;
use crate::verdict::Finding;

pub(crate) use residual::finding as parted;

/// The questions that are answered in words over a whole axis, in their order.
pub(crate) const SPOKEN: [Shows; 6] = [
    Shows::Crossover,
    Shows::Load,
    Shows::ShortAmongLong,
    Shows::Capacity,
    Shows::Map,
    Shows::Ranking,
];

/// The questions about one point. They are answered in words if the experiment has no axis, or if
/// there is no other sentence.
pub(crate) const OF_ONE_POINT: [Shows; 2] = [Shows::Percentiles, Shows::Cost];

/// The metrics whose curves a question needs.
pub(crate) fn metrics(question: Shows, experiment: &Experiment<'_>) -> Vec<Metric> {
    match question {
        Shows::Crossover => vec![Metric::Mean],
        Shows::Load => vec![Metric::P50, Metric::P99],
        Shows::ShortAmongLong => vec![Metric::ShortP50, Metric::ShortP99],
        Shows::Cost => vec![Metric::ProcessorTime],
        Shows::Ranking => vec![answers::metric_of(experiment.wins, experiment.bound)],
        Shows::Capacity => vec![answers::metric_of_bound(experiment.bound)],
        Shows::Percentiles | Shows::Map => Vec::new(),
    }
}

/// The sentences that answer a question.
pub(crate) fn findings(question: Shows, found: &ExperimentFindings<'_>) -> Vec<Finding> {
    match question {
        Shows::Crossover => crossover::findings(found),
        Shows::Load => load::findings(found),
        Shows::Percentiles => percentiles::findings(found),
        Shows::ShortAmongLong => short_among_long::findings(found),
        Shows::Cost => cost::findings(found),
        // A map is a ranking over two axes.
        Shows::Map if found.experiment.shows(Shows::Ranking) => Vec::new(),
        Shows::Ranking | Shows::Map => ranking::findings(found),
        Shows::Capacity => capacity::findings(found),
    }
}

/// The figures that answer a question. A figure whose records hold no data for it is left out.
pub(crate) fn figures(question: Shows, found: &ExperimentFindings<'_>) -> Vec<Figure> {
    let mut figures = match question {
        Shows::Crossover => vec![crossover::figure(found)],
        Shows::Load => load::figures(found),
        Shows::Percentiles => vec![percentiles::figure(found)],
        Shows::ShortAmongLong => vec![short_among_long::figure(found)],
        Shows::Cost => vec![cost::figure(found)],
        Shows::Ranking => along_axis::of_ranking(found).into_iter().collect(),
        Shows::Capacity => along_axis::of_capacity(found).into_iter().collect(),
        Shows::Map => vec![map::figure(found)],
    };
    figures.retain(|figure| !figure.panels.is_empty());
    figures
}

fn scale(label: &str, quantity: Quantity) -> Scale {
    Scale { label: label.to_owned(), quantity }
}

/// One panel for each transport of the experiment.
fn by_transport(
    experiment: &Experiment<'_>,
    panel: impl Fn(Transport, &dyn Fn(&Subject) -> bool) -> Panel,
) -> Vec<Panel> {
    let mut transports: Vec<Transport> =
        experiment.subjects().iter().map(|subject| subject.transport).collect();
    transports.dedup();
    transports
        .into_iter()
        .map(|one| panel(one, &|subject: &Subject| subject.transport == one))
        .filter(|panel| !panel.series.is_empty())
        .collect()
}

fn series_of(curve: &Curve) -> Series {
    Series {
        label: curve.subject.label.clone(),
        whose: Whose::Subject(curve.subject.clone()),
        is_marked: true,
        points: curve.points.iter().map(dot).collect(),
    }
}

fn dot(point: &Point) -> Dot {
    Dot {
        x: point.x,
        configured_x: point.configured_x,
        y: point.y.value,
        low: point.y.low,
        high: point.y.high,
        hollow: point.doubted,
        repetitions: point.repetitions,
    }
}

/// The point of the axis that stands for an experiment as a whole: the middle one of those
/// measured.
fn middle(experiment: &Experiment<'_>) -> f64 {
    let xs = experiment.xs();
    xs.get((xs.len().max(1) - 1) / 2).copied().unwrap_or(0.0)
}

/// The middle point in words; empty without an axis.
fn at_middle(experiment: &Experiment<'_>) -> String {
    match text::point(experiment.axis, middle(experiment)) {
        point if point.is_empty() => String::new(),
        point => format!(", at {point}"),
    }
}

/// A point of the axis in words, with `before` in front; empty without an axis.
fn at(experiment: &Experiment<'_>, before: &str, x: f64) -> String {
    experiment.axis.map_or_else(String::new, |axis| format!("{before}{}", text::value(axis, x)))
}

/// A metric over all runs at the middle point.
fn joined(experiment: &Experiment<'_>, subject: &Subject, metric: Metric) -> Option<f64> {
    let runs = experiment.cell(subject, middle(experiment), false);
    estimate(metric, &runs).map(|estimate| estimate.value).filter(|value| value.is_finite())
}

/// Whether the runs at the middle point have enough independent requests for a percentile, if only
/// the fraction `share` of the requests counts.
fn tells(experiment: &Experiment<'_>, subject: &Subject, share: f64, percent: f64) -> bool {
    let runs = experiment.cell(subject, middle(experiment), false);
    supports((independent(&runs) * share) as u64, percent)
}

/// Explains the hollow points of these panels by the most frequent warnings of the experiment's
/// runs. Empty if no point is hollow.
fn hollow(experiment: &Experiment<'_>, metric: Metric, panels: &[Panel]) -> String {
    let dots = panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.points);
    if !dots.into_iter().any(|dot| dot.hollow) {
        return String::new();
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &experiment.runs {
        for doubt in metric.doubts_in(run) {
            *reasons.entry(doubt.plain_name()).or_default() += 1;
        }
    }
    let mut reasons: Vec<(&str, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, runs)| std::cmp::Reverse(*runs));
    let runs = |count: usize| if count == 1 { "1 run".to_owned() } else { format!("{count} runs") };
    let named: Vec<String> = reasons
        .iter()
        .take(3)
        .map(|(reason, count)| format!("{reason} ({})", runs(*count)))
        .collect();
    format!(
        " At least half of the runs behind a hollow point have a warning; in this experiment: {}.",
        named.join(", ")
    )
}
