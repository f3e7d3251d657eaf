//! The clients of a loop: a table of connections, and what must be done for them later.
//!
//! The file of a loop shows how the loop learns that something has happened. What it then does for
//! the client is the same in all loops, and is here.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use slab::Slab;

use crate::clock::monotonic_ns;
use crate::context::{Context, PendingJob, TakenUp};
use crate::limits::READ_SIZE;
use crate::readiness::{Readiness, Ready, Watch};
use crate::service::Job;
use crate::socket::{PAUSE_WITHOUT_DESCRIPTORS, Scope};
use crate::timers::Timers;
use crate::worker::Worker;

use super::nonblocking::{Connection, Interest, Next};

/// Jobs done for one client before the others have their turn.
const JOBS_IN_A_TURN: usize = 16;

/// How many times within the idle time the loop closes idle clients.
const SWEEPS_IN_IDLE_TIME: u32 = 4;

/// The connections of one loop.
pub struct Clients {
    context: &'static Context,
    table: Slab<Client>,
    admitted_so_far: u64,
    timers: Timers<Later>,
    /// The instant up to which this round handles what is due; 0 between two rounds.
    round_ns: u64,
    /// Whether the listener is ignored until a timer expires.
    pausing: bool,
    buffer: Box<[u8]>,
}

/// One row of the table.
struct Client {
    connection: Connection,
    /// Distinguishes this client from one that had the same row before.
    serial: u64,
    /// Its job that is waiting.
    pending: Option<PendingJob>,
    /// Whether it has had its turn and a timer will give it the next.
    resting: bool,
}

/// The key of a client in its loop: a row, and the serial number of the client in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    row: usize,
    serial: u64,
}

/// What is due later.
#[derive(Clone, Copy, Debug)]
enum Later {
    /// Serve this client: its job has waited, its turn comes again, or its last reads end.
    Serve(Key),
    /// Look at the listener again after a pause.
    Accept,
    /// Close idle clients.
    CloseIdle,
}

/// What a loop itself must do when a timer expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Go on with this client.
    Client(Key),
    /// Look at the listener again.
    Listener,
}

/// The result of a look at the listener.
pub enum Arrival {
    /// A client; it is in the table.
    Client(Key),
    /// No client.
    Nobody,
    /// The table is full, or no descriptor is left. [`Clients::next_due`] reports when to look
    /// again; the loop may ignore the listener until then.
    NotNow,
}

/// A request to be processed outside the loop.
pub struct Request {
    /// The client.
    pub key: Key,
    /// The job.
    pub job: Job,
    /// The service start.
    pub taken_up: TakenUp,
    /// The bytes of the request, and any that follow them.
    pub input: Vec<u8>,
}

impl Key {
    /// The row, which identifies a client in the kernel's events.
    #[must_use]
    pub fn row(self) -> usize {
        self.row
    }
}

impl Clients {
    /// An empty table.
    ///
    /// # Errors
    /// When the system has no descriptor left for the timers.
    pub fn new(context: &'static Context) -> io::Result<Self> {
        let mut clients = Self {
            context,
            table: Slab::new(),
            admitted_so_far: 0,
            timers: Timers::new()?,
            round_ns: 0,
            pausing: false,
            buffer: vec![0; READ_SIZE].into(),
        };
        clients.set_sweep();
        Ok(clients)
    }

    /// Accepts the next connection, if there is one, from a non-blocking listener.
    ///
    /// # Errors
    /// Those of the listener itself.
    pub fn accept(&mut self, listener: &TcpListener) -> io::Result<Arrival> {
        self.take_in(|| listener.accept().map(|(stream, _)| stream))
    }

    /// Takes the next connection from a source that fails as a listener does: with `WouldBlock` if
    /// no client is waiting.
    ///
    /// # Errors
    /// Those of the source itself.
    pub fn take_in(
        &mut self,
        mut source: impl FnMut() -> io::Result<TcpStream>,
    ) -> io::Result<Arrival> {
        loop {
            if self.pausing {
                return Ok(Arrival::NotNow);
            }
            if self.table.len() >= self.context.limits.clients {
                return Ok(self.accept_later());
            }
            match source() {
                Ok(stream) => {
                    if let Some(key) = self.admit(stream) {
                        return Ok(Arrival::Client(key));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Arrival::Nobody);
                }
                Err(error) => match Scope::of(&error) {
                    Scope::Connection => {}
                    Scope::Resources => return Ok(self.accept_later()),
                    Scope::Listener => return Err(error),
                },
            }
        }
    }

    /// Adds a connection to the table; one that is already broken is closed.
    fn admit(&mut self, stream: TcpStream) -> Option<Key> {
        let connection = Connection::new(stream, self.context).ok()?;
        let serial = self.admitted_so_far;
        self.admitted_so_far += 1;
        let row = self.table.insert(Client { connection, serial, pending: None, resting: false });
        Some(Key { row, serial })
    }

    /// Records that this client's socket has something to read, perhaps its end.
    pub fn input_came(&mut self, row: usize, ended: bool) -> Option<Key> {
        let client = self.table.get_mut(row)?;
        client.connection.input_came(ended);
        Some(Key { row, serial: client.serial })
    }

    /// As [`Clients::input_came`], for a loop that also watches for space to write; space alone is
    /// not input.
    pub(crate) fn became_ready(&mut self, row: usize, ready: Ready) -> Option<Key> {
        if ready.readable {
            return self.input_came(row, ready.ended);
        }
        self.table.get(row).map(|client| Key { row, serial: client.serial })
    }

