//! Clients that misbehave towards a server.

use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use protocol::{HEADER_SIZE, Request, Transport, Work, encode_request};

/// The time-out for connecting.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a server has to meet its misbehaving clients before others come.
const HEAD_START: Duration = Duration::from_millis(50);

/// The time that a demanding request asks for: clearly longer than a design takes on a busy machine.
const LONG: Duration = Duration::from_millis(500);

/// The size of a crowd: more clients than a usual pool has workers.
pub(crate) const CROWD: usize = 32;

/// The most clients that misbehave at once.
const MOST: usize = 10_000;

/// The ways to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// So many clients connect and never say anything.
    Silence(usize),
    /// A client sends its request byte by byte, one every 20 ms, and again.
    Trickle,
    /// A client asks for 16 replies of 1 MiB and reads none of them.
    NeverRead,
    /// So many clients each ask the server to wait for 500 ms.
    Waits(usize),
    /// A client asks for 500 ms of processor time.
    Computes,
    /// A client sends 1 KiB that is not a request; over UDP a hundred times.
    Garbage,
}

impl Misbehaviour {
    /// Whether a datagram can do that.
    #[must_use]
    pub fn needs_a_connection(self) -> bool {
        matches!(self, Self::Silence(_) | Self::Trickle | Self::NeverRead)
    }
}

impl FromStr for Misbehaviour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, count) = match text.split_once(':') {
            Some((name, count)) => (name, count.parse().ok()),
            None => (text, Some(1)),
        };
        let count = count.filter(|count| (1..=MOST).contains(count));
        match (name, count) {
            ("silent", Some(count)) => Ok(Self::Silence(count)),
            ("wait", Some(count)) => Ok(Self::Waits(count)),
            ("trickle", Some(1)) => Ok(Self::Trickle),
            ("never-read", Some(1)) => Ok(Self::NeverRead),
            ("compute", Some(1)) => Ok(Self::Computes),
            ("garbage", Some(1)) => Ok(Self::Garbage),
            _ => Err(format!(
                "'{text}' is no misbehaviour; write silent:32, wait:32, trickle, never-read, compute \
                 or garbage (a number of clients, {MOST} at most, goes with silent and wait)"
            )),
        }
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence(count) => write!(f, "silent:{count}"),
            Self::Waits(count) => write!(f, "wait:{count}"),
            Self::Trickle => f.write_str("trickle"),
            Self::NeverRead => f.write_str("never-read"),
            Self::Computes => f.write_str("compute"),
            Self::Garbage => f.write_str("garbage"),
        }
    }
}

/// Clients that misbehave while this exists.
pub struct Culprits {
    _tcp: Vec<TcpStream>,
    _udp: Vec<UdpSocket>,
    ended: Arc<AtomicBool>,
}

impl Drop for Culprits {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
    }
}

impl Culprits {
    /// Lets clients misbehave, and gives the server time to meet them.
    ///
    /// # Errors
    /// If a client cannot connect or send.
    pub fn misbehave(
        misbehaviour: Misbehaviour,
        transport: Transport,
        server: SocketAddr,
    ) -> io::Result<Self> {
        let count = match misbehaviour {
            Misbehaviour::Silence(count) | Misbehaviour::Waits(count) => count,
            _ => 1,
        };
        let ended = Arc::new(AtomicBool::new(false));
        let mut culprits = Self { _tcp: Vec::new(), _udp: Vec::new(), ended };
        for _ in 0..count {
            match transport {
                Transport::Tcp => culprits.misbehave_over_tcp(misbehaviour, server)?,
                Transport::Udp => culprits.misbehave_over_udp(misbehaviour, server)?,
            }
        }
        thread::sleep(HEAD_START);
        Ok(culprits)
    }

    fn misbehave_over_tcp(
        &mut self,
        misbehaviour: Misbehaviour,
        server: SocketAddr,
    ) -> io::Result<()> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        if misbehaviour == Misbehaviour::Trickle {
            trickle(stream.try_clone()?, Arc::clone(&self.ended))?;
        } else {
            // A server may close on garbage; that is its answer.
            let _ = (&stream).write_all(&said(misbehaviour));
        }
        self._tcp.push(stream);
        Ok(())
    }

    fn misbehave_over_udp(
        &mut self,
        misbehaviour: Misbehaviour,
        server: SocketAddr,
    ) -> io::Result<()> {
        let socket = UdpSocket::bind(local(server))?;
        let times = if misbehaviour == Misbehaviour::Garbage { 100 } else { 1 };
        for _ in 0..times {
            socket.send_to(&said(misbehaviour), server)?;
        }
        self._udp.push(socket);
        Ok(())
    }
}

/// What a misbehaving client sends.
fn said(misbehaviour: Misbehaviour) -> Vec<u8> {
    let asked = |wait, compute, reply_size| {
        request(&Request { work: Work { wait, compute }, reply_size, ..trivial(u64::MAX) })
    };
    let size = HEADER_SIZE as u32;
    match misbehaviour {
        Misbehaviour::Silence(_) | Misbehaviour::Trickle => Vec::new(),
        Misbehaviour::NeverRead => asked(Duration::ZERO, Duration::ZERO, 1 << 20).repeat(16),
        Misbehaviour::Waits(_) => asked(LONG, Duration::ZERO, size),
        Misbehaviour::Computes => asked(Duration::ZERO, LONG, size),
        Misbehaviour::Garbage => vec![b'?'; 1024],
    }
}

fn trickle(mut stream: TcpStream, ended: Arc<AtomicBool>) -> io::Result<()> {
    let trickling = thread::Builder::new().spawn(move || {
        let bytes = request(&trivial(u64::MAX));
        for byte in bytes.iter().cycle() {
            if ended.load(Relaxed) || stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    trickling.map(|_| ())
}

/// The server's address with any free port. The socket is not connected, because a session worker
/// answers from a port of its own.
pub(crate) fn local(server: SocketAddr) -> SocketAddr {
    SocketAddr::new(server.ip(), 0)
}

/// A request for no work, with this id.
pub(crate) fn trivial(id: u64) -> Request {
    let size = HEADER_SIZE as u32;
    Request { id, work: Work::default(), request_size: size, reply_size: size }
}

/// A request as bytes.
pub(crate) fn request(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(request, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misbehaviours_are_read_as_they_are_written() {
        let all = ["silent:32", "wait:2", "trickle", "never-read", "compute", "garbage"];
        for text in all {
            assert_eq!(text.parse::<Misbehaviour>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("silent".parse(), Ok(Misbehaviour::Silence(1)));
        for wrong in ["silent:0", "silent:many", "trickle:3", "rude", ""] {
            assert!(wrong.parse::<Misbehaviour>().is_err_and(|why| why.contains("never-read")));
        }
    }
}
