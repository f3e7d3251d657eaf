//! Concurrent, connection-oriented: a process for each connection, created on demand.
//!
//! # Picture
//!
//! ```text
//! clients ──connect──► [ listen queue ] ──accept──► master ──fork──► worker ⇄ client 1
//!                                                     │    ──fork──► worker ⇄ client 2
//!                                                     └──◄── back to accept at once
//! ```
//!
//! # What changed from the one before
//!
//! In `tcp/iterative.rs` the master serves the client. Here, in the classic concurrent server, the
//! master only accepts. A new process, the worker, serves the client. (The classic texts call it
//! the slave.) After the fork both processes hold both sockets, and each process closes the socket
//! that it does not use. If the master kept the connection open, the client would never see its
//! end. The SIGCHLD handler (`supervisor/ending.rs`) collects workers that have ended; otherwise
//! they would remain as zombies.
//!
//! System calls: `accept` is accept4(2); `fork_worker` is fork(2); `drop` is close(2); `converse`
//! is recv(2) and send(2) in turn; `exit` is _exit(2); `free_slot` waits in read(2) on an eventfd
//! that counts the workers still allowed.
//!
//! # When it pays
//!
//! It pays when clients arrive while others are being served, and sessions last longer than a fork.
//! The cost of a fork grows with the memory that the master has touched. The design also pays when
//! clients must be isolated from one another: a worker may crash without harm to the others, or run
//! as another user.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Concurrent, Connection-Oriented Servers"; Stevens, *UNIX Network
//! Programming* vol. 1 (3rd ed.), ch. 30, "TCP Concurrent Server, One Child per Client".
//!
//! The same in plain C: `benches/baselines/tcp_process_per_connection.c`.

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
        let connection = accept(&listener)?;
        match fork_worker(slot)? {
            Side::Master => drop(connection),
            Side::Worker(process) => {
                drop(listener);
                converse(connection, context, process.worker());
                process.exit();
            }
        }
    }
}
