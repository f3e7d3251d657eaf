//! `crossover load --capacity` on an M/M/1, ten times, beside what theory says.

use std::process::Command;
use std::time::Duration;

use crossover::ServerProcess;
use crossover::example::{Failed, Table, median};
use crossover::real_testbed::RealTestbed;
use crossover::testbed::Testbed;
use loadgen::expectation::Expectation;
use loadgen::{Arrivals, LoadSpec, Plan, Rate};
use serde_json::Value;

use super::{Queue, busy, follow, p99};

const SEARCHES: u64 = 10;

const WAIT: &str = "exp:500us";

/// Kept busy with waits that are all alike, so that its cycle owes nothing to chance.
const QUEUE: Queue = Queue { name: "M/M/1", servers: 1, design: "udp-iterative", wait: "500us" };

const BOUND: &str = "p99 < 8ms";

/// Searches, and counts those within 5 % of the capacity in theory, of which nine must be.
pub fn searches(testbed: &mut RealTestbed) -> Result<bool, Failed> {
    let mut table = Table::default();
    let columns = [
        "search",
        "found",
        "interval",
        "theory, followed",
        "μ − ln 100 / bound",
        "found : theory",
        "",
    ];
    table.begin(&format!("Capacity of an M/M/1 with {BOUND}, by --capacity"), &columns);
    let bound_ns = BOUND.parse::<Expectation>()?.below_ns as f64;
    let placement = testbed.placement().clone();
    let mut ratios = Vec::new();
    for seed in 0..SEARCHES {
        // The machine changes from minute to minute; theory has the server of the same minutes.
        let occupied_ns = busy(testbed, &QUEUE)?.cycle_ns;
        let server = ServerProcess::start_with(QUEUE.design, &placement.server_cores, &[])
            .map_err(|failure| failure.to_string())?;
        let target = format!("udp://{}", server.address);
        let core = placement.generator_cores[0].to_string();
        let found = search(&target, &core, seed)?;
        let rate_of = |name: &str| found["capacity"][name].as_f64().ok_or("no capacity found");
        let rate = rate_of("rate")?;
        server.stop().map_err(|failure| failure.to_string())?;
        let theory = capacity_of(occupied_ns, bound_ns)?;
        ratios.push(rate / theory);
        let cells = [
            (seed + 1).to_string(),
            format!("{rate:.0}/s"),
            format!("{:.0} to {:.0}", rate_of("low")?, rate_of("high")?),
            format!("{theory:.0}/s"),
            format!("{:.0}/s", 1e9 / occupied_ns - 100_f64.ln() / bound_ns * 1e9),
            format!("{:.3}", rate / theory),
        ];
        table.row(&cells, None);
    }
    let near = ratios.iter().filter(|ratio| (*ratio - 1.0).abs() <= 0.05).count();
    let cells = ["within 5 %".to_owned(), format!("{near} of {SEARCHES}")];
    let rest = ["", "", "", &format!("{:.3}", median(ratios))].map(str::to_owned);
    table.row(&[&cells[..], &rest].concat(), Some(near >= 9));
    table.write_if_asked("benches/README.md", "capacity")?;
    Ok(table.all_hold())
}

fn search(target: &str, core: &str, seed: u64) -> Result<Value, Failed> {
    let output = Command::new(std::env::current_exe()?)
        .args(["load", target, "--json", "--cores", core, "--wait", WAIT, "--for", "6s"])
        .args(["--timeout", "5s", "--seed", &seed.to_string()])
        .args(["--capacity", BOUND, "--rate", "600/s"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).map_err(|_| format!("crossover load: {said}").into())
}

/// The rate at which p99 reaches the bound, where services are the waits asked for and as much
/// longer as makes their mean: bisection over long plans that are followed through the queue.
fn capacity_of(occupied_ns: f64, bound_ns: f64) -> Result<f64, Failed> {
    const REQUESTS: f64 = 400e3;
    let (mut low, mut high) = (0.3e9 / occupied_ns, 0.95e9 / occupied_ns);
    for _ in 0..12 {
        let rate = f64::midpoint(low, high);
        let plan = Plan::draw(LoadSpec {
            arrivals: Arrivals::Poisson(Rate::per_second(rate).ok_or("a rate above 0")?),
            wait: WAIT.parse()?,
            window: Duration::from_secs_f64(REQUESTS / rate),
            ..LoadSpec::default()
        })?;
        let p99_ns = p99(&follow(1, &plan, occupied_ns));
        *(if p99_ns < bound_ns { &mut low } else { &mut high }) = rate;
    }
    Ok(f64::midpoint(low, high))
}
