//! The results of one experiment, as numbers.

use results::Shows;

use crate::answers::{self, PointAnswer};
use crate::comparison::{Comparison, comparisons};
use crate::curve::{Curve, curves};
use crate::experiment::Experiment;
use crate::metric::Metric;
use crate::modelled::Models;
use crate::noise::Noise;

/// An experiment with everything that was computed from it.
pub struct ExperimentFindings<'a> {
    /// The experiment with its runs.
    pub experiment: Experiment<'a>,
    /// The comparisons of each transport's iterative design with every other one, if the experiment
    /// asks for crossovers.
    pub comparisons: Vec<Comparison>,
    /// Which subject is the best at each point, by the metric that decides.
    pub points: Vec<PointAnswer>,
    /// The curves that its questions need.
    curves: Vec<(Metric, Vec<Curve>)>,
    /// What the models of its subjects give; empty if nobody computed them.
    pub(crate) models: Models,
}

impl<'a> ExperimentFindings<'a> {
    pub(crate) fn of(experiment: Experiment<'a>, noise: &Noise, metrics: &[Metric]) -> Self {
        let comparisons = match experiment.shows(Shows::Crossover) {
            true => comparisons(&experiment, noise),
            false => Vec::new(),
        };
        let curves = metrics.iter().map(|metric| (*metric, curves(&experiment, *metric))).collect();
        let points = answers::points(&experiment, noise);
        Self { experiment, comparisons, points, curves, models: Models::default() }
    }

    /// The curves of a metric, one for each subject.
    #[must_use]
    pub fn curves(&self, metric: Metric) -> &[Curve] {
        let found = self.curves.iter().find(|(of, _)| *of == metric);
        found.map_or(&[], |(_, curves)| curves)
    }
}
