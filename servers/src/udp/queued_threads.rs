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
//! In `udp/prethreaded.rs` the kernel's buffer is the queue. The server knows neither the length of
//! this queue nor what the kernel dropped. Here one thread receives, and requests wait in a queue
//! that belongs to the server. The server can count, bound and order this queue. It must also
//! decide what to do when the queue is full. This server stops receiving, so the kernel's buffer
//! fills next, and the kernel drops datagrams. Other servers answer "busy" or drop the oldest
//! request.
//!
//! System calls: `spawn_worker` is pthread_create(3); `receive` is recvmsg(2); `answer` is
//! sendto(2); the queue between them wakes a worker by futex(2).
//!
//! # When it pays
//!
//! It pays when the server must know or control its queue: for priorities, for deadlines, or to
//! refuse requests explicitly under overload. Each request is handed over once more: it is copied,
//! and a thread is woken. For short processing this design is therefore slower than
//! `udp/prethreaded.rs`.
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
