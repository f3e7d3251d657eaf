//! Two benches, cell by cell and server by server.

use std::collections::BTreeMap;

use results::{Parameter, Settled, Subject};

use super::{Change, Changes, Measured, unknown};
use crate::bootstrap::{Estimate, FEWEST_REPETITIONS, interval, interval_to_decide};
use crate::experiment::{Experiment, Run, experiments};
use crate::metric::Metric;
use crate::noise::Noise;
use crate::pairs::resampled;
use crate::sample::estimate;

/// What has changed from one bench to another of the same scenario, by these metrics, or for each experiment by the one
/// that decides who wins it.
#[must_use]
pub fn of_benches(before: &Settled, after: &Settled, metrics: &[Metric]) -> Changes {
    let (first, second) = (experiments(&before.records), experiments(&after.records));
    let noise = [Noise::of(&first), Noise::of(&second)];
    let mut changes = Changes::default();
    let mut found: Vec<(Change, Measured)> = Vec::new();
    let mut points: Vec<(Change, Measured)> = Vec::new();
    for one in &first {
        let Some(other) = second.iter().find(|it| it.name == one.name) else {
            changes.left_out.push(format!("experiment {} is only in the first", one.name));
            continue;
        };
        let own = [crate::answers::metric_of(one.wins, one.bound)];
        let metrics = if metrics.is_empty() { &own[..] } else { metrics };
        for metric in metrics {
            for subject in one.subjects() {
                let cells = cells(one, other, subject, *metric, &noise);
                if cells.is_empty() {
                    let what =
                        format!("{} of {} has no two runs of one plan", one.name, subject.name);
                    changes.left_out.push(what);
                    continue;
                }
                found.extend(together(one, subject, *metric, &cells));
                points.extend(cells.iter().filter_map(|cell| cell.change(one, subject, *metric)));
            }
        }
    }
    let only_there = second.iter().filter(|it| !first.iter().any(|one| one.name == it.name));
    let only_there = only_there.map(|it| format!("experiment {} is only in the second", it.name));
    changes.left_out.extend(only_there);
    let judged = |all: Vec<(Change, Measured)>| -> Vec<Change> {
        let family = all.len();
        all.into_iter().map(|(change, measured)| measured.judged(family, change)).collect()
    };
    (changes.whole, changes.cells) = (judged(found), judged(points));
    changes
}

/// A server at one point, in both benches.
struct Cell {
    point: BTreeMap<Parameter, f64>,
    values: Option<(f64, f64)>,
    /// The log ratio, and the same in each resample.
    value: f64,
    resamples: Vec<f64>,
    pairs: usize,
    floor: f64,
}

fn cells(
    before: &Experiment<'_>,
    after: &Experiment<'_>,
    subject: &Subject,
    metric: Metric,
    noise: &[Noise; 2],
) -> Vec<Cell> {
    let cell = |point: &BTreeMap<Parameter, f64>| {
        let runs = [before.cell_at(subject, point, false), after.cell_at(subject, point, false)];
        let quiet = runs.map(|runs| -> Vec<Run<'_>> {
            runs.into_iter().filter(|run| !run.measured.is_disturbed()).collect()
        });
        let pairs = before.pairs(&quiet[0], &quiet[1]);
        let salt = point.values().fold(0_u64, |salt, value| salt.rotate_left(7) ^ value.to_bits());
        let (value, resamples) = resampled(&pairs, metric, salt)?;
        // A ratio of rates is turned around where they are compared.
        let sign = if metric.more_is_better() { -1.0 } else { 1.0 };
        let of = |runs: &[Run<'_>]| estimate(metric, runs).map(|it| it.value);
        let floor = |noise: &Noise| noise.floor(before.name, subject.transport, point);
        Some(Cell {
            point: point.clone(),
            values: of(&quiet[0]).zip(of(&quiet[1])),
            value: sign * value,
            resamples: resamples.into_iter().map(|it| sign * it).collect(),
            pairs: pairs.len(),
            floor: floor(&noise[0]).max(floor(&noise[1])),
        })
    };
    before.points().iter().filter_map(cell).collect()
}

impl Cell {
    fn change(
        &self,
        experiment: &Experiment<'_>,
        subject: &Subject,
        metric: Metric,
    ) -> Option<(Change, Measured)> {
        let change = Change {
            point: Some(self.point.clone()),
            values: self.values,
            ..unknown(experiment.name, &subject.name, metric)
        };
        Some((change, measured(self.value, &self.resamples, self.pairs, self.floor)?))
    }
}

/// A server over all points: the mean of the log ratios. At each point runs are drawn anew.
fn together(
    experiment: &Experiment<'_>,
    subject: &Subject,
    metric: Metric,
    cells: &[Cell],
) -> Option<(Change, Measured)> {
    let count = cells.len() as f64;
    let mean = |of: &dyn Fn(&Cell) -> f64| cells.iter().map(of).sum::<f64>() / count;
    let draws = cells.iter().map(|cell| cell.resamples.len()).min()?;
    let resamples: Vec<f64> = (0..draws).map(|draw| mean(&|cell| cell.resamples[draw])).collect();
    // Few runs at a point vary too little when they are drawn anew, however many points there are.
    let pairs = cells.iter().map(|cell| cell.pairs).min()?;
    let value = mean(&|cell| cell.value);
    let one_point = (cells.len() == 1).then(|| cells[0].values).flatten();
    let change = Change { values: one_point, ..unknown(experiment.name, &subject.name, metric) };
    Some((change, measured(value, &resamples, pairs, mean(&|cell| cell.floor))?))
}

/// The intervals of a log ratio; with fewer runs than an interval needs they are without end.
fn measured(value: f64, resamples: &[f64], pairs: usize, floor: f64) -> Option<Measured> {
    let (low, high) = interval(value, resamples, pairs)?;
    let decides = match pairs < FEWEST_REPETITIONS {
        true => (f64::NEG_INFINITY, f64::INFINITY),
        false => interval_to_decide(value, resamples, pairs)?,
    };
    Some(Measured { log_ratio: Estimate { value, low, high }, decides, floor })
}
