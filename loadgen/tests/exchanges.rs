//! Replies found in bytes that arrive in any pieces, and bytes that are no replies.

use loadgen::exchange::{Owed, Reader, Said};
use loadgen::{Exchange, HttpRequest, RawReply};
use proptest::prelude::*;
use protocol::{Reply, Request, Work, encode_reply};

const SIZE: u32 = 100;

fn http(method: &str) -> Exchange {
    let request = HttpRequest::new(method, "127.0.0.1", "/", &[], b"").expect("a request");
    Exchange::Http(request)
}

fn exchanges() -> Vec<Exchange> {
    let raw = |reply| Exchange::Raw { request: b"?".to_vec(), reply };
    vec![
        Exchange::Work,
        Exchange::Echo,
        http("GET"),
        raw(RawReply::Length(7)),
        raw(RawReply::Delimiter(b"\r\n".to_vec())),
    ]
}

/// What a reader finds in bytes that come in pieces of these lengths, as a connection feeds it;
/// the last is `None` where it gave up.
fn read(exchange: &Exchange, bytes: &[u8], pieces: &[usize]) -> Vec<Option<Said>> {
    let mut reader = Reader::default();
    let mut found = Vec::new();
    let mut held = Vec::new();
    let mut rest = bytes;
    let mut lengths = pieces.iter().copied().cycle();
    while !rest.is_empty() {
        let length = lengths.next().unwrap_or(1).clamp(1, rest.len());
        held.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
        loop {
            let owed = Owed { id: found.len() as u64 + 1, size: SIZE, given_up: false };
            match reader.advance(exchange, &held, Some(owed)) {
                Err(_) => {
                    found.push(None);
                    return found;
                }
                Ok((used, said)) => {
                    assert!(used <= held.len(), "no more is used than there is");
                    held.drain(..used);
                    found.extend(said.map(Some));
                    if used == 0 || held.is_empty() {
                        break;
                    }
                }
            }
        }
    }
    if let Some(said) = reader.ended() {
        found.push(Some(said));
    }
    found
}

/// The bytes of the `index`-th reply, from 1.
fn reply(exchange: &Exchange, index: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    match exchange {
        Exchange::Work => encode_reply(&work_reply(index), &mut bytes),
        Exchange::Echo => {
            let work = Work::default();
            let request = Request { id: index, work, request_size: SIZE, reply_size: SIZE };
            exchange.encode(&request, &mut bytes);
        }
        Exchange::Http(_) => bytes.extend_from_slice(match index % 5 {
            0 => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            1 => b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0A\r\n0123456789\r\n0\r\nA: b\r\n\r\n",
            2 => b"HTTP/1.1 204 No Content\r\n\r\n",
            3 => b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld",
        }),
        Exchange::Raw { reply: RawReply::Length(length), .. } => bytes.resize(*length, b'x'),
        Exchange::Raw { reply: RawReply::Delimiter(delimiter), .. } => {
            bytes.extend_from_slice(b"+OK\r");
            bytes.extend_from_slice(delimiter);
        }
    }
    bytes
}

fn work_reply(id: u64) -> Reply {
    Reply {
        id,
        refusal: None,
        worker: 0,
        received_so_far: id,
        taken_up_ns: 1,
        finished_ns: 2,
        computed: std::time::Duration::ZERO,
        waited: std::time::Duration::ZERO,
        reply_size: SIZE,
    }
}

fn expected(exchange: &Exchange, index: u64) -> Said {
    match exchange {
        Exchange::Work => Said::Reply(work_reply(index)),
        Exchange::Http(_) => Said::Status([200, 503, 204, 201, 200][(index % 5) as usize]),
        Exchange::Echo | Exchange::Raw { .. } => Said::Right,
    }
}

proptest! {
    #[test]
    fn replies_are_found_however_they_are_cut(
        count in 1..12_u64,
        pieces in proptest::collection::vec(1..90_usize, 1..20),
    ) {
        for exchange in exchanges() {
            let bytes: Vec<u8> = (1..=count).flat_map(|index| reply(&exchange, index)).collect();
            let expected: Vec<Option<Said>> =
                (1..=count).map(|index| Some(expected(&exchange, index))).collect();
            prop_assert_eq!(read(&exchange, &bytes, &pieces), expected, "{:?}", exchange);
        }
    }

    #[test]
    fn bytes_that_are_no_replies_end_in_no_panic(
        bytes in proptest::collection::vec(any::<u8>(), 1..600),
        pieces in proptest::collection::vec(1..90_usize, 1..20),
        at in any::<prop::sample::Index>(),
    ) {
        for exchange in exchanges() {
            read(&exchange, &bytes, &pieces);
            let _ = exchange.datagram(&bytes);
            // A good reply with one byte changed, and one that is cut.
            let mut spoilt = reply(&exchange, 1);
            let at = at.index(spoilt.len());
            spoilt[at] = bytes[0];
            read(&exchange, &spoilt, &pieces);
            let _ = exchange.datagram(&spoilt[..at]);
        }
    }
}

#[test]
fn an_echo_of_something_else_is_no_reply() {
    let mut bytes = reply(&Exchange::Echo, 1);
    bytes[7] = 9;
    assert_eq!(read(&Exchange::Echo, &bytes, &[1000]), [None]);
}

#[test]
fn a_body_may_end_with_the_connection_and_head_has_none() {
    let until_close = b"HTTP/1.0 200 OK\r\n\r\nas long as it takes";
    assert_eq!(read(&http("GET"), until_close, &[7]), [Some(Said::Status(200))]);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
    assert_eq!(read(&http("HEAD"), head, &[7]), [Some(Said::Status(200))]);
}

#[test]
fn contradictory_lengths_and_endless_heads_are_no_replies() {
    let two = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello";
    assert_eq!(read(&http("GET"), two, &[1000]), [None]);
    let endless = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'a'; 70_000]].concat();
    assert_eq!(read(&http("GET"), &endless, &[1000]), [None]);
}
