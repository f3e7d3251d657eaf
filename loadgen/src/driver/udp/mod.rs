//! The load over UDP: a socket for each client, and datagrams in batches where more than one is
//! due.

mod receiving;

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use mio::{Interest, Token};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, TimestampingFlag, Timestamps,
    sendmmsg, sendmsg, setsockopt, sockopt,
};
use protocol::{MAX_DATAGRAM_SIZE, Request};
use results::UnsentCause;
use socket2::{Domain, Protocol, Socket, Type};
use workload::{LoadSpec, Shard};

use super::pacer::{Pacer, Pacing, Ready, monotonic_ns};
use super::{DriveError, Event, Noticed, Started, Transport, Unreadable, What};
use crate::exchange::Exchange;

/// Asked for as receive buffer, so that a burst of replies is not dropped on this side.
const RECEIVE_BUFFER: usize = 4 << 20;

/// More than any datagram holds.
const BUFFER_SIZE: usize = 1 << 16;

/// Datagrams of one system call at most.
const BATCH: usize = 32;

/// A generator that spins asks so few sockets themselves whether something has come: that is one
/// system call for a reply and not two.
const FEW_SOCKETS: usize = 2;

/// Batches of one socket before the others, and the sends, have their turn.
const BATCHES_IN_A_TURN: usize = 8;

/// How a run uses datagrams.
#[derive(Clone, Debug)]
pub struct Datagrams {
    /// The server.
    pub target: SocketAddr,
    /// What is said in them.
    pub exchange: Exchange,
    /// How many sockets.
    pub clients: u32,
    /// Whether the sockets hear the server's address only on the port that was asked. Otherwise a
    /// reply may come from another port of the same address, as TFTP's do (RFC 1350).
    pub connected: bool,
    /// Whether the kernel's receive stamps are taken, too.
    pub kernel_stamps: bool,
    /// Whether datagrams of one size that are due together on one socket go to the kernel as one
    /// train, which it takes apart (UDP_SEGMENT of udp(7)), and replies come likewise (UDP_GRO).
    pub offload: bool,
    /// How the generator waits.
    pub pacing: Pacing,
    /// Refusals after which nobody is taken to listen there, if nothing else has come.
    pub most_refusals: u64,
}

impl Datagrams {
    /// Those of one shard of a load.
    #[must_use]
    pub fn of(
        spec: &LoadSpec,
        shard: Shard,
        target: SocketAddr,
        exchange: Exchange,
        pacing: Pacing,
    ) -> Self {
        let clients = shard.part_of(spec.clients);
        Self {
            target,
            exchange,
            clients,
            connected: true,
            kernel_stamps: false,
            offload: false,
            pacing,
            most_refusals: super::MOST_REFUSALS,
        }
    }
}

/// Sockets of a run over UDP.
pub struct UdpTransport {
    settings: Datagrams,
    sockets: Vec<UdpSocket>,
    pacer: Pacer,
    ready: Vec<Ready>,
    /// Datagrams that leave together, from one socket: their bytes, and where each lies in them.
    outgoing: Vec<u8>,
    leaving: Vec<Leaving>,
    /// Until the kernel says that it takes none here.
    sends_segments: bool,
    sender: u32,
    addresses: Vec<Option<SockaddrStorage>>,
    send_headers: MultiHeaders<SockaddrStorage>,
    receive_headers: MultiHeaders<SockaddrStorage>,
    /// What the kernel notes beside a datagram: its stamp, or the size of those in a train.
    control: Vec<u8>,
    incoming: Vec<u8>,
    /// Noticed while sending, by socket and, where that is known, request; told at the next wait.
    refused: Vec<(u32, Option<u64>)>,
    /// The first datagram that was no reply.
    unreadable: Option<Unreadable>,
}

/// A datagram that is to leave.
struct Leaving {
    id: u64,
    bytes: Range<usize>,
}

