//! The cost of encoding and decoding a request and a reply.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocol::{
    MAX_MESSAGE_SIZE, Reply, Request, Work, decode_reply, decode_request, encode_reply,
    encode_request,
};

fn request(request_size: u32) -> Request {
    let work = Work { wait: Duration::from_micros(5), compute: Duration::from_micros(7) };
    Request { id: 1, work, request_size, reply_size: 64 }
}

fn reply(reply_size: u32) -> Reply {
    Reply {
        id: 1,
        refusal: None,
        worker: 3,
        received_so_far: 9,
        taken_up_ns: 10,
        finished_ns: 20,
        computed: Duration::from_micros(7),
        waited: Duration::from_micros(5),
        reply_size,
    }
}

fn codec(criterion: &mut Criterion) {
    for size in [64, 4096] {
        let mut group = criterion.benchmark_group(format!("{size} B"));
        group.throughput(Throughput::Bytes(u64::from(size)));
        let mut out = Vec::with_capacity(size as usize);
        group.bench_function("encode request", |bencher| {
            bencher.iter(|| {
                out.clear();
                encode_request(black_box(&request(size)), &mut out);
            });
        });
        let bytes = out.clone();
        group.bench_function("decode request", |bencher| {
            bencher.iter(|| decode_request(black_box(&bytes), MAX_MESSAGE_SIZE));
        });
        group.bench_function("encode reply", |bencher| {
            bencher.iter(|| {
                out.clear();
                encode_reply(black_box(&reply(size)), &mut out);
            });
        });
        let bytes = out.clone();
        group.bench_function("decode reply", |bencher| {
            bencher.iter(|| decode_reply(black_box(&bytes)));
        });
        group.finish();
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
