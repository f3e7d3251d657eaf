//! What a load reports for replies that are not simply right.

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use common::load::{all_answered, count, http, json, load, parsed, streams};

const FRAME: [&str; 6] = ["--for", "600ms", "--warmup", "0s", "--timeout", "500ms"];

/// For loads in which everything is answered, even if late on a busy machine.
const PATIENT: [&str; 6] = ["--for", "600ms", "--warmup", "0s", "--timeout", "30s"];

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn statuses_are_told_by_number_with_their_times_and_which_are_right_can_be_said() {
    let (target, _beside) = http(|_, number| {
        let status = ["429 Too Many", "404 Not Found", "503 Busy"][(number % 3) as usize];
        Some(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes())
    });
    let frame = [&["--rate", "300/s"], &PATIENT[..]].concat();
    let output = load(&target, &[&frame[..], &["--json"]].concat());
    let said = parsed(&output);
    assert_eq!(output.status.code(), Some(3), "nothing was answered");
    assert_eq!(count(&said, "refused"), count(&said, "planned"));
    let mut all = 0;
    for code in ["429", "404", "503"] {
        let its = &said["statuses_by_code"][code];
        all += its["count"].as_u64().expect("a number");
        assert_eq!(its["ok"], false, "{said}");
        assert!(its["p50_ns"].is_u64(), "{said}");
    }
    assert_eq!(all, count(&said, "planned"), "{said}");
    let doubts = said["doubts"].as_array().expect("a list");
    let unanswered = doubts.iter().find(|doubt| doubt["doubt"] == "unanswered");
    let text = unanswered.and_then(|doubt| doubt["text"].as_str()).expect("a text");
    assert!(text.contains("status") && !text.contains("listens"), "{text}");
    let right = json(&target, &[&["--ok", "200-299,404"], &frame[..]].concat());
    assert_eq!(right["statuses_by_code"]["404"]["count"], right["counts"]["answered"]);
    assert_eq!(right["statuses_by_code"]["404"]["ok"], true);
    let all = json(&target, &[&["--ok", "400-599"], &frame[..]].concat());
    all_answered(&all);
    assert_eq!(
        all["statuses"][4].as_u64().zip(all["statuses"][5].as_u64()).map(|(a, b)| a + b),
        all["counts"]["answered"].as_u64()
    );
    let text = load(&target, &frame);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("429: ") && text.contains("503: "), "{text}");
}

#[test]
fn what_cannot_be_read_is_shown_with_what_helps() {
    for (bytes, target, arguments, reason, hint) in [
        (&b"+PONG\r\n"[..], "http", &[][..], "HTTP", "--send"),
        (OK, "tcp", &[], "work protocol", "http://"),
        (b"XOr1 whatever it says and so on, which is longer", "http", &[], "HTTP", "tcp://"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n",
            "http",
            &[],
            "Content-Length",
            "HTTP/1.1",
        ),
        (b"PONG and no end", "tcp", &["--send", "PING"], "length or the end", "--reply-until"),
    ] {
        let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), move |_, mut stream| {
            let mut request = [0; 4096];
            while let Ok(1..) = stream.read(&mut request) {
                if stream.write_all(bytes).is_err() {
                    return;
                }
            }
        });
        let frame = [&["--rate", "50/s"], arguments, &FRAME[..]].concat();
        let target = format!("{target}://{address}");
        let said = parsed(&load(&target, &[&frame[..], &["--json"]].concat()));
        let unreadable = &said["unreadable"];
        assert!(unreadable["reason"].as_str().is_some_and(|it| it.contains(reason)), "{said}");
        let shown = bytes[..bytes.len().min(20)].escape_ascii().to_string();
        assert!(unreadable["bytes"].as_str().is_some_and(|it| it.starts_with(&shown)), "{said}");
        assert!(said["hint"].as_str().is_some_and(|it| it.contains(hint)), "{said}");
        let output = load(&target, &frame);
        assert_eq!(output.status.code(), Some(3));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("unreadable"), "{text}");
    }
}

#[test]
fn replies_without_end_do_not_keep_a_load_from_ending() {
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), move |_, mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(head.as_bytes());
            let more = if head.contains("100") { head.repeat(3000) } else { "x".repeat(1 << 18) };
            while stream.write_all(more.as_bytes()).is_ok() {}
        });
        let frame = [&["--rate", "200/s", "--clients", "4"], &FRAME[..]].concat();
        let begun = std::time::Instant::now();
        let said =
            parsed(&load(&format!("http://{address}/"), &[&frame[..], &["--json"]].concat()));
        // It takes 1.1 s; a load that waited for the end of the reply would take half a minute.
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(count(&said, "answered"), 0, "{said}");
    }
}
