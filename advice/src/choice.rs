//! Chooses a design: predictions decide, and rules say when the simple server is enough.

use std::collections::BTreeMap;

use rayon::prelude::*;
use servers::{Concurrency, Design};
use workload::PlanError;

use crate::asked::{Asked, Traffic};
use crate::candidates::{are_of_one_kind, obstacle, of_transport, simplicity};
use crate::costs::MachineCosts;
use crate::prediction::{Prediction, REQUESTS, predict, predict_from};

/// Designs within this factor of the best are equally good, and so are those that differ by less than
/// it takes to wake a core: no prediction is better than that.
const EQUALLY_GOOD: f64 = 1.1;

/// How far from the processing time that was asked for a break-even is sought, in powers of ten.
const DECADES: f64 = 3.0;

/// Up to this utilisation an iterative server may be enough (rule B2).
pub(crate) const IDLE_ENOUGH: f64 = 0.5;

/// What was decided, and what it was decided from.
#[derive(Debug)]
pub struct Decision {
    /// Every design of the transport with its prediction, the simplest first.
    pub predictions: Vec<(&'static Design, Prediction)>,
    /// The design to take; `None` if none carries the load.
    pub choice: Option<&'static Design>,
    /// The best of another kind.
    pub runner_up: Option<&'static Design>,
    /// The iterative server of the transport.
    pub iterative: &'static Design,
    /// Whether the iterative server was chosen because it is enough, not because it is the best.
    pub is_enough: bool,
    /// The processing time at which the choice, or the best concurrent design, equals the iterative
    /// server, in nanoseconds.
    pub break_even_ns: Option<f64>,
}

impl Decision {
    /// The prediction of a design.
    #[must_use]
    pub fn of(&self, design: &Design) -> Option<&Prediction> {
        let found = self.predictions.iter().find(|(its, _)| its.name == design.name);
        found.map(|(_, prediction)| prediction)
    }

    /// The predictions by the names of their designs.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<&'static str, &Prediction> {
        self.predictions.iter().map(|(design, prediction)| (design.name, prediction)).collect()
    }

    /// Whether the prediction of the choice meets the target; `None` without a target or a choice.
    #[must_use]
    pub fn meets_target(&self, asked: &Asked) -> Option<bool> {
        Some(self.figure_ns(self.choice?)? < asked.target?.below_ns)
    }

    /// The figure that decides, of a design.
    pub(crate) fn figure_ns(&self, design: &Design) -> Option<f64> {
        self.of(design)?.target_ns
    }
}

/// Decides for a workload.
///
/// # Errors
/// If the workload cannot be drawn.
pub fn decide(asked: &Asked, costs: &MachineCosts) -> Result<Decision, PlanError> {
    // What a machine was not measured for, it perhaps cannot run.
    let is_known = |design: &&'static Design| {
        costs.request_ns.is_empty() || costs.request_ns.contains_key(design.name)
    };
    let designs: Vec<&'static Design> = of_transport(asked).into_iter().filter(is_known).collect();
    let predictions: Vec<(&Design, Prediction)> = designs
        .par_iter()
        .map(|design| Ok((*design, predict(design, asked, costs)?)))
        .collect::<Result<_, PlanError>>()?;
    let iterative = designs
        .iter()
        .find(|design| design.concurrency == Concurrency::Iterative)
        .copied()
        .expect("each transport has an iterative design");
    let mut decision = Decision {
        predictions,
        choice: None,
        runner_up: None,
        iterative,
        is_enough: false,
        break_even_ns: None,
    };
    let ranked = ranked(&decision, asked);
    decision.is_enough = is_enough(&decision, asked);
    decision.choice = if decision.is_enough {
        Some(iterative)
    } else {
        simplest_of_best(&ranked, costs.wakeup_ns)
    };
    decision.runner_up = decision.choice.and_then(|choice| {
        let of_another_kind = ranked.iter().find(|(design, _)| !are_of_one_kind(design, choice));
        of_another_kind.map(|(design, _)| *design)
    });
    decision.break_even_ns = break_even_ns(&decision, asked, costs)?;
    Ok(decision)
}

/// The designs that carry the load and have no obstacle, with the figure that decides, best first.
fn ranked(decision: &Decision, asked: &Asked) -> Vec<(&'static Design, f64)> {
    let mut found: Vec<(&Design, f64)> = decision
        .predictions
        .iter()
        .filter(|(design, _)| obstacle(design, asked).is_none())
        .filter_map(|(design, prediction)| Some((*design, prediction.target_ns?)))
        .collect();
    found.sort_by(|a, b| a.1.total_cmp(&b.1).then(simplicity(a.0).cmp(&simplicity(b.0))));
    found
}

/// Of the designs that are equally good the simplest.
fn simplest_of_best(ranked: &[(&'static Design, f64)], wakeup_ns: f64) -> Option<&'static Design> {
    let best = ranked.first()?.1;
    let equal = ranked.iter().filter(|(_, figure)| *figure <= best * EQUALLY_GOOD + wakeup_ns);
    equal.map(|(design, _)| *design).min_by_key(|design| simplicity(design))
}

/// Whether the iterative server meets the target and is idle more than half of the time (rule B2).
fn is_enough(decision: &Decision, asked: &Asked) -> bool {
    let iterative = decision.iterative;
    let Some(target) = asked.target else { return false };
    let is_idle = decision
        .of(iterative)
        .and_then(|its| its.utilisation)
        .is_some_and(|utilisation| utilisation < IDLE_ENOUGH);
    let meets = decision.figure_ns(iterative).is_some_and(|figure| figure < target.below_ns);
    is_idle && meets && obstacle(iterative, asked).is_none()
}

/// The processing time at which the choice has the iterative server's mean response time at this
/// rate; of an iterative choice, the best concurrent design. `None` if there is no such time between
/// a thousandth and a thousand times the processing that was asked for.
fn break_even_ns(
    decision: &Decision,
    asked: &Asked,
    costs: &MachineCosts,
) -> Result<Option<f64>, PlanError> {
    let iterative = decision.iterative;
    let other = match decision.choice {
        Some(choice) if choice.concurrency == Concurrency::Iterative => decision.runner_up,
        choice => choice,
    };
    let (Some(other), true) = (other, asked.processing_ns() > 0.0) else { return Ok(None) };
    let is_closed = matches!(asked.traffic, Traffic::Closed { .. });
    if is_closed || obstacle(iterative, asked).is_some() {
        return Ok(None);
    }
    let pays_at = |factor: f64| -> Result<bool, PlanError> {
        let scaled = asked.scaled(factor);
        let mean = |design| {
            let its = predict_from(REQUESTS / 4.0, design, &scaled, costs)?;
            Ok(its.mean_ns.unwrap_or(f64::INFINITY))
        };
        Ok(mean(other)? < mean(iterative)?)
    };
    // Concurrency pays from some time on, and up to where the load becomes too much for both.
    let (mut low, mut high) = (-DECADES, -DECADES);
    while !pays_at(libm::exp10(high))? {
        low = high;
        high += 0.5;
        if high > DECADES {
            return Ok(None);
        }
    }
    if low == high {
        return Ok(None);
    }
    for _ in 0..9 {
        let middle = (low + high) / 2.0;
        if pays_at(libm::exp10(middle))? { high = middle } else { low = middle }
    }
    Ok(Some(asked.processing_ns() * libm::exp10((low + high) / 2.0)))
}
