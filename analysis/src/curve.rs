//! Curves over an experiment's axis, knees, and whole distributions.

use results::{Parameter, Subject, TimeHistogram, supports};

use crate::bootstrap::{Estimate, median};
use crate::experiment::{Experiment, Run};
use crate::metric::Metric;
use crate::sample::estimate;

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
    let doubted = runs.iter().filter(|run| metric.doubts_in(run).next().is_some()).count();
    let y = estimate(metric, &runs).filter(|estimate| estimate.value.is_finite())?;
    Some(Point {
        x: achieved_x(experiment, subject, x)?,
        configured_x: x,
        y,
        doubted: 2 * doubted >= runs.len(),
        repetitions: runs.len(),
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
    let mut runs = experiment.cell(reference, x, false);
    if runs.is_empty() {
        // A point that was added for two others.
        runs = experiment.cell(subject, x, false);
    }
    let achieved: Vec<f64> = runs
        .iter()
        .filter_map(|run| {
            let service = || run.measured.times.service_time.mean_ns();
            match experiment.axis {
                Some(Parameter::Rate) => Some(run.measured.rate_achieved),
                // Of a request that waits and computes, only one of the two is varied.
                Some(Parameter::Wait) => {
                    Some((service()? - run.measured.computed_mean_ns).max(0.0))
                }
                Some(Parameter::Compute) => {
                    Some((service()? - run.measured.waited_mean_ns).max(0.0))
                }
                _ => service(),
            }
        })
        .collect();
    // A server that was not written for this program reports no service time.
    Some(median(&achieved).unwrap_or(x)).filter(|_| !runs.is_empty())
}

/// The iterative design of the same transport, if the experiment has one.
#[must_use]
pub fn base_of<'a>(experiment: &Experiment<'a>, subject: &Subject) -> Option<&'a Subject> {
    let same = |other: &&Subject| other.is_iterative() && other.transport == subject.transport;
    experiment.subjects().into_iter().find(same)
}

/// Where the second value of these points reaches twice that of the first point.
pub(crate) fn doubles(points: &[(f64, f64)]) -> Option<f64> {
    let limit = 2.0 * points.first()?.1;
    let pair = points.windows(2).find(|pair| pair[1].1 >= limit)?;
    let (left, right) = (pair[0], pair[1]);
    let rise = (right.1 / left.1).ln();
    let share = (limit / left.1).ln() / rise;
    Some(left.0 * (right.0 / left.0).powf(share.clamp(0.0, 1.0)))
}

/// The distribution of each design's response times at `x`, as pairs of quantile (0 to 1) and
/// response time. All runs of a cell count together. A curve ends where they have too few
/// independent requests, or where it reaches unanswered ones.
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
            let all = together(&runs);
            let curve = quantiles(independent(&runs))
                .map_while(|quantile| {
                    all.percentile(quantile).known_ns().map(|ns| (quantile, ns as f64))
                })
                .collect();
            (subject, curve)
        })
        .collect()
}

/// The response times of all these runs.
pub(crate) fn together(runs: &[Run<'_>]) -> TimeHistogram {
    let mut all = TimeHistogram::new();
    runs.iter().for_each(|run| all.add(&run.measured.times.response_time));
    all.compact()
}

/// The effective sample size of these runs together; a run of an old record without it counts with
/// its planned requests.
pub(crate) fn independent(runs: &[Run<'_>]) -> f64 {
    let of_one = |run: &Run<'_>| {
        let measured = run.measured;
        match measured.effective_samples > 0.0 {
            true => measured.effective_samples,
            false => measured.counts.planned as f64,
        }
    };
    runs.iter().map(of_one).sum()
}

/// Quantiles at equal steps of HdrHistogram's axis, log 1/(1−q), from 0 to the last one that this
/// number of independent requests supports.
fn quantiles(requests: f64) -> impl Iterator<Item = f64> {
    const STEPS_A_DECADE: f64 = 20.0;
    (0..)
        .map(|step| 1.0 - 10f64.powf(-f64::from(step) / STEPS_A_DECADE))
        .take_while(move |q| supports(requests as u64, 100.0 * q) && *q < 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_is_where_the_response_has_doubled() {
        // M/M/1 with p = 1: the response at load x is 1/(1−x); from 1.25 at 0.2 it doubles at 0.6.
        let loads = [0.2, 0.4, 0.5, 0.55, 0.65, 0.7, 0.8];
        let mm1: Vec<_> = loads.iter().map(|x| (*x, 1.0 / (1.0 - x))).collect();
        let Some(knee) = doubles(&mm1) else { panic!("it doubles") };
        assert!((knee - 0.6).abs() < 0.01, "{knee}");
        assert_eq!(doubles(&[(1.0, 5.0), (2.0, 5.5)]), None);
    }

    #[test]
    fn quantiles_end_where_the_sample_does() {
        let last = |requests| quantiles(requests).last().unwrap_or(0.0);
        assert!(last(1000.0) > 0.99 && last(1000.0) < 0.998, "{}", last(1000.0));
        assert!(last(40.0) > 0.9 && last(40.0) < 0.95, "{}", last(40.0));
    }
}
