//! Concurrent, connection-oriented: preallocated processes, to which the master passes connections.
//!
//! # Picture
//!
//! ```text
//!                                  ┌─descriptor──► worker 1 ⇄ client ──"idle"──► master
//! clients ──connect──► master ─────┼─descriptor──► worker 2 ⇄ client ──"idle"──► master
//!                      ▲  │accept  └─descriptor──► worker k ⇄ client ──"idle"──► master
//!                      └──┘ only while a worker is idle
//! ```
//!
//! # What changed from the one before
//!
//! In `tcp/preforked.rs` every worker accepts, and the kernel chooses the worker. Here the master
//! accepts and chooses, so it must know which workers are idle. For this purpose the master has a
//! channel to each worker, a pair of connected local sockets. The master sends the descriptor of a
//! connection through the channel, and the worker sends a byte back when it is idle again. The
//! master always watches the channels. It watches the listener only while some worker is idle. It
//! chooses the first idle worker, but it could as easily choose by load, client or content.
//!
//! System calls: `fork_worker` is fork(2); `readable` is poll(2); `accept` is accept4(2); `pass` is
//! sendmsg(2) and `take` is recvmsg(2), each with SCM_RIGHTS; `converse` is recv(2) and send(2) in
//! turn.
//!
//! # When it pays
//!
//! It pays when it matters which worker serves a client, or when workers must not be able to
//! accept. For each connection, passing costs several system calls and two process switches.
//!
//! # Where it is described
//!
//! Stevens, *UNIX Network Programming* vol. 1 (3rd ed.), ch. 30, "TCP Preforked Server, Descriptor
//! Passing"; unix(7), SCM_RIGHTS.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use crate::context::Context;
use crate::descriptor::{pass, take};
use crate::socket::{accept, readable};
use crate::talk::blocking::converse;
use crate::worker::{Side, WorkerProcess, fork_worker};

/// The master's view of a worker.
struct WorkerHandle {
    channel: UnixStream,
    idle: bool,
}

/// Serves on a passive socket, bound to the well-known port.
pub fn serve(listener: TcpListener, context: &'static Context) -> io::Result<Infallible> {
    let mut workers: Vec<WorkerHandle> = Vec::new();
    loop {
        for slot in context.workers.free_slots() {
            let (channel, workers_end) = UnixStream::pair()?;
            if let Side::Worker(process) = fork_worker(slot)? {
                drop((listener, channel, workers));
                work(process, &workers_end, context);
            }
            workers.push(WorkerHandle { channel, idle: false });
        }
        let channels = workers.iter().map(|worker| worker.channel.as_fd());
        let any_idle = workers.iter().any(|worker| worker.idle);
        let listeners = [context.workers.vacancy(), listener.as_fd()];
        let listeners = &listeners[..if any_idle { 2 } else { 1 }];
        let ready = readable(channels.chain(listeners.iter().copied()))?;
        let client_waits = any_idle && ready[workers.len() + 1];
        let mut ready = ready.into_iter();
        workers.retain_mut(|worker| !ready.next().unwrap_or(false) || worker.reports());
        if client_waits && let Some(first_idle) = workers.iter_mut().find(|one| one.idle) {
            let connection = accept(&listener)?;
            first_idle.idle = false;
            let _ = pass(&connection, &first_idle.channel); // a dead worker loses its client
        }
    }
}

impl WorkerHandle {
    /// Reads the worker's report: a byte when it is idle, or nothing when it has ended.
    fn reports(&mut self) -> bool {
        self.idle = self.channel.read(&mut [0]).is_ok_and(|count| count == 1);
        self.idle
    }
}

/// The loop of a worker: idle, a client, idle, the next client.
fn work(process: WorkerProcess, mut channel: &UnixStream, context: &Context) -> ! {
    while channel.write_all(&[0]).is_ok() {
        let Ok(connection) = take(channel) else { break };
        converse(connection, context, process.worker());
    }
    process.exit()
}
