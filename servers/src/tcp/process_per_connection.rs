//! Concurrent, connection-oriented, a process for each connection: the classic concurrent server.
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
//! `tcp/iterative.rs` talks with the client itself. Here the master only accepts; a new process,
//! its worker (the classic texts' slave), talks. After the fork both hold both sockets, and each
//! closes the one that is not its business: if the master kept the connection, the client would
//! never see its end. Workers that have ended are collected by the SIGCHLD handler
//! (`supervisor.rs`); they would stay as zombies.
//!
//! In system calls, `accept` is accept4(2), `fork_worker` fork(2), `drop` close(2), `converse`
//! recv(2) and send(2) by turns, `exit` _exit(2); `free_slot` waits in read(2) on an eventfd that
//! counts the workers still allowed.
//!
//! # When it pays
//!
//! When clients come while others are being served and sessions last longer than a fork, which
//! grows with the memory that the master has touched; or when clients must be kept apart: a worker
//! may crash, or run as another user.
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
