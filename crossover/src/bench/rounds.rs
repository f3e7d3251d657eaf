//! Where further runs are worth their time: the pairs whose answer is open, or whose crossing is not
//! known well. Pure: the records decide, so a bench that is resumed goes on in the same way.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use analysis::answers::{CrossoverAnswer, CrossoverKind, ExperimentAnswers, PointAnswer};
use analysis::claims::{self, Measured};
use analysis::comparison::SHORTEST_WAIT_NS;
use analysis::{Decisions, Standing};
use results::{Outcome, Parameter, ParameterScale, Record};

use crate::bench::scenario::{ExperimentSpec, Scenario};
use crate::setup::Server;

/// A crossing is known well enough if its interval is within ±15 %.
const WELL_KNOWN: f64 = 1.15;

/// The most repetitions of a cell that count, as a multiple of those that the scenario asks for:
/// an interval is then about a third as wide.
const MOST: u32 = 8;

/// The most repetitions of a cell with those that were disturbed, as such a multiple, so that a bench
/// ends on a machine that is never quiet.
const MOST_WITH_DISTURBED: u32 = 2 * MOST;

/// Points that enclose a crossing get another one between them if they are further apart than this
/// factor.
const FAR_APART: f64 = 1.5;

/// A cell that wants another run.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The experiment's position in the scenario.
    pub experiment: usize,
    /// The subject's position in the experiment.
    pub subject: usize,
    /// The point, as configured.
    pub point: BTreeMap<Parameter, f64>,
    /// The repetition to be made, from 0.
    pub repetition: u32,
}

/// The next runs, one for each cell whose answer is open; none if all answers are known well enough
/// or nothing more helps.
#[must_use]
pub fn wishes(scenario: &Scenario, decisions: &Decisions<'_>, records: &[Record]) -> Vec<Wish> {
    let mut wishes: Vec<Wish> = Vec::new();
    for (number, experiment) in scenario.experiments.iter().enumerate() {
        let mut answers = decisions.answers.iter();
        let Some(answers) = answers.find(|it| it.name == experiment.name) else { continue };
        let mut cells = open_cells(experiment, answers, decisions);
        cells.extend(unfinished(experiment, scenario.repetitions, records));
        wishes.extend(next_runs(scenario, number, cells, records));
    }
    wishes
}

/// The next runs of a bench of claims: of the cells that a claim needs which is still open.
#[must_use]
pub fn wishes_of_claims(
    scenario: &Scenario,
    measured: &Measured<'_, '_>,
    records: &[Record],
) -> Vec<Wish> {
    let checks = scenario.claims.iter().flat_map(|claim| &claim.checks);
    let open: Vec<claims::Cell> = checks
        .filter(|check| claims::is_open(check, measured))
        .flat_map(|check| claims::cells(check, measured))
        .collect();
    let mut wishes = Vec::new();
    for (number, experiment) in scenario.experiments.iter().enumerate() {
        let of_it = open.iter().filter(|cell| cell.experiment == experiment.name);
        let cells = of_it.filter_map(|cell| {
            let is_it = |it: &Server| it.subject().name == cell.subject;
            Some((experiment.subjects.iter().position(is_it)?, cell.point()))
        });
        wishes.extend(next_runs(scenario, number, cells.collect(), records));
    }
    wishes
}

/// The next run of each of these cells of an experiment, and those that it lacks.
fn next_runs(
    scenario: &Scenario,
    number: usize,
    mut cells: Vec<Cell>,
    records: &[Record],
) -> Vec<Wish> {
    let experiment = &scenario.experiments[number];
    let mut wishes = Vec::new();
    cells.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| compare(&one.1, &other.1)));
    cells.dedup();
    for (subject, point) in cells {
        let (made, counting) = repetitions(experiment, subject, &point, records);
        let listed = scenario.repetitions.max(1);
        let beyond = made.last().map_or(0, |last| last + 1);
        // A point needs as many runs as an interval does; a bench may have ended before.
        let mut missing: Vec<u32> =
            (0..listed.max(beyond)).filter(|it| !made.contains(it)).collect();
        let is_enough = counting >= MOST * listed || beyond >= MOST_WITH_DISTURBED * listed;
        if missing.is_empty() && !is_enough {
            missing.push(beyond);
        }
        wishes.extend(missing.into_iter().map(|repetition| Wish {
            experiment: number,
            subject,
            point: point.clone(),
            repetition,
        }));
    }
    wishes
}

