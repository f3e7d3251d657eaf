//! What carries requests: the one seam between the driver and sockets, with a simulated twin.

use protocol::{Reply, Request};
use results::UnsentCause;

use super::tcp::Unreadable;

/// Where requests go and replies come from, and the clock by which that happens.
pub trait Transport {
    /// Requests that leave together when they are due together.
    const BATCH: usize;

    /// Nanoseconds on the scale of all instants of a run.
    fn now_ns(&self) -> u64;

    /// Makes one request leave, now or together with others at the next [`flush`](Self::flush);
    /// or makes the connection that will carry it. `last` says that its client goes after it.
    fn start(&mut self, client: u32, request: &Request, last: bool) -> Started;

    /// Lets everything leave that was started.
    fn flush(&mut self);

    /// Rests from about now on until something has happened or `until_ns` has come. `in_flight`
    /// tells whether anything can be expected.
    fn wait(&mut self, now_ns: u64, until_ns: u64, in_flight: usize, happened: &mut Vec<Event>);

    /// The socket on which a client's requests travel, as events name it.
    fn socket_of(&self, client: u32) -> u32 {
        client
    }

    /// Whether something may have come that has not been looked at.
    fn has_unread(&self) -> bool {
        false
    }

    /// A session has ended before its time: its connection is nobody else's.
    fn leave(&mut self, _client: u32) {}

    /// A request is given up; whatever was kept for it may go.
    fn abandon(&mut self, id: u64);

    /// How often the loop stood still for more than a millisecond, and the longest time.
    fn hiccups(&self) -> (u64, u64);

    /// What was noticed of the run as a whole; asked at its end.
    fn noticed(&self) -> Noticed {
        Noticed::default()
    }

    /// Refusals by the kernel after which nobody is taken to listen there, if nothing else has come.
    fn most_refusals(&self) -> u64 {
        u64::MAX
    }
}

/// What a transport has noticed of a run as a whole.
#[derive(Clone, Debug, Default)]
pub struct Noticed {
    /// The first bytes that were no reply, and why.
    pub unreadable: Option<Unreadable>,
    /// Connections that were made before the load and kept.
    pub kept: u64,
    /// Those of them on which not one reply came.
    pub kept_unanswered: u64,
}

/// What became of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It is on its way; the instant is that just before.
    Sent(u64),
    /// The kernel takes no more just now; the same request is to be tried again.
    Later,
    /// It cannot leave, for want of this.
    Impossible(UnsentCause),
}

/// Something that happened to a request.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When it was noticed.
    pub at_ns: u64,
    /// Which request; `None` where only the socket is known, 0 where it is nobody's.
    pub id: Option<u64>,
    /// The socket, or the connection's owner.
    pub client: u32,
    /// What happened.
    pub what: What,
}

/// What can happen to a request.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A reply with what the server noted.
    Reply(Reply),
    /// The right reply of a server that notes nothing.
    Right,
    /// The request itself, so long.
    Echoed(u32),
    /// What nobody asked for: a datagram from somebody else, or bytes that are no reply.
    Unsolicited,
    /// A connection that was not there when its first SYN had to be repeated.
    Retried,
    /// A reply of HTTP.
    Status {
        /// Its status.
        code: u16,
        /// Whether that counts as answered.
        right: bool,
    },
    /// It went out again, on another connection than the one that ended.
    Resent,
    /// The kernel says that nobody listens.
    Refused,
    /// The connection ended.
    Reset,
    /// Bytes that are no reply, or not the one that was asked for.
    Wrong,
    /// A reply was expected on a connection that brought what is none: nothing after it can be
    /// understood.
    ProtocolError,
    /// The connection for it has been made; with no id, one that is kept, before the load began.
    Connected {
        /// From the connect call.
        took_ns: u64,
    },
    /// The first byte of its reply came, and not yet the last.
    FirstByte,
    /// A connection was ended by FIN on both sides.
    Closed {
        /// From the generator's FIN to the server's.
        took_ns: u64,
    },
    /// When the kernel had received the reply, told before the reply itself.
    KernelStamp,
}
