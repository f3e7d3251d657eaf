//! What the records decide by the metrics that decide: enough to choose further runs, at a fraction of
//! the cost of all findings.

use std::collections::BTreeMap;

use results::{Parameter, Settled};

use crate::answers::{self, CrossoverAnswer, ExperimentAnswers};
use crate::comparison::{Standing, difference};
use crate::experiment::{Experiment, experiments};
use crate::noise::Noise;

/// What is decided, and what is open.
pub struct Decisions<'a> {
    /// The answers of each experiment by the metric that decides.
    pub answers: Vec<ExperimentAnswers>,
    experiments: Vec<Experiment<'a>>,
    noise: Noise,
}

impl<'a> Decisions<'a> {
    /// What the records that count decide.
    #[must_use]
    pub fn of(settled: &'a Settled) -> Self {
        let experiments = experiments(&settled.records);
        let noise = Noise::of(&experiments);
        let measured = experiments.iter().filter(|experiment| !experiment.runs.is_empty());
        let answers = measured.map(|experiment| answers::deciding(experiment, &noise)).collect();
        Self { answers, experiments, noise }
    }

    /// What the runs at one point say about the two subjects of a crossover; `None` if there is no
    /// pair of runs.
    #[must_use]
    pub fn standing(
        &self,
        experiment: &str,
        crossover: &CrossoverAnswer,
        point: &BTreeMap<Parameter, f64>,
    ) -> Option<Standing> {
        let experiment = self.experiments.iter().find(|found| found.name == experiment)?;
        let subjects = experiment.subjects();
        let named = |name: &str| subjects.iter().find(|subject| subject.name == name).copied();
        let (base, other) = (named(&crossover.base)?, named(&crossover.other)?);
        let metric = answers::metric_of(experiment.wins, experiment.bound);
        let found = difference(experiment, base, other, point, metric, &self.noise)?;
        Some(found.difference.standing)
    }
}
