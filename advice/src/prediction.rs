//! What a design would do under a workload: simulated response times, and its capacity in closed
//! form.

use std::time::Duration;

use model::busy_workers_throughput;
use model::simulate::{Costs, Machine, Station, Stays, follow_plan};
use serde::Serialize;
use servers::Design;
use workload::{Arrivals, Distribution, LoadSpec, Plan, PlanError, Rate, Reuse, Session};

use crate::asked::{Asked, Statistic, Traffic};
use crate::costs::MachineCosts;
use crate::station::{Running, longest_compute_ns, station};
use crate::workers::{Sizing, sizing};

/// Requests that are simulated for the prediction of one design.
pub(crate) const REQUESTS: f64 = 100_000.0;

/// How many times as many where a few requests are very long.
const MORE_IF_VARIABLE: f64 = 3.0;

/// The C² above which they are.
const VARIABLE: f64 = 4.0;

/// The longest simulated time in seconds.
const LONGEST_S: f64 = 60_000.0;

/// Clients without a kept connection, each with an address of its own.
const ADDRESSES: u32 = 4096;

/// The greatest part of the requests that sessions without an end may leave unanswered.
const MOST_CUT_OFF: f64 = 0.05;

/// How long a receiver serves a request itself (delayed allocation), as `serve` has it by default.
pub const PATIENCE_NS: f64 = 1e6;

/// What a design would do. Times are null where it cannot carry the load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Mean response time in nanoseconds.
    pub mean_ns: Option<f64>,
    /// 99th percentile of the response time in nanoseconds.
    pub p99_ns: Option<f64>,
    /// Requests a second that it can serve.
    pub capacity_per_s: f64,
    /// Load over capacity; null if it never serves some clients.
    pub utilisation: Option<f64>,
    /// Its workers, or the most that it creates.
    pub workers: u32,
    #[serde(skip)]
    pub(crate) sum: String,
    #[serde(skip)]
    pub(crate) target_ns: Option<f64>,
}

impl Prediction {
    /// Whether it carries the load.
    #[must_use]
    pub fn carries(&self) -> bool {
        self.mean_ns.is_some()
    }
}

/// What a design would do under a workload, with as many workers as it needs.
///
/// # Errors
/// If the workload cannot be drawn.
pub fn predict(
    design: &'static Design,
    asked: &Asked,
    costs: &MachineCosts,
) -> Result<Prediction, PlanError> {
    predict_from(REQUESTS, design, asked, costs)
}

/// The same from a simulation of `requests` requests.
pub(crate) fn predict_from(
    requests: f64,
    design: &'static Design,
    asked: &Asked,
    costs: &MachineCosts,
) -> Result<Prediction, PlanError> {
    let overhead_ns = costs.request_ns(design) + costs.wakeup_ns;
    let Sizing { workers, sum } = sizing(design, asked, overhead_ns);
    let running = Running {
        workers,
        cores: asked.cores,
        keeps_connections: asked.keeps_connections(),
        memory_bytes: asked.memory_bytes,
        patience_ns: PATIENCE_NS,
        room: None,
        longest_compute_ns: longest_compute_ns(&asked.compute),
    };
    let (its, steps, computer) = station(design, &running, costs);
    let capacity_per_s = capacity(its, &steps, asked, computer.in_turn);
    let is_closed = matches!(asked.traffic, Traffic::Closed { .. });
    let load = asked.requests_per_s();
    let mut prediction = Prediction {
        mean_ns: None,
        p99_ns: None,
        capacity_per_s,
        utilisation: (!starves(its, asked)).then_some(load / capacity_per_s),
        workers,
        sum,
        target_ns: None,
    };
    let is_overloaded = prediction.utilisation.is_none_or(|its| its >= 1.0 && !is_closed);
    if is_overloaded {
        return Ok(prediction);
    }
    let Some(times_ns) = simulated(asked, requests, Machine::new(its, steps, computer), &steps)?
    else {
        prediction.utilisation = None;
        return Ok(prediction);
    };
    let mean_ns = times_ns.iter().sum::<f64>() / times_ns.len() as f64;
    prediction.mean_ns = Some(mean_ns);
    prediction.p99_ns = Some(percentile(&times_ns, 99.0));
    prediction.target_ns = Some(match asked.target.map(|target| target.statistic) {
        Some(Statistic::Mean) => mean_ns,
        Some(Statistic::Percentile(percent)) => percentile(&times_ns, percent),
        None => percentile(&times_ns, 99.0),
    });
    if let Traffic::Closed { clients, think } = asked.traffic {
        // Clients that wait longer ask less often.
        let sent_per_s = f64::from(clients) * 1e9 / (think.mean() + mean_ns);
        prediction.utilisation = Some((sent_per_s / capacity_per_s).min(1.0));
    }
    Ok(prediction)
}

