//! What the program prints on its command line, and its errors for bad input.

mod common;

use std::collections::HashSet;
use std::process::Output;

use common::{Server, crossover};
use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    crossover().args(arguments).output().expect("the program starts")
}

fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Runs a command that fails: one message with its remedy, the documented exit code, and no panic.
fn refused(arguments: &[&str], code: i32, says: &[&str]) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for words in says {
        assert!(said.contains(words), "{arguments:?} should say '{words}': {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(said.matches("error:").count(), 1, "one message: {said}");
}

#[test]
fn help_is_as_it_was() {
    for command in [
        "bench",
        "serve",
        "load",
        "report",
        "designs",
        "faults",
        "advise",
        "simulate",
        "calibrate",
        "explain",
        "compare",
        "trace",
        "completions",
        "man",
    ] {
        let output = run(&[command, "--help"]);
        insta::assert_snapshot!(format!("help-{command}"), String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn designs_are_listed_for_programs() {
    let designs = json(&["designs", "--json"]);
    let rows = designs.as_array().expect("an array");
    let names: HashSet<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    for name in [
        "udp-iterative",
        "udp-thread-per-request",
        "udp-process-per-request",
        "tcp-iterative",
        "tcp-thread-per-connection",
        "tcp-process-per-connection",
    ] {
        assert!(names.contains(name), "{name}");
    }
    for row in rows {
        for key in ["name", "transport", "concurrency", "allocation", "summary"] {
            assert!(row[key].is_string(), "{key} of {row}");
        }
    }
}

#[test]
fn a_design_is_shown_as_its_file_teaches_it() {
    let output = run(&["designs", "tcp-passed-descriptors"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("tcp-passed-descriptors\n"), "{said}");
    for part in ["# Picture", "# What changed", "# When it pays", "# Where it is described"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("//!") && !said.contains("use std"), "{said}");
}

#[test]
fn a_silent_client_is_seen_to_stop_an_iterative_server_and_no_event_loop() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display().to_string();
    let matrix = json(&["faults", "tcp-iterative", "tcp-event-loop", "--out", &out, "--json"]);
    let table = &matrix["tables"][0];
    assert_eq!(table["faults"][0]["name"], "a silent client");
    let [iterative, event_loop] = [0, 1].map(|row| table["rows"][row][1][0].clone());
    assert_eq!(iterative["without_idle_time_out"], "shut-out");
    assert_ne!(iterative["with_idle_time_out"], "unaffected");
    assert_ne!(event_loop["without_idle_time_out"], "shut-out");
    let page = std::fs::read_to_string(folder.path().join("index.html")).expect("a page");
    assert!(page.contains("<h1>One silent client stops the iterative TCP server"), "{page}");
}

#[test]
fn bad_input_is_told_with_its_remedy() {
    refused(&["serve", "udp-magic"], 2, &["udp-magic", "udp-iterative"]);
    refused(&["serve", "udp-iterative", "--listen", "0.0.0.0:0"], 2, &["--allow-remote"]);
    refused(&["serve", "udp-iterative", "--workers", "0"], 2, &["1..=4096"]);
    refused(&["load", "127.0.0.1:9"], 2, &["udp://127.0.0.1:9000"]);
    refused(&["load", "udp://192.0.2.1:9"], 2, &["--allow-remote"]);
    refused(&["load", "udp://127.0.0.1:9", "--rate", "fast"], 2, &["500/s"]);
    refused(&["load", "udp://127.0.0.1:9", "--rate", "5/x"], 2, &["500/s", "6/m"]);
    refused(&["load", "https://127.0.0.1/"], 2, &["TLS"]);
    refused(&["load", "http://127.0.0.1:1/", "--ok", "2xx"], 2, &["200-299,404"]);
    refused(&["load", "udp://127.0.0.1:9", "--ok", "200"], 2, &["http://"]);
    refused(&["load", "udp://127.0.0.1:9", "--hlog", "/tmp/x", "--hgrm", "/tmp/./x"], 2, &["same"]);
    refused(&["load", "udp://127.0.0.1:9", "--hlog", "/no/such"], 1, &["/no/such", "another"]);
    refused(&["serve", "tcp-iteratve"], 2, &["did you mean tcp-iterative?"]);
    refused(&["serve", "udp-iterative", "--listen", "here"], 2, &["127.0.0.1:8080"]);
    refused(&["bench", "quik"], 2, &["did you mean quick?"]);
    refused(&["load", "udp://127.0.0.1:9", "--wait", "2"], 2, &["2ms"]);
    refused(&["load", "udp://127.0.0.1:9", "--wait", "gamma:2ms"], 2, &["exp:MEAN"]);
    refused(&["load", "udp://127.0.0.1:9", "--reply-size", "5B"], 2, &["at least 64 B"]);
    refused(&["load", "udp://127.0.0.1:9", "--rate", "1000000000/s"], 2, &["lower the rate"]);
    refused(&["load", "udp://127.0.0.1:9", "--closed", "--rate", "5/s"], 2, &["--rate"]);
    refused(&["bench", "no-such-thing"], 2, &["quick"]);
    refused(&["bench", "--out", "/proc/nowhere", "smoke"], 1, &["/proc/nowhere", "another"]);
    refused(&["report", "/nowhere"], 1, &["/nowhere"]);
}

#[test]
fn a_malformed_scenario_is_told_with_line_and_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "title = \"t\"\nseed = one\n").expect("writable");
    refused(&["bench", file.to_str().expect("text")], 2, &["line 2, column 8"]);
}

#[test]
fn a_port_in_use_is_told_with_another_to_try() {
    let first = Server::start("tcp-iterative", &[]);
    let address = first.address.to_string();
    refused(&["serve", "tcp-iterative", "--listen", &address], 1, &["in use", "port 0"]);
}

#[test]
fn nobody_listening_is_no_hang() {
    let closed = {
        let server = Server::start("tcp-iterative", &[]);
        server.address
    };
    refused(&["load", &format!("tcp://{closed}"), "--for", "100ms"], 3, &["is the server running"]);
    let flags = ["--for", "200ms", "--warmup", "0", "--rate", "200/s", "--json"];
    let target = format!("tcp://{closed}");
    let per_request = [&["load", &target, "--connection", "per-request"], &flags[..]].concat();
    let target = format!("udp://{closed}");
    let datagrams = [&["load", &target, "--timeout", "200ms"], &flags[..]].concat();
    for arguments in [per_request, datagrams] {
        let output = run(&arguments);
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(said["counts"]["answered"], 0, "{said}");
        assert_eq!(output.status.code(), Some(3), "nothing was answered");
    }
}

#[test]
fn whatever_is_quoted_steers_no_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("red.toml");
    std::fs::write(&file, "title = \"\u{1b}[31mRED\"\nseed = \u{1b}[2Jfast\n").expect("writable");
    for arguments in [
        &["bench", file.to_str().expect("text")][..],
        &["load", "http://127.0.0.1:1/", "--method", "\u{1b}[31mGET"],
        &["load", "\u{1b}[31mhttp://127.0.0.1:1/"],
        &["\u{1b}[31mload"],
        &["serve", "\u{1b}[31mtcp-iterative"],
        &["report", "/no/\u{1b}[31mrun"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code().map(|code| (1..4).contains(&code)), Some(true));
        let said = [output.stdout, output.stderr].concat();
        let foreign = said.windows(5).any(|bytes| bytes == b"\x1b[31m" && !said.is_ascii());
        assert!(!foreign && !said.windows(4).any(|bytes| bytes == b"\x1b[2J"), "{arguments:?}");
        assert!(!String::from_utf8_lossy(&said).contains("\u{1b}[31mRED"), "{arguments:?}");
    }
}

#[test]
fn texts_may_begin_with_a_mark_and_are_utf_8() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writable");
        path.display().to_string()
    };
    let times = write("times", b"\xef\xbb\xbf100us\n");
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    let flags = ["--for", "100ms", "--warmup", "0", "--json"];
    json(&[&["load", &target, "--wait", &format!("file:{times}")], &flags[..]].concat());
    let instants = write("instants", b"\xef\xbb\xbf1732627200.01\n1732627200.02\n");
    let told = json(
        &[&["load", &target, "--arrivals", &format!("trace:{instants}")], &flags[..]].concat(),
    );
    assert_eq!(told["counts"]["answered"], 2, "{told}");
    let wide = write("wide", b"\xff\xfe1\x000\x00");
    refused(
        &["load", &target, "--wait", &format!("file:{wide}")],
        2,
        &["UTF-16", "save it as UTF-8"],
    );
    refused(&["bench", &wide], 2, &["UTF-16"]);
    refused(&["serve", "superserver", "--table", &wide], 2, &["UTF-16"]);
    let table = write("table", b"\xef\xbb\xbf0 /bin/cat\n");
    let superserver = Server::start("superserver", &["--table", &table]);
    assert_ne!(superserver.address.port(), 0);
}

