//! Concurrent, connectionless: preallocated threads, each with its own socket on the same port.
//!
//! # Picture
//!
//! ```text
//!            hash of the       ┌─► [ receive buffer 1 ] ──recvfrom──► worker 1 ──sendto──► back
//! clients ──────────────────► ─┼─► [ receive buffer 2 ] ──recvfrom──► worker 2 ──sendto──► back
//!            addresses         └─► [ receive buffer k ] ──recvfrom──► worker k ──sendto──► back
//! ```
//!
//! # What changed from the one before
//!
//! In `udp/prethreaded.rs` all workers receive from one socket and compete for its lock. Here each
//! worker has its own socket on the same port (SO_REUSEPORT). For each datagram the kernel chooses
//! a socket by a hash of the addresses. The workers share nothing, but a client always reaches the
//! same worker, busy or not.
//!
//! System calls: `bind_beside` is socket(2) and bind(2) with SO_REUSEPORT; `spawn_worker` is
//! pthread_create(3); `receive` is recvmsg(2); `answer` is sendto(2).
//!
//! # When it pays
//!
//! It pays when there are many clients, many processors, and requests so short that the lock of a
//! shared socket would be the bottleneck, as in name servers. With few clients the hash is unfair:
//! two clients may share a worker while other workers are idle. One slow request delays every
//! client of the same worker.
//!
//! # Where it is described
//!
//! socket(7), SO_REUSEPORT; Kerrisk, "The SO_REUSEPORT socket option", LWN.net (2013).

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;

use crate::context::Context;
use crate::socket::bind_beside;
use crate::talk::datagram::{answer, datagram_buffer, receive};
use crate::worker::{Worker, guarded, spawn_worker};

/// Serves on a socket bound to the well-known port, and on others at the same port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let master = context.workers.master();
    for slot in context.workers.free_slots() {
        let shard = bind_beside(&socket, &context.limits)?;
        spawn_worker(slot, move |worker| {
            let _ = serve_shard(&shard, context, worker);
        });
    }
    serve_shard(&socket, context, master)
}

/// An iterative server, on its own socket.
fn serve_shard(
    socket: &UdpSocket,
    context: &'static Context,
    worker: Worker,
) -> io::Result<Infallible> {
    let mut buffer = datagram_buffer();
    loop {
        let request = receive(socket, &mut buffer, context)?;
        guarded(|| answer(&request, socket, context, worker));
    }
}
