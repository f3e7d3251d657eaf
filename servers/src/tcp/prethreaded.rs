//! Concurrent, connection-oriented: a preallocated pool of threads, all of which call accept.
//!
//! # Picture
//!
//! ```text
//!                                       ┌─accept──► worker 1 ⇄ client, then back to accept
//! clients ──connect──► [ listen queue ] ┼─accept──► worker 2 ⇄ client, then back to accept
//!                                       └─accept──► worker k ⇄ client, then back to accept
//! ```
//!
//! # What changed from the one before
//!
//! This is `tcp/preforked.rs` with threads in place of processes. The threads share the listener by
//! reference, whereas processes inherit it. The threads also see each other's memory.
//!
//! System calls: `spawn_worker` is pthread_create(3); `accept` is accept4(2); `converse` is recv(2)
//! and send(2) in turn; `free_slot` waits in read(2) on an eventfd until the pool is short of a
//! worker.
//!
//! # When it pays
//!
//! It pays when sessions are short and the workers share data. With few and active clients it is
//! hard to beat. Stevens' text calls it the fastest of all designs, but in the table of the third
//! edition a thread for each client is faster. (His server holds a mutex around accept, which Linux
//! does not need.) As in `tcp/preforked.rs`, k silent clients stop the server until the idle
//! time-out.
//!
//! # Where it is described
//!
//! Stevens, *UNIX Network Programming* vol. 1 (3rd ed.), ch. 30, "TCP Prethreaded Server,
//! per-Thread accept".

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use crate::context::Context;
use crate::socket::accept;
use crate::talk::blocking::converse;
use crate::worker::spawn_worker;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    let listener = Arc::new(listener);
    loop {
        let slot = context.workers.free_slot();
        let listener = Arc::clone(&listener);
        spawn_worker(slot, move |worker| {
            while let Ok(connection) = accept(&listener) {
                converse(connection, context, worker);
            }
        });
    }
}
