//! Apparent concurrency, connectionless: a task for each request, created on demand.
//!
//! # Picture
//!
//! ```text
//!                                           ┌─ task: compute, await the wait, send ─┐
//! clients ──datagrams──► receiving task ────┼─ task: compute, await the wait, send ─┼─► clients
//!                           ▲  │spawn       └─ task: compute, await the wait, send ─┘
//!                           └──┘ await the next        few threads run whichever is ready
//! ```
//!
//! # What changed from the one before
//!
//! In `udp/event_loop.rs` the program itself keeps the state of each waiting request. Here the
//! processing is written as in `udp/thread_per_request.rs`, one step after the other. The compiler
//! turns each `await` into a state, from which the runtime resumes the task. A task costs a small
//! allocation instead of a thread.
//!
//! System calls: the runtime tries recvmsg(2) and sendto(2) at once. If a call would block, the
//! runtime waits in epoll_wait(2) until the socket is ready. `spawn` creates a task without a
//! system call, so a task costs little.
//!
//! # When it pays
//!
//! It pays when many requests wait and each takes several steps. Written for an event loop, these
//! steps would be a tangle of states. While a task computes, its thread runs no other task.
//!
//! # Where it is described
//!
//! The Tokio project's tutorial, "Spawning" and "Async in depth"; von Behren, Condit & Brewer, "Why
//! Events Are a Bad Idea", HotOS 2003, for the argument against events.

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use nix::sys::socket::MsgFlags;
use tokio::io::Interest;
use tokio::sync::Semaphore;

use crate::context::Context;
use crate::socket::{Scope, receive_from};
use crate::talk::awaiting::{self, wait_until};
use crate::talk::datagram::{datagram_buffer, datagram_of, job_of};

/// Serves on a socket bound to the well-known port.
pub fn serve(socket: UdpSocket, context: &'static Context) -> io::Result<Infallible> {
    awaiting::start(context, async move |worker| {
        socket.set_nonblocking(true)?;
        let socket = Arc::new(tokio::net::UdpSocket::from_std(socket)?);
        let permits = Arc::new(Semaphore::new(context.limits.clients));
        let mut buffer = datagram_buffer();
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
            let receive = || receive_from(&*socket, &mut buffer, MsgFlags::MSG_DONTWAIT);
            let received = match socket.async_io(Interest::READABLE, receive).await {
                Ok(received) => received,
                Err(error) if Scope::of(&error) == Scope::Listener => return Err(error),
                Err(_) => continue,
            };
            let request = datagram_of(received, &buffer, context).to_owned();
            let socket = Arc::clone(&socket);
            tokio::spawn(async move {
                if let Some(job) = job_of(&request, context) {
                    let pending = context.begin(job, request.taken_up);
                    if let Some(due_ns) = pending.due_ns() {
                        wait_until(due_ns).await;
                    }
                    let mut reply = Vec::new();
                    context.finish(&pending, &request.bytes, worker, &mut reply);
                    let _ = socket.send_to(&reply, request.sender).await;
                }
                drop(permit);
            });
        }
    })
}
