//! Loads that are interrupted.

mod common;

use std::process::{Child, Stdio};

use common::{Server, crossover};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A load of half a minute that has just started, with its output in pipes.
fn long_load(target: &str) -> Child {
    let load = crossover()
        .args(["load", target, "--for", "30s", "--warmup", "0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    std::thread::sleep(std::time::Duration::from_millis(700));
    load
}

/// Whether this process ignores a signal; its child processes then ignore it as well (signal(7)).
fn is_ignored_here(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a line");
    let ignored = u64::from_str_radix(ignored.trim(), 16).expect("a mask");
    ignored & 1 << (signal as u32 - 1) != 0
}

#[test]
fn an_interrupted_load_tells_what_it_has_and_what_ended_it() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    for (signal, name) in
        [(Signal::SIGINT, "Ctrl-C"), (Signal::SIGTERM, "SIGTERM"), (Signal::SIGHUP, "SIGHUP")]
    {
        if is_ignored_here(signal) {
            println!("{name} is ignored by who started this test (nohup?), and so by the load");
            continue;
        }
        let load = long_load(&target);
        kill(Pid::from_raw(load.id() as i32), signal).expect("it is alive");
        let output = load.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(130), "{name}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(name), "{name}: {said}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("the result");
        assert!(told["counts"]["answered"].as_u64() > Some(10), "{told}");
        // The series ends where the run did.
        let steps = told["series"]["steps"].as_array().expect("a list").len();
        assert!(steps < 100, "{steps} steps of 30 s");
    }
}

#[test]
fn a_load_that_still_connects_can_be_interrupted() {
    // No process accepts, and the listen queue holds only one or two connections.
    let full =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("one");
    full.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    full.listen(0).expect("a listener");
    let address = full.local_addr().expect("bound").as_socket().expect("of the internet");
    let load = crossover()
        .args(["load", &format!("tcp://{address}"), "--clients", "64", "--threads", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    std::thread::sleep(std::time::Duration::from_millis(500));
    kill(Pid::from_raw(load.id() as i32), Signal::SIGINT).expect("it is alive");
    let output = load.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("Ctrl-C"), "{said}");
}

#[test]
fn two_signals_at_once_are_one_wish_to_end() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    let load = long_load(&target);
    // Like timeout(1), which signals the child and then its group.
    for signal in [Signal::SIGTERM, Signal::SIGTERM, Signal::SIGHUP] {
        let _ = kill(Pid::from_raw(load.id() as i32), signal);
    }
    let output = load.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let told: Value = serde_json::from_slice(&output.stdout).expect("the result");
    assert!(told["counts"]["answered"].as_u64() > Some(10), "{told}");
}
