//! Concurrent, connection-oriented: preallocated processes, one of which accepts at a time.
//!
//! # Picture
//!
//! ```text
//!                                                  ┌─ worker 1 ⇄ client
//! clients ──connect──► [ listen queue ] ──accept── ┼─ worker 2 holds the lock, waits in accept
//!                                                  └─ worker k waits for the lock
//! ```
//!
//! # What changed from the one before
//!
//! In `tcp/preforked.rs` all idle workers wait in accept. Here each worker takes a lock before it
//! calls accept, and releases the lock when it has a connection. The lock was invented for kernels
//! that woke every process in accept for each connection (the thundering herd). With the lock only
//! one process waited in accept, so only one was woken. Linux has long woken only one process
//! without a lock. The lock is still needed if the workers first wait in select or poll for one of
//! several listening sockets.
//!
//! System calls: `hold` is fcntl(2) with F_SETLKW; `fork_worker` is fork(2); `accept` is
//! accept4(2); `converse` is recv(2) and send(2) in turn; `free_slot` waits in read(2) on an
//! eventfd until the pool is short of a worker.
//!
//! # When it pays
//!
//! It pays with several listening sockets, or on a kernel with the thundering herd. Otherwise it
//! shows what a lock costs: two system calls for each connection. The lock must be released when
//! its holder dies. The server therefore uses a lock that the kernel releases when a process ends
//! (`lock.rs`).
//!
//! # Where it is described
//!
//! Stevens, *UNIX Network Programming* vol. 1 (3rd ed.), ch. 30, "TCP Preforked Server, File
//! Locking Around accept"; Apache's `AcceptMutex`.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use crate::context::Context;
use crate::lock::ProcessLock;
use crate::socket::accept;
use crate::talk::blocking::converse;
use crate::worker::{Side, fork_worker};

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    let lock = ProcessLock::new()?;
    let accept_alone = || lock.hold().and_then(|_held| accept(&listener));
    loop {
        let slot = context.workers.free_slot();
        if let Side::Worker(process) = fork_worker(slot)? {
            while let Ok(connection) = accept_alone() {
                converse(connection, context, process.worker());
            }
            process.exit();
        }
    }
}
