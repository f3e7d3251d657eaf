//! Whole runs in simulated time: the truth is arithmetic, and no clock is read.

use std::time::Duration;

use loadgen::driver::{Faults, SimulatedServer, SimulatedTransport};
use loadgen::expectation::{CheckResult, Expectation};
use loadgen::judge::{Conditions, measurement};
use loadgen::{Progress, drive};
use proptest::prelude::*;
use results::{Doubt, Notes, Percentile, Placement, TimeHistogram};
use workload::{
    Arrivals, Distribution, Law, LoadSpec, Plan, PlanError, Rate, Session, SessionLength, Shard,
    Trace,
};

const MS: f64 = 1e6;

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).expect("above 0")
}

fn spec(arrivals: Arrivals, seconds: u64, wait_ns: f64) -> LoadSpec {
    LoadSpec {
        arrivals,
        window: Duration::from_secs(seconds),
        warmup: Duration::ZERO,
        wait: Distribution::fixed(wait_ns),
        timeout: Duration::from_secs(60),
        ..LoadSpec::default()
    }
}

fn run(spec: LoadSpec, transport: &mut SimulatedTransport) -> (Plan, Notes) {
    let plan = Plan::draw(spec).expect("a sound load");
    let log = drive(&plan, Shard::WHOLE, 0, transport, &Progress::default(), &|| false);
    (plan, log)
}

fn mean_ms(log: &Notes) -> f64 {
    log.times.response_time.mean_ns().expect("answers") / MS
}

