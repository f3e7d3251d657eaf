//! How a blocking worker talks with one client of a connection: the inner loop of the classic
//! algorithm.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::clock::monotonic_ns;
use crate::context::Context;
use crate::limits::{LAST_READS_FOR, MOST_LAST_READS, READ_SIZE};
use crate::service::{Conversation, Step};
use crate::socket::give_up_on;
use crate::worker::Worker;

/// Bytes of one read while requests are small. The buffer is on the stack: a worker that lives for
/// one short conversation should touch few pages of memory, because the kernel must provide each.
const SMALL_READ_SIZE: usize = 2 << 10;

/// Talks with one client until it closes, fails, or is silent for too long; then closes the
/// connection. An error affects only this client.
pub fn converse(connection: TcpStream, context: &Context, worker: Worker) {
    let _ = exchange(connection, context, worker);
}

/// Reads requests, processes them, and replies: the inner loop of the classic algorithm.
fn exchange(connection: TcpStream, context: &Context, worker: Worker) -> io::Result<()> {
    let mut stream = TimedStream::new(connection, context.limits.idle);
    let mut conversation = Conversation::new(context.service, &context.limits);
    let mut small = [0; SMALL_READ_SIZE];
    let mut large = Vec::new();
    let mut reply = Vec::new();
    let mut ready_at_ns = monotonic_ns();
    loop {
        match conversation.next_step() {
            Step::NeedMore => {
                let buffer = if large.is_empty() { &mut small[..] } else { &mut large[..] };
                let count = stream.read(buffer, conversation.is_midway())?;
                if count == 0 {
                    return Ok(());
                }
                ready_at_ns = monotonic_ns();
                conversation.received(&buffer[..count]);
                if count == SMALL_READ_SIZE {
                    large.resize(READ_SIZE, 0);
                }
            }
            Step::Job(job) => {
                let taken_up = context.take_up_at(ready_at_ns);
                context.perform(job, conversation.input(), taken_up, worker, &mut reply);
                stream.write(&reply)?;
                if job.ends_conversation() {
                    return stream.close();
                }
                conversation.finished(&job);
                stream.request_done();
                if conversation.is_midway() {
                    // The service of a request that came in the same read starts only now.
                    ready_at_ns = monotonic_ns();
                }
            }
        }
    }
}

/// A connection on which nothing takes longer than the idle time: no silence, no request from its
/// first byte to its last, no reply.
///
/// A bound on each system call alone would let a client that trickles bytes stay forever. The
/// socket inherits its time-outs from the listener (`socket.rs`).
struct TimedStream {
    connection: TcpStream,
    idle: Duration,
    /// When the request that has started to arrive must be complete.
    whole_by: Option<Instant>,
    /// Whether the socket's time-out is that deadline instead of the idle time.
    hurried: bool,
}

impl TimedStream {
    fn new(connection: TcpStream, idle: Duration) -> Self {
        Self { connection, idle, whole_by: None, hurried: false }
    }

    /// Gives the next request its own deadline, even if it has already started to arrive.
    fn request_done(&mut self) {
        self.whole_by = None;
    }

    /// Reads what there is. Only a request that comes in several pieces costs the extra calls.
    fn read(&mut self, buffer: &mut [u8], midway: bool) -> io::Result<usize> {
        if midway {
            let whole_by = *self.whole_by.get_or_insert_with(|| Instant::now() + self.idle);
            self.connection.set_read_timeout(Some(left_until(whole_by)?))?;
            self.hurried = true;
        } else if std::mem::take(&mut self.hurried) {
            self.connection.set_read_timeout(Some(self.idle))?;
        }
        uninterrupted(|| self.connection.read(buffer))
    }

    /// Writes all of `reply`, or gives up on the client.
    fn write(&mut self, reply: &[u8]) -> io::Result<()> {
        self.write_in_time(reply).inspect_err(|_| give_up_on(&self.connection))
    }

    /// Writes all of `reply` within the idle time. Only a reply that does not fit the socket's
    /// buffer at once costs more than one call.
    fn write_in_time(&mut self, reply: &[u8]) -> io::Result<()> {
        let mut rest = &reply[uninterrupted(|| self.connection.write(reply))?..];
        if rest.is_empty() {
            return Ok(());
        }
        let gone_by = Instant::now() + self.idle;
        while !rest.is_empty() {
            self.connection.set_write_timeout(Some(left_until(gone_by)?))?;
            rest = &rest[uninterrupted(|| self.connection.write(rest))?..];
        }
        self.connection.set_write_timeout(Some(self.idle))
    }

    /// Closes the connection so that the client can still read the last reply. Bytes left unread
    /// would turn the close into a reset, and the reply would be lost. The number and the time of
    /// these reads are bounded.
    fn close(mut self) -> io::Result<()> {
        self.connection.shutdown(Shutdown::Write)?;
        let over_by = Instant::now() + LAST_READS_FOR;
        let mut unread = [0; SMALL_READ_SIZE];
        for _ in 0..MOST_LAST_READS {
            self.connection.set_read_timeout(Some(left_until(over_by)?))?;
            if uninterrupted(|| self.connection.read(&mut unread))? == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// Repeats a call that was interrupted. The kernel does not restart a call on a socket with a
/// time-out after a signal, or after a stop of the process (signal(7)); the client is not at fault.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// The time left until `deadline`. A socket cannot have a time-out of zero, so no time left is a
/// time-out error.
fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}
