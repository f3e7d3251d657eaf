//! Concurrent, connection-oriented: a preallocated pool of processes, all of which call accept.
//!
//! # Picture
//!
//! ```text
//!                                       ┌─accept──► worker 1 ⇄ client, then back to accept
//! clients ──connect──► [ listen queue ] ┼─accept──► worker 2 ⇄ client, then back to accept
//!                                       └─accept──► worker k ⇄ client, then back to accept
//!                            master: forks k, then one for each that dies
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/process_per_connection.rs` accepts in the master and forks for each connection. Here the
//! master forks first, and the workers accept. All k workers wait in accept on the one listening
//! socket, and the kernel hands each connection to one of them. The master never sees a client.
//! When a worker dies, its slot (its place in the pool) becomes free, and the master forks another
//! worker.
//!
//! System calls: `fork_worker` is fork(2); `accept` is accept4(2); `converse` is recv(2) and
//! send(2) in turn; `free_slot` waits in read(2) on an eventfd until the pool is short of a worker.
//!
//! # When it pays
//!
//! It pays when sessions are so short that a fork for each would cost more than the session. The
//! level of concurrency is fixed: client k + 1 waits in the listen queue. If k clients are silent,
//! the server serves nobody until the idle time-out. Workers live long, so their memory leaks add
//! up.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Uniform, Efficient Management of Server Concurrency"; Stevens, *UNIX
//! Network Programming* vol. 1 (3rd ed.), ch. 30, "TCP Preforked Server, No Locking Around
//! accept".
//!
//! The same in plain C: `benches/baselines/tcp_preforked.c`.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use crate::context::Context;
use crate::socket::accept;
use crate::talk::blocking::converse;
use crate::worker::{Side, fork_worker};

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    loop {
        let slot = context.workers.free_slot();
        if let Side::Worker(process) = fork_worker(slot)? {
            while let Ok(connection) = accept(&listener) {
                converse(connection, context, process.worker());
            }
            process.exit();
        }
    }
}