#[test]
fn a_burst_of_n_on_an_iterative_server_takes_half_of_n_plus_1_on_average() {
    let load = spec(Arrivals::open(rate(80.0), Law::Burst(8)), 10, 1.0 * MS);
    let (_, log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
    assert!((mean_ms(&log) - 4.5).abs() < 0.01, "{}", mean_ms(&log));
}

#[test]
fn a_worker_per_request_pays_the_creation_and_overlaps_the_waiting() {
    let creation = Duration::from_micros(100);
    let load = spec(Arrivals::open(rate(80.0), Law::Burst(8)), 10, 1.0 * MS);
    let server = SimulatedServer::WorkerPerRequest { creation };
    let (_, log) = run(load, &mut SimulatedTransport::new(server));
    assert!((mean_ms(&log) - (4.5 * 0.1 + 1.0)).abs() < 0.01, "{}", mean_ms(&log));
}

#[test]
fn a_poisson_load_on_an_iterative_server_obeys_pollaczek_and_khinchine() {
    for (wait, squared_variation) in
        [(Distribution::fixed(MS), 0.0), (Distribution::exponential(MS), 1.0)]
    {
        let load = LoadSpec { wait, ..spec(Arrivals::poisson(rate(800.0)), 400, 0.0) };
        let (_, log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
        let expected = 1.0 + 0.8 / 0.2 * (1.0 + squared_variation) / 2.0;
        let ratio = mean_ms(&log) / expected;
        assert!((ratio - 1.0).abs() < 0.06, "C² {squared_variation}: {ratio}");
    }
}

#[test]
fn a_stopped_server_shows_in_p99_from_the_intended_start() {
    // Stopped for S = 1.5 s of T = 30 s at a low load: p99 = S − 0.01·T·(1 − ρ).
    let load = spec(Arrivals::even(rate(1000.0)), 30, 0.05 * MS);
    let pause = (10_000_000_000, 11_500_000_000);
    let mut transport =
        SimulatedTransport::faulty(SimulatedServer::Iterative, Faults::default(), Some(pause), 1);
    let (_, log) = run(load, &mut transport);
    let Percentile::At(p99) = log.times.response_time.percentile(0.99) else { panic!("answered") };
    let expected = 1500.0 - 0.01 * 30_000.0 * (1.0 - 0.05);
    assert!((p99 as f64 / MS / expected - 1.0).abs() < 0.01, "{p99}");
}

#[test]
fn a_closed_loop_hides_the_same_stop() {
    let load = spec(Arrivals::Closed(Distribution::fixed(0.95 * MS)), 30, 0.05 * MS);
    let pause = (10_000_000_000, 11_500_000_000);
    let mut transport =
        SimulatedTransport::faulty(SimulatedServer::Iterative, Faults::default(), Some(pause), 1);
    let (_, log) = run(load, &mut transport);
    let Percentile::At(p99) = log.times.response_time.percentile(0.99) else { panic!("answered") };
    assert!(p99 < 1_000_000, "coordinated omission: one request of 30,000 saw the stop");
}

#[test]
fn a_closed_loop_without_think_time_keeps_the_server_busy() {
    // N clients, one iterative server with service p: X = 1/p, R = N·p.
    let load =
        LoadSpec { clients: 5, ..spec(Arrivals::Closed(Distribution::fixed(0.0)), 10, 2.0 * MS) };
    let (_, log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
    assert!((log.counts.answered as f64 / 10.0 - 500.0).abs() < 2.0);
    assert!((mean_ms(&log) - 10.0).abs() < 0.05);
}

#[test]
fn two_ignored_in_a_hundred_leave_p97_a_number_and_p99_open() {
    let load =
        LoadSpec { timeout: Duration::from_secs(1), ..spec(Arrivals::even(rate(1000.0)), 20, 0.0) };
    let faults = Faults { ignored: 0.02, ..Faults::default() };
    let mut transport = SimulatedTransport::faulty(SimulatedServer::Iterative, faults, None, 7);
    let (plan, log) = run(load, &mut transport);
    assert!(matches!(log.times.response_time.percentile(0.97), Percentile::At(_)));
    assert_eq!(log.times.response_time.percentile(0.99), Percentile::Above(1_000_000_000));
    let measured = measurement(&plan, log, &Conditions::default());
    assert!(measured.doubts.iter().any(|doubt| matches!(doubt, Doubt::Unanswered { .. })));
}

#[test]
fn an_overloaded_server_is_no_steady_state() {
    let load = spec(Arrivals::poisson(rate(1500.0)), 5, 1.0 * MS);
    let (plan, log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
    let measured = measurement(&plan, log, &Conditions::default());
    assert!(measured.doubts.iter().any(|doubt| matches!(doubt, Doubt::NotStationary { .. })));
    // All are answered in the end, and no more per second than the server can.
    assert_eq!(measured.counts.answered, measured.counts.planned);
    assert!(
        measured.events.answered_in_window.abs_diff(5_000) <= 2,
        "{}",
        measured.events.answered_in_window
    );
}

#[test]
fn a_quiet_run_has_no_doubts() {
    let load = spec(Arrivals::poisson(rate(500.0)), 20, 0.5 * MS);
    let (plan, log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
    let measured = measurement(&plan, log, &Conditions::default());
    assert_eq!(measured.doubts, []);
    assert_eq!(measured.requests_lost, Some(0));
    assert_eq!(measured.replies_lost, Some(0));
}

#[test]
fn what_disturbed_a_run_is_doubted() {
    let load = spec(Arrivals::poisson(rate(500.0)), 20, 0.5 * MS);
    let (plan, log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
    let names = |log: &Notes, conditions: &Conditions| {
        let doubts = measurement(&plan, log.clone(), conditions).doubts;
        doubts.iter().map(Doubt::name).collect::<Vec<_>>()
    };
    let quiet = Conditions::default();
    let shared = Placement { shared: true, ..Placement::default() };
    let spinning = Placement { generator_spins: true, ..Placement::default() };
    for (conditions, doubts) in [
        (quiet.clone(), &[][..]),
        (Conditions { stolen_share: 0.02, ..quiet.clone() }, &["stolen"]),
        (Conditions { datagrams_dropped: 1, ..quiet.clone() }, &["queue-overflow"]),
        (Conditions { connections_dropped: 1, ..quiet.clone() }, &["queue-overflow"]),
        // A generator that used nothing disturbed nobody.
        (Conditions { placement: shared.clone(), ..quiet.clone() }, &[]),
        // A disturbance is only looked for where a run can be made again.
        (Conditions { others_share: 0.5, ..quiet.clone() }, &[]),
        (
            Conditions { others_share: 0.03, disturbance_limit: Some(0.02), ..quiet.clone() },
            &["disturbed"],
        ),
        (Conditions { others_share: 0.02, disturbance_limit: Some(0.02), ..quiet.clone() }, &[]),
        (
            Conditions { stolen_share: 0.5, disturbance_limit: Some(0.1), ..quiet.clone() },
            &["stolen", "disturbed"],
        ),
    ] {
        assert_eq!(names(&log, &conditions), doubts, "{conditions:?}");
    }
    let stopped = Notes { longest_hiccup_ns: log.wall_ns / 4, hiccups: 1, ..log.clone() };
    let limited = Conditions { disturbance_limit: Some(0.1), ..quiet.clone() };
    assert_eq!(names(&stopped, &limited), ["hiccups", "disturbed"]);
    let half = Notes { generator_ns: log.wall_ns / 2, ..log.clone() };
    let on_shared = Conditions { placement: shared, ..quiet.clone() };
    assert_eq!(names(&half, &on_shared), ["shared-cores"]);
    let busy = Notes { generator_ns: log.wall_ns, ..log.clone() };
    assert_eq!(names(&busy, &quiet), ["generator-starved"]);
    assert!(names(&busy, &Conditions { generators: 2, ..quiet.clone() }).is_empty());
    assert!(names(&busy, &Conditions { placement: spinning, ..quiet.clone() }).is_empty());
    // An instrument that counts every request in flight twice contradicts itself.
    let double = Notes { in_flight_area: 2 * log.in_flight_area, ..log.clone() };
    assert_eq!(names(&double, &quiet), ["littles-law"]);
}

#[test]
fn a_mean_that_is_missed_counts_where_the_generator_was_on_time() {
    let load = spec(Arrivals::poisson(rate(500.0)), 5, 0.5 * MS);
    let (plan, mut log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
    let verdict = |log: &Notes| {
        let measured = measurement(&plan, log.clone(), &Conditions::default());
        "mean < 100us".parse::<Expectation>().expect("a bound").verdict(&measured)
    };
    assert_eq!(verdict(&log), CheckResult::NotMet);
    // One request in a hundred left 20 ms late: the median lag is still 0, the mean is not.
    let sent = log.counts.sent;
    log.times.lag = TimeHistogram::new();
    (0..sent)
        .for_each(|number| log.times.lag.record(if number % 100 == 0 { 20_000_000 } else { 0 }));
    assert!(matches!(verdict(&log), CheckResult::NotValid(_)), "{:?}", verdict(&log));
}

#[test]
fn a_bound_that_is_missed_for_certain_is_missed_however_few_requests_are_independent() {
    let verdict = |load: LoadSpec, pause: Option<(u64, u64)>, bound: &str| {
        let server = SimulatedServer::Iterative;
        let mut transport = SimulatedTransport::faulty(server, Faults::default(), pause, 1);
        let (plan, log) = run(load, &mut transport);
        let measured = measurement(&plan, log, &Conditions::default());
        bound.parse::<Expectation>().expect("a bound").verdict(&measured)
    };
    // Each response time is like its neighbours, in a queue that grows and in one long stall.
    let overload = spec(Arrivals::poisson(rate(1500.0)), 5, 1.0 * MS);
    assert_eq!(verdict(overload, None, "p99 < 5ms"), CheckResult::NotMet);
    let even = spec(Arrivals::even(rate(1000.0)), 30, 0.05 * MS);
    let stop = Some((10_000_000_000, 11_500_000_000));
    assert_eq!(verdict(even.clone(), stop, "p99 < 5ms"), CheckResult::NotMet);
    assert!(matches!(verdict(even, stop, "p99 < 5s"), CheckResult::NotValid(_)));
    // A server that hangs exhausts the bound in flight, so that due requests cannot be sent.
    let hung = LoadSpec {
        max_in_flight: 100,
        timeout: Duration::from_secs(1),
        ..spec(Arrivals::even(rate(1000.0)), 5, 0.0)
    };
    assert_eq!(verdict(hung, Some((0, u64::MAX / 2)), "p99 < 5ms"), CheckResult::NotMet);
    // One in twenty may be long by chance.
    let few = spec(Arrivals::even(rate(20.0)), 1, 1.0 * MS);
    let short = Some((100_000_000, 120_000_000));
    assert!(matches!(verdict(few.clone(), short, "p99 < 5ms"), CheckResult::NotValid(_)));
    assert_eq!(verdict(few, None, "p50 < 1us"), CheckResult::NotMet);
}

#[test]
fn the_sending_of_a_burst_is_no_missed_rate() {
    let burst = || spec(Arrivals::open(rate(10_000.0), Law::Burst(10_000)), 3, 0.0);
    let doubts = |load: LoadSpec, each: Duration| {
        let mut transport = SimulatedTransport::new(SimulatedServer::Iterative).sending(each);
        let (plan, log) = run(load, &mut transport);
        let measured = measurement(&plan, log, &Conditions::default());
        measured.doubts.iter().any(|doubt| matches!(doubt, Doubt::RateMissed { .. }))
    };
    assert!(!doubts(burst(), Duration::from_micros(20)));
    assert!(doubts(burst(), Duration::from_micros(120)));
}

#[test]
fn a_window_in_which_nothing_is_due_is_no_load() {
    for arrivals in [
        Arrivals::even(rate(0.5)),
        Arrivals::open(rate(1.0), Law::Trace(Trace::keep(vec![0, 800_000_000]).expect("instants"))),
        Arrivals::open(rate(0.5), Law::Burst(100)),
    ] {
        let warm = LoadSpec { warmup: Duration::from_secs(1), ..spec(arrivals, 1, 0.0) };
        let refused = Plan::draw(warm.clone());
        assert!(matches!(refused, Err(PlanError::Empty { .. })), "{arrivals}");
        let cold = LoadSpec { warmup: Duration::ZERO, ..warm };
        assert!(Plan::draw(cold).is_ok(), "{arrivals}");
    }
}

#[test]
fn the_warm_up_is_sent_and_not_measured() {
    let load = LoadSpec {
        warmup: Duration::from_secs(2),
        ..spec(Arrivals::even(rate(100.0)), 3, 0.1 * MS)
    };
    let (_, log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
    assert_eq!(
        (log.events.warmup, log.counts.planned, log.times.response_time.count()),
        (200, 300, 300)
    );
}

#[test]
fn the_common_requests_of_a_mix_are_kept_apart() {
    let wait = "two-point:100us,20ms,0.1".parse().expect("well formed");
    let load = LoadSpec { wait, ..spec(Arrivals::even(rate(100.0)), 10, 0.0) };
    let server = SimulatedServer::WorkerPerRequest { creation: Duration::ZERO };
    let (plan, log) = run(load, &mut SimulatedTransport::new(server));
    let short = log.times.response_time_short.expect("a mixed load");
    let rare = plan.requests().filter(|request| request.rare).count() as u64;
    assert_eq!(short.count() + rare, 1000);
    assert!(short.max().known_ns().is_some_and(|ns| ns < 200_000));
}

#[test]
fn what_exceeds_the_bound_in_flight_is_unsent_and_unanswered() {
    let load = LoadSpec {
        max_in_flight: 4,
        ..spec(Arrivals::open(rate(80.0), Law::Burst(8)), 1, 1.0 * MS)
    };
    let (_, log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
    assert_eq!((log.counts.planned, log.counts.unsent, log.counts.answered), (80, 40, 40));
    assert_eq!(log.times.response_time.unanswered(), 40);
}

#[test]
fn a_server_that_drifts_is_no_steady_state() {
    // Never near its capacity, but three times as slow at the end as at the beginning.
    let load = spec(Arrivals::poisson(rate(200.0)), 20, 0.5 * MS);
    let doubted = |growth_per_s| {
        let server = SimulatedServer::Drifting { growth_per_s };
        let (plan, log) = run(load.clone(), &mut SimulatedTransport::new(server));
        let measured = measurement(&plan, log, &Conditions::default());
        measured.doubts.iter().any(|doubt| matches!(doubt, Doubt::NotStationary { .. }))
    };
    assert!(doubted(0.1));
    assert!(!doubted(0.0));
}

#[test]
fn clean_runs_raise_no_doubt_in_95_of_100() {
    let mut clean = 0;
    for seed in 0..100 {
        let wait = Distribution::exponential(0.5 * MS);
        let load = LoadSpec { wait, seed, ..spec(Arrivals::poisson(rate(1000.0)), 10, 0.0) };
        let (plan, log) = run(load, &mut SimulatedTransport::new(SimulatedServer::Iterative));
        let measured = measurement(&plan, log, &Conditions::default());
        clean += u32::from(measured.doubts.is_empty());
    }
    assert!(clean >= 95, "{clean} of 100 clean runs raised no doubt");
}

#[test]
fn several_generators_make_the_same_plan_together() {
    let load = LoadSpec {
        clients: 7,
        wait: Distribution::exponential(MS),
        ..spec(Arrivals::poisson(rate(500.0)), 2, 0.0)
    };
    let plan = Plan::draw(load).expect("a sound load");
    let server = SimulatedServer::WorkerPerRequest { creation: Duration::ZERO };
    let of = 3;
    let mut together = Notes::default();
    for index in 0..of {
        let mut transport = SimulatedTransport::new(server);
        let shard = Shard { index, of };
        let log = drive(&plan, shard, 0, &mut transport, &Progress::default(), &|| false);
        // As if it came from another host.
        let written = serde_json::to_string(&log).expect("plain data");
        let read: Notes = serde_json::from_str(&written).expect("readable again");
        assert_eq!(read, log);
        together.add(&read);
    }
    let (_, alone) = run(plan.spec.clone(), &mut SimulatedTransport::new(server));
    assert_eq!(together.counts, alone.counts);
    assert_eq!(
        together.times.response_time.summary().p99_ns,
        alone.times.response_time.summary().p99_ns
    );
    assert_eq!(together.waited_ns, alone.waited_ns);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_request_is_accounted_for_under_any_faults(
        seed in any::<u64>(),
        shares in proptest::array::uniform6(0.0..0.3f64),
        kind in 0..4u8,
        clients in 1..20u32,
        most in prop::sample::select(vec![2_u32, 20, 16_384]),
        pause in (0..150_000_000_u64, 0..100_000_000_u64),
    ) {
        let [ignored, doubled, refused, reset, wrong, impossible] = shares;
        let faults = Faults { ignored, doubled, refused, reset, wrong, impossible };
        let arrivals = match kind {
            0 => Arrivals::Closed(Distribution::exponential(MS)),
            1 => Arrivals::open(rate(2000.0), Law::Burst(16)),
            _ => Arrivals::poisson(rate(2000.0)),
        };
        let session = (kind == 3).then_some(Session {
            length: SessionLength::Geometric(3.0),
            think: Distribution::exponential(MS),
        });
        let load = LoadSpec {
            clients,
            session,
            max_in_flight: most,
            warmup: Duration::from_millis(50),
            window: Duration::from_millis(200),
            timeout: Duration::from_millis(5),
            seed,
            ..spec(arrivals, 1, 0.4 * MS)
        };
        let pause = (pause.0, pause.0 + pause.1);
        let mut transport =
            SimulatedTransport::faulty(SimulatedServer::Iterative, faults, Some(pause), seed);
        let (_, log) = run(load, &mut transport);
        prop_assert!(log.counts.balance(), "{:?}", log.counts);
        prop_assert_eq!(log.times.response_time.count(), log.counts.answered);
        prop_assert_eq!(log.times.response_time.unanswered(), log.counts.unanswered());
        prop_assert_eq!(log.times.lag.count(), log.counts.sent);
        prop_assert_eq!(log.counts.in_flight, 0);
    }
}