#[test]
fn a_result_is_printed_though_its_export_fails_and_no_old_file_is_lost() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    let flags = ["--for", "100ms", "--warmup", "0", "--rate", "500/s", "--json"];
    let output = run(&[&["load", &target, "--hlog", "/dev/full"], &flags[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).expect("the result");
    assert!(told["counts"]["answered"].as_u64() > Some(10));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/dev/full"));
    let folder = tempfile::tempdir().expect("a folder");
    let old = folder.path().join("old.hlog");
    std::fs::write(&old, "precious").expect("writable");
    let old = old.display().to_string();
    refused(&["load", "tcp://127.0.0.1:1", "--hlog", &old, "--for", "100ms"], 3, &["running"]);
    assert_eq!(std::fs::read(&old).expect("there"), b"precious");
    json(&[&["load", &target, "--hlog", &old], &flags[..]].concat());
    assert!(std::fs::read_to_string(&old).expect("text").starts_with('#'));
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 1, "nothing is left");
}

#[test]
fn files_without_end_are_refused() {
    for arguments in [
        &["bench", "/dev/zero"][..],
        &["load", "udp://127.0.0.1:9", "--arrivals", "trace:/dev/zero"],
        &["load", "udp://127.0.0.1:9", "--wait", "file:/dev/zero"],
        &["load", "http://127.0.0.1:9", "--method", "POST", "--body", "@/dev/zero"],
        &["serve", "superserver", "--table", "/dev/zero"],
    ] {
        refused(arguments, 2, &["/dev/zero", "larger than"]);
    }
}