impl UdpTransport {
    /// Makes the sockets.
    ///
    /// # Errors
    /// When the kernel has no sockets left.
    pub fn new(settings: Datagrams) -> Result<Self, DriveError> {
        let open = || -> io::Result<(Vec<UdpSocket>, Pacer)> {
            let pacer = Pacer::new(settings.pacing)?;
            let sockets = (0..settings.clients)
                .map(|client| {
                    let mut socket = open_socket(&settings)?;
                    let token = Token(client as usize);
                    pacer.registry().register(&mut socket, token, Interest::READABLE)?;
                    Ok(socket)
                })
                .collect::<io::Result<_>>()?;
            Ok((sockets, pacer))
        };
        let (sockets, pacer) = open().map_err(DriveError::Socket)?;
        let address = (!settings.connected).then(|| SockaddrStorage::from(settings.target));
        Ok(Self {
            sockets,
            pacer,
            ready: Vec::with_capacity(64),
            outgoing: Vec::new(),
            leaving: Vec::with_capacity(BATCH),
            sends_segments: settings.offload,
            sender: 0,
            addresses: vec![address; BATCH],
            send_headers: MultiHeaders::preallocate(BATCH, None),
            receive_headers: MultiHeaders::preallocate(BATCH, None),
            control: nix::cmsg_space!(Timestamps, i32),
            incoming: vec![0; BATCH * BUFFER_SIZE],
            refused: Vec::new(),
            unreadable: None,
            settings,
        })
    }

    /// Sends the batch; what the kernel does not take stays for the next time.
    fn send_batch(&mut self) -> nix::Result<usize> {
        let socket = &self.sockets[self.sender as usize];
        if let ([only], true) = (&self.leaving[..], self.settings.connected) {
            let sent = socket.send(&self.outgoing[only.bytes.clone()]);
            return sent
                .map(|_| 1)
                .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw));
        }
        if let Some((count, size)) = self.segments() {
            match self.send_segments(count, size) {
                // Not with this device or this size: singly, then, and from now on.
                Err(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::EOPNOTSUPP) => {
                    self.sends_segments = false;
                }
                sent => return sent,
            }
        }
        let socket = &self.sockets[self.sender as usize];
        let slices: [[IoSlice<'_>; 1]; BATCH] = std::array::from_fn(|index| {
            let bytes = self.leaving.get(index).map_or(0..0, |leaving| leaving.bytes.clone());
            [IoSlice::new(&self.outgoing[bytes])]
        });
        let sent = sendmmsg(
            socket.as_raw_fd(),
            &mut self.send_headers,
            slices[..self.leaving.len()].iter(),
            &self.addresses,
            [],
            MsgFlags::MSG_DONTWAIT,
        )?;
        Ok(sent.count())
    }

    /// How many datagrams at the front of the batch are of one size, and that size; `None` where
    /// they make no train.
    fn segments(&self) -> Option<(usize, u16)> {
        let size = self.leaving.first().filter(|_| self.sends_segments)?.bytes.len();
        let alike = self.leaving.iter().take_while(|it| it.bytes.len() == size).count();
        let count = alike.min(MAX_DATAGRAM_SIZE / size.max(1));
        (count > 1 && size > 0).then_some((count, size as u16))
    }

    /// Sends so many datagrams of one size, which lie one behind the other, as one.
    fn send_segments(&mut self, count: usize, size: u16) -> nix::Result<usize> {
        let bytes = self.leaving[0].bytes.start..self.leaving[count - 1].bytes.end;
        sendmsg(
            self.sockets[self.sender as usize].as_raw_fd(),
            &[IoSlice::new(&self.outgoing[bytes])],
            &[ControlMessage::UdpGsoSegments(&size)],
            MsgFlags::MSG_DONTWAIT,
            self.addresses[0].as_ref(),
        )?;
        Ok(count)
    }
}

