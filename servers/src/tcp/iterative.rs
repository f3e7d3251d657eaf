//! Iterative, connection-oriented: one client at a time, each for as long as it stays.
//!
//! # Picture
//!
//! ```text
//! clients ──connect──► [ listen queue ] ──accept──► master ⇄ client 1
//!                        client 2, 3, …              │ closes, then client 2
//!                                                    └──◄── back to accept
//! ```
//!
//! # What changed from the one before
//!
//! `udp/iterative.rs` serves one request after the other and does not distinguish clients. Here
//! each client has a connection of its own. The server listens on a passive socket, and `accept`
//! returns a second socket for each client. An inner loop serves this client alone until it closes
//! its connection.
//!
//! Before `serve`, the server calls socket(2), bind(2) and listen(2) (`socket.rs`). System calls:
//! `accept` is accept4(2); `converse` is recv(2) and send(2) in turn, then close(2).
//!
//! # When it pays
//!
//! It pays when sessions are short and processing is trivial. A client that is connected but silent
//! makes all others wait until the idle time-out. A client that sends a request from time to time
//! never reaches the time-out, and so makes all others wait for as long as it stays.
//!
//! # Where it is described
//!
//! Comer & Stevens, *Internetworking with TCP/IP* vol. III, "Iterative, Connection-Oriented
//! Servers"; Stevens, *UNIX Network Programming* vol. 1 (3rd ed.), ch. 30, "TCP Iterative Server".
//!
//! The same in plain C: `benches/baselines/tcp_iterative.c`.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use crate::context::Context;
use crate::socket::accept;
use crate::talk::blocking::converse;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    let master = context.workers.master();
    loop {
        let connection = accept(&listener)?;
        converse(connection, context, master);
    }
}
