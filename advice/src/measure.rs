//! The reasons to measure instead of believing a prediction.

use analysis::text;
use serde::Serialize;

use crate::asked::Asked;
use crate::choice::Decision;
use crate::costs::MachineCosts;

/// A reason to measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// Its number, from 1 to 9.
    pub reason: u8,
    /// What it says of this workload.
    pub text: String,
}

/// How far the answer can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The choice is far from every other.
    High,
    /// Something might change it.
    Medium,
    /// It is a guess until it is measured.
    Low,
}

/// Margin over the runner-up below which they may change places.
const CLEAR_MARGIN: f64 = 1.3;

/// The reasons to measure that hold.
#[must_use]
pub fn reasons(asked: &Asked, decision: &Decision, costs: &MachineCosts) -> Vec<Reason> {
    if decision.choice.is_none() {
        return Vec::new();
    }
    let predicted = of_the_prediction(asked, decision).into_iter().zip(1..);
    let asked_for = of_the_workload(asked, costs).into_iter().zip(4..);
    let limits = [many_workers(decision)].into_iter().zip(9..);
    let all = predicted.chain(asked_for).chain(limits);
    all.filter_map(|(text, reason)| Some(Reason { reason, text: text? })).collect()
}

/// Reasons 1 to 3: the margin, the break-even, the utilisation.
fn of_the_prediction(asked: &Asked, decision: &Decision) -> [Option<String>; 3] {
    let processing_ns = asked.processing_ns();
    let near = |it: &f64| (it / 3.0..it * 3.0).contains(&processing_ns);
    let chosen = decision.choice.and_then(|choice| decision.of(choice));
    let utilisation = chosen.and_then(|its| its.utilisation).filter(|its| *its > 0.8);
    [
                margin(decision).filter(|margin| *margin < CLEAR_MARGIN).map(|margin| {
            let times = text::three_digits(margin);
            if margin < 1.0 {
                format!(
                    "the runner-up is predicted to be faster ({times} times as long), but not by more than \
                     predictions err; the simpler design was preferred"
                )
            } else {
                format!(
                    "the runner-up is predicted to take only {times} times as long, and predictions err by \
                     more than that"
                )
            }
        }),
        decision.break_even_ns.filter(near).map(|it| {
            format!(
                "the processing time, {}, is within a factor of 3 of the break-even at {}",
                text::time(processing_ns),
                text::time(it)
            )
        }),
        utilisation.map(|its| {
            let percent = text::three_digits(100.0 * its);
            format!("it would run at {percent} % of its capacity, where small errors have large effects")
        }),
    ]
}

/// Reasons 4 to 8: variation, unknown shares, short processing, few cores, and what is not simulated.
fn of_the_workload(asked: &Asked, costs: &MachineCosts) -> [Option<String>; 5] {
    let (variation, processing_ns) = (asked.squared_variation(), asked.processing_ns());
    let wake_ns = costs.wakeup_ns + costs.start_ns;
    let is_short = processing_ns < 100e3 || wake_ns > 0.2 * processing_ns;
    let is_large = asked.connections() > 10e3 || asked.reply_bytes > 65_536.0;
    [
        (variation > 10.0).then(|| {
            format!(
                "processing times vary very widely (variance over squared mean C² = {})",
                text::three_digits(variation)
            )
        }),
        (!asked.share_is_known).then(|| {
            "how much of the processing computes is not known; it was taken to wait".to_owned()
        }),
        is_short.then(|| {
            let time = text::time(processing_ns);
            format!("processing is so short ({time}) that waking a core matters as much")
        }),
        (asked.cores <= 2).then(|| {
            "with one or two cores, whatever else runs on them disturbs the server".to_owned()
        }),
        is_large.then(|| {
            "with more than 10,000 connections or replies above 64 KiB the kernel and the memory \
             decide, which are not simulated"
                .to_owned()
        }),
    ]
}

/// Reason 9: a limit is near.
fn many_workers(decision: &Decision) -> Option<String> {
    let most = f64::from(servers::limits::MAX_WORKERS);
    let workers = f64::from(decision.of(decision.choice?)?.workers);
    (workers > most / 2.0).then(|| {
        format!("{workers} workers are more than half of what a server here may have ({most})")
    })
}

/// How many times as slow the runner-up is.
fn margin(decision: &Decision) -> Option<f64> {
    let (choice, other) = decision.choice.zip(decision.runner_up)?;
    Some(decision.figure_ns(other)? / decision.figure_ns(choice)?.max(1.0))
}

/// How far the answer can be trusted: one or two reasons to measure are usual on a small machine.
#[must_use]
pub fn confidence(reasons: &[Reason], costs: &MachineCosts) -> Confidence {
    let grave = |reason: &Reason| matches!(reason.reason, 1 | 2 | 5);
    let count = reasons.len() + usize::from(!costs.are_measured());
    match (reasons.iter().filter(|reason| grave(reason)).count(), count) {
        (0, 0..=1) => Confidence::High,
        (0, _) | (1, 0..=3) => Confidence::Medium,
        _ => Confidence::Low,
    }
}
