//! io_uring as a safe queue of operations (io_uring(7)).
//!
//! The ring owns the socket and the buffer of an operation from submission until completion,
//! because the kernel reads and writes the buffer meanwhile.
#![allow(unsafe_code)]

use std::io;
use std::mem::ManuallyDrop;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use io_uring::types::{Fd, TimeoutFlags, Timespec};
use io_uring::{IoUring, opcode, squeue};
use nix::errno::Errno;
use slab::Slab;

/// The most operations submitted to the kernel in one call.
const ENTRIES: u32 = 256;

/// A ring whose operations carry marks of type `Mark`.
pub(crate) struct Ring<Mark> {
    ring: IoUring,
    /// The operations in flight. They are never freed: after the ring is closed, the kernel ends
    /// them some time later, and may write into their buffers until then.
    in_flight: ManuallyDrop<Slab<(Mark, Held)>>,
    /// Completed operations that have not been returned yet.
    done: Vec<Completion<Mark>>,
}

/// What an operation in flight keeps alive.
enum Held {
    Accept { _listener: Arc<TcpListener> },
    Bytes { _socket: Arc<TcpStream>, buffer: Vec<u8> },
    Instant { _at: Box<Timespec> },
}

/// A completed operation.
pub(crate) struct Completion<Mark> {
    /// The mark given at submission.
    pub(crate) mark: Mark,
    /// The result.
    pub(crate) outcome: Outcome,
}

/// The result of an operation.
pub(crate) enum Outcome {
    /// A connection, or the error.
    Accepted(io::Result<TcpStream>),
    /// The number of bytes read into the buffer or written from it, and the buffer.
    Moved(io::Result<usize>, Vec<u8>),
    /// The instant has come.
    TimeIsUp,
}

/// Checks whether this kernel lets this process use io_uring.
///
/// # Errors
/// When it does not, with the remedy.
pub(crate) fn available() -> Result<(), String> {
    match IoUring::new(1) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "the kernel does not let this process use io_uring ({error}); allow it (sysctl \
             kernel.io_uring_disabled=0, or the container's seccomp profile), or choose \
             tcp-event-loop"
        )),
    }
}

impl<Mark> Ring<Mark> {
    /// A ring with nothing in flight.
    ///
    /// # Errors
    /// When the kernel forbids io_uring or has no memory.
    pub(crate) fn new() -> io::Result<Self> {
        // Only one thread submits, so only that thread has to be interrupted. Kernels before 6.0 do
        // not support both flags.
        let modest = || IoUring::builder().build(ENTRIES);
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .build(ENTRIES)
            .or_else(|_| modest())?;
        Ok(Self { ring, in_flight: ManuallyDrop::new(Slab::new()), done: Vec::new() })
    }

    /// Requests the next connection.
    pub(crate) fn accept(&mut self, mark: Mark, listener: &Arc<TcpListener>) -> io::Result<()> {
        let descriptor = Fd(listener.as_raw_fd());
        let accept = opcode::Accept::new(descriptor, std::ptr::null_mut(), std::ptr::null_mut())
            .flags(nix::libc::SOCK_CLOEXEC);
        self.submit(mark, accept.build(), Held::Accept { _listener: Arc::clone(listener) })
    }

    /// Requests a read of up to the length of the buffer.
    pub(crate) fn read(
        &mut self,
        mark: Mark,
        socket: &Arc<TcpStream>,
        mut buffer: Vec<u8>,
    ) -> io::Result<()> {
        let descriptor = Fd(socket.as_raw_fd());
        let read = opcode::Recv::new(descriptor, buffer.as_mut_ptr(), buffer.len() as u32).build();
        self.submit(mark, read, Held::Bytes { _socket: Arc::clone(socket), buffer })
    }

    /// Requests a write of the buffer, starting at `from`.
    pub(crate) fn write(
        &mut self,
        mark: Mark,
        socket: &Arc<TcpStream>,
        buffer: Vec<u8>,
        from: usize,
    ) -> io::Result<()> {
        let rest = &buffer[from..];
        let write = opcode::Send::new(Fd(socket.as_raw_fd()), rest.as_ptr(), rest.len() as u32)
            .flags(nix::libc::MSG_NOSIGNAL)
            .build();
        self.submit(mark, write, Held::Bytes { _socket: Arc::clone(socket), buffer })
    }

    /// Requests a completion at `due_ns` on the monotonic clock.
    pub(crate) fn tell_at(&mut self, mark: Mark, due_ns: u64) -> io::Result<()> {
        let at = Box::new(Timespec::from(Duration::from_nanos(due_ns)));
        let timeout = opcode::Timeout::new(&raw const *at).flags(TimeoutFlags::ABS).build();
        self.submit(mark, timeout, Held::Instant { _at: at })
    }

    /// Submits the requested operations and waits until at least one is done. A signal may end the
    /// wait with none done.
    pub(crate) fn wait(&mut self) -> io::Result<Vec<Completion<Mark>>> {
        if self.done.is_empty() {
            passing(self.ring.submit_and_wait(1))?;
        }
        self.collect();
        Ok(std::mem::take(&mut self.done))
    }

    /// Takes the completed operations out of the ring, which frees entries.
    fn collect(&mut self) {
        let in_flight = &mut self.in_flight;
        let done = self.ring.completion().map(|entry| {
            let (mark, held) = in_flight.remove(entry.user_data() as usize);
            let outcome = match held {
                Held::Accept { .. } => Outcome::Accepted(result(entry.result()).map(connection)),
                Held::Bytes { buffer, .. } => {
                    Outcome::Moved(result(entry.result()).map(|count| count as usize), buffer)
                }
                Held::Instant { .. } => Outcome::TimeIsUp,
            };
            Completion { mark, outcome }
        });
        self.done.extend(done);
    }

    fn submit(&mut self, mark: Mark, entry: squeue::Entry, held: Held) -> io::Result<()> {
        let number = self.in_flight.insert((mark, held));
        let entry = entry.user_data(number as u64);
        // SAFETY: `in_flight` keeps the socket and the buffer of the entry, where no code touches
        // them, until the kernel has completed the entry, or forever. The contents of a vector or a
        // box do not move with their owner.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            passing(self.ring.submit())?; // the queue is full: submit its entries
            self.collect();
        }
        Ok(())
    }
}

/// Ignores an interruption, and a temporary shortage of memory or entries.
fn passing(submitted: io::Result<usize>) -> io::Result<()> {
    match submitted {
        Ok(_) => Ok(()),
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EINTR | Errno::EAGAIN | Errno::EBUSY) => Ok(()),
            _ => Err(error),
        },
    }
}

/// The result of a completion: a count, or an error below 0.
fn result(number: i32) -> io::Result<RawFd> {
    if number < 0 { Err(Errno::from_raw(-number).into()) } else { Ok(number) }
}

fn connection(descriptor: RawFd) -> TcpStream {
    // SAFETY: accept has just created this descriptor, and no other code owns it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }.into()
}
