//! A metric of every subject along the axis: the figure of a ranking and of a capacity.

use results::{Parameter, ParameterScale, ParameterUnit, Shows, Wins};

use super::{by_transport, hollow, scale, series_of};
use crate::answers::{self, Capacity};
use crate::curve::Curve;
use crate::experiment_findings::ExperimentFindings;
use crate::figure::{Figure, Mark, Panel, Quantity, Series, Whose};
use crate::metric::{Metric, MetricUnit};
use crate::text;

/// The metric that decides, along the axis; `None` where there is no single axis, or where another
/// figure of the experiment shows the same.
pub(super) fn of_ranking(found: &ExperimentFindings<'_>) -> Option<Figure> {
    let experiment = &found.experiment;
    let metric = answers::metric_of(experiment.wins, experiment.bound);
    let shown_elsewhere = match metric {
        _ if experiment.wins == Wins::Capacity => experiment.shows(Shows::Capacity),
        Metric::Mean => experiment.shows(Shows::Crossover) || experiment.shows(Shows::Load),
        Metric::P50 | Metric::P99 => experiment.shows(Shows::Load),
        _ => false,
    };
    let name = format!("{}-ranking", experiment.name);
    (!shown_elsewhere).then(|| figure(found, metric, name, &[])).flatten()
}

/// The statistic of the bound along the load, with the capacity of each subject.
pub(super) fn of_capacity(found: &ExperimentFindings<'_>) -> Option<Figure> {
    let capacities = answers::capacities(&found.experiment);
    let name = format!("{}-capacity", found.experiment.name);
    figure(found, answers::metric_of_bound(found.experiment.bound), name, &capacities)
}

fn figure(
    found: &ExperimentFindings<'_>,
    metric: Metric,
    name: String,
    capacities: &[Capacity],
) -> Option<Figure> {
    let experiment = &found.experiment;
    let axis = experiment.axis.filter(|_| experiment.points()[0].len() == 1)?;
    let curves = found.curves(metric);
    let panels = by_transport(experiment, |transport, is_of| {
        let shown: Vec<&Curve> = curves
            .iter()
            .filter(|curve| is_of(&curve.subject) && !curve.points.is_empty())
            .collect();
        let series: Vec<Series> = shown.iter().map(|curve| series_of(curve)).collect();
        let marks = shown.iter().filter_map(|curve| mark(curve, capacities));
        Panel {
            title: transport.to_string().to_uppercase(),
            x: scale(axis.row().label, quantity_of(axis)),
            y: scale(metric.label(), of_metric(metric)),
            series,
            marks: marks.collect(),
            tiles: Vec::new(),
        }
    });
    let marked = match capacities {
        [] => "",
        _ => {
            "The greatest load at which a server meets the bound is marked by a vertical line, with \
              the band of its 95 % interval. "
        }
    };
    let caption = format!(
        "{marked}Each point is the value of all runs together, the bar its 95 % interval.{}",
        hollow(experiment, metric, &panels)
    );
    Some(Figure { name, question: experiment.question.to_owned(), caption, panels })
}

fn mark(curve: &Curve, capacities: &[Capacity]) -> Option<Mark> {
    let capacity = capacities.iter().find(|capacity| capacity.name == curve.subject.name)?;
    let x = capacity.value?;
    Some(Mark {
        x,
        low: capacity.low.unwrap_or(x),
        high: capacity.high.unwrap_or(x),
        label: format!("capacity {}", text::rate(x)),
        whose: Whose::Subject(curve.subject.clone()),
    })
}

/// What the axis of a parameter measures.
pub(crate) fn quantity_of(axis: Parameter) -> Quantity {
    let row = axis.row();
    match (row.unit, row.scale) {
        (ParameterUnit::Time, _) => Quantity::Time,
        (ParameterUnit::Rate, _) => Quantity::Rate,
        (ParameterUnit::Size, _) => Quantity::Size,
        (_, ParameterScale::Logarithmic) => Quantity::Count,
        (_, ParameterScale::Linear) => Quantity::Number,
    }
}

/// What the axis of a metric measures.
pub(crate) fn of_metric(metric: Metric) -> Quantity {
    match metric.unit() {
        MetricUnit::Time => Quantity::Time,
        MetricUnit::Rate => Quantity::Rate,
        MetricUnit::Size => Quantity::Size,
        MetricUnit::Count => Quantity::Count,
        MetricUnit::Share | MetricUnit::Number => Quantity::Number,
    }
}
