//! The ranking of the subjects at a point, and whether the best is certain.

use std::collections::BTreeMap;

use protocol::Transport;
use results::{InUse, Parameter, Subject, supports};
use serde::Serialize;

use super::MapCell;
use crate::bootstrap::{FEWEST_REPETITIONS, median};
use crate::comparison::{PairedDifference, Standing, difference};
use crate::curve::{achieved_x, independent, together};
use crate::experiment::{Experiment, Run};
use crate::metric::Metric;
use crate::noise::Noise;
use crate::pairs::leaves_unanswered;
use crate::sample::estimate;
use crate::text;

/// Which subject is the best at a point.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PointAnswer {
    /// The point: processing as the servers achieved it, everything else as configured. Empty
    /// without an axis.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, f64>"))]
    pub x: BTreeMap<Parameter, f64>,
    /// The point as configured.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, f64>"))]
    pub configured: BTreeMap<Parameter, f64>,
    /// The transport of the subjects that are ranked; each transport is ranked alone.
    pub transport: String,
    /// The best subject; null if each leaves more than 1 % of its requests unanswered.
    pub best: Option<String>,
    /// Subjects that are as good as it, or that are not told apart from it.
    pub tied: Vec<String>,
    /// How many times as good as the next one it is: the first that is not tied, or otherwise the
    /// second. Null without one.
    pub factor: Option<f64>,
    /// Lower end of the factor's 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Whether every other subject is certainly worse than the best, or certainly alike.
    pub decided: bool,
    /// Why it is not decided; null if it is.
    pub why: Option<String>,
    /// All subjects, the best first.
    pub ranking: Vec<Ranked>,
}

/// A subject in a ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ranked {
    /// Its name.
    pub name: String,
    /// What carries its requests.
    pub transport: String,
    /// Fraction of the planned requests that it answered.
    pub answered: f64,
    /// Median response time; like every percentile, null where the requests are too few for it or
    /// where it lies among the unanswered ones.
    pub p50_ns: Option<f64>,
    /// 90th percentile.
    pub p90_ns: Option<f64>,
    /// 99th percentile.
    pub p99_ns: Option<f64>,
    /// Mean response time of the answered requests.
    pub mean_ns: Option<f64>,
    /// Processor time of the server for a request answered.
    pub processor_ns: Option<f64>,
    /// Requests answered per second.
    pub throughput: Option<f64>,
    /// The metric of the ranking: the value of all runs together.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// How many times as good as this one the best is.
    pub factor: Option<f64>,
    /// Whether it is certain that the best is better than this one, or that they are alike; of the
    /// best, whether it is certainly the best.
    pub decided: bool,
    /// Largest resident memory of the server in a run, in bytes.
    pub memory_bytes: Option<u64>,
    /// Descriptors that the server had open at the end of the load, with all its processes: the
    /// median over the runs.
    pub descriptors: Option<f64>,
    /// Sockets among them: those that listen, and connections.
    pub sockets: Option<f64>,
    /// Its processes.
    pub processes: Option<f64>,
    /// Their threads.
    pub threads: Option<f64>,
    /// Context switches of the server for a request answered.
    pub switches: Option<f64>,
    /// Jain's index of the requests that each worker answered: 1 if all answered the same number,
    /// 1/n if one of n answered all. Null with one worker.
    pub share_jain: Option<f64>,
    /// Whether it leaves so many requests unanswered that it cannot be the best.
    #[serde(skip)]
    pub leaves_unanswered: bool,
    /// Runs behind it.
    pub runs: usize,
    /// Further runs that were disturbed and do not count.
    pub disturbed: usize,
}

impl PointAnswer {
    pub(super) fn map_cell(&self) -> MapCell {
        MapCell {
            x: self.x.clone(),
            transport: self.transport.clone(),
            best: self.best.clone(),
            tied: self.tied.clone(),
            factor: self.factor,
            decided: self.decided,
        }
    }
}

/// The answer at each point, for each transport.
pub(super) fn points(
    experiment: &Experiment<'_>,
    metric: Metric,
    noise: &Noise,
) -> Vec<PointAnswer> {
    let mut transports: Vec<Transport> =
        experiment.subjects().iter().map(|subject| subject.transport).collect();
    transports.dedup();
    let at = |point| {
        transports.iter().map(move |transport| answer(experiment, *transport, point, metric, noise))
    };
    let answers = experiment.points().iter().flat_map(at);
    answers.filter(|answer| !answer.ranking.is_empty()).collect()
}

/// One subject at a point, with what is needed to rank it.
struct Candidate<'a> {
    subject: &'a Subject,
    ranked: Ranked,
    may_win: bool,
}

