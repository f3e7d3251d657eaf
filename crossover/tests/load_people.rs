//! What `load` has for people: a number of requests, an early stop, a page, and the whole curve.

mod common;

use std::fs;
use std::process::{Command, Output};

use common::{Server, crossover};
use serde_json::Value;

fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn load(target: &str, flags: &[&str]) -> (i32, String, String) {
    run(crossover().args(["load", target, "--warmup", "0s"]).args(flags))
}

#[test]
fn a_number_of_requests_is_sent_exactly() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    for arrivals in ["poisson", "even", "burst:8", "on-off:100ms,300ms"] {
        let (code, said, error) = load(
            &target,
            &["--rate", "500/s", "--arrivals", arrivals, "--requests", "200", "--json"],
        );
        assert_eq!(code, 0, "{error}");
        let said: Value = serde_json::from_str(&said).expect("JSON");
        let planned = said["counts"]["planned"].as_u64().expect("a number");
        // A burst is not divided.
        assert!((200..208).contains(&planned), "{arrivals}: {planned}");
        assert!(arrivals == "burst:8" || planned == 200, "{arrivals}: {planned}");
    }
    let (code, _, error) = load(&target, &["--requests", "5", "--closed"]);
    assert_eq!(code, 2, "{error}");
}

#[test]
fn the_text_is_for_eighty_columns_and_withholds_nothing() {
    let server = Server::start("udp-iterative", &[]);
    let (code, said, error) =
        load(&format!("udp://{}", server.address), &["--rate", "200/s", "--requests", "100"]);
    assert_eq!(code, 0, "{error}");
    assert!(said.starts_with("200/s asked, "), "{said}");
    assert!(said.contains("all 100 requests were answered"), "{said}");
    for row in ["mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "max"] {
        assert!(said.lines().any(|line| line.trim_start().starts_with(row)), "{row}: {said}");
    }
    assert!(said.contains("≈ ") && said.contains("unknown (100 of 2995)"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
}

#[test]
fn too_many_errors_stop_a_load() {
    let server = Server::start("tcp-event-loop", &["--service", "http"]);
    let target = format!("http://{}/there-is-no-such-page", server.address);
    let flags = ["--rate", "500/s", "--for", "60s", "--stop-when", "errors > 1%"];
    let (code, _, error) = load(&target, &flags);
    assert_eq!(code, 5, "{error}");
    assert!(error.contains("stopped: ") && error.contains("more than 1 %"), "{error}");
    let (code, _, error) = load(&target, &["--stop-when", "trouble"]);
    assert_eq!(code, 2);
    assert!(error.contains("errors > 1%"), "{error}");
}

#[test]
fn a_page_is_written_with_its_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("page");
    let server = Server::start("tcp-event-loop", &["--service", "http"]);
    let target = format!("http://{}/?wait=1ms", server.address);
    let path = out.to_str().expect("a path");
    let (code, said, error) =
        load(&target, &["--rate", "500/s", "--requests", "500", "--report", path]);
    assert_eq!(code, 0, "{error}");
    assert!(said.trim_end().ends_with("index.html"), "{said}");
    let page = fs::read_to_string(out.join("index.html")).expect("the page");
    for part in ["id=\"histogram\"", "id=\"percentiles\"", "id=\"series\"", "HTTP statuses"] {
        assert!(page.contains(part), "{part}");
    }
    for figure in ["histogram", "percentiles", "series"] {
        for extension in ["png", "svg", "csv"] {
            assert!(out.join(format!("figures/{figure}.{extension}")).exists(), "{figure}");
        }
    }
    // What others wrote is not overwritten.
    fs::write(out.join("index.html"), "mine").expect("it can be written");
    let (code, _, error) = load(&target, &["--requests", "10", "--report", path]);
    assert_eq!(code, 1, "{error}");
}

#[test]
fn the_whole_curve_comes_from_one_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("curve");
    let path = out.to_str().expect("a path");
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    // An iterative server whose requests wait for 4 ms answers fewer than 250 a second.
    let flags = ["--curve", "--wait", "4ms", "--rate", "100/s", "--for", "600ms", "--report", path];
    let (code, said, error) =
        load(&target, &[&flags[..], &["--json", "--expect", "p50 < 900ms"]].concat());
    assert_eq!(code, 0, "{error}");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let capacity = said["capacity_per_s"].as_f64().expect("a number");
    assert!(capacity > 50.0 && capacity < 250.0, "{said}");
    assert_eq!(said["reached"], true, "{said}");
    let points = said["points"].as_array().expect("a list");
    assert_eq!(points.len(), 11);
    let rates: Vec<f64> = points.iter().filter_map(|it| it["rate"].as_f64()).collect();
    assert!(rates.windows(2).all(|pair| pair[0] < pair[1]), "{rates:?}");
    assert!(points[0]["iterative_model_ns"].as_f64().is_some_and(|ns| ns > 4e6), "{said}");
    let page = fs::read_to_string(out.join("index.html")).expect("the page");
    assert!(page.contains("The server answers at most") && page.contains("id=\"curve\""));
}