/// Points in an order of their own.
fn compare(one: &BTreeMap<Parameter, f64>, other: &BTreeMap<Parameter, f64>) -> Ordering {
    let bits = |point: &BTreeMap<Parameter, f64>| -> Vec<u64> {
        point.values().map(|value| value.to_bits()).collect()
    };
    bits(one).cmp(&bits(other))
}

/// The cells of added points that have fewer runs than the scenario asks for, because a bench was
/// ended before.
fn unfinished(experiment: &ExperimentSpec, listed: u32, records: &[Record]) -> Vec<Cell> {
    let is_added = |record: &&Record| {
        record.experiment == experiment.name && experiment.position_of(&record.cell.point).is_none()
    };
    let mut cells: Vec<Cell> = Vec::new();
    for record in records.iter().filter(is_added) {
        let name = &record.cell.subject.name;
        let subject = experiment.subjects.iter().position(|it| it.subject().name == *name);
        let Some(subject) = subject else { continue };
        let cell = (subject, record.cell.point.clone());
        let (made, _) = repetitions(experiment, subject, &cell.1, records);
        if !cells.contains(&cell) && (0..listed).any(|number| !made.contains(&number)) {
            cells.push(cell);
        }
    }
    cells
}

/// Which repetitions of a cell have been made, and how many of them count.
fn repetitions(
    experiment: &ExperimentSpec,
    subject: usize,
    point: &BTreeMap<Parameter, f64>,
    records: &[Record],
) -> (BTreeSet<u32>, u32) {
    let name = experiment.subjects[subject].subject().name;
    let of_it = records.iter().filter(|record| {
        record.experiment == experiment.name
            && !record.twin
            && record.cell.subject.name == name
            && record.cell.point == *point
    });
    let counts = |record: &&Record| match &record.outcome {
        Outcome::Measured(measured) => !measured.is_disturbed(),
        Outcome::Failed(_) => false,
    };
    let made = of_it.clone().map(|record| record.repetition).collect();
    (made, of_it.filter(counts).count() as u32)
}

type Cell = (usize, BTreeMap<Parameter, f64>);

/// The cells of an experiment whose next run may change what is known.
fn open_cells(
    experiment: &ExperimentSpec,
    answers: &ExperimentAnswers,
    decisions: &Decisions<'_>,
) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut add = |name: &str, point: &BTreeMap<Parameter, f64>| {
        let subject = experiment.subjects.iter().position(|it| it.subject().name == name);
        if let Some(subject) = subject {
            let cell = (subject, point.clone());
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
    };
    for crossover in &answers.crossovers {
        for point in points_in_doubt(experiment, answers, crossover, decisions) {
            add(&crossover.base, &point);
            add(&crossover.other, &point);
        }
    }
    if answers.crossovers.is_empty() {
        for point in answers.points.iter().filter(|point| !point.decided) {
            for name in point.best.iter().chain(&point.tied) {
                add(name, &point.configured);
            }
        }
    }
    cells
}

/// The points of a pair at which a further run may help.
fn points_in_doubt(
    experiment: &ExperimentSpec,
    answers: &ExperimentAnswers,
    crossover: &CrossoverAnswer,
    decisions: &Decisions<'_>,
) -> Vec<BTreeMap<Parameter, f64>> {
    let on_line = |point: &&BTreeMap<Parameter, f64>| {
        crossover.at.iter().all(|(axis, value)| point.get(axis) == Some(value))
    };
    let mut line: Vec<&BTreeMap<Parameter, f64>> = Vec::new();
    for point in answers.points.iter().map(|point| &point.configured).filter(on_line) {
        if !line.contains(&point) {
            line.push(point);
        }
    }
    match crossover.kind {
        CrossoverKind::Undecided => {
            let open = line.into_iter().filter(|point| {
                match decisions.standing(&experiment.name, crossover, point) {
                    Some(standing) => standing == Standing::Open,
                    // Two that leave their requests unanswered do not answer more of them later.
                    None => !has_both(answers, crossover, point),
                }
            });
            open.cloned().collect()
        }
        CrossoverKind::At => {
            // A point that was added for another pair says nothing about this one.
            line.retain(|point| has_both(answers, crossover, point));
            around(crossover, &line, answers)
        }
        _ => Vec::new(),
    }
}

