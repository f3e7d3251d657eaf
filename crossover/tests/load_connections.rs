//! What happens to requests when a connection ends, with real processes, against servers that end
//! connections in every way.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use common::load::{all_answered, converse, count, has_doubt, http, json, load, parsed, streams};
use serde_json::Value;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const LAST: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";

const FRAME: [&str; 6] = ["--for", "600ms", "--warmup", "0s", "--timeout", "500ms"];

/// For loads in which everything is answered, even if late on a busy machine.
const PATIENT: [&str; 6] = ["--for", "600ms", "--warmup", "0s", "--timeout", "30s"];

/// Every way to load that puts several requests on a connection.
fn ways() -> [Vec<&'static str>; 4] {
    [
        vec!["--clients", "4", "--rate", "2000/s"],
        vec!["--clients", "2", "--arrivals", "burst:50", "--rate", "2000/s"],
        vec!["--closed", "--clients", "2", "--pipeline", "16"],
        vec!["--clients", "4", "--threads", "2", "--rate", "1000/s", "--close", "finish"],
    ]
}

fn resent(said: &Value) -> u64 {
    said["resent"].as_u64().expect("a number")
}

#[test]
fn what_stands_behind_an_announced_end_goes_out_again() {
    // Like nginx with keepalive_requests 20: the twentieth reply announces that it is the last.
    let (target, _beside) = http(|_, number| match number {
        1..20 => Some(OK.to_vec()),
        20 => Some(LAST.to_vec()),
        _ => None,
    });
    for way in ways() {
        let said = json(&target, &[&way[..], &PATIENT].concat());
        all_answered(&said);
        assert_eq!(said["statuses_by_code"]["200"]["count"], said["counts"]["answered"]);
    }
}

#[test]
fn a_server_that_keeps_no_connection_loses_nothing() {
    // Like Python's http.server: HTTP/1.0, one reply, and the end of the connection. The reply ends
    // by its length, or with the connection.
    for reply in [
        &b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"[..],
        b"HTTP/1.0 200 OK\r\n\r\nhi",
        LAST,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ] {
        let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), move |_, stream| {
            let out = stream.try_clone().expect("a descriptor");
            converse(stream, |_| (&out).write_all(reply).ok().and(None));
        });
        let target = format!("http://{address}/");
        for way in [
            &["--clients", "4", "--rate", "300/s"][..],
            &["--closed", "--clients", "4", "--pipeline", "8"],
        ] {
            let said = json(&target, &[way, &PATIENT].concat());
            all_answered(&said);
        }
    }
}

#[test]
fn a_reply_that_is_cut_off_by_the_requests_behind_it_is_asked_for_again() {
    // A server that closes while requests are unread sends RST instead of FIN: at the end of a
    // reply that ends only with the connection, and in the middle of one that has a length.
    let until_the_end = &b"HTTP/1.0 200 OK\r\n\r\nhi"[..];
    let half = &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh"[..];
    let closed = &["--closed", "--clients", "1", "--pipeline", "8"][..];
    // An open loop meets the RST on a write, because the next request is due.
    let open = &["--clients", "1", "--rate", "300/s"][..];
    for (first, reply, way) in [
        (until_the_end, until_the_end, closed),
        (half, LAST, closed),
        (until_the_end, until_the_end, open),
        (half, LAST, open),
    ] {
        let (address, _beside) =
            streams(TcpListener::bind("127.0.0.1:0"), move |connection, mut stream| {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n")
                    && stream.read(&mut byte).is_ok_and(|read| read > 0)
                {
                    head.push(byte[0]);
                }
                let _ = stream.write_all(if connection == 1 { first } else { reply });
                if connection == 1 {
                    thread::sleep(Duration::from_millis(100)); // until others wait unread
                }
            });
        let said = json(&format!("http://{address}/"), &[way, &PATIENT].concat());
        all_answered(&said);
        // A generator that has read that no more replies come may have put nothing behind this
        // request.
        assert!(first == until_the_end || resent(&said) > 0, "{way:?}: {said}");
    }
}

