//! Apparent concurrency, connection-oriented: one thread, all connections, epoll.
//!
//! # Picture
//!
//! ```text
//!   register once: listener, timer, and each connection when it is accepted
//!            ┌────────────────────────── epoll_wait ◄────────────────────────────────┐
//!            ▼                        ▼                             ▼                │
//!   the listener is ready:   a connection is ready:        a timer has come:         │
//!   accept all, register     read what is there,           finish the request        │
//!            │               compute, write what fits          │                     │
//!            └────────────────────────┴────────────────────────┴─────────────────────┘
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/poll_loop.rs` tells the kernel its whole set on every call and looks through all of it for
//! the ready ones. Here the set lives in the kernel: each socket is registered once, and a call
//! returns the ready ones only. Readiness is told once (edge-triggered), when it begins; so
//! whoever was told must read until nothing is left, or remember that there may be more.
//!
//! In system calls, `register` is epoll_ctl(2), `poll` epoll_wait(2), `accept_all` accept4(2);
//! `serve` calls recv(2) and send(2) on a socket that does not block, until it would.
//!
//! # When it pays
//!
//! When clients are many, mostly silent, and compute little: the price of an event does not grow
//! with their number. One request that computes stops everybody; the designs that follow spread
//! the loop, or the computing, over several threads.
//!
//! # Where it is described
//!
//! Kegel, "The C10K problem" (1999); epoll(7); the library mio, whose guide shows this loop.
//!
//! The same in plain C: `benches/baselines/tcp_event_loop.c`.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

use crate::context::Context;
use crate::talk::clients::{Arrival, Clients, Due};
use crate::worker::Worker;

/// Above the rows of all clients.
const LISTENER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);

/// Most events taken from the kernel in one call.
const EVENTS: usize = 256;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    listener.set_nonblocking(true)?;
    let master = context.workers.master();
    let mut clients = Clients::new(context)?;
    let mut poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    registry.register(&mut SourceFd(&listener.as_raw_fd()), LISTENER, Interest::READABLE)?;
    registry.register(&mut SourceFd(&clients.timer_number()), TIMER, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            match event.token() {
                LISTENER => accept_all(&listener, &mut clients, &registry, master)?,
                TIMER => {} // what is due is done below
                Token(row) => {
                    if let Some(key) = clients.became_ready(row, event) {
                        clients.serve(key, master);
                    }
                }
            }
        }
        while let Some(due) = clients.next_due() {
            match due {
                Due::Client(key) => clients.serve(key, master),
                Due::Listener => accept_all(&listener, &mut clients, &registry, master)?,
            }
        }
    }
}

/// Takes in all who are waiting. Whoever has spoken already is served before the socket is
/// registered: many need no event at all.
fn accept_all(
    listener: &TcpListener,
    clients: &mut Clients,
    registry: &Registry,
    master: Worker,
) -> io::Result<()> {
    while let Arrival::Client(key) = clients.accept(listener)? {
        clients.serve(key, master);
        let Some(socket) = clients.socket(key).map(|socket| socket.as_raw_fd()) else { continue };
        let both = Interest::READABLE | Interest::WRITABLE;
        if registry.register(&mut SourceFd(&socket), Token(key.row()), both).is_err() {
            clients.close(key); // no memory left in the kernel: this client's loss, not the server's
        }
    }
    Ok(())
}
