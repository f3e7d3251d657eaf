//! The simulator beside the formulas that are exact, and laws that hold whatever it simulates.

mod common;

use common::{Asked, Chance, Found, open_loop, pool};
use model::simulate::{Computer, Costs, FirstCome, Job, Machine, Queue, Station, Stays, follow};
use model::{
    iterative_mean_response, lost_share, pool_mean_response, shared_mean_response,
    tokens_mean_response,
};
use proptest::prelude::*;

const COUNT: usize = 200_000;

fn on(cores: u32) -> Computer {
    Computer { cores, ..Computer::default() }
}

/// An open loop whose requests cost nothing but what they ask for.
fn run(
    station: Station,
    computer: Computer,
    rate: f64,
    mut demand: impl FnMut(&mut Chance) -> (f64, f64),
) -> Found {
    let asked = Asked { count: COUNT, rate, seed: 5, demand: &mut demand };
    open_loop(station, Costs::default(), computer, asked)
}

fn agrees(found: &Found, exact: f64, what: &str) {
    let off = (found.mean - exact).abs();
    // The interval itself is estimated from twenty correlated batches: a hundredth more is allowed.
    assert!(
        off <= found.within + 0.01 * exact,
        "{what}: {} ± {}, exact {exact}",
        found.mean,
        found.within
    );
}

#[test]
fn one_server_agrees_with_pollaczek_and_khinchine() {
    for (load, variation) in
        [(0.3, 0.0), (0.3, 1.0), (0.7, 0.0), (0.7, 1.0), (0.9, 1.0), (0.5, 24.5)]
    {
        let exact = iterative_mean_response(load, 1.0, variation).expect("below capacity");
        let service = |chance: &mut Chance| match variation {
            0.0 => 1.0,
            1.0 => chance.exponential(1.0),
            // 1 % of requests 100 times longer than the others.
            _ => (if chance.uniform() <= 0.01 { 100.0 } else { 1.0 }) / 1.99,
        };
        let draw = service;
        let waiting = run(pool(1, Stays::Request), on(1), load, |chance| (0.0, draw(chance)));
        agrees(&waiting, exact, "waiting");
        let draw = service;
        let computing = run(pool(1, Stays::Computing), on(1), load, |chance| (draw(chance), 0.0));
        agrees(&computing, exact, "computing");
    }
}

#[test]
fn several_servers_agree_with_erlang() {
    for (servers, load) in [(2, 0.7), (4, 0.9), (16, 0.7), (64, 0.95)] {
        let rate = load * f64::from(servers);
        let exact = pool_mean_response(servers, rate, 1.0, 1.0).expect("below capacity");
        let found =
            run(pool(servers, Stays::Request), on(1), rate, |it| (0.0, it.exponential(1.0)));
        agrees(&found, exact, "a pool");
    }
}

#[test]
fn a_worker_for_each_request_shares_the_cores() {
    let station = Station::OnDemand { limit: u32::MAX, stays: Stays::Request };
    for (cores, load, wait) in [(1, 0.7, 0.0), (2, 0.7, 3.0), (4, 0.9, 1.0)] {
        let rate = load * f64::from(cores);
        let exact = shared_mean_response(cores, rate, 1.0, wait).expect("below capacity");
        for variable in [false, true] {
            let found = run(station, on(cores), rate, |it| {
                let compute = if variable { it.exponential(1.0) } else { 1.0 };
                (compute, wait)
            });
            agrees(&found, exact, "processor sharing");
        }
    }
}

#[test]
fn a_pool_with_tokens_agrees_with_the_flow_equivalent_server() {
    for (workers, rate) in [(4, 2.0), (16, 6.0), (64, 7.0)] {
        let theory = tokens_mean_response(2, workers, rate, 0.2, 0.8).expect("below capacity");
        let found = run(pool(workers, Stays::Request), on(2), rate, |it| {
            (it.exponential(0.2), it.exponential(0.8))
        });
        // The formula is exact for exponential demands up to its decomposition.
        assert!((found.mean / theory - 1.0).abs() < 0.03, "{workers}: {} {theory}", found.mean);
    }
}

#[test]
fn littles_law_holds_for_what_arrivals_find() {
    let station = Station::OnDemand { limit: u32::MAX, stays: Stays::Request };
    for station in [pool(1, Stays::Computing), pool(3, Stays::Request), station] {
        let found = run(station, on(2), 0.8, |it| (it.exponential(0.7), it.exponential(0.4)));
        let by_little = found.throughput * found.mean;
        let seen = found.found_by_arrivals;
        assert!((seen / by_little - 1.0).abs() < 0.05, "{station:?}: {seen} and {by_little}");
    }
}

