//! Simulated requests a second, the histogram included: the fast way for servers that take requests in
//! order, and the machine that follows events.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::simulate::{Computer, Costs, FirstCome, Job, Machine, Queue, Station, Stays, follow};
use results::TimeHistogram;

const COUNT: u64 = 200_000;

/// Requests of Poisson arrivals at 80 % of the capacity of `servers`, drawn beforehand.
fn requests(servers: u32) -> Vec<(f64, f64)> {
    let mut state = 1_u64;
    let mut exponential = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        -(((state >> 11) + 1) as f64 / (1_u64 << 53) as f64).ln() * 1e6
    };
    let mut now = 0.0;
    let next = |_| {
        now += exponential() / (0.8 * f64::from(servers));
        (now, exponential())
    };
    (0..COUNT).map(next).collect()
}

fn in_order(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("servers in order");
    group.throughput(Throughput::Elements(COUNT));
    for servers in [1, 2, 4, 8, 16, 64, 256] {
        let requests = requests(servers);
        group.bench_function(servers.to_string(), |bencher| {
            bencher.iter(|| {
                let mut times = vec![0_u32; 1 << 16];
                let mut queue = FirstCome::new(servers);
                for (at, service) in &requests {
                    let response = queue.wait(*at, *service) + service;
                    times[(response as u64 >> 14).min(65_535) as usize] += 1;
                }
                times
            });
        });
    }
    group.finish();
}

fn by_events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("by events");
    group.throughput(Throughput::Elements(COUNT));
    let workers =
        |count, stays| Station::Workers { count, queue: Queue::Central, stays, handover_ns: 0.0 };
    let stations = [
        ("a worker for each request", Station::OnDemand { limit: u32::MAX, stays: Stays::Request }),
        ("a pool", workers(16, Stays::Request)),
        ("an event loop", workers(1, Stays::Computing)),
    ];
    let requests = requests(1);
    for (name, station) in stations {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut machine = Machine::new(station, Costs::default(), Computer::default());
                let mut times = TimeHistogram::new();
                let jobs = requests.iter().map(|(at, compute_ns)| {
                    let job =
                        Job { id: 0, client: 0, compute_ns: *compute_ns, wait_ns: 1e6, last: true };
                    (*at, job)
                });
                follow(&mut machine, jobs, |came, done| {
                    times.record(done.map_or(0.0, |done| done.at_ns - came) as u64);
                });
                times
            });
        });
    }
    group.finish();
}

criterion_group!(benches, in_order, by_events);
criterion_main!(benches);
