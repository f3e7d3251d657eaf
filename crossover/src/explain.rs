//! `crossover explain`: the living picture, with the costs of this machine.

use advice::{MachineCosts, PATIENCE_NS, Running, station};
use model::simulate::{Station, Stays};
use reports::living::{LaneView, LivingPicture, ServerView, StationView, StepCosts, render_alone};
use results::OutputFile;
use servers::Design;

use crate::cli::ExplainArgs;
use crate::costs;
use crate::error::Error;
use crate::terminal::Output;

/// The servers: id, name, label of the design, design without its transport (UDP and TCP), and what is to
/// be seen.
const LANES: [(&str, &str, &str, [&str; 2], &str); 6] = [
    (
        "iterative",
        "iterative",
        "iterative",
        ["udp-iterative", "tcp-iterative"],
        "One request after the other. While one waits, all others wait for it.",
    ),
    (
        "thread",
        "a thread for each request",
        "thread per request",
        ["udp-thread-per-request", "tcp-thread-per-connection"],
        "The master creates a thread for each request. Waits overlap; each request pays for its thread.",
    ),
    (
        "process",
        "a process for each request",
        "process per request",
        ["udp-process-per-request", "tcp-process-per-connection"],
        "The same with fork. A process costs the master several times as much as a thread.",
    ),
    (
        "pool",
        "a pool of threads",
        "queued threads",
        ["udp-queued-threads", "tcp-queued-threads"],
        "As many threads as set, created beforehand, behind one queue. No request pays for creation.",
    ),
    (
        "loop",
        "an event loop",
        "event loop",
        ["udp-event-loop", "tcp-event-loop"],
        "One thread that never blocks: waits overlap, computing does not.",
    ),
    (
        "delayed",
        "delayed allocation",
        "delayed allocation",
        ["udp-delayed-allocation", "tcp-delayed-allocation"],
        "Iterative, until a request takes longer than 1 ms: then a second receiver takes over the port.",
    ),
];

pub(crate) fn run(arguments: &ExplainArgs) -> Result<(), Error> {
    let costs = costs::of(arguments.costs.as_ref())?;
    let html = render_alone(&picture(&costs));
    let path = &arguments.out;
    let file = OutputFile::prepare(path).map_err(Error::file("write", path))?;
    file.write(html.as_bytes()).map_err(Error::file("write", path))?;
    let mut out = Output::begin();
    out.line(path.display().to_string());
    out.finish()
}

/// The picture with these costs.
pub(crate) fn picture(costs: &MachineCosts) -> LivingPicture {
    let lane = |(id, name, label, [udp, tcp], about): (_, _, _, [&str; 2], _)| LaneView {
        id,
        name,
        label,
        about,
        udp: server(design(udp), costs),
        tcp: server(design(tcp), costs),
    };
    LivingPicture { lanes: LANES.map(lane).to_vec(), costs: whose(costs) }
}

fn design(name: &str) -> &'static Design {
    Design::named(name).expect("it is in the catalogue")
}

fn whose(costs: &MachineCosts) -> String {
    match costs.are_measured() {
        true => format!("this machine ({})", costs.machine),
        false => {
            "a typical virtual machine (to measure your own, run `crossover calibrate`)".to_owned()
        }
    }
}

/// A server with its usual workers on one core; the page sets cores and the size of the pool.
fn server(design: &'static Design, costs: &MachineCosts) -> ServerView {
    let running = Running {
        workers: design.usual_workers(),
        cores: 1,
        keeps_connections: false,
        memory_bytes: 0.0,
        patience_ns: PATIENCE_NS,
        room: None,
        longest_compute_ns: 0.0,
    };
    let (its, steps, _) = station(design, &running, costs);
    let (station, handover) = match its {
        Station::Workers { count, stays, handover_ns, .. } => {
            (StationView::Workers { count, shares: stays == Stays::Computing }, handover_ns)
        }
        Station::OnDemand { limit, .. } => (StationView::OnDemand { limit }, 0.0),
        Station::Delayed { limit, patience_ns } => {
            (StationView::Delayed { limit, patience: patience_ns }, 0.0)
        }
    };
    let costs = StepCosts {
        request: steps.request_ns,
        creation: steps.creation_ns,
        start: steps.start_ns,
        resume: steps.resume_ns,
        linger: steps.linger_ns,
        wakeup: steps.wakeup_ns,
        handover,
    };
    ServerView { station, costs }
}
