//! The cost of recording one answered request in the generator.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use loadgen::Recorder;
use protocol::Reply;
use results::TimeHistogram;
use workload::{LoadSpec, Plan};

fn recording(criterion: &mut Criterion) {
    let mut histogram = TimeHistogram::new();
    let mut value = 1_u64;
    criterion.bench_function("one value into a histogram", |bencher| {
        bencher.iter(|| {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            histogram.record(black_box(value >> 40));
        });
    });

    let spec =
        LoadSpec { window: Duration::from_secs(1), warmup: Duration::ZERO, ..LoadSpec::default() };
    let plan = Plan::draw(spec).expect("a sound load");
    let mut recorder = Recorder::new(&plan, 0);
    let reply = Reply {
        id: 1,
        refusal: None,
        worker: 0,
        received_so_far: 1,
        taken_up_ns: 10,
        finished_ns: 20,
        computed: Duration::ZERO,
        waited: Duration::ZERO,
        reply_size: 64,
    };
    criterion.bench_function("one request sent and answered", |bencher| {
        bencher.iter(|| {
            let instants = loadgen::Instants { intended_ns: 1000, started_ns: 1500 };
            recorder.sent(black_box(instants), true);
            recorder.answered(black_box(instants), 9000, false, black_box(Some(&reply)));
        });
    });
}

criterion_group!(benches, recording);
criterion_main!(benches);
