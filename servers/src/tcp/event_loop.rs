//! Apparent concurrency, connection-oriented: one thread serves all connections, with epoll.
//!
//! # Picture
//!
//! ```text
//!   register once: listener, timer, and each connection when it is accepted
//!            ┌────────────────────────── epoll_wait ◄────────────────────────────────┐
//!            ▼                        ▼                             ▼                │
//!   the listener is ready:   a connection is ready:        a timer expires:          │
//!   accept all, register     read what is there,           finish the request        │
//!            │               compute, write what fits          │                     │
//!            └────────────────────────┴────────────────────────┴─────────────────────┘
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/poll_loop.rs` passes its whole set of sockets to the kernel on every call, and searches the
//! whole set for the ready ones. Here the kernel keeps the set. Each socket is registered once, and
//! a call returns only the ready sockets. The kernel reports a socket only once, when it becomes
//! ready (edge-triggered). The loop must therefore read until nothing is left, or remember that
//! there may be more to read.
//!
//! System calls: `watch` is epoll_ctl(2); `wait` is epoll_wait(2); `accept_all` is accept4(2);
//! `serve` calls recv(2) and send(2) on a non-blocking socket, until a call would block.
//!
//! # When it pays
//!
//! It pays when there are many clients that are mostly silent and whose requests compute little.
//! The cost of an event does not grow with the number of clients. A request that computes stops all
//! clients. The designs that follow therefore spread the loop, or the computing, over several
//! threads.
//!
//! # Where it is described
//!
//! Kegel, "The C10K problem" (1999); epoll(7).
//!
//! The same in plain C: `benches/baselines/tcp_event_loop.c`.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use crate::context::Context;
use crate::readiness::{Events, Readiness, Watch};
use crate::talk::clients::{Arrival, Clients, Due};
use crate::worker::Worker;

/// Marks above the rows of all clients.
const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    listener.set_nonblocking(true)?;
    let master = context.workers.master();
    let mut clients = Clients::new(context)?;
    let readiness = Readiness::new()?;
    readiness.watch(&listener, LISTENER, Watch::NewInput)?;
    readiness.watch(clients.timer(), TIMER, Watch::NewInput)?;
    let mut events = Events::new();
    loop {
        readiness.wait(&mut events)?;
        for ready in events.iter() {
            match ready.mark {
                LISTENER => accept_all(&listener, &mut clients, &readiness, master)?,
                TIMER => {} // handled below
                row => {
                    if let Some(key) = clients.became_ready(row as usize, ready) {
                        clients.serve(key, master);
                    }
                }
            }
        }
        while let Some(due) = clients.next_due() {
            match due {
                Due::Client(key) => clients.serve(key, master),
                Due::Listener => accept_all(&listener, &mut clients, &readiness, master)?,
            }
        }
    }
}

/// Accepts all waiting clients. A client that has already sent a request is served before its
/// socket is watched; many clients need no event at all.
fn accept_all(
    listener: &TcpListener,
    clients: &mut Clients,
    readiness: &Readiness,
    master: Worker,
) -> io::Result<()> {
    while let Arrival::Client(key) = clients.accept(listener)? {
        clients.serve(key, master);
        clients.watch(key, readiness, key.row() as u64);
    }
    Ok(())
}
