//! The command `simulate`: its JSON, exact results, and what it refuses.

mod common;

use common::crossover;
use serde_json::Value;

fn simulate(arguments: &[&str]) -> (i32, String, String) {
    let output = crossover().arg("simulate").args(arguments).output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn json(arguments: &[&str]) -> Value {
    let (code, out, said) = simulate(&[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{said}");
    serde_json::from_str(&out).expect("JSON")
}

fn mean_ms(found: &Value) -> f64 {
    found["response_time"]["mean_ns"].as_f64().expect("a number") / 1e6
}

#[test]
fn queues_are_as_theory_has_them() {
    let per_request = ["--requests", "300000", "--costs", "zero"];
    for (arguments, exact) in [
        // M/M/1 at 0.7, M/D/1 at 0.7, and an event loop, whose waits overlap.
        (&["--design", "udp-iterative", "--rate", "700/s", "--wait", "exp:1ms"][..], 1.0 / 0.3),
        (&["--design", "udp-iterative", "--rate", "700/s", "--wait", "1ms"], 1.0 + 0.35 / 0.3),
        (&["--design", "udp-event-loop", "--rate", "700/s", "--wait", "exp:1ms"], 1.0),
        (&["--design", "udp-event-loop", "--rate", "700/s", "--compute", "1ms"], 1.0 + 0.35 / 0.3),
        // Processor sharing on two cores.
        (
            &[
                "--design",
                "udp-thread-per-request",
                "--rate",
                "1400/s",
                "--compute",
                "1ms",
                "--cores",
                "2",
            ],
            1.961,
        ),
        // M/M/4 at 0.8.
        (
            &[
                "--design",
                "udp-prethreaded",
                "--workers",
                "4",
                "--rate",
                "3200/s",
                "--wait",
                "exp:1ms",
            ],
            1.746,
        ),
    ] {
        let found = json(&[arguments, &per_request].concat());
        let mean = mean_ms(&found);
        assert!((mean / exact - 1.0).abs() < 0.05, "{arguments:?}: {mean} and {exact}");
    }
}

#[test]
fn programs_get_the_keys_of_load() {
    let found = json(&[
        "--design",
        "udp-prethreaded",
        "--workers",
        "2",
        "--cores",
        "2",
        "--rate",
        "1000/s",
        "--compute",
        "exp:1ms",
        "--requests",
        "5000",
    ]);
    assert_eq!(found["simulated"], true);
    assert_eq!(found["counts"]["sent"], 5000);
    assert_eq!(found["counts"]["answered"], 5000);
    assert_eq!(found["response_time"]["count"], 5000);
    for key in ["mean_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns"] {
        assert!(found["response_time"][key].is_number(), "{key}");
    }
    let utilisation = found["utilisation"].as_f64().expect("a number");
    assert!((0.45..0.55).contains(&utilisation), "{utilisation}");
    // Little's law: requests in progress are the rate times the response time.
    let in_flight = found["mean_in_flight"].as_f64().expect("a number");
    assert!((in_flight / mean_ms(&found) - 1.0).abs() < 0.05, "{in_flight}");
}

#[test]
fn the_seed_decides_every_byte() {
    let arguments = [
        "--design",
        "tcp-async-tasks",
        "--cores",
        "4",
        "--rate",
        "900/s",
        "--compute",
        "exp:2ms",
        "--requests",
        "20000",
        "--json",
        "--seed",
    ];
    let with = |seed: &str| simulate(&[&arguments[..], &[seed]].concat()).1;
    assert_eq!(with("3"), with("3"));
    assert_ne!(with("3"), with("4"));
}

#[test]
fn loads_that_wait_for_replies_and_kept_connections_are_followed() {
    let closed = json(&[
        "--design",
        "udp-iterative",
        "--closed",
        "--clients",
        "3",
        "--think",
        "1ms",
        "--wait",
        "3ms",
        "--requests",
        "3000",
    ]);
    assert!((mean_ms(&closed) - 8.0).abs() < 0.2, "{closed}");
    // Four workers stay with four of ten connections.
    let starved = json(&[
        "--design",
        "tcp-prethreaded",
        "--workers",
        "4",
        "--connection",
        "persistent",
        "--clients",
        "10",
        "--rate",
        "100/s",
        "--wait",
        "1ms",
        "--requests",
        "1000",
    ]);
    let answered = starved["counts"]["answered"].as_f64().expect("a number");
    assert!((350.0..450.0).contains(&answered), "{answered}");
    let sessions = json(&[
        "--design",
        "tcp-thread-per-connection",
        "--rate",
        "50/s",
        "--session",
        "4",
        "--think",
        "10ms",
        "--wait",
        "2ms",
        "--requests",
        "4000",
    ]);
    assert!((mean_ms(&sessions) - 2.0).abs() < 0.05, "{sessions}");
}

#[test]
fn what_has_no_room_is_lost_and_creation_costs() {
    let lossy = json(&[
        "--design",
        "udp-iterative",
        "--rate",
        "1500/s",
        "--wait",
        "exp:1ms",
        "--room",
        "10",
        "--requests",
        "50000",
    ]);
    let counts = &lossy["counts"];
    let lost = 1.0
        - counts["answered"].as_f64().expect("a number")
            / counts["sent"].as_f64().expect("a number");
    assert!((lost - 0.3354).abs() < 0.02, "{lost}");
    let arguments = [
        "--design",
        "udp-process-per-request",
        "--rate",
        "100/s",
        "--wait",
        "1ms",
        "--requests",
        "2000",
    ];
    let free = mean_ms(&json(&arguments));
    let typical = mean_ms(&json(&[&arguments[..], &["--costs", "typical"]].concat()));
    assert!((free - 1.0).abs() < 0.01 && typical > 1.24, "{free} {typical}");
}

#[test]
fn an_axis_is_a_list_of_values() {
    let axis = [
        "--design",
        "udp-prethreaded",
        "--workers",
        "8",
        "--rate",
        "900/s",
        "--compute",
        "1ms",
        "--requests",
        "20000",
        "--vary",
        "cores=1,2,4",
    ];
    let points = json(&axis);
    let points = points.as_array().expect("a list");
    assert_eq!(points.len(), 3);
    let means: Vec<f64> = points.iter().map(mean_ms).collect();
    assert!(means[0] > means[1] && means[1] >= means[2], "{means:?}");
    let (code, table, _) = simulate(&axis);
    assert!(code == 0 && table.contains("cores") && table.lines().count() >= 4, "{table}");
}

#[test]
fn nonsense_is_refused() {
    let design = ["--design", "udp-iterative"];
    for (arguments, says) in [
        (&["--rate", "-1/s"][..], "'-1/s'"),
        (&["--rate", "1/s", "--cores", "0"], "--cores"),
        (&["--rate", "1/s", "--vary", "colour=1"], "FLAG=VALUES"),
        (&["--rate", "1000/s", "--requests", "10", "--vary", "cores=1,x"], "'x' is not a number"),
        (&["--rate", "1/s", "--costs", "none"], "zero"),
        (&["--rate", "1/s", "--connection", "per:3"], "cannot be simulated"),
        (&["--closed"], "without end"),
        (&["--rate", "1/s"], "ask for fewer requests"),
        (&["--rate", "1/s", "--vary", "workers=4000000000"], "from 1 to"),
        (&[], "--rate"),
    ] {
        let (code, _, said) = simulate(&[&design[..], arguments].concat());
        assert!(code == 2 && said.contains(says), "{arguments:?}: {said}");
    }
    let (code, _, said) = simulate(&["--design", "udp-iteratve", "--rate", "1/s"]);
    assert!(code == 2 && said.contains("did you mean udp-iterative"), "{said}");
}

#[test]
fn a_scenario_gets_its_answers_page_and_figures_without_a_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("simulated");
    let path = out.to_str().expect("text");
    let (code, said, errors) =
        simulate(&["smoke", "--cores", "8", "--costs", "typical", "--out", path]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.trim_end().ends_with("index.html"), "{said}");
    let text = std::fs::read_to_string(out.join("answers.json")).expect("it is there");
    let answers: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answers["simulated"], true);
    assert!(answers["experiments"].as_array().is_some_and(|all| !all.is_empty()));
    let page = std::fs::read_to_string(out.join("index.html")).expect("a page");
    assert!(page.contains(" simulated"), "it must say so");
    assert!(out.join("figures/burst-waiting.png").exists());
    // The same inputs give the same answers.
    let again = folder.path().join("again");
    let path = again.to_str().expect("text");
    simulate(&["smoke", "--cores", "8", "--costs", "typical", "--out", path]);
    assert_eq!(text, std::fs::read_to_string(again.join("answers.json")).expect("it is there"));
}

#[test]
fn what_cannot_be_simulated_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.toml");
    let own = "[[server]]\nname = \"mine\"\ncommand = [\"true\"]\ntarget = \"http://127.0.0.1:{port}/\"\n\
               [[experiment]]\nname = \"e\"\ndesigns = [\"mine\"]\nrate = \"10/s\"\nfor = \"1s\"\n";
    std::fs::write(&file, own).expect("writable");
    let out = folder.path().join("out");
    let path = |it: &std::path::Path| it.to_str().expect("text").to_owned();
    let (code, _, said) = simulate(&[&path(&file), "--out", &path(&out)]);
    assert!(code == 3 && said.contains("cannot be simulated"), "{code}: {said}");
    let (code, _, said) = simulate(&["smoke", "--rate", "5/s"]);
    assert!(code == 2 && said.contains("--rate"), "{said}");
}
