//! What several test files need: a server process of the real program, and a client for it.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::{Decoded, Reply, Request, Work, decode_reply, encode_request};
use serde_json::Value;
use servers::{Design, Transport};

/// Longer than anything here takes on a loaded machine; only a server that hangs meets it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program under test.
pub fn crossover() -> Command {
    Command::new(env!("CARGO_BIN_EXE_crossover"))
}

/// A running `crossover serve`.
pub struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(design: &str, flags: &[&str]) -> Self {
        let mut child = crossover()
            .args(["serve", design])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let opening = line_of(&mut output);
        let address = opening["listening"].as_str().expect("an address").parse().expect("whole");
        Self { child, output, address }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Ends it by SIGTERM; its closing line and exit status.
    pub fn stop(mut self) -> (Value, ExitStatus) {
        kill(self.pid(), Signal::SIGTERM).expect("it is alive");
        let closing = line_of(&mut self.output);
        (closing, self.child.wait().expect("it ends"))
    }

    /// States (as in /proc/PID/stat) of the server's child processes.
    pub fn children(&self) -> Vec<(Pid, char)> {
        children_of(self.pid())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
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

/// A client of either transport that speaks the work protocol, or bytes.
pub enum Client {
    /// An unconnected socket, and where to send: to whoever answered last, as TFTP's clients do.
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

    /// The next `count` bytes, or the next datagram.
    pub fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        match self {
            Self::Udp(socket, to) => {
                let (length, sender) = socket.recv_from(&mut bytes).expect("a reply");
                bytes.truncate(length);
                *to = sender;
            }
            Self::Tcp(stream) => stream.read_exact(&mut bytes).expect("a reply"),
        }
        bytes
    }

    pub fn ask(&mut self, request: &Request) -> Reply {
        let mut bytes = Vec::new();
        encode_request(request, &mut bytes);
        self.send(&bytes);
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

pub fn request(id: u64, wait: Duration) -> Request {
    let work = Work { wait, compute: Duration::ZERO };
    Request { id, work, request_size: 64, reply_size: 64 }
}
