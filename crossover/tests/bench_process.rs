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
repeat_disturbed = false
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
    thread::sleep(Duration::from_millis(200)); // let the run get under way
    kill(server, Signal::SIGKILL).expect("it is alive");
    let output = bench.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("the server died during the run: killed by SIGKILL"));
    let read = read_records(&records, |record| record).expect("readable").records;
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
    let kept =
        read_records(&out.join("records.jsonl"), |record| record).expect("readable").records.len();
    assert!(kept < 3);
    assert!(out.join("index.html").exists());

    let resumed = crossover().args(["bench", "--resume"]).arg(&out).output().expect("it runs");
    assert!(resumed.status.success(), "{}", said(&resumed));
    let all = read_records(&out.join("records.jsonl"), |record| record).expect("readable").records;
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
    assert!(!read_records(&records, |record| record).expect("readable").records.is_empty());
}

/// Runs a command of the program in a folder.
fn in_folder(folder: &Path, arguments: &[&str]) -> Output {
    crossover().args(arguments).current_dir(folder).output().expect("the program starts")
}

const TINY: &str = r#"
title = "Tiny"
seed = 1
repeat_disturbed = false
repetitions = 2
[[experiment]]
name = "only"
question = "Does it count each run once?"
shows = ["cost"]
designs = ["udp-iterative"]
rate = "400/s"
requests = 40
wait = "100us"
"#;

