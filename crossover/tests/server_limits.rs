//! Servers under tight system limits, with forged datagrams, and with silent clients.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Client, PATIENCE, Server, crossover, designs_that_run_here, eventually, request};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::Transport;
use serde_json::Value;
use servers::Design;

/// Starts `crossover serve` from a shell that sets a limit first; returns the process and its first
/// line, which may be empty.
fn limited(limit: &str, arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new("sh")
        .args(["-c", &format!("{limit} && exec \"$@\""), "sh"])
        .arg(crossover().get_program())
        .arg("serve")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("a pipe");
    BufReader::new(output).read_line(&mut line).expect("text");
    (child, line)
}

#[test]
fn a_server_that_could_serve_nobody_says_so_before_it_opens() {
    for design in designs_that_run_here() {
        for descriptors in [5, 6, 7, 8, 10, 12, 30] {
            let limit = format!("ulimit -n {descriptors}");
            let (mut child, line) = limited(&limit, &[design.name, "--lifetime", "60s"]);
            if line.is_empty() {
                let output = child.wait_with_output().expect("it ends");
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!(output.status.code(), Some(1), "{}: {said}", design.name);
                assert!(said.contains("ulimit -n"), "{}: {said}", design.name);
                assert!(!said.contains("panicked"), "{}: {said}", design.name);
                continue;
            }
            let opening: Value = serde_json::from_str(&line).expect("an opening line");
            let address = opening["listening"].as_str().and_then(|it| it.parse().ok());
            for id in 1..3 {
                let mut client = Client::new(design, address.expect("an address"));
                assert_eq!(
                    client.ask(&request(id, Duration::ZERO)).id,
                    id,
                    "{} with {descriptors}",
                    design.name
                );
            }
            child.kill().expect("it is alive");
            child.wait().expect("it ends");
        }
    }
}

#[test]
fn one_forged_datagram_makes_no_two_servers_answer_each_other() {
    let services = ["echo", "daytime", "time", "work"];
    for design in designs_that_run_here() {
        if design.transport() != Transport::Udp {
            continue;
        }
        for (one, other) in
            services.iter().flat_map(|one| services.iter().map(move |other| (one, other)))
        {
            // All pairs for the first design only; designs differ only in how they receive.
            if design.name != "udp-iterative" && (*one, *other) != ("echo", "time") {
                continue;
            }
            let first = Server::start(design.name, &["--service", one]);
            let second = Server::start(design.name, &["--service", other]);
            if !forge(first.address.port(), second.address.port()) {
                eprintln!("skipped: forging a datagram needs a raw socket");
                return;
            }
            // Honest datagrams follow, so that the forged one has certainly been handled.
            for server in [&first, &second] {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
                socket.set_read_timeout(Some(PATIENCE)).expect("an option");
                for _ in 0..3 {
                    socket.send_to(b"hello", server.address).expect("sent");
                    socket.recv_from(&mut [0; 128]).expect("an answer");
                }
            }
            let counts: Vec<u64> = [first, second]
                .into_iter()
                .map(|server| server.stop().0["received"].as_u64().expect("a number"))
                .collect();
            let of_the_loop: u64 = counts.iter().sum::<u64>() - 6;
            assert!(of_the_loop <= 2, "{}: {one} and {other}: {counts:?}", design.name);
        }
        let own = Server::start(design.name, &["--service", "echo"]);
        assert!(forge(own.address.port(), own.address.port()));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option");
        socket.send_to(b"hello", own.address).expect("sent");
        socket.recv_from(&mut [0; 128]).expect("an answer");
        let received = own.stop().0["received"].as_u64();
        assert!(received <= Some(3), "{} and itself: {received:?}", design.name);
    }
}

/// Sends a datagram with a forged source port; `false` if that is not permitted.
fn forge(from: u16, to: u16) -> bool {
    use socket2::{Domain, Protocol, Socket, Type};
    let Ok(socket) = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)) else {
        return false;
    };
    let body = [b'x'; 64];
    let length = 8 + body.len() as u16;
    let head = [from, to, length, 0].map(u16::to_be_bytes).concat();
    let target: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.send_to(&[&head[..], &body].concat(), &target.into()).is_ok()
}

fn table(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), text).expect("writable");
    file
}

fn client(address: std::net::SocketAddr) -> Client {
    Client::new(Design::named("tcp-iterative").expect("a design"), address)
}

