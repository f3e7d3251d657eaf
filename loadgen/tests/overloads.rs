//! An overload is noticed while it lasts, and nothing else is taken for one.

use std::time::Duration;

use loadgen::driver::{SimulatedServer, SimulatedTransport};
use loadgen::judge::{Conditions, measurement};
use loadgen::overload::Watch;
use loadgen::{Progress, drive};
use results::{Doubt, Measurement};
use workload::{Arrivals, Distribution, Law, LoadSpec, Plan, Rate, Shard};

const MS: f64 = 1e6;

/// Drives a Poisson load for twenty seconds, and ends it where an overload is certain.
fn measured(server: SimulatedServer, rate: f64, mean_ns: f64, seed: u64) -> Measurement {
    let spec = LoadSpec {
        arrivals: Arrivals::poisson(Rate::per_second(rate).expect("above 0")),
        window: Duration::from_secs(20),
        warmup: Duration::ZERO,
        wait: Distribution::exponential(mean_ns),
        timeout: Duration::from_secs(60),
        seed,
        ..LoadSpec::default()
    };
    let plan = Plan::draw(spec).expect("a sound load");
    let progress = Progress::default();
    let watch = Watch::over(&plan, &progress).expect("a long open loop");
    let mut transport = SimulatedTransport::new(server);
    let stop = || watch.is_overloaded();
    let notes = drive(&plan, Shard::WHOLE, 0, &mut transport, &progress, &stop);
    let overloaded = watch.is_overloaded();
    measurement(&plan, notes, &Conditions { overloaded, ..Conditions::default() })
}

fn overload(measured: &Measurement) -> Option<&Doubt> {
    measured.doubts.iter().find(|doubt| matches!(doubt, Doubt::Overloaded { .. }))
}

#[test]
fn a_server_that_gets_more_than_it_can_serve_is_overloaded() {
    for seed in 0..40 {
        let measured = measured(SimulatedServer::Iterative, 800.0, 2.0 * MS, seed);
        let found = overload(&measured);
        assert!(found.is_some(), "seed {seed}: {:?}", measured.doubts);
        assert!(!measured.doubts.contains(&Doubt::BrokenOff));
        assert!(measured.counts.unanswered() > measured.counts.planned / 100, "it cannot win");
        assert!(measured.counts.planned < 16_000, "it was ended early");
    }
}

#[test]
fn a_busy_server_is_not_overloaded() {
    for seed in 0..40 {
        let measured = measured(SimulatedServer::Iterative, 475.0, 2.0 * MS, seed);
        assert_eq!(overload(&measured), None, "seed {seed}");
        assert_eq!(measured.counts.in_flight, 0, "it was driven to its end");
    }
}

/// At the beginning more and more are in flight, and only the short ones have ended.
#[test]
fn long_requests_without_a_queue_are_no_overload() {
    let creation = Duration::ZERO;
    for seed in 0..20 {
        for mean_s in [0.5, 2.0, 5.0, 20.0] {
            let server = SimulatedServer::WorkerPerRequest { creation };
            let measured = measured(server, 200.0, mean_s * 1000.0 * MS, seed);
            assert_eq!(overload(&measured), None, "seed {seed}, {mean_s} s");
        }
    }
}

#[test]
fn loads_that_adapt_to_the_server_or_come_in_bursts_are_not_watched() {
    let spec = LoadSpec {
        arrivals: Arrivals::Closed(Distribution::fixed(0.0)),
        window: Duration::from_secs(20),
        ..LoadSpec::default()
    };
    let plan = Plan::draw(spec.clone()).expect("a sound load");
    assert!(Watch::over(&plan, &Progress::default()).is_none());
    // In a burst, more and more are in flight.
    let bursts = Arrivals::open(Rate::per_second(100.0).expect("above 0"), Law::Burst(512));
    let plan = Plan::draw(LoadSpec { arrivals: bursts, ..spec }).expect("a sound load");
    assert!(Watch::over(&plan, &Progress::default()).is_none());
}
