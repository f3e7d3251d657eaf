//! System calls and page faults of a request, for all designs.

use std::collections::BTreeMap;
use std::time::Duration;

use procfs::process::Process;
use protocol::Work;
use serde::Serialize;
use servers::{CATALOGUE, Design};

use super::clients::Load;
use super::registers::name_of;
use super::{Seen, see};
use crate::cli::TraceArgs;
use crate::error::Error;
use crate::terminal::{Output, json, say, tables};
use crate::testbed::ServerProcess;

/// Requests by which the cost of one is counted.
const REQUESTS: u32 = 16;

/// What a request costs a design.
#[derive(Serialize)]
struct Row {
    design: &'static str,
    system_calls: f64,
    /// How often each call is made.
    calls: BTreeMap<&'static str, f64>,
    page_faults: f64,
}

pub(super) fn run(arguments: &TraceArgs) -> Result<(), Error> {
    let chosen =
        |design: &&'static Design| arguments.design.is_none_or(|one| one.name == design.name);
    let mut rows = Vec::new();
    for design in CATALOGUE.iter().filter(chosen) {
        if let Some(obstacle) = design.obstacle() {
            say(&format!("skipped: {} cannot run here: {obstacle}", design.name));
            continue;
        }
        rows.push(row(design)?);
    }
    if arguments.json {
        return json::print(&rows);
    }
    let mut table = tables::table(&["design", "calls", "the most frequent", "page faults"]);
    for row in &rows {
        let mut calls: Vec<(&&str, &f64)> = row.calls.iter().collect();
        calls.sort_by(|one, other| other.1.total_cmp(one.1).then(one.0.cmp(other.0)));
        let most: Vec<String> =
            calls.iter().take(4).map(|(name, count)| format!("{name} {count:.1}")).collect();
        table.add_row(vec![
            row.design.to_owned(),
            format!("{:.1}", row.system_calls),
            most.join(", "),
            format!("{:.1}", row.page_faults),
        ]);
    }
    let mut out = Output::begin();
    out.line(table.to_string());
    out.paragraph(
        format!(
            "Means per request, over {REQUESTS} requests that ask for no processing; over TCP each has its own \
             connection. System calls are those of all threads of the server; page faults are minor ones (no disk \
             access)."
        ),
        "",
    );
    out.finish()
}

fn load() -> Load {
    Load {
        clients: REQUESTS,
        apart: Duration::from_millis(2),
        work: Work { wait: Duration::ZERO, compute: Duration::ZERO },
    }
}

fn row(design: &'static Design) -> Result<Row, Error> {
    let Seen { trace, asked } = see(design, 3, &load())?;
    let from_ns = asked.iter().map(|it| it.sent_ns).min().unwrap_or(0);
    // The first requests may find workers that are not ready; what follows the last reply counts as well.
    let counted = trace.calls.iter().filter(|call| call.from_ns >= from_ns);
    let mut calls: BTreeMap<&'static str, f64> = BTreeMap::new();
    for call in counted {
        *calls.entry(name_of(call.number).0).or_default() += 1.0 / f64::from(REQUESTS);
    }
    Ok(Row {
        design: design.name,
        system_calls: calls.values().sum(),
        calls,
        page_faults: page_faults(design)?,
    })
}

/// Page faults of a request, of a server that nobody follows.
fn page_faults(design: &'static Design) -> Result<f64, Error> {
    let server = ServerProcess::start(&super::setup(design, 3), &super::server_cores())
        .map_err(|failure| Error::Server(failure.to_string()))?;
    let warm = super::ask(server.address, design.transport(), &load(), std::time::Instant::now())?;
    let before = faults_of(server.pid().as_raw());
    let asked = super::ask(server.address, design.transport(), &load(), std::time::Instant::now())?;
    std::thread::sleep(super::AFTER);
    let after = faults_of(server.pid().as_raw());
    server.stop().map_err(|failure| Error::Server(failure.to_string()))?;
    let answered = asked.iter().chain(&warm).filter(|it| it.answered_ns.is_some()).count();
    if answered < 2 * REQUESTS as usize {
        return Err(Error::Server(format!("{} did not answer all requests", design.name)));
    }
    Ok((after.saturating_sub(before)) as f64 / f64::from(REQUESTS))
}

/// The page faults of a process and of its children, those that have ended included.
fn faults_of(process: i32) -> u64 {
    let Ok(stat) = Process::new(process).and_then(|it| it.stat()) else { return 0 };
    let children: u64 = Process::new(process)
        .and_then(|it| it.task_main_thread())
        .and_then(|it| it.children())
        .unwrap_or_default()
        .into_iter()
        .map(|child| faults_of(child as i32))
        .sum();
    stat.minflt + stat.cminflt + children
}