fn echoes(address: std::net::SocketAddr) -> bool {
    let mut client = client(address);
    client.send(b"hi");
    client.receive(2) == b"hi"
}

#[test]
fn silent_clients_of_one_program_shut_no_other_door_and_are_sent_away() {
    let table = table("0 /bin/cat\n0 /bin/cat\n");
    let path = table.path().display().to_string();
    let flags = ["--table", &path, "--workers", "4", "--idle", "500ms"];
    let server = Server::start("superserver", &flags);
    let silent: Vec<Client> = (0..6).map(|_| client(server.address)).collect();
    eventually("as many programs as there may be run", || server.children().len() == 4);
    assert!(echoes(server.second_address()), "the other endpoint is open");
    // The silent clients that hold the slots are closed one after the other, and this client gets
    // its turn.
    assert!(echoes(server.address));
    eventually("all silent ones are gone", || server.children().is_empty());
    drop(silent);
}

#[test]
fn no_program_outlives_a_superserver_that_was_killed() {
    let table = table("0 /bin/cat\n0 /bin/sh -c trap$IFS''$IFS''TERM;exec$IFS''sleep$IFS''600\n");
    let path = table.path().display().to_string();
    let server = Server::start("superserver", &["--table", &path]);
    let _clients = [client(server.address), client(server.second_address())];
    eventually("both programs run", || server.children().len() == 2);
    let programs = server.children();
    kill(server.pid(), Signal::SIGKILL).expect("it is alive");
    for (program, _) in programs {
        eventually("the program has ended", || kill(program, None::<Signal>).is_err());
    }
}

/// The addresses of a superserver that has just been started, in the order of its table.
fn endpoints_of(child: &mut Child) -> Vec<SocketAddr> {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("text");
    let opening: Value = serde_json::from_str(&line).expect("an opening line");
    let services = opening["services"].as_array().expect("a list");
    let address = |it: &Value| it["listening"].as_str().and_then(|text| text.parse().ok());
    services.iter().map(|it| address(it).expect("an address")).collect()
}

#[test]
fn a_program_that_is_missing_ends_no_server_though_nobody_hears_of_it() {
    for deaf in ["2>/dev/full", "2>&-"] {
        let table = table("0 /no/such/program\n0 /bin/cat\n");
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec \"$@\" {deaf}"), "sh"])
            .arg(crossover().get_program())
            .args(["serve", "superserver", "--table"])
            .arg(table.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let endpoints = endpoints_of(&mut child);
        assert_eq!(client(endpoints[0]).everything(), b"", "{deaf}");
        assert!(echoes(endpoints[1]), "{deaf}");
        let pid = Pid::from_raw(child.id() as i32);
        kill(pid, Signal::SIGTERM).expect("it is alive");
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{deaf}");
    }
}

#[test]
fn a_server_of_both_families_serves_its_own_machine_over_both() {
    for service in ["echo", "daytime", "time", "work"] {
        let flags = ["--service", service, "--listen", "[::]:0", "--allow-remote"];
        let Some(server) = Server::try_start("udp-iterative", &flags) else {
            eprintln!("skipped: there is no IPv6 here");
            return;
        };
        let port = server.address.port();
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option");
        for _ in 0..30 {
            socket.send_to(b"x", ("127.0.0.1", port)).expect("sent");
            socket.recv_from(&mut [0; 128]).expect("an answer");
        }
        assert_eq!(server.stop().0["dropped"], 0, "{service}");
    }
}

#[test]
fn nobody_reading_its_complaints_stops_no_superserver() {
    let table = table("0 /no/such/program\n0 /bin/cat\n");
    let mut child = crossover()
        .args(["serve", "superserver", "--table"])
        .arg(table.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let endpoints = endpoints_of(&mut child);
    // More error messages than a pipe holds.
    for _ in 0..1500 {
        assert_eq!(client(endpoints[0]).everything(), b"");
    }
    assert!(echoes(endpoints[1]));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("it is alive");
    child.wait().expect("it ends");
}

/// A compiler may leave out memory that nobody reads.
#[test]
fn ballast_is_memory_that_the_server_holds() {
    let peak = |flags: &[&str]| {
        let (closing, _) = Server::start("udp-iterative", flags).stop();
        closing["peak_memory_bytes"].as_u64().expect("a number")
    };
    let (without, with) = (peak(&[]), peak(&["--ballast", "64MiB", "--pages", "small"]));
    assert!(with >= without + (60 << 20), "{without} and {with}");
}
