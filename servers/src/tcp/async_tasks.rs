//! Apparent concurrency, connection-oriented: a task for each connection, created on demand.
//!
//! # Picture
//!
//! ```text
//!                                        ┌─ task ⇄ client 1: await read, compute, await write
//! clients ──connect──► accepting task ───┼─ task ⇄ client 2: await read, compute, await write
//!                        ▲  │spawn       └─ task ⇄ client n: await read, compute, await write
//!                        └──┘ await the next          few threads run whichever is ready
//! ```
//!
//! # What changed from the one before
//!
//! In `tcp/event_loop.rs` the program keeps the state of each conversation itself. Here a
//! conversation is written as in `tcp/thread_per_connection.rs`, one step after the other. The
//! compiler turns each `await` into a state, from which the runtime resumes the task. The runtime
//! has several loops, and a task may move from one loop to another.
//!
//! System calls: the runtime tries accept4(2), recv(2) and send(2) at once. If a call would block,
//! the runtime waits in epoll_wait(2) until the socket is ready. `spawn` creates a task without a
//! system call, so a task costs little.
//!
//! # When it pays
//!
//! It pays when there are many connections, most of them silent, and each conversation takes
//! several steps. Written for an event loop, these steps would be a tangle of states. While a task
//! computes, its thread runs no other task.
//!
//! # Where it is described
//!
//! The Tokio project's tutorial, "Spawning", "I/O" and "Async in depth"; von Behren, Condit &
//! Brewer, "Why Events Are a Bad Idea", HotOS 2003, for the argument against events.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::clock::monotonic_ns;
use crate::context::Context;
use crate::limits::READ_SIZE;
use crate::service::{Conversation, Step};
use crate::talk::awaiting::{self, Deadline, wait_until};
use crate::worker::Worker;

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    awaiting::start(context, async move |worker| {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let permits = Arc::new(Semaphore::new(context.limits.clients));
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
            let connection = awaiting::accept(&listener).await?;
            tokio::spawn(async move {
                let _ = converse(connection, context, worker).await;
                drop(permit);
            });
        }
    })
}

/// The conversation of `talk/blocking.rs`, with an `await` wherever it waits.
async fn converse(
    mut connection: TcpStream,
    context: &'static Context,
    worker: Worker,
) -> io::Result<()> {
    let mut conversation = Conversation::new(context.service, &context.limits);
    let mut deadline = Deadline::new(context.limits.idle);
    let mut buffer = vec![0; READ_SIZE];
    let mut reply = Vec::new();
    let mut ready_at_ns = monotonic_ns();
    loop {
        match conversation.next_step() {
            Step::NeedMore => {
                let midway = conversation.is_midway();
                deadline.renew_unless(midway);
                let count = deadline.keep(connection.read(&mut buffer)).await?;
                if count == 0 {
                    return Ok(());
                }
                deadline.renew_unless(midway); // a request's time starts with its first byte
                ready_at_ns = monotonic_ns();
                conversation.received(&buffer[..count]);
            }
            Step::Job(job) => {
                let pending = context.begin(job, context.take_up_at(ready_at_ns));
                if let Some(due_ns) = pending.due_ns() {
                    wait_until(due_ns).await;
                }
                context.finish(&pending, conversation.input(), worker, &mut reply);
                deadline.renew_unless(false);
                let written = deadline.keep(connection.write_all(&reply)).await;
                written.inspect_err(|_| awaiting::give_up_on(&connection))?;
                if job.ends_conversation() {
                    return awaiting::close(connection).await;
                }
                conversation.finished(&job);
                ready_at_ns = monotonic_ns();
            }
        }
    }
}
