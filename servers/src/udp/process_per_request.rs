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
//! worker finds request and socket where the master had them, answers, and exits. Workers that
//! have ended are collected by the SIGCHLD handler (`supervisor.rs`); they would stay as zombies.
//!
//! In system calls, `receive` is recvmsg(2), `fork_worker` fork(2), `answer` sendto(2), `exit`
//! _exit(2); `free_slot` waits in read(2) on an eventfd that counts the workers still allowed.
//!
//! # When it pays
//!
//! As for a thread, with a dearer worker: when requests overlap and each waits longer than a fork
//! costs. Most connectionless requests are shorter than that, so few servers are made this way, and
//! those that need several workers create them beforehand.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Algorithms and Issues in Server Software Design"; Stevens, *UNIX
//! Network Programming* vol. 1 (3rd ed.), ch. 22, "Concurrent UDP Servers".

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;

use crate::context::Context;
use crate::talk::datagram::{answer, datagram_buffer, receive};
use crate::worker::{Side, fork_worker};

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let mut buffer = datagram_buffer();
    loop {
        let slot = context.workers.free_slot();
        let request = receive(&socket, &mut buffer, context)?;
        if let Side::Worker(process) = fork_worker(slot)? {
            answer(&request, &socket, context, process.worker());
            process.exit();
        }
    }
}
