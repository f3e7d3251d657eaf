//! Concurrent, connectionless, a process for each request: the classic algorithm, rarely used.
//!
//! # Picture
//!
//! ```text
//! clients ──datagrams──► [ receive buffer ] ──recvfrom──► master ──fork──► worker ──sendto──► exit
//!                                                           │    ──fork──► worker ──sendto──► exit
//!                                                           └──◄── back to recvfrom at once
//! ```
//!
//! # What changed from the one before
//!
//! `udp/thread_per_request.rs` copies the request for a thread. A fork copies everything: the
//! worker finds request and socket where the master had them, answers, and exits.
//!
//! # When it pays
//!
//! When one request waits for many times what a fork costs. That is why so few connectionless
//! servers are concurrent in this way, and why those that must be create their workers beforehand.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Concurrent, Connectionless Servers"; Stevens, *UNIX Network
//! Programming* vol. 1, ch. 22, "Concurrent UDP Servers".

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;

use super::{answer, datagram_buffer, receive};
use crate::context::Context;
use crate::worker::{Side, fork_worker};

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let mut buffer = datagram_buffer();
    loop {
        let place = context.workers.free_place();
        let request = receive(&socket, &mut buffer, context)?;
        if let Side::Worker(process) = fork_worker(place)? {
            answer(&request, &socket, context, process.worker());
            process.exit();
        }
    }
}
