//! Iterative, connectionless: one request at a time, on one socket for all clients.
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
//! Nothing: this is the first design. The kernel's receive buffer is the only queue. The sender's
//! address, which comes with each datagram, is all that the server knows about a client.
//!
//! Before `serve`, the server calls socket(2) and bind(2) (`socket.rs`). System calls: `receive` is
//! recvmsg(2) (recvfrom(2) with ancillary data); `answer` is sendto(2).
//!
//! # When it pays
//!
//! It pays when processing a request takes less time than creating a worker, and never blocks.
//! Examples are TIME, DAYTIME, ECHO and small name servers. No design is cheaper. But one slow
//! request delays every request behind it. Meanwhile the kernel silently drops any datagram that
//! does not fit in the buffer.
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
