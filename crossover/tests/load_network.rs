//! A load whose requests are lost, doubled and reordered on purpose.

mod common;

use common::Server;
use common::load::{SHORT, all_answered, count, has_doubt, json, load};
use serde_json::Value;

fn injected(said: &Value, name: &str) -> u64 {
    said["injected"][name].as_u64().expect("a count")
}

#[test]
fn what_is_injected_is_what_the_client_sees() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    let network = ["--drop", "5%", "--duplicate", "0.1", "--reorder", "5%", "--timeout", "300ms"];
    let rate = ["--for", "1s", "--warmup", "0s", "--rate", "2000/s", "--arrivals", "even"];
    let flags = [&network[..], &rate].concat();
    let said = json(&target, &flags);
    let (dropped, duplicated) = (injected(&said, "dropped"), injected(&said, "duplicated"));
    assert!((60..150).contains(&dropped) && (140..270).contains(&duplicated), "{said}");
    assert!((60..150).contains(&injected(&said, "reordered")), "{said}");
    assert_eq!(count(&said, "timed_out"), dropped, "a lost request has no reply");
    assert_eq!(count(&said, "answered"), count(&said, "planned") - dropped);
    assert_eq!(said["duplicates"].as_u64(), Some(duplicated), "both arrive, and both are answered");
    assert!(said["reordered"].as_u64() > Some(0), "{said}");
    assert!(!has_doubt(&said, "unanswered"), "nobody is to blame: {said}");
    // The fates follow from the seed.
    let again = json(&target, &flags);
    assert_eq!(again["injected"], said["injected"]);
    assert_eq!(again["plan_hash"], said["plan_hash"]);
    let other = json(&target, &[&flags[..], &["--seed", "2"]].concat());
    assert_ne!(other["injected"], said["injected"]);
}

#[test]
fn without_a_fate_nothing_is_injected() {
    let server = Server::start("udp-iterative", &[]);
    let said = json(&format!("udp://{}", server.address), &SHORT);
    all_answered(&said);
    assert_eq!(said.get("injected"), None);
}

/// The last requests wait for nobody who would overtake them.
#[test]
fn a_request_that_is_held_back_is_sent_all_the_same() {
    let server = Server::start("udp-thread-per-request", &[]);
    let target = format!("udp://{}", server.address);
    for threads in ["1", "2"] {
        let flags = ["--reorder", "100%", "--clients", "2", "--threads", threads];
        let said = json(&target, &[&flags[..], &SHORT].concat());
        all_answered(&said);
    }
    let closed = ["--closed", "--clients", "2", "--reorder", "100%", "--for", "200ms"];
    all_answered(&json(&target, &closed));
}

#[test]
fn shares_that_make_no_sense_are_refused() {
    for (flags, why) in [
        (["--drop", "101%"], "0 to 100%"),
        (["--reorder", "-1"], "unexpected argument"),
        (["--duplicate", "often"], "0 to 100%"),
    ] {
        let output = load("udp://127.0.0.1:9", &flags);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{flags:?}: {said}");
    }
}

/// A server that counts its clients' requests counts wrongly as soon as one is lost or doubled.
#[test]
fn a_server_that_keeps_state_answers_wrongly_on_a_bad_network() {
    let server = Server::start("udp-iterative", &["--service", "next"]);
    let target = format!("udp://{}", server.address);
    let wrong = |said: &Value| said["wrong_replies"].as_u64().expect("a count");
    let flags = ["--service", "next", "--timeout", "300ms"];
    let rate = ["--for", "500ms", "--warmup", "0s", "--rate", "2000/s", "--arrivals", "even"];
    let flags = [&flags[..], &rate].concat();
    let perfect = json(&target, &flags);
    all_answered(&perfect);
    assert_eq!(wrong(&perfect), 0, "{perfect}");
    for trouble in ["--drop", "--duplicate", "--reorder"] {
        let said = json(&target, &[&flags[..], &[trouble, "2%"]].concat());
        let least = if trouble == "--reorder" { 10 } else { 100 };
        assert!(wrong(&said) >= least, "{trouble}: {said}");
        assert_eq!(wrong(&said), count(&said, "wrong"), "each ends its request");
    }
    let stateless = Server::start("udp-iterative", &["--service", "echo"]);
    let target = format!("udp://{}", stateless.address);
    let network = ["--drop", "2%", "--duplicate", "2%", "--reorder", "2%", "--timeout", "300ms"];
    let echo = ["--service", "echo", "--clients", "3"];
    let said = json(&target, &[&echo[..], &network, &rate].concat());
    assert_eq!(wrong(&said), 0, "{said}");
}
