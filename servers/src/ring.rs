//! io_uring as a safe queue of operations (io_uring(7)): what an operation needs, its socket and
//! its buffer, belongs to the ring from submission until completion, because the kernel reads and
//! writes there meanwhile.
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

/// Operations that can be handed to the kernel in one call.
const ENTRIES: u32 = 256;

/// A ring whose operations bear marks of type `Mark`.
pub(crate) struct Ring<Mark> {
    ring: IoUring,
    /// Never freed: when the ring is closed the kernel ends its operations some time later, and
    /// may write into their buffers until then.
    in_flight: ManuallyDrop<Slab<(Mark, Held)>>,
    /// Done, and not yet told.
    done: Vec<Completion<Mark>>,
}

/// What an operation in flight keeps alive.
enum Held {
    Accept { _listener: Arc<TcpListener> },
    Bytes { _socket: Arc<TcpStream>, buffer: Vec<u8> },
    Instant { _at: Box<Timespec> },
}

/// An operation that is done.
pub(crate) struct Completion<Mark> {
    /// As given at submission.
    pub(crate) mark: Mark,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

/// What came of an operation.
pub(crate) enum Outcome {
    /// A connection, or why there is none.
    Accepted(io::Result<TcpStream>),
    /// Bytes read into the buffer or written from it, and the buffer.
    Moved(io::Result<usize>, Vec<u8>),
    /// The instant has come.
    TimeIsUp,
}

/// Whether this kernel lets this process use io_uring.
///
/// # Errors
/// When it does not, with what may be done about it.
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
    /// When the kernel forbids io_uring or lacks the memory.
    pub(crate) fn new() -> io::Result<Self> {
        // One thread submits, and it alone need be interrupted; kernels before 6.0 do not know.
        let modest = || IoUring::builder().build(ENTRIES);
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .build(ENTRIES)
            .or_else(|_| modest())?;
        Ok(Self { ring, in_flight: ManuallyDrop::new(Slab::new()), done: Vec::new() })
    }

    /// Asks for the next connection.
    pub(crate) fn accept(&mut self, mark: Mark, listener: &Arc<TcpListener>) -> io::Result<()> {
        let descriptor = Fd(listener.as_raw_fd());
        let accept = opcode::Accept::new(descriptor, std::ptr::null_mut(), std::ptr::null_mut())
            .flags(nix::libc::SOCK_CLOEXEC);
        self.submit(mark, accept.build(), Held::Accept { _listener: Arc::clone(listener) })
    }

    /// Asks for what there is to read, as far as the buffer goes.
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

    /// Asks for the buffer to be written, from a place on.
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

    /// Asks to be told when an instant of the monotonic clock has come.
    pub(crate) fn tell_at(&mut self, mark: Mark, due_ns: u64) -> io::Result<()> {
        let at = Box::new(Timespec::from(Duration::from_nanos(due_ns)));
        let timeout = opcode::Timeout::new(&raw const *at).flags(TimeoutFlags::ABS).build();
        self.submit(mark, timeout, Held::Instant { _at: at })
    }

    /// Hands over what was asked for and waits until something is done. An interruption by a
    /// signal is an answer too, with nothing done.
    pub(crate) fn wait(&mut self) -> io::Result<Vec<Completion<Mark>>> {
        if self.done.is_empty() {
            passing(self.ring.submit_and_wait(1))?;
        }
        self.collect();
        Ok(std::mem::take(&mut self.done))
    }

    /// Takes what is done out of the ring, which makes room in it.
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
        // SAFETY: socket and buffer of the entry are kept in `in_flight`, where nothing touches
        // them, until the kernel has completed it, or for ever; a vector's and a box's contents do not move
        // with their owner.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            passing(self.ring.submit())?; // the queue is full: hand over what is in it
            self.collect();
        }
        Ok(())
    }
}

/// An interruption, or too little memory or room just now, is no reason to stop.
fn passing(submitted: io::Result<usize>) -> io::Result<()> {
    match submitted {
        Ok(_) => Ok(()),
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EINTR | Errno::EAGAIN | Errno::EBUSY) => Ok(()),
            _ => Err(error),
        },
    }
}

/// A completion's number: a count, or an error below 0.
fn result(number: i32) -> io::Result<RawFd> {
    if number < 0 { Err(Errno::from_raw(-number).into()) } else { Ok(number) }
}

fn connection(descriptor: RawFd) -> TcpStream {
    // SAFETY: the kernel has just made this descriptor by accept; nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }.into()
}