fn ranks(answer: &PointAnswer, name: &str) -> bool {
    answer.ranking.iter().any(|ranked| ranked.name == name)
}

/// Whether both subjects of a pair were measured at a point.
fn has_both(
    answers: &ExperimentAnswers,
    crossover: &CrossoverAnswer,
    point: &BTreeMap<Parameter, f64>,
) -> bool {
    let mut at = answers.points.iter().filter(|answer| answer.configured == *point);
    at.any(|answer| ranks(answer, &crossover.base) && ranks(answer, &crossover.other))
}

fn is_wide(crossover: &CrossoverAnswer) -> bool {
    match (crossover.value, crossover.low, crossover.high) {
        (Some(value), Some(low), Some(high)) => {
            high > WELL_KNOWN * value || low * WELL_KNOWN < value
        }
        _ => false,
    }
}

/// The points that enclose a crossing whose interval is wide, and one between them if they are far
/// apart, whatever the interval: how the difference runs between them is not known.
fn around(
    crossover: &CrossoverAnswer,
    line: &[&BTreeMap<Parameter, f64>],
    answers: &ExperimentAnswers,
) -> Vec<BTreeMap<Parameter, f64>> {
    let axis = crossover.axis;
    let Some(at) = crossover.value else { return Vec::new() };
    let achieved = |point: &BTreeMap<Parameter, f64>| {
        let of_it =
            |answer: &&PointAnswer| answer.configured == *point && ranks(answer, &crossover.base);
        let found = answers.points.iter().find(of_it)?;
        found.x.get(&axis).copied()
    };
    let below = line.iter().rfind(|point| achieved(point).is_some_and(|x| x <= at));
    let above = line.iter().find(|point| achieved(point).is_some_and(|x| x > at));
    let (Some(below), Some(above)) = (below, above) else { return Vec::new() };
    let mut points = match is_wide(crossover) {
        true => vec![(*below).clone(), (*above).clone()],
        false => Vec::new(),
    };
    if axis.row().scale == ParameterScale::Logarithmic
        && axis.row().is_processing
        && let Some(between) = between(below.get(&axis).copied(), above.get(&axis).copied(), at)
    {
        let mut point = (*below).clone();
        point.insert(axis, between);
        points.push(point);
    }
    points
}

/// A point between two that enclose a crossing: their geometric mean, or the crossing itself if the
/// lower one is 0. `None` if they are near each other, or it
/// would be shorter than any timer waits. Rounded to two digits, so that it can be read.
fn between(low: Option<f64>, high: Option<f64>, at: f64) -> Option<f64> {
    let (low, high) = (low?, high?);
    let between = two_digits(if low > 0.0 { (low * high).sqrt() } else { at });
    let is_apart = if low > 0.0 { high / low > FAR_APART } else { high / between > FAR_APART };
    (is_apart && between >= SHORTEST_WAIT_NS).then_some(between)
}

fn two_digits(value: f64) -> f64 {
    let size = 10f64.powf(value.log10().floor() - 1.0);
    (value / size).round() * size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_added_between_points_that_are_far_apart() {
        assert_eq!(between(Some(60e3), Some(200e3), 1e5), Some(110e3));
        assert_eq!(between(Some(100e3), Some(140e3), 1.2e5), None, "near each other");
        assert_eq!(between(Some(0.0), Some(2e6), 108_838.3), Some(110e3));
        assert_eq!(between(Some(0.0), Some(2e4), 9e3), None, "no timer is that short");
        assert_eq!(between(None, Some(2e4), 9e3), None);
    }

    #[test]
    fn points_between_have_two_digits() {
        assert_eq!(two_digits(94_868.3), 95_000.0);
        assert_eq!(two_digits(212.13), 210.0);
        assert_eq!(two_digits(1_000.0), 1_000.0);
    }
}
