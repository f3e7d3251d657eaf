//! Loads on servers and generators that fail: wrong replies are counted, and disturbances are
//! flagged with a warning.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::load::{Beside, SHORT, count, has_doubt, json, load, parsed, streams};
use common::{Server, crossover, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Held by a test that fills a core, and by a test that must find out which side stalled.
static QUIET: Mutex<()> = Mutex::new(());

/// A responder over UDP that answers each datagram in its own way.
fn responder(
    mut answer: impl FnMut(u64, &[u8], SocketAddr, &UdpSocket) + Send + 'static,
) -> (SocketAddr, Beside) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time");
    let address = socket.local_addr().expect("bound");
    let mut buffer = [0; 65_536];
    let mut number = 0;
    let beside = Beside::run(move || {
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            number += 1;
            answer(number, &buffer[..length], from, &socket);
        }
    });
    (address, beside)
}

/// Bytes that look random and are the same in every run.
fn noise(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn datagrams_that_are_no_replies_are_counted_as_wrong() {
    let stranger = UdpSocket::bind("127.0.0.2:0").expect("a socket");
    let (address, _beside) = responder(move |number, bytes, from, socket| {
        let _ = match number % 5 {
            0 => socket.send_to(&noise(number, 100), from),
            1 => socket.send_to(&bytes[..7], from),
            2 => stranger.send_to(bytes, from),
            3 => {
                let _ = socket.send_to(bytes, from);
                socket.send_to(bytes, from)
            }
            _ => socket.send_to(bytes, from),
        };
    });
    let flags = ["--service", "echo", "--unconnected", "--timeout", "200ms"];
    let said = json(&format!("udp://{address}"), &[&flags, &SHORT[..]].concat());
    let planned = count(&said, "planned");
    assert!(planned > 50, "{said}");
    // Noise, cut datagrams and the stranger's are wrong; of these only a cut one belongs to a
    // request.
    assert!(said["wrong_replies"].as_u64() >= Some(planned / 2), "{said}");
    assert!(count(&said, "wrong") >= planned / 6, "{said}");
    assert!(said["duplicates"].as_u64() > Some(planned / 10), "{said}");
    assert!(count(&said, "answered") >= planned / 4, "{said}");
    // The work protocol takes none of these for an answer either.
    let said = json(&format!("udp://{address}"), &[&["--timeout", "200ms"], &SHORT[..]].concat());
    assert_eq!(count(&said, "answered"), 0, "{said}");
}

#[test]
fn streams_that_hold_no_replies_are_counted_as_wrong() {
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), |number, mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&noise(number, 1 + (number as usize * 37) % 900));
    });
    for scheme in ["tcp", "http"] {
        let flags = ["--connection", "per-request", "--timeout", "500ms"];
        let said = json(&format!("{scheme}://{address}"), &[&flags, &SHORT[..]].concat());
        assert_eq!(count(&said, "answered"), 0, "{said}");
        assert!(count(&said, "wrong") + count(&said, "reset") > 50, "{said}");
        assert!(count(&said, "wrong") > 0, "{said}");
    }
}

#[test]
fn streams_that_say_everything_twice_are_counted_as_wrong() {
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), |_, mut stream| {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            let _ = stream.write_all(&bytes[..length].repeat(2));
        }
    });
    for exchange in [&["--service", "echo"][..], &["--send", "a line\\n"]] {
        // One request after the other: no reply is expected when the second copy comes.
        let said = json(
            &format!("tcp://{address}"),
            &[exchange, &["--closed", "--for", "300ms", "--warmup", "0s"]].concat(),
        );
        let answered = count(&said, "answered");
        assert!(answered > 10, "{said}");
        assert!(said["wrong_replies"].as_u64() >= Some(answered / 2), "{said}");
        assert!(has_doubt(&said, "wrong-replies"), "{said}");
    }
}

#[test]
fn a_responder_that_loses_is_doubted() {
    let (address, _beside) = responder(|number, bytes, from, socket| {
        if number % 10 != 0 {
            let _ = socket.send_to(bytes, from);
        }
    });
    let flags = ["--service", "echo", "--timeout", "100ms"];
    let said = json(&format!("udp://{address}"), &[&flags, &SHORT[..]].concat());
    assert!(has_doubt(&said, "unanswered") && count(&said, "timed_out") > 3, "{said}");
}

#[test]
fn a_load_that_is_interrupted_tells_what_there_was() {
    let requests = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&requests);
    let (address, _beside) = responder(move |number, bytes, from, socket| {
        if number % 2 == 0 {
            let _ = socket.send_to(bytes, from);
        }
        seen.store(number, Relaxed);
    });
    let flags = ["--service", "echo", "--warmup", "0s", "--timeout", "30s", "--for", "60s"];
    let mut command = crossover();
    command.args(["load", &format!("udp://{address}"), "--json"]).args(flags);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    eventually("requests come", || requests.load(Relaxed) > 50);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let said = parsed(&output);
    assert!(has_doubt(&said, "broken-off"), "{said}");
    assert!(count(&said, "answered") > 10 && count(&said, "in_flight") > 10, "{said}");
}

