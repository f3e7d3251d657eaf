//! Where do a server and its own model part? The model's curve beside the measured one, and the
//! measured median over the model's.

use super::{by_transport, scale};
use crate::curve::{Curve, Point, achieved_x};
use crate::experiment_findings::ExperimentFindings;
use crate::figure::{Dot, Figure, Panel, Quantity, Series, Whose};
use crate::metric::Metric;
use crate::text;
use crate::verdict::Finding;

/// Up to this factor, in both directions, a server does what its model says.
const CLOSE: f64 = 1.25;

/// The curves of the models of these subjects.
pub(super) fn models(
    found: &ExperimentFindings<'_>,
    shown: &[&Curve],
    metric: Metric,
) -> Vec<Series> {
    let of = |curve: &&Curve| {
        let its = found.models.points.iter().filter(|it| it.subject == curve.subject.name);
        let dots = its.filter_map(|it| {
            let y = if metric == Metric::P99 { it.p99_ns } else { it.p50_ns };
            let x = achieved_x(&found.experiment, &curve.subject, it.x)?;
            y.is_finite().then(|| Dot::exact(x, y))
        });
        let points: Vec<Dot> = dots.collect();
        (points.len() > 1).then(|| Series {
            label: format!("{}: model", curve.subject.label),
            whose: Whose::Model(curve.subject.clone()),
            is_marked: false,
            points,
        })
    };
    shown.iter().filter_map(of).collect()
}

/// What the dotted lines are; empty without models.
pub(super) fn caption_of_models(found: &ExperimentFindings<'_>) -> String {
    match found.models.points.is_empty() {
        true => String::new(),
        false => format!(
            "The dotted line of the same colour is what the design's own model gives under this load, with \
             the processing that was achieved and {}. ",
            found.models.costs
        ),
    }
}

/// The measured median over that of the model, at each point where both are known.
fn ratios<'c>(found: &ExperimentFindings<'_>, curve: &'c Curve) -> Vec<(&'c Point, f64)> {
    let model_at = |x: f64| {
        let is_it = |it: &&crate::Modelled| it.subject == curve.subject.name && it.x == x;
        found.models.points.iter().find(is_it).map(|it| it.p50_ns).filter(|ns| ns.is_finite())
    };
    curve.points.iter().filter_map(|point| Some((point, model_at(point.configured_x)?))).collect()
}

/// The residuals along the load; without panels where there are no models.
pub(super) fn figure(found: &ExperimentFindings<'_>) -> Figure {
    let curves = found.curves(Metric::P50);
    let series = |curve: &Curve| {
        let dots = ratios(found, curve).into_iter().map(|(point, model_ns)| Dot {
            x: point.x,
            configured_x: point.configured_x,
            y: point.y.value / model_ns,
            low: point.y.low / model_ns,
            high: point.y.high / model_ns,
            hollow: point.doubted,
            repetitions: point.repetitions,
        });
        let points: Vec<Dot> = dots.collect();
        (!points.is_empty()).then(|| Series {
            label: curve.subject.label.clone(),
            whose: Whose::Subject(curve.subject.clone()),
            is_marked: true,
            points,
        })
    };
    let panels = by_transport(&found.experiment, |transport, is_of| {
        let its = curves.iter().filter(|curve| is_of(&curve.subject));
        let mut all: Vec<Series> = its.filter_map(series).collect();
        let ends = all.iter().flat_map(|one| &one.points).map(|dot| dot.x);
        let (first, last) =
            ends.fold((f64::INFINITY, 0.0_f64), |(first, last), x| (first.min(x), last.max(x)));
        if last > first {
            all.push(Series {
                label: "as the model says".to_owned(),
                whose: Whose::Theory,
                is_marked: false,
                points: vec![Dot::exact(first, 1.0), Dot::exact(last, 1.0)],
            });
        }
        Panel {
            title: transport.to_string().to_uppercase(),
            x: scale("offered load", Quantity::Rate),
            y: scale("measured median over that of the model", Quantity::Number),
            series: all,
            marks: Vec::new(),
            tiles: Vec::new(),
        }
    });
    Figure {
        name: format!("{}-residual", found.experiment.name),
        question: format!("{} (measured over model)", found.experiment.question),
        caption: format!(
            "Above 1, a server takes longer than its own model: the difference is overhead that the model \
             does not include, such as context switches, locks and cache misses. Below 1, a step costs \
             less in this server than the model assumes. The model uses {}.",
            found.models.costs
        ),
        panels,
    }
}

/// Where servers and their models part, in one sentence for the experiment.
pub(crate) fn finding(found: &ExperimentFindings<'_>) -> Option<Finding> {
    let (mut close, mut apart): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for curve in found.curves(Metric::P50) {
        let off = |(point, model_ns): &(&Point, f64)| (point.y.value / model_ns).ln().abs();
        let worst =
            ratios(found, curve).into_iter().max_by(|one, other| off(one).total_cmp(&off(other)));
        let Some((point, model_ns)) = worst else { continue };
        let (who, ratio) = (curve.subject.in_a_sentence(), point.y.value / model_ns);
        if ratio.max(1.0 / ratio) <= CLOSE {
            close.push(who);
        } else {
            let at = text::rate(point.x);
            let times = text::three_digits(ratio);
            apart.push(format!("{who} takes {times} times its model's median at {at}"));
        }
    }
    let percent = (CLOSE - 1.0) * 100.0;
    let mut parts = Vec::new();
    if !close.is_empty() {
        let (verb, whose) = match close.len() {
            1 => ("stays", "its model's median"),
            _ => ("stay", "their models' medians"),
        };
        parts.push(format!(
            "{} {verb} within {percent:.0} % of {whose} at every load",
            text::list(&close)
        ));
    }
    parts.extend(
        apart
            .first()
            .map(|_| format!("where each differs most from its model, {}", text::list(&apart))),
    );
    let sentence = format!("{}. The models use {}.", parts.join("; "), found.models.costs);
    (!parts.is_empty()).then(|| Finding::of(&found.experiment, sentence))
}
