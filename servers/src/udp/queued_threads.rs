//! Concurrent, connectionless: a receiver, a bounded queue, and preallocated threads.
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
//! In `udp/prethreaded.rs` the kernel's buffer is the queue, and the server knows neither its
//! length nor what the kernel dropped. Here one thread receives, and the queue belongs to the
//! server, which can count, bound and order it. The server must also decide what to do when the
//! queue is full. This one stops receiving, so that the kernel's buffer fills next and the kernel
//! drops datagrams; other servers answer "busy" or drop the oldest request.
//!
//! System calls: `spawn_worker` is pthread_create(3); `receive` is recvmsg(2); `answer` is
//! sendto(2); the queue between them wakes a worker by futex(2).
//!
//! # When it pays
//!
//! It pays when the server must know or control its queue: for priorities, deadlines, or an
//! explicit refusal under overload. Each request is handed over once more (a copy, and a thread to
//! wake), so for short processing it is slower than the design before.
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
    drop(requests); // the workers have their own
    let mut buffer = datagram_buffer();
    loop {
        let request = receive(&socket, &mut buffer, context)?.to_owned();
        queue.send(request).map_err(|_| io::Error::other("every worker has ended"))?;
    }
}
