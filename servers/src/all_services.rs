//! A multiservice, multiprotocol server: every service over UDP and TCP, from one thread.
//!
//! # Picture
//!
//! ```text
//!   udp work, echo, daytime, time ───────► ┐                      ┌─► the datagram's reply
//!                                          ├─► epoll, one loop ───┤
//!   tcp work, echo, daytime, time, http ─► ┘                      └─► the connection's next step
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/event_loop.rs` and `udp/event_loop.rs` each watch one door. Here one loop watches a door
//! for every pair of service and transport; behind each stands what stands behind theirs. One
//! process offers what would take nine, and the code of a service is there once for both
//! transports.
//!
//! # When it pays
//!
//! For many small services that are seldom asked: one process to start, watch and keep in memory.
//! A request that computes for long holds up all services; a service that is asked much, or may
//! fail, had better be a server of its own.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Multiprotocol Servers" and "Multiservice Servers".

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::context::Context;
use crate::talk::clients::{Arrival, Clients, Due};
use crate::talk::datagram::datagram_buffer;
use crate::udp::event_loop::Server as Datagrams;
use crate::worker::Worker;

/// Most events taken from the kernel in one call.
const EVENTS: usize = 256;

/// A token names a door and, below this many, a row of its clients.
const ROWS: usize = 1 << 32;
const LISTENER: usize = ROWS - 1;
const TIMER: usize = ROWS - 2;

/// The doors, and the one loop that watches them.
pub(crate) struct AllServices {
    poll: Poll,
    doors: Vec<Door>,
}

impl AsFd for AllServices {
    /// The first of its sockets.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.doors[0] {
            Door::Udp(datagrams) => datagrams.socket(),
            Door::Tcp { listener, .. } => listener.as_fd(),
        }
    }
}

/// One service over one transport.
enum Door {
    Udp(Box<Datagrams>),
    Tcp { listener: TcpListener, clients: Clients, worker: Worker },
}

impl AllServices {
    /// A server that offers nothing yet.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, doors: Vec::new() })
    }

    /// Offers what `context` serves over UDP.
    pub(crate) fn offer_udp(
        &mut self,
        socket: UdpSocket,
        context: &'static Context,
    ) -> io::Result<()> {
        let datagrams = Datagrams::new(socket, context, context.workers.master())?;
        let [socket, timer] = datagrams.descriptors();
        self.watch(socket, timer, Door::Udp(Box::new(datagrams)))
    }

    /// The same over TCP.
    pub(crate) fn offer_tcp(
        &mut self,
        listener: TcpListener,
        context: &'static Context,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let clients = Clients::new(context)?;
        let (socket, timer) = (listener.as_raw_fd(), clients.timer_number());
        let worker = context.workers.master();
        self.watch(socket, timer, Door::Tcp { listener, clients, worker })
    }

    fn watch(&mut self, socket: RawFd, timer: RawFd, door: Door) -> io::Result<()> {
        let number = self.doors.len();
        for (descriptor, part) in [(socket, LISTENER), (timer, TIMER)] {
            let token = Token(number * ROWS + part);
            self.poll.registry().register(&mut SourceFd(&descriptor), token, Interest::READABLE)?;
        }
        self.doors.push(door);
        Ok(())
    }

    /// Serves until a socket fails.
    pub(crate) fn serve(mut self) -> io::Result<Infallible> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = datagram_buffer();
        let mut more_may_have_come = false;
        loop {
            let timeout = more_may_have_come.then_some(Duration::ZERO);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                let (number, part) = (event.token().0 / ROWS, event.token().0 % ROWS);
                self.doors[number].connection_event(event, number, part, &self.poll)?;
            }
            // Every door has its turn, and none has two: many datagrams at one must not keep the
            // others closed.
            more_may_have_come = false;
            for door in &mut self.doors {
                if let Door::Udp(datagrams) = door {
                    datagrams.finish_what_is_due();
                    more_may_have_come |= datagrams.take_requests(&mut buffer)?;
                }
            }
        }
    }
}

impl Door {
    fn connection_event(
        &mut self,
        event: &Event,
        number: usize,
        part: usize,
        poll: &Poll,
    ) -> io::Result<()> {
        let Self::Tcp { listener, clients, worker } = self else { return Ok(()) };
        let mut somebody_comes = part == LISTENER;
        if part < TIMER
            && let Some(key) = clients.became_ready(part, event)
        {
            clients.serve(key, *worker);
        }
        while let Some(due) = clients.next_due() {
            match due {
                Due::Client(key) => clients.serve(key, *worker),
                Due::Listener => somebody_comes = true,
            }
        }
        while somebody_comes && let Arrival::Client(key) = clients.accept(listener)? {
            clients.serve(key, *worker);
            let Some(socket) = clients.socket(key).map(|socket| socket.as_raw_fd()) else {
                continue;
            };
            let token = Token(number * ROWS + key.row());
            let both = Interest::READABLE | Interest::WRITABLE;
            if poll.registry().register(&mut SourceFd(&socket), token, both).is_err() {
                clients.close(key); // no memory left in the kernel
            }
        }
        Ok(())
    }
}
