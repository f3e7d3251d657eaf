//! `crossover simulate`: a design under a load on a machine that need not be at hand.

mod output;

use std::time::Duration;

use advice::{MachineCosts, Running, longest_compute_ns, station};
use results::Measurement;
use servers::Design;
use workload::{Arrivals, LoadSpec, Plan, Rate, Reuse, Session};

use crate::bench;
use crate::cli::{BenchArgs, MOST_CLIENTS, MOST_CORES, SimulateArgs, Vary, VaryFlag};
use crate::costs;
use crate::error::Error;
use crate::testbed::follow::follow;
use crate::testbed::{ModelledTestbed, usual_workers};

/// Longer than anything takes: requests are never given up.
const NEVER: Duration = Duration::from_secs(3_600);

/// The longest window in seconds.
const LONGEST_S: f64 = 70_000.0;

/// The fraction of the measured window that comes before it.
const WARMUP: f64 = 0.1;

/// Addresses of requests that have no kept connection.
const ADDRESSES: u32 = 4096;

/// Up to this many requests the window is cut so that it holds exactly as many.
const EXACTLY: u64 = 1 << 20;

/// What a simulation found.
struct Simulated {
    plan: Plan,
    measured: Measurement,
    /// Processor time used over processor time there was.
    utilisation: f64,
    design: &'static Design,
    workers: u32,
}

pub(crate) fn run(arguments: &SimulateArgs) -> Result<(), Error> {
    let costs = costs::of(Some(&arguments.costs))?;
    if arguments.scenario.is_some() {
        return simulate_scenario(arguments, costs);
    }
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

/// A whole bench, with the same answers, page and figures.
fn simulate_scenario(arguments: &SimulateArgs, costs: MachineCosts) -> Result<(), Error> {
    let mut testbed = ModelledTestbed::new(costs, arguments.cores);
    bench::run_on(
        &mut testbed,
        arguments.cores as usize,
        &BenchArgs {
            scenario: arguments.scenario.clone(),
            out: arguments.out.clone(),
            json: arguments.json,
            ..BenchArgs::default()
        },
    )
}

/// The arguments with one of the varied values.
fn with(arguments: &SimulateArgs, vary: &Vary, value: &str) -> Result<SimulateArgs, Error> {
    let mut varied = arguments.clone();
    let wrong = |why: String| Error::Usage(format!("--vary {}: {why}", vary.flag.name()));
    let count = |most: u32| {
        let count = value.parse::<u32>().ok().filter(|count| (1..=most).contains(count));
        count.ok_or_else(|| wrong(format!("'{value}' is not a number from 1 to {most}")))
    };
    match vary.flag {
        VaryFlag::Cores => varied.cores = count(MOST_CORES)?,
        VaryFlag::Workers => varied.workers = Some(count(MOST_CLIENTS)?),
        VaryFlag::Clients => varied.clients = count(MOST_CLIENTS)?,
        VaryFlag::Rate => varied.rate = Some(value.parse().map_err(wrong)?),
        VaryFlag::Wait => varied.wait = value.parse().map_err(wrong)?,
        VaryFlag::Compute => varied.compute = value.parse().map_err(wrong)?,
    }
    Ok(varied)
}

fn simulate(arguments: &SimulateArgs, costs: &MachineCosts) -> Result<Simulated, Error> {
    let plan = plan(arguments)?;
    let design = design(arguments)?;
    let workers = arguments.workers.unwrap_or_else(|| usual_workers(design, arguments.cores));
    let running = Running {
        workers,
        cores: arguments.cores,
        keeps_connections: arguments.connection == Reuse::Persistent
            || arguments.closed
            || arguments.session.is_some_and(|session| session.mean() > 1.0),
        memory_bytes: arguments.memory as f64,
        patience_ns: arguments.patience.as_nanos() as f64,
        room: arguments.room,
        longest_compute_ns: longest_compute_ns(&arguments.compute),
    };
    let (its, steps, mut computer) = station(design, &running, costs);
    if !arguments.slice.is_zero() {
        computer.slice_ns = arguments.slice.as_nanos() as f64;
    }
    let followed = follow(&plan, its, steps, computer);
    let span_ns = followed.wall_ns() as f64;
    Ok(Simulated {
        utilisation: followed.computed_ns / (span_ns * f64::from(arguments.cores)),
        measured: followed.measured(&plan, design.transport()),
        plan,
        design,
        workers,
    })
}

fn design(arguments: &SimulateArgs) -> Result<&'static Design, Error> {
    arguments.design.ok_or_else(|| {
        Error::Usage("give --design NAME, or the name or file of a scenario".to_owned())
    })
}

fn plan(arguments: &SimulateArgs) -> Result<Plan, Error> {
    let cycle_ns = arguments.think.mean() + arguments.wait.mean() + arguments.compute.mean();
    if arguments.closed && cycle_ns <= 0.0 {
        return Err(Error::Usage(
            "clients of a closed loop that neither pause nor ask for anything would ask without end; give \
             --think, --wait or --compute"
                .to_owned(),
        ));
    }
    let expected_per_s = expected_per_s(arguments);
    let window = arguments.requests as f64 / expected_per_s;
    if window > LONGEST_S {
        return Err(Error::Usage(format!(
            "--requests {} at {expected_per_s}/s take more than {LONGEST_S} s, the longest that is simulated; \
             ask for fewer requests",
            arguments.requests
        )));
    }
    let seconds = |seconds: f64| Duration::from_secs_f64(seconds.max(1e-9));
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
            ADDRESSES.max(arguments.clients)
        },
        window: seconds(window),
        warmup: seconds(window * WARMUP),
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
    if !is_random || spec.session.is_some() || arguments.requests > EXACTLY {
        return Ok(Plan::draw(spec)?);
    }
    Ok(Plan::draw_exactly(spec, arguments.requests)?)
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
