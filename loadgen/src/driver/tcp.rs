//! The load over TCP: connections that are kept, or made for every so many requests.
//!
//! An open loop does not wait for a connection to be idle: a request that is due is written at
//! once, behind whatever its connection still owes. Connections that have done their share are
//! closed by reset, so that a long run is not stopped by ports that must rest for a minute.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Token};
use nix::sys::socket::{setsockopt, sockopt};
use protocol::{Decoded, Request, decode_reply, encode_request};
use socket2::{Domain, Protocol, Socket, Type};

use super::pacer::{Pacer, Pacing, Ready, monotonic_ns};
use super::{DriveError, Event, Started, Transport, What};
use crate::plan::Reuse;

/// The same as on the server's side; see there.
const CONGESTION_CONTROL: &str = "cubic";

/// How long the connections of a persistent load may take to be made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Bytes asked for in one read.
const READ_SIZE: usize = 64 << 10;

/// Reads of one connection before the others, and the sends, have their turn.
const READS_IN_A_TURN: usize = 64;

/// Bytes that may wait for a connection that takes no more; what would be more is not sent.
const MOST_WAITING: usize = 1 << 20;

/// The connections of a run over TCP.
pub struct TcpTransport {
    target: SocketAddr,
    /// Requests that one connection carries; as good as infinite where it is kept.
    share: u32,
    /// Each client's connection that still takes requests.
    current: Vec<Option<usize>>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Which connection each request went to, by id.
    carriers: Vec<usize>,
    pacer: Pacer,
    ready: Vec<Ready>,
    incoming: Box<[u8; READ_SIZE]>,
    /// Noticed while sending; told at the next wait.
    pending: Vec<Event>,
}

struct Connection {
    stream: TcpStream,
    client: u32,
    /// Set until the connection is there.
    connecting_since_ns: Option<u64>,
    /// Requests that it may still take.
    share_left: u32,
    /// Requests not answered yet, in the order in which they were written.
    owed: VecDeque<u64>,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

impl TcpTransport {
    /// Prepares `clients` clients of `target`; where connections are kept, makes them now.
    ///
    /// # Errors
    /// When the server cannot be reached, or the kernel has no sockets left.
    pub fn new(
        target: SocketAddr,
        clients: u32,
        reuse: Reuse,
        pacing: Pacing,
    ) -> Result<Self, DriveError> {
        let mut transport = Self {
            target,
            share: match reuse {
                Reuse::Persistent => u32::MAX,
                Reuse::Per(count) => count,
            },
            current: vec![None; clients as usize],
            connections: Vec::new(),
            free: Vec::new(),
            carriers: Vec::new(),
            pacer: Pacer::new(pacing).map_err(DriveError::Socket)?,
            ready: Vec::with_capacity(64),
            incoming: Box::new([0; READ_SIZE]),
            pending: Vec::new(),
        };
        if reuse == Reuse::Persistent {
            transport.connect_all(clients)?;
        }
        Ok(transport)
    }

    fn connect_all(&mut self, clients: u32) -> Result<(), DriveError> {
        let cannot = |source| DriveError::Connect { target: self.target, source };
        let streams: Vec<std::net::TcpStream> = (0..clients)
            .map(|_| std::net::TcpStream::connect_timeout(&self.target, CONNECT_PATIENCE))
            .collect::<Result<_, _>>()
            .map_err(cannot)?;
        for (client, stream) in (0..).zip(streams) {
            let socket = Socket::from(stream);
            let settled = settle(&socket).and_then(|()| self.adopt(socket, client, None));
            settled.map_err(DriveError::Socket)?;
        }
        Ok(())
    }

    /// Begins a new connection for a client.
    fn connect(&mut self, client: u32) -> io::Result<usize> {
        let domain = Domain::for_address(self.target);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        settle(&socket)?;
        let since_ns = monotonic_ns();
        match socket.connect(&self.target.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {}
            Err(error) => return Err(error),
        }
        self.adopt(socket, client, Some(since_ns))
    }

    /// Watches a connection and makes it its client's current one.
    fn adopt(
        &mut self,
        socket: Socket,
        client: u32,
        connecting_since_ns: Option<u64>,
    ) -> io::Result<usize> {
        let mut stream = TcpStream::from_std(socket.into());
        let index = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.pacer.registry().register(&mut stream, Token(index), interest)?;
        self.connections[index] = Some(Connection {
            stream,
            client,
            connecting_since_ns,
            share_left: self.share,
            owed: VecDeque::new(),
            outgoing: Vec::new(),
            incoming: Vec::new(),
        });
        self.current[client as usize] = Some(index);
        Ok(index)
    }

    /// Lets a connection go; what it still owes is told as `what`.
    fn close(&mut self, index: usize, what: What, happened: &mut Vec<Event>) {
        let Some(mut connection) = self.connections[index].take() else { return };
        let at_ns = monotonic_ns();
        let client = connection.client;
        happened.extend(connection.owed.drain(..).map(|id| Event {
            at_ns,
            id: Some(id),
            client,
            what,
        }));
        let _ = self.pacer.registry().deregister(&mut connection.stream);
        if self.current[client as usize] == Some(index) {
            self.current[client as usize] = None;
        }
        self.free.push(index);
    }

