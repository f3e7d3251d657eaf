//! All that records say, found once: page, terminal and figures take it from here.

use results::{Record, Shows};

use crate::curve::Metric;
use crate::experiment::{Experiment, experiments};
use crate::figure::Figure;
use crate::found::Found;
use crate::noise::Noise;
use crate::question;
use crate::verdict::{Finding, Verdict, unanswered, verdict};

/// In which order the questions of an experiment are answered in words.
const SPOKEN: [Shows; 3] = [Shows::Crossover, Shows::Load, Shows::ShortAmongLong];

/// Questions about one point: answered in words where nothing is varied, or nothing else is said.
const OF_ONE_POINT: [Shows; 2] = [Shows::Percentiles, Shows::Cost];

/// In which order they are drawn.
const DRAWN: [Shows; 5] =
    [Shows::Crossover, Shows::Load, Shows::Percentiles, Shows::ShortAmongLong, Shows::Cost];

/// What the records of a bench say.
pub struct Findings<'a> {
    /// Each experiment, in the order in which the scenario names them.
    pub experiments: Vec<Found<'a>>,
    /// How much identical runs differed.
    pub noise: Noise,
    /// The answer in words.
    pub verdict: Verdict,
}

/// The sentences that answer the questions of an experiment.
fn sentences(found: &Found<'_>) -> Vec<Finding> {
    let experiment = &found.experiment;
    let asked = |question: &Shows| experiment.shows(*question);
    // Who answers nobody has no curve that could show it.
    let mut findings = unanswered(experiment);
    for question in SPOKEN.into_iter().filter(asked) {
        findings.extend(question::findings(question, found));
    }
    // Whatever was measured is said, if nothing else is.
    let nothing_else = findings.is_empty();
    for question in OF_ONE_POINT {
        if experiment.axis.is_none() && asked(&question) || nothing_else {
            findings.extend(question::findings(question, found));
        }
    }
    findings
}

impl<'a> Findings<'a> {
    /// Reads the records.
    #[must_use]
    pub fn of(records: &'a [Record]) -> Self {
        let experiments = experiments(records);
        let noise = Noise::of(&experiments);
        let found = |experiment: Experiment<'a>| {
            let asked = DRAWN.into_iter().filter(|question| experiment.shows(*question));
            let metrics: Vec<Metric> = asked.flat_map(question::metrics).copied().collect();
            Found::of(experiment, &noise, &metrics)
        };
        let experiments: Vec<Found<'a>> = experiments.into_iter().map(found).collect();
        let sentences = experiments.iter().flat_map(sentences).collect();
        let verdict = verdict(&experiments, sentences);
        Self { experiments, noise, verdict }
    }

    /// The figures that its experiments can show, in reading order.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let measured = self.experiments.iter().filter(|found| !found.experiment.runs.is_empty());
        let drawn = measured.flat_map(|found| {
            let asked = DRAWN.into_iter().filter(|question| found.experiment.shows(*question));
            asked.flat_map(|question| question::figures(question, found))
        });
        drawn.collect()
    }
}
