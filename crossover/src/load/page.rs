//! `load --report DIR`: a load as a page with figures.

use std::path::Path;

use analysis::load_figures::load_figures;
use reports::load::{LoadPage, TableView, write_load};
use results::{Components, Machine, Measurement};
use workload::Plan;

use super::output;
use super::saved::target;
use crate::bench::folder::OwnFolder;
use crate::cli::LoadArgs;
use crate::error::Error;
use crate::terminal::{Output, percentiles, tables};
use crate::testbed::generator::GeneratorSetup;

/// Writes the page into a folder, and prints its path.
pub(super) fn write(
    folder: &OwnFolder,
    arguments: &LoadArgs,
    plan: &Plan,
    generator: &GeneratorSetup,
    machine: &Machine,
    measured: &Measurement,
) -> Result<(), Error> {
    let mut facts = facts(arguments, generator, machine);
    facts.insert(0, ("load".to_owned(), output::model(plan)));
    facts.push(("plan".to_owned(), measured.plan_hash.clone()));
    let page = LoadPage {
        made: made(arguments, &facts),
        question: format!("A load on {}", target(arguments)),
        headline: output::in_short(plan, measured),
        notes: Vec::new(),
        tables: [Some(times(measured)), breakdown(measured), statuses(measured)]
            .into_iter()
            .flatten()
            .collect(),
        warnings: measured.doubts.iter().map(ToString::to_string).collect(),
        facts,
    };
    let path = write_load(&page, load_figures(measured), &folder.path)?;
    let mut out = Output::begin();
    if !arguments.json {
        out.line(format!("\n{}", path.display()));
    }
    out.finish()
}

/// Takes the folder, early, so that a wrong one is told before the load.
pub(super) fn folder(path: &Path) -> Result<OwnFolder, Error> {
    let folder = OwnFolder::take(path)?;
    folder.may_hold_a_page()?;
    Ok(folder)
}

/// What a page says of the generator and of the machine.
pub(super) fn facts(
    arguments: &LoadArgs,
    generator: &GeneratorSetup,
    machine: &Machine,
) -> Vec<(String, String)> {
    let virtual_machine = if machine.virtual_machine { ", virtual machine" } else { "" };
    let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string();
    let facts = [
        ("seed", arguments.seed.to_string()),
        ("generator", format!("{} threads, pacing {}", generator.progress.len(), generator.pacing)),
        (
            "machine",
            format!(
                "{} cores, {}, Linux {}{virtual_machine}",
                machine.cores, machine.processor, machine.kernel
            ),
        ),
        ("date", now),
        ("program", format!("crossover {}", env!("CARGO_PKG_VERSION"))),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// Where and when, in one line below the titles of figures.
pub(super) fn made(arguments: &LoadArgs, facts: &[(String, String)]) -> String {
    let of = |name: &str| facts.iter().find(|(its, _)| its == name).map_or("", |(_, value)| value);
    format!("{} · {} · {}", of("date"), of("machine"), target(arguments))
}

fn view(title: &str, heads: &[&str], rows: Vec<Vec<String>>) -> TableView {
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    TableView { title: title.to_owned(), heads, rows }
}

fn times(measured: &Measurement) -> TableView {
    let rows = percentiles::rows(measured);
    let rows = rows.into_iter().map(|row| vec![row.name, row.value, row.interval]).collect();
    view("Response times", &["", "response time", "95 % interval"], rows)
}

/// Where the time went, on average.
fn breakdown(measured: &Measurement) -> Option<TableView> {
    let sums: Components = measured.parts.as_ref()?.total()?;
    let mean = |sum: u64| tables::time(sum as f64 / sums.count as f64);
    let parts = [
        ("lag of the generator", sums.lag_ns),
        ("way out and queue", sums.way_out_ns),
        ("service", sums.service_ns),
        ("way back", sums.way_back_ns),
        ("response time", sums.response_ns()),
    ];
    let rows = parts.map(|(name, sum)| vec![name.to_owned(), mean(sum)]).to_vec();
    Some(view("Where the time went", &["part", "mean"], rows))
}

fn statuses(measured: &Measurement) -> Option<TableView> {
    if measured.statuses_by_code.is_empty() {
        return None;
    }
    let row = |(code, its): (&u16, &results::StatusTimes)| {
        let at = |quantile: f64| tables::shown(its.times.percentile(quantile));
        let right = if its.right { "answered" } else { "refused" };
        vec![code.to_string(), its.times.count().to_string(), right.to_owned(), at(0.5), at(0.99)]
    };
    let rows = measured.statuses_by_code.iter().map(row).collect();
    Some(view("HTTP statuses", &["status", "replies", "counts as", "p50", "p99"], rows))
}
