//! Apparent concurrency, connection-oriented: one thread serves all connections, with poll.
//!
//! # Picture
//!
//! ```text
//!            ┌───────────────── poll(listener, timer, every connection) ◄────────────┐
//!            ▼                        ▼                             ▼                │
//!   the listener is ready:   a connection is ready:        a timer expires:          │
//!   accept, add to the set   read what is there,           finish the request        │
//!            │               compute, write what fits          │                     │
//!            └────────────────────────┴────────────────────────┴─────────────────────┘
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/iterative.rs` reads from one client until it leaves. Here one thread asks the kernel which
//! of all its sockets are ready. For each ready socket it does only what does not block. It keeps
//! the part of a request that it has read so far, and the part of a reply that it could not write
//! yet. A request that waits becomes a timer. All that the server must remember of a client is the
//! client's state (`talk/nonblocking.rs`).
//!
//! System calls: `wait` is poll(2); `accept` is accept4(2); `serve` calls recv(2) and send(2) on a
//! non-blocking socket, until a call would block.
//!
//! # When it pays
//!
//! It pays when there are many clients that are mostly silent, or clients that must share data
//! without locks. Every call passes the whole set of sockets to the kernel, and both the kernel and
//! the loop search it. The cost of an event therefore grows with the number of clients, but a few
//! hundred are no problem. A request that computes stops all clients.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Single-Process, Concurrent Servers"; Stevens, *UNIX Network
//! Programming* vol. 1 (3rd ed.), ch. 6, "TCP Echo Server (Revisited Again)"; poll(2).

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::context::Context;
use crate::talk::clients::{Arrival, Clients, Due};
use crate::talk::nonblocking::Interest;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    listener.set_nonblocking(true)?;
    let master = context.workers.master();
    let mut clients = Clients::new(context)?;
    let mut listening = true;
    loop {
        let (somebody_comes, ready) = wait(&listener, listening, &clients)?;
        for row in ready {
            if let Some(key) = clients.input_came(row, false) {
                clients.serve(key, master);
            }
        }
        while let Some(due) = clients.next_due() {
            match due {
                Due::Client(key) => clients.serve(key, master),
                Due::Listener => listening = true,
            }
        }
        while listening && somebody_comes {
            match clients.accept(&listener)? {
                Arrival::Client(key) => clients.serve(key, master),
                Arrival::Nobody => break,
                Arrival::NotNow => listening = false,
            }
        }
    }
}

/// Waits until something is ready. Returns whether the listener is, and the rows of the clients
/// that are. A client whose request is in progress is not watched: it could only report that it has
/// gone.
fn wait(
    listener: &TcpListener,
    listening: bool,
    clients: &Clients,
) -> io::Result<(bool, Vec<usize>)> {
    let listener_events = if listening { PollFlags::POLLIN } else { PollFlags::empty() };
    let mut set = vec![
        PollFd::new(listener.as_fd(), listener_events),
        PollFd::new(clients.timer(), PollFlags::POLLIN),
    ];
    let mut rows = Vec::new();
    for (row, socket, interest) in clients.watched() {
        let events = match interest {
            Interest::Input => PollFlags::POLLIN,
            Interest::Room => PollFlags::POLLOUT,
            Interest::None => continue,
        };
        set.push(PollFd::new(socket, events));
        rows.push(row);
    }
    match poll(&mut set, PollTimeout::NONE) {
        Err(error) if error != Errno::EINTR => return Err(error.into()),
        _ => {}
    }
    let is_ready = |entry: &PollFd<'_>| entry.any().unwrap_or(true);
    let ready = rows.into_iter().zip(&set[2..]).filter(|(_, entry)| is_ready(entry));
    Ok((is_ready(&set[0]), ready.map(|(row, _)| row).collect()))
}
