//! Concurrent, connection-oriented, an acceptor, a bounded queue, and a pool of threads.
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
//! In `tcp/prethreaded.rs` the kernel's listen queue is the only one. Here one thread accepts, and
//! the connections wait in a queue of the server's own, which can be counted, bounded, ordered.
//! When it is full this server stops accepting, so that the listen queue fills next.
//!
//! In system calls, `spawn_worker` is pthread_create(3), `accept` accept4(2), `converse` recv(2) and
//! send(2) by turns; the queue between them wakes a worker by futex(2).
//!
//! # When it pays
//!
//! When the server must know or govern who waits: priorities, deadlines, an honest refusal under
//! overload. A client that is accepted is not yet served; it sees a connection and then silence.
//!
//! # Where it is described
//!
//! Stevens, *UNIX Network Programming* vol. 1 (3rd ed.), ch. 30, "TCP Prethreaded Server, Main Thread
//! accept".

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
    drop(connections); // the workers have theirs
    loop {
        let connection = accept(&listener)?;
        queue.send(connection).map_err(|_| io::Error::other("every worker has ended"))?;
    }
}
