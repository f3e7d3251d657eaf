//! The load over TCP, on connections that are kept, or made anew after a number of requests.
//!
//! An open loop does not wait for a connection to be idle: a request that is due is written at
//! once, behind whatever is outstanding on its connection. If the server has ended an earlier
//! connection of the client, or announced its end, the next one carries one request until a reply
//! shows that it is kept (RFC 9112, section 9.3.2). The other requests wait, and their waiting is
//! part of their response times. `connection.rs` draws the life of a connection, and lists what
//! becomes of its requests when it ends.

mod connection;
mod endings;
mod sources;
mod traffic;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Token};
use nix::errno::Errno;
use protocol::Request;
use results::UnsentCause;
use socket2::Socket;

use super::flight::slot_of;
use super::pacer::{Pacer, Pacing, Ready, monotonic_ns};
use super::{DriveError, Event, Noticed, Started, Transport, What, lacking};
use crate::exchange::Exchange;
pub use connection::Unreadable;
use connection::{Connection, Life, Outstanding};
use sources::{Sources, connect_now};
use workload::{Close, LoadSpec, Reuse, Shard};

/// Bytes asked for in one read.
const READ_SIZE: usize = 64 << 10;

/// Reads of one connection before the other connections, and the sends, have their turn.
const READS_IN_A_TURN: usize = 64;

/// Bytes that may wait for a connection to take them; beyond it a request counts as unsent.
const MOST_WAITING: usize = 1 << 20;

/// Start of the reply that a server sends before it closes a connection idle for too long.
const IDLE_CLOSE: &[u8] = b"HTTP/1.1 408 ";

/// No connection.
const NONE: usize = usize::MAX;

/// Settings of a run over TCP.
#[derive(Clone, Debug)]
pub struct Connections {
    /// The server.
    pub target: SocketAddr,
    /// The exchange that the connections carry.
    pub exchange: Exchange,
    /// Number of kept connections, or of clients that make their own.
    pub clients: u32,
    /// Number of shards of the load, which have the ports in common.
    pub shards: u32,
    /// How many requests each connection carries.
    pub reuse: Reuse,
    /// How a connection is ended.
    pub close: Close,
    /// Whether clients come and go, each with a connection of its own.
    pub sessions: bool,
    /// How the generator waits.
    pub pacing: Pacing,
    /// Refusals after which the run ends because no server listens, if nothing else has arrived.
    pub most_refusals: u64,
}

impl Connections {
    /// The settings for one shard of a load.
    #[must_use]
    pub fn of(
        spec: &LoadSpec,
        shard: Shard,
        target: SocketAddr,
        exchange: Exchange,
        pacing: Pacing,
    ) -> Self {
        Self {
            target,
            exchange,
            clients: shard.part_of(spec.clients),
            shards: shard.of,
            reuse: spec.reuse,
            close: spec.close,
            sessions: spec.session.is_some(),
            pacing,
            most_refusals: super::MOST_REFUSALS,
        }
    }

    fn are_kept(&self) -> bool {
        self.reuse == Reuse::Persistent && !self.sessions
    }
}

/// One client of the load, whose requests go one after the other on its connections.
struct Client {
    /// The connection that takes its next request.
    current: usize,
    /// Requests that no connection takes yet, oldest first.
    waiting: VecDeque<Outstanding>,
    /// Whether one of its connections ended early; new ones then carry one request at first.
    cautious: bool,
    /// Whether it ever got a reply.
    answered: bool,
}

impl Client {
    const NEW: Self =
        Self { current: NONE, waiting: VecDeque::new(), cautious: false, answered: false };
}

/// Where a request is.
#[derive(Clone, Copy)]
enum Carrier {
    /// On this connection.
    On(u32),
    /// Among the waiting requests of this client.
    WaitingOf(u32),
    Nowhere,
}

/// The connections of a run over TCP.
pub struct TcpTransport {
    settings: Connections,
    sources: Sources,
    /// Requests that one connection carries; `u32::MAX`, in effect unlimited, where it is kept.
    requests_each: u32,
    clients: Vec<Client>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Where each request is, by its slot.
    carriers: Vec<Carrier>,
    /// The connection that has requests which are not written yet, or `NONE`.
    unwritten: usize,
    /// Clients whose waiting requests may now be given to a connection.
    unblocked: Vec<u32>,
    /// Clients whose connection could not be made because no descriptor or port was left; they try
    /// again when an open connection has ended.
    starved: Vec<u32>,
    pacer: Pacer,
    /// Sockets on which something has happened; `attended` of them have had their turn.
    ready: Vec<Ready>,
    attended: usize,
    /// Connections that wait for the server's FIN: since when, and their index.
    closing: VecDeque<(u64, usize)>,
    incoming: Box<[u8; READ_SIZE]>,
    /// Events noticed while sending; reported at the next wait.
    pending: Vec<Event>,
    /// The first bytes that were not a reply.
    unreadable: Option<Unreadable>,
}

