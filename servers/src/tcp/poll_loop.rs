//! Apparent concurrency, connection-oriented: one thread, all connections, poll.
//!
//! # Picture
//!
//! ```text
//!            ┌───────────────── poll(listener, timer, every connection) ◄────────────┐
//!            ▼                        ▼                             ▼                │
//!   the listener is ready:   a connection is ready:        a timer has come:         │
//!   accept, add to the set   read what is there,           finish the request        │
//!            │               compute, write what fits          │                     │
//!            └────────────────────────┴────────────────────────┴─────────────────────┘
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/iterative.rs` reads from one client until it leaves. Here one thread asks the kernel which
//! of all its sockets are ready, and does for each only what does not wait: part of a request is
//! read and kept, part of a reply is written and the rest kept, a request that waits becomes a
//! timer. What must be remembered of each client is its state (`talk/nonblocking.rs`).
//!
//! In system calls, `wait` is poll(2), `accept` accept4(2); `serve` calls recv(2) and send(2) on a
//! socket that does not block, until it would.
//!
//! # When it pays
//!
//! When clients are many and mostly silent, or must share data without locks. The whole set is
//! given to the kernel, and looked through, on every call, so the price of an event grows with the
//! number of clients; a few hundred are no trouble. One request that computes stops everybody.
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

/// Waits until something is ready: whether it is the listener, and the rows of the clients. A
/// client whose request is in hand is not asked for; it could only say that it has gone.
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