fn answer(
    experiment: &Experiment<'_>,
    transport: Transport,
    point: &BTreeMap<Parameter, f64>,
    metric: Metric,
    noise: &Noise,
) -> PointAnswer {
    // A point that was added for one pair has runs of these two only.
    let of_it = experiment
        .subjects()
        .into_iter()
        .filter(|it| it.transport == transport && !experiment.cell_at(it, point, false).is_empty());
    let mut candidates: Vec<Candidate<'_>> =
        of_it.map(|subject| candidate(experiment, subject, point, metric)).collect();
    candidates.sort_by(|one, other| order(&one.ranked, &other.ranked, metric));
    let best = candidates.first().filter(|it| it.may_win && it.ranked.value.is_some());
    let best = best.map(|candidate| candidate.subject);
    let differences: Vec<Option<PairedDifference>> = candidates
        .iter()
        .map(|it| {
            let best = best.filter(|best| best.name != it.subject.name)?;
            difference(experiment, best, it.subject, point, metric, noise).map(|it| it.difference)
        })
        .collect();
    let verdict = Verdict::of(&candidates, &differences, best);
    for (candidate, difference) in candidates.iter_mut().zip(&differences) {
        let compares = difference.as_ref().filter(|_| candidate.may_win);
        candidate.ranked.factor = compares.map(|it| it.log_ratio.value.exp());
        candidate.ranked.decided = match difference {
            Some(difference) => difference.standing != Standing::Open || !candidate.may_win,
            None => best.is_some_and(|best| best.name == candidate.subject.name) && verdict.decided,
        };
    }
    let achieved = candidates.iter().find_map(|it| {
        experiment.axis.and_then(|axis| {
            let x = achieved_x(experiment, it.subject, *point.get(&axis)?)?;
            Some((axis, x))
        })
    });
    let mut x = point.clone();
    x.extend(achieved);
    PointAnswer {
        x,
        configured: point.clone(),
        transport: transport.to_string(),
        best: best.map(|best| best.name.clone()),
        tied: verdict.tied,
        factor: verdict.factor.map(|(factor, _, _)| factor),
        low: verdict.factor.map(|(_, low, _)| low),
        high: verdict.factor.map(|(_, _, high)| high),
        decided: verdict.decided,
        why: verdict.why,
        ranking: candidates.into_iter().map(|candidate| candidate.ranked).collect(),
    }
}

/// What the differences from the best subject say.
#[derive(Default)]
struct Verdict {
    tied: Vec<String>,
    factor: Option<(f64, f64, f64)>,
    decided: bool,
    why: Option<String>,
}

impl Verdict {
    fn of(
        candidates: &[Candidate<'_>],
        differences: &[Option<PairedDifference>],
        best: Option<&Subject>,
    ) -> Self {
        let Some(best) = best else {
            let why = match candidates.iter().any(|candidate| candidate.may_win) {
                true => "the requests are too few for this metric".to_owned(),
                false => "no subject answered 99 % of its requests".to_owned(),
            };
            return Self { why: Some(why), ..Self::default() };
        };
        let rivals: Vec<(&Candidate<'_>, Option<&PairedDifference>)> = candidates
            .iter()
            .zip(differences)
            .filter(|(candidate, _)| candidate.subject.name != best.name)
            .map(|(candidate, difference)| (candidate, difference.as_ref()))
            .collect();
        let standing = |candidate: &Candidate<'_>, difference: Option<&PairedDifference>| {
            match difference {
                // The order of the ranking and that of the pairs may contradict each other.
                Some(one) if one.is_decided() && one.log_ratio.value < 0.0 => Standing::Open,
                Some(one) => one.standing,
                // Whoever leaves requests unanswered or has no value is not a rival.
                None if !candidate.may_win => Standing::Decided,
                None => Standing::Open,
            }
        };
        let is = |wanted: Standing| {
            let of_it = rivals.iter().filter(move |(it, one)| standing(it, *one) == wanted);
            of_it.copied().collect::<Vec<_>>()
        };
        let (open, alike, worse) = (is(Standing::Open), is(Standing::Alike), is(Standing::Decided));
        let name = |(candidate, _): &(&Candidate<'_>, Option<&PairedDifference>)| {
            candidate.subject.name.clone()
        };
        // Beside one that leaves requests unanswered no factor means anything.
        let can_win =
            |(candidate, _): &&(&Candidate<'_>, Option<&PairedDifference>)| candidate.may_win;
        let next = worse.iter().find(can_win).and_then(|(_, one)| *one);
        let next = next.or_else(|| rivals.iter().find(can_win).and_then(|(_, one)| *one));
        let factor = next.map(|one| {
            let ratio = one.log_ratio;
            (ratio.value.exp(), ratio.low.exp(), ratio.high.exp())
        });
        let why = open.first().map(|(candidate, one)| why(candidate, *one));
        Self {
            tied: alike.iter().chain(&open).map(name).collect(),
            factor,
            decided: open.is_empty(),
            why,
        }
    }
}

/// Why a rival is not told apart from the best.
fn why(rival: &Candidate<'_>, difference: Option<&PairedDifference>) -> String {
    let name = &rival.subject.name;
    if rival.ranked.value.is_none() {
        return format!("{name} has too few requests for this metric");
    }
    let Some(one) = difference else {
        return format!("{name} has no runs with the same plan as the best");
    };
    let ratio = |log_ratio: f64| text::three_digits(log_ratio.exp());
    if one.pairs < FEWEST_REPETITIONS {
        let cause = match one.disturbed {
            0 => String::new(),
            disturbed => format!("; {disturbed} runs were disturbed and do not count"),
        };
        return format!(
            "{name} has {} of the {FEWEST_REPETITIONS} repetitions that an interval needs{cause}",
            one.pairs
        );
    }
    format!(
        "{name} is not told apart: it takes between {} and {} times as long",
        ratio(one.decides.0),
        ratio(one.decides.1)
    )
}

fn candidate<'a>(
    experiment: &Experiment<'a>,
    subject: &'a Subject,
    point: &BTreeMap<Parameter, f64>,
    metric: Metric,
) -> Candidate<'a> {
    let runs = experiment.cell_at(subject, point, false);
    let all = together(&runs);
    let independent = independent(&runs);
    let percentile = |quantile: f64| {
        let ns = all.percentile(quantile).known_ns()? as f64;
        supports(independent as u64, 100.0 * quantile).then_some(ns)
    };
    let ratio = |metric: Metric| estimate(metric, &runs).map(|estimate| estimate.value);
    let estimate = estimate(metric, &runs).filter(|estimate| estimate.value.is_finite());
    let estimate = estimate.filter(|_| match metric {
        Metric::P99 => supports(independent as u64, 99.0),
        _ => true,
    });
    let planned: u64 = runs.iter().map(|run| run.measured.counts.planned).sum();
    let answered: u64 = runs.iter().map(|run| run.measured.counts.answered).sum();
    let ranked = Ranked {
        name: subject.name.clone(),
        transport: subject.transport.to_string(),
        answered: answered as f64 / planned.max(1) as f64,
        p50_ns: percentile(0.5),
        p90_ns: percentile(0.9),
        p99_ns: percentile(0.99),
        mean_ns: all.mean_ns(),
        processor_ns: ratio(Metric::ProcessorTime),
        throughput: ratio(Metric::Throughput),
        value: estimate.map(|it| it.value),
        low: estimate.map(|it| it.low),
        high: estimate.map(|it| it.high).filter(|high| high.is_finite()),
        factor: None,
        decided: false,
        memory_bytes: servers(&runs).map(|server| server.peak_memory_bytes).max(),
        descriptors: in_use(&runs, |it| it.descriptors),
        sockets: in_use(&runs, |it| it.sockets),
        processes: in_use(&runs, |it| it.processes),
        threads: in_use(&runs, |it| it.threads),
        switches: switches(&runs),
        share_jain: jain(&runs),
        leaves_unanswered: leaves_unanswered(&runs),
        runs: runs.len(),
        disturbed: experiment.disturbed_at(subject, point),
    };
    let may_win = !runs.is_empty() && !ranked.leaves_unanswered;
    Candidate { subject, may_win, ranked }
}

