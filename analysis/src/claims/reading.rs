//! Reads the figure of a check off the runs, with its interval.

use std::collections::{BTreeMap, BTreeSet};

use results::{Parameter, ParameterUnit, Subject};

use super::{Check, Kind, Place};
use crate::bootstrap::{
    Estimate, FEWEST_REPETITIONS, RESAMPLES, Resampler, interval, interval_to_decide,
};
use crate::comparison::{Crossover, compare_along};
use crate::curve::achieved_x;
use crate::experiment::{Experiment, Run};
use crate::experiment_findings::ExperimentFindings;
use crate::metric::{Metric, MetricUnit};
use crate::noise::Noise;
use crate::sample::Sample;

/// A subject of an experiment at a point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The experiment.
    pub experiment: String,
    /// The name of the subject.
    pub subject: String,
    /// The point, as the bits of its values.
    at: Vec<(Parameter, u64)>,
}

impl Cell {
    /// The cell of a subject at a point.
    #[must_use]
    pub fn new(experiment: &str, subject: &str, at: &Place) -> Self {
        let at = results::bits(at);
        Self { experiment: experiment.to_owned(), subject: subject.to_owned(), at }
    }

    /// The point.
    #[must_use]
    pub fn point(&self) -> Place {
        self.at.iter().map(|(axis, bits)| (*axis, f64::from_bits(*bits))).collect()
    }
}

/// What was measured: the experiments of a bench, and how much identical runs differed.
#[derive(Clone, Copy)]
pub struct Measured<'f, 'a> {
    /// The experiments.
    pub experiments: &'f [ExperimentFindings<'a>],
    /// How much identical runs differed.
    pub noise: &'f Noise,
}

/// A figure with its intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// The figure, with its 95 % interval.
    pub(super) estimate: Estimate,
    /// The 99 % interval, which decides.
    pub(super) decides: (f64, f64),
}

/// The figure of a check.
///
/// # Errors
/// Why it is not known.
pub(super) fn read(check: &Check, measured: &Measured<'_, '_>) -> Result<Reading, String> {
    match &check.kind {
        Kind::Crossing { of, to, at } => crossing(check, of, to, at, measured),
        Kind::BreakEven { of, to, at } => {
            let found = crossing(check, of, to, at, measured)?;
            Ok(found.over(&break_even(check, of, to, at, measured)?))
        }
        Kind::Creation { of, to } => {
            let share = creation_share(&of.point())?;
            let overlap_ns = overlap_ns(of, to, measured)?;
            resampled(check, measured, &|values| Some((values[0] - values[1]) * share + overlap_ns))
        }
        Kind::Value(_) => resampled(check, measured, &|values| Some(values[0])),
        Kind::Ratio { less, .. } => {
            let has_less = less.is_some();
            resampled(check, measured, &|values| {
                let less = if has_less { values[2] } else { 0.0 };
                let below = values[1] - less;
                (below > 0.0).then(|| (values[0] - less) / below)
            })
        }
        Kind::Slope { at, .. } => {
            let cells = cells(check, measured);
            let axis = open_axis(check, at, measured).ok_or("the experiment varies nothing")?;
            let per = per_step(axis);
            let xs: Vec<f64> =
                cells.iter().filter_map(|cell| cell.point().get(&axis).copied()).collect();
            resampled(check, measured, &|values| slope(&xs, values).map(|slope| slope * per))
        }
    }
}

impl Reading {
    /// This over another positive figure whose error is independent: the squares of their errors on
    /// the logarithmic scale add up.
    fn over(&self, below: &Self) -> Self {
        let (above, below_value) = (self.estimate.value, below.estimate.value);
        let error = |mine: f64, its: f64| {
            let (mine, its) = ((mine / above).ln(), (its / below_value).ln());
            (mine * mine + its * its).sqrt().exp()
        };
        let value = above / below_value;
        let ends = |mine: (f64, f64), its: (f64, f64)| {
            (value / error(mine.0, its.1), value * error(mine.1, its.0))
        };
        let (low, high) = ends(
            (self.estimate.low, self.estimate.high),
            (below.estimate.low, below.estimate.high),
        );
        Self { estimate: Estimate { value, low, high }, decides: ends(self.decides, below.decides) }
    }

