//! How long do short requests take among rare long ones?

use results::{Percentile, Subject};

use super::{by_transport, dot, hollow, middle, scale, series_of, tells};
use crate::bootstrap::median;
use crate::curve::{Curve, base_of};
use crate::experiment::{Experiment, Run};
use crate::experiment_findings::ExperimentFindings;
use crate::figure::{Dot, Figure, Panel, Quantity, Series};
use crate::metric::Metric;
use crate::text;
use crate::verdict::Finding;

/// Percentiles of the short requests, in percent. The highest one is named for which most
/// repetitions have enough requests.
const NAMED: [(f64, &str); 4] = [(99.0, "99 %"), (95.0, "95 %"), (90.0, "90 %"), (50.0, "half")];

/// Compares the short requests under each other design with those under the iterative one.
pub(super) fn findings(found: &ExperimentFindings<'_>) -> Vec<Finding> {
    let experiment = &found.experiment;
    let sentences = experiment.subjects().into_iter().filter_map(move |subject| {
        let base = base_of(experiment, subject).filter(|base| base.name != subject.name)?;
        let both = [subject, base];
        let tells = |percent: f64| {
            both.iter().all(|one| tells(experiment, one, share_of_short(experiment, one), percent))
        };
        let (percent, how_many) = NAMED.into_iter().find(|(percent, _)| tells(*percent))?;
        let [short, behind] = both.map(|one| short_percentile(experiment, one, percent));
        Some(format!(
            "{how_many} of the short requests are answered within {} by {} and within {} by {}.",
            text::time(short?),
            subject.phrase,
            text::time(behind?),
            base.phrase
        ))
    });
    sentences.map(|text| Finding::of(experiment, text)).collect()
}

/// A percentile of the short requests in nanoseconds: the median over the repetitions.
fn short_percentile(experiment: &Experiment<'_>, subject: &Subject, percent: f64) -> Option<f64> {
    let runs = experiment.cell(subject, middle(experiment), false);
    let values = runs.iter().filter_map(|run| {
        let short = run.measured.times.response_time_short.as_ref()?;
        match short.percentile(percent / 100.0) {
            Percentile::At(ns) => Some(ns as f64),
            Percentile::Above(_) => Some(f64::INFINITY),
            Percentile::Empty => None,
        }
    });
    median(&values.collect::<Vec<_>>()).filter(|value| value.is_finite())
}

/// The fraction of the requests that are short.
fn share_of_short(experiment: &Experiment<'_>, subject: &Subject) -> f64 {
    let runs = experiment.cell(subject, middle(experiment), false);
    let share = |run: &Run<'_>| {
        let short = run.measured.times.response_time_short.as_ref()?;
        Some((short.count() + short.unanswered()) as f64 / run.measured.counts.planned as f64)
    };
    median(&runs.iter().filter_map(share).collect::<Vec<_>>()).unwrap_or(0.0)
}

/// Median and p99 of the short requests, for each design.
pub(super) fn figure(found: &ExperimentFindings<'_>) -> Figure {
    let experiment = &found.experiment;
    let (p50, p99) = (found.curves(Metric::ShortP50), found.curves(Metric::ShortP99));
    let panels = by_transport(experiment, |transport, is_of| Panel {
        title: transport.to_string().to_uppercase(),
        x: scale("", Quantity::Categories(vec!["p50".to_owned(), "p99".to_owned()])),
        y: scale("response time of the short requests", Quantity::Time),
        series: p50
            .iter()
            .zip(p99)
            .filter(|(curve, _)| is_of(&curve.subject))
            .map(|(p50, p99)| Series { points: side_by_side(&[p50, p99]), ..series_of(p50) })
            .filter(|series| !series.points.is_empty())
            .collect(),
        marks: Vec::new(),
        tiles: Vec::new(),
    });
    Figure {
        name: experiment.name.to_owned(),
        question: experiment.question.to_owned(),
        caption: format!(
            "Only the short requests are counted. Behind an iterative server they wait for the \
             long ones in front of them; a worker of their own takes them past.{}",
            hollow(experiment, Metric::ShortP99, &panels)
        ),
        panels,
    }
}

/// The only point of each of a design's curves, each in its own category.
fn side_by_side(curves: &[&Curve]) -> Vec<Dot> {
    curves
        .iter()
        .enumerate()
        .filter_map(|(category, curve)| {
            let x = category as f64;
            Some(Dot { x, configured_x: x, ..dot(curve.points.first()?) })
        })
        .collect()
}