/// The sorted response times of a simulated load; `None` if some clients are never served.
fn simulated(
    asked: &Asked,
    requests: f64,
    mut machine: Machine,
    steps: &Costs,
) -> Result<Option<Vec<f64>>, PlanError> {
    let plan = Plan::draw(load_of(asked, requests, steps.request_ns))?;
    let (mut times_ns, mut unanswered): (Vec<f64>, f64) = (Vec::new(), 0.0);
    follow_plan(&plan, &mut machine, |it| {
        let due_ns = it.planned.intended_ns;
        if due_ns < plan.window_start_ns() {
            return;
        }
        match it.done {
            Some(done) => times_ns.push(done.at_ns - due_ns as f64),
            None => unanswered += 1.0,
        }
    });
    // The end of the load cuts sessions off, whose connections then stay open; what waits for their
    // workers is left. That is a small part, unless workers are too few.
    let most_left =
        if plan.spec.session.is_some() { MOST_CUT_OFF * times_ns.len() as f64 } else { 0.0 };
    if unanswered > most_left || times_ns.is_empty() {
        return Ok(None);
    }
    times_ns.sort_by(f64::total_cmp);
    Ok(Some(times_ns))
}

/// A percentile of sorted values.
fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// The load as the generator would send it.
fn load_of(asked: &Asked, requests: f64, request_ns: f64) -> LoadSpec {
    let is_variable = asked.squared_variation() > VARIABLE;
    let requests = if is_variable { requests * MORE_IF_VARIABLE } else { requests };
    let busy_ns = (asked.processing_ns() + request_ns).max(1.0);
    let traffic = simulated_traffic(asked, requests, busy_ns);
    let (arrivals, session, reuse, clients) = match traffic {
        Traffic::Requests { rate, kept } => {
            let reuse = if kept.is_some() { Reuse::Persistent } else { Reuse::Per(1) };
            (Arrivals::poisson(rate), None, reuse, kept.unwrap_or(ADDRESSES))
        }
        Traffic::Sessions { rate, length, think, .. } => {
            (Arrivals::poisson(rate), Some(Session { length, think }), Reuse::Persistent, 1)
        }
        Traffic::Closed { clients, think } => {
            // With a fixed pause all clients would begin at once and stay in step.
            let think = if think.is_fixed() && think.mean() > 0.0 {
                Distribution::exponential(think.mean())
            } else {
                think
            };
            (Arrivals::Closed(think), None, Reuse::Persistent, clients)
        }
    };
    let in_all_per_s = Asked { traffic, ..asked.clone() }.requests_per_s();
    let cycle_s = match traffic {
        Traffic::Requests { .. } => 0.0,
        Traffic::Sessions { .. } => asked.session_ns().unwrap_or(0.0) / 1e9,
        Traffic::Closed { think, .. } => (think.mean() + busy_ns) / 1e9,
    };
    let window_s = (requests / in_all_per_s).max(3.0 * cycle_s).clamp(1e-3, LONGEST_S);
    let warmup_s = (0.1 * window_s).max(2.0 * cycle_s).min(LONGEST_S / 3.0);
    LoadSpec {
        arrivals,
        session,
        clients,
        reuse,
        window: Duration::from_secs_f64(window_s),
        warmup: Duration::from_secs_f64(warmup_s),
        wait: asked.wait,
        compute: asked.compute,
        ..LoadSpec::default()
    }
}