    fn scaled(self, factor: f64) -> Self {
        let Self { estimate: Estimate { value, low, high }, decides } = self;
        let estimate = Estimate { value: value * factor, low: low * factor, high: high * factor };
        Self { estimate, decides: (decides.0 * factor, decides.1 * factor) }
    }
}

/// The step of a parameter for which a slope is given: a MiB of memory, and otherwise one unit.
pub(super) fn per_step(axis: Parameter) -> f64 {
    if axis.row().unit == ParameterUnit::Size { 1_048_576.0 } else { 1.0 }
}

/// The straight line with the least squares through these points: its slope.
fn slope(xs: &[f64], ys: &[f64]) -> Option<f64> {
    let count = xs.len() as f64;
    if xs.len() < 2 || ys.iter().any(|y| !y.is_finite()) {
        return None;
    }
    let (mean_x, mean_y) = (xs.iter().sum::<f64>() / count, ys.iter().sum::<f64>() / count);
    let spread: f64 = xs.iter().map(|x| (x - mean_x).powi(2)).sum();
    let common: f64 = xs.iter().zip(ys).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (spread > 0.0).then(|| common / spread)
}

/// 2/(N + 1) for a burst of N.
fn creation_share(point: &Place) -> Result<f64, String> {
    let burst = point.get(&Parameter::Burst).ok_or("it is no load of bursts")?;
    Ok(2.0 / (burst + 1.0))
}

/// What overlaps already at the processing w of a burst of N: w (N − 1)/(N + 1), which hides as much of the
/// cost of a worker. 0 where no processing is varied.
fn overlap_ns(of: &Cell, to: &Cell, measured: &Measured<'_, '_>) -> Result<f64, String> {
    let experiment = experiment(measured, &of.experiment)?;
    let point = of.point();
    let processing = point.iter().find(|(axis, _)| axis.row().is_processing);
    let burst = point.get(&Parameter::Burst).copied().unwrap_or(1.0);
    let base = subject(experiment, &to.subject)?;
    let achieved_ns = processing.and_then(|(_, x)| achieved_x(experiment, base, *x));
    Ok(achieved_ns.unwrap_or(0.0) * (burst - 1.0) / (burst + 1.0))
}

/// The break-even processing of the model at a place: c (N + 1) / (N − 1), with c from the point of
/// least processing.
fn break_even(
    check: &Check,
    of: &str,
    to: &str,
    at: &Place,
    measured: &Measured<'_, '_>,
) -> Result<Reading, String> {
    let experiment = experiment(measured, &check.experiment)?;
    let first = line(experiment, at).into_iter().next().ok_or("it has no points")?;
    let cell = |subject: &str| Cell::new(&check.experiment, subject, &first);
    let kind = Kind::Creation { of: cell(of), to: cell(to) };
    let creation = read(&Check { kind, ..check.clone() }, measured)?;
    let burst = at.get(&Parameter::Burst).copied().ok_or("it is no load of bursts")?;
    if creation.decides.0 <= 0.0 {
        return Err("no cost of creating a worker is to be seen".to_owned());
    }
    // The model is proportional to the cost.
    let factor = model::burst_crossover(burst as u32, 1.0);
    Ok(creation.scaled(factor.ok_or("a single request never gains")?))
}

/// The cells whose runs a check needs.
#[must_use]
pub fn cells(check: &Check, measured: &Measured<'_, '_>) -> Vec<Cell> {
    let along = |subjects: &[&String], at: &Place| -> Vec<Cell> {
        let Ok(experiment) = experiment(measured, &check.experiment) else { return Vec::new() };
        let points = line(experiment, at);
        let cell = |point: &Place, name: &str| Cell::new(&check.experiment, name, point);
        let at_point =
            |point: &Place| subjects.iter().map(|it| cell(point, it)).collect::<Vec<_>>();
        points.iter().flat_map(at_point).collect()
    };
    match &check.kind {
        Kind::Value(cell) => vec![cell.clone()],
        Kind::Ratio { of, to, less } => {
            [of, to].into_iter().chain(less.as_ref()).cloned().collect()
        }
        Kind::Creation { of, to } => vec![of.clone(), to.clone()],
        Kind::Slope { of, at } => along(&[of], at),
        Kind::Crossing { of, to, at } | Kind::BreakEven { of, to, at } => along(&[of, to], at),
    }
}

