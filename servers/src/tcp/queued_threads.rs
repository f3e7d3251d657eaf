//! Concurrent, connection-oriented: an acceptor, a bounded queue, and preallocated threads.
//!
//! # Picture
//!
//! ```text
//!                                                       ┌─pop──► worker 1 ⇄ client, then back
//! clients ──connect──► acceptor ──push──► [ the queue ] ┼─pop──► worker 2 ⇄ client, then back
//!                        ▲  │                           └─pop──► worker k ⇄ client, then back
//!                        └──┘ back to accept at once; when the queue is full it waits
//! ```
//!
//! # What changed from the one before
//!
//! In `tcp/prethreaded.rs` the kernel's listen queue is the only queue. Here one thread accepts,
//! and connections wait in a queue that belongs to the server. The server can count, bound and
//! order this queue. When the queue is full the server stops accepting, so the listen queue fills
//! next.
//!
//! System calls: `spawn_worker` is pthread_create(3); `accept` is accept4(2); `converse` is recv(2)
//! and send(2) in turn; the queue between them wakes a worker by futex(2).
//!
//! # When it pays
//!
//! It pays when the server must know or control which clients wait: for priorities, for deadlines,
//! or to refuse clients explicitly under overload. A client that is accepted is not yet served: it
//! sees an open connection, and then silence.
//!
//! # Where it is described
//!
//! Stevens, *UNIX Network Programming* vol. 1 (3rd ed.), ch. 30, "TCP Prethreaded Server, Main
//! Thread accept".

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use crossbeam_channel::bounded;

use crate::context::Context;
use crate::socket::accept;
use crate::talk::blocking::converse;
use crate::worker::{guarded, spawn_worker};

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    let (queue, connections) = bounded(context.limits.clients);
    for slot in context.workers.free_slots() {
        let connections = connections.clone();
        spawn_worker(slot, move |worker| {
            for connection in connections {
                guarded(|| converse(connection, context, worker));
            }
        });
    }
    drop(connections); // the workers have their own
    loop {
        let connection = accept(&listener)?;
        queue.send(connection).map_err(|_| io::Error::other("every worker has ended"))?;
    }
}
