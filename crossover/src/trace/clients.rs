//! The clients of a trace: each sends one request, one shortly after the other.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use protocol::{HEADER_SIZE, Request, Transport, Work, encode_request};

/// The longest that a client waits for its reply.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a client did, in nanoseconds from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// When it sent its request.
    pub(super) sent_ns: u64,
    /// When it had the reply; `None` if it got none.
    pub(super) answered_ns: Option<u64>,
}

/// What the clients send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// How many clients there are.
    pub(super) clients: u32,
    /// From one client's request to the next one's.
    pub(super) apart: Duration,
    /// What each request asks for.
    pub(super) work: Work,
}

/// Sends the requests, and returns when all clients have their replies or have given up.
///
/// # Errors
/// If there is no thread for a client.
pub(super) fn ask(
    address: SocketAddr,
    transport: Transport,
    load: &Load,
    begun: Instant,
) -> io::Result<Vec<Asked>> {
    let first = Instant::now();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..load.clients)
            .map(|number| {
                thread::Builder::new().spawn_scoped(scope, move || {
                    let due = first + load.apart * number;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let sent_ns = begun.elapsed().as_nanos() as u64;
                    let done = one(address, transport, u64::from(number) + 1, load.work);
                    Asked {
                        sent_ns,
                        answered_ns: done.ok().map(|()| begun.elapsed().as_nanos() as u64),
                    }
                })
            })
            .collect::<io::Result<_>>()?;
        let joined =
            clients.into_iter().map(|client| client.join().expect("a client never panics"));
        Ok(joined.collect())
    })
}

fn one(address: SocketAddr, transport: Transport, id: u64, work: Work) -> io::Result<()> {
    let size = HEADER_SIZE as u32;
    let mut bytes = Vec::new();
    encode_request(&Request { id, work, request_size: size, reply_size: size }, &mut bytes);
    let mut reply = [0; HEADER_SIZE];
    match transport {
        Transport::Udp => {
            let socket = UdpSocket::bind(("127.0.0.1", 0))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.send_to(&bytes, address)?;
            socket.recv_from(&mut reply).map(|_| ())
        }
        Transport::Tcp => {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            stream.write_all(&bytes)?;
            stream.read_exact(&mut reply)
        }
    }
}