impl TcpTransport {
    /// Prepares the clients. Kept connections are made now, until `stop` returns true.
    ///
    /// # Errors
    /// When the server cannot be reached, or a socket cannot be created.
    pub fn new(settings: Connections, stop: &dyn Fn() -> bool) -> Result<Self, DriveError> {
        let clients = if settings.sessions { 0 } else { settings.clients };
        let kept = settings.are_kept();
        let mut transport = Self {
            sources: Sources::new(settings.target, settings.close, kept, settings.shards),
            requests_each: match settings.reuse {
                Reuse::Persistent => u32::MAX,
                Reuse::Per(count) => count,
            },
            clients: (0..clients).map(|_| Client::NEW).collect(),
            connections: Vec::new(),
            free: Vec::new(),
            carriers: Vec::new(),
            unwritten: NONE,
            unblocked: Vec::new(),
            starved: Vec::new(),
            pacer: Pacer::new(settings.pacing).map_err(DriveError::Socket)?,
            ready: Vec::with_capacity(64),
            attended: 0,
            closing: VecDeque::new(),
            incoming: Box::new([0; READ_SIZE]),
            pending: Vec::new(),
            unreadable: None,
            settings,
        };
        if kept {
            transport.connect_all(clients, stop)?;
        }
        Ok(transport)
    }

    fn connect_all(&mut self, clients: u32, stop: &dyn Fn() -> bool) -> Result<(), DriveError> {
        let target = self.settings.target;
        for client in 0..clients {
            let since_ns = monotonic_ns();
            let mut socket = self.sources.open().map_err(DriveError::Socket)?;
            let mut connected = connect_now(&socket, target, stop);
            if connected.as_ref().is_err_and(|error| self.sources.has_another(error)) {
                socket = self.sources.open().map_err(DriveError::Socket)?;
                connected = connect_now(&socket, target, stop);
            }
            if !connected.map_err(|source| DriveError::Connect { target, source })? {
                return Ok(());
            }
            let at_ns = monotonic_ns();
            let what = What::Connected { took_ns: at_ns - since_ns };
            self.pending.push(Event { at_ns, id: None, client, what });
            self.adopt(socket, client, Life::Open).map_err(DriveError::Socket)?;
        }
        Ok(())
    }

    /// Starts a new connection for a client.
    fn connect(&mut self, client: u32) -> io::Result<usize> {
        loop {
            let socket = self.sources.open()?;
            let since_ns = monotonic_ns();
            match socket.connect(&self.settings.target.into()) {
                Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
                Err(error) if self.sources.has_another(&error) => continue,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            return self.adopt(socket, client, Life::Connecting(since_ns));
        }
    }

    /// Registers a connection with the poll and makes it its client's current one.
    fn adopt(&mut self, socket: Socket, client: u32, life: Life) -> io::Result<usize> {
        let mut stream = TcpStream::from_std(socket.into());
        let index = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.pacer.registry().register(&mut stream, Token(index), interest) {
            self.free.push(index);
            return Err(error);
        }
        let its = &mut self.clients[client as usize];
        its.current = index;
        let connection = Connection::new(stream, client, life, self.requests_each, its.cautious);
        self.connections[index] = Some(connection);
        Ok(index)
    }

    /// The connection that carries the client's next request; a new one where there is none.
    fn carrier(&mut self, client: u32) -> io::Result<usize> {
        match self.clients[client as usize].current {
            NONE => self.connect(client),
            index => Ok(index),
        }
    }

    fn connection(&mut self, index: usize) -> Option<&mut Connection> {
        self.connections.get_mut(index).and_then(Option::as_mut)
    }

    /// Assigns a request to a connection without writing it yet.
    fn give(&mut self, index: usize, outstanding: Outstanding) {
        let exchange = &self.settings.exchange;
        let connection = self.connections[index].as_mut().expect("a current connection exists");
        connection.give(exchange, outstanding);
        let (client, is_retired) = (connection.client, connection.requests_left == 0);
        self.note_carrier(outstanding.request.id, Carrier::On(index as u32));
        if is_retired {
            self.clients[client as usize].current = NONE;
        }
    }

    fn note_carrier(&mut self, id: u64, carrier: Carrier) {
        let slot = slot_of(id);
        if self.carriers.len() <= slot {
            self.carriers.resize(slot + 1, Carrier::Nowhere);
        }
        self.carriers[slot] = carrier;
    }

    fn let_wait(&mut self, client: u32, outstanding: Outstanding) {
        self.note_carrier(outstanding.request.id, Carrier::WaitingOf(client));
        self.clients[client as usize].waiting.push_back(outstanding);
    }

    /// Assigns waiting requests to connections, as far as these take them.
    fn go_on(&mut self, happened: &mut Vec<Event>) {
        while let Some(client) = self.unblocked.pop() {
            self.pacer.tick(monotonic_ns());
            while let Some(next) = self.clients[client as usize].waiting.front().copied() {
                let id = Some(next.request.id);
                let carrier = self.carrier(client);
                let lack = carrier.as_ref().err().map(lacking);
                if matches!(lack, Some(UnsentCause::Descriptors | UnsentCause::Ports)) {
                    self.starved.push(client);
                    break;
                }
                if let Ok(index) = carrier
                    && !self.connection(index).is_some_and(|it| it.takes(&next))
                {
                    break;
                }
                self.clients[client as usize].waiting.pop_front();
                let at_ns = monotonic_ns();
                let index = match carrier {
                    Ok(index) => index,
                    Err(error) => {
                        let refused = error.kind() == ErrorKind::ConnectionRefused;
                        let what = if refused { What::Refused } else { What::Reset };
                        happened.push(Event { at_ns, id, client, what });
                        continue;
                    }
                };
                if next.was_resent() {
                    happened.push(Event { at_ns, id, client, what: What::Resent });
                }
                self.give(index, next);
                let following = self.clients[client as usize].waiting.front().copied();
                let more = following.is_some_and(|following| {
                    self.connection(index).is_some_and(|it| it.takes(&following))
                });
                if !more || self.clients[client as usize].current != index {
                    self.write(index, happened);
                }
            }
        }
    }
}

impl Transport for TcpTransport {
    // Each connection needs a write of its own, so a larger batch gains nothing.
    const BATCH: usize = 1;