#[test]
fn what_has_no_room_is_lost() {
    for (room, load) in [(5, 1.2), (20, 0.95), (3, 0.5)] {
        let exact = lost_share(1, room, load, 1.0).expect("valid");
        let computer = Computer { room: Some(room - 1), ..on(1) };
        let found = run(pool(1, Stays::Request), computer, load, |it| (0.0, it.exponential(1.0)));
        assert!((found.lost - exact).abs() < 0.005 + 0.05 * exact, "{}: {exact}", found.lost);
    }
}

#[test]
fn a_queue_for_each_worker_is_that_many_single_servers() {
    let station = Station::Workers {
        count: 4,
        queue: Queue::OfItsOwn,
        stays: Stays::Request,
        handover_ns: 0.0,
    };
    // Clients at random, each of which belongs to one worker.
    let mut chance = Chance(9);
    let mut machine = Machine::new(station, Costs::default(), on(4));
    let mut now = 0.0;
    let requests: Vec<(f64, Job)> = (0..COUNT)
        .map(|_| {
            now += chance.exponential(1.0 / 2.8);
            let client = (chance.uniform() * 1e6) as u32;
            (
                now,
                Job {
                    id: 0,
                    client,
                    compute_ns: 0.0,
                    wait_ns: chance.exponential(1.0),
                    last: true,
                },
            )
        })
        .collect();
    let mut sum = 0.0;
    follow(&mut machine, requests, |came, done| sum += done.map_or(0.0, |it| it.at_ns - came));
    let exact = iterative_mean_response(0.7, 1.0, 1.0).expect("below capacity");
    assert!((sum / COUNT as f64 / exact - 1.0).abs() < 0.05, "{} {exact}", sum / COUNT as f64);
}

#[test]
fn the_fast_way_and_the_events_agree_request_by_request() {
    for servers in [1, 3, 16, 40] {
        let (mut chance, mut now) = (Chance(3), 0.0);
        let mut fast = FirstCome::new(servers);
        let requests: Vec<(f64, Job, f64)> = (0..20_000)
            .map(|_| {
                now += chance.exponential(1.0 / (0.9 * f64::from(servers)));
                let wait_ns = chance.exponential(1.0);
                let job = Job { id: 0, client: 0, compute_ns: 0.0, wait_ns, last: true };
                (now, job, fast.wait(now, wait_ns) + wait_ns)
            })
            .collect();
        let mut machine = Machine::new(pool(servers, Stays::Request), Costs::default(), on(1));
        let mut by_events = Vec::new();
        let sent = requests.iter().map(|(at, job, _)| (*at, *job));
        follow(&mut machine, sent, |came, done| by_events.extend(done.map(|it| (came, it.at_ns))));
        by_events.sort_by(|a, b| a.0.total_cmp(&b.0));
        for ((at, _, fast), (came, end)) in requests.iter().zip(&by_events) {
            assert_eq!(at, came);
            assert!((end - at - fast).abs() < 1e-6, "{servers}: {} and {fast}", end - at);
        }
    }
}

#[test]
fn creation_delays_the_next_request_and_not_what_is_served() {
    let station = Station::OnDemand { limit: 100, stays: Stays::Request };
    let costs = Costs { creation_ns: 20.0, start_ns: 5.0, ..Costs::default() };
    let mut machine = Machine::new(station, costs, on(8));
    let job = |client| Job { id: 0, client, compute_ns: 0.0, wait_ns: 1000.0, last: true };
    let mut ends = Vec::new();
    follow(&mut machine, (0..4).map(|client| (0.0, job(client))), |_, done| {
        ends.extend(done.map(|it| it.at_ns));
    });
    assert_eq!(ends, [1025.0, 1045.0, 1065.0, 1085.0]);
}

#[test]
fn delayed_allocation_serves_short_requests_itself_and_hands_the_port_on_for_long_ones() {
    let station = Station::Delayed { patience_ns: 100.0, limit: 10 };
    let costs = Costs { creation_ns: 20.0, ..Costs::default() };
    let job = |wait_ns| Job { id: 0, client: 0, compute_ns: 0.0, wait_ns, last: true };
    let ends = |requests: Vec<(f64, Job)>| {
        let mut machine = Machine::new(station, costs, on(2));
        let mut ends = Vec::new();
        follow(&mut machine, requests, |_, done| ends.extend(done.map(|it| it.at_ns)));
        (ends, machine.computed_ns())
    };
    // Short ones one after the other, without a worker.
    assert_eq!(ends(vec![(0.0, job(50.0)), (0.0, job(50.0))]), (vec![50.0, 100.0], 0.0));
    // A long one: after 100 the port gets a receiver, which takes 20 to create.
    assert_eq!(ends(vec![(0.0, job(900.0)), (0.0, job(50.0))]), (vec![170.0, 900.0], 20.0));
}

