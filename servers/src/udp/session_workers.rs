//! Concurrent, connectionless: a thread with its own port for each session, created on demand.
//!
//! # Picture
//!
//! ```text
//! client 1 ──first datagram──► well-known port: master ──spawn──► worker 1 at port 40001
//! client 1 ◄────────────── reply from port 40001 ──────────────────┘  ▲
//! client 1 ──all further datagrams──► port 40001 ─────────────────────┘ until it is silent
//! client 2 ──first datagram──► well-known port: master ──spawn──► worker 2 at port 40002
//! ```
//!
//! # What changed from the one before
//!
//! In `udp/thread_per_request.rs` every datagram is a separate request, and all replies leave
//! through the one socket. Here, as in TFTP, each session gets a second socket, which is connected
//! to the client. A worker of its own answers through this socket, and the client sends the rest of
//! the exchange to the port of this socket. The kernel thus separates the sessions, as it separates
//! connections. The master sees only the first datagram of each session.
//!
//! System calls: `receive` is recvmsg(2); `connect_beside` is socket(2), bind(2) and connect(2);
//! `spawn_worker` is pthread_create(3); `answer` is sendto(2); `free_slot` waits in read(2) on an
//! eventfd that counts the workers still allowed.
//!
//! # When it pays
//!
//! It pays when an exchange takes many datagrams and the server must keep its state, for example to
//! transfer a file in pieces. The client must accept a reply from a port to which it did not send.
//! A client that has connected its socket to the well-known port does not accept such a reply, and
//! many address translators do not pass it on. If the first datagram of a session is sent twice, it
//! opens two sessions.
//!
//! # Where it is described
//!
//! RFC 1350 (TFTP), section 4; Comer & Stevens vol. III, "Concurrent, Connectionless Servers";
//! Stevens, *UNIX Network Programming* vol. 1 (3rd ed.), ch. 22, "Concurrent UDP Servers".

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use crate::context::Context;
use crate::socket::connect_beside;
use crate::talk::datagram::{answer, datagram_buffer, is_request, receive};
use crate::worker::spawn_worker;

/// A session ends when its client has been silent for this long.
const SILENCE: Duration = Duration::from_secs(1);

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let mut buffer = datagram_buffer();
    loop {
        let slot = context.workers.free_slot();
        let first = receive(&socket, &mut buffer, context)?.to_owned();
        if !is_request(&first, context) {
            answer(&first, &socket, context, slot.worker()); // only a request opens a session
            continue;
        }
        let Ok(own) = connect_beside(&socket, first.sender) else {
            context.count_dropped(); // no descriptor or no port left
            continue;
        };
        spawn_worker(slot, move |worker| {
            answer(&first, &own, context, worker);
            let mut buffer = datagram_buffer();
            let _ = own.set_read_timeout(Some(SILENCE.min(context.limits.idle)));
            while let Ok(request) = receive(&own, &mut buffer, context) {
                answer(&request, &own, context, worker);
            }
        });
    }
}
