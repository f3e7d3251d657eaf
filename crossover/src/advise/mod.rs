//! `crossover advise`: takes a workload, and answers with a design.

mod asking;
mod given;
mod measured;
mod page;
mod words;

use advice::{Advice, Asked, MachineCosts, advise};
use serde::Serialize;

use crate::cli::AdviseArgs;
use crate::costs;
use crate::error::Error;
use crate::terminal::{Output, json};

pub(crate) fn run(arguments: &AdviseArgs) -> Result<(), Error> {
    let arguments = asking::completed(arguments.clone())?;
    let (asked, command) = given::asked(&arguments)?;
    let costs = costs::of(arguments.costs.as_ref())?;
    let advice = advise(&asked, &costs, format!("{command} --measure"))?;
    if let Some(path) = &arguments.page {
        page::write(path, &command, &asked, &costs, &advice)?;
    }
    let measured = match (arguments.measure, &advice.choice) {
        (true, Some(_)) => Some(measured::measure(&asked, &advice, arguments.all)?),
        _ => None,
    };
    if arguments.json {
        return json::print(&Answered { advice: &advice, measured });
    }
    print(&arguments, &asked, &costs, &advice)?;
    let Some(measured) = measured else { return Ok(()) };
    let mut out = Output::begin();
    out.line("");
    measured::in_words(&measured, &advice).iter().for_each(|text| out.paragraph(text, "  "));
    out.finish()
}

/// The advice, and what was measured of it.
#[derive(Serialize)]
struct Answered<'a> {
    #[serde(flatten)]
    advice: &'a Advice,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<measured::Measured>,
}

fn print(
    arguments: &AdviseArgs,
    asked: &Asked,
    costs: &MachineCosts,
    advice: &Advice,
) -> Result<(), Error> {
    let mut out = Output::begin();
    for line in words::answer(asked, costs, advice) {
        match line {
            words::Line::Text(text) => out.paragraph(text, ""),
            words::Line::Item(text) => out.paragraph(format!("  - {text}"), "    "),
        }
    }
    if arguments.explain {
        out.line(String::new());
        out.line(words::table(advice));
        for text in words::left_out(asked) {
            out.paragraph(format!("  - {text}"), "    ");
        }
    }
    out.finish()
}
