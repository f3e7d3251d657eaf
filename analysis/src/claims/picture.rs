//! The pictures that decide a claim: for each experiment and metric of its checks, the metric of every
//! subject along the axis, or side by side where nothing is varied.

use results::{Parameter, Subject};

use super::reading::{Measured, experiment, lies_at, per_step, read, subject};
use super::{Check, Claim, Kind, Place};
use crate::bootstrap::Estimate;
use crate::curve::achieved_x;
use crate::experiment::Experiment;
use crate::figure::{Dot, Figure, Mark, Panel, Quantity, Scale, Series, Whose};
use crate::metric::{Metric, MetricUnit};
use crate::question::along_axis::{of_metric, quantity_of};
use crate::question::map;
use crate::sample::estimate;
use crate::text;

/// The pictures of a claim.
pub(super) fn figures(claim: &Claim, measured: &Measured<'_, '_>) -> Vec<Figure> {
    let mut drawn: Vec<(&str, Metric)> = Vec::new();
    for check in claim.checks.iter().filter(|check| check.is_drawn) {
        let key = (check.experiment.as_str(), check.metric);
        if !drawn.contains(&key) {
            drawn.push(key);
        }
    }
    let figure = |(name, metric): (&str, Metric)| {
        let experiment = experiment(measured, name).ok()?;
        let of_it = |check: &&Check| check.experiment == name && check.metric == metric;
        let checks: Vec<&Check> = claim.checks.iter().filter(of_it).collect();
        let panels = panels(measured, experiment, metric, &checks);
        let has_points = panels.iter().any(|panel| !panel.series.is_empty());
        has_points.then(|| Figure {
            name: format!("{name}-{metric}"),
            question: experiment.question.to_owned(),
            caption: caption(&panels),
            panels,
        })
    };
    let maps = mapped(claim).into_iter().filter_map(|name| {
        let found = measured.experiments.iter().find(|it| it.experiment.name == name)?;
        Some(map::figure(found)).filter(|figure| !figure.panels.is_empty())
    });
    drawn.iter().copied().filter_map(figure).chain(maps).collect()
}

/// The experiments of which a claim reads a crossing. Those over two quantities have a map.
fn mapped(claim: &Claim) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for check in claim.checks.iter().filter(|check| check.is_drawn) {
        let is_crossing = matches!(check.kind, Kind::Crossing { .. } | Kind::BreakEven { .. });
        if is_crossing && !names.contains(&check.experiment.as_str()) {
            names.push(&check.experiment);
        }
    }
    names
}

/// The crossings that checks read off these points, and where the model puts them.
fn marks(measured: &Measured<'_, '_>, checks: &[&Check], points: &[&Place]) -> Vec<Mark> {
    let is_here = |at: &Place| points.iter().all(|point| lies_at(point, at));
    let mark = |check: &&Check| {
        let (Kind::Crossing { of, to, at } | Kind::BreakEven { of, to, at }) = &check.kind else {
            return None;
        };
        let kind = Kind::Crossing { of: of.clone(), to: to.clone(), at: at.clone() };
        let crossing = read(&Check { kind, ..(*check).clone() }, measured).ok()?.estimate;
        let is_found = is_here(at) && crossing.value > 0.0 && crossing.high.is_finite();
        let Estimate { value, low, high } = Some(crossing).filter(|_| is_found)?;
        let Kind::BreakEven { .. } = &check.kind else {
            let experiment = experiment(measured, &check.experiment).ok()?;
            let subject = subject(experiment, of).ok()?;
            let label = format!("pays from {}", text::time(value));
            return Some(Mark {
                x: value,
                low,
                high,
                label,
                whose: Whose::Subject(subject.clone()),
            });
        };
        let x = value / read(check, measured).ok()?.estimate.value;
        let label = format!("formula {}", text::time(x));
        Some(Mark { x, low: x, high: x, label, whose: Whose::Theory })
    };
    checks.iter().filter_map(mark).collect()
}

fn caption(panels: &[Panel]) -> String {
    let mut series = panels.iter().flat_map(|panel| &panel.series);
    let theory = match series.any(|series| series.whose == Whose::Theory) {
        true => " The dotted line is theory.",
        false => "",
    };
    let marked = match panels.iter().any(|panel| !panel.marks.is_empty()) {
        true => {
            " A vertical line marks where a server overtakes the other, its band the 95 % interval."
        }
        false => "",
    };
    format!(
        "Each point is the value of all runs together, the bar its 95 % interval.{theory}{marked}"
    )
}

