//! `crossover simulate`: a design under a load on a machine that need not be at hand.

mod follow;
mod output;

use std::time::Duration;

use advice::{MachineCosts, Running, station};
use results::Measurement;
use workload::{Arrivals, LoadSpec, Plan, Rate, Reuse, Session};

use crate::cli::{SimulateArgs, Vary, VaryFlag};
use crate::costs;
use crate::error::Error;

/// Longer than anything takes: requests are never given up.
const NEVER: Duration = Duration::from_secs(3_600);

/// The fraction of the measured window that comes before it.
const WARMUP: f64 = 0.1;

/// Up to this many requests the window is cut so that it holds exactly as many.
const EXACTLY: u64 = 1 << 20;

/// What a simulation found.
struct Simulated {
    plan: Plan,
    measured: Measurement,
    /// Processor time used over processor time there was.
    utilisation: f64,
    workers: u32,
}

pub(crate) fn run(arguments: &SimulateArgs) -> Result<(), Error> {
    let costs = costs::of(Some(&arguments.costs))?;
    let Some(vary) = &arguments.vary else {
        let simulated = simulate(arguments, &costs)?;
        return output::one(arguments, &simulated);
    };
    let points = vary.values.iter().map(|value| {
        let varied = with(arguments, vary, value)?;
        let simulated = simulate(&varied, &costs)?;
        Ok((value.clone(), varied, simulated))
    });
    let points: Vec<_> = points.collect::<Result<_, Error>>()?;
    output::several(arguments, vary.flag, &points)
}

/// The arguments with one of the varied values.
fn with(arguments: &SimulateArgs, vary: &Vary, value: &str) -> Result<SimulateArgs, Error> {
    let mut varied = arguments.clone();
    let wrong = |why: String| Error::Usage(format!("--vary {}: {why}", vary.flag.name()));
    let count = || {
        let count = value.parse::<u32>().ok().filter(|count| *count > 0);
        count.ok_or_else(|| wrong(format!("'{value}' is not a number above 0")))
    };
    match vary.flag {
        VaryFlag::Cores => varied.cores = count()?,
        VaryFlag::Workers => varied.workers = Some(count()?),
        VaryFlag::Clients => varied.clients = count()?,
        VaryFlag::Rate => varied.rate = Some(value.parse().map_err(wrong)?),
        VaryFlag::Wait => varied.wait = value.parse().map_err(wrong)?,
        VaryFlag::Compute => varied.compute = value.parse().map_err(wrong)?,
    }
    Ok(varied)
}

fn simulate(arguments: &SimulateArgs, costs: &MachineCosts) -> Result<Simulated, Error> {
    let plan = plan(arguments)?;
    let workers = arguments.workers.unwrap_or_else(|| usual_workers(arguments));
    let running = Running {
        workers,
        cores: arguments.cores,
        keeps_connections: arguments.connection == Reuse::Persistent
            || arguments.closed
            || arguments.session.is_some_and(|session| session.mean() > 1.0),
        memory_bytes: arguments.memory as f64,
        patience_ns: arguments.patience.as_nanos() as f64,
        room: arguments.room,
    };
    let (its, steps, mut computer) = station(arguments.design, &running, costs);
    computer.slice_ns = arguments.slice.as_nanos() as f64;
    let followed = follow::follow(&plan, its, steps, computer);
    let span_ns = followed.wall_ns() as f64;
    Ok(Simulated {
        utilisation: followed.computed_ns / (span_ns * f64::from(arguments.cores)),
        measured: followed.measured(&plan, arguments.design.transport()),
        plan,
        workers,
    })
}

/// The workers that `serve` would have; one for each core where it has one for each processor.
fn usual_workers(arguments: &SimulateArgs) -> u32 {
    let design = arguments.design;
    let is_for_cores = design.concurrency == servers::Concurrency::Apparent
        && design.allocation != servers::Allocation::None;
    if is_for_cores { arguments.cores } else { design.usual_workers() }
}

fn plan(arguments: &SimulateArgs) -> Result<Plan, Error> {
    let expected_per_s = expected_per_s(arguments);
    let window = arguments.requests as f64 / expected_per_s;
    let seconds = |seconds: f64| {
        Duration::try_from_secs_f64(seconds.max(1e-9)).map_err(|_| {
            Error::Usage(format!(
                "--requests {} at {expected_per_s}/s take too long; ask for fewer",
                arguments.requests
            ))
        })
    };
    let is_persistent = arguments.connection == Reuse::Persistent;
    let spec = LoadSpec {
        arrivals: match (arguments.rate, arguments.closed) {
            (Some(rate), false) => Arrivals::open(rate, arguments.arrivals),
            _ => Arrivals::Closed(arguments.think),
        },
        session: arguments.session.map(|length| Session { length, think: arguments.think }),
        clients: if is_persistent || arguments.closed {
            arguments.clients
        } else {
            64.max(arguments.clients)
        },
        window: seconds(window)?,
        warmup: seconds(window * WARMUP)?,
        wait: arguments.wait,
        compute: arguments.compute,
        reuse: arguments.connection,
        timeout: arguments.timeout.unwrap_or(NEVER),
        seed: arguments.seed,
        ..LoadSpec::default()
    };
    exactly(arguments, spec)
}

/// The plan whose window is cut or extended so that it holds as many requests as asked for.
fn exactly(arguments: &SimulateArgs, spec: LoadSpec) -> Result<Plan, Error> {
    let is_random = matches!(spec.arrivals.law(), Some(workload::Law::Poisson));
    let plan = Plan::draw(spec)?;
    if !is_random || !plan.is_counted() || arguments.requests > EXACTLY {
        return Ok(plan);
    }
    let count = arguments.requests as f64;
    let longer = LoadSpec {
        window: plan.spec.window.mul_f64(1.0 + 8.0 / count.sqrt() + 20.0 / count),
        ..plan.spec.clone()
    };
    let start_ns = plan.window_start_ns();
    let drawn = Plan::draw(longer)?;
    let measured = drawn.requests().filter(|request| request.intended_ns >= start_ns);
    let last = measured.take(arguments.requests as usize).last();
    let Some(last) = last else { return Ok(plan) };
    let window = Duration::from_nanos(last.intended_ns + 1 - start_ns);
    Ok(Plan::draw(LoadSpec { window, ..plan.spec })?)
}

/// Requests a second, about.
fn expected_per_s(arguments: &SimulateArgs) -> f64 {
    let length = arguments.session.map_or(1.0, workload::SessionLength::mean);
    match arguments.rate.map(Rate::get) {
        Some(rate) => rate * length,
        None => {
            let processing_ns = arguments.wait.mean() + arguments.compute.mean();
            f64::from(arguments.clients) * 1e9 / (processing_ns + arguments.think.mean()).max(1.0)
        }
    }
}