    /// Watches a client's socket. If the kernel has no memory left for that, only this client is
    /// closed.
    pub(crate) fn watch(&mut self, key: Key, readiness: &Readiness, mark: u64) {
        let Some(socket) = self.socket(key) else { return };
        if readiness.watch(socket, mark, Watch::Changes).is_err() {
            self.close(key);
        }
    }

    /// Reads, processes and replies, as far as possible without waiting.
    pub fn serve(&mut self, key: Key, worker: Worker) {
        self.finish_what_is_due(key, worker);
        for _ in 0..JOBS_IN_A_TURN {
            let Some((job, taken_up)) = self.next_job(key) else { return };
            let pending = self.context.begin(job, taken_up);
            if let Some(due_ns) = pending.due_ns() {
                self.timers.set(due_ns, Later::Serve(key));
                self.table[key.row].pending = Some(pending);
                return;
            }
            self.finish(key, &pending, worker);
        }
        // The next turn comes in the next round, after all sockets have been looked at.
        if !std::mem::replace(&mut self.table[key.row].resting, true) {
            self.timers.set(monotonic_ns(), Later::Serve(key));
        }
    }

    /// Reads and writes as far as possible without waiting, until a request is complete. The
    /// request is processed elsewhere; [`Clients::reply`] then takes the reply.
    pub fn next_request(&mut self, key: Key) -> Option<Request> {
        let (job, taken_up) = self.next_job(key)?;
        let input = self.table[key.row].connection.input().to_vec();
        Some(Request { key, job, taken_up, input })
    }

    /// Stores a reply, unless the client has gone meanwhile; the next call of
    /// [`Clients::next_request`] sends it.
    pub fn reply(&mut self, key: Key, reply: &[u8]) {
        if let Some(client) = self.client(key) {
            client.connection.reply(|_, out| {
                out.clear();
                out.extend_from_slice(reply);
            });
        }
    }

    /// The next thing that is due; idle clients are closed on the way. A round ends with `None`.
    /// What becomes due during a round belongs to the next, or a round might never end.
    pub fn next_due(&mut self) -> Option<Due> {
        if self.round_ns == 0 {
            self.round_ns = monotonic_ns() - 1;
        }
        loop {
            let Some(thing) = self.timers.next_due(self.round_ns) else {
                self.round_ns = 0;
                return None;
            };
            match thing {
                Later::Serve(key) => {
                    if let Some(client) = self.client(key) {
                        client.resting = false;
                    }
                    return Some(Due::Client(key));
                }
                Later::Accept => {
                    self.pausing = false;
                    return Some(Due::Listener);
                }
                Later::CloseIdle => self.close_idle(),
            }
        }
    }

    /// Closes a connection.
    pub fn close(&mut self, key: Key) {
        if self.client(key).is_some() {
            self.table.remove(key.row);
        }
    }

    /// The socket of a client, unless it has gone.
    #[must_use]
    pub fn socket(&self, key: Key) -> Option<BorrowedFd<'_>> {
        let client = self.table.get(key.row).filter(|client| client.serial == key.serial)?;
        Some(client.connection.as_fd())
    }

    /// The descriptor that is readable when something is due.
    #[must_use]
    pub fn timer(&self) -> BorrowedFd<'_> {
        self.timers.as_fd()
    }

    /// Every client's row, its socket, and what to watch the socket for.
    pub fn watched(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>, Interest)> {
        self.table
            .iter()
            .map(|(row, client)| (row, client.connection.as_fd(), client.connection.interest()))
    }

    fn client(&mut self, key: Key) -> Option<&mut Client> {
        self.table.get_mut(key.row).filter(|client| client.serial == key.serial)
    }

    fn next_job(&mut self, key: Key) -> Option<(Job, TakenUp)> {
        let client = self.table.get_mut(key.row).filter(|client| client.serial == key.serial)?;
        match client.connection.advance(&mut self.buffer, self.context) {
            Next::Do(job, taken_up) => return Some((job, taken_up)),
            Next::AwaitInput | Next::AwaitRoom | Next::AwaitWork => {}
            Next::AwaitInputUntil(due_ns) => self.timers.set(due_ns, Later::Serve(key)),
            Next::Close => {
                self.table.remove(key.row);
            }
        }
        None
    }

    /// Finishes a pending job whose waiting is over.
    fn finish_what_is_due(&mut self, key: Key, worker: Worker) {
        let Some(client) = self.client(key) else { return };
        let is_due = |pending: &mut PendingJob| {
            pending.due_ns().is_none_or(|due_ns| due_ns <= monotonic_ns())
        };
        if let Some(pending) = client.pending.take_if(is_due) {
            self.finish(key, &pending, worker);
        }
    }

    fn finish(&mut self, key: Key, pending: &PendingJob, worker: Worker) {
        let context = self.context;
        self.table[key.row]
            .connection
            .reply(|input, out| context.finish(pending, input, worker, out));
    }

    fn accept_later(&mut self) -> Arrival {
        let pause_ns = PAUSE_WITHOUT_DESCRIPTORS.as_nanos() as u64;
        self.timers.set(monotonic_ns() + pause_ns, Later::Accept);
        self.pausing = true;
        Arrival::NotNow
    }

    fn set_sweep(&mut self) {
        let pause = self.context.limits.idle / SWEEPS_IN_IDLE_TIME;
        let pause_ns = (pause.as_nanos() as u64).max(1_000_000);
        self.timers.set(monotonic_ns() + pause_ns, Later::CloseIdle);
    }

    fn close_idle(&mut self) {
        let (now_ns, idle_ns) = (monotonic_ns(), self.context.limits.idle.as_nanos() as u64);
        self.table.retain(|_, client| {
            let overdue = client.connection.is_overdue(now_ns, idle_ns);
            if overdue {
                client.connection.give_up();
            }
            !overdue
        });
        self.set_sweep();
    }
}
