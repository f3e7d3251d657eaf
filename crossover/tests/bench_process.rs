//! The bench as a process: it keeps what it measured, whatever happens to it or its servers.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, children_of, crossover};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::{Failure, Outcome, read_records};

/// Three runs of a second each.
const SCENARIO: &str = r#"
title = "Three runs"
seed = 1
repetitions = 3
[[experiment]]
name = "only"
question = "Does it end in order?"
shows = ["short-among-long"]
designs = ["udp-iterative"]
rate = "200/s"
for = "1s"
wait = "two-point:100us,2ms,0.1"
"#;

fn bench(folder: &Path) -> Command {
    let file = folder.join("three.toml");
    fs::write(&file, SCENARIO).expect("writable");
    let mut command = crossover();
    command.arg("bench").arg(file).arg("--out").arg(folder.join("out"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn wait_for_lines(records: &Path, count: usize) {
    let start = Instant::now();
    while fs::read_to_string(records).map_or(0, |text| text.lines().count()) < count {
        assert!(start.elapsed() < PATIENCE, "{count} records in {}", records.display());
        thread::sleep(Duration::from_millis(10));
    }
}

fn server_of(bench: &Child) -> Pid {
    let start = Instant::now();
    loop {
        if let Some((server, _)) = children_of(Pid::from_raw(bench.id() as i32)).first() {
            return *server;
        }
        assert!(start.elapsed() < PATIENCE, "the bench starts a server");
        thread::sleep(Duration::from_millis(2));
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_server_killed_in_mid_run_is_told_and_the_other_records_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(folder.path()).spawn().expect("the program starts");
    let records = folder.path().join("out/records.jsonl");
    wait_for_lines(&records, 1);
    let server = server_of(&bench);
    thread::sleep(Duration::from_millis(200)); // let the run be under way
    kill(server, Signal::SIGKILL).expect("it is alive");
    let output = bench.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("the server died during the run: killed by SIGKILL"));
    let read = read_records(&records).expect("readable").records;
    assert_eq!(read.len(), 3, "the bench went on");
    let failed = read.iter().filter(|record| {
        matches!(&record.outcome, Outcome::Failed(Failure::ServerDied { how }) if how.contains("SIGKILL"))
    });
    assert_eq!(failed.count(), 1);
    assert!(folder.path().join("out/index.html").exists());
}

#[test]
fn ctrl_c_keeps_what_was_measured_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(folder.path()).spawn().expect("the program starts");
    let out = folder.path().join("out");
    wait_for_lines(&out.join("records.jsonl"), 1);
    let server = server_of(&bench);
    kill(Pid::from_raw(bench.id() as i32), Signal::SIGINT).expect("it is alive");
    let output = bench.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("--resume"), "{}", said(&output));
    assert!(kill(server, None).is_err(), "the server ended with the bench");
    let kept = read_records(&out.join("records.jsonl")).expect("readable").records.len();
    assert!(kept < 3);
    assert!(out.join("index.html").exists());

    let resumed = crossover().args(["bench", "--resume"]).arg(&out).output().expect("it runs");
    assert!(resumed.status.success(), "{}", said(&resumed));
    let all = read_records(&out.join("records.jsonl")).expect("readable").records;
    assert_eq!(all.len(), 3);
    let last = String::from_utf8_lossy(&resumed.stdout).lines().last().map(str::to_owned);
    assert_eq!(last, Some(out.join("index.html").display().to_string()));
}

#[test]
fn a_bench_killed_leaves_no_server_and_no_unreadable_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = bench(folder.path()).spawn().expect("the program starts");
    let records = folder.path().join("out/records.jsonl");
    wait_for_lines(&records, 1);
    let server = server_of(&bench);
    bench.kill().expect("it is alive");
    bench.wait().expect("it ends");
    let start = Instant::now();
    while kill(server, None).is_ok() {
        assert!(start.elapsed() < PATIENCE, "server {server} outlived its bench");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!read_records(&records).expect("readable").records.is_empty());
}
