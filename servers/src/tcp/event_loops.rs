//! Apparent concurrency, connection-oriented: preallocated event loops, a thread for each.
//!
//! # Picture
//!
//! ```text
//!  shared, exclusive:          reuseport:                        round-robin:
//!             ┌─► loop 1                 ┌─► [ queue 1 ] ► loop 1              ┌─► loop 1
//!  [ queue ] ─┼─► loop 2         hash ───┼─► [ queue 2 ] ► loop 2    acceptor ─┼─► loop 2
//!             └─► loop k                 └─► [ queue k ] ► loop k              └─► loop k
//!  all are woken, or one       the kernel chooses                in turn, busy or free
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/event_loop.rs` has one loop and so uses one processor. Here each of k loops has its own set
//! of connections, and a connection stays with its loop. The only new question is how a connection
//! reaches a loop. The server has four ways (`--distribution`):
//!
//! * *shared*: all loops watch one listener; a new connection wakes all of them, and one gets it.
//! * *exclusive*: all loops watch one listener; the kernel wakes one of them.
//! * *reuseport*: each loop has a listener of its own; the kernel chooses one.
//! * *round-robin*: a separate thread accepts the connections and hands them to the loops in turn.
//!
//! System calls: `spawn_worker` is pthread_create(3); `watch` is epoll_ctl(2); `wait` is
//! epoll_wait(2); `listen_beside` is socket(2), bind(2) with SO_REUSEPORT and listen(2).
//!
//! # When it pays
//!
//! It pays when one loop uses its processor fully. The four ways differ. *Shared* shows the
//! thundering herd: each connection wakes every loop, although only one gets it. *Exclusive* gives
//! work to the loop that wakes first and leaves other loops idle, which is good for the cache and
//! bad for tail latency. *Reuseport* does not consider which loop is busy, and if a loop ends, the
//! connections in its queue are lost. *Round-robin* gives each loop the same number of connections,
//! but must hand each one over.
//!
//! # Where it is described
//!
//! epoll_ctl(2), EPOLLEXCLUSIVE; socket(7), SO_REUSEPORT. The first three choices are nginx's
//! `accept_mutex off`, its default since 1.11.3, and `reuseport`; the last is memcached's.

use std::convert::Infallible;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::context::Context;
use crate::readiness::{Events, Readiness, Watch};
use crate::socket::{accept, listen_beside};
use crate::talk::clients::{Arrival, Clients, Due};
use crate::tuning::Dispatch;
use crate::worker::{Worker, spawn_worker};

/// Marks of descriptors that are not clients.
const ENDPOINT: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// Where a loop's connections come from.
enum Endpoint {
    /// A listener, watched in this way.
    Listener(Arc<TcpListener>, Watch),
    /// An acceptor that hands connections over and wakes the loop.
    Channel(Receiver<TcpStream>, Arc<EventFd>),
}

/// The acceptor's side of a channel.
struct Handoff {
    channel: Sender<TcpStream>,
    wakeup: Arc<EventFd>,
}

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    let choice = context.tuning.dispatch;
    let listener = Arc::new(listener);
    let (mut handoffs, mut loops) = (Vec::new(), Vec::new());
    let mut first = true;
    for slot in context.workers.free_slots() {
        let endpoint = match choice {
            Dispatch::Shared => Endpoint::Listener(Arc::clone(&listener), Watch::Input),
            Dispatch::Exclusive => Endpoint::Listener(Arc::clone(&listener), Watch::InputForOne),
            Dispatch::ReusePort => {
                // The first loop has the listener itself: connections may already be in its queue.
                let own = if std::mem::take(&mut first) {
                    Arc::clone(&listener)
                } else {
                    Arc::new(listen_beside(&listener, &context.limits)?)
                };
                Endpoint::Listener(own, Watch::Input)
            }
            Dispatch::RoundRobin => {
                let (handoff, endpoint) = handoff(context.limits.clients)?;
                handoffs.push(handoff);
                endpoint
            }
        };
        let (clients, readiness) = (Clients::new(context)?, Readiness::new()?);
        endpoint.watch(&readiness)?;
        readiness.watch(clients.timer(), TIMER, Watch::Input)?;
        loops.push((slot, endpoint, clients, readiness));
    }
    // Not earlier: the connections of a loop that serves could take the descriptors that others
    // need.
    let (failed, failures) = unbounded();
    for (slot, endpoint, clients, readiness) in loops {
        let failed = failed.clone();
        spawn_worker(slot, move |worker| {
            let Err(error) = serve_one_loop(&endpoint, clients, &readiness, worker);
            let _ = failed.send(error);
        });
    }
    if choice == Dispatch::RoundRobin {
        return deal_out(&listener, &handoffs);
    }
    drop(failed); // the loops have their own
    Err(failures.recv().unwrap_or_else(|_| io::Error::other("every loop has ended")))
}

/// One event loop, as in `tcp/event_loop.rs`.
fn serve_one_loop(
    endpoint: &Endpoint,
    mut clients: Clients,
    readiness: &Readiness,
    worker: Worker,
) -> io::Result<Infallible> {
    let mut events = Events::new();
    loop {
        readiness.wait(&mut events)?;
        let mut look_at_endpoint = false;
        for ready in events.iter() {
            match ready.mark {
                ENDPOINT => look_at_endpoint = true,
                TIMER => {} // handled below
                row => {
                    if let Some(key) = clients.became_ready(row as usize, ready) {
                        clients.serve(key, worker);
                    }
                }
            }
        }
        while let Some(due) = clients.next_due() {
            match due {
                Due::Client(key) => clients.serve(key, worker),
                Due::Listener => {
                    endpoint.watch(readiness)?;
                    look_at_endpoint = true;
                }
            }
        }
        while look_at_endpoint {
            match endpoint.next(&mut clients)? {
                Arrival::Client(key) => {
                    clients.serve(key, worker);
                    clients.watch(key, readiness, key.row() as u64);
                }
                Arrival::Nobody => look_at_endpoint = false,
                Arrival::NotNow => {
                    endpoint.leave(readiness)?;
                    look_at_endpoint = false;
                }
            }
        }
    }
}

impl Endpoint {
    fn watch(&self, readiness: &Readiness) -> io::Result<()> {
        match self {
            Self::Listener(listener, how) => {
                listener.set_nonblocking(true)?;
                readiness.watch(listener, ENDPOINT, *how)
            }
            Self::Channel(_, wakeup) => readiness.watch(wakeup, ENDPOINT, Watch::Input),
        }
    }

    /// Stops watching the endpoint for a while: level-triggered, it would be reported on every
    /// call.
    fn leave(&self, readiness: &Readiness) -> io::Result<()> {
        match self {
            Self::Listener(listener, _) => readiness.leave(listener),
            Self::Channel(_, wakeup) => readiness.leave(wakeup),
        }
    }

    /// The next connection, if there is one.
    fn next(&self, clients: &mut Clients) -> io::Result<Arrival> {
        match self {
            Self::Listener(listener, _) => clients.accept(listener),
            Self::Channel(channel, wakeup) => {
                let _ = wakeup.read(); // not readable again until the next write
                clients.take_in(|| channel.try_recv().map_err(|_| io::ErrorKind::WouldBlock.into()))
            }
        }
    }
}

fn handoff(capacity: usize) -> io::Result<(Handoff, Endpoint)> {
    let (channel, connections) = bounded(capacity);
    let wakeup = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
    Ok((Handoff { channel, wakeup: Arc::clone(&wakeup) }, Endpoint::Channel(connections, wakeup)))
}

/// The acceptor: one connection to each loop in turn. It waits while a loop's channel is full.
fn deal_out(listener: &TcpListener, handoffs: &[Handoff]) -> io::Result<Infallible> {
    for handoff in handoffs.iter().cycle() {
        let gone = |_| io::Error::other("a loop has ended");
        handoff.channel.send(accept(listener)?).map_err(gone)?;
        handoff.wakeup.write(1)?;
    }
    Err(io::Error::other("a server needs one loop at least"))
}
