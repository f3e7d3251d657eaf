//! Clients that misbehave, against every design of the catalogue, with real processes. Whatever one
//! client does, the next one is served.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use common::{Client, PATIENCE, Server, assert_serves, encoded, eventually, request};
use protocol::Transport;
use protocol::{HEADER_SIZE, MAX_DATAGRAM_SIZE, Refusal, Request};
use servers::{Allocation, Concurrency, Design};
use socket2::SockRef;

/// Short enough for a test, and long enough for an honest exchange on a loaded machine.
const IDLE: [&str; 2] = ["--idle", "400ms"];

fn each(transport: Transport, flags: &[&str], test: impl Fn(&'static Design, &Server)) {
    let designs = common::designs_that_run_here();
    for design in designs.iter().filter(|design| design.transport() == transport) {
        let server = Server::start(design.name, flags);
        test(design, &server);
        assert_serves(design, &server);
    }
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    stream.set_nodelay(true).expect("an option");
    stream
}

/// Closes the connection with a reset.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("an option");
}

/// Reads to the end; a reset is an end too.
fn everything(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn a_client_that_closes_its_side_still_gets_its_replies() {
    each(Transport::Tcp, &[], |design, server| {
        let mut stream = connect(server);
        let asked =
            [encoded(&request(1, Duration::from_millis(5))), encoded(&request(2, Duration::ZERO))];
        stream.write_all(&asked.concat()).expect("taken");
        stream.shutdown(Shutdown::Write).expect("open");
        assert_eq!(everything(&mut stream).len(), 2 * HEADER_SIZE, "{design:?}");
    });
}

#[test]
fn connections_reset_before_they_are_accepted_are_passed_over() {
    each(Transport::Tcp, &["--workers", "1"], |_, server| {
        let mut busy = connect(server);
        busy.write_all(&encoded(&request(1, Duration::from_millis(100)))).expect("taken");
        for _ in 0..20 {
            reset(connect(server));
        }
    });
}

#[test]
fn a_request_may_come_one_byte_at_a_time() {
    each(Transport::Tcp, &[], |design, server| {
        let mut stream = connect(server);
        for byte in encoded(&request(5, Duration::ZERO)) {
            stream.write_all(&[byte]).expect("taken");
            thread::yield_now();
        }
        let mut reply = [0; HEADER_SIZE];
        stream.read_exact(&mut reply).unwrap_or_else(|error| panic!("{design:?}: {error}"));
    });
}

#[test]
fn whoever_is_silent_or_trickles_is_closed_after_the_idle_time() {
    each(Transport::Tcp, &IDLE, |design, server| {
        let mut silent = connect(server);
        assert_eq!(everything(&mut silent), b"", "{design:?}");
        let mut trickler = connect(server);
        for byte in encoded(&request(1, Duration::ZERO)) {
            // Each byte comes well within the idle time; all of them together do not.
            if trickler.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(15));
        }
        assert_eq!(everything(&mut trickler), b"", "{design:?} waited for all the bytes");
    });
}

#[test]
fn whoever_never_reads_a_large_reply_is_closed_after_the_idle_time() {
    each(Transport::Tcp, &IDLE, |design, server| {
        let mut stream = connect(server);
        SockRef::from(&stream).set_recv_buffer_size(4096).expect("an option");
        let large = Request { reply_size: 1 << 20, ..request(1, Duration::ZERO) };
        // More than any pair of socket buffers holds.
        for _ in 0..16 {
            if stream.write_all(&encoded(&large)).is_err() {
                break;
            }
        }
        assert_serves(design, server);
        thread::sleep(Duration::from_millis(800));
        let received = everything(&mut stream).len();
        assert!(received < 16 << 20, "{design:?} wrote all {received} bytes to nobody");
    });
}

