//! Concurrent, connection-oriented, a task for each connection on a pool whose threads steal work.
//!
//! # Picture
//!
//! ```text
//!                                                       ┌─► worker 1 [ tasks ] ◄─┐
//! clients ──connect──► acceptor ──spawn──► [ entrance ] ┼─► worker 2 [ tasks ] ◄─┤ steal from
//!                        ▲  │                           └─► worker k [ tasks ] ◄─┘ one another
//!                        └──┘ back to accept at once, while there is room
//! ```
//!
//! # What changed from the one before
//!
//! In `tcp/queued_threads.rs` all workers take from one queue. Here each has its own, and one
//! whose queue is empty steals from the others. A task that divides itself puts its parts on its
//! worker's own queue, where nobody competes for them; a whole conversation does not divide, comes
//! through the pool's common entrance, and there is little to steal.
//!
//! In system calls, `accept` is accept4(2), `converse` recv(2) and send(2) by turns; the pool and
//! the `permit` sleep and wake by futex(2).
//!
//! # When it pays
//!
//! When the processing of a request can be divided and there are processors to spare. For whole
//! conversations it is a queue like the one before, and each of them keeps a thread, however
//! silent the client is.
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
