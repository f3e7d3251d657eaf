//! Whatever is encoded is decoded again, from any pieces; whatever is hostile is refused early.

use std::time::Duration;

use proptest::prelude::*;
use protocol::{
    Decoded, HEADER_SIZE, MAX_MESSAGE_SIZE, Malformed, Refusal, Reply, Request, Work, decode_reply,
    decode_request, encode_reply, encode_request,
};

fn any_request() -> impl Strategy<Value = Request> {
    (any::<u64>(), any::<u64>(), any::<u64>(), 64..5_000u32, any::<u32>()).prop_map(
        |(id, wait, compute, request_size, reply_size)| Request {
            id,
            work: Work { wait: Duration::from_nanos(wait), compute: Duration::from_nanos(compute) },
            request_size,
            reply_size,
        },
    )
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let refusal =
        prop_oneof![Just(None), proptest::sample::select(&Refusal::ALL[..]).prop_map(Some)];
    let stamps = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (any::<u64>(), refusal, any::<u32>(), any::<u64>(), stamps, 64..5_000u32).prop_map(
        |(id, refusal, worker, received_so_far, stamps, reply_size)| Reply {
            id,
            refusal,
            worker,
            received_so_far,
            taken_up_ns: stamps.0,
            finished_ns: stamps.1,
            computed: Duration::from_nanos(stamps.2),
            waited: Duration::from_nanos(stamps.3),
            reply_size,
        },
    )
}

proptest! {
    #[test]
    fn a_request_survives_the_wire(request in any_request(), rest in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut bytes = Vec::new();
        encode_request(&request, &mut bytes);
        prop_assert_eq!(bytes.len(), request.request_size as usize);
        let length = bytes.len();
        bytes.extend(rest);
        prop_assert_eq!(decode_request(&bytes, MAX_MESSAGE_SIZE), Ok(Decoded::Complete { message: request, length }));
    }

    #[test]
    fn a_reply_survives_the_wire(reply in any_reply()) {
        let mut bytes = Vec::new();
        encode_reply(&reply, &mut bytes);
        let length = bytes.len();
        prop_assert_eq!(decode_reply(&bytes), Ok(Decoded::Complete { message: reply, length }));
    }

    #[test]
    fn any_bytes_are_refused_or_understood_but_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_request(&bytes, MAX_MESSAGE_SIZE);
        let _ = decode_reply(&bytes);
    }

    #[test]
    fn hostile_lengths_are_refused_from_the_header_alone(length in any::<u32>(), limit in 64..100_000usize) {
        let mut bytes = b"XOq1".to_vec();
        bytes.extend(length.to_be_bytes());
        let decoded = decode_request(&bytes, limit);
        if (length as usize) < HEADER_SIZE {
            prop_assert_eq!(decoded, Err(Malformed::TooShort(length)));
        } else if length as usize > limit {
            prop_assert_eq!(decoded, Err(Malformed::TooLong(length)));
        } else {
            prop_assert_eq!(decoded, Ok(Decoded::NeedMore { until: length as usize }));
        }
    }
}

#[test]
fn every_cut_of_a_message_asks_for_more() {
    let request = Request { id: 7, work: Work::default(), request_size: 200, reply_size: 64 };
    let mut bytes = Vec::new();
    encode_request(&request, &mut bytes);
    for cut in 0..bytes.len() {
        let until = if cut < 8 { HEADER_SIZE } else { 200 };
        let decoded = decode_request(&bytes[..cut], MAX_MESSAGE_SIZE);
        assert_eq!(decoded, Ok(Decoded::NeedMore { until }), "cut at {cut}");
    }
}

#[test]
fn a_foreign_first_byte_is_refused_at_once() {
    assert_eq!(decode_request(b"G", MAX_MESSAGE_SIZE), Err(Malformed::Magic));
    assert_eq!(decode_reply(b"XOq1"), Err(Malformed::Magic), "a request is no reply");
}

#[test]
fn a_size_below_the_header_is_raised_to_it() {
    let request = Request { id: 1, work: Work::default(), request_size: 3, reply_size: 3 };
    let mut bytes = Vec::new();
    encode_request(&request, &mut bytes);
    assert_eq!(bytes.len(), HEADER_SIZE);
}

#[test]
fn an_unknown_outcome_is_malformed() {
    let reply = Reply {
        id: 1,
        refusal: None,
        worker: 0,
        received_so_far: 1,
        taken_up_ns: 5,
        finished_ns: 9,
        computed: Duration::ZERO,
        waited: Duration::ZERO,
        reply_size: 64,
    };
    assert_eq!(reply.service_time_ns(), 4);
    let mut bytes = Vec::new();
    encode_reply(&reply, &mut bytes);
    bytes[16] = 99;
    assert_eq!(decode_reply(&bytes), Err(Malformed::Outcome(99)));
}
