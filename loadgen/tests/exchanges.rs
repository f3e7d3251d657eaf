//! Replies are found in bytes that arrive in any pieces; other bytes are not taken for replies.

use loadgen::exchange::{ExpectedReply, Reader, ReplyKind};
use loadgen::{Exchange, HttpRequest, RawReply, Template};
use proptest::prelude::*;
use protocol::{Reply, Request, Work, encode_reply};

const SIZE: u32 = 100;

fn http(method: &str) -> Exchange {
    let request = HttpRequest::new(method, "127.0.0.1", "/", &[], b"").expect("a request");
    Exchange::Http(request)
}

fn status(code: u16) -> ReplyKind {
    ReplyKind::Status { code, right: code < 400 }
}

fn exchanges() -> Vec<Exchange> {
    let raw = |reply| Exchange::Raw { request: Template::of(b"?"), reply };
    vec![
        Exchange::Work,
        Exchange::Echo,
        http("GET"),
        raw(RawReply::Length(7)),
        raw(RawReply::Delimiter(b"\r\n".to_vec())),
    ]
}

/// What a reader finds in bytes that come in pieces of these lengths, as from a connection; the
/// last item is `None` if the reader gave up.
fn read(exchange: &Exchange, bytes: &[u8], pieces: &[usize]) -> Vec<Option<ReplyKind>> {
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
            let owed = ExpectedReply { id: found.len() as u64 + 1, size: SIZE };
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
    if let Some(said) = reader.ended(exchange) {
        found.push(Some(said));
    }
    found
}

/// The bytes of the `index`-th reply, from 1.
fn reply(exchange: &Exchange, index: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    match exchange {
        Exchange::Work => encode_reply(&work_reply(index), &mut bytes),
        Exchange::Echo | Exchange::Next => {
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

fn expected(exchange: &Exchange, index: u64) -> ReplyKind {
    match exchange {
        Exchange::Work => ReplyKind::Reply(work_reply(index)),
        Exchange::Http(_) => status([200, 503, 204, 201, 200][(index % 5) as usize]),
        Exchange::Echo | Exchange::Next | Exchange::Raw { .. } => ReplyKind::Right,
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
            let expected: Vec<Option<ReplyKind>> =
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
    assert_eq!(read(&http("GET"), until_close, &[7]), [Some(status(200))]);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
    assert_eq!(read(&http("HEAD"), head, &[7]), [Some(status(200))]);
}

#[test]
fn contradictory_lengths_and_endless_heads_are_no_replies() {
    let two = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello";
    assert_eq!(read(&http("GET"), two, &[1000]), [None]);
    let endless = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'a'; 270_000]].concat();
    assert_eq!(read(&http("GET"), &endless, &[1000]), [None]);
}

#[test]
fn heads_that_every_client_takes_are_read() {
    let fields: String = (0..300).map(|number| format!("X-{number}: v\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nhi");
    for head in [
        // A folded field (RFC 9112, section 5.2), also of the length itself.
        "HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\t2\r\n\r\nhi",
        // The same length twice, blanks around it, no reason, line feeds only, a leading empty
        // line.
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: \t 2 \t\r\n\r\nhi",
        "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2 \r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        many.as_str(),
    ] {
        for piece in [1, 2, 7, 100_000] {
            assert_eq!(
                read(&http("GET"), head.as_bytes(), &[piece]),
                [Some(status(200))],
                "{head}"
            );
        }
    }
    let switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(read(&http("GET"), switched, &[9]), [Some(status(101))]);
    let invented = b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(read(&http("GET"), invented, &[9]), [Some(status(999))]);
}

#[test]
fn replies_that_are_none_are_not_taken_for_some() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: \u{a0}2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: \u{2003}2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2,\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n;x\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhigh\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 3\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "-ERR unknown command\r\n",
        "XOr1 and so on",
    ] {
        for piece in [1, 3, 1000] {
            assert_eq!(read(&http("GET"), reply.as_bytes(), &[piece]), [None], "{reply:?}");
        }
    }
    // A reply that ends in the middle of a chunk is not a reply either.
    let cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel";
    assert_eq!(read(&http("GET"), cut, &[1000]), []);
}

/// Whether a reader reports, after this reply, that no other one follows.
fn is_last(reply: &str) -> bool {
    let mut reader = Reader::default();
    let owed = ExpectedReply { id: 1, size: SIZE };
    reader.advance(&http("GET"), reply.as_bytes(), Some(owed)).expect("a reply");
    reader.is_last()
}

#[test]
fn the_end_of_a_connection_is_announced_in_many_ways() {
    let with = |version: &str, fields: &str| {
        is_last(&format!("HTTP/{version} 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"))
    };
    assert!(!with("1.1", "") && !with("1.1", "Connection: keep-alive\r\n"));
    assert!(with("1.1", "Connection: close\r\n") && with("1.1", "connection: x, CLOSE\r\n"));
    assert!(with("1.0", "") && !with("1.0", "Connection: Keep-Alive\r\n"));
    // Among contradictory fields, close counts, in any order.
    assert!(with("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
    assert!(with("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    assert!(with("1.0", "Connection: keep-alive, close\r\n"));
    assert!(is_last("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
    assert!(is_last("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"));
}

#[test]
fn the_end_of_a_raw_reply_is_found_however_its_bytes_come() {
    let reply = RawReply::Delimiter(b"END\r\n".to_vec());
    let raw = Exchange::Raw { request: Template::of(b"?"), reply };
    let bytes = b"VALUE EN 1\r\nxEND\r\nEND\r\n";
    for piece in 1..bytes.len() {
        assert_eq!(read(&raw, bytes, &[piece]), [Some(ReplyKind::Right); 2], "{piece}");
    }
}
