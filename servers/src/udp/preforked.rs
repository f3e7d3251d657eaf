//! Concurrent, connectionless: a preallocated pool of processes that receive on one socket.
//!
//! # Picture
//!
//! ```text
//!                                           ┌─recvfrom──► worker 1: process ──sendto──► back
//! clients ──datagrams──► [ receive buffer ] ┼─recvfrom──► worker 2: process ──sendto──► back
//!                                           └─recvfrom──► worker k: process ──sendto──► back
//!                              master: forks k, then one for each that dies
//! ```
//!
//! # What changed from the one before
//!
//! `udp/process_per_request.rs` receives in the master and forks for each request. Here the master
//! forks first, and the workers receive. All k workers wait in recvfrom on the one socket, and the
//! kernel hands each datagram to one of them. The master never sees a request. When a worker dies,
//! its slot (its place in the pool) becomes free, and the master forks another worker.
//!
//! System calls: `fork_worker` is fork(2); `receive` is recvmsg(2); `answer` is sendto(2);
//! `free_slot` waits in read(2) on an eventfd until the pool is short of a worker.
//!
//! # When it pays
//!
//! It pays when requests overlap, as `udp/process_per_request.rs` does, but no response time
//! includes the cost of a fork. The level of concurrency is fixed: request k + 1 waits in the
//! receive buffer. For work that computes, choose k by the number of processors. For work that
//! waits, choose a higher k.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Uniform, Efficient Management of Server Concurrency"; Stevens, *UNIX
//! Network Programming* vol. 1 (3rd ed.), ch. 30, for the same over TCP.

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;

use crate::context::Context;
use crate::talk::datagram::{answer, datagram_buffer, receive};
use crate::worker::{Side, fork_worker};

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    loop {
        let slot = context.workers.free_slot();
        if let Side::Worker(process) = fork_worker(slot)? {
            let mut buffer = datagram_buffer();
            while let Ok(request) = receive(&socket, &mut buffer, context) {
                answer(&request, &socket, context, process.worker());
            }
            process.exit();
        }
    }
}
