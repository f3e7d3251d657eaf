//! Servers of the user's own in a bench: started, measured, and ended with all their processes.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::crossover;
use results::{Outcome, Record, read_records};

/// A bench of a server that is this program itself, started as any other.
fn scenario(command: &str, further: &str) -> String {
    format!(
        r#"
repetitions = 1
repeat_disturbed = false
[[server]]
name = "mine"
command = {command}
target = "http://127.0.0.1:{{port}}/?wait={{wait_us}}us&compute={{compute_us}}us&reply={{reply_bytes}}B"
{further}
[[experiment]]
name = "only"
designs = ["mine"]
rate = "200/s"
requests = 40
wait = "300us"
compute = "100us"
"#
    )
}

/// The command that serves a design over HTTP.
fn serving(design: &str) -> String {
    let program = env!("CARGO_BIN_EXE_crossover");
    format!(
        "[{program:?}, \"serve\", \"{design}\", \"--service\", \"http\", \"--listen\", \
         \"127.0.0.1:{{port}}\", \"--ends-with-parent\"]"
    )
}

fn bench(folder: &Path, text: &str) -> Output {
    fs::write(folder.join("own.toml"), text).expect("writable");
    let mut command = crossover();
    command.current_dir(folder).args(["bench", "own.toml", "--out", "out"]);
    command.output().expect("it ran")
}

fn records(folder: &Path) -> Vec<Record> {
    read_records(&folder.join("out/records.jsonl"), |record| record).expect("records").records
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_server_of_ones_own_is_started_measured_and_ended() {
    for (ready, design) in [
        ("connect", "tcp-iterative"),
        ("http", "tcp-thread-per-connection"),
        ("line listening", "tcp-process-per-connection"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let output =
            bench(folder.path(), &scenario(&serving(design), &format!("ready = {ready:?}")));
        assert!(output.status.success(), "{design}: {}", said(&output));
        let records = records(folder.path());
        assert_eq!(records.len(), 1);
        let record = &records[0];
        let Outcome::Measured(measured) = &record.outcome else { panic!("{:?}", record.outcome) };
        assert_eq!(measured.counts.answered, measured.counts.planned, "{design}");
        let server = measured.server.as_ref().expect("its cost is known");
        // Which of the two depends on whether control groups may be made.
        assert!(["cgroup", "process-tree"].contains(&server.accounting.as_str()));
        assert_eq!(server.answered, measured.counts.answered);
        // Each request computes 100 µs, and no server computes for less.
        let per_request = server.processor_ns_per_request().expect("it answered");
        assert!(per_request > 95e3, "{design}: {per_request}");
        assert!(server.peak_memory_bytes > 0);
        let open = server.in_use.expect("its processes are known");
        assert!(open.processes >= 1 && open.threads >= open.processes, "{design}: {open:?}");
        assert!(1 <= open.sockets && open.sockets < open.descriptors, "{design}: {open:?}");
        assert_eq!(record.cell.subject.name, "mine");
        assert!(record.setup.server.target.contains("{port}"), "{:?}", record.setup.server);
        // Nothing of it is left: its port is free, because no process holds it.
        let left = fs::read_dir("/proc").expect("/proc").flatten().any(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let is_of_this =
                fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder.path());
            is_of_this && line.contains("serve")
        });
        assert!(!left, "{design} is still there");
    }
}

#[test]
fn a_server_that_does_not_start_is_told_with_its_last_words() {
    let folder = tempfile::tempdir().expect("a folder");
    for (command, further, expected) in [
        (r#"["sh", "-c", "echo no such table >&2; exit 7"]"#, "", "no such table"),
        (r#"["sh", "-c", "echo waiting; sleep 20"]"#, "start_timeout = \"300ms\"", "waiting"),
        (r#"["no-such-program-anywhere"]"#, "", "is not found"),
    ] {
        let output = bench(folder.path(), &scenario(command, further));
        assert_eq!(output.status.code(), Some(3), "{command}: {}", said(&output));
        assert!(said(&output).contains(expected), "{command}: {}", said(&output));
        fs::remove_dir_all(folder.path().join("out")).expect("it was made");
    }
}

#[test]
fn a_dry_run_lists_what_would_be_started_and_starts_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = r#"["touch", "started", "--token", "abc"]"#;
    fs::write(folder.path().join("own.toml"), scenario(command, "")).expect("writable");
    let mut dry = crossover();
    dry.current_dir(folder.path()).args(["bench", "own.toml", "--dry-run"]);
    let output = dry.output().expect("it ran");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && text.contains("starts mine: touch started --token …"),
        "{text}"
    );
    assert!(!folder.path().join("started").exists() && !folder.path().join("out").exists());
}

#[test]
fn what_is_wrong_with_a_server_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = serving("tcp-iterative");
    for (text, expected) in [
        (scenario(&command, "ready = \"soon\""), "line 8, column 9: ready"),
        (scenario(&command, "pid = 7"), "pid is for a server that runs already"),
        (scenario(&command, "design = \"tcp-iterative\""), "command is for servers of your own"),
        (scenario("[]", ""), "{port} is filled in"),
        (scenario(&command, "").replace("wait={wait_us}us&", ""), "no place for wait"),
        (scenario(&command, "").replace("127.0.0.1", "192.0.2.1"), "not on this machine"),
        (
            scenario(&command, "").replace("designs = [\"mine\"]", "designs = [\"mime\"]"),
            "did you mean mine?",
        ),
        (
            scenario(&command, "").replace("wait = \"300us\"", "wait = [\"1us\"]\naxis = \"rate\""),
            "in one way",
        ),
        (
            scenario(&command, "").replace("wait = \"300us\"", "wait = [\"1us\", \"soon\"]"),
            "'soon'",
        ),
    ] {
        let output = bench(folder.path(), &text);
        assert_eq!(output.status.code(), Some(2), "{expected}: {}", said(&output));
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
    }
}
