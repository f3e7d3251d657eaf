//! Concurrent, connectionless, a receiver, a bounded queue, and a pool of threads.
//!
//! # Picture
//!
//! ```text
//!                                                         ┌─pop──► worker 1 ──sendto──► back
//! clients ──datagrams──► receiver ──push──► [ the queue ] ┼─pop──► worker 2 ──sendto──► back
//!                           ▲  │                          └─pop──► worker k ──sendto──► back
//!                           └──┘ back to recvfrom at once; when the queue is full it waits
//! ```
//!
//! # What changed from the one before
//!
//! In `udp/prethreaded.rs` the kernel's buffer is the queue, and nobody knows how long it is or
//! what it dropped. Here one thread receives, and the queue is the server's own: it can be
//! counted, bounded, ordered. What to do when it is full is a decision. This server stops
//! receiving, so that the kernel's buffer fills next and the kernel drops; answering "busy" or
//! dropping the oldest are others.
//!
//! In system calls, `spawn_worker` is pthread_create(3), `receive` recvmsg(2), `answer` sendto(2);
//! the queue between them wakes a worker by futex(2).
//!
//! # When it pays
//!
//! When the server must know or govern its queue: priorities, deadlines, an honest refusal under
//! overload. Each request is handed over once more (a copy, and a thread to wake), so for short
//! processing it is slower than the design before.
//!
//! # Where it is described
//!
//! The general form is Schmidt et al., *Pattern-Oriented Software Architecture* vol. 2,
//! "Half-Sync/Half-Async".

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use crossbeam_channel::bounded;

use crate::context::Context;
use crate::talk::datagram::{answer, datagram_buffer, receive};
use crate::worker::{guarded, spawn_worker};

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let socket = Arc::new(socket);
    let (queue, requests) = bounded(context.limits.clients);
    for slot in context.workers.free_slots() {
        let (socket, requests) = (Arc::clone(&socket), requests.clone());
        spawn_worker(slot, move |worker| {
            for request in requests {
                guarded(|| answer(&request, &socket, context, worker));
            }
        });
    }
    drop(requests); // the workers have theirs
    let mut buffer = datagram_buffer();
    loop {
        let request = receive(&socket, &mut buffer, context)?.to_owned();
        queue.send(request).map_err(|_| io::Error::other("every worker has ended"))?;
    }
}
