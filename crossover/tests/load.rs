//! `crossover load` through real processes: its exchanges and its verdicts.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

use common::load::{SHORT, all_answered, count, echo, has_doubt, json, load, parsed, streams};
use common::{Server, crossover};
use nix::sys::socket::{setsockopt, sockopt};
use serde_json::Value;

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
    // A refused request counts as answered neither by the generator nor by the kernel's stamps.
    let refusing = Server::start("udp-iterative", &[]);
    let some = ["--kernel-stamps", "--wait", "two-point:0,3600s,0.2"];
    let said = json(&format!("udp://{}", refusing.address), &[&some, &SHORT[..]].concat());
    assert!(count(&said, "refused") > 10, "{said}");
    assert_eq!(said["by_kernel"]["count"], said["response_time"]["count"], "{said}");
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

/// Answers GSO segments with GSO segments, until an empty datagram comes; returns the largest
/// number that came together.
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
    let (address, _beside) = streams(TcpListener::bind("127.0.0.1:0"), |number, mut stream| {
        if number == 1 {
            let _ = stream.read_to_end(&mut Vec::new());
        } else {
            echo(stream);
        }
    });
    let target = format!("tcp://{address}");
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
        ("p50 < 10ms", 5, "not met: p50 < 10ms"),
        ("p99.9 < 5s", 6, "measure for longer"),
    ] {
        let output = load(&target, &[&frame[..], &["--expect", bound]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{bound}: {said}");
        assert!(said.contains(says), "{bound}: {said}");
    }
    let nobody = load("tcp://127.0.0.1:1", &["--expect", "p50 < 5s", "--for", "100ms"]);
    assert_eq!(nobody.status.code(), Some(3));
    // The most serious of several errors decides: an undecided bound before an unmet one.
    let both = ["--expect", "p50 < 10ms", "--expect", "p99.9 < 5s"];
    assert_eq!(load(&target, &[&frame[..], &both].concat()).status.code(), Some(6));
    let few = [&frame[..], &["--expect", "p99.9 < 5s"]].concat();
    let why = &json(&target, &few)["expectations"][0];
    assert_eq!(why["verdict"], "NotValid", "{why}");
    assert!(why["because"].as_str().is_some_and(|text| text.contains("measure for longer")));
}

#[test]
fn a_capacity_is_searched_with_its_trials_shown() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    // An iterative server with 5 ms for each request: at most 200/s, whatever the machine does.
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
        let states = ["steady", "unsteady", "not-sent"].map(|name| trial["state"] == name);
        assert_eq!(states[0], trial["figure_ns"].is_number(), "{trial}");
        assert_eq!(states.iter().filter(|is_it| **is_it).count(), 1, "{trial}");
    }
}

#[test]
fn the_closing_table_tells_times_model_and_accounts() {
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    for (arguments, says) in [
        (
            &["--arrivals", "even"][..],
            "the load was an open loop (even) over one connection or socket",
        ),
        (&["--session", "3", "--arrivals", "even"], "the load was an open loop of sessions"),
    ] {
        let output = load(&target, &[&SHORT[..], arguments].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let widest = said.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?}: {said}");
        // Lines are wrapped where they would be too long.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let accounts = ["requests were answered", "pacing ", "mean of", "way back"];
        for part in
            accounts.into_iter().chain(["from the actual send", "lag of the generator", says])
        {
            assert!(said.contains(part), "{part} is missing: {said}");
        }
    }
    let arguments = ["--closed", "--clients", "3", "--think", "exp:1ms", "--for", "100ms"];
    let output = load(&target, &arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("a closed loop: 3 clients, each with one request in flight"), "{said}");
}

#[test]
fn recorded_arrivals_and_measured_values_are_read_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let [trace, sizes] = ["trace", "sizes"].map(|name| folder.path().join(name));
    // Three instants at once and a fourth, counted from 1970.
    let instants = ["1763800000.1s", "1763800000.1s", "1763800000.100000000s", "1763800000.15s"];
    std::fs::write(&trace, instants.join("\n")).expect("written");
    std::fs::write(&sizes, "1KiB\n1KiB # twice\n").expect("written");
    let server = Server::start("udp-iterative", &[]);
    let target = format!("udp://{}", server.address);
    let arguments = [
        format!("--arrivals=trace:{}", trace.display()),
        format!("--reply-size=file:{}", sizes.display()),
    ];
    let frame = ["--warmup", "0s", "--for", "100ms", &arguments[0], &arguments[1]];
    let said = json(&target, &frame);
    assert_eq!((count(&said, "planned"), count(&said, "answered")), (4, 4), "{said}");
    std::fs::write(&trace, "yesterday\n").expect("written");
    let refused = load(&target, &frame);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("12.5ms"));
}

#[test]
fn what_an_exchange_cannot_carry_is_refused() {
    for (target, arguments) in [
        ("http://127.0.0.1:9", &["--request-size", "1KiB"][..]),
        ("http://127.0.0.1:9", &["--service", "echo"]),
        ("tcp://127.0.0.1:9", &["--service", "echo", "--reply-size", "1KiB"]),
        ("tcp://127.0.0.1:9", &["--header", "Accept: a"]),
        ("udp://127.0.0.1:9", &["--send", "a", "--kernel-stamps"]),
        ("udp://127.0.0.1:9", &["--send", "a", "--wait", "1ms"]),
        ("udp://127.0.0.1:9", &["--connection", "per-request"]),
        ("udp://127.0.0.1:9", &["--close", "finish"]),
    ] {
        let output = load(target, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        let mut flags = arguments.iter().filter(|argument| argument.starts_with("--"));
        assert!(said.contains(flags.next_back().expect("a flag")), "{said}");
    }
}

#[test]
fn a_header_of_the_users_own_takes_the_place_of_ours() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let target = format!("http://{}/", listener.local_addr().expect("bound"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("sent");
        String::from_utf8(head).expect("text")
    });
    let once = ["--closed", "--warmup", "0s", "--for", "100ms", "--timeout", "100ms"];
    load(
        &target,
        &[&once[..], &["--header", "host: example.org", "--connection", "per:1"]].concat(),
    );
    let head = server.join().expect("no panic");
    let hosts: Vec<&str> =
        head.lines().filter(|line| line.to_ascii_lowercase().starts_with("host:")).collect();
    assert_eq!(hosts, ["host: example.org"], "{head}");
}

#[test]
fn a_target_that_cannot_be_is_told_as_what_it_is() {
    for (target, code, says) in [
        ("http://127.0.0.1:99999/", 2, "65535"),
        ("tcp://127.0.0.1", 2, "tcp://127.0.0.1:9000"),
        ("http://127.0.0.1:1?reply=5KiB", 3, "is the server running there?"),
        ("http://nobody.invalid/", 2, "cannot be resolved"), // a name that never exists (RFC 6761)
    ] {
        let output = load(target, &["--for", "100ms"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{target}: {said}");
        assert!(said.contains(says), "{target}: {said}");
    }
}
