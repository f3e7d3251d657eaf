//! Where the median response time of a subject doubles with the load.

use results::{Parameter, Subject};
use serde::Serialize;

use super::along::Along;
use crate::curve::doubles;
use crate::experiment::Experiment;
use crate::metric::Metric;
use crate::sample::Sample;

/// The knee of a subject.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Knee {
    /// The subject.
    pub name: String,
    /// The axis: `rate`.
    #[cfg_attr(test, schemars(with = "String"))]
    pub axis: Parameter,
    /// The load at which the median response time is twice that at the lowest load; null if it does
    /// not double up to the highest load.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval; null if fewer than 95 % of the resampled runs have a knee.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The highest load that was measured.
    pub measured_to: f64,
}

pub(super) fn all(experiment: &Experiment<'_>) -> Vec<Knee> {
    let subjects = experiment.subjects_as_listed().into_iter();
    subjects.filter_map(|subject| knee(experiment, subject)).collect()
}

fn knee(experiment: &Experiment<'_>, subject: &Subject) -> Option<Knee> {
    let along = Along::of(experiment, subject, |runs| Sample::of(Metric::P50, runs));
    let measured_to = along.last()?;
    let place = along.place(2, |points| {
        let known = points.iter().copied().filter(|(_, value)| value.is_finite());
        doubles(&known.collect::<Vec<_>>())
    });
    Some(Knee {
        name: subject.name.clone(),
        axis: experiment.axis?,
        value: place.value,
        low: place.ends.map(|(low, _)| low),
        high: place.ends.map(|(_, high)| high.min(measured_to)),
        measured_to,
    })
}
