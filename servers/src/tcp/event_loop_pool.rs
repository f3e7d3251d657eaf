//! An event loop for the talking and a pool of threads for the processing.
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
//! In `tcp/event_loop.rs` the loop computes, and everybody waits. Here it only reads and writes: a
//! whole request goes to a queue, a worker of a pool does it, in whatever blocking manner, and the
//! reply comes back through a second queue, with a wake-up for the loop. A connection has one
//! request in hand at most, so replies keep their order and the queue its bound.
//!
//! In system calls, `register` is epoll_ctl(2), `poll` epoll_wait(2), `accept` accept4(2), `wake`
//! write(2) on an eventfd; the queues between loop and pool wake a worker by futex(2).
//!
//! # When it pays
//!
//! When clients are many and their requests compute or block for long: silent clients cost a row
//! in a table, and processing uses all processors. Each request is handed over twice, which a
//! short one does not earn back.
//!
//! # Where it is described
//!
//! Pai, Druschel & Zwaenepoel, "Flash: An Efficient and Portable Web Server", USENIX 1999 (AMPED);
//! Schmidt et al., *Pattern-Oriented Software Architecture* vol. 2, "Half-Sync/Half-Async".

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::context::Context;
use crate::talk::clients::{Arrival, Clients, Due, Key, Request};
use crate::worker::{guarded, spawn_worker};

const LISTENER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
const REPLIES: Token = Token(usize::MAX - 2);

/// Most events taken from the kernel in one call.
const EVENTS: usize = 256;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    listener.set_nonblocking(true)?;
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), REPLIES)?);
    let (requests, replies) = start_pool(context, &waker);
    let mut clients = Clients::new(context)?;
    for (socket, token) in [(listener.as_raw_fd(), LISTENER), (clients.timer_number(), TIMER)] {
        poll.registry().register(&mut SourceFd(&socket), token, Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(EVENTS);
    let mut active: Vec<Key> = Vec::new();
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let mut somebody_comes = false;
        for event in &events {
            match event.token() {
                LISTENER => somebody_comes = true,
                TIMER | REPLIES => {} // looked after below
                Token(row) => active.extend(clients.became_ready(row, event)),
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
            let Some(socket) = clients.socket(key).map(|socket| socket.as_raw_fd()) else { break };
            let both = Interest::READABLE | Interest::WRITABLE;
            match poll.registry().register(&mut SourceFd(&socket), Token(key.row()), both) {
                Ok(()) => active.push(key),
                Err(_) => clients.close(key), // no memory left in the kernel
            }
        }
        for key in active.drain(..) {
            if let Some(request) = clients.next_request(key) {
                requests.send(request).map_err(|_| io::Error::other("every worker has ended"))?;
            }
        }
    }
}

/// The pool: where requests go, and where replies come from. The queues need no bound of their own
/// because each client of the bounded table has at most one request in them.
fn start_pool(
    context: &'static Context,
    waker: &Arc<Waker>,
) -> (Sender<Request>, Receiver<(Key, Vec<u8>)>) {
    let (requests, work) = unbounded::<Request>();
    let (done, replies) = unbounded();
    for place in context.workers.free_places() {
        let (work, done, waker) = (work.clone(), done.clone(), Arc::clone(waker));
        spawn_worker(place, move |worker| {
            for Request { key, job, taken_up, input } in work {
                guarded(|| {
                    let mut reply = Vec::new();
                    context.perform(job, &input, taken_up, worker, &mut reply);
                    let _ = done.send((key, reply)); // the loop ends with the process only
                    let _ = waker.wake();
                });
            }
        });
    }
    (requests, replies)
}
