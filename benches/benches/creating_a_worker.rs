//! The cost of a worker by itself: fork + exit + wait, and spawn + join. A loaded server pays more;
//! the scenarios measure that in place.

use std::hint::black_box;
use std::thread;

use criterion::{Criterion, criterion_group};
use servers::Allocation;
use servers::tally::Tally;
use servers::worker::{Side, Workers, collect_worker, fork_worker};

fn creating_a_thread(criterion: &mut Criterion) {
    criterion.bench_function("spawn + join", |bencher| {
        bencher.iter(|| thread::spawn(|| black_box(1)).join());
    });
}

fn creating_a_process(criterion: &mut Criterion) {
    let tally = Tally::shared().expect("memory for a tally");
    let workers = Workers::new(tally, 1, Allocation::OnDemand).expect("a descriptor");
    criterion.bench_function("fork + exit + wait", |bencher| {
        bencher.iter(|| {
            match fork_worker(workers.free_slot()).expect("signals can be held back") {
                Side::Master => collect_worker(&workers),
                Side::Worker(process) => process.exit(),
            }
        });
    });
}

criterion_group!(threads, creating_a_thread);
criterion_group!(processes, creating_a_process);

/// Forks first, while the process has only one thread.
fn main() {
    processes();
    threads();
    Criterion::default().configure_from_args().final_summary();
}
