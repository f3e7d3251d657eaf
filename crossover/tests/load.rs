//! `crossover load` through real processes: its exchanges, its verdicts, and its doubts.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::{Server, crossover};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::Pid;
use serde_json::Value;

/// Few clients, a short time, no warm-up: enough to see that everything is answered.
const SHORT: [&str; 6] = ["--for", "300ms", "--warmup", "0s", "--rate", "300/s"];

fn load(target: &str, arguments: &[&str]) -> Output {
    let mut command = crossover();
    command.args(["load", target]).args(arguments);
    command.output().expect("the program starts")
}

fn json(target: &str, arguments: &[&str]) -> Value {
    let output = load(target, &[arguments, &["--json"]].concat());
    parsed(&output)
}

fn parsed(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let count = |name: &str| value["counts"][name].as_u64().expect("a count");
    assert_eq!(count("planned"), count("sent") + count("unsent"));
    let ended = ["answered", "refused", "reset", "wrong", "timed_out", "in_flight"];
    assert_eq!(count("sent"), ended.iter().map(|name| count(name)).sum::<u64>());
    value
}

fn count(said: &Value, name: &str) -> u64 {
    said["counts"][name].as_u64().expect("a count")
}

fn has_doubt(said: &Value, name: &str) -> bool {
    let doubts = said["doubts"].as_array().expect("a list");
    doubts.iter().any(|doubt| doubt["doubt"] == name)
}

fn all_answered(said: &Value) {
    assert!(count(said, "planned") > 10, "{said}");
    assert_eq!(count(said, "answered"), count(said, "planned"), "{said}");
}

#[test]
fn http_is_spoken_on_kept_new_and_pipelined_connections() {
    let server = Server::start("tcp-event-loop", &["--service", "http"]);
    let target = format!("http://{}/?reply=5KiB", server.address);
    for arguments in [
        &["--clients", "4"][..],
        &["--connection", "per-request"],
        &["--connection", "per:3", "--close", "finish"],
        &["--clients", "4", "--threads", "2"],
        &["--arrivals", "burst:20"],
        &["--method", "HEAD"],
        &["--method", "POST", "--body", "some text", "--header", "Content-Type: text/plain"],
    ] {
        let said = json(&target, &[arguments, &SHORT].concat());
        all_answered(&said);
        assert_eq!(said["statuses"][2], said["counts"]["answered"], "{arguments:?}");
    }
    let closed = ["--closed", "--clients", "4", "--pipeline", "8", "--for", "200ms"];
    all_answered(&json(&target, &closed));
    let missing = json(&format!("http://{}/missing", server.address), &SHORT);
    assert_eq!(missing["statuses"][4], missing["counts"]["refused"]);
    assert!(count(&missing, "refused") > 10);
}

#[test]
fn a_connection_that_is_finished_is_timed_to_its_end() {
    let server = Server::start("tcp-event-loop", &[]);
    let target = format!("tcp://{}", server.address);
    let said = json(
        &target,
        &[&["--connection", "per-request", "--close", "finish"], &SHORT[..]].concat(),
    );
    all_answered(&said);
    let closed = said["close_time"]["count"].as_u64().unwrap_or(0);
    assert!(closed * 10 >= count(&said, "answered") * 9, "{closed} of them: {said}");
    assert!(said["connect_time"]["count"].as_u64() > Some(10));
}

#[test]
fn echo_and_raw_exchanges_drive_servers_that_know_nothing_of_us() {
    let tcp = Server::start("tcp-event-loop", &["--service", "echo"]);
    let udp = Server::start("udp-iterative", &["--service", "echo"]);
    for (transport, server) in [("tcp", &tcp), ("udp", &udp)] {
        let target = format!("{transport}://{}", server.address);
        for arguments in [
            &["--service", "echo"][..],
            &["--service", "echo", "--request-size", "exp:4KiB", "--clients", "3"],
            &["--send", r"PING\r\n", "--reply-until", r"\r\n"],
            &["--send", r"PING\x00", "--reply-length", "5"],
            &["--send", "a line\\n"],
        ] {
            all_answered(&json(&target, &[arguments, &SHORT].concat()));
        }
    }
    let stamped = format!("udp://{}", udp.address);
    let said = json(&stamped, &[&["--service", "echo", "--kernel-stamps"], &SHORT[..]].concat());
    all_answered(&said);
    assert_eq!(said["by_kernel"]["count"], said["response_time"]["count"]);
}

