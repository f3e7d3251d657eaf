//! Iterative, connectionless: one request after the other, on one socket for all clients.
//!
//! # Picture
//!
//! ```text
//! clients ──datagrams──► [ receive buffer ] ──recvfrom──► master: process ──sendto──► client
//!                          the queue                        └──◄── back to recvfrom
//! ```
//!
//! # What changed from the one before
//!
//! Nothing: this is where to begin. The kernel's receive buffer is the only queue, and the
//! sender's address that comes with each datagram is all the server ever knows of a client.
//!
//! Before `serve` come socket(2) and bind(2) (`socket.rs`). In system calls, `receive` is recvmsg(2)
//! (recvfrom(2) with what comes beside the datagram) and `answer` sendto(2).
//!
//! # When it pays
//!
//! When processing is shorter than it would take to create a worker for it, and does not wait:
//! TIME, DAYTIME, ECHO, small name servers. Nothing is cheaper; but one slow request delays
//! everyone behind it, and what does not fit the buffer meanwhile is lost in silence.
//!
//! # Where it is described
//!
//! Comer & Stevens, *Internetworking with TCP/IP* vol. III, "Iterative, Connectionless Servers";
//! Stevens, *UNIX Network Programming* vol. 1 (3rd ed.), ch. 8.
//!
//! The same in plain C: `benches/baselines/udp_iterative.c`.

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;

use crate::context::Context;
use crate::talk::datagram::{answer, datagram_buffer, receive};

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let master = context.workers.master();
    let mut buffer = datagram_buffer();
    loop {
        let request = receive(&socket, &mut buffer, context)?;
        answer(&request, &socket, context, master);
    }
}
