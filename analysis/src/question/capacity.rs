//! Up to what load does each subject meet the bound?

use crate::answers::{self, Capacity};
use crate::experiment_findings::ExperimentFindings;
use crate::text;
use crate::verdict::Finding;

/// One sentence for each subject, the greatest capacity first.
pub(super) fn findings(found: &ExperimentFindings<'_>) -> Vec<Finding> {
    let experiment = &found.experiment;
    let statistic = match experiment.bound.and_then(|bound| bound.quantile) {
        Some(quantile) if quantile >= 1.0 => "the longest response time".to_owned(),
        Some(quantile) => format!("p{} of the response time", text::plain(quantile * 100.0)),
        None => "the mean response time".to_owned(),
    };
    let sentence = |capacity: &Capacity| {
        let subjects = experiment.subjects();
        let subject = subjects.iter().find(|subject| subject.name == capacity.name)?;
        let name = subject.in_a_sentence();
        let bound = text::time(capacity.below_ns as f64);
        let text = match (capacity.value, capacity.low.zip(capacity.high), capacity.missed_from) {
            (Some(value), Some((low, high)), _) => format!(
                "{statistic} of {name} stays below {bound} up to {} ({} to {})",
                text::rate(value),
                text::rate(low),
                text::rate(high)
            ),
            (Some(value), None, _) => {
                format!(
                    "{statistic} of {name} stays below {bound} up to about {}",
                    text::rate(value)
                )
            }
            (None, _, Some(missed)) => {
                format!("{statistic} of {name} exceeds {bound} at {} already", text::rate(missed))
            }
            (None, _, None) => {
                let most = capacity.met_to.map_or_else(String::new, text::rate);
                format!(
                    "{statistic} of {name} stays below {bound} up to {most}, the highest load measured"
                )
            }
        };
        let transport = Some(subject.transport);
        Some(Finding { transport, ..Finding::of(experiment, format!("{text}.")) })
    };
    answers::capacities(experiment).iter().filter_map(sentence).collect()
}
