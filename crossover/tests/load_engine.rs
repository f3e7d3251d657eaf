//! The generator's engine through real processes: how it waits, on which cores, over which sockets.

mod common;

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::load::{Beside, SHORT, all_answered, count, echo, has_doubt, json, parsed, streams};
use common::{Server, crossover};

#[test]
fn every_way_to_wait_sends_and_hears_everything() {
    let servers = [("udp", "udp-iterative"), ("tcp", "tcp-event-loop")]
        .map(|(scheme, design)| (scheme, Server::start(design, &[])));
    for pacing in ["spin", "hybrid", "sleep"] {
        for (scheme, server) in &servers {
            let target = format!("{scheme}://{}", server.address);
            // Far apart, and closer than timers can resolve.
            for rate in ["300/s", "30000/s"] {
                let flags = ["--pacing", pacing, "--rate", rate, "--for", "100ms"];
                let said = json(&target, &[&flags[..], &["--warmup", "0s"]].concat());
                all_answered(&said);
                assert_eq!(said["pacing"], pacing);
            }
        }
    }
}

#[test]
fn a_generator_that_is_kept_to_a_core_leaves_the_others_to_the_server() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let server = Server::start("udp-iterative", &[]);
    let output = Command::new("taskset")
        .args(["-c", "0"])
        .arg(crossover().get_program())
        .args(["load", &format!("udp://{}", server.address), "--json"])
        .args(SHORT)
        .output()
        .expect("taskset is part of every system");
    let said = parsed(&output);
    assert_eq!(said["cores"], serde_json::json!([0]));
    assert_eq!(said["pacing"], if cores > 1 { "spin" } else { "sleep" }, "{said}");
    assert_eq!(has_doubt(&said, "shared-cores"), cores == 1, "{said}");
}

#[test]
fn servers_on_the_next_protocol_are_loaded_likewise() {
    let socket = UdpSocket::bind("[::1]:0").expect("a machine with IPv6");
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time");
    let udp = format!("udp://{}", socket.local_addr().expect("bound"));
    let mut bytes = [0; 4096];
    let _datagrams = Beside::run(move || {
        if let Ok((length, from)) = socket.recv_from(&mut bytes) {
            socket.send_to(&bytes[..length], from).expect("loopback");
        }
    });
    for more in [&[][..], &["--unconnected"], &["--arrivals", "burst:10"]] {
        all_answered(&json(&udp, &[&["--service", "echo"], more, &SHORT].concat()));
    }
    let (tcp, _streams) = streams(TcpListener::bind("[::1]:0"), |_, stream| echo(stream));
    all_answered(&json(&format!("tcp://{tcp}"), &[&["--service", "echo"], &SHORT[..]].concat()));
}

#[test]
fn a_request_that_leaves_in_pieces_is_whole() {
    // More than the kernel takes at once, for a server with a small window that reads little at a
    // time.
    let small = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let small = small.expect("a socket");
    small.set_recv_buffer_size(4096).expect("an option");
    let nowhere: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    small.bind(&nowhere.into()).and_then(|()| small.listen(8)).expect("a listener");
    let (address, _beside) = streams(Ok(small.into()), |_, stream| echo(stream));
    let large = ["--service", "echo", "--request-size", "6MiB", "--timeout", "30s"];
    let frame = ["--closed", "--for", "300ms", "--warmup", "0s"];
    let said = json(&format!("tcp://{address}"), &[&large[..], &frame].concat());
    let answered = count(&said, "answered");
    assert!(answered > 0 && answered == count(&said, "sent"), "{said}");
}

#[test]
fn connections_come_from_the_usual_address_while_it_has_ports() {
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let noted = Arc::clone(&seen);
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), move |_, stream| {
        let peer = stream.peer_addr().expect("connected").ip();
        noted.lock().expect("no panic").insert(peer);
        echo(stream);
    });
    let target = format!("tcp://{address}");
    let echo = [&["--service", "echo", "--connection", "per-request"], &SHORT[..]].concat();
    for close in ["reset", "finish"] {
        let said = json(&target, &[&["--close", close], &echo[..]].concat());
        all_answered(&said);
    }
    let addresses = seen.lock().expect("no panic").clone();
    assert_eq!(addresses, HashSet::from(["127.0.0.1".parse().expect("an address")]));
}

#[test]
fn kept_connections_are_timed_though_they_are_made_before_the_load() {
    let server = Server::start("tcp-event-loop", &[]);
    let target = format!("tcp://{}", server.address);
    let said = json(&target, &[&["--clients", "7", "--threads", "2"], &SHORT[..]].concat());
    all_answered(&said);
    assert_eq!(said["connect_time"]["count"], 7, "{said}");
}

#[test]
fn whoever_cannot_be_reached_is_told_with_what_helps() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let open = listener.local_addr().expect("bound").to_string();
    for (target, clients, says) in
        [("127.0.0.1:1", "2", "is the server running there?"), (open.as_str(), "40", "ulimit -n")]
    {
        let output = Command::new("sh")
            .args(["-c", "ulimit -n 16 && exec \"$@\"", "sh"])
            .arg(crossover().get_program())
            .args(["load", &format!("tcp://{target}"), "--threads", "2", "--clients", clients])
            .args(["--for", "60s"])
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{said}");
    }
}