#[test]
fn a_rate_out_of_reach_is_doubted_and_ends_in_time() {
    let _quiet = QUIET.lock();
    let (address, _beside) = responder(|_, bytes, from, socket| {
        let _ = socket.send_to(bytes, from);
    });
    let flags =
        ["--service", "echo", "--rate", "20000000/s", "--for", "500ms", "--timeout", "200ms"];
    let said = json(&format!("udp://{address}"), &[&flags[..], &["--warmup", "0s"]].concat());
    assert!(has_doubt(&said, "rate-missed"), "{said}");
    assert!(count(&said, "unsent") > 0 && count(&said, "planned") > 5_000_000, "{said}");
}

#[test]
fn a_receive_buffer_that_overflows_is_doubted() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        // No process reads here.
        let socket = UdpSocket::bind(address).expect("a socket");
        let target = format!("udp://{}", socket.local_addr().expect("bound"));
        let flags = ["--rate", "20000/s", "--for", "500ms", "--warmup", "0s", "--timeout", "50ms"];
        let said = json(&target, &flags);
        assert!(has_doubt(&said, "queue-overflow"), "{said}");
    }
}

/// Starts a load that runs for three seconds.
fn long_load(target: &str, arguments: &[&str]) -> Child {
    let mut command = crossover();
    command.args(["load", target, "--for", "3s", "--warmup", "0s", "--json"]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

/// Stops a load for `length`, after the time `after`.
fn stop_for(child: &Child, after: Duration, length: Duration) {
    let pid = Pid::from_raw(child.id() as i32);
    thread::sleep(after);
    kill(pid, Signal::SIGSTOP).expect("it runs");
    thread::sleep(length);
    kill(pid, Signal::SIGCONT).expect("it stands");
}

#[test]
fn a_generator_that_was_stopped_is_doubted() {
    let _quiet = QUIET.lock();
    let server = Server::start("udp-iterative", &[]);
    let child = long_load(&format!("udp://{}", server.address), &["--arrivals", "even"]);
    stop_for(&child, Duration::from_millis(800), Duration::from_millis(1500));
    let said = parsed(&child.wait_with_output().expect("it ends"));
    assert!(has_doubt(&said, "hiccups") && has_doubt(&said, "lag-high"), "{said}");
    // The stop is in the response times, and the series shows which side caused it.
    assert!(said["response_time"]["p99_ns"].as_u64() > Some(1_000_000_000), "{said}");
    let stalls = said["stalls"].as_array().expect("a list");
    // On a loaded machine the server stands still at the same time.
    assert!(stalls.iter().any(|stall| stall["whose"] != "server"), "{stalls:?}");
}

#[test]
fn replies_that_came_while_the_generator_stood_still_are_not_given_up() {
    let server = Server::start("udp-thread-per-request", &[]);
    // A hundred are in flight when it is stopped, and overdue when it goes on; none is due then.
    let burst = ["--arrivals", "burst:100", "--rate", "40/s", "--wait", "500ms"];
    let flags = [&burst[..], &["--pacing", "spin", "--kernel-stamps"]].concat();
    let child = long_load(&format!("udp://{}", server.address), &flags);
    stop_for(&child, Duration::from_millis(300), Duration::from_millis(1500));
    let said = parsed(&child.wait_with_output().expect("it ends"));
    assert!(said["late"].as_u64() < Some(25), "{said}");
}

#[test]
fn a_hog_on_the_generators_core_is_doubted() {
    let _quiet = QUIET.lock();
    let server = Server::start("udp-iterative", &[]);
    let mut hog = Command::new("taskset")
        .args(["-c", "0", "sh", "-c", "while :; do :; done"])
        .spawn()
        .expect("taskset is part of every system");
    let flags = ["--cores", "0", "--pacing", "spin", "--rate", "5000/s"];
    let child = long_load(&format!("udp://{}", server.address), &flags);
    let said = parsed(&child.wait_with_output().expect("it ends"));
    hog.kill().expect("it runs");
    hog.wait().expect("it ends");
    assert!(has_doubt(&said, "hiccups") && has_doubt(&said, "lag-high"), "{said}");
}

#[test]
fn a_listen_queue_that_is_full_is_doubted() {
    // No process accepts: once the queue is full, the kernel drops further SYNs.
    let queue = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let queue = queue.expect("a socket");
    let nowhere: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    queue.bind(&nowhere.into()).and_then(|()| queue.listen(1)).expect("a listener");
    let address = queue.local_addr().expect("bound").as_socket().expect("of the internet");
    let flags = ["--connection", "per-request", "--timeout", "1100ms"];
    let said = json(&format!("tcp://{address}"), &[&flags, &SHORT[..]].concat());
    assert!(has_doubt(&said, "connection-retries"), "{said}");
    assert!(has_doubt(&said, "queue-overflow"), "{said}");
}

#[test]
fn sends_in_lots_are_doubted_where_even_ones_were_planned() {
    let (address, _beside) = responder(|_, bytes, from, socket| {
        let _ = socket.send_to(bytes, from);
    });
    let flags = ["--service", "echo", "--arrivals", "even", "--rate", "30000/s"];
    let frame = ["--pacing", "sleep", "--for", "300ms", "--warmup", "0s"];
    let said = json(&format!("udp://{address}"), &[&flags[..], &frame].concat());
    assert!(has_doubt(&said, "arrivals-off"), "{said}");
}

#[test]
fn a_generator_without_a_core_of_its_own_is_doubted() {
    let (address, _beside) = responder(|_, bytes, from, socket| {
        let _ = socket.send_to(bytes, from);
    });
    let cores = thread::available_parallelism().map_or(1, usize::from).to_string();
    let threads = ["--service", "echo", "--threads", &cores, "--clients", &cores];
    let said = json(&format!("udp://{address}"), &[&threads, &SHORT[..]].concat());
    assert!(has_doubt(&said, "shared-cores"), "{said}");
    assert_eq!(said["pacing"], if cores == "1" { "sleep" } else { "hybrid" });
}

#[test]
fn a_server_that_closes_amid_its_reply_resets_at_once() {
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), |_, mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort");
    });
    let frame = ["--closed", "--for", "300ms", "--warmup", "0s", "--timeout", "30s"];
    let said = json(&format!("http://{address}/"), &frame);
    assert!(count(&said, "reset") > 10, "{said}");
    assert_eq!(count(&said, "reset"), count(&said, "sent"), "{said}");
    let doubts = said["doubts"].as_array().expect("a list");
    assert!(doubts.iter().any(|doubt| doubt["most"] == "reset"), "{said}");
}

