//! Concurrent, connectionless: a process for each request, created on demand; rarely used.
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
//! `udp/thread_per_request.rs` copies the request for a thread. Here a fork copies the whole
//! process. The worker finds the request and the socket where the master had them, answers, and
//! exits. The SIGCHLD handler (`supervisor/ending.rs`) collects workers that have ended; otherwise
//! they would remain as zombies.
//!
//! System calls: `receive` is recvmsg(2); `fork_worker` is fork(2); `answer` is sendto(2); `exit`
//! is _exit(2); `free_slot` waits in read(2) on an eventfd that counts the workers still allowed.
//!
//! # When it pays
//!
//! It pays in the same cases as a thread for each request, but a worker costs more. Requests must
//! overlap, and each must wait for longer than a fork takes. Most connectionless requests are
//! shorter, so few servers use this design. Servers that need several workers create them in
//! advance.
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
