//! Programs from outside this project reach every design: nc, curl, socat, rdate, wrk, ab. A
//! program that is not installed is skipped, and the test prints it.

mod common;

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use common::{Server, designs_that_run_here};
use nix::sys::signal::{Signal, kill};
use protocol::Transport;
use servers::{Design, Service};

fn at_hand(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

/// What a program prints for this input.
fn said(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it is installed");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
    child.wait_with_output().expect("it ends").stdout
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn over(transport: Transport) -> impl Iterator<Item = &'static Design> {
    designs_that_run_here().into_iter().filter(move |design| design.transport() == transport)
}

#[test]
fn nc_is_echoed_by_every_design_over_tcp() {
    if !at_hand("nc") {
        return;
    }
    for design in over(Transport::Tcp) {
        let server = Server::start(design.name, &["--service", "echo"]);
        let port = server.address.port().to_string();
        let echoed = said("nc", &["-N", "-w", "20", "127.0.0.1", &port], b"hello, RFC 862\n");
        assert_eq!(text(&echoed), "hello, RFC 862\n", "{design:?}");
    }
}

#[test]
fn socat_is_echoed_by_every_design_over_udp() {
    if !at_hand("socat") {
        return;
    }
    for design in over(Transport::Udp) {
        let server = Server::start(design.name, &["--service", "echo"]);
        // A datagram socket that takes replies from any port, as session workers need.
        let peer = format!("UDP4-DATAGRAM:{}", server.address);
        let echoed = said("socat", &["-t", "0.5", "-", &peer], b"hello, RFC 862\n");
        assert_eq!(text(&echoed), "hello, RFC 862\n", "{design:?}");
    }
}

#[test]
fn curl_is_answered_by_every_design_over_tcp() {
    if !at_hand("curl") {
        return;
    }
    for design in over(Transport::Tcp) {
        let server = Server::start(design.name, &["--service", "http"]);
        let url = |rest: &str| format!("http://{}{rest}", server.address);
        let work = url("/?compute=100us&wait=2ms&reply=1KiB");
        // Two URLs over one connection, which must persist between them.
        let both = said("curl", &["-s", "-w", "%{http_code} %{num_connects}\n", &work, &work], b"");
        let body = ".".repeat(1024);
        assert_eq!(text(&both), format!("{body}200 1\n{body}200 0\n"), "{design:?}");
        for (arguments, expected) in [
            (vec!["-I", &work], "200"),
            (vec![url("/nowhere").as_str()], "404"),
            (vec![url("/?wait=soon").as_str()], "400"),
            (vec![url("/?wait=600s").as_str()], "503"),
            (vec!["-d", "twelve bytes", &work], "200"),
            (vec!["-H", &format!("X: {}", "x".repeat(20_000)), &work], "431"),
            (vec!["-H", "Content-Length: 99999999", "-X", "POST", &work], "413"),
        ] {
            let mut all = vec!["-s", "-o", "/dev/null", "-w", "%{http_code}"];
            all.extend(arguments.iter().copied());
            assert_eq!(text(&said("curl", &all, b"")), expected, "{design:?} {arguments:.80?}");
        }
    }
}

#[test]
fn daytime_and_time_are_told_by_every_design() {
    for design in designs_that_run_here() {
        for (service, length) in [("daytime", 30..=44), ("time", 4..=4)] {
            let server = Server::start(design.name, &["--service", service]);
            let mut client = common::Client::new(design, server.address);
            if design.transport() == Transport::Udp {
                client.send(b"");
            }
            let told = client.everything();
            assert!(length.contains(&told.len()), "{design:?}: {told:?}");
        }
    }
}

#[test]
fn wrk_and_ab_finish_without_an_error() {
    for name in ["tcp-preforked", "tcp-event-loop", "tcp-event-loops", "tcp-async-tasks"] {
        let server = Server::start(name, &["--service", "http"]);
        let url = format!("http://{}/?reply=1KiB", server.address);
        if at_hand("wrk") {
            let told = text(&said("wrk", &["-t1", "-c8", "-d1s", &url], b""));
            assert!(told.contains("Requests/sec"), "{name}: {told}");
            assert!(!told.contains("Socket errors") && !told.contains("Non-2xx"), "{name}: {told}");
        }
        if at_hand("ab") {
            for keep_alive in [&["-k"][..], &[]] {
                let arguments = [keep_alive, &["-q", "-n", "2000", "-c", "8", &url]].concat();
                let told = text(&said("ab", &arguments, b""));
                assert!(told.contains("Complete requests:      2000"), "{name}: {told}");
                assert!(told.contains("Failed requests:        0"), "{name}: {told}");
                assert!(!told.contains("Non-2xx"), "{name}: {told}");
            }
        }
    }
}

/// Starts all services at a base port where all of their ports are free; other processes may take
/// one meanwhile.
fn start_all_services() -> (Server, u16) {
    let server = (0..40)
        .find_map(|attempt| {
            let base = (12_000 + attempt * 450 + std::process::id() % 400).to_string();
            Server::try_start("all-services", &["--base", &base])
        })
        .expect("one of forty stretches of ports is free");
    let base = server.address.port() - Service::Work.well_known_port();
    (server, base)
}

#[test]
fn many_datagrams_at_one_door_leave_the_other_services_open() {
    let (server, base) = start_all_services();
    let stop = Arc::new(AtomicBool::new(false));
    let flooding = {
        let (stop, work) = (Arc::clone(&stop), server.address);
        thread::spawn(move || {
            let mut asked = common::request(1, Duration::ZERO);
            asked.work.compute = Duration::from_millis(1);
            let bytes = common::encoded(&asked);
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
            while !stop.load(Relaxed) {
                let _ = socket.send_to(&bytes, work);
                thread::sleep(Duration::from_micros(300)); // three times what the server can do
            }
        })
    };
    let tcp = Design::named("tcp-iterative").expect("a design");
    let udp = Design::named("udp-iterative").expect("a design");
    for design in [tcp, udp, tcp, udp] {
        let echo = SocketAddr::new(server.address.ip(), base + 7);
        let mut client = common::Client::new(design, echo);
        client.send(b"still open?");
        assert_eq!(client.receive(11), b"still open?", "{design:?}");
    }
    stop.store(true, Relaxed);
    flooding.join().expect("it only sends");
}

#[test]
fn all_services_are_offered_by_one_process() {
    let (server, base) = start_all_services();
    let port = |number: u16| (base + number).to_string();
    if at_hand("nc") {
        let echoed = said("nc", &["-N", "-w", "20", "127.0.0.1", &port(7)], b"hello\n");
        assert_eq!(text(&echoed), "hello\n");
        let told = text(&said("nc", &["-w", "20", "127.0.0.1", &port(13)], b""));
        assert!(told.ends_with("-UTC\r\n"), "{told}");
    }
    if at_hand("socat") {
        let echoed =
            said("socat", &["-t", "0.5", "-", &format!("UDP:127.0.0.1:{}", port(7))], b"hi\n");
        assert_eq!(text(&echoed), "hi\n");
    }
    if at_hand("rdate") {
        for transport in [&["-u"][..], &[]] {
            let port = port(37);
            let arguments = [transport, &["-p", "-o", &port, "127.0.0.1"]].concat();
            let told = text(&said("rdate", &arguments, b""));
            let year = text(&said("date", &["+%Y"], b""));
            assert!(told.trim_end().ends_with(year.trim_end()), "{told}");
        }
    }
    if at_hand("curl") {
        let url = format!("http://127.0.0.1:{}/?reply=7B", port(80));
        assert_eq!(text(&said("curl", &["-s", &url], b"")), ".......");
    }
    let (closing, status) = server.stop();
    assert_eq!((closing["design"].as_str(), status.code()), (Some("all-services"), Some(0)));
}

#[test]
fn a_superserver_starts_a_program_for_each_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("table");
    fs::write(&table, "0 /bin/cat # echo\n0 grep SigBlk /proc/self/status\n0 /no/such/program\n")
        .expect("a file");
    let server = Server::start("superserver", &["--table", &table.display().to_string()]);
    let tcp = Design::named("tcp-iterative").expect("a design");
    for _ in 0..3 {
        let mut client = common::Client::new(tcp, server.address);
        client.send(b"through cat");
        assert_eq!(client.receive(11), b"through cat");
        drop(client);
    }
    common::eventually("all programs ended and collected", || server.children().is_empty());
    let mut staying = common::Client::new(tcp, server.address);
    staying.send(b"x");
    assert_eq!(staying.receive(1), b"x");
    let program = server.children();
    assert_eq!(program.len(), 1);
    let second = server.second_address();
    let signals = common::Client::new(tcp, second).everything();
    assert_eq!(
        text(&signals).split_whitespace().last(),
        Some("0000000000000000"),
        "no signal is blocked"
    );
    let (closing, _) = server.stop();
    assert_eq!(closing["answered"], 5);
    assert!(kill(program[0].0, None::<Signal>).is_err(), "the program outlived its superserver");
}