    fn now_ns(&self) -> u64 {
        monotonic_ns()
    }

    fn start(&mut self, client: u32, request: &Request, last: bool) -> Started {
        // Requests that a client keeps in flight share its connection.
        let client = self.socket_of(client);
        while self.clients.len() <= client as usize {
            self.clients.push(Client::NEW);
        }
        if self.clients[client as usize].current != self.unwritten {
            self.flush();
        }
        let started_ns = monotonic_ns();
        // Starting many requests that each need a connection is not a hiccup.
        self.pacer.tick(started_ns);
        let outstanding = Outstanding::new(*request, last);
        if !self.clients[client as usize].waiting.is_empty() {
            self.let_wait(client, outstanding);
            return Started::Sent(started_ns);
        }
        let index = match self.carrier(client) {
            Ok(index) => index,
            // Over loopback the refusal is known at once.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                let (at_ns, id) = (monotonic_ns(), Some(request.id));
                self.pending.push(Event { at_ns, id, client, what: What::Refused });
                return Started::Sent(started_ns);
            }
            Err(error) => return Started::Impossible(lacking(&error)),
        };
        let connection = self.connections[index].as_mut().expect("a current connection exists");
        if connection.backlog() > MOST_WAITING {
            return Started::Impossible(UnsentCause::Room);
        }
        if !connection.takes_one() {
            self.let_wait(client, outstanding);
            return Started::Sent(started_ns);
        }
        self.give(index, outstanding);
        self.unwritten = index;
        if self.clients[client as usize].current != index {
            self.flush();
        }
        Started::Sent(started_ns)
    }

    fn flush(&mut self) {
        if self.unwritten == NONE {
            return;
        }
        // Over loopback a connection is established before the connect call returns.
        let socket = std::mem::replace(&mut self.unwritten, NONE);
        let ready = Ready { socket, readable: false, writable: true, ends: false };
        self.with_pending(|transport, pending| transport.attend(ready, pending));
    }

    fn wait(&mut self, now_ns: u64, until_ns: u64, in_flight: usize, happened: &mut Vec<Event>) {
        happened.append(&mut self.pending);
        self.give_up_closing(now_ns, happened);
        self.go_on(happened);
        let until_ns = if happened.is_empty() { until_ns } else { 0 };
        if self.attended == self.ready.len() {
            self.ready.clear();
            self.attended = 0;
            self.pacer.wait(now_ns, until_ns, in_flight, &mut self.ready);
        } else {
            // Processing a long list of ready sockets is not a hiccup.
            self.pacer.tick(now_ns);
        }
        // One socket only: due requests, and those that follow replies, precede other sockets.
        if let Some(socket) = self.ready.get(self.attended).copied() {
            self.attended += 1;
            self.attend(socket, happened);
            self.go_on(happened);
        }
    }

    fn socket_of(&self, client: u32) -> u32 {
        if self.settings.sessions { client } else { client % self.settings.clients }
    }

