//! The ends of servers and of their workers, and the content of the closing line.

mod common;

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use common::{Client, Server, assert_serves, encoded, eventually, request};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::Transport;
use servers::{Allocation, Design, WorkUnit};

#[test]
fn a_worker_killed_takes_only_its_own_client_along_and_is_replaced() {
    for design in common::designs_that_run_here() {
        let server = Server::start(design.name, &["--workers", "3"]);
        let mut unlucky = Client::new(design, server.address);
        unlucky.send(&encoded(&request(1, Duration::from_secs(9))));
        let beforehand = design.allocation == Allocation::Preallocated;
        if !has_worker_processes(design) {
            continue;
        }
        let expected = if beforehand { 3 } else { 1 };
        eventually("workers", || server.children().len() == expected);
        let first: Vec<Pid> = server.children().into_iter().map(|(worker, _)| worker).collect();
        for worker in &first {
            kill(*worker, Signal::SIGKILL).expect("it is alive");
        }
        if beforehand {
            eventually(&format!("{design:?}: three new workers"), || {
                let now = server.children();
                now.len() == 3 && now.iter().all(|(worker, _)| !first.contains(worker))
            });
        }
        assert_serves(design, &server);
    }
}

fn has_worker_processes(design: &Design) -> bool {
    design.unit == WorkUnit::Process
}

#[test]
fn sigterm_in_mid_load_ends_server_and_workers_and_frees_the_port() {
    for design in common::designs_that_run_here() {
        let server = Server::start(design.name, &["--workers", "4"]);
        let address = server.address;
        let mut clients: Vec<Client> = (0..4).map(|_| Client::new(design, address)).collect();
        clients
            .iter_mut()
            .for_each(|client| client.send(&encoded(&request(1, Duration::from_secs(9)))));
        if has_worker_processes(design) {
            eventually("workers", || server.children().len() == 4);
        }
        let workers = server.children();
        let (closing, status) = server.stop();
        assert_eq!(status.code(), Some(0), "{design:?}");
        assert_eq!(closing["design"], design.name);
        for (worker, _) in workers {
            assert!(kill(worker, None).is_err(), "{design:?}: worker {worker} outlived its master");
        }
        drop(clients);
        match design.transport() {
            Transport::Udp => drop(UdpSocket::bind(address).expect("the port is free")),
            Transport::Tcp => {
                // A server binds the port again, because connections that were cut at the end may
                // linger.
                let again = Server::start(design.name, &["--listen", &address.to_string()]);
                assert_eq!(again.address, address);
            }
        }
    }
}

#[test]
fn a_server_that_is_asked_to_end_complains_about_nothing() {
    for design in common::designs_that_run_here() {
        let server = Server::start_heard(design.name, &["--workers", "4"]);
        assert_serves(design, &server);
        assert_eq!(server.stop_and_hear(), "", "{design:?}");
    }
}

#[test]
fn processor_time_in_the_closing_line_is_the_kernels() {
    let names =
        ["tcp-preforked", "tcp-passed-descriptors", "tcp-process-per-connection", "udp-preforked"];
    for design in names.map(|name| Design::named(name).expect("a design")) {
        let server = Server::start_timed(design.name, &["--workers", "4"]);
        let before = processor_time_of_thread(server.pid());
        for id in 0..40 {
            let mut asked = request(id, Duration::ZERO);
            asked.work.compute = Duration::from_millis(50);
            Client::new(design, server.address).ask(&asked);
        }
        let (closing, kernels) = server.stop_and_time();
        let counted: u64 = ["user_ns", "system_ns", "children_user_ns", "children_system_ns"]
            .iter()
            .map(|key| closing[key].as_u64().expect("a number"))
            .sum();
        let (counted, kernels) = (counted as f64 / 1e9, (kernels - before).as_secs_f64());
        assert!(counted > 1.9, "{design:?}: 40 × 50 ms were computed: {counted} s");
        let ratio = counted / kernels;
        println!("{design:?}: closing line {counted:.3} s, kernel {kernels:.3} s");
        assert!((0.98..=1.02).contains(&ratio), "{design:?}: {counted} s told, {kernels} s used");
    }
}

/// Processor time of a process with one thread so far, in the kernel's own nanoseconds.
fn processor_time_of_thread(process: Pid) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/schedstat")).expect("the kernel tells");
    let first = text.split(' ').next().expect("three numbers");
    Duration::from_nanos(first.parse().expect("a number"))
}
