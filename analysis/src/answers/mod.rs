//! The answers of a bench as data, for programs: `answers.json`. Page and terminal speak from them.
//!
//! Times are nanoseconds, rates requests a second, sizes bytes, fractions 0 to 1.

mod along;
mod capacities;
mod crossovers;
mod knees;
mod ranking;

use std::collections::BTreeMap;

use results::{Bound, Parameter, Shows, Wins};
use serde::Serialize;

use crate::experiment::Experiment;
use crate::metric::Metric;
use crate::noise::Noise;

pub use capacities::Capacity;
pub use crossovers::{CrossoverAnswer, CrossoverKind};
pub use knees::Knee;
pub use ranking::{PointAnswer, Ranked};

/// The version of `answers.json`.
pub const ANSWERS_FORMAT: u32 = 1;

/// Everything that the records of a bench answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Answers {
    /// Version of this format.
    pub format: u32,
    /// One entry for each experiment and metric; of each experiment the metric that decides first.
    pub experiments: Vec<ExperimentAnswers>,
    /// Runs that were disturbed from outside and do not count.
    pub disturbed_runs: usize,
    /// Runs that were made again because they had been disturbed.
    pub repeated_runs: usize,
    /// Runs that were too short to tell what was asked of them.
    pub too_short: usize,
    /// Whether runs were simulated; absent where all were measured.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// What one experiment answers by one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExperimentAnswers {
    /// Name of the experiment.
    pub name: String,
    /// The question that it asks.
    pub question: String,
    /// The metric: `mean`, `p50`, `p99`, `throughput` or `processor-time`.
    pub metric: &'static str,
    /// How a cell's value is made: `percentile` and `ratio-of-sums` over all its runs together, or
    /// `median-of-burst-means` where requests come in bursts.
    pub estimator: &'static str,
    /// The ranking at each point, for each transport.
    pub points: Vec<PointAnswer>,
    /// Every two subjects of one transport; of the metric that decides only.
    pub crossovers: Vec<CrossoverAnswer>,
    /// With two axes: the points without their rankings.
    pub map: Vec<MapCell>,
    /// Where the median response time doubles with the load.
    pub knees: Vec<Knee>,
    /// The greatest load at which each subject meets the bound of the experiment.
    pub capacities: Vec<Capacity>,
    /// Without an axis: all subjects, the best first.
    pub ranking: Vec<Ranked>,
}

/// A cell of a pay-off map.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MapCell {
    /// The point, as achieved.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, f64>"))]
    pub x: BTreeMap<Parameter, f64>,
    /// The transport of its subjects.
    pub transport: String,
    /// The best subject.
    pub best: Option<String>,
    /// Subjects that are not told apart from it.
    pub tied: Vec<String>,
    /// How many times as good as the next it is.
    pub factor: Option<f64>,
    /// Whether the best is certain.
    pub decided: bool,
}

/// The metric by which subjects are ranked at a point. A capacity is no property of a point; there
/// the metric that is nearest to the statistic of the bound decides.
pub(crate) fn metric_of(wins: Wins, bound: Option<Bound>) -> Metric {
    match wins {
        Wins::Mean => Metric::Mean,
        Wins::P50 => Metric::P50,
        Wins::P99 => Metric::P99,
        Wins::Throughput => Metric::Throughput,
        Wins::ProcessorTime => Metric::ProcessorTime,
        Wins::Capacity => metric_of_bound(bound),
    }
}

/// The metric that is nearest to the statistic of a bound.
pub(crate) fn metric_of_bound(bound: Option<Bound>) -> Metric {
    match bound.map(|bound| bound.quantile) {
        Some(None) => Metric::Mean,
        Some(Some(quantile)) if quantile <= 0.75 => Metric::P50,
        Some(Some(_)) | None => Metric::P99,
    }
}

/// Which subject is the best at each point, by the metric that decides.
pub(crate) fn points(experiment: &Experiment<'_>, noise: &Noise) -> Vec<PointAnswer> {
    ranking::points(experiment, metric_of(experiment.wins, experiment.bound), noise)
}

