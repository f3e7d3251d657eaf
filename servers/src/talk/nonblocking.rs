//! A connection that never blocks: what a loop must remember of each client between two events.
//!
//! A blocking worker keeps its position in the conversation on its stack. A loop has many clients
//! and one stack, so the position becomes a state: reading a request, processing it, writing the
//! reply, lingering. A request may arrive in pieces and a reply may leave in pieces; neither may
//! delay other clients.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use crate::clock::monotonic_ns;
use crate::context::{Context, TakenUp};
use crate::limits::{LAST_READS_FOR, MOST_LAST_READS};
use crate::service::{Conversation, Job, Step};
use crate::socket::give_up_on;

/// What a loop with poll watches a client's socket for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to read.
    Input,
    /// Space to write.
    Room,
    /// Nothing: its job is in progress.
    None,
}

/// One client of a loop.
pub(crate) struct Connection {
    stream: TcpStream,
    conversation: Conversation,
    phase: Phase,
    /// Since when the server has waited for the client to send a request, to complete it, or to
    /// take its reply; 0 while it does not wait.
    since_ns: u64,
    /// When the last bytes were read.
    ready_at_ns: u64,
    /// Whether there may be something to read: the last read filled its buffer, or an event has
    /// reported more.
    readable: bool,
    /// Whether the client has closed its side; after its last byte the end must be read.
    ended: bool,
    outgoing: Vec<u8>,
    written: usize,
}

/// The state of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The server waits for a request.
    Reading,
    /// A job is being done, here or elsewhere; nothing is read from the client meanwhile.
    Working(Job),
    /// The reply is being written.
    Writing(Job),
    /// The last reply is written; what the client still sends is read and discarded, up to a bound.
    Lingering { reads_left: usize, until_ns: u64 },
}

/// What to do next for a connection.
pub(crate) enum Next {
    /// Perform this job, then call [`Connection::reply`].
    Do(Job, TakenUp),
    /// Wait until its socket is readable.
    AwaitInput,
    /// Wait until its socket is writable.
    AwaitRoom,
    /// Wait until its socket is readable, or this instant has come.
    AwaitInputUntil(u64),
    /// Wait until its job is done.
    AwaitWork,
    /// Close it.
    Close,
}

impl Connection {
    /// A connection that has just been accepted.
    ///
    /// # Errors
    /// When the socket cannot be made non-blocking.
    pub(crate) fn new(stream: TcpStream, context: &Context) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let now_ns = monotonic_ns();
        Ok(Self {
            stream,
            conversation: Conversation::new(context.service, &context.limits),
            phase: Phase::Reading,
            since_ns: now_ns,
            ready_at_ns: now_ns,
            readable: true,
            ended: false,
            outgoing: Vec::new(),
            written: 0,
        })
    }

    /// Records that there is something to read, perhaps the client's end.
    pub(crate) fn input_came(&mut self, ended: bool) {
        self.readable = true;
        self.ended |= ended;
    }

    /// Whether the server has waited so long that the client counts as gone: no request started, a
    /// request not completed, or a reply not taken.
    pub(crate) fn is_overdue(&self, now_ns: u64, idle_ns: u64) -> bool {
        self.since_ns > 0 && now_ns.saturating_sub(self.since_ns) > idle_ns
    }

    /// Makes the close of the connection discard a reply that the client has not taken.
    pub(crate) fn give_up(&self) {
        if matches!(self.phase, Phase::Writing(_)) {
            give_up_on(&self.stream);
        }
    }

    /// What to watch its socket for.
    pub(crate) fn interest(&self) -> Interest {
        match self.phase {
            Phase::Reading | Phase::Lingering { .. } => Interest::Input,
            Phase::Working(_) => Interest::None,
            Phase::Writing(_) => Interest::Room,
        }
    }

    /// Reads and writes as far as possible without waiting, and returns what to do next.
    pub(crate) fn advance(&mut self, buffer: &mut [u8], context: &Context) -> Next {
        self.try_advance(buffer, context).unwrap_or(Next::Close)
    }

    fn try_advance(&mut self, buffer: &mut [u8], context: &Context) -> io::Result<Next> {
        loop {
            match self.phase {
                Phase::Working(_) => return Ok(Next::AwaitWork),
                Phase::Reading => {
                    if let Step::Job(job) = self.conversation.next_step() {
                        self.phase = Phase::Working(job);
                        self.since_ns = 0;
                        return Ok(Next::Do(job, context.take_up_at(self.ready_at_ns)));
                    }
                    match self.read(buffer)? {
                        Some(0) => return Ok(Next::Close),
                        Some(count) => self.take_in(&buffer[..count]),
                        None => return Ok(Next::AwaitInput),
                    }
                }
                Phase::Writing(job) => {
                    if !self.write()? {
                        if self.since_ns == 0 {
                            self.since_ns = monotonic_ns();
                        }
                        return Ok(Next::AwaitRoom);
                    }
                    self.conversation.finished(&job);
                    // The service of a request that came in the same read starts only now.
                    self.ready_at_ns = monotonic_ns();
                    self.since_ns = self.ready_at_ns;
                    self.phase = Phase::Reading;
                    if job.ends_conversation() {
                        self.part()?;
                    }
                }
                Phase::Lingering { reads_left, until_ns } => match self.read(buffer)? {
                    Some(count) if count > 0 && reads_left > 0 && monotonic_ns() < until_ns => {
                        self.phase = Phase::Lingering { reads_left: reads_left - 1, until_ns };
                    }
                    None if monotonic_ns() < until_ns => {
                        return Ok(Next::AwaitInputUntil(until_ns));
                    }
                    _ => return Ok(Next::Close),
                },
            }
        }
    }

    /// The bytes of the job in progress, and any that follow them.
    pub(crate) fn input(&self) -> &[u8] {
        self.conversation.input()
    }

    /// Sets the reply to the job in progress: what `write` puts into the buffer.
    pub(crate) fn reply(&mut self, write: impl FnOnce(&[u8], &mut Vec<u8>)) {
        if let Phase::Working(job) = self.phase {
            write(self.conversation.input(), &mut self.outgoing);
            self.written = 0;
            self.phase = Phase::Writing(job);
        }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.ready_at_ns = monotonic_ns();
        if !self.conversation.is_midway() {
            self.since_ns = self.ready_at_ns;
        }
        self.conversation.received(bytes);
    }

    /// Reads what there is; `None` if there is nothing.
    ///
    /// A read that does not fill the buffer has emptied the socket, so a further call to confirm
    /// that is not needed (epoll(7)), unless the client has ended: no second event reports the same
    /// end. (A read also stops at urgent data, which no service here uses; what follows it then
    /// waits for the client's next bytes.)
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if !self.readable {
            return Ok(None);
        }
        loop {
            match self.stream.read(buffer) {
                Ok(count) => {
                    self.readable = count == buffer.len() || self.ended;
                    return Ok(Some(count));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes what fits the socket's buffer; returns whether that was all.
    fn write(&mut self) -> io::Result<bool> {
        while self.written < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Starts the close so that the client can still read the last reply (see `talk/blocking.rs`).
    fn part(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let until_ns = monotonic_ns() + LAST_READS_FOR.as_nanos() as u64;
        self.phase = Phase::Lingering { reads_left: MOST_LAST_READS, until_ns };
        self.readable = true;
        Ok(())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