/// A panel for each transport, and for each value of the second axis.
fn panels(
    measured: &Measured<'_, '_>,
    experiment: &Experiment<'_>,
    metric: Metric,
    checks: &[&Check],
) -> Vec<Panel> {
    let points = experiment.points();
    let axes: Vec<Parameter> = points.first().map_or(Vec::new(), |it| it.keys().copied().collect());
    let mut rows: Vec<Option<f64>> = match axes.get(1) {
        Some(second) => {
            points.iter().filter_map(|point| point.get(second).copied().map(Some)).collect()
        }
        None => vec![None],
    };
    rows.sort_by(|one, other| one.partial_cmp(other).expect("no value is missing"));
    rows.dedup();
    let mut transports: Vec<_> = experiment.subjects().iter().map(|it| it.transport).collect();
    transports.dedup();
    let several = transports.len() > 1;
    let mut panels = Vec::new();
    for transport in transports {
        for row in &rows {
            let of_row: Vec<&Place> = points
                .iter()
                .filter(|point| {
                    row.is_none() || axes.get(1).and_then(|it| point.get(it)).copied() == *row
                })
                .collect();
            let mut series: Vec<Series> = experiment
                .subjects()
                .into_iter()
                .filter(|subject| subject.transport == transport)
                .filter_map(|subject| series(experiment, subject, &of_row, metric))
                .collect();
            series.extend(theory(experiment, checks, &of_row, &series));
            let second = axes.get(1).zip(*row).map(|(axis, value)| text::value(*axis, value));
            let name = transport.to_string().to_uppercase();
            panels.push(Panel {
                title: match second {
                    Some(second) if several => format!("{name}, {second}"),
                    Some(second) => second,
                    None => name,
                },
                x: x_scale(axes.first().copied()),
                y: Scale { label: metric.label().to_owned(), quantity: of_metric(metric) },
                series,
                marks: marks(measured, checks, &of_row),
                tiles: Vec::new(),
            });
        }
    }
    panels
}

fn x_scale(axis: Option<Parameter>) -> Scale {
    match axis {
        Some(axis) => Scale { label: axis.row().label.to_owned(), quantity: quantity_of(axis) },
        None => Scale { label: String::new(), quantity: Quantity::Categories(vec![String::new()]) },
    }
}

/// A subject along these points; `None` where it has no value.
fn series(
    experiment: &Experiment<'_>,
    subject: &Subject,
    points: &[&Place],
    metric: Metric,
) -> Option<Series> {
    let percent = if metric.unit() == MetricUnit::Share { 100.0 } else { 1.0 };
    let dot = |point: &&Place| {
        let runs = experiment.cell_at(subject, point, false);
        let estimate = estimate(metric, &runs).filter(|estimate| estimate.value.is_finite())?;
        let configured_x = point.values().next().copied().unwrap_or(0.0);
        let x = achieved_x(experiment, subject, configured_x).unwrap_or(configured_x);
        let doubted = runs.iter().filter(|run| metric.doubts_in(run).next().is_some()).count();
        Some(Dot {
            x,
            configured_x,
            y: estimate.value * percent,
            low: estimate.low * percent,
            high: estimate.high * percent,
            hollow: 2 * doubted >= runs.len(),
            repetitions: runs.len(),
        })
    };
    let points: Vec<Dot> = points.iter().filter_map(dot).collect();
    (!points.is_empty()).then(|| Series {
        label: subject.label.clone(),
        whose: Whose::Subject(subject.clone()),
        is_marked: true,
        points,
    })
}

/// The straight line of theory for each slope that has one, from the first point of its subject.
fn theory(
    experiment: &Experiment<'_>,
    checks: &[&Check],
    points: &[&Place],
    series: &[Series],
) -> Vec<Series> {
    let of_check = |check: &&Check| {
        let Kind::Slope { of, at } = &check.kind else { return None };
        let slope = check.theory?;
        let subject = subject(experiment, of).ok()?;
        let is_its = |one: &&Series| one.whose == Whose::Subject(subject.clone());
        let first = points
            .iter()
            .all(|point| lies_at(point, at))
            .then(|| series.iter().find(is_its))??
            .points
            .first()?;
        let step = points.first()?.keys().next().map_or(1.0, |axis| per_step(*axis));
        let line = points.iter().map(|point| {
            let x = point.values().next().copied().unwrap_or(0.0);
            Dot::exact(x, first.y + slope * (x - first.x) / step)
        });
        Some(of_theory(line.collect()))
    };
    let mut lines: Vec<Series> = Vec::new();
    let values = through_values(experiment, checks, points);
    for line in checks.iter().filter_map(of_check).chain(values) {
        if lines.iter().all(|other| other.points != line.points) {
            lines.push(line);
        }
    }
    lines
}

/// The line through the values that theory gives at single points.
fn through_values(
    experiment: &Experiment<'_>,
    checks: &[&Check],
    points: &[&Place],
) -> Option<Series> {
    let dot = |check: &&Check| {
        let Kind::Value(cell) = &check.kind else { return None };
        let (theory, point) = (check.theory?, cell.point());
        let subject = subject(experiment, &cell.subject).ok()?;
        let configured = point.values().next().copied()?;
        let x = achieved_x(experiment, subject, configured)?;
        let percent = if check.metric.unit() == MetricUnit::Share { 100.0 } else { 1.0 };
        points.iter().any(|it| **it == point).then(|| Dot::exact(x, theory * percent))
    };
    let mut dots: Vec<Dot> = checks.iter().filter_map(dot).collect();
    dots.sort_by(|one, other| one.x.total_cmp(&other.x));
    (dots.len() > 1).then(|| of_theory(dots))
}

/// A line of theory.
fn of_theory(points: Vec<Dot>) -> Series {
    Series { label: "theory".to_owned(), whose: Whose::Theory, is_marked: false, points }
}
