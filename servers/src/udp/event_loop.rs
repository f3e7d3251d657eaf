//! Apparent concurrency, connectionless: one thread, and a timer for each request that waits.
//!
//! # Picture
//!
//! ```text
//!              ┌────────────────────────── epoll ◄─────────────────────────┐
//!              ▼                             ▼                             │
//!   the socket is readable:        a timer expires:                        │
//!   recvfrom, compute              sendto the reply                        │
//!        │      │                                                          │
//!        │      └─ it waits: set a timer ──────────────────────────────────┤
//!        └──────── it does not: sendto ────────────────────────────────────┘
//! ```
//!
//! # What changed from the one before
//!
//! `udp/iterative.rs` sleeps while a request waits. Here the wait becomes a timer, and the thread
//! receives the next datagram meanwhile, so many requests can wait at once. Computing stays in the
//! loop, one request after the other. An event loop that computes is therefore in effect an
//! iterative server.
//!
//! System calls: `watch` is epoll_ctl(2); `wait` is epoll_wait(2); `take_requests` calls recvmsg(2)
//! until the socket is empty or its turn is over; `finish_what_is_due` calls sendto(2).
//!
//! # When it pays
//!
//! It pays when requests wait for something outside the server (a disk, another server) and compute
//! little. The server never creates a worker and needs no lock. A request that computes for long
//! delays all others.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Single-Process, Concurrent Servers"; Pai, Druschel & Zwaenepoel,
//! "Flash: An Efficient and Portable Web Server", USENIX 1999, on what such a loop may not do.

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd};

use crate::clock::monotonic_ns;
use crate::context::{Context, PendingJob};
use crate::readiness::{Events, Readiness, Watch};
use crate::talk::datagram::{Datagram, datagram_buffer, job_of, receive_now};
use crate::timers::Timers;
use crate::worker::Worker;

/// Requests taken before the timers have their turn.
const REQUESTS_IN_A_TURN: usize = 64;

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let mut server = Server::new(socket, context, context.workers.master())?;
    let readiness = Readiness::new()?;
    for descriptor in server.descriptors() {
        readiness.watch(descriptor, 0, Watch::NewInput)?; // which of them does not matter
    }
    let mut events = Events::new();
    let mut buffer = datagram_buffer();
    loop {
        server.finish_what_is_due(); // first, so that more requests may wait
        // Readiness is reported once. While more requests may have come, only look at the timers.
        match server.take_requests(&mut buffer)? {
            true => readiness.look(&mut events)?,
            false => readiness.wait(&mut events)?,
        }
    }
}

/// The socket, and the requests that have come through it and are still waiting.
pub(crate) struct Server {
    socket: UdpSocket,
    context: &'static Context,
    worker: Worker,
    /// Requests whose computing is done and whose waiting is not.
    waiting: Timers<(Datagram<Vec<u8>>, PendingJob)>,
}

impl Server {
    pub(crate) fn new(
        socket: UdpSocket,
        context: &'static Context,
        worker: Worker,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, context, worker, waiting: Timers::new()? })
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The descriptors to watch: the socket and the timer.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.socket.as_fd(), self.waiting.as_fd()]
    }

    /// Receives and starts requests, up to a bound; returns whether there may be more. While too
    /// many requests are waiting it takes none; they stay in the receive buffer until a timer
    /// expires.
    pub(crate) fn take_requests(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        for _ in 0..REQUESTS_IN_A_TURN {
            if self.waiting.count() >= self.context.limits.clients {
                return Ok(false);
            }
            let Some(request) = receive_now(&self.socket, buffer, self.context)? else {
                return Ok(false);
            };
            let Some(job) = job_of(&request, self.context) else { continue };
            let pending = self.context.begin(job, request.taken_up);
            match pending.due_ns() {
                Some(due_ns) => self.waiting.set(due_ns, (request.to_owned(), pending)),
                None => self.reply(&request, &pending),
            }
        }
        Ok(true)
    }

    pub(crate) fn finish_what_is_due(&mut self) {
        while let Some((request, pending)) = self.waiting.next_due(monotonic_ns()) {
            self.reply(&request, &pending);
        }
    }

    fn reply<Bytes: AsRef<[u8]>>(&self, request: &Datagram<Bytes>, pending: &PendingJob) {
        let mut reply = Vec::new();
        self.context.finish(pending, request.bytes.as_ref(), self.worker, &mut reply);
        // A reply that finds the socket's buffer full is lost, as any datagram may be.
        let _ = self.socket.send_to(&reply, request.sender);
    }
}
