//! The interface between the driver and sockets; a simulated transport implements it as well.

use protocol::{Reply, Request};
use results::{Injected, UnsentCause};

use super::tcp::Unreadable;

/// Sends requests and receives replies, and provides the clock for both.
pub trait Transport {
    /// Requests that are started before a flush when they are due together.
    const BATCH: usize;

    /// The time now, in nanoseconds on the scale of all instants of a run.
    fn now_ns(&self) -> u64;

    /// Sends one request, now or together with others at the next [`flush`](Self::flush), or starts
    /// the connection that will carry it. `last` means that its client leaves after it.
    fn start(&mut self, client: u32, request: &Request, last: bool) -> Started;

    /// Sends everything that was started.
    fn flush(&mut self);

    /// Waits until something happens or `until_ns` is reached, and adds it to `happened`. `now_ns`
    /// is about the current time; `in_flight` is the number of replies to expect.
    fn wait(&mut self, now_ns: u64, until_ns: u64, in_flight: usize, happened: &mut Vec<Event>);

    /// The socket on which a client's requests travel, as events name it.
    fn socket_of(&self, client: u32) -> u32 {
        client
    }

    /// Whether replies have the number of the request among those of its client.
    fn numbers_requests(&self) -> bool {
        false
    }

    /// Whether something may have arrived that has not been read.
    fn has_unread(&self) -> bool {
        false
    }

    /// Notes that a session has ended early; no other client uses its connection.
    fn leave(&mut self, _client: u32) {}

    /// Notes that a request is given up; what was kept for it may be released.
    fn abandon(&mut self, id: u64);

    /// How often the loop stood still for more than a millisecond, and the longest time (ns).
    fn hiccups(&self) -> (u64, u64);

    /// Observations on the run as a whole; asked for at its end.
    fn noticed(&self) -> Noticed {
        Noticed::default()
    }

    /// Refusals by the kernel after which no server is taken to listen, if nothing else has
    /// arrived.
    fn most_refusals(&self) -> u64 {
        u64::MAX
    }
}

/// Observations of a transport on a run as a whole.
#[derive(Clone, Debug, Default)]
pub struct Noticed {
    /// The first bytes that were not a reply, and why.
    pub unreadable: Option<Unreadable>,
    /// Connections that were made before the load and kept.
    pub kept: u64,
    /// How many of these never brought a reply.
    pub kept_unanswered: u64,
    /// What was done to requests on purpose.
    pub injected: Option<Injected>,
}

/// The result of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// The request is on its way; the instant just before its send, in nanoseconds.
    Sent(u64),
    /// The kernel takes no more for now; the same request is to be tried again.
    Later,
    /// The request cannot be sent, for this cause.
    Impossible(UnsentCause),
}

/// Something that happened to a request.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When it was noticed, in nanoseconds.
    pub at_ns: u64,
    /// The request's id; `None` if only the socket is known, 0 if it belongs to no request.
    pub id: Option<u64>,
    /// The socket, or the client that owns the connection.
    pub client: u32,
    /// What happened.
    pub what: What,
}

/// What can happen to a request.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A reply with the server's stamps.
    Reply(Reply),
    /// The right reply of a server that stamps nothing.
    Right,
    /// An echo of the request, with its length in bytes.
    Echoed(u32),
    /// A reply with the number of the request among those of its client, from 0.
    Numbered(u64),
    /// What was not asked for: a datagram from another address, or bytes that are not a reply.
    Unsolicited,
    /// A connection was given up after its first SYN had failed to establish it.
    Retried,
    /// An HTTP reply.
    Status {
        /// Its status.
        code: u16,
        /// Whether that counts as answered.
        right: bool,
    },
    /// The request was sent again on another connection, because its own had ended.
    Resent,
    /// The kernel reports that no server listens.
    Refused,
    /// The connection ended.
    Reset,
    /// Bytes that are not a reply, or not the reply that was asked for.
    Wrong,
    /// The connection of the request brought bytes that are not a reply; nothing after them can be
    /// understood.
    ProtocolError,
    /// The connection for the request is established; without an id, a kept one before the load.
    Connected {
        /// Nanoseconds since the connect call.
        took_ns: u64,
    },
    /// The first byte of the reply came, but not yet the last.
    FirstByte,
    /// A connection was ended by FIN on both sides.
    Closed {
        /// Nanoseconds from the generator's FIN to the server's.
        took_ns: u64,
    },
    /// The kernel's receive stamp of a reply, reported just before the reply itself.
    KernelStamp,
}