#[test]
fn an_early_end_costs_what_may_not_be_repeated_and_nothing_else() {
    // The tenth request of each connection finds it closed without notice, or reset.
    for reset in [false, true] {
        let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), move |_, stream| {
            let again = stream.try_clone().expect("a descriptor");
            converse(stream, |number| (number < 10).then(|| OK.to_vec()));
            if reset {
                let linger = socket2::SockRef::from(&again);
                linger.set_linger(Some(Duration::ZERO)).expect("an option");
            }
        });
        let target = format!("http://{address}/");
        let frame = [&["--clients", "4", "--rate", "500/s"], &PATIENT[..]].concat();
        let said = json(&target, &frame);
        all_answered(&said);
        assert!(resent(&said) >= count(&said, "planned") / 20, "{said}");
        for method in ["PUT", "DELETE", "OPTIONS", "HEAD"] {
            if method != "HEAD" {
                all_answered(&json(&target, &[&["--method", method], &frame[..]].concat()));
            }
        }
        let posted = json(&target, &[&["--method", "POST"], &frame[..]].concat());
        assert!(count(&posted, "reset") >= count(&posted, "planned") / 20, "{posted}");
        assert_eq!(
            count(&posted, "reset") + count(&posted, "answered"),
            count(&posted, "planned"),
            "{posted}"
        );
    }
}

#[test]
fn a_server_that_ends_each_connection_after_two_replies_loses_nothing() {
    // Announced or not: a request far behind would be sent again more often than three times.
    for second in [OK, LAST] {
        let (target, _beside) = http(move |_, number| match number {
            1 => Some(OK.to_vec()),
            2 => Some(second.to_vec()),
            _ => None,
        });
        for way in ways() {
            all_answered(&json(&target, &[&way[..], &PATIENT].concat()));
        }
    }
}

#[test]
fn a_request_is_sent_again_three_times_at_most() {
    let came = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&came);
    let (target, _beside) = http(move |_, _| {
        seen.fetch_add(1, SeqCst);
        None
    });
    let frame = [&["--rate", "100/s", "--connection", "per-request"], &PATIENT[..]].concat();
    let output = load(&target, &[&frame[..], &["--json"]].concat());
    let said = parsed(&output);
    assert_eq!(count(&said, "reset"), count(&said, "planned"), "{said}");
    assert_eq!(resent(&said), 3 * count(&said, "planned"), "{said}");
    assert_eq!(came.load(SeqCst), 4 * count(&said, "planned"));
    assert_eq!(output.status.code(), Some(3), "nothing was answered");
}

#[test]
fn a_reply_that_is_cut_short_is_no_reply() {
    for cut in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 O",
    ] {
        let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), move |_, mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(cut);
        });
        // One request at a time, because one behind a reply that is cut short would rightly be sent
        // again.
        let frame = [&["--closed", "--think", "5ms"], &PATIENT[..]].concat();
        let said =
            parsed(&load(&format!("http://{address}/"), &[&frame[..], &["--json"]].concat()));
        assert_eq!(count(&said, "reset"), count(&said, "planned"), "{said}");
        assert_eq!(resent(&said), 0, "its reply had begun: {said}");
    }
}

#[test]
fn a_request_that_hangs_costs_itself_and_not_its_connection_s_others() {
    // Every fiftieth request of all is never answered, and its connection stays open.
    let served = Arc::new(AtomicU64::new(0));
    let (target, _beside) = http(move |_, _| {
        if served.fetch_add(1, SeqCst) % 50 == 49 {
            thread::sleep(Duration::from_secs(5));
        }
        Some(OK.to_vec())
    });
    let frame = ["--clients", "8", "--for", "3s", "--warmup", "0s", "--timeout", "300ms"];
    for way in [&["--rate", "200/s"][..], &["--closed", "--think", "40ms"]] {
        let said = json(&target, &[way, &frame].concat());
        let planned = count(&said, "planned");
        // One in fifty hangs; two thirds timed out when each blocked the requests behind it.
        assert!(count(&said, "timed_out") * 4 <= planned, "{way:?}: {said}");
        let ends = ["answered", "timed_out", "unsent"].map(|name| count(&said, name));
        assert_eq!(ends.iter().sum::<u64>(), planned, "{said}");
    }
}

