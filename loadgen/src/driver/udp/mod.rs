//! The load over UDP: one socket for each client; datagrams that are due together leave in batches.

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

/// Receive buffer of each socket in bytes, so that a burst of replies is not dropped on this side.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Bytes of the buffer for one datagram; more than any datagram holds.
const BUFFER_SIZE: usize = 1 << 16;

/// The most datagrams that one system call sends or receives.
const BATCH: usize = 32;

/// With at most this many sockets a spinning generator reads them without polling first, which
/// costs one system call for each reply and not two.
const FEW_SOCKETS: usize = 2;

/// Batches read from one socket before the other sockets, and the sends, have their turn.
const BATCHES_IN_A_TURN: usize = 8;

/// Settings of a run over UDP.
#[derive(Clone, Debug)]
pub struct Datagrams {
    /// The server.
    pub target: SocketAddr,
    /// The exchange that the datagrams carry.
    pub exchange: Exchange,
    /// Number of sockets.
    pub clients: u32,
    /// Whether the sockets accept replies only from the port that was asked. Otherwise a reply may
    /// come from another port of the same address, as TFTP's do (RFC 1350).
    pub connected: bool,
    /// Whether the kernel's receive stamps are recorded as well.
    pub kernel_stamps: bool,
    /// Whether datagrams of one size that are due together on one socket are passed to the kernel
    /// as GSO segments of one send (UDP_SEGMENT of udp(7)), and replies are received likewise
    /// (UDP_GRO).
    pub offload: bool,
    /// How the generator waits.
    pub pacing: Pacing,
    /// Refusals after which the run ends because no server listens, if nothing else has arrived.
    pub most_refusals: u64,
}

impl Datagrams {
    /// The settings for one shard of a load.
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

/// The sockets of a run over UDP.
pub struct UdpTransport {
    settings: Datagrams,
    sockets: Vec<UdpSocket>,
    pacer: Pacer,
    ready: Vec<Ready>,
    /// Datagrams that leave together from one socket: their bytes, and the range of each in them.
    outgoing: Vec<u8>,
    leaving: Vec<Leaving>,
    /// Whether GSO segments are sent; false once the kernel has refused them.
    sends_segments: bool,
    sender: u32,
    addresses: Vec<Option<SockaddrStorage>>,
    send_headers: MultiHeaders<SockaddrStorage>,
    receive_headers: MultiHeaders<SockaddrStorage>,
    /// Buffer for control messages: the kernel's stamp, or the size of GRO segments.
    control: Vec<u8>,
    incoming: Vec<u8>,
    /// Refusals noticed while sending, by socket and, if known, request; reported at the next wait.
    refused: Vec<(u32, Option<u64>)>,
    /// The first datagram that was not a reply.
    unreadable: Option<Unreadable>,
}

/// A datagram that is to leave.
struct Leaving {
    id: u64,
    bytes: Range<usize>,
}

impl UdpTransport {
    /// Opens the sockets.
    ///
    /// # Errors
    /// When a socket cannot be created.
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

    /// Sends the batch and returns how many datagrams the kernel took; the rest stays for the next
    /// time.
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
                // Segments do not work with this device or size: single datagrams from now on.
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

    /// Number and size of the datagrams at the front of the batch that have one size; `None` if
    /// they cannot be sent as GSO segments.
    fn segments(&self) -> Option<(usize, u16)> {
        let size = self.leaving.first().filter(|_| self.sends_segments)?.bytes.len();
        let alike = self.leaving.iter().take_while(|it| it.bytes.len() == size).count();
        let count = alike.min(MAX_DATAGRAM_SIZE / size.max(1));
        (count > 1 && size > 0).then_some((count, size as u16))
    }

    /// Sends `count` datagrams of `size` bytes, adjacent in the buffer, as GSO segments of one
    /// send.
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

    /// An error may belong to an earlier datagram that came back; the kernel then reports it once
    /// (udp(7)). If the second attempt succeeds, the datagrams sent by it had no error of their
    /// own.
    fn flush(&mut self) {
        let mut was_stopped = false;
        while !self.leaving.is_empty() {
            match self.send_batch() {
                Ok(sent) => {
                    if was_stopped {
                        self.refused.push((self.sender, None));
                    }
                    // sendmmsg(2) does not report why it stopped. If the next call sends at once,
                    // the cause was an earlier datagram's refusal, and not a full buffer.
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
        // With no time to wait, everything that has arrived must be read: the sockets are polled.
        let may_wait = until_ns > now_ns && !self.pacer.has_unfinished();
        let few = self.sockets.len() <= FEW_SOCKETS;
        if may_wait && few && self.pacer.spins() && in_flight > 0 {
            return self.receive_spinning(now_ns, until_ns, in_flight, happened);
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.pacer.wait(now_ns, until_ns, in_flight, &mut ready);
        for (position, socket) in ready.drain(..).enumerate() {
            if position > 0 {
                // Processing a long list of ready sockets is not a hiccup.
                self.pacer.tick(monotonic_ns());
            }
            self.receive(socket.socket as u32, happened);
        }
        self.ready = ready;
    }

    fn numbers_requests(&self) -> bool {
        self.settings.exchange == Exchange::Next
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