/// Sends the same request again and again, up to `ahead` requests before their replies, until
/// `stop` is set or the connection is cut off. Returns how many requests were sent and how many
/// replies of the smallest size were received.
fn flood(stream: TcpStream, ask: &[u8], ahead: usize, stop: &AtomicBool) -> (usize, usize) {
    let received = Arc::new(AtomicUsize::new(0));
    let reader = {
        let (mut stream, received) =
            (stream.try_clone().expect("a descriptor"), Arc::clone(&received));
        thread::spawn(move || {
            let mut reply = [0; HEADER_SIZE];
            while stream.read_exact(&mut reply).is_ok() {
                received.fetch_add(1, Relaxed);
            }
        })
    };
    let mut sent = 0;
    while !stop.load(Relaxed) {
        if sent - received.load(Relaxed) >= ahead {
            thread::sleep(Duration::from_micros(100));
        } else if (&stream).write_all(ask).is_ok() {
            sent += 1;
        } else {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    reader.join().expect("it only reads");
    (sent, received.load(Relaxed))
}

#[test]
fn a_client_that_never_pauses_leaves_the_others_their_turn() {
    for design in common::designs_that_run_here() {
        if design.transport() == Transport::Udp || design.concurrency == Concurrency::Iterative {
            continue; // an iterative server serves one client as long as that client stays
        }
        let server = Server::start(design.name, &[]);
        let stop = Arc::new(AtomicBool::new(false));
        let mut asked = request(1, Duration::ZERO);
        asked.work.compute = Duration::from_micros(200);
        let flooding = {
            let (stream, stop) = (connect(&server), Arc::clone(&stop));
            thread::spawn(move || flood(stream, &encoded(&asked), 100, &stop))
        };
        thread::sleep(Duration::from_millis(100));
        for _ in 0..3 {
            assert_serves(design, &server);
        }
        assert!(!flooding.is_finished(), "{design:?} has cut it off");
        stop.store(true, Relaxed);
        let (sent, received) = flooding.join().expect("it only floods");
        assert_eq!(sent, received, "{design:?}");
    }
}

#[test]
fn a_busy_client_is_not_taken_for_an_idle_one() {
    each(Transport::Tcp, &IDLE, |design, server| {
        let asked = Request { request_size: 1000, ..request(1, Duration::from_millis(1)) };
        let stop = Arc::new(AtomicBool::new(false));
        let busy = {
            let (stream, stop) = (connect(server), Arc::clone(&stop));
            thread::spawn(move || flood(stream, &encoded(&asked), 20, &stop))
        };
        thread::sleep(Duration::from_millis(900)); // twice the idle time
        assert!(!busy.is_finished(), "{design:?} has cut it off");
        stop.store(true, Relaxed);
        let (sent, received) = busy.join().expect("it only floods");
        assert_eq!(sent, received, "{design:?}");
    });
}

#[test]
fn empty_lines_without_end_are_no_http_request() {
    for design in common::designs_that_run_here() {
        if design.transport() == Transport::Tcp {
            let server = Server::start(design.name, &["--service", "http"]);
            let stream = connect(&server);
            while (&stream).write_all(&b"\r\n".repeat(4096)).is_ok() {} // until it is cut off
        }
    }
}

#[test]
fn a_reply_is_not_answered() {
    let reply = protocol::Reply {
        id: 1,
        refusal: None,
        worker: 0,
        received_so_far: 1,
        taken_up_ns: 1,
        finished_ns: 2,
        computed: Duration::ZERO,
        waited: Duration::ZERO,
        reply_size: 64,
    };
    let mut bytes = Vec::new();
    protocol::encode_reply(&reply, &mut bytes);
    each(Transport::Udp, &[], |design, server| {
        let mut client = Client::new(design, server.address);
        client.send(&bytes);
        // If the reply had been answered, that answer would arrive first or soon after.
        assert_eq!(client.ask(&request(5, Duration::from_millis(20))).id, 5, "{design:?}");
        let Client::Udp(socket, _) = client else { return };
        socket.set_nonblocking(true).expect("an option");
        assert!(socket.recv(&mut [0; 64]).is_err(), "{design:?}: there would be no end to it");
    });
}

#[test]
fn a_request_cut_anywhere_is_no_request() {
    let whole = encoded(&request(1, Duration::ZERO));
    each(Transport::Tcp, &[], |design, server| {
        for length in 0..whole.len() {
            let mut stream = connect(server);
            stream.write_all(&whole[..length]).expect("taken");
            stream.shutdown(Shutdown::Write).expect("open");
            assert_eq!(everything(&mut stream), b"", "{design:?} answered {length} bytes");
        }
    });
    each(Transport::Udp, &[], |design, server| {
        for length in 0..whole.len() {
            let mut client = Client::new(design, server.address);
            client.send(&whole[..length]);
            let refusal = client.reply(HEADER_SIZE).refusal;
            assert_eq!(refusal, Some(Refusal::Malformed), "{design:?}, {length} bytes");
        }
    });
}

#[test]
fn no_datagram_is_cut_short_unnoticed() {
    each(Transport::Udp, &["--max-request", "4KiB"], |design, server| {
        for size in [5000, MAX_DATAGRAM_SIZE as u32] {
            let mut client = Client::new(design, server.address);
            client.send(&encoded(&Request { request_size: size, ..request(1, Duration::ZERO) }));
            assert_eq!(client.reply(HEADER_SIZE).refusal, Some(Refusal::TooLarge), "{design:?}");
        }
    });
    for design in common::designs_that_run_here() {
        if design.transport() == Transport::Udp {
            let server = Server::start(design.name, &["--service", "echo"]);
            let mut client = Client::new(design, server.address);
            let longest: Vec<u8> = (0..MAX_DATAGRAM_SIZE).map(|at| at as u8).collect();
            for bytes in [longest.as_slice(), b"", b"x"] {
                client.send(bytes);
                assert!(client.receive(MAX_DATAGRAM_SIZE) == bytes, "{design:?}: {}", bytes.len());
            }
        }
    }
}

#[test]
fn services_that_would_answer_are_never_answered() {
    const ANSWERING_PORTS: [u16; 5] = [7, 13, 17, 19, 37];
    if UdpSocket::bind("127.0.0.2:7").is_err() {
        println!("skipped: this user may not send from the ports below 1024");
        return;
    }
    let designs = common::designs_that_run_here();
    for design in designs.iter().filter(|design| design.transport() == Transport::Udp) {
        let server = Server::start(design.name, &["--service", "echo"]);
        let sockets = ANSWERING_PORTS.map(|port| {
            let socket = UdpSocket::bind(("127.0.0.2", port)).expect("a port of the system");
            socket.send_to(b"around and around", server.address).expect("sent");
            socket
        });
        let mut client = Client::new(design, server.address);
        client.send(b"hello");
        assert_eq!(client.receive(5), b"hello");
        // Each shard has its own queue, and all of them must be empty.
        let port = server.address.port();
        common::eventually("all datagrams are received", || {
            let sockets = procfs::net::udp().expect("/proc is there");
            let mut of_it = sockets.iter().filter(|socket| socket.local_address.port() == port);
            of_it.all(|socket| socket.rx_queue == 0)
        });
        std::thread::sleep(Duration::from_millis(20)); // until what was received is counted
        let (closing, _) = server.stop();
        assert_eq!(
            (&closing["received"], &closing["answered"]),
            (&6.into(), &1.into()),
            "{design:?}"
        );
        for socket in sockets {
            socket.set_nonblocking(true).expect("an option");
            assert!(socket.recv(&mut [0; 32]).is_err(), "{design:?} answered {socket:?}");
        }
    }
}

#[test]
fn too_many_connections_cost_no_processor_time_and_are_gone_when_they_go() {
    const CONNECTIONS: usize = 2000;
    for design in common::designs_that_run_here() {
        if design.transport() == Transport::Udp {
            continue;
        }
        let beforehand = design.allocation == Allocation::Preallocated;
        let flags: &[&str] = if beforehand { &[] } else { &["--workers", "200"] };
        let server = Server::start_with_descriptors(64, design.name, flags);
        println!("{design:?}");
        let held: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(&server)).collect();
        thread::sleep(Duration::from_millis(500)); // all that can be accepted has been
        let before = processor_time(&server);
        thread::sleep(Duration::from_secs(1));
        let used = processor_time(&server) - before;
        assert!(used < Duration::from_millis(200), "{design:?} used {used:?} for nothing");
        held.into_iter().for_each(reset);
        assert_serves(design, &server);
    }
}

/// Loops that already serve must not take the descriptors that loops set up later need.
#[test]
fn connections_that_come_at_once_do_not_keep_a_server_from_starting() {
    let designs = common::designs_that_run_here();
    let design = designs.iter().find(|design| design.name == "tcp-event-loops").expect("a row");
    for distribution in ["shared", "exclusive", "reuseport", "round-robin"] {
        for _ in 0..10 {
            let flags = ["--workers", "12", "--distribution", distribution];
            let server = Server::start_with_descriptors(64, design.name, &flags);
            let held: Vec<TcpStream> = (0..200).map(|_| connect(&server)).collect();
            held.into_iter().for_each(reset);
            assert_serves(design, &server);
        }
    }
}

/// Processor time of the server and its live children; the clock ticks every 10 ms.
fn processor_time(server: &Server) -> Duration {
    let children = server.children().into_iter().map(|(child, _)| child);
    let ticks: u64 = children
        .chain([server.pid()])
        .filter_map(|process| procfs::process::Process::new(process.as_raw()).ok()?.stat().ok())
        .map(|stat| stat.utime + stat.stime)
        .sum();
    Duration::from_secs_f64(ticks as f64 / procfs::ticks_per_second() as f64)
}

#[test]
fn ten_thousand_sessions_leave_nothing_behind() {
    for design in common::designs_that_run_here() {
        // A session worker stays while its client is silent, for the idle time at most.
        let flags: &[&str] =
            if design.name.ends_with("session-workers") { &["--idle", "20ms"] } else { &[] };
        let server = Server::start(design.name, flags);
        let sessions = |count: u64| {
            for id in 0..count {
                let mut client = Client::new(design, server.address);
                assert_eq!(client.ask(&request(id, Duration::ZERO)).id, id, "{design:?}");
                if let Client::Tcp(stream) = client {
                    reset(stream); // a port in TIME_WAIT for each would be too many
                }
            }
        };
        sessions(500);
        let (descriptors, mappings) =
            (settled(|| descriptors(&server)), settled(|| mappings(&server)));
        sessions(9_500);
        eventually(&format!("{design:?}: no zombies"), || {
            server.children().iter().all(|(_, state)| *state != 'Z')
        });
        if design.allocation == Allocation::OnDemand {
            eventually(&format!("{design:?}: no workers"), || server.children().is_empty());
        }
        eventually(&format!("{design:?}: {descriptors} descriptors as before"), || {
            self::descriptors(&server) <= descriptors
        });
        // The C library keeps stacks of ended threads, up to 40 MB: 160 of them, with two mappings
        // each. Only session workers may run in greater numbers later than at first.
        let more = if design.name.ends_with("session-workers") { 400 } else { 40 };
        eventually(&format!("{design:?}: {mappings} mappings as before"), || {
            self::mappings(&server) <= mappings + more
        });
        let (closing, _) = server.stop();
        assert_eq!(closing["answered"], 10_000, "{design:?}");
    }
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid())).map_or(0, Iterator::count)
}

fn mappings(server: &Server) -> usize {
    let maps = fs::read_to_string(format!("/proc/{}/maps", server.pid()));
    maps.unwrap_or_default().lines().count()
}

/// A count that has stayed the same for a while.
fn settled(count: impl Fn() -> usize) -> usize {
    loop {
        let before = count();
        thread::sleep(Duration::from_millis(100));
        if count() == before {
            return before;
        }
    }
}