#[test]
fn datagrams_to_nobody_are_refused_one_by_one_and_soon_no_more_are_sent() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let target = format!("udp://{}", socket.local_addr().expect("bound"));
    drop(socket);
    for arrivals in ["poisson", "even", "burst:8"] {
        let flags = ["--arrivals", arrivals, "--warmup", "0s", "--for", "30s"];
        let output = load(&target, &[&flags[..], &["--timeout", "300ms", "--json"]].concat());
        let said = parsed(&output);
        // The last ones may wait for another call that would report the refusal.
        assert!(count(&said, "refused") + 8 >= count(&said, "sent"), "{arrivals}: {said}");
        assert!((50..60).contains(&count(&said, "refused")), "{arrivals}: {said}");
        assert!(has_doubt(&said, "nobody-listens"), "{arrivals}: {said}");
        assert_eq!(output.status.code(), Some(3), "{arrivals}");
    }
}

#[test]
fn datagrams_that_the_kernel_does_not_send_are_refused() {
    // A broadcast: a socket must ask for that first, which this generator never does.
    let flags = [&["--unconnected"], &SHORT[..]].concat();
    let said = json("udp://127.255.255.255:9", &flags);
    assert!(count(&said, "sent") > 10, "{said}");
    assert_eq!(count(&said, "refused"), count(&said, "sent"), "{said}");
}

#[test]
fn a_search_that_is_ended_shows_what_it_has_tried() {
    let requests = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&requests);
    let (address, _beside) = responder(move |number, bytes, from, socket| {
        let _ = socket.send_to(bytes, from);
        seen.store(number, Relaxed);
    });
    let mut command = crossover();
    command.args(["load", &format!("udp://{address}"), "--service", "echo", "--json"]);
    command.args(["--capacity", "p50 < 60s", "--for", "100ms", "--warmup", "0s"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // The first trial has only a hundred.
    eventually("the second trial begins", || requests.load(Relaxed) > 250);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(said["trials"].as_array().is_some_and(|trials| !trials.is_empty()), "{said}");
    assert!(said["capacity"].is_null(), "{said}");
    assert!(said["because"].as_str().is_some_and(|text| text.contains("Ctrl-C")), "{said}");
}

#[test]
fn a_search_waits_until_an_overload_has_been_worked_off() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    // It starts at 1,000/s, five times what the server can process: a backlog of seconds.
    let bound = ["--capacity", "p50 < 20ms", "--wait", "5ms", "--for", "400ms"];
    let said =
        load(&target, &[&bound[..], &["--warmup", "0s", "--timeout", "300ms", "--json"]].concat());
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert!(said["capacity"]["rate"].as_f64() > Some(60.0), "{said}");
}
