//! All findings from the records. They are computed once, for the page, the terminal and the
//! figures.

use results::{Record, Settled, Shows, TestbedKind};

use crate::answers::Answers;
use crate::claims::{self, Claim, ClaimFindings, Measured};
use crate::experiment::{Experiment, experiments};
use crate::experiment_findings::ExperimentFindings;
use crate::figure::Figure;
use crate::metric::Metric;
use crate::modelled::{Modelled, Models};
use crate::noise::Noise;
use crate::question;
use crate::verdict::{Finding, Verdict, unanswered, verdict};

/// What was found in the records of a bench.
pub struct Findings<'a> {
    /// The experiments in the order of the scenario.
    pub experiments: Vec<ExperimentFindings<'a>>,
    /// How much identical runs differed.
    pub noise: Noise,
    /// The answer in words.
    pub verdict: Verdict,
    /// The answers as data.
    pub answers: Answers,
    /// The verdicts on the claims of the scenario.
    pub claims: Vec<ClaimFindings>,
}

/// The sentences that answer the questions of an experiment.
fn sentences(found: &ExperimentFindings<'_>) -> Vec<Finding> {
    let experiment = &found.experiment;
    if experiment.shows.is_empty() {
        return Vec::new(); // claims speak of it
    }
    let asked = |question: &Shows| experiment.shows(*question);
    // A design that answers nothing has no curve that could show it.
    let mut findings = unanswered(experiment);
    for question in question::SPOKEN.into_iter().filter(asked) {
        findings.extend(question::findings(question, found));
    }
    // If there is no other sentence, everything that was measured is reported.
    let nothing_else = findings.is_empty();
    for question in question::OF_ONE_POINT {
        if experiment.axis.is_none() && asked(&question) || nothing_else {
            findings.extend(question::findings(question, found));
        }
    }
    findings
}

impl<'a> Findings<'a> {
    /// Computes the findings from the records that count.
    #[must_use]
    pub fn of_settled(settled: &'a Settled) -> Self {
        Self::from_records(&settled.records, settled.made_again)
    }

    /// Computes the findings from records of which each counts.
    #[must_use]
    pub fn of(records: &'a [Record]) -> Self {
        Self::from_records(records, 0)
    }

    fn from_records(records: &'a [Record], made_again: usize) -> Self {
        let experiments = experiments(records);
        let noise = Noise::of(&experiments);
        let found = |experiment: Experiment<'a>| {
            let asked = Shows::ALL.into_iter().filter(|question| experiment.shows(*question));
            let metrics: Vec<Metric> =
                asked.flat_map(|question| question::metrics(question, &experiment)).collect();
            ExperimentFindings::of(experiment, &noise, &metrics)
        };
        let experiments: Vec<ExperimentFindings<'a>> = experiments.into_iter().map(found).collect();
        let sentences = experiments.iter().flat_map(sentences).collect();
        let verdict = verdict(&experiments, sentences);
        let ranked: Vec<_> =
            experiments.iter().map(|found| (&found.experiment, &found.points[..])).collect();
        let simulated = records.iter().any(|record| record.testbed == TestbedKind::Simulated);
        let answers = Answers { simulated, ..Answers::of(&ranked, &noise, made_again) };
        Self { experiments, noise, verdict, answers, claims: Vec::new() }
    }

    /// What claims are read off.
    #[must_use]
    pub fn measured(&self) -> Measured<'_, 'a> {
        Measured { experiments: &self.experiments, noise: &self.noise }
    }

    /// The same with the verdicts on these claims.
    #[must_use]
    pub fn with_claims(mut self, claims: &[Claim], settled: &Settled) -> Self {
        let host = settled.records.iter().find_map(|record| record.hosts.first());
        let cores = host.map_or(0, |host| host.machine.cores);
        self.claims = claims::judge(claims, &self.measured(), cores);
        self
    }

    /// The same with what the designs' own models give under the loads that were measured.
    #[must_use]
    pub fn with_models(mut self, models: &Models) -> Self {
        for found in &mut self.experiments {
            let of_it = |point: &&Modelled| point.experiment == found.experiment.name;
            found.models = Models {
                points: models.points.iter().filter(of_it).cloned().collect(),
                costs: models.costs.clone(),
            };
        }
        let asks = |found: &&ExperimentFindings<'_>| found.experiment.shows(Shows::Load);
        let parted = self.experiments.iter().filter(asks).filter_map(question::parted);
        self.verdict.findings.extend(parted);
        self
    }

    /// The figures that the experiments can show, in reading order.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let measured = self.experiments.iter().filter(|found| !found.experiment.runs.is_empty());
        let drawn = measured.flat_map(|found| {
            let asked = Shows::ALL.into_iter().filter(|question| found.experiment.shows(*question));
            asked.flat_map(|question| question::figures(question, found))
        });
        drawn.collect()
    }
}