#[test]
fn a_raw_request_that_hangs_does_not_poison_its_connection() {
    let served = Arc::new(AtomicU64::new(0));
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), move |_, mut stream| {
        let mut bytes = [0; 5];
        while stream.read_exact(&mut bytes).is_ok() {
            if served.fetch_add(1, SeqCst) % 50 == 49 {
                thread::sleep(Duration::from_secs(5));
            }
            if stream.write_all(b"PONG\n").is_err() {
                return;
            }
        }
    });
    let frame = ["--clients", "8", "--for", "3s", "--warmup", "0s", "--timeout", "300ms"];
    let raw = ["--send", "PING\\n", "--rate", "200/s"];
    let said = json(&format!("tcp://{address}"), &[&raw[..], &frame].concat());
    // The requests behind it cannot be sent again and time out with it: at most those of 300 ms.
    let most = (count(&said, "planned") / 50 + 2) * 10;
    assert!(count(&said, "timed_out") <= most, "{said}");
    assert!(count(&said, "answered") * 10 >= count(&said, "planned") * 7, "{said}");
}

#[test]
fn fewer_workers_than_kept_connections_are_told() {
    let held = Arc::new(AtomicU64::new(0));
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), move |number, stream| {
        if number <= 2 {
            converse(stream, |_| Some(OK.to_vec()));
        } else {
            held.fetch_add(1, SeqCst);
            thread::sleep(Duration::from_secs(3)); // no worker is left to serve it
        }
    });
    let frame = [&["--rate", "200/s", "--clients", "5", "--connection", "persistent"], &FRAME[..]];
    // A connection that is never served keeps its requests until they time out.
    let said = json(&format!("http://{address}/"), &frame.concat());
    assert!(has_doubt(&said, "unserved-connections"), "{said}");
}

#[test]
fn a_name_with_several_addresses_is_loaded_at_the_one_that_is_used() {
    // The addresses of localhost depend on the machine; if it has only one, that one is used.
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), |_, stream| {
        converse(stream, |_| Some(OK.to_vec()));
    });
    for how in ["persistent", "per-request"] {
        let target = format!("http://localhost:{}/", address.port());
        let frame = [&["--rate", "100/s", "--connection", how], &PATIENT[..]].concat();
        all_answered(&json(&target, &frame));
    }
    let _: SocketAddr = address;
}

#[test]
fn one_lost_request_of_the_work_protocol_stalls_no_client() {
    // The first connection ends at its third request. On the next connection the first request is
    // never answered, and all others are.
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), |number, mut stream| {
        let mut bytes = [0; 64];
        let mut come = 0;
        while stream.read_exact(&mut bytes).is_ok() {
            come += 1;
            if number == 1 && come == 3 {
                return;
            }
            if number == 2 && come == 1 {
                continue;
            }
            let mut reply = bytes;
            reply[..4].copy_from_slice(b"XOr1");
            reply[16..].fill(0);
            reply[4..8].copy_from_slice(&64_u32.to_be_bytes());
            if stream.write_all(&reply).is_err() {
                return;
            }
        }
    });
    let frame = ["--rate", "400/s", "--for", "1s", "--warmup", "0s", "--timeout", "300ms"];
    let said = parsed(&load(&format!("tcp://{address}"), &[&frame[..], &["--json"]].concat()));
    assert!(
        count(&said, "timed_out") + count(&said, "reset") < count(&said, "planned") / 2,
        "{said}"
    );
}

#[test]
fn a_generator_that_gives_up_says_of_no_connection_that_the_server_ended_it() {
    // Each reply takes 4 ms and no connection ends: beyond 250/s requests time out, and none is
    // reset.
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), |_, stream| {
        converse(stream, |_| {
            thread::sleep(Duration::from_millis(4));
            Some(OK.to_vec())
        });
    });
    let frame = ["--rate", "400/s", "--for", "1s", "--warmup", "0s", "--timeout", "100ms"];
    let said = json(&format!("http://{address}/"), &frame);
    assert_eq!(count(&said, "reset"), 0, "{said}");
    assert!(count(&said, "timed_out") > 0, "{said}");
}

#[test]
fn who_announces_the_end_of_a_connection_puts_nothing_more_on_it() {
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), |_, mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(OK);
    });
    let target = format!("http://{address}/");
    let closing = ["--header", "Connection: close"];
    for way in [&["--closed", "--clients", "4", "--pipeline", "4"][..], &["--rate", "400/s"]] {
        for method in ["GET", "POST"] {
            let said = json(&target, &[way, &closing, &["--method", method], &PATIENT].concat());
            all_answered(&said);
        }
    }
}