#[test]
fn two_benches_at_once_have_folders_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("tiny.toml"), TINY).expect("writable");
    let start = |_| {
        let mut command = crossover();
        command.args(["bench", "tiny.toml"]).current_dir(folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let benches: Vec<Child> = (0..3).map(start).collect();
    let pages: std::collections::HashSet<String> = benches
        .into_iter()
        .map(|bench| {
            let output = bench.wait_with_output().expect("it ends");
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
            String::from_utf8_lossy(&output.stdout).lines().last().expect("a page").to_owned()
        })
        .collect();
    assert_eq!(pages.len(), 3, "{pages:?}");
    let latest = folder.path().join("reports/runs/latest/records.jsonl");
    assert_eq!(read_records(&latest, |record| record).expect("readable").records.len(), 2);
    // If `latest` is a foreign folder, the bench still succeeds.
    let latest = folder.path().join("reports/runs/latest");
    fs::remove_file(&latest).expect("a link");
    fs::create_dir_all(latest.join("precious")).expect("a folder");
    let output = in_folder(folder.path(), &["bench", "tiny.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("latest") && latest.join("precious").exists());
}

#[test]
fn a_folder_in_use_is_refused_and_so_is_what_is_somebody_elses() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = bench(folder.path()).spawn().expect("the program starts");
    wait_for_lines(&folder.path().join("out/records.jsonl"), 1);
    for arguments in [
        &["bench", "--resume", "out"][..],
        &["bench", "three.toml", "--out", "out"],
        &["report", "out"],
    ] {
        let output = in_folder(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("another crossover"), "{}", said(&output));
    }
    assert!(first.wait().expect("it ends").success());
    let records = folder.path().join("out/records.jsonl");
    assert_eq!(read_records(&records, |record| record).expect("readable").records.len(), 3);
    for file in ["index.html", "scenario.toml"] {
        let foreign = folder.path().join("foreign");
        fs::create_dir_all(&foreign).expect("a folder");
        fs::write(foreign.join(file), "precious").expect("writable");
        let output = in_folder(folder.path(), &["bench", "three.toml", "--out", "foreign"]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert_eq!(fs::read(foreign.join(file)).expect("there"), b"precious");
        fs::remove_dir_all(&foreign).expect("ours");
    }
    fs::create_dir_all(folder.path().join("pages")).expect("a folder");
    fs::write(folder.path().join("pages/index.html"), "precious").expect("writable");
    for arguments in [&["report", "out", "--out", "pages"][..], &["faults", "--out", "pages"]] {
        let output = in_folder(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    }
    assert_eq!(fs::read(folder.path().join("pages/index.html")).expect("there"), b"precious");
}

#[test]
fn a_folder_that_was_hardly_begun_can_be_begun_again() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("tiny.toml"), TINY).expect("writable");
    let run = folder.path().join("run");
    // A bench that died between its first two files, in either order.
    for file in ["records.jsonl", "scenario.toml"] {
        fs::create_dir_all(&run).expect("a folder");
        fs::write(run.join(file), "").expect("writable");
        let resumed = in_folder(folder.path(), &["bench", "--resume", "run"]);
        assert_eq!(resumed.status.code(), Some(2), "{}", said(&resumed));
        let begun = in_folder(folder.path(), &["bench", "tiny.toml", "--out", "run"]);
        assert_eq!(begun.status.code(), Some(0), "{}", said(&begun));
        fs::remove_dir_all(&run).expect("ours");
    }
    // Records whose scenario is gone are not overwritten, and the remedy is printed.
    let begun = in_folder(folder.path(), &["bench", "tiny.toml", "--out", "run"]);
    assert_eq!(begun.status.code(), Some(0), "{}", said(&begun));
    fs::remove_file(run.join("scenario.toml")).expect("there");
    let resumed = in_folder(folder.path(), &["bench", "--resume", "run"]);
    assert!(said(&resumed).contains("put the scenario there"), "{}", said(&resumed));
}

#[test]
fn an_edited_scenario_mixes_no_loads() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("tiny.toml"), TINY).expect("writable");
    let begun = in_folder(folder.path(), &["bench", "tiny.toml", "--out", "run"]);
    assert_eq!(begun.status.code(), Some(0), "{}", said(&begun));
    let scenario = folder.path().join("run/scenario.toml");
    let edited = fs::read_to_string(&scenario).expect("text").replace("100us", "900us");
    fs::write(&scenario, edited).expect("writable");
    let resumed = in_folder(folder.path(), &["bench", "--resume", "run"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    let records = folder.path().join("run/records.jsonl");
    let read = read_records(&records, |record| record).expect("readable").records;
    let waits: Vec<&str> = read.iter().map(|record| record.setup.load.wait.as_str()).collect();
    assert_eq!(waits, ["100us", "100us", "900us", "900us"]);
    assert!(said(&resumed).contains("2 runs were made under another load"), "{}", said(&resumed));
    let page = fs::read_to_string(folder.path().join("run/index.html")).expect("a page");
    assert!(page.contains("2 runs were made under another load"));
    // A second resume has nothing left to do.
    let again = in_folder(folder.path(), &["bench", "--resume", "run"]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert_eq!(read_records(&records, |record| record).expect("readable").records.len(), 4);
}

#[test]
fn a_scenario_without_an_axis_says_what_it_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = TINY.replace("shows = [\"cost\"]", "shows = [\"percentiles\", \"cost\"]");
    fs::write(folder.path().join("tiny.toml"), text).expect("writable");
    let output = in_folder(folder.path(), &["bench", "tiny.toml", "--out", "run"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("the iterative UDP server answers half of the requests within"),
        "{told}"
    );
    assert!(told.contains("of processor time for a request answered"), "{told}");
}

#[test]
fn what_cannot_be_written_ends_no_bench() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("tiny.toml"), TINY).expect("writable");
    for (number, (redirected, code)) in
        [("2>/dev/full", 0), (">/dev/full", 1), ("2>&-", 0), (">&-", 1)].into_iter().enumerate()
    {
        let out = format!("run{number}");
        let output = Command::new("sh")
            .args(["-c", &format!("exec \"$@\" {redirected}"), "sh"])
            .arg(crossover().get_program())
            .args(["bench", "tiny.toml", "--out", &out])
            .current_dir(folder.path())
            .output()
            .expect("a shell");
        let records = folder.path().join(&out).join("records.jsonl");
        let read = read_records(&records, |record| record).expect("readable").records;
        assert_eq!(read.len(), 2, "{redirected}");
        // A closed descriptor is opened on /dev/null before the program starts, so nothing is
        // amiss.
        let expected = if redirected == ">&-" { 0 } else { code };
        assert_eq!(output.status.code(), Some(expected), "{redirected}: {}", said(&output));
    }
}

#[test]
fn a_run_without_a_request_fails_and_the_bench_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let sparse = TINY.replace("400/s", "2/s").replace("requests = 40", "for = \"400ms\"");
    let sparse = sparse.replace("repetitions = 2", "repetitions = 12");
    let seeds = (1..200).find_map(|seed| {
        let text = sparse.replace("seed = 1", &format!("seed = {seed}"));
        fs::write(folder.path().join("sparse.toml"), text).expect("writable");
        let out = format!("run{seed}");
        let output = in_folder(folder.path(), &["bench", "sparse.toml", "--out", &out]);
        // Some seeds draw no request for the check itself, which is reported before any run.
        (output.status.code() != Some(2)).then_some((output, out))
    });
    let (output, out) = seeds.expect("a seed whose first plan holds a request");
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let records = folder.path().join(out).join("records.jsonl");
    let read = read_records(&records, |record| record).expect("readable").records;
    assert_eq!(read.len(), 12, "the bench went on");
    let failed = read
        .iter()
        .filter(|record| matches!(&record.outcome, Outcome::Failed(Failure::Plan { .. })));
    assert!(failed.count() > 0);
}

