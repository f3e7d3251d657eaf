//! `crossover load --capacity` on an M/M/1, ten times, compared with theory.

use std::time::Duration;

use crossover::setup::ServerSetup;
use crossover::testbed::RealTestbed;
use crossover::testbed::ServerProcess;
use loadgen::capacity::Capacity;
use loadgen::expectation::Expectation;
use serde_json::Value;
use servers::Design;
use trials::{self, Failed, Table, median};
use workload::{Arrivals, LoadSpec, Plan, Rate};

use super::{Queue, besides_ns, follow, p99};

const SEARCHES: u64 = 10;

/// So long that a sleep's overshoot and a stall of the machine are small beside it.
const WAIT: &str = "exp:1ms";

/// Kept busy with equal waits, so that its cycle does not depend on chance.
const QUEUE: Queue = Queue { name: "M/M/1", servers: 1, design: "udp-iterative", wait: "1ms" };

const BOUND: &str = "p99 < 16ms";

/// Length of a trial.
const TRIAL: &str = "8s";

/// Searches, and counts the results within 5 % of μ − ln 100 / bound; nine of ten must be. μ is the
/// rate of the services achieved in the trials, including what else occupies the server. Receiving
/// and replying are not exponential; the followed queue of the same theory shows the effect.
pub fn searches(testbed: &mut RealTestbed) -> Result<bool, Failed> {
    let mut table = Table::default();
    let columns = [
        "search",
        "found",
        "interval",
        "μ achieved",
        "μ − ln 100 / bound",
        "found : formula",
        "found : followed",
        "",
    ];
    let title = format!("Capacity of an M/M/1 with {BOUND}, by --capacity, {TRIAL} a trial");
    table.begin(&title, &columns);
    let (mut by_formula, mut by_followed) = (Vec::new(), Vec::new());
    for seed in 0..SEARCHES {
        let (found, theory) = found_and_theory(testbed, seed)?;
        let ratios = [theory.formula, theory.followed].map(|capacity| found.rate / capacity);
        by_formula.push(ratios[0]);
        by_followed.push(ratios[1]);
        let cells = [
            (seed + 1).to_string(),
            format!("{:.0}/s", found.rate),
            format!("{:.0} to {:.0}", found.low, found.high),
            format!("{:.0}/s", theory.service_rate),
            format!("{:.0}/s", theory.formula),
            format!("{:.3}", ratios[0]),
            format!("{:.3}", ratios[1]),
        ];
        table.row(&cells, None);
    }
    let near =
        |ratios: &[f64]| ratios.iter().filter(|ratio| (*ratio - 1.0).abs() <= 0.05).count() as u64;
    let held = near(&by_formula) * 10 >= SEARCHES * 9;
    let of_all = |ratios: &[f64]| format!("{} of {SEARCHES}", near(ratios));
    let below = |name: &str, its: [String; 2]| {
        [&[name, "", "", "", ""].map(str::to_owned)[..], &its].concat()
    };
    table.row(&below("within 5 %", [of_all(&by_formula), of_all(&by_followed)]), Some(held));
    let medians = [by_formula, by_followed].map(|ratios| format!("{:.3}", median(ratios)));
    table.row(&below("median", medians), None);
    table.write_if_asked("benches/README.md", "capacity")?;
    Ok(table.all_hold())
}

/// Rates in theory, per second.
struct Theory {
    service_rate: f64,
    formula: f64,
    followed: f64,
}

fn found_and_theory(testbed: &mut RealTestbed, seed: u64) -> Result<(Capacity, Theory), Failed> {
    // The machine changes from minute to minute, so theory uses the server of the same minutes.
    let besides_ns = besides_ns(testbed, &QUEUE)?;
    let placement = testbed.usual_placement();
    let design = Design::named(QUEUE.design).ok_or("a design of the catalogue")?;
    let server = ServerProcess::start(&ServerSetup::usual(design), &placement.server_cores)
        .map_err(|failure| failure.to_string())?;
    let target = format!("udp://{}", server.address);
    let said = search(&target, &placement.generator_cores[0].to_string(), seed)?;
    server.stop().map_err(|failure| failure.to_string())?;
    let rate_of = |name: &str| said["capacity"][name].as_f64().ok_or("no capacity found");
    let found = Capacity { rate: rate_of("rate")?, low: rate_of("low")?, high: rate_of("high")? };
    let occupied_ns = service_ns(&said)? + besides_ns;
    let service_rate = 1e9 / occupied_ns;
    let bound_ns = BOUND.parse::<Expectation>()?.below_ns as f64;
    let formula = service_rate - 100_f64.ln() / bound_ns * 1e9;
    let followed = capacity_of(occupied_ns, bound_ns)?;
    Ok((found, Theory { service_rate, formula, followed }))
}

/// The mean service time of all trials.
fn service_ns(said: &Value) -> Result<f64, Failed> {
    let trials = said["trials"].as_array().ok_or("no trials")?;
    let means: Vec<f64> =
        trials.iter().filter_map(|trial| trial["service_time_mean_ns"].as_f64()).collect();
    Ok(means.iter().sum::<f64>() / means.len() as f64)
}

fn search(target: &str, core: &str, seed: u64) -> Result<Value, Failed> {
    let output = trials::load(target, core)?
        .args(["--wait", WAIT, "--for", TRIAL, "--timeout", "5s", "--seed", &seed.to_string()])
        .args(["--capacity", BOUND, "--rate", "300/s"])
        // The load inherits the one core of this process, and would take it for the machine's only
        // one.
        .args(["--pacing", "spin"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).map_err(|_| format!("crossover load: {said}").into())
}

/// The rate at which p99 reaches the bound, if each service is the wait asked for plus the excess
/// that gives the mean. It is found by bisection over long plans that are followed through the
/// queue.
fn capacity_of(occupied_ns: f64, bound_ns: f64) -> Result<f64, Failed> {
    const REQUESTS: f64 = 400e3;
    let (mut low, mut high) = (0.3e9 / occupied_ns, 0.95e9 / occupied_ns);
    for _ in 0..12 {
        let rate = f64::midpoint(low, high);
        let plan = Plan::draw(LoadSpec {
            arrivals: Arrivals::poisson(Rate::per_second(rate).ok_or("a rate above 0")?),
            wait: WAIT.parse()?,
            window: Duration::from_secs_f64(REQUESTS / rate),
            ..LoadSpec::default()
        })?;
        let p99_ns = p99(&follow(1, &plan, occupied_ns));
        *(if p99_ns < bound_ns { &mut low } else { &mut high }) = rate;
    }
    Ok(f64::midpoint(low, high))
}
