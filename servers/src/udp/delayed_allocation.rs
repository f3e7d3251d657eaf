//! Concurrent, connectionless, delayed allocation: a worker only for a request that proves long.
//!
//! # Picture
//!
//! ```text
//! clients ──datagrams──► [ receive buffer ] ──recvfrom──► receiver: process ──sendto──► back
//!                                                             │
//!            master: sleeps until a request outlasts          │ too long: it finishes as a worker,
//!            the patience, then makes a new receiver ─────────┘ and the port has a new receiver
//! ```
//!
//! # What changed from the one before
//!
//! `udp/thread_per_request.rs` creates a worker before it knows whether that pays.
//! `udp/iterative.rs` never creates a worker. Here one thread, the receiver, receives a request and
//! processes it, as the iterative server does. The receiver also sets a timer; the time until it
//! expires is the patience. A request that is done in time costs only the timer. If a request takes
//! longer, the receiver goes on with it and so becomes its worker. The master then creates a new
//! receiver for the port. A request never moves to another thread; the port does.
//!
//! System calls: `spawn_worker` is pthread_create(3); `receive` is recvmsg(2); `answer` is
//! sendto(2); `begin` is timerfd_settime(2); `outlasted` waits in read(2) on that timer.
//!
//! # When it pays
//!
//! It pays when most requests are short, a few are long, and the server cannot know in advance
//! which. Short requests behind a long one wait at most for the patience plus the time to create a
//! thread.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Uniform, Efficient Management of Server Concurrency", on delayed
//! allocation; its relative is Schmidt et al., *Pattern-Oriented Software Architecture* vol. 2,
//! "Leader/Followers".

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use crate::context::Context;
use crate::patience::Watchdog;
use crate::talk::datagram::{answer, datagram_buffer, receive};
use crate::worker::spawn_worker;

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    let socket = Arc::new(socket);
    let watchdog = Watchdog::new(context.tuning.patience)?;
    loop {
        let slot = context.workers.free_slot();
        let (turn, watch) = watchdog.turn();
        let socket = Arc::clone(&socket);
        spawn_worker(slot, move |worker| {
            let mut buffer = datagram_buffer();
            while let Ok(request) = receive(&socket, &mut buffer, context) {
                turn.begin();
                answer(&request, &socket, context, worker);
                if !turn.goes_on() {
                    break;
                }
            }
        });
        watch.outlasted();
    }
}
