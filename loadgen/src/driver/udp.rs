//! The load over UDP: one connected socket for each client.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Token};
use protocol::{Decoded, Reply, Request, decode_reply, encode_request};
use socket2::{Domain, Protocol, Socket, Type};

use super::pacer::{Pacer, Pacing, Ready, monotonic_ns};
use super::{DriveError, Event, Started, Transport, What};

/// Asked for as receive buffer, so that a burst of replies is not dropped on this side.
const RECEIVE_BUFFER: usize = 4 << 20;

/// More than any datagram holds.
const BUFFER_SIZE: usize = 1 << 16;

/// Datagrams of one socket before the others, and the sends, have their turn.
const DATAGRAMS_IN_A_TURN: usize = 256;

/// Sockets of a run over UDP.
pub struct UdpTransport {
    sockets: Vec<UdpSocket>,
    pacer: Pacer,
    ready: Vec<Ready>,
    outgoing: Vec<u8>,
    incoming: Box<[u8; BUFFER_SIZE]>,
    /// Noticed while sending; told at the next wait.
    refused: Vec<u32>,
}

impl UdpTransport {
    /// Makes `clients` sockets towards `target`.
    ///
    /// # Errors
    /// When the kernel has no sockets left.
    pub fn new(target: SocketAddr, clients: u32, pacing: Pacing) -> Result<Self, DriveError> {
        let open = || -> io::Result<(Vec<UdpSocket>, Pacer)> {
            let pacer = Pacer::new(pacing)?;
            let sockets = (0..clients)
                .map(|client| {
                    let mut socket = open_socket(target)?;
                    let token = Token(client as usize);
                    pacer.registry().register(&mut socket, token, Interest::READABLE)?;
                    Ok(socket)
                })
                .collect::<io::Result<_>>()?;
            Ok((sockets, pacer))
        };
        let (sockets, pacer) = open().map_err(DriveError::Socket)?;
        Ok(Self {
            sockets,
            pacer,
            ready: Vec::with_capacity(64),
            outgoing: Vec::new(),
            incoming: Box::new([0; BUFFER_SIZE]),
            refused: Vec::new(),
        })
    }

    /// Takes in all that has arrived on one socket; readiness is told once only.
    fn receive(&mut self, client: u32, happened: &mut Vec<Event>) {
        for _ in 0..DATAGRAMS_IN_A_TURN {
            let received = self.sockets[client as usize].recv(&mut self.incoming[..]);
            let at_ns = monotonic_ns();
            let event = |id, what| Event { at_ns, id, client, what };
            match received {
                Ok(length) => match whole_reply(&self.incoming[..length]) {
                    // The refusal of something unreadable carries no id.
                    Some(reply) => {
                        let id = (reply.id > 0).then_some(reply.id);
                        happened.push(event(id, What::Reply(reply)));
                    }
                    None => happened.push(event(None, What::Wrong)),
                },
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted => {}
                    // An earlier datagram came back: nobody listens there.
                    _ => happened.push(event(None, What::Refused)),
                },
            }
        }
        self.pacer.come_back_to(Ready { socket: client as usize, readable: true, writable: false });
    }
}

fn open_socket(target: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(target), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.connect(&target.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

fn whole_reply(datagram: &[u8]) -> Option<Reply> {
    match decode_reply(datagram) {
        Ok(Decoded::Complete { message, length }) if length == datagram.len() => Some(message),
        _ => None,
    }
}

impl Transport for UdpTransport {
    fn now_ns(&self) -> u64 {
        monotonic_ns()
    }

    fn start(&mut self, client: u32, request: &Request) -> Started {
        self.outgoing.clear();
        encode_request(request, &mut self.outgoing);
        // The first attempt may only be told of the refusal of an earlier datagram.
        for _ in 0..2 {
            match self.sockets[client as usize].send(&self.outgoing) {
                Ok(_) => return Started::Sent,
                Err(error) => match error.kind() {
                    ErrorKind::ConnectionRefused => self.refused.push(client),
                    ErrorKind::WouldBlock | ErrorKind::Interrupted => return Started::Later,
                    _ => return Started::Impossible,
                },
            }
        }
        Started::Later
    }

    fn wait(&mut self, until_ns: u64, in_flight: usize, happened: &mut Vec<Event>) {
        let at_ns = monotonic_ns();
        for client in self.refused.drain(..) {
            happened.push(Event { at_ns, id: None, client, what: What::Refused });
        }
        if !happened.is_empty() {
            return;
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.pacer.wait(until_ns, in_flight, &mut ready);
        for socket in ready.drain(..) {
            self.receive(socket.socket as u32, happened);
        }
        self.ready = ready;
    }

    fn abandon(&mut self, _id: u64) {}

    fn hiccups(&self) -> (u64, u64) {
        self.pacer.hiccups()
    }
}