#[test]
fn requests_that_share_a_socket_and_have_no_name_all_get_their_replies() {
    let server = Server::start("udp-iterative", &["--service", "echo"]);
    let target = format!("udp://{}", server.address);
    let raw = ["--send", "PING", "--reply-length", "4", "--warmup", "0s", "--for", "200ms"];
    all_answered(&json(&target, &[&raw[..], &["--closed", "--pipeline", "4"]].concat()));
    let sessions = ["--session", "3", "--rate", "200/s"];
    all_answered(&json(&target, &[&raw[..], &sessions].concat()));
}

/// Answers trains of datagrams with trains, until an empty one comes; tells how many came in the
/// longest.
fn answer_trains(socket: &UdpSocket) -> nix::Result<usize> {
    use nix::sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg,
    };
    let (mut bytes, mut control) = (vec![0; 1 << 16], nix::cmsg_space!(i32));
    let mut longest = 0;
    loop {
        let mut slice = [std::io::IoSliceMut::new(&mut bytes)];
        let descriptor = socket.as_raw_fd();
        let came =
            recvmsg::<SockaddrIn>(descriptor, &mut slice, Some(&mut control), MsgFlags::empty());
        let came = came?;
        if came.bytes == 0 {
            return Ok(longest);
        }
        let size = came.cmsgs()?.find_map(|note| match note {
            ControlMessageOwned::UdpGroSegments(size) => Some(size as u16),
            _ => None,
        });
        let (length, from) = (came.bytes, came.address);
        longest = longest.max(size.map_or(1, |size| length.div_ceil(usize::from(size))));
        let size = size.as_ref().map(|size| [ControlMessage::UdpGsoSegments(size)]);
        let notes = size.as_ref().map_or(&[][..], |notes| &notes[..]);
        let reply = [std::io::IoSlice::new(&bytes[..length])];
        sendmsg(descriptor, &reply, notes, MsgFlags::empty(), from.as_ref())?;
    }
}

#[test]
fn datagrams_in_trains_are_requests_and_replies_like_others() {
    let burst = ["--offload", "--service", "echo", "--arrivals", "burst:16"];
    let short = ["--for", "300ms", "--warmup", "0s", "--rate", "3200/s"];
    let arguments = [&burst[..], &short].concat();
    let alone = Server::start("udp-iterative", &["--service", "echo"]);
    all_answered(&json(&format!("udp://{}", alone.address), &arguments));

    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    setsockopt(&socket, sockopt::UdpGroSegment, &true).expect("Linux 5.0 or later");
    let address = socket.local_addr().expect("bound");
    let target = format!("udp://{address}");
    let answering = thread::spawn(move || answer_trains(&socket));
    for more in
        [&["--request-size", "100B"][..], &["--unconnected"], &["--request-size", "exp:1KiB"]]
    {
        all_answered(&json(&target, &[&arguments[..], more].concat()));
    }
    UdpSocket::bind("127.0.0.1:0").and_then(|it| it.send_to(&[], address)).expect("loopback");
    let longest = answering.join().expect("no panic").expect("no errors");
    assert!(longest > 1, "all came singly");
}

#[test]
fn what_cannot_be_sent_says_what_it_lacks() {
    let server = Server::start("tcp-event-loop", &[]);
    let target = format!("tcp://{}", server.address);
    let slow = ["--wait", "100ms", "--arrivals", "burst:100", "--rate", "1000/s", "--for", "200ms"];
    let lack = |said: &Value| {
        let doubts = said["doubts"].as_array().expect("a list");
        let exhausted = doubts.iter().find(|doubt| doubt["doubt"] == "exhausted");
        exhausted.unwrap_or_else(|| panic!("{said}"))["lack"].clone()
    };
    let few_places = ["--max-in-flight", "3"];
    assert_eq!(lack(&json(&target, &[&slow[..], &few_places].concat())), "places");
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$@\"", "sh"])
        .arg(crossover().get_program())
        .args(["load", &target, "--json", "--connection", "per-request"])
        .args(slow)
        .output()
        .expect("a shell");
    assert_eq!(lack(&parsed(&output)), "descriptors");
}

