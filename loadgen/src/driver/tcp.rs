//! The load over TCP: connections that are kept, or made for every so many requests.
//!
//! An open loop does not wait for a connection to be idle: a request that is due is written at
//! once, behind whatever its connection still owes. Connections that have done their share are
//! closed by reset unless told otherwise, so that a long run is not stopped by ports that must
//! rest for a minute.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Token};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use protocol::Request;
use results::Lack;
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::Connection;
use super::flight::slot_of;
use super::pacer::{Pacer, Pacing, Ready, monotonic_ns};
use super::{DriveError, Event, Started, Transport, What, lacking};
use crate::exchange::{Exchange, Owed};
use crate::plan::{Close, LoadSpec, Reuse, Share};
use crate::recorder::RETRIED_NS;

/// The same as on the server's side; see there.
const CONGESTION_CONTROL: &str = "cubic";

/// How long the connections of a persistent load may take to be made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long a server may take to close in return.
const CLOSE_PATIENCE_NS: u64 = 1_000_000_000;

/// Bytes asked for in one read.
const READ_SIZE: usize = 64 << 10;

/// Reads of one connection before the others, and the sends, have their turn.
const READS_IN_A_TURN: usize = 64;

/// Bytes that may wait for a connection that takes no more; what would be more is not sent.
const MOST_WAITING: usize = 1 << 20;

/// Source addresses in use where ports would run out: each has all of them.
const SOURCES: u32 = 1 << 12;

/// With more connections than this, each source address carries a part of them: one has some
/// 28,000 ports, and several threads may share it.
const MANY: u32 = 1 << 12;

/// Given-up requests whose late replies a connection is kept for; with more it is as good as dead.
const MOST_GIVEN_UP: usize = 1 << 16;

/// No connection.
const NONE: usize = usize::MAX;

/// How a run uses connections.
#[derive(Clone, Debug)]
pub struct Connections {
    /// The server.
    pub target: SocketAddr,
    /// What is said on them.
    pub exchange: Exchange,
    /// How many are kept, or how many clients make their own.
    pub clients: u32,
    /// The same of all shares of the load together: they have the ports in common.
    pub clients_in_all: u32,
    /// How long each is kept.
    pub reuse: Reuse,
    /// How it is ended.
    pub close: Close,
    /// Whether clients come and go, each with a connection of its own.
    pub sessions: bool,
    /// How the generator waits.
    pub pacing: Pacing,
}

impl Connections {
    /// Those of one share of a load.
    #[must_use]
    pub fn of(
        spec: &LoadSpec,
        share: Share,
        target: SocketAddr,
        exchange: Exchange,
        pacing: Pacing,
    ) -> Self {
        Self {
            target,
            exchange,
            clients: share.part_of(spec.clients),
            clients_in_all: spec.clients,
            reuse: spec.reuse,
            close: spec.close,
            sessions: spec.session.is_some(),
            pacing,
        }
    }

    /// A port rests for a minute after a FIN of ours, and one address has only so many towards one
    /// server; on loopback there are more addresses.
    fn ports_would_run_out(&self) -> bool {
        let is_local = matches!(self.target.ip(), IpAddr::V4(address) if address.is_loopback());
        let kept = self.reuse == Reuse::Persistent && !self.sessions;
        let rest = !kept && self.close == Close::Finish;
        is_local && (rest || self.clients_in_all > MANY)
    }
}

/// The connections of a run over TCP.
pub struct TcpTransport {
    settings: Connections,
    /// Requests that one connection carries; as good as infinite where it is kept.
    share: u32,
    /// Each client's connection that still takes requests.
    current: Vec<usize>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Which connection each request went to, by its slot.
    carriers: Vec<usize>,
    /// The connection that has been given requests and has not written them.
    unwritten: usize,
    made: u32,
    pacer: Pacer,
    /// Sockets on which something has happened, and how many of them have had their turn.
    ready: Vec<Ready>,
    attended: usize,
    /// Connections that wait for the server's FIN, and since when.
    closing: VecDeque<(u64, usize)>,
    incoming: Box<[u8; READ_SIZE]>,
    /// Noticed while sending; told at the next wait.
    pending: Vec<Event>,
}

impl TcpTransport {
    /// Prepares the clients; where connections are kept, makes them now.
    ///
    /// # Errors
    /// When the server cannot be reached, or the kernel has no sockets left.
    pub fn new(settings: Connections) -> Result<Self, DriveError> {
        let clients = if settings.sessions { 0 } else { settings.clients };
        let mut transport = Self {
            share: match settings.reuse {
                Reuse::Persistent => u32::MAX,
                Reuse::Per(count) => count,
            },
            current: vec![NONE; clients as usize],
            connections: Vec::new(),
            free: Vec::new(),
            carriers: Vec::new(),
            unwritten: NONE,
            made: 0,
            pacer: Pacer::new(settings.pacing).map_err(DriveError::Socket)?,
            ready: Vec::with_capacity(64),
            attended: 0,
            closing: VecDeque::new(),
            incoming: Box::new([0; READ_SIZE]),
            pending: Vec::new(),
            settings,
        };
        if transport.settings.reuse == Reuse::Persistent {
            transport.connect_all(clients)?;
        }
        Ok(transport)
    }