/// The capacities of an experiment that has a bound.
pub(crate) fn capacities(experiment: &Experiment<'_>) -> Vec<Capacity> {
    capacities::all(experiment)
}

/// An experiment, and its answers at each point by the metric that decides.
pub(crate) type Ranking<'a> = (&'a Experiment<'a>, &'a [PointAnswer]);

/// Where the median response time of each subject doubles with the load.
pub(crate) fn knees(experiment: &Experiment<'_>) -> Vec<Knee> {
    knees::all(experiment)
}

impl Answers {
    /// The answers of these experiments, each with its answers at each point by the metric that
    /// decides.
    pub(crate) fn of(found: &[Ranking<'_>], noise: &Noise, made_again: usize) -> Self {
        let measured = found.iter().filter(|(experiment, _)| !experiment.runs.is_empty());
        let runs = found.iter().flat_map(|(experiment, _)| &experiment.runs);
        let too_short =
            runs.filter(|run| run.measured.doubts.iter().any(results::Doubt::is_too_short));
        let still_there = found.iter().map(|(experiment, _)| experiment.disturbed.len());
        Self {
            format: ANSWERS_FORMAT,
            disturbed_runs: made_again + still_there.sum::<usize>(),
            repeated_runs: made_again,
            too_short: too_short.count(),
            simulated: false,
            experiments: measured.flat_map(|found| of_experiment(found, noise)).collect(),
        }
    }
}

/// The answers of an experiment by the metric that decides.
pub(crate) fn deciding(experiment: &Experiment<'_>, noise: &Noise) -> ExperimentAnswers {
    entry(experiment, experiment.wins, points(experiment, noise), noise)
}

fn of_experiment((experiment, deciding): &Ranking<'_>, noise: &Noise) -> Vec<ExperimentAnswers> {
    let first = experiment.wins;
    let others = Wins::ALL.into_iter().filter(|wins| *wins != first && *wins != Wins::Capacity);
    let others = others.filter_map(|wins| {
        let points = ranking::points(experiment, metric_of(wins, experiment.bound), noise);
        let says = points.iter().any(|point| point.best.is_some());
        says.then(|| entry(experiment, wins, points, noise))
    });
    let deciding = entry(experiment, first, deciding.to_vec(), noise);
    std::iter::once(deciding).chain(others).collect()
}

fn entry(
    experiment: &Experiment<'_>,
    wins: Wins,
    points: Vec<PointAnswer>,
    noise: &Noise,
) -> ExperimentAnswers {
    let metric = metric_of(wins, experiment.bound);
    let decides = wins == experiment.wins;
    let has_axes = experiment.points().first().is_some_and(|point| !point.is_empty());
    let is_map = experiment.points().first().is_some_and(|point| point.len() > 1);
    let mut ranking: Vec<Ranked> = match has_axes {
        true => Vec::new(),
        false => points.iter().flat_map(|point| point.ranking.clone()).collect(),
    };
    ranking::sort(&mut ranking, metric);
    ExperimentAnswers {
        name: experiment.name.to_owned(),
        question: experiment.question.to_owned(),
        metric: wins.name(),
        estimator: match metric.quantile(&experiment.runs) {
            Some(_) if metric == Metric::Mean => "median-of-burst-means",
            Some(_) => "percentile",
            None => "ratio-of-sums",
        },
        crossovers: match decides && has_axes {
            true => crossovers::all(experiment, metric, noise),
            false => Vec::new(),
        },
        map: if is_map { points.iter().map(PointAnswer::map_cell).collect() } else { Vec::new() },
        knees: match decides && experiment.shows(Shows::Load) {
            true => knees::all(experiment),
            false => Vec::new(),
        },
        capacities: if decides { capacities::all(experiment) } else { Vec::new() },
        points,
        ranking,
    }
}

impl Answers {
    /// The answers as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("answers are plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::Answers;

    /// If it fails, what it prints belongs into the file.
    #[test]
    fn the_schema_of_the_answers_is_committed() {
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Answers)).expect("data");
        let committed = include_str!("../../../schemas/answers.schema.json");
        assert!(committed.trim_end() == schema, "schemas/answers.schema.json should be:\n{schema}");
    }
}
