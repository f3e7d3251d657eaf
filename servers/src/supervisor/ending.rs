//! The end of a server, which comes as a signal: SIGTERM, SIGINT, or SIGALRM after its lifetime.
//!
//! The handler ends the worker processes, collects them so that their processor time is counted,
//! prints the closing line and exits. It may interrupt the design at any point, so it only reads
//! atomics, makes system calls that are safe in a handler, and formats into a buffer on its stack.
#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use nix::errno::Errno;
use nix::libc::{self, STDOUT_FILENO, c_int};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, killpg, sigaction};
use nix::sys::socket::{Shutdown, shutdown};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::wait::wait;
use nix::unistd::Pid;

use super::lines::ClosingLine;
use crate::clock::monotonic_ns;
use crate::context::Context;
use crate::serve_error::ServeError;
use crate::worker::ENDING;

/// What the handlers of the ending signals need; set once, before they are installed.
struct Supervised {
    name: &'static str,
    context: &'static Context,
    /// The descriptor of the listener that the end shuts down, if any.
    listener: Option<RawFd>,
    master: Pid,
    usage_at_start: Usage,
    started_at_ns: u64,
}

static SUPERVISED: OnceLock<Supervised> = OnceLock::new();
static ENDED: AtomicBool = AtomicBool::new(false);

/// Prepares the end of a server that is about to print its opening line.
pub(super) fn arrange(
    name: &'static str,
    context: &'static Context,
    listener: Option<RawFd>,
) -> Result<(), ServeError> {
    let supervised = Supervised {
        name,
        context,
        listener,
        master: Pid::this(),
        usage_at_start: Usage::of(UsageWho::RUSAGE_SELF),
        started_at_ns: monotonic_ns(),
    };
    if SUPERVISED.set(supervised).is_err() {
        return Err(io::Error::other("one process holds one server").into());
    }
    for signal in ENDING {
        install(signal, on_end)?;
    }
    Ok(install(Signal::SIGCHLD, on_child_end)?)
}

/// Waits forever if the end has started.
///
/// The end shuts down the listener, so the error of the design is then not a failure. The handler,
/// which may run on another thread, prints the closing line and exits.
pub(super) fn wait_if_begun() {
    while ENDED.load(SeqCst) {
        thread::park();
    }
}

fn install(signal: Signal, handler: extern "C" fn(c_int)) -> io::Result<()> {
    // SA_RESTART: a system call that the signal interrupts is restarted.
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::SA_RESTART, SigSet::all());
    // SAFETY: both handlers do only what is safe in a handler, as explained at the head of this
    // file.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

/// Handles SIGCHLD: collects the workers that have ended. The interrupted code finds `errno`
/// unchanged.
extern "C" fn on_child_end(_: c_int) {
    let errno = Errno::last_raw();
    if let Some(supervised) = SUPERVISED.get() {
        supervised.context.workers.reap();
    }
    Errno::set_raw(errno);
}

/// Handles the ending signals: ends the workers, prints the closing line and exits.
extern "C" fn on_end(_: c_int) {
    let Some(supervised) = SUPERVISED.get() else { exit(1) };
    if Pid::this() != supervised.master || ENDED.swap(true, SeqCst) {
        return; // a new worker process, or a second signal on another thread
    }
    // No more clients are accepted. The kernel releases a ring's socket only some time after the
    // process has ended; the shutdown frees the port at once. (A datagram socket is not shut down:
    // its receivers would wake with a datagram that has no sender, on which the standard library
    // panics.)
    if let Some(listener) = supervised.listener {
        let _ = shutdown(listener, Shutdown::Both);
    }
    for worker in supervised.context.workers.processes() {
        let _ = kill(worker, Signal::SIGKILL);
        let _ = killpg(worker, Signal::SIGKILL); // the children of a superserver's program
    }
    while wait().is_ok() {}
    let _ = supervised.print_closing_line();
    exit(0);
}

fn exit(code: c_int) -> ! {
    // SAFETY: `_exit` only ends the process; nothing of it is used afterwards.
    unsafe { libc::_exit(code) }
}

/// The resources that a process has used.
#[derive(Clone, Copy)]
struct Usage {
    user_ns: i64,
    system_ns: i64,
    voluntary_switches: i64,
    involuntary_switches: i64,
    peak_memory_bytes: i64,
}

impl Usage {
    fn of(who: UsageWho) -> Self {
        let nanos = |time: TimeVal| time.num_nanoseconds();
        getrusage(who).map_or(
            Self {
                user_ns: 0,
                system_ns: 0,
                voluntary_switches: 0,
                involuntary_switches: 0,
                peak_memory_bytes: 0,
            },
            |usage| Self {
                user_ns: nanos(usage.user_time()),
                system_ns: nanos(usage.system_time()),
                voluntary_switches: usage.voluntary_context_switches(),
                involuntary_switches: usage.involuntary_context_switches(),
                peak_memory_bytes: usage.max_rss() * 1024,
            },
        )
    }
}

impl Supervised {
    fn print_closing_line(&self) -> fmt::Result {
        let own = Usage::of(UsageWho::RUSAGE_SELF);
        let children = Usage::of(UsageWho::RUSAGE_CHILDREN);
        let start = self.usage_at_start;
        let tally = self.context.tally;
        let line = ClosingLine {
            design: self.name,
            received: tally.received(),
            answered: tally.answered(),
            refused: tally.refused(),
            dropped: tally.dropped(),
            per_worker: tally.answered_by_slot(),
            user_ns: positive(own.user_ns - start.user_ns),
            system_ns: positive(own.system_ns - start.system_ns),
            children_user_ns: positive(children.user_ns),
            children_system_ns: positive(children.system_ns),
            voluntary_switches: positive(
                own.voluntary_switches - start.voluntary_switches + children.voluntary_switches,
            ),
            involuntary_switches: positive(
                own.involuntary_switches - start.involuntary_switches
                    + children.involuntary_switches,
            ),
            peak_memory_bytes: positive(own.peak_memory_bytes.max(children.peak_memory_bytes)),
            served_ns: monotonic_ns().saturating_sub(self.started_at_ns),
        };
        let mut out = Unbuffered::default();
        line.write(&mut out)?;
        out.flush();
        Ok(())
    }
}

fn positive(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// Standard output without the library's lock and heap, which a handler must not use.
struct Unbuffered {
    bytes: [u8; 512],
    length: usize,
}

impl Default for Unbuffered {
    fn default() -> Self {
        Self { bytes: [0; 512], length: 0 }
    }
}

impl Unbuffered {
    fn flush(&mut self) {
        let mut rest = &self.bytes[..self.length];
        while !rest.is_empty() {
            // SAFETY: the pointer and length are those of a live slice; write(2) is safe in a
            // handler.
            let wrote = unsafe { libc::write(STDOUT_FILENO, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(wrote) {
                Ok(count) if count > 0 => rest = &rest[count..],
                _ if Errno::last() == Errno::EINTR => {}
                _ => break, // no process reads any more
            }
        }
        self.length = 0;
    }
}

impl fmt::Write for Unbuffered {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.length == self.bytes.len() {
                self.flush();
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}
