//! `crossover calibrate`: what the steps of servers cost on this machine, measured in running servers.

mod probes;
mod slice;

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use advice::MachineCosts;
use servers::{CATALOGUE, Design};

use crate::cli::CalibrateArgs;
use crate::costs::{self, identity};
use crate::error::Error;
use crate::host::interrupt::Interrupt;
use crate::terminal::{Output, json, say, tables};
use crate::testbed::RealTestbed;
use probes::Probes;

/// Memory that the server holds when the growth of fork's cost is measured, in MiB.
const BALLAST_MIB: f64 = 64.0;

pub(crate) fn run(arguments: &CalibrateArgs) -> Result<(), Error> {
    let interrupt = Interrupt::watch()?;
    let stop = || interrupt.came();
    let machine = identity(); // before the testbed moves this thread to one core
    let mut testbed = RealTestbed::new();
    let measured = measure(&mut Probes::new(&mut testbed, &stop), machine);
    if interrupt.came() {
        return Err(Error::Interrupted("the costs were not measured to the end".to_owned()));
    }
    let costs = measured?;
    let path = match &arguments.out {
        Some(path) => path.clone(),
        None => costs::kept_at()?,
    };
    keep(&costs, &path)?;
    if arguments.json {
        say(&format!("kept in {}", path.display()));
        return json::print(&costs);
    }
    print(&costs, &path)
}

/// Measures every cost.
fn measure(probes: &mut Probes<'_>, machine: String) -> Result<MachineCosts, Error> {
    let design = |name: &str| Design::named(name).expect("it is in the catalogue");
    let (iterative, thread) = (design("udp-iterative"), design("udp-thread-per-request"));
    let process = design("udp-process-per-request");
    let request_ns = probes.requests(CATALOGUE.iter().filter(|it| it.obstacle().is_none()))?;
    let creation_thread_ns = probes.creation(thread, 0.0)?;
    let creation_process_ns = probes.creation(process, 0.0)?;
    let with_ballast_ns = probes.creation(process, BALLAST_MIB)?;
    let light_ns = probes.light_response(iterative)?;
    let light_thread_ns = probes.light_response(thread)?;
    let queued_ns = probes.light_response(design("udp-queued-threads"))?;
    let pool_ns = probes.light_response(design("udp-prethreaded"))?;
    let connection_ns = probes.connection(design("tcp-event-loop"))?;
    let of_request = |design: &Design| request_ns.get(design.name).copied().unwrap_or(0.0);
    // What a worker occupies the core for, beyond what the other costs explain.
    let mut resume = |of: &'static Design, creation_ns: f64| -> Result<f64, Error> {
        let explained_ns = of_request(of).max(creation_ns) - of_request(iterative);
        Ok((probes.occupies_more(of, iterative)? - explained_ns).max(0.0))
    };
    let resume_thread_ns = resume(thread, creation_thread_ns)?;
    let resume_process_ns = resume(process, creation_process_ns)?;
    let (serial, threaded) = (design("tcp-iterative"), design("tcp-thread-per-connection"));
    let expected_ns =
        creation_thread_ns + of_request(threaded) + resume_thread_ns - of_request(serial);
    let linger_ns = (expected_ns - probes.occupies_more(threaded, serial)?).max(0.0);
    let greatest_per_s = probes.greatest(CATALOGUE.iter().filter(|it| it.obstacle().is_none()))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
    Ok(MachineCosts {
        creation_thread_ns,
        creation_process_ns,
        creation_process_ns_per_mib: ((with_ballast_ns - creation_process_ns) / BALLAST_MIB)
            .max(0.0),
        handover_ns: (queued_ns - pool_ns).max(0.0),
        start_ns: (light_thread_ns - light_ns - creation_thread_ns).max(0.0),
        wakeup_ns: (light_ns - of_request(iterative)).max(0.0),
        resume_thread_ns,
        resume_process_ns,
        linger_ns,
        greatest_per_s,
        slice_ns: slice::measure()?,
        request_ns,
        connection_ns,
        machine,
        at: jiff::Timestamp::from_second(now).map_or_else(|_| String::new(), |at| at.to_string()),
    })
}

/// Writes the costs into their file, as a whole or not at all.
fn keep(costs: &MachineCosts, path: &Path) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(costs).map_err(std::io::Error::from)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    let file = results::OutputFile::prepare(path).map_err(Error::file("write", path))?;
    file.write(&text).map_err(Error::file("write", path))
}

fn print(costs: &MachineCosts, path: &Path) -> Result<(), Error> {
    use analysis::text::{rate, time};
    let mut table = tables::table(&["cost", "time"]);
    for (what, ns) in costs.named() {
        table.add_row(vec![what.to_owned(), time(ns)]);
    }
    let mut requests =
        tables::table(&["a request without processing", "processor time", "most on one core"]);
    for (design, ns) in &costs.request_ns {
        let greatest = costs.greatest_per_s.get(design);
        let greatest = greatest.map_or_else(String::new, |per_s| rate(*per_s));
        requests.add_row(vec![design.clone(), time(*ns), greatest]);
    }
    let mut out = Output::begin();
    out.line(format!("{table}\n\n{requests}\n"));
    out.paragraph(format!("{}, {}", costs.machine, costs.at), "  ");
    out.line(path.display().to_string());
    out.finish()
}
