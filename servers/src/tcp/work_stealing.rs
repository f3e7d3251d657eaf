//! Concurrent, connection-oriented: preallocated threads that steal tasks from one another.
//!
//! # Picture
//!
//! ```text
//!                                                       ┌─► worker 1 [ tasks ] ◄─┐
//! clients ──connect──► acceptor ──spawn──► [ injector ] ┼─► worker 2 [ tasks ] ◄─┤ steal from
//!                        ▲  │                           └─► worker k [ tasks ] ◄─┘ one another
//!                        └──┘ back to accept at once, while a permit is free
//! ```
//!
//! # What changed from the one before
//!
//! In `tcp/queued_threads.rs` all workers take connections from one queue. Here each worker has a
//! queue of its own, and a worker whose queue is empty steals tasks from the others. A task that
//! divides itself puts its subtasks into the queue of its own worker, where it does not compete
//! with other workers. In this server each task is a whole conversation, which does not divide
//! itself. It comes through the injector, the queue for tasks from outside the pool, so there is
//! little to steal. The acceptor takes a permit for each client, which bounds the number of
//! clients.
//!
//! System calls: `accept` is accept4(2); `converse` is recv(2) and send(2) in turn; the pool and
//! the `permit` sleep and wake by futex(2).
//!
//! # When it pays
//!
//! It pays when the processing of a request can be divided and some processors are idle. For whole
//! conversations the pool behaves like the one queue of `tcp/queued_threads.rs`. Each conversation
//! keeps a thread, even while its client is silent.
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