#[test]
fn a_last_record_without_its_line_end_is_kept_and_what_is_no_record_is_not_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("tiny.toml"), TINY).expect("writable");
    let begun = in_folder(folder.path(), &["bench", "tiny.toml", "--out", "run"]);
    assert_eq!(begun.status.code(), Some(0), "{}", said(&begun));
    let records = folder.path().join("run/records.jsonl");
    let whole = fs::read_to_string(&records).expect("text");
    fs::write(&records, whole.trim_end()).expect("writable");
    let resumed = in_folder(folder.path(), &["bench", "--resume", "run"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert_eq!(fs::read_to_string(&records).expect("text"), whole, "nothing was measured again");
    let half = &whole[..whole.len() - 50];
    fs::write(&records, half).expect("writable");
    let resumed = in_folder(folder.path(), &["bench", "--resume", "run"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert!(said(&resumed).contains("was cut off"), "{}", said(&resumed));
    assert_eq!(read_records(&records, |record| record).expect("readable").records.len(), 2);
    fs::write(&records, "{\"precious\":\"data\"}").expect("writable");
    let resumed = in_folder(folder.path(), &["bench", "--resume", "run"]);
    assert_eq!(resumed.status.code(), Some(1), "{}", said(&resumed));
    assert_eq!(fs::read_to_string(&records).expect("text"), "{\"precious\":\"data\"}");
}

#[test]
fn a_verdict_is_told_though_its_page_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("tiny.toml"), TINY).expect("writable");
    fs::create_dir(folder.path().join("run")).expect("a folder");
    fs::write(folder.path().join("run/figures"), "in the way").expect("writable");
    let output = in_folder(folder.path(), &["bench", "tiny.toml", "--out", "run"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("On this machine, "));
}

#[test]
fn what_cannot_be_carried_out_is_refused_and_odd_questions_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |text: &str, out: &str| {
        fs::write(folder.path().join("odd.toml"), text).expect("writable");
        in_folder(folder.path(), &["bench", "odd.toml", "--out", out])
    };
    let with = |from: &str, to: &str| TINY.replace(from, to);
    for (text, says) in [
        (with("\"only\"", &format!("\"{}\"", "x".repeat(65))), "64 at most"),
        (with("400/s\"", "1e-19/s\"\nwarmup_requests = 1"), "raise the rate"),
        (with("400/s", "1e-6/s"), "a day"),
        (with("[\"cost\"]", "[]"), "shows is empty"),
        (with("[\"udp-iterative\"]", "[\"udp-iterative\", \"udp-iterative\"]"), "twice"),
        (with("designs", "twins = [\"udp-iterative\", \"udp-iterative\"]\ndesigns"), "twice"),
        (with("wait =", "timeout = \"0s\"\nwait ="), "timeout"),
        (with("repetitions = 2", "repetitions = 1001"), "at most"),
        (with("Tiny", "\\u001b[31mTiny"), "control character"),
    ] {
        let output = run(&text, "refused");
        let told = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}: {told}");
        assert!(told.contains(says), "{says}: {told}");
    }
    for (number, shows) in
        ["load", "crossover", "percentiles", "short-among-long"].into_iter().enumerate()
    {
        let output = run(&with("cost", shows), &format!("odd{number}"));
        assert_eq!(output.status.code(), Some(0), "{shows}: {}", said(&output));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.starts_with("On this machine, "), "{shows}: {told}");
    }
}