fn servers<'a>(runs: &[Run<'a>]) -> impl Iterator<Item = &'a results::ServerCost> {
    runs.iter().filter_map(|run| run.measured.server.as_ref())
}

/// The median over the runs of something that the server had open.
fn in_use(runs: &[Run<'_>], of: impl Fn(&InUse) -> u64) -> Option<f64> {
    let known = servers(runs).filter_map(|server| server.in_use.as_ref());
    median(&known.map(|it| of(it) as f64).collect::<Vec<_>>())
}

/// Context switches for a request answered.
fn switches(runs: &[Run<'_>]) -> Option<f64> {
    let answered: u64 = servers(runs).map(|server| server.answered).sum();
    let switches: u64 =
        servers(runs).map(|server| server.voluntary_switches + server.involuntary_switches).sum();
    (answered > 0).then(|| switches as f64 / answered as f64)
}

/// Jain's index over the workers, as the mean over the runs (Jain, Chiu and Hawe 1984).
fn jain(runs: &[Run<'_>]) -> Option<f64> {
    let of_one = |per_worker: &[u64]| {
        let sum: f64 = per_worker.iter().map(|count| *count as f64).sum();
        let squares: f64 = per_worker.iter().map(|count| (*count as f64).powi(2)).sum();
        (per_worker.len() > 1 && squares > 0.0)
            .then(|| sum * sum / squares / per_worker.len() as f64)
    };
    let indices: Vec<f64> = servers(runs).filter_map(|server| of_one(&server.per_worker)).collect();
    (!indices.is_empty()).then(|| indices.iter().sum::<f64>() / indices.len() as f64)
}

/// Orders subjects, the best first; those that leave more than 1 % unanswered are last, by the
/// fraction they answered.
pub(super) fn sort(ranking: &mut [Ranked], metric: Metric) {
    ranking.sort_by(|one, other| order(one, other, metric));
}

fn order(one: &Ranked, other: &Ranked, metric: Metric) -> std::cmp::Ordering {
    let fails = |it: &Ranked| it.leaves_unanswered;
    let value = |it: &Ranked| match (it.value, metric.more_is_better()) {
        (Some(value), true) => -value,
        (Some(value), false) => value,
        (None, _) => f64::INFINITY,
    };
    match (fails(one), fails(other)) {
        (true, true) => other.answered.total_cmp(&one.answered),
        (false, false) => value(one).total_cmp(&value(other)),
        (one_fails, other_fails) => one_fails.cmp(&other_fails),
    }
}
