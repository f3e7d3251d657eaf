//! Advice: its words, its JSON, and what it says of nonsense. No run is made, and the costs are the
//! typical ones, so that the words are the same on every machine.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::crossover;
use serde_json::Value;

fn advise(arguments: &[&str]) -> Output {
    crossover()
        .arg("advise")
        .args(["--costs", "typical"])
        .args(arguments)
        .output()
        .expect("it starts")
}

fn words(arguments: &[&str]) -> String {
    let output = advise(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn json(arguments: &[&str]) -> Value {
    let text = words(&[arguments, &["--json"]].concat());
    serde_json::from_str(&text).expect("JSON")
}

fn refused(arguments: &[&str], says: &[&str]) {
    let output = advise(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    for words in says {
        assert!(said.contains(words), "{arguments:?} should say '{words}': {said}");
    }
    assert_eq!(said.matches("error:").count(), 1, "one message: {said}");
}

const SESSIONS: &[&str] = &[
    "--rate",
    "300/s",
    "--wait",
    "exp:20ms",
    "--compute",
    "200us",
    "--clients",
    "500",
    "--session",
    "10",
    "--think",
    "1s",
    "--cores",
    "8",
    "--transport",
    "tcp",
    "--isolation",
    "--shared-state",
    "--blocking-libraries",
    "--target",
    "p99 < 100ms",
];

#[test]
fn the_words_are_as_they_were() {
    insta::assert_snapshot!("sessions", words(SESSIONS));
    let echo = ["--rate", "2000/s", "--compute", "20us", "--transport", "udp", "--cores", "2"];
    insta::assert_snapshot!("small-datagrams", words(&[&echo[..], &["--explain"]].concat()));
    let images = ["--rate", "200/s", "--compute", "exp:5ms", "--cores", "2"];
    insta::assert_snapshot!("computing", words(&images));
    let too_much = ["--rate", "500/s", "--compute", "exp:5ms", "--cores", "2"];
    insta::assert_snapshot!("overloaded", words(&too_much));
}

#[test]
fn programs_get_every_key() {
    let advice = json(SESSIONS);
    for key in ["choice", "runner_up", "iterative", "predicted"] {
        assert!(advice[key].is_object(), "{key}");
    }
    for key in ["because", "measure", "real_servers"] {
        let rows = advice[key].as_array().expect("rows");
        assert!(!rows.is_empty(), "{key}");
    }
    let choice = &advice["choice"];
    let design = choice["design"].as_str().expect("a name");
    assert!(choice["workers"].is_u64() && choice["limits"].is_object(), "{choice}");
    let predicted = &advice["predicted"][design];
    for key in ["mean_ns", "p99_ns", "capacity_per_s", "utilisation"] {
        assert!(predicted[key].is_f64(), "{key} of {predicted}");
    }
    let because = &advice["because"][0];
    assert!(
        because["rule"].is_string() && because["text"].is_string() && because["source"].is_string()
    );
    assert!(advice["measure"][0]["reason"].is_u64() && advice["measure"][0]["text"].is_string());
    assert!(advice["real_servers"][0]["server"].is_string());
    assert!(["high", "medium", "low"].contains(&advice["confidence"].as_str().unwrap_or("")));
    assert_eq!(advice["overloaded"], false);
    let command = advice["test_command"].as_str().expect("a command");
    assert!(command.starts_with("crossover advise ") && command.ends_with(" --measure"));
    // Isolation asks for processes.
    assert!(design.contains("fork") || design.contains("process"), "{design}");
}

#[test]
fn what_no_design_can_carry_is_an_answer_with_a_way_out() {
    let advice = json(&["--rate", "500/s", "--compute", "exp:5ms", "--cores", "2"]);
    assert!(advice["choice"].is_null() && advice["overloaded"] == true, "{advice}");
    let remedies = advice["remedies"].as_array().expect("a list");
    assert!(remedies.iter().any(|it| it.as_str().is_some_and(|it| it.contains("4 cores"))));
    assert!(advice["predicted"]["tcp-prethreaded"]["mean_ns"].is_null());
}

#[test]
fn few_connections_carry_few_requests() {
    // Each of two connections brings one request at a time, so 400 a second at most.
    let few = ["--rate", "1000/s", "--clients", "2", "--wait", "5ms", "--cores", "2"];
    assert!(json(&few)["choice"].is_null());
    assert!(words(&few).contains("2.00 kept connections"), "{}", words(&few));
    let enough = json(&["--rate", "1000/s", "--clients", "20", "--wait", "5ms", "--cores", "2"]);
    assert_eq!(enough["choice"]["design"], "tcp-event-loop");
}

#[test]
fn a_target_that_nothing_meets_is_named() {
    let missed = ["--rate", "100/s", "--wait", "5ms", "--cores", "2", "--target", "p50 < 1ms"];
    assert_eq!(json(&missed)["meets_target"], false);
    assert!(words(&missed).contains("No design meets the target"));
    assert_eq!(json(SESSIONS)["meets_target"], true);
}

#[test]
fn workloads_of_any_size_are_answered() {
    for arguments in [
        &["--clients", "200000", "--think", "10s", "--wait", "1ms", "--cores", "64"][..],
        &["--rate", "1e-9/s", "--session", "5", "--wait", "5ms", "--cores", "2"],
        &["--rate", "1e-9/s", "--wait", "100ms", "--cores", "2"],
        &["--rate", "5000/s", "--compute", "10ms", "--wait", "100ms", "--cores", "64"],
        &["--rate", "300/s", "--session", "200", "--think", "30s", "--wait", "5ms", "--cores", "8"],
    ] {
        assert!(json(arguments)["choice"]["design"].is_string(), "{arguments:?}");
    }
}

#[test]
fn the_simple_server_is_chosen_where_it_is_enough() {
    for (arguments, expected) in [
        (
            &["--rate", "50/s", "--compute", "100us", "--transport", "udp", "--cores", "2"][..],
            "udp-iterative",
        ),
        (&["--rate", "6/h", "--compute", "5ms", "--cores", "2"], "tcp-iterative"),
        (
            &["--rate", "20/s", "--wait", "5ms", "--cores", "2", "--target", "p99 < 50ms"],
            "tcp-iterative",
        ),
        // Nothing else has more of the only core.
        (
            &["--rate", "100/s", "--compute", "5ms", "--cores", "1", "--transport", "udp"],
            "udp-iterative",
        ),
    ] {
        assert_eq!(json(arguments)["choice"]["design"], expected, "{arguments:?}");
    }
}

#[test]
fn what_the_server_must_do_rules_designs_out() {
    let waiting = ["--rate", "100/s", "--wait", "exp:20ms", "--cores", "2", "--clients", "40"];
    let with = |flag: &str| {
        let advice = json(&[&waiting[..], &[flag]].concat());
        advice["choice"]["design"].as_str().expect("a name").to_owned()
    };
    assert!(with("--isolation").contains("fork") || with("--isolation").contains("process"));
    assert!(
        !with("--blocking-libraries").contains("event-loop")
            || with("--blocking-libraries").contains("pool")
    );
    let shared = with("--shared-state");
    assert!(!shared.contains("fork") && !shared.contains("process"), "{shared}");
    let loops = json(&waiting)["choice"]["design"].clone();
    assert_eq!(loops, "tcp-event-loop");
}

#[test]
fn a_file_says_the_same_as_flags() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("work.toml");
    let text = "rate = \"200/s\"\ncompute = \"exp:5ms\"\ncores = 2\nshared_state = true\n";
    fs::write(&file, text).expect("writable");
    let path = file.to_str().expect("text");
    let flags = ["--rate", "200/s", "--compute", "exp:5ms", "--cores", "2", "--shared-state"];
    let (by_file, by_flags) = (json(&[path]), json(&flags));
    assert_eq!(by_file["choice"], by_flags["choice"]);
    assert_eq!(by_file["predicted"], by_flags["predicted"]);
    // A flag counts more than the file.
    assert!(json(&[path, "--rate", "500/s"])["choice"].is_null());
    fs::write(&file, "rate = \"200/s\"\ncompute = \"fast\"\n").expect("writable");
    refused(&[path], &["work.toml, line 2", "compute", "'fast'"]);
    fs::write(&file, "rate = \"200/s\"\ncolour = 3\n").expect("writable");
    refused(&[path], &["work.toml", "colour"]);
}

#[test]
fn measured_times_are_read_from_lines_or_from_a_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("times.csv");
    fs::write(&file, "path,duration\n/a,2.0\n/b,3ms\n/c,40\n").expect("writable");
    let path = file.to_str().expect("text");
    let column = format!("{path}:duration");
    let advice = json(&["--rate", "20/s", "--from", &column, "--cores", "2"]);
    // The mean of 2, 3 and 40 ms takes more than half of an iterative server at 20/s.
    let utilisation =
        advice["predicted"]["tcp-iterative"]["utilisation"].as_f64().expect("a number");
    assert!((0.30..0.35).contains(&utilisation), "{utilisation}");
    let reasons = advice["measure"].as_array().expect("a list");
    assert!(reasons.iter().any(|it| it["reason"] == 5), "{reasons:?}");
    refused(
        &["--rate", "20/s", "--from", &format!("{path}:time")],
        &["no column 'time'", "duration"],
    );
    fs::write(&file, "2.0\nmany\n3\n").expect("writable");
    refused(&["--rate", "20/s", "--from", path], &["line 2", "'many' is not a time"]);
    fs::write(&file, "\n").expect("writable");
    refused(&["--rate", "20/s", "--from", path], &["holds no times"]);
}

#[test]
fn nonsense_gets_one_message_that_names_the_flag() {
    refused(&["--rate", "-3/s", "--wait", "1ms"], &["--rate", "'-3/s'"]);
    refused(&["--rate", "3/s", "--wait", "-1ms"], &["--wait"]);
    refused(&["--rate", "3/s", "--wait", "1ms", "--cores", "0"], &["--cores"]);
    refused(&["--rate", "3/s", "--wait", "pareto:1ms,inf,1"], &["--wait"]);
    refused(&["--clients", "1", "--think", "0", "--wait", "0"], &["without end", "--think"]);
    refused(&["--clients", "9", "--think", "5h", "--wait", "1ms"], &["more than an hour"]);
    refused(&["--rate", "3/s"], &["how long does a request take", "--wait"]);
    refused(&["--wait", "1ms"], &["how often do requests come", "--rate"]);
    refused(&["--wait", "1ms", "--session", "3"], &["--session", "--rate"]);
    refused(&["--rate", "3/s", "--wait", "1ms", "--think", "1s"], &["--think"]);
    let contradiction = ["--rate", "1000/s", "--clients", "1", "--think", "1s", "--wait", "1ms"];
    refused(&contradiction, &["contradict", "--rate", "--clients", "--think"]);
    refused(&["--rate", "3/s", "--wait", "1ms", "--target", "max < 5ms"], &["--target"]);
    refused(&["--rate", "3/s", "--wait", "1ms", "--transport", "sctp"], &["udp or tcp"]);
}

#[test]
fn the_same_question_gets_the_same_bytes() {
    assert_eq!(words(SESSIONS), words(SESSIONS));
}

/// The claim that advice holds compares with the server that is advised.
#[test]
fn what_the_claim_of_advice_compares_is_what_is_advised() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let text = fs::read_to_string(scenarios.join("claims/S15.toml")).expect("readable");
    let claim: toml::Table = text.parse().expect("TOML");
    let tables = |key: &str| claim[key].as_array().cloned().unwrap_or_default();
    let checks = tables("claim")[0]["check"].as_array().cloned().unwrap_or_default();
    assert!(checks.len() >= 5);
    for check in checks {
        let word = |key: &str| check[key].as_str().expect("a word").to_owned();
        let file = scenarios.join(format!("workloads/{}.toml", word("name")));
        let advice = json(&[&file.display().to_string()]);
        // A pool of its own size has a name of its own.
        let settings =
            tables("server").into_iter().find(|it| it["name"].as_str() == Some(&word("to")));
        let (design, workers) = settings.map_or((word("to"), None), |it| {
            (it["design"].as_str().expect("a word").to_owned(), it["workers"].as_integer())
        });
        assert_eq!(advice["choice"]["design"], design.as_str(), "{}", word("name"));
        if let Some(workers) = workers {
            assert_eq!(advice["choice"]["workers"], workers, "{}", word("name"));
        }
    }
}

#[test]
fn the_page_has_the_answer_and_the_tree_that_leads_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("advice.html");
    let file = page.to_str().expect("text");
    for (arguments, way) in [
        (SESSIONS, "Must clients be isolated"),
        (&["--rate", "6/h", "--compute", "5ms", "--cores", "2"][..], "long enough for overlap"),
        (
            &["--rate", "200/s", "--wait", "20ms", "--clients", "50", "--cores", "2"],
            "Can one thread",
        ),
    ] {
        let told = words(&[arguments, &["--page", file]].concat());
        let html = fs::read_to_string(&page).expect("it is written");
        let headline = told.lines().next().expect("a line");
        assert!(html.contains(&format!("<h1>{headline}</h1>")), "{headline}");
        let steps: Vec<&str> = html.split("<li").skip(1).collect();
        let last = steps.iter().rfind(|step| step.starts_with(" class=\"way\"")).expect("a way");
        assert!(last.contains(way), "{last}");
        assert!(!html.contains("<script") && !html.contains("http://"), "one file");
    }
    let output = advise(&[SESSIONS, &["--page", "/no/such/folder/advice.html"]].concat());
    assert_eq!(output.status.code(), Some(1));
}