/// The traffic that is simulated in the place of what was asked for: a rate at which nothing ever waits
/// is raised to one at which a request in 10,000 does, and long sessions, which would take many times
/// the requests to reach a steady state, become kept connections with the same requests.
fn simulated_traffic(asked: &Asked, requests: f64, busy_ns: f64) -> Traffic {
    let least_per_s = (1e-4 / (busy_ns / 1e9)).max(50.0 / LONGEST_S);
    let raised = |rate: Rate| Rate::per_second(rate.get().max(least_per_s)).unwrap_or(rate);
    match asked.traffic {
        Traffic::Requests { rate, kept } => Traffic::Requests { rate: raised(rate), kept },
        Traffic::Sessions { rate, length, think, kept } => {
            let session_s = asked.session_ns().unwrap_or(0.0) / 1e9;
            let before_it_is_steady = 2.0 * session_s * asked.requests_per_s();
            let all = Rate::per_second(asked.requests_per_s()).unwrap_or(rate);
            let open = asked.connections().ceil().clamp(1.0, f64::from(ADDRESSES)) as u32;
            if before_it_is_steady > 3.0 * requests {
                Traffic::Requests { rate: all, kept: Some(open) }
            } else {
                Traffic::Sessions { rate: raised(rate), length, think, kept }
            }
        }
        closed @ Traffic::Closed { .. } => closed,
    }
}

/// Whether some clients are never served, although there is capacity: workers that stay with other
/// connections.
fn starves(station: Station, asked: &Asked) -> bool {
    let (workers, stays) = match station {
        Station::Workers { count, stays, .. } => (count, stays),
        Station::OnDemand { limit, stays } => (limit, stays),
        Station::Delayed { .. } => return false,
    };
    let stay_for_ever = !matches!(asked.traffic, Traffic::Sessions { .. });
    stays == Stays::Connection && stay_for_ever && asked.connections() > f64::from(workers)
}

/// Requests a second that a station can serve. Where the requests of a connection are served in turn,
/// each connection brings at most one for each processing time.
fn capacity(station: Station, costs: &Costs, asked: &Asked, in_turn: bool) -> f64 {
    let of_station = capacity_of_station(station, costs, asked);
    if !in_turn || asked.session_ns().is_some() {
        return of_station;
    }
    let each_ns = asked.processing_ns() + costs.request_ns;
    of_station.min(asked.connections() * per_s(each_ns))
}

fn per_s(ns: f64) -> f64 {
    if ns > 0.0 { 1e9 / ns } else { f64::INFINITY }
}

fn capacity_of_station(station: Station, costs: &Costs, asked: &Asked) -> f64 {
    let cores = f64::from(asked.cores);
    let asked_wait_ns = asked.wait.mean();
    let resume_ns = if asked_wait_ns > 0.0 { costs.resume_ns } else { 0.0 };
    let compute_ns = asked.compute.mean() + costs.request_ns + resume_ns;
    let wait_ns = (asked_wait_ns - resume_ns).max(0.0) + costs.linger_ns;
    let processors = |each_ns: f64| cores * per_s(each_ns);
    match station {
        Station::Workers { count, stays: Stays::Computing, .. } => {
            cores.min(f64::from(count)) * per_s(compute_ns)
        }
        Station::Workers { count, stays: Stays::Connection, .. } => {
            sessions_served(count, asked, compute_ns).min(processors(compute_ns))
        }
        Station::Workers { count, handover_ns, .. } => {
            let busy =
                busy_workers_throughput(asked.cores, count, compute_ns + handover_ns, wait_ns);
            busy.map_or(f64::INFINITY, |per_ns| per_ns * 1e9)
        }
        Station::OnDemand { limit, stays: Stays::Connection } => {
            let requests = asked.requests_per_connection();
            let with_creation_ns = compute_ns + costs.creation_ns / requests;
            let created = per_s(costs.creation_ns) * requests;
            let served = sessions_served(limit, asked, compute_ns);
            served.min(processors(with_creation_ns)).min(created)
        }
        Station::OnDemand { limit, .. } => {
            let each_ns = compute_ns + costs.creation_ns;
            let of_workers = f64::from(limit) * per_s(each_ns + costs.start_ns + wait_ns);
            processors(each_ns).min(per_s(costs.creation_ns)).min(of_workers)
        }
        Station::Delayed { limit, patience_ns } => {
            let of_workers = f64::from(limit) * per_s(compute_ns + wait_ns);
            let port_ns =
                asked.at_the_port_ns(costs.request_ns + costs.linger_ns, patience_ns, costs);
            processors(compute_ns).min(of_workers).min(per_s(port_ns))
        }
    }
}

/// Requests a second of workers that stay with a session to its end.
fn sessions_served(workers: u32, asked: &Asked, compute_ns: f64) -> f64 {
    let Some(session_ns) = asked.session_ns() else { return f64::INFINITY };
    let requests = asked.requests_per_connection();
    let held_ns = session_ns + requests * (compute_ns - asked.compute.mean());
    f64::from(workers) * requests / (held_ns / 1e9).max(1e-12)
}
