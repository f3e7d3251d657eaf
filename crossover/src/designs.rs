//! `crossover designs`: the catalogue for people and for programs.

use std::io::{self, Write};

use serde::Serialize;
use servers::{CATALOGUE, Design};

use crate::cli::DesignsArgs;
use crate::error::Error;
use crate::json;
use crate::tables;

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
    let mut out = io::stdout().lock();
    if let Some(design) = arguments.design {
        writeln!(out, "{}\n", design.name)?;
        for line in design.header() {
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let mut table = tables::table(&["design", "transport", "concurrency", "workers", "in short"]);
    for row in rows {
        table.add_row([row.name, &row.transport, &row.concurrency, &row.allocation, row.summary]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}
