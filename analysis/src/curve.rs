//! Curves over an experiment's axis, knees, and whole distributions.

use results::{Doubt, Parameter, Percentile, Subject, TimeHistogram, supports};

use crate::bootstrap::{Estimate, estimate, median};
use crate::experiment::{Experiment, Run};

/// What a curve shows of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Mean response time. If requests come in bursts, the median over a run's bursts of each
    /// burst's mean.
    Mean,
    /// Median response time.
    P50,
    /// 99th percentile of the response time.
    P99,
    /// Median response time of the short requests of a mix, which are the common ones.
    ShortP50,
    /// 99th percentile of the response time of the short requests.
    ShortP99,
    /// The server's processor time per request.
    ProcessorTime,
}

impl Metric {
    /// The value of one run. A mean is infinite if requests went unanswered, because a design that
    /// answers only the easy half of the requests is not the faster one. `None` if there is no
    /// value, or if a percentile lies among unanswered requests.
    #[must_use]
    pub fn of(self, run: &Run<'_>) -> Option<f64> {
        let measured = run.measured;
        let percentile = |histogram: &TimeHistogram, share| {
            histogram.percentile(share).known_ns().map(|ns| ns as f64)
        };
        let short = measured.times.response_time_short.as_ref();
        match self {
            Self::Mean if measured.times.response_time.unanswered() > 0 => Some(f64::INFINITY),
            Self::Mean if measured.times.burst_means.is_some() => {
                percentile(measured.times.burst_means.as_ref()?, 0.5)
            }
            Self::Mean => measured.times.response_time.mean_ns(),
            Self::P50 => percentile(&measured.times.response_time, 0.5),
            Self::P99 => percentile(&measured.times.response_time, 0.99),
            Self::ShortP50 => percentile(short?, 0.5),
            Self::ShortP99 => percentile(short?, 0.99),
            Self::ProcessorTime => measured.server.as_ref()?.processor_ns_per_request(),
        }
    }

    /// The warnings of a run that concern this metric.
    pub fn doubts_in<'a>(self, run: &Run<'a>) -> impl Iterator<Item = &'a Doubt> {
        let tail = matches!(self, Self::P99 | Self::ShortP99);
        run.measured.doubts.iter().filter(move |doubt| tail || !doubt.concerns_tail_only())
    }
}

/// The logarithm that stands for a ratio with infinity in it: a factor of a million.
const BEYOND_COMPARISON: f64 = 13.8;

/// The logarithm of the ratio of two runs' mean response times. A run with unanswered requests
/// loses against one without. `None` if both have some, or if a mean is missing or 0.
#[must_use]
pub fn log_ratio(base: &Run<'_>, other: &Run<'_>) -> Option<f64> {
    let (base, other) = (Metric::Mean.of(base)?, Metric::Mean.of(other)?);
    match (base.is_finite(), other.is_finite()) {
        (true, true) => Some((other / base).ln()).filter(|ratio| ratio.is_finite()),
        (true, false) => Some(BEYOND_COMPARISON),
        (false, true) => Some(-BEYOND_COMPARISON),
        (false, false) => None,
    }
}

/// One cell on a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The position on the axis, as achieved: nanoseconds or requests a second.
    pub x: f64,
    /// The position as configured.
    pub configured_x: f64,
    /// The value with its interval.
    pub y: Estimate,
    /// Whether at least half of the runs are flagged with a warning; the point is then drawn
    /// hollow.
    pub doubted: bool,
    /// How many runs the point stands for.
    pub repetitions: usize,
}

/// One design over an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The design.
    pub subject: Subject,
    /// The cells in ascending order; cells without a value are left out.
    pub points: Vec<Point>,
}

/// A curve for each design of an experiment.
#[must_use]
pub fn curves(experiment: &Experiment<'_>, metric: Metric) -> Vec<Curve> {
    let curve = |subject: &Subject| Curve {
        subject: subject.clone(),
        points: experiment
            .xs()
            .into_iter()
            .filter_map(|x| point(experiment, subject, x, metric))
            .collect(),
    };
    experiment.subjects().into_iter().map(curve).collect()
}

fn point(experiment: &Experiment<'_>, subject: &Subject, x: f64, metric: Metric) -> Option<Point> {
    let runs = experiment.cell(subject, x, false);
    let values: Vec<f64> = runs.iter().filter_map(|run| metric.of(run)).collect();
    let doubted = runs.iter().filter(|run| metric.doubts_in(run).next().is_some()).count();
    let mut y = estimate(&values).filter(|estimate| estimate.value.is_finite())?;
    if y.high.is_infinite() {
        // Some repetitions have unanswered requests, which their warnings state. The bar ends at
        // the largest finite value.
        y.high = values.iter().copied().filter(|value| value.is_finite()).fold(y.value, f64::max);
    }
    Some(Point {
        x: achieved_x(experiment, subject, x)?,
        configured_x: x,
        y,
        doubted: 2 * doubted >= runs.len(),
        repetitions: values.len(),
    })
}

