//! Concurrent, connectionless: a thread for each request, created on demand.
//!
//! # Picture
//!
//! ```text
//! clients ──datagrams──► [ receive buffer ] ──recvfrom──► master ──spawn──► worker ──sendto──►
//!                                                           │    ──spawn──► worker ──sendto──►
//!                                                           └──◄── back to recvfrom at once
//! ```
//!
//! # What changed from the one before
//!
//! `udp/iterative.rs` answers a request before it receives the next one. Here the master copies
//! each request out of the buffer and creates a thread for it. The thread answers through the one
//! socket that all threads share. Replies may leave in a different order from their requests.
//!
//! System calls: `receive` is recvmsg(2); `spawn_worker` is pthread_create(3); `answer` is
//! sendto(2); `free_slot` waits in read(2) on an eventfd that counts the workers still allowed.
//!
//! # When it pays
//!
//! It pays when requests arrive while others are being served, and each of them waits, or computes
//! on a processor that is otherwise free, for longer than it takes to create a thread.
//! A request that arrives alone pays for its thread and gains nothing: "the cost of concurrency
//! could be greater than the gain". A flood of requests would become a flood of threads. The master
//! therefore takes a free slot (the right to one more worker) before it takes a request. When no
//! slot is free, requests wait in the receive buffer.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Algorithms and Issues in Server Software Design"; Stevens, *UNIX
//! Network Programming* vol. 1 (3rd ed.), ch. 22, "Concurrent UDP Servers".

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use crate::context::Context;
use crate::talk::datagram::{answer, datagram_buffer, receive};
use crate::worker::spawn_worker;

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let socket = Arc::new(socket);
    let mut buffer = datagram_buffer();
    loop {
        let slot = context.workers.free_slot();
        let request = receive(&socket, &mut buffer, context)?.to_owned();
        let socket = Arc::clone(&socket);
        spawn_worker(slot, move |worker| answer(&request, &socket, context, worker));
    }
}
