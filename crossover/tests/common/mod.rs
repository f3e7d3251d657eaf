//! Shared by several test files: a server process of the real program, and a client for it.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod browser;
pub mod load;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::Transport;
use protocol::{Decoded, Reply, Request, Work, decode_reply, encode_request};
use serde_json::Value;
use servers::{CATALOGUE, Design};

/// Longer than anything here takes on a loaded machine; only a server that hangs reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program under test.
pub fn crossover() -> Command {
    Command::new(env!("CARGO_BIN_EXE_crossover"))
}

/// A running `crossover serve`.
pub struct Server {
    child: Child,
    pid: Pid,
    output: BufReader<ChildStdout>,
    pub address: SocketAddr,
    opening: Value,
}

/// The designs of the catalogue, except those that this system cannot run, which are printed.
pub fn designs_that_run_here() -> Vec<&'static Design> {
    assert!(!CATALOGUE.is_empty());
    let runs_here = |design: &&Design| {
        let obstacle = design.obstacle();
        if let Some(obstacle) = &obstacle {
            println!("skipped: {} cannot run here: {obstacle}", design.name);
        }
        obstacle.is_none()
    };
    CATALOGUE.iter().filter(runs_here).collect()
}

/// Waits until a condition holds; how soon is not asserted.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

impl Server {
    pub fn start(design: &str, flags: &[&str]) -> Self {
        let mut command = crossover();
        command.args(["serve", design]).args(flags);
        Self::opened(command)
    }

    /// Starts a server that may open no more than `most` descriptors.
    pub fn start_with_descriptors(most: u32, design: &str, flags: &[&str]) -> Self {
        Self::opened(in_shell("sh", &format!("ulimit -n {most}; exec \"$@\""), design, flags))
    }

    /// Starts a server in a shell that reports its processor time, including all its children, at
    /// its end.
    pub fn start_timed(design: &str, flags: &[&str]) -> Self {
        let mut command = in_shell("bash", "TIMEFORMAT='%3U %3S'; time \"$@\"", design, flags);
        command.stderr(Stdio::piped());
        Self::opened(command)
    }

    /// Starts a server whose standard error can be read at its end.
    pub fn start_heard(design: &str, flags: &[&str]) -> Self {
        let mut command = crossover();
        command.args(["serve", design]).args(flags).stderr(Stdio::piped());
        Self::opened(command)
    }

    /// Ends a server that was started by [`Server::start_heard`]; returns its standard error.
    pub fn stop_and_hear(mut self) -> String {
        kill(self.pid, Signal::SIGTERM).expect("it is alive");
        let (mut closing, mut said) = (String::new(), String::new());
        self.output.read_to_string(&mut closing).expect("text");
        let errors = self.child.stderr.as_mut().expect("a pipe");
        errors.read_to_string(&mut said).expect("text");
        if closing.is_empty() { format!("no closing line; {said}") } else { said }
    }

    /// Starts a server; `None` if it does not come up.
    pub fn try_start(serving: &str, flags: &[&str]) -> Option<Self> {
        let mut command = crossover();
        command.args(["serve", serving]).args(flags).stderr(Stdio::null());
        Self::try_open(command)
    }

    fn opened(command: Command) -> Self {
        Self::try_open(command).expect("the server comes up")
    }

    fn try_open(mut command: Command) -> Option<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        if output.fill_buf().is_ok_and(<[u8]>::is_empty) {
            let _ = child.wait();
            return None;
        }
        let opening = line_of(&mut output);
        let address = opening["listening"].as_str().expect("an address").parse().expect("whole");
        let pid = Pid::from_raw(opening["pid"].as_i64().expect("a number") as i32);
        Some(Self { child, pid, output, address, opening })
    }

    /// The second address of a server with several endpoints.
    pub fn second_address(&self) -> SocketAddr {
        let text = self.opening["services"][1]["listening"].as_str().expect("two endpoints");
        text.parse().expect("an address")
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Ends a server that was started by [`Server::start_timed`]; returns its closing line and the
    /// kernel's account of its processor time.
    pub fn stop_and_time(mut self) -> (Value, Duration) {
        kill(self.pid, Signal::SIGTERM).expect("it is alive");
        let closing = line_of(&mut self.output);
        let mut told = String::new();
        let errors = self.child.stderr.as_mut().expect("a pipe");
        errors.read_to_string(&mut told).expect("text");
        let seconds = told.split_whitespace().map(|part| part.parse::<f64>().expect(&told)).sum();
        (closing, Duration::from_secs_f64(seconds))
    }

    /// Ends the server with SIGTERM; returns its closing line and exit status.
    pub fn stop(mut self) -> (Value, ExitStatus) {
        kill(self.pid(), Signal::SIGTERM).expect("it is alive");
        let closing = line_of(&mut self.output);
        (closing, self.child.wait().expect("it ends"))
    }

    /// The server's child processes with their states (as in /proc/PID/stat).
    pub fn children(&self) -> Vec<(Pid, char)> {
        children_of(self.pid())
    }
}