fn open_socket(settings: &Datagrams) -> io::Result<UdpSocket> {
    let target = settings.target;
    let socket = Socket::new(Domain::for_address(target), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_nonblocking(true)?;
    if settings.kernel_stamps {
        let flags = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
        setsockopt(&socket, sockopt::Timestamping, &flags)?;
    }
    if settings.offload {
        setsockopt(&socket, sockopt::UdpGroSegment, &true)?;
    }
    if settings.connected {
        socket.connect(&target.into())?;
    }
    Ok(UdpSocket::from_std(socket.into()))
}

impl Transport for UdpTransport {
    const BATCH: usize = 8;

    fn now_ns(&self) -> u64 {
        monotonic_ns()
    }

    fn start(&mut self, client: u32, request: &Request, _last: bool) -> Started {
        let client = client % self.settings.clients;
        if self.sender != client || self.leaving.len() == BATCH {
            self.flush();
            if !self.leaving.is_empty() {
                return Started::Later;
            }
        }
        self.sender = client;
        let started_ns = monotonic_ns();
        let begin = self.outgoing.len();
        self.settings.exchange.encode(request, &mut self.outgoing);
        if self.outgoing.len() - begin > MAX_DATAGRAM_SIZE {
            self.outgoing.truncate(begin);
            return Started::Impossible(UnsentCause::Room);
        }
        self.leaving.push(Leaving { id: request.id, bytes: begin..self.outgoing.len() });
        Started::Sent(started_ns)
    }

    /// An error may be that of an earlier datagram which came back, and which is then told once
    /// (udp(7)): what is sent at the second attempt had none of its own.
    fn flush(&mut self) {
        let mut was_stopped = false;
        while !self.leaving.is_empty() {
            match self.send_batch() {
                Ok(sent) => {
                    if was_stopped {
                        self.refused.push((self.sender, None));
                    }
                    // sendmmsg(2) keeps to itself why it stopped. What can be sent on at once was
                    // not stopped by a full buffer, but by an earlier datagram's refusal.
                    was_stopped = !self.sends_segments && sent < self.leaving.len();
                    self.leaving.drain(..sent);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN | Errno::ENOBUFS) => return,
                Err(Errno::ECONNREFUSED) => self.refused.push((self.sender, None)),
                Err(_) if !was_stopped => was_stopped = true,
                Err(_) => {
                    let never = self.leaving.remove(0);
                    self.refused.push((self.sender, Some(never.id)));
                    was_stopped = false;
                }
            }
        }
        self.outgoing.clear();
    }

    fn wait(&mut self, now_ns: u64, until_ns: u64, in_flight: usize, happened: &mut Vec<Event>) {
        let mut until_ns = until_ns;
        if !self.leaving.is_empty() {
            self.flush();
            if !self.leaving.is_empty() {
                until_ns = 0;
            }
        }
        for (client, id) in self.refused.drain(..) {
            let at_ns = monotonic_ns();
            happened.push(Event { at_ns, id, client, what: What::Refused });
        }
        if !happened.is_empty() {
            until_ns = 0;
        }
        // A look that must not miss anything, with no time to wait, reads everything there is.
        let may_wait = until_ns > now_ns && !self.pacer.has_unfinished();
        let few = self.sockets.len() <= FEW_SOCKETS;
        if may_wait && few && self.pacer.spins() && in_flight > 0 {
            return self.receive_spinning(now_ns, until_ns, in_flight, happened);
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.pacer.wait(now_ns, until_ns, in_flight, &mut ready);
        for (position, socket) in ready.drain(..).enumerate() {
            if position > 0 {
                // A long list of ready sockets is worked off, not stood still on.
                self.pacer.tick(monotonic_ns());
            }
            self.receive(socket.socket as u32, happened);
        }
        self.ready = ready;
    }

    fn socket_of(&self, client: u32) -> u32 {
        client % self.settings.clients
    }

    fn has_unread(&self) -> bool {
        self.pacer.may_have_more()
    }

    fn abandon(&mut self, _id: u64) {}

    fn hiccups(&self) -> (u64, u64) {
        self.pacer.hiccups()
    }

    fn noticed(&self) -> Noticed {
        Noticed { unreadable: self.unreadable.clone(), ..Noticed::default() }
    }

    fn most_refusals(&self) -> u64 {
        self.settings.most_refusals
    }
}
