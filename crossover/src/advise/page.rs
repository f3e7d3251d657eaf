//! The advice as a page.

use std::path::Path;

use advice::{Advice, Asked, MachineCosts, obstacle, tree};
use reports::advice::{AdvicePage, DesignView, StepView, render_advice};
use results::OutputFile;
use servers::Design;

use super::words;
use crate::error::Error;

/// Writes the page, as a whole or not at all.
pub(super) fn write(
    path: &Path,
    command: &str,
    asked: &Asked,
    costs: &MachineCosts,
    advice: &Advice,
) -> Result<(), Error> {
    let file = OutputFile::prepare(path).map_err(Error::file("write", path))?;
    let html = render_advice(&page(command, asked, costs, advice));
    file.write(html.as_bytes()).map_err(Error::file("write", path))
}

fn page(command: &str, asked: &Asked, costs: &MachineCosts, advice: &Advice) -> AdvicePage {
    let (headline, sentences) = words::in_short(asked, advice);
    let step = |step: advice::Step| StepView {
        question: step.question.to_owned(),
        here: step.here,
        yours: step.yours,
        leads_to: if step.is_yes { step.leads_to.0 } else { step.leads_to.1 }.to_owned(),
        is_yes: step.is_yes,
        is_on_the_way: step.is_on_the_way,
    };
    let design = |(name, its): (&&'static str, &advice::Prediction)| DesignView {
        name: (*name).to_owned(),
        workers: its.workers,
        times_ns: its.mean_ns.zip(its.p99_ns),
        utilisation: its.utilisation,
        obstacle: Design::named(name).and_then(|design| obstacle(design, asked)),
        is_choice: advice.choice.as_ref().is_some_and(|choice| choice.design == *name),
    };
    AdvicePage {
        question: command.to_owned(),
        headline,
        sentences,
        steps: match advice.choice {
            Some(_) => tree(asked, costs, advice).into_iter().map(step).collect(),
            None => Vec::new(), // nothing leads to an answer
        },
        because: advice
            .because
            .iter()
            .map(|it| (it.rule.to_owned(), it.text.clone(), it.source.to_owned()))
            .collect(),
        measure: advice.measure.iter().map(|it| it.text.clone()).collect(),
        test_command: advice.test_command.clone(),
        designs: advice.predicted.iter().map(design).collect(),
        servers: advice
            .real_servers
            .iter()
            .map(|it| (it.server.to_string(), it.setting.clone()))
            .collect(),
        costs: costs.named().to_vec(),
        notes: vec![
            format!("Assumed: {}.", advice.assumptions.join("; ")),
            words::costs_in_words(costs),
        ],
    }
}
