//! The cost of the next intended start: drawing it beforehand, and taking it from the schedule.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use workload::{Arrivals, Distribution, LoadSpec, Plan, Rate, Schedule, Shard};

fn spec(arrivals: Arrivals) -> LoadSpec {
    LoadSpec {
        arrivals,
        wait: Distribution::exponential(2e6),
        window: Duration::from_secs(1),
        warmup: Duration::ZERO,
        ..LoadSpec::default()
    }
}

fn schedule(criterion: &mut Criterion) {
    let rate = Rate::per_second(10_000.0).expect("above 0");
    let mut group = criterion.benchmark_group("10,000 requests");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("drawing a Poisson plan", |bencher| {
        bencher.iter(|| Plan::draw(spec(Arrivals::poisson(black_box(rate)))));
    });
    group.finish();

    let plan = Plan::draw(spec(Arrivals::poisson(rate))).expect("a sound load");
    criterion.bench_function("next intended start, open loop", |bencher| {
        bencher.iter_batched_ref(
            || Schedule::new(&plan, Shard::WHOLE),
            |schedule| schedule.take(),
            BatchSize::SmallInput,
        );
    });
    let closed = spec(Arrivals::Closed(Distribution::exponential(1e6)));
    let plan = Plan::draw(closed).expect("a sound load");
    let mut schedule = Schedule::new(&plan, Shard::WHOLE);
    let mut now_ns = 0;
    criterion.bench_function("next intended start, closed loop", |bencher| {
        bencher.iter(|| {
            now_ns = (now_ns + 1) % 1_000_000;
            schedule.ended(0, black_box(now_ns), true);
            schedule.take()
        });
    });
}

criterion_group!(benches, schedule);
criterion_main!(benches);
