//! How does response time grow with the offered load? Curves, theory beside them, and the knee.

use protocol::Transport;

use super::{by_transport, hollow, residual, scale, series_of};
use crate::answers::{self, Knee};
use crate::bootstrap::median;
use crate::curve::{Curve, achieved_x};
use crate::experiment::Experiment;
use crate::experiment_findings::ExperimentFindings;
use crate::figure::{Dot, Figure, Mark, Panel, Quantity, Series, Whose};
use crate::metric::Metric;
use crate::text;
use crate::verdict::Finding;

/// One sentence for each design, with its knee.
pub(super) fn findings(found: &ExperimentFindings<'_>) -> Vec<Finding> {
    let knees = answers::knees(&found.experiment);
    let in_words = |curve: &Curve| {
        let knee = knees.iter().find(|knee| knee.name == curve.subject.name);
        Finding::of(&found.experiment, knee_in_words(curve, knee))
    };
    found.curves(Metric::P50).iter().map(in_words).collect()
}

/// Median and p99 against the load, and what is left of them beside the models.
pub(super) fn figures(found: &ExperimentFindings<'_>) -> Vec<Figure> {
    vec![figure(found, Metric::P50), figure(found, Metric::P99), residual::figure(found)]
}

fn knee_in_words(curve: &Curve, knee: Option<&Knee>) -> String {
    let subject = curve.subject.in_a_sentence();
    let ends = curve.points.first().zip(curve.points.last());
    let knee = knee.and_then(|knee| Some((knee.value?, knee.low.zip(knee.high))));
    match (knee, ends) {
        (Some((knee, interval)), Some((first, _))) => {
            let interval = interval.map_or_else(String::new, |(low, high)| {
                format!(" ({} to {})", text::rate(low), text::rate(high))
            });
            format!(
                "at a load of {}{interval} the median response time of {subject} is twice what it is \
                 at {}.",
                text::rate(knee),
                text::rate(first.x)
            )
        }
        (None, Some((_, last))) => format!(
            "the median response time of {subject} has not doubled at a load of {}.",
            text::rate(last.x)
        ),
        (_, None) => format!("{subject} answered no request."),
    }
}

pub(super) fn figure(found: &ExperimentFindings<'_>, metric: Metric) -> Figure {
    let (suffix, label, which) = match metric {
        Metric::P99 => ("p99", "response time, p99", "p99: 99 of 100 are faster"),
        _ => ("p50", "response time, p50", "median"),
    };
    let (experiment, curves) = (&found.experiment, found.curves(metric));
    let knees = answers::knees(experiment);
    let panels = by_transport(experiment, |transport, is_of| {
        let shown: Vec<&Curve> = curves
            .iter()
            .filter(|curve| is_of(&curve.subject) && !curve.points.is_empty())
            .collect();
        let mut series: Vec<Series> = shown.iter().map(|curve| series_of(curve)).collect();
        series.extend(residual::models(found, &shown, metric));
        if found.models.points.is_empty() {
            series.extend(theory(experiment, transport, metric));
        }

        Panel {
            title: transport.to_string().to_uppercase(),
            x: scale("offered load", Quantity::Rate),
            y: scale(label, Quantity::Time),
            series,
            marks: shown
                .iter()
                .filter_map(|curve| {
                    let knee = knees.iter().find(|knee| knee.name == curve.subject.name)?;
                    let x = knee.value.filter(|_| metric == Metric::P50)?;
                    let (low, high) = knee.low.zip(knee.high).unwrap_or((x, x));
                    let label = format!("knee {}", text::rate(x));
                    let whose = Whose::Subject(curve.subject.clone());
                    Some(Mark { x, low, high, label, whose })
                })
                .collect(),
            tiles: Vec::new(),
        }
    });
    Figure {
        name: format!("{}-{suffix}", experiment.name),
        question: format!("{} ({which})", experiment.question),
        caption: caption(found, metric, &panels),
        panels,
    }
}

/// The caption; it mentions only what is drawn.
fn caption(found: &ExperimentFindings<'_>, metric: Metric, panels: &[Panel]) -> String {
    let experiment = &found.experiment;
    let models = residual::caption_of_models(found);

    let has_knee = panels.iter().any(|panel| !panel.marks.is_empty());
    let knee = match (metric, has_knee) {
        (Metric::P50, true) => {
            "The knee, where the response time is twice that at the lowest load, is marked by a \
             vertical line with the band of its 95 % interval. "
        }
        (Metric::P50, false) => "No response time reaches twice that at the lowest load. ",
        _ => "",
    };
    let mut series = panels.iter().flat_map(|panel| &panel.series);
    let theory = if series.any(|one| one.whose == Whose::Theory) {
        "The theory is that of one server with exponential service times (M/M/1), computed from \
         the service times that the iterative server achieved in these very runs. "
    } else {
        ""
    };
    format!("{knee}{theory}{models}Loads are those sent.{}", hollow(experiment, metric, panels))
}

/// What queueing theory predicts for the iterative server, from its achieved service times.
fn theory(experiment: &Experiment<'_>, transport: Transport, metric: Metric) -> Option<Series> {
    let subjects = experiment.subjects().into_iter();
    let mut iterative = subjects.filter(|subject| subject.is_iterative());
    let subject = iterative.find(|subject| subject.transport == transport)?;
    let quantile = if metric == Metric::P99 { 0.99 } else { 0.5 };
    let points: Vec<Dot> = experiment
        .xs()
        .into_iter()
        .filter_map(|x| {
            let rate = achieved_x(experiment, subject, x)?;
            let runs = experiment.cell(subject, x, false);
            let services: Vec<f64> =
                runs.iter().filter_map(|run| run.measured.times.service_time.mean_ns()).collect();
            let service_s = median(&services)? / 1e9;
            let response_s =
                model::iterative_exponential_percentile(rate, service_s, quantile).ok()?;
            Some(Dot::exact(rate, response_s * 1e9))
        })
        .collect();
    (points.len() > 1).then(|| Series {
        label: "theory of the iterative server".to_owned(),
        whose: Whose::Theory,
        is_marked: false,
        points,
    })
}
