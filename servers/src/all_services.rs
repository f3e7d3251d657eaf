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
//! `tcp/event_loop.rs` and `udp/event_loop.rs` each watch one endpoint. Here one loop watches an
//! endpoint for every pair of service and transport, and serves each as those designs do. One
//! process offers what would take nine, and the code of a service exists once for both transports.
//!
//! # When it pays
//!
//! It pays for many small services that are seldom used: there is one process to start, watch and
//! keep in memory. A request that computes for long delays all services. A service that is used
//! heavily, or may fail, should be a server of its own.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Multiprotocol Servers" and "Multiservice Servers".

use std::convert::Infallible;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use crate::context::Context;
use crate::readiness::{Events, Readiness, Ready, Watch};
use crate::talk::clients::{Arrival, Clients, Due};
use crate::talk::datagram::datagram_buffer;
use crate::udp::event_loop::Server as Datagrams;
use crate::worker::Worker;

/// A mark is the number of an endpoint times this value, plus the row of a client.
const ROWS: u64 = 1 << 32;
const LISTENER: u64 = ROWS - 1;
const TIMER: u64 = ROWS - 2;

/// The endpoints, and the one loop that watches them.
pub(crate) struct AllServices {
    readiness: Readiness,
    endpoints: Vec<Endpoint>,
}

impl AsFd for AllServices {
    /// The socket of the first endpoint.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.endpoints[0] {
            Endpoint::Udp(datagrams) => datagrams.socket(),
            Endpoint::Tcp { listener, .. } => listener.as_fd(),
        }
    }
}

/// One service over one transport.
enum Endpoint {
    Udp(Box<Datagrams>),
    Tcp { listener: TcpListener, clients: Clients, worker: Worker },
}

impl AllServices {
    /// A server that offers nothing yet.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { readiness: Readiness::new()?, endpoints: Vec::new() })
    }

    /// Offers the service of `context` over UDP.
    pub(crate) fn offer_udp(
        &mut self,
        socket: UdpSocket,
        context: &'static Context,
    ) -> io::Result<()> {
        let datagrams = Datagrams::new(socket, context, context.workers.master())?;
        self.watch(datagrams.descriptors())?;
        self.endpoints.push(Endpoint::Udp(Box::new(datagrams)));
        Ok(())
    }

    /// Offers the service of `context` over TCP.
    pub(crate) fn offer_tcp(
        &mut self,
        listener: TcpListener,
        context: &'static Context,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let clients = Clients::new(context)?;
        self.watch([listener.as_fd(), clients.timer()])?;
        let worker = context.workers.master();
        self.endpoints.push(Endpoint::Tcp { listener, clients, worker });
        Ok(())
    }

    /// Watches the socket and the timer of the next endpoint.
    fn watch(&self, [socket, timer]: [BorrowedFd<'_>; 2]) -> io::Result<()> {
        let first = self.endpoints.len() as u64 * ROWS;
        self.readiness.watch(socket, first + LISTENER, Watch::NewInput)?;
        self.readiness.watch(timer, first + TIMER, Watch::NewInput)
    }

    /// Serves until a socket fails.
    pub(crate) fn serve(mut self) -> io::Result<Infallible> {
        let mut events = Events::new();
        let mut buffer = datagram_buffer();
        let mut more_may_have_come = false;
        loop {
            match more_may_have_come {
                true => self.readiness.look(&mut events)?,
                false => self.readiness.wait(&mut events)?,
            }
            for ready in events.iter() {
                let number = ready.mark / ROWS;
                self.endpoints[number as usize].connection_event(ready, number, &self.readiness)?;
            }
            // Every endpoint has one turn, so that many datagrams at one do not keep the others
            // waiting.
            more_may_have_come = false;
            for endpoint in &mut self.endpoints {
                if let Endpoint::Udp(datagrams) = endpoint {
                    datagrams.finish_what_is_due();
                    more_may_have_come |= datagrams.take_requests(&mut buffer)?;
                }
            }
        }
    }
}

impl Endpoint {
    fn connection_event(
        &mut self,
        ready: Ready,
        number: u64,
        readiness: &Readiness,
    ) -> io::Result<()> {
        let Self::Tcp { listener, clients, worker } = self else { return Ok(()) };
        let part = ready.mark % ROWS;
        let mut somebody_comes = part == LISTENER;
        if part < TIMER
            && let Some(key) = clients.became_ready(part as usize, ready)
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
            clients.watch(key, readiness, number * ROWS + key.row() as u64);
        }
        Ok(())
    }
}
