//! The greatest load at which each subject meets a bound.

use results::{Bound, Parameter, Subject};
use serde::Serialize;

use super::along::Along;
use crate::experiment::Experiment;
use crate::metric::Metric;
use crate::sample::Sample;

/// The capacity of a subject.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Capacity {
    /// The subject.
    pub name: String,
    /// The axis: `rate`.
    #[cfg_attr(test, schemars(with = "String"))]
    pub axis: Parameter,
    /// The bound in nanoseconds.
    pub below_ns: u64,
    /// The greatest load at which the bound is met; null if it is met at every load that was
    /// measured, or at none.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval; null if fewer than 95 % of the resampled runs have one.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The highest load that was measured at which the bound is met.
    pub met_to: Option<f64>,
    /// The lowest load that was measured at which it is not met.
    pub missed_from: Option<f64>,
}

/// The capacities of all subjects, the greatest first.
pub(super) fn all(experiment: &Experiment<'_>) -> Vec<Capacity> {
    let Some(bound) = experiment.bound else { return Vec::new() };
    let Some(axis) = experiment.axis.filter(|axis| *axis == Parameter::Rate) else {
        return Vec::new();
    };
    let subjects = experiment.subjects_as_listed().into_iter();
    let mut all: Vec<Capacity> =
        subjects.filter_map(|subject| capacity(experiment, subject, axis, bound)).collect();
    let size = |it: &Capacity| it.value.or(it.met_to).unwrap_or(0.0);
    all.sort_by(|one, other| size(other).total_cmp(&size(one)));
    all
}

fn capacity(
    experiment: &Experiment<'_>,
    subject: &Subject,
    axis: Parameter,
    bound: Bound,
) -> Option<Capacity> {
    let along = Along::of(experiment, subject, |runs| match bound.quantile {
        Some(quantile) => Some(Sample::of_times(runs, quantile)),
        None => Sample::of(Metric::Mean, runs),
    });
    along.last()?;
    let below = bound.below_ns as f64;
    let place = along.place(3, |points| meets(points, below));
    let points = along.points();
    let missed = points.iter().position(|(_, value)| *value >= below);
    Some(Capacity {
        name: subject.name.clone(),
        axis,
        below_ns: bound.below_ns,
        value: place.value,
        low: place.ends.map(|(low, _)| low),
        high: place.ends.map(|(_, high)| high),
        met_to: points[..missed.unwrap_or(points.len())].last().map(|(x, _)| *x),
        missed_from: missed.map(|at| points[at].0),
    })
}

/// Where the values of these points first reach `below`. Near its capacity a queue's response time
/// grows like 1/(μ − λ), so the inverse is interpolated; an infinite value has the inverse 0.
fn meets(points: &[(f64, f64)], below: f64) -> Option<f64> {
    let at = points.iter().position(|(_, value)| *value >= below)?;
    let (before, beyond) = (points.get(at.checked_sub(1)?)?, points[at]);
    let (first, second) = (1.0 / before.1, 1.0 / beyond.1);
    let share = (first - 1.0 / below) / (first - second);
    Some(before.0 + share * (beyond.0 - before.0)).filter(|at| at.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capacity_of_a_queue_is_where_its_curve_meets_the_bound() {
        // M/M/1 that serves 1000 a second: its mean response time is 1/(1000 − λ).
        let curve: Vec<(f64, f64)> =
            [500.0, 700.0, 950.0].iter().map(|rate| (*rate, 1.0 / (1000.0 - rate))).collect();
        let at = meets(&curve, 0.01).expect("it is reached");
        assert!((at - 900.0).abs() < 1.0, "{at}");
        assert_eq!(meets(&curve, 1.0), None, "it is met everywhere");
        assert_eq!(meets(&curve, 0.001), None, "it is met nowhere");
        let at = meets(&[(500.0, 0.002), (1000.0, f64::INFINITY)], 0.004).expect("a cliff");
        assert!((at - 750.0).abs() < 1.0, "{at}");
    }
}