    fn has_unread(&self) -> bool {
        self.attended < self.ready.len() || self.pacer.may_have_more()
    }

    fn leave(&mut self, client: u32) {
        let Some(its) = self.clients.get_mut(client as usize) else { return };
        its.waiting.clear();
        let index = its.current;
        let Some(connection) = self.connection(index) else { return };
        connection.requests_left = 0;
        self.retire(index, client);
        self.close_if_done(index);
    }

    fn abandon(&mut self, id: u64) {
        match self.carriers.get(slot_of(id)).copied().unwrap_or(Carrier::Nowhere) {
            Carrier::On(index) => self.give_up(index as usize, id),
            Carrier::WaitingOf(client) => {
                let waiting = &mut self.clients[client as usize].waiting;
                if let Some(at) = waiting.iter().position(|it| it.request.id == id) {
                    waiting.remove(at);
                }
                self.unblocked.push(client);
            }
            Carrier::Nowhere => {}
        }
    }

    fn hiccups(&self) -> (u64, u64) {
        self.pacer.hiccups()
    }

    fn noticed(&self) -> Noticed {
        let never = self.clients.iter().filter(|client| !client.answered).count() as u64;
        Noticed {
            injected: None,
            unreadable: self.unreadable.clone(),
            kept: if self.settings.are_kept() { self.clients.len() as u64 } else { 0 },
            kept_unanswered: if self.settings.are_kept() { never } else { 0 },
        }
    }

    fn most_refusals(&self) -> u64 {
        self.settings.most_refusals
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use socket2::{Domain, Type};

    use super::*;

    /// A byte for a byte.
    fn bytes() -> Exchange {
        Exchange::Raw {
            request: crate::exchange::Template::of(b"x"),
            reply: crate::exchange::RawReply::Length(1),
        }
    }

    fn request(id: u64) -> Request {
        Request { id, work: protocol::Work::default(), request_size: 1, reply_size: 1 }
    }

    #[test]
    fn a_connection_with_a_request_given_up_takes_no_more() {
        // No process accepts; the kernel takes the requests all the same.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        let target = listener.local_addr().expect("bound");
        let one =
            Connections::of(&LoadSpec::default(), Shard::WHOLE, target, bytes(), Pacing::Spin);
        let mut transport = TcpTransport::new(one, &|| false).expect("a connection");
        let open = |transport: &TcpTransport| transport.connections.iter().flatten().count();
        for id in 1..=100 {
            assert!(matches!(transport.start(0, &request(id), false), Started::Sent(_)));
            assert!(matches!(transport.start(0, &request(1000 + id), false), Started::Sent(_)));
            transport.flush();
            transport.abandon(id);
            assert_eq!(transport.clients[0].current, NONE, "{id}");
            assert_eq!(open(&transport), 1, "the one behind it may still be answered");
            transport.abandon(1000 + id);
            assert_eq!(open(&transport), 0, "nobody waits for anything there");
        }
    }

    #[test]
    fn whatever_has_come_can_be_read_however_many_connections_brought_it() {
        const CONNECTIONS: u32 = 1500;
        let limit = Resource::RLIMIT_NOFILE;
        let (_, hard) = getrlimit(limit).expect("a limit");
        setrlimit(limit, hard, hard).expect("what is allowed");
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        listener.listen(CONNECTIONS as i32).expect("a listener");
        let target = listener.local_addr().expect("bound").as_socket().expect("of the internet");
        let server = std::thread::spawn(move || {
            let accepted = (0..CONNECTIONS).map(|_| listener.accept().expect("a connection").0);
            accepted.collect::<Vec<_>>()
        });
        let spec = LoadSpec { clients: CONNECTIONS, ..LoadSpec::default() };
        let all = Connections::of(&spec, Shard::WHOLE, target, bytes(), Pacing::Spin);
        let mut transport = TcpTransport::new(all, &|| false).expect("connections");
        let mut happened = Vec::new();
        let look = |transport: &mut TcpTransport, happened: &mut Vec<Event>| {
            transport.wait(1, 0, 1, happened);
            while transport.has_unread() {
                transport.wait(1, 0, 1, happened);
            }
        };
        look(&mut transport, &mut happened); // that all can be written to
        for (client, stream) in server.join().expect("no panic").iter_mut().enumerate() {
            let request = request(client as u64 + 1);
            assert!(matches!(transport.start(client as u32, &request, false), Started::Sent(_)));
            transport.flush();
            std::io::Write::write_all(stream, b"y").expect("it is read later");
        }
        happened.clear();
        look(&mut transport, &mut happened);
        let right = happened.iter().filter(|event| matches!(event.what, What::Right)).count();
        assert_eq!(right, CONNECTIONS as usize);
    }
}
