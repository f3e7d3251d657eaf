//! Every two subjects of one transport, over the first axis.

use std::collections::BTreeMap;

use results::{Parameter, Subject};
use serde::Serialize;

use crate::comparison::{Comparison, Crossover, compare_along};
use crate::experiment::Experiment;
use crate::metric::Metric;
use crate::noise::Noise;

/// How two subjects compare over an axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CrossoverAnswer {
    /// The subject that the experiment names first.
    pub base: String,
    /// The other.
    pub other: String,
    /// The axis.
    #[cfg_attr(test, schemars(with = "String"))]
    pub axis: Parameter,
    /// With two axes: the value on the other one; empty with one.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, f64>"))]
    pub at: BTreeMap<Parameter, f64>,
    /// The outcome.
    pub kind: CrossoverKind,
    /// Where they cross; null unless `kind` is `at`.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The subject that is better beyond the crossing, or at every decided point.
    pub winner_beyond: Option<String>,
    /// The least value of the axis at which a difference is decided.
    pub decided_from: Option<f64>,
    /// The greatest such value.
    pub decided_to: Option<f64>,
    /// How many times as good as the base the other is at the last decided point; below 1 if the
    /// base is the better one there.
    pub factor: Option<f64>,
    /// Why it is undecided.
    pub why: Option<String>,
}

/// The kind of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CrossoverKind {
    /// They cross once.
    At,
    /// `other` is better at every decided point.
    Always,
    /// `base` is better at every decided point.
    Never,
    /// They are alike at every point.
    NoDifference,
    /// The records do not tell.
    Undecided,
}

pub(super) fn all(
    experiment: &Experiment<'_>,
    metric: Metric,
    noise: &Noise,
) -> Vec<CrossoverAnswer> {
    let Some(axis) = experiment.axis else { return Vec::new() };
    let subjects = experiment.subjects_as_listed();
    let pairs = subjects.iter().enumerate().flat_map(|(at, base)| {
        let others = subjects[at + 1..].iter();
        others.filter(|other| other.transport == base.transport).map(|other| (*base, *other))
    });
    let lines = lines(experiment, axis);
    let of_pair = |(base, other): (&Subject, &Subject)| -> Vec<CrossoverAnswer> {
        let on_line = |(at, points): &(BTreeMap<Parameter, f64>, Vec<_>)| {
            let comparison = compare_along(experiment, base, other, points, metric, noise);
            answer(&comparison, axis, at.clone())
        };
        lines.iter().map(on_line).collect()
    };
    pairs.flat_map(of_pair).collect()
}

/// A point of an experiment.
type Point = BTreeMap<Parameter, f64>;

/// The points of an experiment in lines along an axis, each with the values on the other axes.
fn lines(experiment: &Experiment<'_>, axis: Parameter) -> Vec<(Point, Vec<Point>)> {
    let mut lines: Vec<(Point, Vec<Point>)> = Vec::new();
    for point in experiment.points() {
        let mut rest = point.clone();
        rest.remove(&axis);
        match lines.iter_mut().find(|(at, _)| *at == rest) {
            Some((_, points)) => points.push(point.clone()),
            None => lines.push((rest, vec![point.clone()])),
        }
    }
    lines
}

fn answer(comparison: &Comparison, axis: Parameter, at: Point) -> CrossoverAnswer {
    let Comparison { base, other, differences, crossover } = comparison;
    let mut decided = differences.iter().filter(|one| one.is_decided());
    let xs: Vec<f64> = decided.clone().map(|one| one.x).collect();
    let mut found = CrossoverAnswer {
        base: base.name.clone(),
        other: other.name.clone(),
        axis,
        at,
        kind: CrossoverKind::Undecided,
        value: None,
        low: None,
        high: None,
        winner_beyond: None,
        decided_from: xs.first().copied(),
        decided_to: xs.last().copied(),
        factor: decided.next_back().map(|one| (-one.log_ratio.value).exp()),
        why: None,
    };
    match crossover {
        Crossover::At { value, low, high, winner_beyond } => {
            found.kind = CrossoverKind::At;
            (found.value, found.low, found.high) = (Some(*value), Some(*low), Some(*high));
            found.winner_beyond = Some(winner_beyond.clone());
        }
        Crossover::Always(winner) => {
            let is_other = *winner == other.name;
            found.kind = if is_other { CrossoverKind::Always } else { CrossoverKind::Never };
            found.winner_beyond = Some(winner.clone());
        }
        Crossover::NoDifference => found.kind = CrossoverKind::NoDifference,
        Crossover::Undecided(why) => found.why = Some(why.in_words().to_owned()),
    }
    found
}