#[test]
fn an_export_to_standard_output_stands_behind_what_was_printed() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all");
    std::fs::write(&file, "precious\n").expect("writable");
    let shell = "\"$0\" load \"$1\" --for 200ms --warmup 0 --hgrm /dev/stdout >> \"$2\"";
    let status = std::process::Command::new("sh")
        .args(["-c", shell])
        .arg(crossover().get_program())
        .args([&target, &file.display().to_string()])
        .status()
        .expect("a shell");
    assert!(status.success());
    let text = std::fs::read_to_string(&file).expect("text");
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
    assert!(at("precious") < at("response time") && at("response time") < at("TotalCount"));
}

#[test]
fn a_load_is_told_to_programs_as_promised() {
    for (design, transport) in
        [("udp-thread-per-request", "udp"), ("tcp-thread-per-connection", "tcp")]
    {
        let server = Server::start(design, &[]);
        let target = format!("{transport}://{}", server.address);
        let told = json(&[
            "load",
            &target,
            "--rate",
            "400/s",
            "--for",
            "500ms",
            "--warmup",
            "100ms",
            "--wait",
            "exp:500us",
            "--arrivals",
            "even",
            "--clients",
            "3",
            "--json",
        ]);
        let counts = &told["counts"];
        let count = |key: &str| counts[key].as_u64().unwrap_or_else(|| panic!("{key}: {counts}"));
        assert_eq!(count("planned"), 200);
        assert_eq!(count("planned"), count("sent") + count("unsent"));
        let ended = ["answered", "refused", "reset", "wrong", "timed_out", "in_flight"];
        assert_eq!(count("sent"), ended.into_iter().map(count).sum::<u64>());
        assert_eq!(count("answered"), 200, "{counts}");
        assert!(told["plan_hash"].is_string() && told["doubts"].is_array());
        assert!(told["rate_planned"].as_f64().is_some_and(|rate| (rate - 400.0).abs() < 1.0));
        assert!(told["rate_achieved"].is_number());
        for histogram in ["response_time", "from_send", "lag", "service_time"] {
            let summary = &told[histogram];
            assert_eq!(summary["count"], 200, "{histogram}: {summary}");
            for key in ["mean_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns"] {
                assert!(summary[key].is_number(), "{key} of {histogram}: {summary}");
            }
        }
    }
}

#[test]
fn the_same_seed_plans_the_same_for_every_design() {
    let hash = |design: &str, seed: &str| {
        let server = Server::start(design, &[]);
        let target = format!("udp://{}", server.address);
        let told = json(&["load", &target, "--for", "100ms", "--seed", seed, "--json"]);
        told["plan_hash"].as_str().expect("a hash").to_owned()
    };
    let once = hash("udp-iterative", "5");
    assert_eq!(once, hash("udp-thread-per-request", "5"));
    assert_ne!(once, hash("udp-iterative", "6"));
}

#[test]
fn sessions_of_k_requests_and_closed_loops_answer_everything() {
    let server = Server::start("tcp-thread-per-connection", &[]);
    let target = format!("tcp://{}", server.address);
    for use_of_connections in ["persistent", "per-request", "per:3"] {
        let told = json(&[
            "load",
            &target,
            "--for",
            "300ms",
            "--rate",
            "300/s",
            "--connection",
            use_of_connections,
            "--request-size",
            "exp:2KiB",
            "--reply-size",
            "100KiB",
            "--json",
        ]);
        let counts = &told["counts"];
        assert_eq!(counts["answered"], counts["planned"], "{use_of_connections}: {counts}");
    }
    let told = json(&[
        "load",
        &target,
        "--closed",
        "--clients",
        "4",
        "--think",
        "exp:1ms",
        "--for",
        "300ms",
        "--connection",
        "per:5",
        "--json",
    ]);
    assert_eq!(told["counts"]["answered"], told["counts"]["planned"], "{}", told["counts"]);
    assert!(told["rate_planned"].is_null(), "a closed loop has no planned rate");
}

#[test]
fn histograms_are_exported_in_the_formats_of_hdrhistogram() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    let (hlog, hgrm) = (path("run.hlog"), path("run.hgrm"));
    json(&["load", &target, "--for", "200ms", "--hlog", &hlog, "--hgrm", &hgrm, "--json"]);
    let log = std::fs::read_to_string(hlog).expect("written");
    assert!(log.lines().any(|line| line.contains("HIST")), "{log}");
    let table = std::fs::read_to_string(hgrm).expect("written");
    assert!(table.contains("1/(1-Percentile)") && table.contains("#[Mean"), "{table}");
    refused(&["load", &target, "--hlog", "/nowhere/run.hlog"], 1, &["/nowhere/run.hlog"]);
}
