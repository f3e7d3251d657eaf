//! Concurrent, connection-oriented, delayed allocation: a worker only for a client that stays.
//!
//! # Picture
//!
//! ```text
//! clients ──connect──► [ listen queue ] ──accept──► receiver ⇄ client, then back to accept
//!                                                       │
//!      master: sleeps until a conversation outlasts     │ too long: it goes on as a worker,
//!      the patience, then makes a new receiver ─────────┘ and the port has a new receiver
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/thread_per_connection.rs` creates a worker before it knows whether that pays.
//! `tcp/iterative.rs` never creates a worker. Here one thread, the receiver, accepts a client and
//! serves it, as the iterative server does. The receiver also sets a timer; the time until it
//! expires is the patience. A client that leaves in time costs only the timer. If a client stays
//! longer, the receiver goes on serving it and so becomes its worker. The master then creates a new
//! receiver for the port. A conversation never moves to another thread; the port does.
//!
//! System calls: `spawn_worker` is pthread_create(3); `accept` is accept4(2); `converse` is recv(2)
//! and send(2) in turn; `begin` is timerfd_settime(2); `outlasted` waits in read(2) on that timer.
//!
//! # When it pays
//!
//! It pays when most conversations are short, a few are long, and the server cannot know in advance
//! which. A silent client would stop the iterative server. Here it delays the others by no more
//! than the patience.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Uniform, Efficient Management of Server Concurrency", on delayed
//! allocation; its relative is Schmidt et al., *Pattern-Oriented Software Architecture* vol. 2,
//! "Leader/Followers".

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use crate::context::Context;
use crate::patience::Watchdog;
use crate::socket::accept;
use crate::talk::blocking::converse;
use crate::worker::spawn_worker;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    let listener = Arc::new(listener);
    let watchdog = Watchdog::new(context.tuning.patience)?;
    loop {
        let slot = context.workers.free_slot();
        let (turn, watch) = watchdog.turn();
        let listener = Arc::clone(&listener);
        spawn_worker(slot, move |worker| {
            while let Ok(connection) = accept(&listener) {
                turn.begin();
                converse(connection, context, worker);
                if !turn.goes_on() {
                    break;
                }
            }
        });
        watch.outlasted();
    }
}
