//! Where the median response time of a subject doubles with the load.

use results::{Parameter, Subject};
use serde::Serialize;

use crate::bootstrap::{FEWEST_REPETITIONS, RESAMPLES, Resampler, interval};
use crate::curve::{achieved_x, doubles};
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
    let axis = experiment.axis?;
    let cells: Vec<(f64, Sample, usize)> = experiment
        .xs()
        .into_iter()
        .filter_map(|x| {
            let runs = experiment.cell(subject, x, false);
            let sample = Sample::of(Metric::P50, &runs)?;
            Some((achieved_x(experiment, subject, x)?, sample, runs.len()))
        })
        .collect();
    let curve = |weights: &mut dyn FnMut(usize) -> Vec<u32>| -> Vec<(f64, f64)> {
        let value = |(x, sample, runs): &(f64, Sample, usize)| {
            sample.value(&weights(*runs)).filter(|value| value.is_finite()).map(|value| (*x, value))
        };
        cells.iter().filter_map(value).collect()
    };
    let value = doubles(&curve(&mut |runs| vec![1; runs]));
    let fewest = cells.iter().map(|(_, _, runs)| *runs).min()?;
    let mut resampler = Resampler::salted(2);
    let drawn: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| doubles(&curve(&mut |runs| resampler.draw(runs))))
        .map(f64::ln)
        .collect();
    let is_known = fewest >= FEWEST_REPETITIONS && drawn.len() >= RESAMPLES * 95 / 100;
    let ends = value.filter(|_| is_known).and_then(|at| interval(at.ln(), &drawn, fewest));
    let measured_to = cells.last().map(|(x, _, _)| *x)?;
    Some(Knee {
        name: subject.name.clone(),
        axis,
        value,
        low: ends.map(|(low, _)| low.exp()),
        high: ends.map(|(_, high)| high.exp().min(measured_to)),
        measured_to,
    })
}
