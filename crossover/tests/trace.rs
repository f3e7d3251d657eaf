//! `crossover trace`: the time line of real servers. Skipped, with the reason, where ptrace(2) is not allowed.

mod common;

use std::fs;

use common::crossover;
use serde_json::Value;

/// What a trace prints; `None` if nobody may follow a process here.
fn traced(arguments: &[&str]) -> Option<String> {
    let output = crossover().arg("trace").args(arguments).output().expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if error.contains("allow ptrace") {
        assert_eq!(output.status.code(), Some(3));
        println!("skipped: {error}");
        return None;
    }
    assert!(output.status.success(), "{error}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn each_design_shows_its_own_steps() {
    for (design, steps) in [
        ("udp-iterative", &["server", "recvmsg", "clock_nanosleep = 0", "sendto = 64"][..]),
        ("udp-thread-per-request", &["master", "clone3", "creates thread 3", "thread 2", "exit"]),
        ("tcp-process-per-connection", &["accept4", "creates process 3", "wait4", "exit_group"]),
        ("tcp-event-loop", &["server", "accept4", "epoll_wait", "recvfrom = 64"]),
        ("udp-prethreaded", &["worker 1", "worker 2", "worker 3", "sendto = 64"]),
    ] {
        let Some(said) = traced(&[design, "--wait", "4ms", "--compute", "0s"]) else { return };
        for step in steps {
            assert!(said.contains(step), "{design} lacks '{step}':\n{said}");
        }
        let replies = said.matches("has its reply").count();
        assert_eq!(replies, 3, "{design}: {said}");
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    }
}

#[test]
fn the_picture_is_written_and_holds_every_lane() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = folder.path().join("line.svg");
    let path = picture.to_str().expect("a path");
    let Some(said) = traced(&["udp-iterative", "--clients", "2", "--out", path]) else { return };
    assert!(said.trim_end().ends_with(path), "{said}");
    let svg = fs::read_to_string(&picture).expect("it is there");
    for lane in ["client 1", "client 2", "kernel queue", "server"] {
        assert!(svg.contains(&format!(">{lane}</text>")), "{lane}");
    }
    assert!(svg.contains("sleeps for a request") && svg.ends_with("</svg>\n"));
}

#[test]
fn the_table_counts_the_calls_of_a_request() {
    let Some(said) = traced(&["udp-iterative", "--table", "--json"]) else { return };
    let rows: Value = serde_json::from_str(&said).expect("JSON");
    let row = &rows[0];
    assert_eq!(row["design"], "udp-iterative");
    // Receive and send, and now and then something of the program's own.
    let calls = row["system_calls"].as_f64().expect("a number");
    assert!((2.0..4.0).contains(&calls), "{said}");
    assert_eq!(row["calls"]["sendto"].as_f64(), Some(1.0), "{said}");
}

#[test]
fn without_a_design_it_says_what_to_give() {
    let output = crossover().arg("trace").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--table"));
}
