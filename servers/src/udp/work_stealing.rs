//! Concurrent, connectionless: preallocated threads that steal tasks from one another.
//!
//! # Picture
//!
//! ```text
//!                                                          ┌─► worker 1 [ tasks ] ◄─┐
//! clients ──datagrams──► receiver ──spawn──► [ injector ] ─┼─► worker 2 [ tasks ] ◄─┤ steal from
//!                           ▲  │                           └─► worker k [ tasks ] ◄─┘ one another
//!                           └──┘ back to recvfrom at once, while a permit is free
//! ```
//!
//! # What changed from the one before
//!
//! In `udp/queued_threads.rs` all workers take requests from one queue. Here each worker has a
//! queue of its own, and a worker whose queue is empty steals tasks from the others. A task that
//! divides itself puts its subtasks into the queue of its own worker, where it does not compete
//! with other workers. In this server each task is one request, which does not divide itself. It
//! comes through the injector, the queue for tasks from outside the pool, so there is little to
//! steal. The receiver takes a permit for each request, which bounds the number of requests in the
//! server.
//!
//! System calls: `receive` is recvmsg(2); `answer` is sendto(2); the pool and the `permit` sleep
//! and wake by futex(2).
//!
//! # When it pays
//!
//! It pays when the processing of a request can be divided and some processors are idle. For whole
//! requests the pool behaves like the one queue of `udp/queued_threads.rs`. For requests that wait
//! it is a poor choice: a pool for computing has few threads, and each wait blocks one of them.
//! (Here the pool has as many threads as the server may have workers.)
//!
//! # Where it is described
//!
//! Blumofe & Leiserson, "Scheduling Multithreaded Computations by Work Stealing", *Journal of the
//! ACM* 46 (1999); the pool is that of the library rayon.

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use crate::context::Context;
use crate::permits::Permits;
use crate::talk::datagram::{answer, datagram_buffer, receive};
use crate::worker::stealing_pool;

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let socket = Arc::new(socket);
    let pool = stealing_pool(&context.workers)?;
    let permits = Permits::new(context.limits.clients);
    let mut buffer = datagram_buffer();
    loop {
        let permit = permits.permit();
        let request = receive(&socket, &mut buffer, context)?.to_owned();
        let socket = Arc::clone(&socket);
        pool.spawn(move |worker| {
            answer(&request, &socket, context, worker);
            drop(permit);
        });
    }
}