    /// Writes what is due, reads what has come, on one connection.
    fn attend(&mut self, ready: Ready, happened: &mut Vec<Event>) {
        let index = ready.socket;
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        if ready.writable {
            match connection.become_connected() {
                Ok(None) => {}
                Ok(Some(took_ns)) => happened.push(Event {
                    at_ns: monotonic_ns(),
                    id: connection.owed.front().copied(),
                    client: connection.client,
                    what: What::Connected { took_ns },
                }),
                Err(_) => return self.close(index, What::Refused, happened),
            }
            if connection.flush().is_err() {
                // Replies that arrived before the end are still to be read.
                self.receive(index, happened);
                return self.close(index, What::Reset, happened);
            }
        }
        if ready.readable {
            self.receive(index, happened);
        }
    }

    fn receive(&mut self, index: usize, happened: &mut Vec<Event>) {
        for _ in 0..READS_IN_A_TURN {
            let Some(connection) = self.connections[index].as_mut() else { return };
            match connection.stream.read(&mut self.incoming[..]) {
                Ok(0) => return self.close(index, What::Reset, happened),
                Ok(count) => {
                    let at_ns = monotonic_ns();
                    connection.incoming.extend_from_slice(&self.incoming[..count]);
                    if connection.take_replies(at_ns, happened).is_err() {
                        return self.close(index, What::Wrong, happened);
                    }
                    if connection.share_left == 0 && connection.owed.is_empty() {
                        return self.close(index, What::Reset, happened);
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => return,
                    ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionRefused => {
                        return self.close(index, What::Refused, happened);
                    }
                    _ => return self.close(index, What::Reset, happened),
                },
            }
        }
        self.pacer.come_back_to(Ready { socket: index, readable: true, writable: false });
    }
}

/// What every socket of the load is set to.
fn settle(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    let _ = setsockopt(socket, sockopt::TcpCongestion, &CONGESTION_CONTROL.into());
    Ok(())
}

impl Connection {
    /// Learns whether a connection that was begun is there: how long it took, the first time.
    fn become_connected(&mut self) -> io::Result<Option<u64>> {
        let Some(since_ns) = self.connecting_since_ns else { return Ok(None) };
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        if self.stream.peer_addr().is_err() {
            return Ok(None); // not yet
        }
        self.connecting_since_ns = None;
        Ok(Some(monotonic_ns() - since_ns))
    }

    /// Writes as much as the kernel takes; the rest waits until it takes more.
    fn flush(&mut self) -> io::Result<()> {
        if self.connecting_since_ns.is_some() {
            return Ok(());
        }
        let mut written = 0;
        while written < self.outgoing.len() {
            match self.stream.write(&self.outgoing[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.outgoing.drain(..written);
        Ok(())
    }

    /// Takes whole replies out of what has come.
    fn take_replies(
        &mut self,
        at_ns: u64,
        happened: &mut Vec<Event>,
    ) -> Result<(), protocol::Malformed> {
        let mut taken = 0;
        while let Decoded::Complete { message, length } = decode_reply(&self.incoming[taken..])? {
            taken += length;
            // A refusal of something unreadable carries no id: it answers the oldest.
            let known = self.owed.iter().position(|id| *id == message.id);
            let id = match known {
                Some(position) => self.owed.remove(position),
                None if message.id == 0 => self.owed.pop_front(),
                None => Some(message.id),
            };
            happened.push(Event { at_ns, id, client: self.client, what: What::Reply(message) });
        }
        self.incoming.drain(..taken);
        Ok(())
    }
}

impl Transport for TcpTransport {
    fn now_ns(&self) -> u64 {
        monotonic_ns()
    }

    fn start(&mut self, client: u32, request: &Request) -> Started {
        let index = match self.current[client as usize] {
            Some(index) => index,
            None => match self.connect(client) {
                Ok(index) => index,
                Err(_) => return Started::Impossible,
            },
        };
        let connection = self.connections[index].as_mut().expect("a current connection exists");
        if connection.outgoing.len() > MOST_WAITING {
            return Started::Impossible;
        }
        encode_request(request, &mut connection.outgoing);
        connection.owed.push_back(request.id);
        connection.share_left = match self.share {
            u32::MAX => u32::MAX,
            _ => connection.share_left - 1,
        };
        if connection.share_left == 0 {
            self.current[client as usize] = None;
        }
        // Over loopback a connection is there before the connect call returns.
        let ready = Ready { socket: index, readable: false, writable: true };
        let mut pending = std::mem::take(&mut self.pending);
        self.attend(ready, &mut pending);
        self.pending = pending;
        // Ids count up; one that could not be sent is given out again.
        self.carriers.truncate(request.id as usize);
        self.carriers.push(index);
        Started::Sent
    }

    fn wait(&mut self, until_ns: u64, in_flight: usize, happened: &mut Vec<Event>) {
        happened.append(&mut self.pending);
        if !happened.is_empty() {
            return;
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.pacer.wait(until_ns, in_flight, &mut ready);
        for socket in ready.drain(..) {
            self.attend(socket, happened);
        }
        self.ready = ready;
    }

    /// A connection that was made for the request goes with it; one that is kept stays, and the
    /// reply may still come late.
    fn abandon(&mut self, id: u64) {
        let Some(index) = self.carriers.get(id as usize).copied() else { return };
        let Some(connection) = self.connections[index].as_mut() else { return };
        connection.owed.retain(|owed| *owed != id);
        if connection.share_left == 0 && connection.owed.is_empty() {
            self.close(index, What::Reset, &mut Vec::new());
        }
    }

    fn hiccups(&self) -> (u64, u64) {
        self.pacer.hiccups()
    }
}