/// The points of an experiment at a place.
fn line(experiment: &Experiment<'_>, at: &Place) -> Vec<Place> {
    experiment.points().iter().filter(|point| lies_at(point, at)).cloned().collect()
}

/// Whether a point has all values of a place.
pub(super) fn lies_at(point: &Place, at: &Place) -> bool {
    at.iter().all(|(axis, x)| point.get(axis) == Some(x))
}

/// The parameter along which a check reads its figure: the one that its place leaves open.
pub(super) fn open_axis(
    check: &Check,
    at: &Place,
    measured: &Measured<'_, '_>,
) -> Option<Parameter> {
    let point = experiment(measured, &check.experiment).ok()?.points().first()?;
    point.keys().find(|axis| !at.contains_key(axis)).copied()
}

pub(super) fn experiment<'f, 'a>(
    measured: &Measured<'f, 'a>,
    name: &str,
) -> Result<&'f Experiment<'a>, String> {
    let found = measured.experiments.iter().find(|found| found.experiment.name == name);
    found.map(|found| &found.experiment).ok_or_else(|| format!("{name} was not measured"))
}

pub(super) fn subject<'a>(experiment: &Experiment<'a>, name: &str) -> Result<&'a Subject, String> {
    let subjects = experiment.subjects();
    let found = subjects.into_iter().find(|subject| subject.name == name);
    found.ok_or_else(|| format!("{name} was not measured"))
}

/// The figure that `formula` makes of the metric of each cell, and its intervals from runs that are
/// drawn: in all cells the same repetitions, because those have the same plan.
fn resampled(
    check: &Check,
    measured: &Measured<'_, '_>,
    formula: &dyn Fn(&[f64]) -> Option<f64>,
) -> Result<Reading, String> {
    let cells = cells(check, measured);
    if cells.is_empty() {
        return Err(format!("{} was not measured", check.experiment));
    }
    let mut runs: Vec<BTreeMap<u32, Run<'_>>> = Vec::new();
    for cell in &cells {
        runs.push(runs_of(cell, check.metric, measured)?);
    }
    let common = |repetition: &&u32| runs.iter().all(|runs| runs.contains_key(repetition));
    let common: BTreeSet<u32> = runs[0].keys().filter(common).copied().collect();
    if common.len() < FEWEST_REPETITIONS {
        return Err(format!(
            "an interval needs {FEWEST_REPETITIONS} repetitions, and there are {}",
            common.len()
        ));
    }
    let sample = |runs: &BTreeMap<u32, Run<'_>>| {
        let counted: Vec<Run<'_>> = common.iter().map(|repetition| runs[repetition]).collect();
        Sample::of(check.metric, &counted)
    };
    let samples: Option<Vec<Sample>> = runs.iter().map(sample).collect();
    let samples = samples.ok_or_else(|| format!("the runs do not say {}", check.metric.label()))?;
    let value_of = |weights: &[u32]| {
        let values: Option<Vec<f64>> = samples.iter().map(|it| it.value(weights)).collect();
        formula(&values?)
    };
    let value = value_of(&vec![1; common.len()]).ok_or("it cannot be computed from these runs")?;
    let mut resampler = Resampler::salted(1);
    let drawn: Vec<f64> =
        (0..RESAMPLES).filter_map(|_| value_of(&resampler.draw(common.len()))).collect();
    let mut reading = reading(value, &drawn, common.len()).ok_or("it has no interval")?;
    if let Kind::Value(_) = &check.kind {
        // No metric is less than nothing.
        reading.estimate.low = reading.estimate.low.max(0.0);
        reading.decides.0 = reading.decides.0.max(0.0);
    }
    if let (Kind::Value(_), MetricUnit::Share, 0.0) = (&check.kind, check.metric.unit(), value) {
        let of = samples[0].total_below();
        // Nothing in n is less than 3/n with 95 % confidence, and less than 4.6/n with 99 %.
        reading.estimate.high = 3.0 / of;
        reading.decides.1 = 4.6 / of;
    }
    Ok(reading)
}

