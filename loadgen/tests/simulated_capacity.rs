//! The search for a capacity in simulated time, where a formula gives the capacity.

use std::time::Duration;

use loadgen::capacity::{Next, Outcome, Search, Trial};
use loadgen::driver::{SimulatedServer, SimulatedTransport};
use loadgen::expectation::Statistic;
use loadgen::judge::{Conditions, measurement};
use loadgen::{Progress, drive};
use workload::{Arrivals, Distribution, LoadSpec, Plan, Rate, Shard};

/// M/M/1 with a mean service time of 1 ms.
const SERVICE_RATE: f64 = 1000.0;

fn trial(rate: f64, seed: u64, mut transport: SimulatedTransport) -> Trial {
    let plan = Plan::draw(LoadSpec {
        arrivals: Arrivals::poisson(Rate::per_second(rate).expect("above 0")),
        wait: Distribution::exponential(1e9 / SERVICE_RATE),
        window: Duration::from_secs(40),
        timeout: Duration::from_secs(20),
        max_in_flight: 1 << 20,
        seed,
        ..LoadSpec::default()
    })
    .expect("a sound load");
    let log = drive(&plan, Shard::WHOLE, 0, &mut transport, &Progress::default(), &|| false);
    let measured = measurement(&plan, log, &Conditions::default());
    Trial { rate, outcome: Outcome::of(Statistic::Percentile(99.0), &measured) }
}

#[test]
fn the_capacity_of_m_m_1_is_found_within_5_percent_in_nine_of_ten_searches() {
    // p99 = ln 100 / (μ − λ), so that λ* = μ − ln 100 / X.
    const BOUND_S: f64 = 0.015;
    let capacity = SERVICE_RATE - 100_f64.ln() / BOUND_S;
    let mut hits = 0;
    let mut covered = 0;
    for seed in 0..10_u64 {
        let mut search = Search::new(BOUND_S * 1e9, 100.0, 10.0, 1e6);
        let found = loop {
            match search.next() {
                Next::Try(rate) => {
                    let trial_seed = seed * 1000 + search.trials().len() as u64;
                    let server = SimulatedTransport::new(SimulatedServer::Iterative);
                    search.add(trial(rate, trial_seed, server));
                }
                Next::Found(found) => break found,
                end => panic!("{end:?}"),
            }
        };
        hits += u32::from((found.rate / capacity - 1.0).abs() <= 0.05);
        covered += u32::from(found.low <= capacity && capacity <= found.high);
    }
    assert!(hits >= 9, "{hits} of 10 within 5 % of {capacity}");
    assert!(covered >= 6, "{covered} of 10 intervals hold {capacity}");
}

#[test]
fn a_generator_at_its_own_limit_says_nothing_of_the_server() {
    // The generator needs 2 ms for each request, of which the server needs 1 ms: 500/s is all that
    // can be sent.
    let outcome = |rate| {
        let transport = SimulatedTransport::new(SimulatedServer::Iterative);
        trial(rate, 1, transport.sending(Duration::from_millis(2))).outcome
    };
    assert!(matches!(outcome(300.0), Outcome::Steady(_)), "{:?}", outcome(300.0));
    assert_eq!(outcome(800.0), Outcome::NotSent);
    // A faster generator meets the server's limit.
    let transport = SimulatedTransport::new(SimulatedServer::Iterative);
    let quick = trial(1500.0, 1, transport.sending(Duration::from_micros(10)));
    assert_eq!(quick.outcome, Outcome::Unsteady);
}
