//! Concurrent, connection-oriented: preallocated threads that steal tasks from one another.
//!
//! # Picture
//!
//! ```text
//!                                                       ┌─► worker 1 [ tasks ] ◄─┐
//! clients ──connect──► acceptor ──spawn──► [ entrance ] ┼─► worker 2 [ tasks ] ◄─┤ steal from
//!                        ▲  │                           └─► worker k [ tasks ] ◄─┘ one another
//!                        └──┘ back to accept at once, while a permit is free
//! ```
//!
//! # What changed from the one before
//!
//! In `tcp/queued_threads.rs` all workers take connections from one queue. Here each worker has its
//! own queue, and a worker whose queue is empty steals from the others. A task that divides itself
//! puts its subtasks on its worker's own queue, where it does not compete with other workers. A
//! whole conversation is one task and does not divide: it comes through the pool's common entrance,
//! and there is little to steal.
//!
//! System calls: `accept` is accept4(2); `converse` is recv(2) and send(2) in turn; the pool and
//! the `permit` sleep and wake by futex(2).
//!
//! # When it pays
//!
//! It pays when the processing of a request can be divided and some processors are idle. For whole
//! conversations it is one queue, as in `tcp/queued_threads.rs`, and each conversation keeps a
//! thread, however silent its client is.
//!
//! # Where it is described
//!
//! Blumofe & Leiserson, "Scheduling Multithreaded Computations by Work Stealing", *Journal of the
//! ACM* 46 (1999); the pool is that of the library rayon.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use crate::context::Context;
use crate::permits::Permits;
use crate::socket::accept;
use crate::talk::blocking::converse;
use crate::worker::stealing_pool;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    let pool = stealing_pool(&context.workers)?;
    let permits = Permits::new(context.limits.clients);
    loop {
        let permit = permits.permit();
        let connection = accept(&listener)?;
        pool.spawn(move |worker| {
            converse(connection, context, worker);
            drop(permit);
        });
    }
}
