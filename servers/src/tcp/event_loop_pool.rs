//! Concurrent, connection-oriented: an event loop for I/O, preallocated threads for processing.
//!
//! # Picture
//!
//! ```text
//!                      ┌── a whole request ──► [ the queue ] ──pop──► worker: compute, wait ─┐
//! clients ⇄ event loop ┤                                       ──pop──► worker: compute, wait ─┤
//!                      └── its reply ◄─────── [ the replies ] ◄──push, and wake the loop ──────┘
//! ```
//!
//! # What changed from the one before
//!
//! In `tcp/event_loop.rs` the loop also does the computing, and every other client waits meanwhile.
//! Here the loop only reads and writes. It puts each complete request into a queue. A worker of a
//! pool takes the request from the queue and processes it, and may block. The worker puts the reply
//! into a second queue and wakes the loop. A connection has at most one request in progress. Its
//! replies therefore keep their order, and the number of connections limits the length of the
//! queues.
//!
//! System calls: `watch` is epoll_ctl(2); `wait` is epoll_wait(2); `accept` is accept4(2); `write`
//! is write(2) on an eventfd; the queues between loop and pool wake a worker by futex(2).
//!
//! # When it pays
//!
//! It pays when there are many clients and their requests compute or block for long. A silent
//! client costs only a row in a table, and the processing uses all processors. Each request is
//! handed over twice, which is too expensive for a short request.
//!
//! # Where it is described
//!
//! Pai, Druschel & Zwaenepoel, "Flash: An Efficient and Portable Web Server", USENIX 1999 (AMPED);
//! Schmidt et al., *Pattern-Oriented Software Architecture* vol. 2, "Half-Sync/Half-Async".

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::context::Context;
use crate::readiness::{Events, Readiness, Watch};
use crate::talk::clients::{Arrival, Clients, Due, Key, Request};
use crate::worker::{guarded, spawn_worker};

const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
const REPLIES: u64 = u64::MAX - 2;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    listener.set_nonblocking(true)?;
    let wake_up = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
    let (requests, replies) = start_pool(context, &wake_up);
    let mut clients = Clients::new(context)?;
    let readiness = Readiness::new()?;
    readiness.watch(&listener, LISTENER, Watch::NewInput)?;
    readiness.watch(clients.timer(), TIMER, Watch::NewInput)?;
    readiness.watch(&wake_up, REPLIES, Watch::NewInput)?;
    let mut events = Events::new();
    let mut active: Vec<Key> = Vec::new();
    loop {
        readiness.wait(&mut events)?;
        let mut somebody_comes = false;
        for ready in events.iter() {
            match ready.mark {
                LISTENER => somebody_comes = true,
                TIMER | REPLIES => {} // handled below
                row => active.extend(clients.became_ready(row as usize, ready)),
            }
        }
        for (key, reply) in replies.try_iter() {
            clients.reply(key, &reply);
            active.push(key);
        }
        while let Some(due) = clients.next_due() {
            match due {
                Due::Client(key) => active.push(key),
                Due::Listener => somebody_comes = true,
            }
        }
        while somebody_comes && let Arrival::Client(key) = clients.accept(&listener)? {
            clients.watch(key, &readiness, key.row() as u64);
            active.push(key);
        }
        for key in active.drain(..) {
            if let Some(request) = clients.next_request(key) {
                requests.send(request).map_err(|_| io::Error::other("every worker has ended"))?;
            }
        }
    }
}

/// Starts the pool; returns where requests go and where replies come from. The queues need no bound
/// of their own because each client of the bounded table has at most one request in them.
fn start_pool(
    context: &'static Context,
    wake_up: &Arc<EventFd>,
) -> (Sender<Request>, Receiver<(Key, Vec<u8>)>) {
    let (requests, work) = unbounded::<Request>();
    let (done, replies) = unbounded();
    for slot in context.workers.free_slots() {
        let (work, done, wake_up) = (work.clone(), done.clone(), Arc::clone(wake_up));
        spawn_worker(slot, move |worker| {
            for Request { key, job, taken_up, input } in work {
                guarded(|| {
                    let mut reply = Vec::new();
                    context.perform(job, &input, taken_up, worker, &mut reply);
                    let _ = done.send((key, reply)); // the loop ends only with the process
                    let _ = wake_up.write(1);
                });
            }
        });
    }
    (requests, replies)
}