/// The position of a cell on the axis, as achieved. A sleep overshoots, so a processing time is the
/// service time that the transport's iterative server achieved (the subject's own, if there is no
/// such server). A rate is the one that was sent.
#[must_use]
pub fn achieved_x(experiment: &Experiment<'_>, subject: &Subject, x: f64) -> Option<f64> {
    let reference = match experiment.axis {
        Some(Parameter::Rate) => subject,
        Some(axis) if axis.row().is_processing => base_of(experiment, subject).unwrap_or(subject),
        _ => return Some(x),
    };
    let runs = experiment.cell(reference, x, false);
    let achieved: Vec<f64> = runs
        .iter()
        .filter_map(|run| match experiment.axis {
            Some(Parameter::Rate) => Some(run.measured.rate_achieved),
            _ => run.measured.times.service_time.mean_ns(),
        })
        .collect();
    median(&achieved)
}

/// The iterative design of the same transport, if the experiment has one.
#[must_use]
pub fn base_of<'a>(experiment: &Experiment<'a>, subject: &Subject) -> Option<&'a Subject> {
    let same = |other: &&Subject| other.is_iterative() && other.transport == subject.transport;
    experiment.subjects().into_iter().find(same)
}

/// The load at which a response time reaches twice its value at the lowest load. `None` if it does
/// not within the measured loads.
#[must_use]
pub fn knee(curve: &Curve) -> Option<f64> {
    let limit = 2.0 * curve.points.first()?.y.value;
    let pair = curve.points.windows(2).find(|pair| pair[1].y.value >= limit)?;
    let (left, right) = (pair[0], pair[1]);
    let rise = (right.y.value / left.y.value).ln();
    let share = (limit / left.y.value).ln() / rise;
    Some(left.x * (right.x / left.x).powf(share.clamp(0.0, 1.0)))
}

/// The distribution of each design's response times at `x`, as pairs of quantile (0 to 1) and
/// response time. Each time is the median over the repetitions. A curve ends where a repetition has
/// too few independent requests, or where the median lies among unanswered ones.
#[must_use]
pub fn percentile_curves<'a>(
    experiment: &Experiment<'a>,
    x: f64,
) -> Vec<(&'a Subject, Vec<(f64, f64)>)> {
    experiment
        .subjects()
        .into_iter()
        .map(|subject| {
            let runs = experiment.cell(subject, x, false);
            let fewest = runs.iter().map(|run| independent(run)).fold(f64::INFINITY, f64::min);
            let curve = quantiles(if fewest.is_finite() { fewest } else { 0.0 })
                .map_while(|quantile| joined_percentile(&runs, quantile).map(|y| (quantile, y)))
                .collect();
            (subject, curve)
        })
        .collect()
}

/// The effective sample size of a run; the number of planned requests in old records without it.
fn independent(run: &Run<'_>) -> f64 {
    let measured = run.measured;
    match measured.effective_samples > 0.0 {
        true => measured.effective_samples,
        false => measured.counts.planned as f64,
    }
}

/// Quantiles at equal steps of HdrHistogram's axis, log 1/(1−q), from 0 to the last one that this
/// number of independent requests supports.
fn quantiles(requests: f64) -> impl Iterator<Item = f64> {
    const STEPS_A_DECADE: f64 = 20.0;
    (0..)
        .map(|step| 1.0 - 10f64.powf(-f64::from(step) / STEPS_A_DECADE))
        .take_while(move |q| supports(requests as u64, 100.0 * q) && *q < 1.0)
}

fn joined_percentile(runs: &[Run<'_>], quantile: f64) -> Option<f64> {
    let values: Vec<f64> = runs
        .iter()
        .filter_map(|run| match run.measured.times.response_time.percentile(quantile) {
            Percentile::At(ns) => Some(ns as f64),
            Percentile::Above(_) => Some(f64::INFINITY),
            Percentile::Empty => None,
        })
        .collect();
    median(&values).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: &[(f64, f64)]) -> Curve {
        let points = values
            .iter()
            .map(|(x, y)| Point {
                x: *x,
                configured_x: *x,
                y: Estimate { value: *y, low: *y, high: *y },
                doubted: false,
                repetitions: 6,
            })
            .collect();
        Curve { subject: crate::example::subject(), points }
    }

    #[test]
    fn the_knee_is_where_the_response_has_doubled() {
        // M/M/1 with p = 1: the response at load x is 1/(1−x); from 1.25 at 0.2 it doubles at 0.6.
        let loads = [0.2, 0.4, 0.5, 0.55, 0.65, 0.7, 0.8];
        let mm1: Vec<_> = loads.iter().map(|x| (*x, 1.0 / (1.0 - x))).collect();
        let Some(knee) = knee(&curve(&mm1)) else { panic!("it doubles") };
        assert!((knee - 0.6).abs() < 0.01, "{knee}");
        assert_eq!(super::knee(&curve(&[(1.0, 5.0), (2.0, 5.5)])), None);
    }

    #[test]
    fn quantiles_end_where_the_sample_does() {
        let last = |requests| quantiles(requests).last().unwrap_or(0.0);
        assert!(last(1000.0) > 0.99 && last(1000.0) < 0.998, "{}", last(1000.0));
        assert!(last(40.0) > 0.9 && last(40.0) < 0.95, "{}", last(40.0));
    }
}
