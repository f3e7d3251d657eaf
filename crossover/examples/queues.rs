//! Measured against queueing theory: M/M/1, M/D/1, M/M/4 and a two-point M/G/1, at loads from light
//! to heavy, on real sockets.
//!
//! `cargo run --release --example queues` takes about half an hour; names (`M/M/1`) choose.
//! Each row is the median of five runs. The mean is compared with the formula for the service times
//! that were achieved, p99 with a simulation of the queue that draws from them. It exits with 1 if
//! a row misses its margin: of the mean 4 %, or three times the error that chance alone makes of
//! five runs, if that is more, but no more than 6 % from ρ = 0.8 on; of p99 8 %.

use std::process::ExitCode;
use std::time::Duration;

use crossover::ServerProcess;
use crossover::generator::Aim;
use crossover::real_testbed::RealTestbed;
use crossover::testbed::Testbed;
use loadgen::{Arrivals, Distribution, LoadSpec, Nanoseconds, Plan, Rate};
use results::{Measurement, Spectrum};
use servers::Transport;

/// Runs of each row.
const RUNS: u64 = 5;

/// Utilisations.
const LOADS: [f64; 4] = [0.3, 0.6, 0.8, 0.9];

/// What a sleep overshoots, and receiving and replying take, for choosing the rate.
const ALLOWANCE_NS: f64 = 60e3;

/// A queue: its name, how many serve, by which design, and the waits asked for.
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

type Failed = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    crossover::example_main(run)
}

fn run() -> Result<bool, Failed> {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let mut testbed = RealTestbed::new();
    println!(
        "| queue | ρ | mean, measured : theory | margin | p99, measured : theory | margin | |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut all_hold = true;
    for queue in &QUEUES {
        if chosen.is_empty() || chosen.iter().any(|name| name == queue.name) {
            for load in LOADS {
                all_hold &= row(&mut testbed, queue, load)?;
            }
        }
    }
    Ok(all_hold)
}

fn row(testbed: &mut RealTestbed, queue: &Queue, load: f64) -> Result<bool, Failed> {
    let (mut means, mut tails, mut loads) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..RUNS {
        let measured = measure(testbed, queue, load, 100 + seed)?;
        let per_ns = measured.rate_achieved / 1e9;
        let service_ns = measured.service_time.mean_ns().ok_or("no services")?;
        let (mean_ns, p99_ns) = theory(queue, per_ns, &measured.service_time, seed)?;
        let response = &measured.response_time;
        means.push(response.mean_ns().unwrap_or(f64::NAN) / mean_ns);
        let p99 = response.percentile(0.99).known_ns().map_or(f64::NAN, |ns| ns as f64);
        tails.push(p99 / p99_ns);
        loads.push(per_ns * service_ns / f64::from(queue.servers));
    }
    let chance = 3.0 * spread(&means) / (means.len() as f64).sqrt();
    let margin = if load >= 0.8 { chance.clamp(0.04, 0.06) } else { chance.max(0.04) };
    let (mean, tail) = (median(&mut means), median(&mut tails));
    let holds = (mean - 1.0).abs() <= margin && (tail - 1.0).abs() <= 0.08;
    println!(
        "| {} | {:.3} | {mean:.3} | {:.1} % | {tail:.3} | 8 % | {} |",
        queue.name,
        median(&mut loads),
        margin * 100.0,
        if holds { "holds" } else { "**missed**" }
    );
    Ok(holds)
}

fn measure(
    testbed: &mut RealTestbed,
    queue: &Queue,
    load: f64,
    seed: u64,
) -> Result<Measurement, Failed> {
    let wait: Distribution<Nanoseconds> = queue.wait.parse()?;
    let rate = load * f64::from(queue.servers) / (wait.mean() + ALLOWANCE_NS) * 1e9;
    let plan = Plan::draw(LoadSpec {
        arrivals: Arrivals::Poisson(Rate::per_second(rate).ok_or("a rate above 0")?),
        wait,
        window: Duration::from_secs(20),
        timeout: Duration::from_secs(10),
        seed,
        ..LoadSpec::default()
    })?;
    let workers = queue.servers.to_string();
    let cores = testbed.placement().server_cores.clone();
    let server = ServerProcess::start_with(queue.design, &cores, &["--workers", &workers])
        .map_err(|failure| failure.to_string())?;
    let aim = Aim::work(Transport::Udp, server.address);
    let measured = testbed.drive(&aim, &plan, &|| false).map_err(|failure| failure.to_string())?;
    server.stop().map_err(|failure| failure.to_string())?;
    Ok(measured)
}

/// Mean and p99 of the response time, for the service times achieved.
fn theory(
    queue: &Queue,
    per_ns: f64,
    service_time: &Spectrum,
    seed: u64,
) -> Result<(f64, f64), Failed> {
    let service_ns = service_time.mean_ns().ok_or("no services")?;
    let squared_variation = service_time.squared_variation().ok_or("no services")?;
    let mean = match queue.servers {
        1 => model::iterative_mean_response(per_ns, service_ns, squared_variation),
        many => model::pool_mean_response(many, per_ns, service_ns),
    };
    // Evenly spaced quantiles stand for the distribution.
    let services: Vec<f64> = (0..2000)
        .filter_map(|at| service_time.percentile((f64::from(at) + 0.5) / 2000.0).known_ns())
        .map(|ns| ns as f64)
        .collect();
    let p99 = model::simulated_percentile(queue.servers, per_ns, &services, 0.99, 400_000, seed);
    Ok((mean.ok_or("the load is beyond the capacity")?, p99))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn spread(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (count - 1.0)).sqrt()
}
