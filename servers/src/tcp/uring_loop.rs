//! Apparent concurrency, connection-oriented: one thread, and a ring of operations (io_uring).
//!
//! # Picture
//!
//! ```text
//!            ┌── submit: accept, receive, send, wait until ──► [ ring ] ──► kernel
//!            │                                                               │ does them
//!   one thread, for each completion:                                         ▼
//!   a connection: ask to receive · bytes: compute, ask to send · [ ring ] ◄──┘
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/event_loop.rs` learns that it *may* read from a socket, and then reads: two calls. Here the
//! loop asks the kernel to read, and learns when the read is *done* (completion instead of
//! readiness). All operations that are queued during one pass of the loop go to the kernel in one
//! call. The kernel owns a buffer while the operation on it lasts. Each client has exactly one
//! operation in flight: a receive, a wait, or a send.
//!
//! System calls: only io_uring_enter(2). Accepting, receiving, sending and waiting are entries of
//! the ring, and one call submits many.
//!
//! # When it pays
//!
//! It pays when system calls are the bottleneck: many small exchanges on many connections. Kernels
//! and containers often forbid io_uring because of its history of security vulnerabilities. This
//! server then says so and does not start.
//!
//! # Where it is described
//!
//! Axboe, "Efficient IO with io_uring" (2019); io_uring(7), io_uring_enter(2).

use std::convert::Infallible;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use slab::Slab;

use crate::clock::monotonic_ns;
use crate::context::{Context, PendingJob};
use crate::limits::{LAST_READS_FOR, MOST_LAST_READS, READ_SIZE};
use crate::ring::{Outcome, Ring};
use crate::service::{Conversation, Job, Step};
use crate::socket::{PAUSE_WITHOUT_DESCRIPTORS, Scope, give_up_on};
use crate::worker::Worker;

/// What a completed operation was for.
#[derive(Clone, Copy)]
enum Mark {
    Listener,
    Client(usize),
    /// Time to accept again after a pause.
    AcceptAgain,
    /// Time to close idle clients.
    CloseIdle,
}

/// The state of a conversation.
enum Phase {
    Reading,
    Waiting(PendingJob),
    Writing { job: Job, written: usize },
    Lingering { reads_left: usize },
}

struct Client {
    socket: Arc<TcpStream>,
    conversation: Conversation,
    phase: Phase,
    /// Since when the server has waited for the client.
    since_ns: u64,
    ready_at_ns: u64,
    /// The buffer that the ring does not have: for replies while reading, for input while writing.
    spare: Vec<u8>,
}

struct Server {
    ring: Ring<Mark>,
    listener: Arc<TcpListener>,
    accepting: bool,
    clients: Slab<Client>,
    context: &'static Context,
    master: Worker,
}

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    let mut server = Server {
        ring: Ring::new()?,
        listener: Arc::new(listener),
        accepting: false,
        clients: Slab::new(),
        context,
        master: context.workers.master(),
    };
    server.sweep_later()?;
    loop {
        server.accept_if_room()?;
        for completion in server.ring.wait()? {
            match (completion.mark, completion.outcome) {
                (Mark::Listener, Outcome::Accepted(accepted)) => server.accepted(accepted)?,
                (Mark::Client(row), Outcome::Moved(count, buffer)) => {
                    server.moved(row, count, buffer)?;
                }
                (Mark::Client(row), _) => server.waited(row)?,
                (Mark::CloseIdle, _) => server.close_idle()?,
                (Mark::AcceptAgain | Mark::Listener, _) => server.accepting = false,
            }
        }
    }
}

impl Server {
    fn accept_if_room(&mut self) -> io::Result<()> {
        if !self.accepting && self.clients.len() < self.context.limits.clients {
            self.accepting = true;
            self.ring.accept(Mark::Listener, &self.listener)?;
        }
        Ok(())
    }

    fn accepted(&mut self, accepted: io::Result<TcpStream>) -> io::Result<()> {
        self.accepting = false;
        match accepted {
            Ok(socket) => {
                let now_ns = monotonic_ns();
                let row = self.clients.insert(Client {
                    socket: Arc::new(socket),
                    conversation: Conversation::new(self.context.service, &self.context.limits),
                    phase: Phase::Reading,
                    since_ns: now_ns,
                    ready_at_ns: now_ns,
                    spare: Vec::new(),
                });
                self.go_on(row, vec![0; READ_SIZE])
            }
            Err(error) => match Scope::of(&error) {
                Scope::Connection => Ok(()),
                Scope::Resources => {
                    self.accepting = true; // not again before the pause is over
                    let pause_ns = PAUSE_WITHOUT_DESCRIPTORS.as_nanos() as u64;
                    self.ring.tell_at(Mark::AcceptAgain, monotonic_ns() + pause_ns)
                }
                Scope::Listener => Err(error),
            },
        }
    }

    /// Handles a completed receive or send.
    fn moved(&mut self, row: usize, count: io::Result<usize>, buffer: Vec<u8>) -> io::Result<()> {
        let client = &mut self.clients[row];
        match (&mut client.phase, count) {
            (Phase::Reading, Ok(count)) if count > 0 => {
                client.ready_at_ns = monotonic_ns();
                if !client.conversation.is_midway() {
                    client.since_ns = client.ready_at_ns;
                }
                client.conversation.received(&buffer[..count]);
                self.go_on(row, buffer)
            }
            (Phase::Writing { written, .. }, Ok(count)) if *written + count < buffer.len() => {
                *written += count;
                self.ring.write(Mark::Client(row), &client.socket, buffer, *written)
            }
            (Phase::Writing { job, .. }, Ok(_)) => {
                client.conversation.finished(job);
                client.ready_at_ns = monotonic_ns();
                client.since_ns = client.ready_at_ns;
                client.phase = if job.ends_conversation() {
                    let _ = client.socket.shutdown(Shutdown::Write);
                    Phase::Lingering { reads_left: MOST_LAST_READS }
                } else {
                    Phase::Reading
                };
                let input = std::mem::replace(&mut client.spare, buffer);
                self.go_on(row, input)
            }
            (Phase::Lingering { reads_left }, Ok(count)) if count > 0 && *reads_left > 0 => {
                *reads_left -= 1;
                self.ring.read(Mark::Client(row), &client.socket, buffer)
            }
            _ => {
                self.clients.remove(row); // the client's end, its error, or its last read
                Ok(())
            }
        }
    }

    /// Takes the next step of a conversation; `buffer` is for input.
    fn go_on(&mut self, row: usize, buffer: Vec<u8>) -> io::Result<()> {
        let client = &mut self.clients[row];
        let job = match client.conversation.next_step() {
            Step::Job(job) if matches!(client.phase, Phase::Reading) => job,
            _ => return self.ring.read(Mark::Client(row), &client.socket, buffer),
        };
        let pending = self.context.begin(job, self.context.take_up_at(client.ready_at_ns));
        let reply = std::mem::replace(&mut client.spare, buffer);
        client.phase = Phase::Waiting(pending);
        match pending.due_ns() {
            Some(due_ns) => {
                client.spare = Vec::new();
                self.ring.tell_at(Mark::Client(row), due_ns)
            }
            None => self.reply(row, &pending, reply),
        }
    }

    /// Handles the end of a request's waiting.
    fn waited(&mut self, row: usize) -> io::Result<()> {
        match self.clients[row].phase {
            Phase::Waiting(pending) => self.reply(row, &pending, Vec::new()),
            _ => Ok(()),
        }
    }

    fn reply(&mut self, row: usize, pending: &PendingJob, mut reply: Vec<u8>) -> io::Result<()> {
        let client = &mut self.clients[row];
        self.context.finish(pending, client.conversation.input(), self.master, &mut reply);
        if client.spare.is_empty() {
            client.spare = vec![0; READ_SIZE];
        }
        client.phase = Phase::Writing { job: *pending.job(), written: 0 };
        client.since_ns = monotonic_ns();
        self.ring.write(Mark::Client(row), &client.socket, reply, 0)
    }

    /// Shuts down the connections of clients that keep the server waiting, which completes their
    /// operations.
    fn close_idle(&mut self) -> io::Result<()> {
        let now_ns = monotonic_ns();
        for (_, client) in &self.clients {
            let patience = match client.phase {
                Phase::Waiting(_) => continue,
                Phase::Lingering { .. } => LAST_READS_FOR,
                Phase::Reading | Phase::Writing { .. } => self.context.limits.idle,
            };
            if u128::from(now_ns.saturating_sub(client.since_ns)) > patience.as_nanos() {
                if matches!(client.phase, Phase::Writing { .. }) {
                    give_up_on(&client.socket);
                }
                let _ = client.socket.shutdown(Shutdown::Both);
            }
        }
        self.sweep_later()
    }

    fn sweep_later(&mut self) -> io::Result<()> {
        let pause_ns = LAST_READS_FOR.min(self.context.limits.idle / 4).as_nanos() as u64;
        self.ring.tell_at(Mark::CloseIdle, monotonic_ns() + pause_ns.max(1_000_000))
    }
}