/// The program, started by a shell script.
fn in_shell(shell: &str, script: &str, design: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(shell);
    command.args(["-c", script, shell, env!("CARGO_BIN_EXE_crossover"), "serve", design]);
    command.args(flags);
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        // The id still belongs to the server: neither it nor its shell has been waited for.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Child processes with their states.
pub fn children_of(parent: Pid) -> Vec<(Pid, char)> {
    procfs::process::all_processes()
        .expect("/proc is there")
        .filter_map(|process| process.ok()?.stat().ok())
        .filter(|stat| stat.ppid == parent.as_raw())
        .map(|stat| (Pid::from_raw(stat.pid), stat.state))
        .collect()
}

fn line_of(output: &mut impl BufRead) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).expect("output is text");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("'{line}' is no JSON: {error}"))
}

/// A client of either transport that sends requests of the work protocol, or bytes.
pub enum Client {
    /// An unconnected socket and its destination: the sender of the last answer, as in TFTP.
    Udp(UdpSocket, SocketAddr),
    Tcp(TcpStream),
}

impl Client {
    pub fn new(design: &Design, address: SocketAddr) -> Self {
        match design.transport() {
            Transport::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
                socket.set_read_timeout(Some(PATIENCE)).expect("a time");
                Self::Udp(socket, address)
            }
            Transport::Tcp => {
                let stream = TcpStream::connect(address).expect("the server listens");
                stream.set_read_timeout(Some(PATIENCE)).expect("a time");
                stream.set_nodelay(true).expect("an option");
                Self::Tcp(stream)
            }
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Udp(socket, to) => socket.send_to(bytes, *to).map(|_| ()),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
        .expect("the server takes it");
    }

    /// Receives the next `count` bytes, or the next datagram.
    pub fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        match self {
            Self::Udp(socket, to) => {
                let (length, sender) = loop {
                    match socket.recv_from(&mut bytes) {
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        received => break received.expect("a reply"),
                    }
                };
                bytes.truncate(length);
                *to = sender;
            }
            Self::Tcp(stream) => stream.read_exact(&mut bytes).expect("a reply"),
        }
        bytes
    }

    /// Receives one datagram, or all bytes until the other side closes.
    pub fn everything(&mut self) -> Vec<u8> {
        if let Self::Tcp(stream) = self {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).expect("an orderly end");
            return bytes;
        }
        self.receive(1 << 16)
    }

    pub fn ask(&mut self, request: &Request) -> Reply {
        self.send(&encoded(request));
        self.reply(request.reply_size as usize)
    }

    pub fn reply(&mut self, size: usize) -> Reply {
        let mut bytes = self.receive(64);
        if let (Self::Tcp(_), Ok(Decoded::NeedMore { .. })) = (&self, decode_reply(&bytes)) {
            bytes.extend(self.receive(size - 64));
        }
        match decode_reply(&bytes) {
            Ok(Decoded::Complete { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }
}

pub fn encoded(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(request, &mut bytes);
    bytes
}

pub fn request(id: u64, wait: Duration) -> Request {
    let work = Work { wait, compute: Duration::ZERO };
    Request { id, work, request_size: 64, reply_size: 64 }
}

/// Checks that a good client is served after a bad one.
pub fn assert_serves(design: &Design, server: &Server) {
    let mut client = Client::new(design, server.address);
    let reply = client.ask(&request(77, Duration::ZERO));
    assert_eq!((reply.id, reply.refusal), (77, None), "{design:?} serves nobody any more");
}
