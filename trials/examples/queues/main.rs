//! Compares measurements with queueing theory: M/M/1, M/D/1, M/M/4 and a two-point M/G/1, at loads
//! from light to heavy, on real sockets; and the capacity of an M/M/1, searched ten times.
//!
//! `cargo run --release --example queues` takes about an hour; names (`M/M/1`, `capacity`) choose
//! parts. Each row is the median of five runs, compared with theory twice. The first comparison is
//! with the formula for the service times that were achieved. The second follows the same arrivals
//! with the same services through the queue of that theory, so that both sides have the luck of one
//! run's arrivals. At ρ = 0.9 that luck moves the mean of a run of 20 s by a quarter. What occupies
//! a server besides services, receiving and replying, is measured before, by keeping the server
//! busy all the time.
//!
//! It exits with 1 if a row misses its bar against the same arrivals: 4 % for the mean, 6 % for it
//! from ρ = 0.8 on, and 8 % for p99. Beside the formula's ratio the table shows three times the
//! standard error of five runs.

mod capacity;

use std::process::ExitCode;
use std::time::Duration;

use crossover::setup::{ServerSetup, Workers};
use crossover::testbed::RealTestbed;
use crossover::testbed::ServerProcess;
use loadgen::Target;
use model::simulate::FirstCome;
use protocol::Transport;
use protocol::quantity::Nanoseconds;
use results::Measurement;
use servers::Design;
use trials::{self, Failed, Table, median};
use workload::{Arrivals, Distribution, LoadSpec, Plan, Rate};

/// Runs of each row.
const RUNS: u64 = 5;

/// The window of each run.
const WINDOW: Duration = Duration::from_secs(20);

/// How far the mean may be off; the second value applies from ρ = 0.8 on.
const LIGHT_MARGIN: f64 = 0.04;
const HEAVY_MARGIN: f64 = 0.06;

/// How far p99 may be off.
const TAIL_MARGIN: f64 = 0.08;

/// Utilisations.
const LOADS: [f64; 4] = [0.3, 0.6, 0.8, 0.9];

/// About how far a sleep overshoots, for choosing the rate.
const OVERSHOOT_NS: f64 = 40e3;

/// A queue: its name, the number of servers, their design, and the waits asked for.
struct Queue {
    name: &'static str,
    servers: u32,
    design: &'static str,
    wait: &'static str,
}

const QUEUES: [Queue; 4] = [
    Queue { name: "M/M/1", servers: 1, design: "udp-iterative", wait: "exp:3ms" },
    Queue { name: "M/D/1", servers: 1, design: "udp-iterative", wait: "3ms" },
    Queue { name: "M/M/4", servers: 4, design: "udp-prethreaded", wait: "exp:4ms" },
    Queue { name: "M/G/1", servers: 1, design: "udp-iterative", wait: "two-point:1ms,21ms,0.1" },
];

fn main() -> ExitCode {
    trials::main(run)
}

fn run() -> Result<bool, Failed> {
    let mut testbed = RealTestbed::new();
    let mut holds = true;
    let names = QUEUES.iter().map(|queue| queue.name).chain(["capacity"]);
    let chosen = trials::chosen(&names.collect::<Vec<_>>())?;
    let queues: Vec<&Queue> = QUEUES.iter().filter(|queue| chosen.contains(&queue.name)).collect();
    if !queues.is_empty() {
        holds &= measure_queues(&mut testbed, &queues)?;
    }
    if chosen.contains(&"capacity") {
        holds &= capacity::searches(&mut testbed)?;
    }
    Ok(holds)
}

fn measure_queues(testbed: &mut RealTestbed, queues: &[&Queue]) -> Result<bool, Failed> {
    let mut table = Table::default();
    let columns = [
        "queue",
        "ρ",
        "mean : formula",
        "mean : same arrivals",
        "bar",
        "p99 : same arrivals",
        "bar",
        "doubted",
        "",
    ];
    let title = format!("Measured : theory, medians of {RUNS} runs of {} s", WINDOW.as_secs());
    table.begin(&title, &columns);
    for queue in queues {
        for load in LOADS {
            row(testbed, &mut table, queue, load)?;
        }
    }
    if queues.len() == QUEUES.len() {
        table.write_if_asked("benches/README.md", "queues")?;
    }
    Ok(table.all_hold())
}

fn row(
    testbed: &mut RealTestbed,
    table: &mut Table,
    queue: &Queue,
    load: f64,
) -> Result<(), Failed> {
    let besides_ns = besides_ns(testbed, queue)?;
    let (mut doubted, mut is_complete) = (0, true);
    let (mut by_formula, mut means, mut tails, mut loads) = (vec![], vec![], vec![], vec![]);
    for seed in 0..RUNS {
        let plan = Plan::draw(spec(queue, load, besides_ns, 100 + seed)?)?;
        let measured = measure(testbed, queue, &plan)?;
        let theory = theory(queue, &plan, &measured, besides_ns)?;
        let counts = &measured.counts;
        if counts.answered != counts.planned {
            println!("{} of {} answered at ρ = {load}", counts.answered, counts.planned);
            is_complete = false; // theory has no loss
        }
        doubted += u32::from(!measured.doubts.is_empty());
        let response = &measured.times.response_time;
        let mean_ns = response.mean_ns().ok_or("no replies")?;
        let p99 = response.percentile(0.99).known_ns().map_or(f64::NAN, |ns| ns as f64);
        by_formula.push(mean_ns / theory.formula_mean_ns);
        means.push(mean_ns / theory.mean_ns);
        tails.push(p99 / theory.p99_ns);
        loads.push(theory.utilisation);
    }
    let luck = 3.0 * spread(&by_formula) / (by_formula.len() as f64).sqrt();
    let margin = if load >= 0.8 { HEAVY_MARGIN } else { LIGHT_MARGIN };
    let (mean, tail) = (median(means), median(tails));
    let cells = [
        queue.name.to_owned(),
        format!("{:.3}", median(loads)),
        format!("{:.3} ± {luck:.3}", median(by_formula)),
        format!("{mean:.3}"),
        format!("{:.0} %", margin * 100.0),
        format!("{tail:.3}"),
        format!("{:.0} %", TAIL_MARGIN * 100.0),
        format!("{doubted} of {RUNS}"),
    ];
    let is_near = (mean - 1.0).abs() <= margin && (tail - 1.0).abs() <= TAIL_MARGIN;
    table.row(&cells, Some(is_near && is_complete));
    Ok(())
}