#[test]
fn what_fits_no_datagram_is_unsent() {
    let server = Server::start("udp-iterative", &[]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), vec![b'x'; 70_000]).expect("writable");
    let bytes = format!("@{}", file.path().display());
    let said =
        json(&format!("udp://{}", server.address), &[&["--send", &bytes], &SHORT[..]].concat());
    assert_eq!(count(&said, "unsent"), count(&said, "planned"), "{said}");
    assert!(has_doubt(&said, "exhausted"), "{said}");
}

#[test]
fn a_session_that_meets_a_hanging_connection_does_not_hand_it_on() {
    // The first connection never answers; all others are answered at once.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    listener.set_nonblocking(true).expect("an option");
    let target = format!("tcp://{}", listener.local_addr().expect("bound"));
    let mut kept = Vec::new();
    let mut number = 0;
    let _beside = Beside::run(move || {
        let Ok((mut stream, _)) = listener.accept() else {
            return thread::sleep(Duration::from_millis(1));
        };
        number += 1;
        if number == 1 {
            return kept.push(stream);
        }
        thread::spawn(move || {
            stream.set_nonblocking(false).expect("an option");
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                if stream.write_all(&buffer[..length]).is_err() {
                    return;
                }
            }
        });
    });
    let sessions = ["--session", "2", "--service", "echo", "--timeout", "100ms"];
    let said = json(&target, &[&sessions, &SHORT[..]].concat());
    assert_eq!(count(&said, "timed_out"), 1, "{said}");
    assert_eq!(count(&said, "answered"), count(&said, "planned") - 1, "{said}");
}

#[test]
fn sessions_make_all_their_requests() {
    let server = Server::start("tcp-event-loop", &[]);
    let target = format!("tcp://{}", server.address);
    let arrivals = ["--arrivals", "even", "--rate", "100/s", "--for", "500ms", "--warmup", "0s"];
    let said = json(&target, &[&["--session", "3"], &arrivals[..]].concat());
    assert_eq!((count(&said, "planned"), count(&said, "answered")), (150, 150), "{said}");
    let geometric = ["--session", "geometric:4", "--think", "exp:1ms"];
    let said = json(&target, &[&geometric, &arrivals[..]].concat());
    all_answered(&said);
    assert!(count(&said, "planned") > 70, "{said}");
}

#[test]
fn a_server_that_answers_from_another_port_is_heard_when_asked_for() {
    let server = Server::start("udp-session-workers", &[]);
    let target = format!("udp://{}", server.address);
    all_answered(&json(&target, &[&["--unconnected"], &SHORT[..]].concat()));
}

#[test]
fn the_parts_add_up_to_the_response_time() {
    let server = Server::start("udp-iterative", &[]);
    let said =
        json(&format!("udp://{}", server.address), &[&["--wait", "1ms"], &SHORT[..]].concat());
    all_answered(&said);
    let part = |name: &str| said["parts"][name].as_f64().expect("a sum");
    let sum: f64 =
        ["lag_ns", "way_out_ns", "service_ns", "way_back_ns"].into_iter().map(part).sum();
    let mean_ns = said["response_time"]["mean_ns"].as_f64().expect("a mean");
    assert!((sum / part("count") / mean_ns - 1.0).abs() < 1e-9, "{said}");
}