#[test]
fn requests_of_a_kept_connection_are_served_in_turn() {
    let job = |client| Job { id: 0, client, compute_ns: 0.0, wait_ns: 10.0, last: false };
    let sent = [(0.0, job(1)), (1.0, job(1)), (2.0, job(1)), (3.0, job(2))];
    let ends = |in_turn| {
        let computer = Computer { in_turn, ..on(1) };
        let mut machine = Machine::new(pool(1, Stays::Computing), Costs::default(), computer);
        let mut ends = Vec::new();
        follow(&mut machine, sent, |_, done| ends.extend(done.map(|it| it.at_ns)));
        ends
    };
    assert_eq!(ends(false), [10.0, 11.0, 12.0, 13.0]);
    assert_eq!(ends(true), [10.0, 13.0, 20.0, 30.0]);
}

#[test]
fn a_worker_that_stays_with_its_connection_starves_the_others() {
    let mut machine = Machine::new(pool(1, Stays::Connection), Costs::default(), on(1));
    let job = |client, last| Job { id: 0, client, compute_ns: 0.0, wait_ns: 10.0, last };
    let sent = [(0.0, job(1, false)), (1.0, job(2, true)), (50.0, job(1, true))];
    let mut ends = Vec::new();
    follow(&mut machine, sent, |_, done| ends.extend(done.map(|it| (it.job.client, it.at_ns))));
    assert_eq!(ends, [(1, 10.0), (1, 60.0), (2, 70.0)]);
}

fn any_station() -> impl Strategy<Value = Station> {
    let stays = prop_oneof![Just(Stays::Computing), Just(Stays::Request), Just(Stays::Connection)];
    let queue = prop_oneof![Just(Queue::Central), Just(Queue::OfItsOwn)];
    prop_oneof![
        (1..20_u32, queue, stays).prop_map(|(count, queue, stays)| Station::Workers {
            count,
            // A worker that stays with a connection takes it from the common line.
            queue: if stays == Stays::Connection { Queue::Central } else { queue },
            stays,
            handover_ns: 1.0,
        }),
        (1..20_u32).prop_map(|limit| Station::OnDemand { limit, stays: Stays::Request }),
        (1..20_u32).prop_map(|limit| Station::OnDemand { limit, stays: Stays::Connection }),
        (1..20_u32).prop_map(|limit| Station::Delayed { patience_ns: 0.5, limit }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_request_is_answered_work_is_conserved_and_the_seed_decides(
        station in any_station(), cores in 1..5_u32, sliced in any::<bool>(), seed in any::<u64>(),
    ) {
        let costs = Costs { request_ns: 0.1, creation_ns: 0.2, start_ns: 0.3, resume_ns: 0.1, linger_ns: 0.05, wakeup_ns: 0.2 };
        let computer =
            Computer { cores, slice_ns: if sliced { 0.5 } else { 0.0 }, ..Computer::default() };
        let count = 500;
        let mut asked_for = 0.0;
        let mut demand = |chance: &mut Chance| {
            let compute = chance.exponential(0.3);
            asked_for += compute;
            (compute, chance.exponential(1.0))
        };
        let first = open_loop(station, costs, computer, Asked { count, rate: 1.0, seed, demand: &mut demand });
        prop_assert_eq!(first.lost, 0.0);
        prop_assert!(first.least_excess > 0.0, "{}", first.least_excess);
        let extra = first.computed - asked_for;
        prop_assert!(extra >= 0.1 * count as f64 - 1e-6, "{}", extra);
        prop_assert!(extra <= 2.0 * count as f64, "{}", extra);
        let mut demand = |chance: &mut Chance| (chance.exponential(0.3), chance.exponential(1.0));
        let second = open_loop(station, costs, computer, Asked { count, rate: 1.0, seed, demand: &mut demand });
        prop_assert_eq!(first, second);
    }

    #[test]
    fn more_load_never_shortens_the_mean(servers in 1..9_u32, low in 0.05..0.9_f64, more in 0.01..0.09_f64) {
        let at = |load: f64| {
            pool_mean_response(servers, load * f64::from(servers), 1.0, 1.0).expect("below capacity")
        };
        prop_assert!(at(low) <= at(low + more));
        let one = |load| iterative_mean_response(load, 1.0, 4.0).expect("below capacity");
        prop_assert!(one(low) <= one(low + more));
        prop_assert!(at(low) <= pool_mean_response(1, low, 1.0, 1.0).expect("below capacity") + 1e-12);
    }
}
