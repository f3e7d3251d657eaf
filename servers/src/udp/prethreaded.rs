//! Concurrent, connectionless: a preallocated pool of threads that receive on one socket.
//!
//! # Picture
//!
//! ```text
//!                                           ┌─recvfrom──► worker 1: process ──sendto──► back
//! clients ──datagrams──► [ receive buffer ] ┼─recvfrom──► worker 2: process ──sendto──► back
//!                                           └─recvfrom──► worker k: process ──sendto──► back
//! ```
//!
//! # What changed from the one before
//!
//! This is `udp/preforked.rs` with threads in place of processes. The threads share the socket by
//! reference, whereas processes inherit it. The threads also see each other's memory.
//!
//! System calls: `spawn_worker` is pthread_create(3); `receive` is recvmsg(2); `answer` is
//! sendto(2); `free_slot` waits in read(2) on an eventfd until the pool is short of a worker.
//!
//! # When it pays
//!
//! It pays in the same cases as `udp/preforked.rs`, and when the workers share data. It is the
//! simplest concurrent design in which no response time includes the creation of a worker. Compared
//! with the iterative server, it costs the wake-up of a sleeping thread.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Uniform, Efficient Management of Server Concurrency"; Stevens, *UNIX
//! Network Programming* vol. 1 (3rd ed.), ch. 30, for the same over TCP.

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
    loop {
        let slot = context.workers.free_slot();
        let socket = Arc::clone(&socket);
        spawn_worker(slot, move |worker| {
            let mut buffer = datagram_buffer();
            while let Ok(request) = receive(&socket, &mut buffer, context) {
                answer(&request, &socket, context, worker);
            }
        });
    }
}
