//! `crossover designs`: the catalogue for people and for programs.

use serde::Serialize;
use servers::{CATALOGUE, Design};

use crate::cli::DesignsArgs;
use crate::error::Error;
use crate::terminal::Output;
use crate::terminal::json;

#[derive(Serialize)]
struct Row {
    name: &'static str,
    transport: String,
    concurrency: String,
    allocation: String,
    summary: &'static str,
}

pub(crate) fn run(arguments: &DesignsArgs) -> Result<(), Error> {
    let chosen = |design: &&Design| arguments.design.is_none_or(|one| one.name == design.name);
    let rows: Vec<Row> = CATALOGUE
        .iter()
        .filter(chosen)
        .map(|design| Row {
            name: design.name,
            transport: design.transport().to_string(),
            concurrency: design.concurrency.to_string(),
            allocation: design.allocation.to_string(),
            summary: design.summary,
        })
        .collect();
    if arguments.json {
        return json::print(&rows);
    }
    let mut out = Output::begin();
    if let Some(design) = arguments.design {
        out.line(format!("{}\n", design.name));
        design.header().for_each(|line| out.line(line));
        return out.finish();
    }
    for row in rows {
        let Row { name, concurrency, allocation, summary, .. } = row;
        out.line(format!("{name:<28} {concurrency:<11} workers: {allocation}"));
        out.line(format!("    {summary}"));
    }
    out.finish()
}