/// The runs of a cell that count, by repetition.
fn runs_of<'a>(
    cell: &Cell,
    metric: Metric,
    measured: &Measured<'_, 'a>,
) -> Result<BTreeMap<u32, Run<'a>>, String> {
    let experiment = experiment(measured, &cell.experiment)?;
    let subject = subject(experiment, &cell.subject)?;
    let runs = if metric.depends_on_time() {
        let runs = experiment.cell_at(subject, &cell.point(), false);
        runs.into_iter().filter(|run| !run.measured.is_disturbed()).collect()
    } else {
        experiment.all_of_cell_at(subject, &cell.point())
    };
    let runs: BTreeMap<u32, Run<'a>> =
        runs.into_iter().map(|run| (run.record.repetition, run)).collect();
    match runs.is_empty() {
        true => Err(format!("{} was not measured there", cell.subject)),
        false => Ok(runs),
    }
}

/// A figure with its intervals; on a logarithmic scale if it is positive throughout.
fn reading(value: f64, drawn: &[f64], runs: usize) -> Option<Reading> {
    let is_positive = value > 0.0 && drawn.iter().all(|value| *value > 0.0);
    let there = |value: f64| if is_positive { value.ln() } else { value };
    let back = |value: f64| if is_positive { value.exp() } else { value };
    let drawn: Vec<f64> = drawn.iter().copied().map(there).collect();
    let (low, high) = interval(there(value), &drawn, runs)?;
    let decides = interval_to_decide(there(value), &drawn, runs)?;
    Some(Reading {
        estimate: Estimate { value, low: back(low), high: back(high) },
        decides: (back(decides.0), back(decides.1)),
    })
}

/// Where one subject overtakes another. If one is better all along the line, the crossing lies beyond
/// its end.
fn crossing(
    check: &Check,
    of: &str,
    to: &str,
    at: &Place,
    measured: &Measured<'_, '_>,
) -> Result<Reading, String> {
    let experiment = experiment(measured, &check.experiment)?;
    let (other, base) = (subject(experiment, of)?, subject(experiment, to)?);
    let points = line(experiment, at);
    let found = compare_along(experiment, base, other, &points, check.metric, measured.noise);
    let xs = || found.differences.iter().map(|difference| difference.x);
    let (first, last) =
        (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    let beyond = |value: f64, low: f64, high: f64| Reading {
        estimate: Estimate { value, low, high },
        decides: (low, high),
    };
    match &found.crossover {
        Crossover::At { value, low, high, winner_beyond } if winner_beyond == of => {
            Ok(beyond(*value, *low, *high))
        }
        Crossover::At { .. } => Err(format!("{of} is better below, not beyond")),
        Crossover::Always(winner) if winner == of => Ok(beyond(0.0, 0.0, first)),
        Crossover::Always(_) => Ok(beyond(f64::INFINITY, last, f64::INFINITY)),
        Crossover::NoDifference => Err("the two do not differ".to_owned()),
        Crossover::Undecided(why) => Err(why.in_words().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line() {
        assert_eq!(slope(&[1.0, 2.0, 4.0], &[3.0, 5.0, 9.0]), Some(2.0));
        assert_eq!(slope(&[1.0, 2.0], &[7.0, 7.0]), Some(0.0));
        assert_eq!(slope(&[1.0], &[7.0]), None);
        assert_eq!(slope(&[1.0, 1.0], &[7.0, 8.0]), None, "no spread");
        assert_eq!(slope(&[1.0, 2.0], &[7.0, f64::INFINITY]), None);
    }

    #[test]
    fn a_figure_that_may_be_negative_has_a_linear_interval() {
        let found = reading(0.0, &[-1.0, 0.0, 1.0], 6).expect("drawn");
        assert!(found.estimate.low < 0.0 && found.estimate.high > 0.0);
        let found = reading(10.0, &[5.0, 10.0, 20.0], 6).expect("drawn");
        assert!(found.decides.0 > 0.0 && found.decides.0 < found.estimate.low, "{found:?}");
    }
}
