//! Concurrent, connection-oriented: a thread for each connection, created on demand.
//!
//! # Picture
//!
//! ```text
//! clients ──connect──► [ listen queue ] ──accept──► master ──spawn──► worker ⇄ client 1
//!                                                     │    ──spawn──► worker ⇄ client 2
//!                                                     └──◄── back to accept at once
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/process_per_connection.rs` creates a process for each connection. A thread costs a fraction
//! of a process (the report's figure of processor time shows how much). It shares the memory and
//! the descriptors of the master, so no socket has to be closed twice. But the workers are not
//! isolated from one another: if one crashes, the others are affected.
//!
//! System calls: `accept` is accept4(2); `spawn_worker` is pthread_create(3); `converse` is recv(2)
//! and send(2) in turn; `free_slot` waits in read(2) on an eventfd that counts the workers still
//! allowed.
//!
//! # When it pays
//!
//! It pays when clients arrive while others are being served. In addition, processing must wait or
//! some processors must be idle, and connections must last longer than it takes to create a thread.
//! Each connection holds a stack; for many idle connections, use an event loop.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Concurrent, Connection-Oriented Servers"; Stevens, *UNIX Network
//! Programming* vol. 1 (3rd ed.), ch. 30, "TCP Concurrent Server, One Thread per Client".
//!
//! The same in plain C: `benches/baselines/tcp_thread_per_connection.c`.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use crate::context::Context;
use crate::socket::accept;
use crate::talk::blocking::converse;
use crate::worker::spawn_worker;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    loop {
        let slot = context.workers.free_slot();
        let connection = accept(&listener)?;
        spawn_worker(slot, move |worker| converse(connection, context, worker));
    }
}