#[test]
fn the_exit_code_says_whether_a_bound_is_kept() {
    let server = Server::start("udp-thread-per-request", &[]);
    let target = format!("udp://{}", server.address);
    let frame = ["--wait", "20ms", "--for", "1s", "--warmup", "0s", "--rate", "400/s"];
    for (bound, code, says) in [
        ("p50 < 5s", 0, ""),
        ("p50 < 10ms", 1, "not met: p50 < 10ms"),
        ("p99.9 < 5s", 2, "measure for longer"),
    ] {
        let output = load(&target, &[&frame[..], &["--expect", bound]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{bound}: {said}");
        assert!(said.contains(says), "{bound}: {said}");
    }
    let nobody = load("tcp://127.0.0.1:1", &["--expect", "p50 < 5s", "--for", "100ms"]);
    assert_eq!(nobody.status.code(), Some(2));
}

#[test]
fn a_capacity_is_searched_with_its_trials_shown() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    // An iterative server with 5 ms for each request: 200/s at most, whatever the machine does.
    let arguments = ["--capacity", "p50 < 15ms", "--wait", "5ms", "--for", "400ms"];
    let output = load(
        &target,
        &[&arguments[..], &["--rate", "50/s", "--warmup", "50ms", "--json"]].concat(),
    );
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rate = said["capacity"]["rate"].as_f64().expect("a capacity");
    assert!((20.0..300.0).contains(&rate), "{said}");
    let trials = said["trials"].as_array().expect("trials");
    assert!(trials.len() > 5);
    for trial in trials {
        // A wait may be longer than asked for, never shorter.
        assert!(trial["service_time_mean_ns"].as_f64() >= Some(5e6), "{trial}");
    }
}

/// Something that runs beside a test until it is dropped.
struct Beside {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    fn run(mut step: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !seen.load(Relaxed) {
                step();
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it does not panic");
        }
    }
}

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

/// Bytes that look random and are the same on every day.
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
    // Noise, the cut ones and the stranger's; of these only a cut one is somebody's.
    assert!(said["wrong_replies"].as_u64() >= Some(planned / 2), "{said}");
    assert!(count(&said, "wrong") >= planned / 6, "{said}");
    assert!(said["duplicates"].as_u64() > Some(planned / 10), "{said}");
    assert!(count(&said, "answered") >= planned / 4, "{said}");
    // The work protocol takes nothing else for an answer either.
    let said = json(&format!("udp://{address}"), &[&["--timeout", "200ms"], &SHORT[..]].concat());
    assert_eq!(count(&said, "answered"), 0, "{said}");
}

#[test]
fn streams_that_hold_no_replies_are_counted_as_wrong() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    listener.set_nonblocking(true).expect("an option");
    let address = listener.local_addr().expect("bound");
    let mut number = 0;
    let _beside = Beside::run(move || {
        let Ok((mut stream, _)) = listener.accept() else {
            return thread::sleep(Duration::from_millis(1));
        };
        number += 1;
        stream.set_nonblocking(false).expect("an option");
        stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
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
fn a_rate_out_of_reach_is_doubted_and_ends_in_time() {
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
    // Nobody reads here.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let target = format!("udp://{}", socket.local_addr().expect("bound"));
    let flags = ["--rate", "20000/s", "--for", "500ms", "--warmup", "0s", "--timeout", "50ms"];
    let said = json(&target, &flags);
    assert!(has_doubt(&said, "queue-overflow"), "{said}");
}

/// Starts a load that runs for three seconds.
fn long_load(target: &str, arguments: &[&str]) -> Child {
    let mut command = crossover();
    command.args(["load", target, "--for", "3s", "--warmup", "0s", "--json"]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

/// Stops a load after so long, for so long.
fn stop_for(child: &Child, after: Duration, length: Duration) {
    let pid = Pid::from_raw(child.id() as i32);
    thread::sleep(after);
    kill(pid, Signal::SIGSTOP).expect("it runs");
    thread::sleep(length);
    kill(pid, Signal::SIGCONT).expect("it stands");
}

#[test]
fn a_generator_that_was_stopped_is_doubted() {
    let server = Server::start("udp-iterative", &[]);
    let child = long_load(&format!("udp://{}", server.address), &["--arrivals", "even"]);
    stop_for(&child, Duration::from_millis(800), Duration::from_millis(1500));
    let said = parsed(&child.wait_with_output().expect("it ends"));
    assert!(has_doubt(&said, "hiccups") && has_doubt(&said, "lag-high"), "{said}");
    // The stop is in the response times, and the series says whose it was.
    assert!(said["response_time"]["p99_ns"].as_u64() > Some(1_000_000_000), "{said}");
    let stalls = said["stalls"].as_array().expect("a list");
    assert!(stalls.iter().any(|stall| stall["whose"] == "client"), "{stalls:?}");
}

#[test]
fn replies_that_came_while_the_generator_stood_still_are_not_given_up() {
    let server = Server::start("udp-thread-per-request", &[]);
    // A hundred are in flight when it is stopped, and overdue when it goes on; nothing is due then.
    let burst = ["--arrivals", "burst:100", "--rate", "40/s", "--wait", "500ms"];
    let flags = [&burst[..], &["--pacing", "spin", "--kernel-stamps"]].concat();
    let child = long_load(&format!("udp://{}", server.address), &flags);
    stop_for(&child, Duration::from_millis(300), Duration::from_millis(1500));
    let said = parsed(&child.wait_with_output().expect("it ends"));
    assert!(said["late"].as_u64() < Some(25), "{said}");
}

#[test]
fn a_hog_on_the_generators_core_is_doubted() {
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