    fn connect_all(&mut self, clients: u32) -> Result<(), DriveError> {
        let target = self.settings.target;
        for client in 0..clients {
            let socket = self.open().map_err(DriveError::Socket)?;
            let since_ns = monotonic_ns();
            let connected = socket.connect_timeout(&target.into(), CONNECT_PATIENCE);
            connected.map_err(|source| DriveError::Connect { target, source })?;
            let at_ns = monotonic_ns();
            let what = What::Connected { took_ns: at_ns - since_ns };
            self.pending.push(Event { at_ns, id: None, client, what });
            let settled = socket.set_nonblocking(true);
            settled.and_then(|()| self.adopt(socket, client, None)).map_err(DriveError::Socket)?;
        }
        Ok(())
    }

    /// A socket for a connection, on an address of its own where ports would run out.
    fn open(&mut self) -> io::Result<Socket> {
        let domain = Domain::for_address(self.settings.target);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if self.settings.close == Close::Reset {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        let _ = setsockopt(&socket, sockopt::TcpCongestion, &CONGESTION_CONTROL.into());
        if self.settings.ports_would_run_out() {
            setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
            self.made = self.made.wrapping_add(1);
            let source =
                Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + self.made % SOURCES);
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        Ok(socket)
    }

    /// Begins a new connection for a client.
    fn connect(&mut self, client: u32) -> io::Result<usize> {
        let socket = self.open()?;
        let since_ns = monotonic_ns();
        match socket.connect(&self.settings.target.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
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
        let connection = Connection::new(stream, client, connecting_since_ns, self.share);
        self.connections[index] = Some(connection);
        self.current[client as usize] = index;
        Ok(index)
    }

    /// Lets a connection go; what it still owes is told as `what`.
    fn close(&mut self, index: usize, what: What, happened: &mut Vec<Event>) {
        let Some(mut connection) = self.connections[index].take() else { return };
        let at_ns = monotonic_ns();
        let client = connection.client;
        happened.extend(connection.owed.drain(..).map(|owed| Event {
            at_ns,
            id: Some(owed.id),
            client,
            what,
        }));
        if let Some(since_ns) = connection.closing_since_ns {
            let what = What::Closed { took_ns: at_ns - since_ns };
            happened.push(Event { at_ns, id: Some(0), client, what });
        }
        let _ = self.pacer.registry().deregister(&mut connection.stream);
        self.retire(index, client);
        self.free.push(index);
    }

    /// Its client makes another connection for the next request.
    fn retire(&mut self, index: usize, client: u32) {
        if self.current[client as usize] == index {
            self.current[client as usize] = NONE;
        }
    }

    /// Ends a connection that has done its share.
    fn end(&mut self, index: usize, happened: &mut Vec<Event>) {
        let Some(connection) = self.connections[index].as_mut() else { return };
        if self.settings.close == Close::Finish
            && connection.closing_since_ns.is_none()
            && connection.stream.shutdown(Shutdown::Write).is_ok()
        {
            // The server's FIN ends it, at the next read.
            let since_ns = monotonic_ns();
            connection.closing_since_ns = Some(since_ns);
            self.closing.push_back((since_ns, index));
            return;
        }
        self.close(index, What::Reset, happened);
    }

    /// Lets go of connections whose servers do not close in return.
    fn give_up_closing(&mut self, now_ns: u64, happened: &mut Vec<Event>) {
        while let Some((since_ns, index)) = self.closing.front().copied() {
            if now_ns < since_ns + CLOSE_PATIENCE_NS {
                return;
            }
            self.closing.pop_front();
            let connection = self.connections.get_mut(index).and_then(Option::as_mut);
            if let Some(connection) = connection.filter(|it| it.closing_since_ns == Some(since_ns))
            {
                connection.closing_since_ns = None; // it took no time that is known
                self.close(index, What::Reset, happened);
            }
        }
    }

    /// Writes what is due, reads what has come, on one connection.
    fn attend(&mut self, ready: Ready, happened: &mut Vec<Event>) {
        let index = ready.socket;
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        if ready.writable && connection.wants_to_write() {
            match connection.become_connected() {
                Ok(None) => {}
                Ok(Some(took_ns)) => happened.push(Event {
                    at_ns: monotonic_ns(),
                    id: Some(connection.owed.front().map_or(0, |owed| owed.id)),
                    client: connection.client,
                    what: What::Connected { took_ns },
                }),
                Err(_) => return self.close(index, What::Refused, happened),
            }
            if connection.write().is_err() {
                // Replies that arrived before the end are still to be read.
                self.receive(index, true, happened);
                return self.close(index, What::Reset, happened);
            }
        }
        if ready.readable || ready.ends {
            self.receive(index, ready.ends, happened);
        }
    }

    /// Reads what has come. A read that gave less than was asked for took all there was, unless
    /// the end is there too: readiness is told again when more comes.
    fn receive(&mut self, index: usize, ends: bool, happened: &mut Vec<Event>) {
        for _ in 0..READS_IN_A_TURN {
            let Some(connection) = self.connections[index].as_mut() else { return };
            match connection.stream.read(&mut self.incoming[..]) {
                Ok(0) => {
                    connection.take_the_end(happened);
                    return self.close(index, What::Reset, happened);
                }
                Ok(count) => {
                    let at_ns = monotonic_ns();
                    let exchange = &self.settings.exchange;
                    let bytes = &self.incoming[..count];
                    if connection.take_replies(exchange, bytes, at_ns, happened).is_err() {
                        let client = connection.client;
                        happened.push(Event { at_ns, id: Some(0), client, what: What::Strange });
                        return self.close(index, What::Garbled, happened);
                    }
                    if connection.reader.is_last() {
                        connection.share_left = 0;
                        let client = connection.client;
                        self.retire(index, client);
                    }
                    let Some(connection) = self.connections[index].as_mut() else { return };
                    if connection.share_left == 0 && connection.owed.is_empty() {
                        return self.end(index, happened);
                    }
                    if count < READ_SIZE && !ends {
                        return;
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
        self.pacer.come_back_to(Ready { socket: index, readable: true, writable: false, ends });
    }

    /// Closes a connection that takes no more requests, and on which nobody waits for a reply.
    fn close_if_done(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        if connection.share_left == 0 && connection.owed.iter().all(|owed| owed.given_up) {
            connection.owed.clear();
            self.close(index, What::Reset, &mut Vec::new());
        }
    }

    /// Lets go of a connection on which nothing comes any more; whoever waits for something there
    /// will be told.
    fn give_up_connection(&mut self, index: usize) {
        let mut pending = std::mem::take(&mut self.pending);
        self.close(index, What::Reset, &mut pending);
        self.pending = pending;
    }

    /// The connection that carries the client's next request; a new one where there is none.
    fn carrier(&mut self, client: u32) -> io::Result<usize> {
        if self.current.len() <= client as usize {
            self.current.resize(client as usize + 1, NONE);
        }
        match self.current[client as usize] {
            NONE => self.connect(client),
            index => Ok(index),
        }
    }
}

impl Transport for TcpTransport {
    // Each connection needs a write of its own: nothing is gained by more than one.
    const BATCH: usize = 1;

    fn now_ns(&self) -> u64 {
        monotonic_ns()
    }

    fn start(&mut self, client: u32, request: &Request, last: bool) -> Started {
        // Requests that a client keeps in flight share its connection.
        let client = self.socket_of(client);
        if self.current.get(client as usize) != Some(&self.unwritten) {
            self.flush();
        }
        let started_ns = monotonic_ns();
        // Many in a row that each need a connection are work, not standing still.
        self.pacer.turned(started_ns);
        let index = match self.carrier(client) {
            Ok(index) => index,
            // Over loopback that is known at once.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                let (at_ns, id) = (monotonic_ns(), Some(request.id));
                self.pending.push(Event { at_ns, id, client, what: What::Refused });
                return Started::Sent(started_ns);
            }
            Err(error) => return Started::Impossible(lacking(&error)),
        };
        let connection = self.connections[index].as_mut().expect("a current connection exists");
        if connection.outgoing.len() > MOST_WAITING {
            return Started::Impossible(Lack::Room);
        }
        self.settings.exchange.encode(request, &mut connection.outgoing);
        connection.owed.push_back(Owed {
            id: request.id,
            size: request.request_size,
            given_up: false,
        });
        if self.share != u32::MAX {
            connection.share_left -= 1;
        }
        if last {
            connection.share_left = 0;
        }
        if connection.share_left == 0 {
            self.current[client as usize] = NONE;
        }
        self.unwritten = index;
        let slot = slot_of(request.id);
        if self.carriers.len() <= slot {
            self.carriers.resize(slot + 1, NONE);
        }
        self.carriers[slot] = index;
        if connection.share_left == 0 {
            self.flush();
        }
        Started::Sent(started_ns)
    }

    fn flush(&mut self) {
        if self.unwritten == NONE {
            return;
        }
        // Over loopback a connection is there before the connect call returns.
        let socket = std::mem::replace(&mut self.unwritten, NONE);
        let ready = Ready { socket, readable: false, writable: true, ends: false };
        let mut pending = std::mem::take(&mut self.pending);
        self.attend(ready, &mut pending);
        self.pending = pending;
    }

    fn wait(&mut self, now_ns: u64, until_ns: u64, in_flight: usize, happened: &mut Vec<Event>) {
        happened.append(&mut self.pending);
        self.give_up_closing(now_ns, happened);
        let until_ns = if happened.is_empty() { until_ns } else { 0 };
        if self.attended == self.ready.len() {
            self.ready.clear();
            self.attended = 0;
            self.pacer.wait(now_ns, until_ns, in_flight, &mut self.ready);
        } else {
            // A long list of ready sockets is worked off, not stood still on.
            self.pacer.turned(now_ns);
        }
        // One socket: requests that are due, and those that follow its replies, come before others.
        if let Some(socket) = self.ready.get(self.attended).copied() {
            self.attended += 1;
            self.attend(socket, happened);
        }
    }

    fn socket_of(&self, client: u32) -> u32 {
        if self.settings.sessions { client } else { client % self.settings.clients }
    }

    fn has_unread(&self) -> bool {
        self.attended < self.ready.len() || self.pacer.may_have_more()
    }

    fn leave(&mut self, client: u32) {
        let Some(index) = self.current.get(client as usize).copied() else { return };
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        connection.share_left = 0;
        self.retire(index, client);
        self.close_if_done(index);
    }

    /// A connection that was made for the request goes with it; one that is kept stays, and the
    /// reply may still come late.
    fn abandon(&mut self, id: u64) {
        let Some(index) = self.carriers.get(slot_of(id)).copied() else { return };
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        let (now_ns, client) = (monotonic_ns(), connection.client);
        if connection.connecting_since_ns.is_some_and(|since| now_ns > since + RETRIED_NS) {
            let what = What::Retried;
            self.pending.push(Event { at_ns: now_ns, id: Some(0), client, what });
        }
        if connection.give_up(id, self.settings.exchange.names_requests()) > MOST_GIVEN_UP {
            return self.give_up_connection(index);
        }
        self.close_if_done(index);
    }

    fn hiccups(&self) -> (u64, u64) {
        self.pacer.hiccups()
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    use super::*;

    #[test]
    fn sources_are_many_where_ports_would_run_out() {
        let runs_out = |target: &str, spec: LoadSpec| {
            let target = target.parse().expect("an address");
            let share = Share { index: 0, of: 8 };
            let all = Connections::of(&spec, share, target, Exchange::Echo, Pacing::Spin);
            all.ports_would_run_out()
        };
        let few = LoadSpec::default();
        let many = LoadSpec { clients: 30_000, ..few.clone() };
        let finished = LoadSpec { close: Close::Finish, reuse: Reuse::Per(1), ..few.clone() };
        let reset = LoadSpec { reuse: Reuse::Per(1), ..few.clone() };
        // Several threads come from the same addresses: what all need together counts.
        let local = "127.0.0.1:80";
        assert_eq!([few, reset].map(|spec| runs_out(local, spec)), [false; 2]);
        assert_eq!([&many, &finished].map(|spec| runs_out(local, spec.clone())), [true; 2]);
        // Elsewhere there is one address to come from.
        assert!(!runs_out("192.0.2.1:80", many));
    }

    /// A byte for a byte.
    fn bytes() -> Exchange {
        Exchange::Raw { request: vec![b'x'], reply: crate::exchange::RawReply::Length(1) }
    }

    fn request(id: u64) -> Request {
        Request { id, work: protocol::Work::default(), request_size: 1, reply_size: 1 }
    }

    #[test]
    fn a_connection_that_owes_too_much_is_given_up() {
        // Nobody accepts: the kernel takes the requests all the same.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        let target = listener.local_addr().expect("bound");
        let one =
            Connections::of(&LoadSpec::default(), Share::WHOLE, target, bytes(), Pacing::Spin);
        let mut transport = TcpTransport::new(one).expect("a connection");
        for id in 1..=MOST_GIVEN_UP as u64 + 1 {
            assert_ne!(transport.current, [NONE], "{id}");
            assert!(matches!(transport.start(0, &request(id), false), Started::Sent(_)));
            transport.flush();
            transport.abandon(id);
        }
        assert_eq!(transport.current, [NONE]);
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
        let all = Connections::of(&spec, Share::WHOLE, target, bytes(), Pacing::Spin);
        let mut transport = TcpTransport::new(all).expect("connections");
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