fn spec(queue: &Queue, load: f64, besides_ns: f64, seed: u64) -> Result<LoadSpec, Failed> {
    let wait: Distribution<Nanoseconds> = queue.wait.parse()?;
    let rate = load * f64::from(queue.servers) / (wait.mean() + besides_ns + OVERSHOOT_NS) * 1e9;
    Ok(LoadSpec {
        arrivals: Arrivals::poisson(Rate::per_second(rate).ok_or("a rate above 0")?),
        wait,
        window: WINDOW,
        timeout: Duration::from_secs(10),
        seed,
        ..LoadSpec::default()
    })
}

fn measure(testbed: &mut RealTestbed, queue: &Queue, plan: &Plan) -> Result<Measurement, Failed> {
    let cores = testbed.usual_placement().server_cores.clone();
    let design = Design::named(queue.design).ok_or("a design of the catalogue")?;
    let setup =
        ServerSetup { workers: Some(Workers::Count(queue.servers)), ..ServerSetup::usual(design) };
    let server = ServerProcess::start(&setup, &cores).map_err(|failure| failure.to_string())?;
    let target = Target::work(Transport::Udp, server.address);
    let measured =
        testbed.drive(&target, plan, &|| false).map_err(|failure| failure.to_string())?;
    server.stop().map_err(|failure| failure.to_string())?;
    Ok(measured)
}

/// The time that occupies a server besides services, by receiving and replying: the rest of the
/// time from one request to the next if its queue is never empty.
fn besides_ns(testbed: &mut RealTestbed, queue: &Queue) -> Result<f64, Failed> {
    let plan = Plan::draw(LoadSpec {
        arrivals: Arrivals::Closed(Distribution::fixed(0.0)),
        clients: 4 * queue.servers,
        wait: queue.wait.parse()?,
        ..LoadSpec::default()
    })?;
    let measured = measure(testbed, queue, &plan)?;
    let cycle_ns = f64::from(queue.servers) / measured.rate_achieved * 1e9;
    Ok(cycle_ns - measured.times.service_time.mean_ns().ok_or("no services")?)
}

/// What theory predicts for one run.
struct Theory {
    utilisation: f64,
    formula_mean_ns: f64,
    /// For the same arrivals with the same services.
    mean_ns: f64,
    p99_ns: f64,
}

fn theory(
    queue: &Queue,
    plan: &Plan,
    measured: &Measurement,
    besides_ns: f64,
) -> Result<Theory, Failed> {
    let service_ns = measured.times.service_time.mean_ns().ok_or("no services")?;
    let squared_variation = measured.times.service_time.squared_variation().ok_or("no services")?;
    let occupied_ns = service_ns + besides_ns;
    let squared_variation = squared_variation * (service_ns / occupied_ns).powi(2);
    let per_ns = measured.rate_achieved / 1e9;
    let formula = match queue.servers {
        1 => model::iterative_mean_response(per_ns, occupied_ns, squared_variation),
        many => model::pool_mean_response(many, per_ns, occupied_ns, squared_variation),
    };
    let followed = follow(queue.servers, plan, occupied_ns);
    Ok(Theory {
        utilisation: per_ns * occupied_ns / f64::from(queue.servers),
        formula_mean_ns: formula?,
        mean_ns: followed.iter().sum::<f64>() / followed.len() as f64,
        p99_ns: p99(&followed),
    })
}

/// The 99th percentile of sorted values.
fn p99(sorted: &[f64]) -> f64 {
    sorted[(sorted.len() * 99).div_ceil(100) - 1]
}

/// The sorted response times of a plan's requests that are followed through a queue. Each request
/// occupies its server for the time asked for plus the mean excess over all requests.
fn follow(servers: u32, plan: &Plan, mean_occupied_ns: f64) -> Vec<f64> {
    let requests: Vec<(f64, f64)> = plan
        .requests()
        .map(|request| (request.intended_ns as f64, request.work.wait.as_nanos() as f64))
        .collect();
    let warmup_ns = plan.spec.warmup.as_nanos() as f64;
    let from = requests.partition_point(|(intended_ns, _)| *intended_ns < warmup_ns);
    let asked_ns: f64 = requests[from..].iter().map(|(_, wait_ns)| wait_ns).sum();
    let more_ns = mean_occupied_ns - asked_ns / (requests.len() - from) as f64;
    let mut queue = FirstCome::new(servers);
    let respond = |(at_ns, wait_ns): &(f64, f64)| {
        let occupied_ns = wait_ns + more_ns;
        queue.wait(*at_ns, occupied_ns) + occupied_ns
    };
    let mut responses_ns = requests.iter().map(respond).collect::<Vec<f64>>().split_off(from);
    responses_ns.sort_by(f64::total_cmp);
    responses_ns
}

fn spread(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (count - 1.0)).sqrt()
}
