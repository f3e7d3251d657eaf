//! One connection of a load over TCP: bytes on their way out, replies on their way in.
//!
//! ```text
//!              connect(2)              it is there
//!   (none) ───────────────► Connecting ───────────► Open ─────────────┐
//!                               │                    │                │
//!                               │ refused            │ its share is   │ the server ends it:
//!                               │                    │ used up, or    │ FIN, RST, or bytes
//!                               │                    │ its end is     │ that are no reply
//!                               │                    │ announced      │
//!                               ▼                    ▼                │
//!                             gone ◄────────────  retired ────────────┤
//!                               ▲   nothing is       │                │
//!                               │   outstanding      │ close = finish │
//!                               │                    ▼                │
//!                               └──────────────── Closing             │
//!                               ▲  FIN, or 1 s                        │
//!                               └─────────────────────────────────────┘
//! ```
//!
//! What becomes of the requests that are outstanding when a connection ends:
//!
//! | the end | the request whose reply has begun | the others |
//! |---|---|---|
//! | announced in a reply (`Connection: close`, HTTP/1.0, a body that ends with the connection) | its reply is read to its end | sent again |
//! | FIN of the server | reset, unless the FIN is the end of its reply | sent again |
//! | RST of the server | sent again if others stood behind it, else reset | sent again |
//! | refused, or not there in time | – | refused |
//! | bytes that are no reply | wrong | wrong: nothing after them can be understood |
//! | the generator gives a request up (HTTP) | timed out if it is this one, else read to its end | sent again, or waited for here if they may not be |
//!
//! A server that closes while requests lie unread sends RST, which cuts off what it had answered (RFC
//! 9112, section 9.6): then the requests behind a reply have cut it short, and not the server.
//!
//! "Sent again" holds for what may be sent twice: requests of HTTP with an idempotent method (RFC
//! 9110, section 9.2.2), and of every exchange those of which no byte had left. The others are reset.
//! It holds three times for each request, the last of them on a connection with nothing outstanding, and
//! within its time-out, which goes on from its first send.
//! A request of another exchange, or of HTTP without such a method, that is given up only retires its
//! connection: what stands behind it may still be answered. A reply of the work protocol names its
//! request, so that its connection stays as it is.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

use mio::net::TcpStream;
use protocol::Request;

use crate::driver::pacer::monotonic_ns;
use crate::driver::{Event, What};
use crate::exchange::{Exchange, ExpectedReply, NoReply, Reader, ReplyKind};

/// How often one request may be sent again.
const MOST_RESENT: u8 = 3;

/// From here on a request goes out again only where nothing stands before it: a server that ends each
/// connection after a few replies would end it there as well, and the request would never be answered.
const RESENT_ALONE: u8 = MOST_RESENT - 1;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The connect call was made at this instant.
    Connecting(u64),
    /// It is there.
    Open,
    /// The generator's FIN was sent at this instant.
    Closing(u64),
}

/// A request on its way, from the start until its reply is there or nobody waits for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    pub(super) request: Request,
    /// Whether its client goes after it.
    pub(super) last: bool,
    /// How often it was sent again.
    resent: u8,
    /// Whether nobody waits for its reply any more; it comes in its turn all the same.
    given_up: bool,
    /// Where its bytes begin, among all that were given to the connection.
    begins: u64,
    /// Where those of the next request begin, if there is one.
    ends: u64,
}

impl Outstanding {
    pub(super) fn new(request: Request, last: bool) -> Self {
        Self { request, last, resent: 0, given_up: false, begins: 0, ends: u64::MAX }
    }

    pub(super) fn was_resent(&self) -> bool {
        self.resent > 0
    }

    fn expected(&self) -> ExpectedReply {
        ExpectedReply { id: self.request.id, size: self.request.request_size }
    }
}

/// Who ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server, after the reply that is under way.
    Announced,
    /// The generator, because a request on it was given up.
    GivenUp,
    /// It has ended by FIN.
    Gone,
    /// It has ended by RST.
    Torn,
}

/// What becomes of the requests that a connection leaves behind.
#[derive(Default)]
pub(super) struct LeftBehind {
    /// To be sent again, oldest first.
    pub(super) again: Vec<Outstanding>,
    /// Lost.
    pub(super) lost: Vec<u64>,
}

/// A connection and what is outstanding on it.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) client: u32,
    pub(super) life: Life,
    /// Requests that it may still take; at 0 it is retired.
    pub(super) requests_left: u32,
    /// Whether a reply must have shown that it is kept before it takes a second request.
    one_at_a_time: bool,
    /// In the order in which they were given to it.
    outstanding: VecDeque<Outstanding>,
    reader: Reader,
    /// Whether the oldest reply has come in part, and that has been told.
    begun: bool,
    outgoing: Vec<u8>,
    /// Bytes that the kernel has taken.
    written: u64,
    /// Whether a write has met an RST and no FIN before it: the read that follows sees an end like any
    /// other.
    pub(super) torn: bool,
    incoming: Vec<u8>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        client: u32,
        life: Life,
        requests_left: u32,
        one_at_a_time: bool,
    ) -> Self {
        Self {
            stream,
            client,
            life,
            requests_left,
            one_at_a_time,
            outstanding: VecDeque::new(),
            reader: Reader::default(),
            begun: false,
            outgoing: Vec::new(),
            written: 0,
            torn: false,
            incoming: Vec::new(),
        }
    }

    pub(super) fn wants_to_write(&self) -> bool {
        matches!(self.life, Life::Connecting(_)) || !self.outgoing.is_empty()
    }

    /// Whether a request may be given to it just now.
    pub(super) fn takes_one(&self) -> bool {
        let is_alone = |last: &Outstanding| last.resent >= RESENT_ALONE;
        !self.outstanding.back().is_some_and(is_alone)
            && (!self.one_at_a_time || self.outstanding.is_empty())
    }

    /// Whether it takes this request now.
    pub(super) fn takes(&self, next: &Outstanding) -> bool {
        self.takes_one() && (next.resent < RESENT_ALONE || self.outstanding.is_empty())
    }

    /// Bytes that the kernel has not taken yet.
    pub(super) fn backlog(&self) -> usize {
        self.outgoing.len()
    }

    pub(super) fn oldest(&self) -> Option<u64> {
        self.outstanding.front().map(|it| it.request.id)
    }

    /// Whether somebody waits for a reply.
    pub(super) fn is_waited_for(&self) -> bool {
        self.outstanding.iter().any(|it| !it.given_up)
    }

    /// The first bytes of a reply that has not come whole.
    pub(super) fn unfinished(&self) -> &[u8] {
        &self.incoming
    }

    /// Takes a request; the next [`write`](Self::write) sends it.
    pub(super) fn give(&mut self, exchange: &Exchange, outstanding: Outstanding) {
        let begins = self.written + self.outgoing.len() as u64;
        exchange.encode(&outstanding.request, &mut self.outgoing);
        if let Some(before) = self.outstanding.back_mut() {
            before.ends = begins;
        }
        self.outstanding.push_back(Outstanding { begins, ends: u64::MAX, ..outstanding });
        if self.requests_left != u32::MAX {
            self.requests_left -= 1;
        }
        if outstanding.last {
            self.requests_left = 0;
        }
    }

    /// Learns whether a connection that was begun is there: how long it took, the first time.
    pub(super) fn become_connected(&mut self) -> io::Result<Option<u64>> {
        let Life::Connecting(since_ns) = self.life else { return Ok(None) };
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        if self.stream.peer_addr().is_err() {
            return Ok(None); // not yet
        }
        self.life = Life::Open;
        Ok(Some(monotonic_ns() - since_ns))
    }

    /// Writes as much as the kernel takes; the rest waits until it takes more.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if matches!(self.life, Life::Connecting(_)) {
            return Ok(());
        }
        let mut written = 0;
        let mut ended = Ok(());
        while written < self.outgoing.len() {
            match self.stream.write(&self.outgoing[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    // After a FIN it would be EPIPE, and the reply before it is whole.
                    self.torn = error.kind() == ErrorKind::ConnectionReset;
                    ended = Err(error);
                    break;
                }
            }
        }
        self.written += written as u64;
        if written == self.outgoing.len() {
            self.outgoing.clear();
        } else {
            self.outgoing.drain(..written);
        }
        ended
    }

    /// Takes whole replies out of what has come, and keeps what is of no use yet.
    pub(super) fn take_replies(
        &mut self,
        exchange: &Exchange,
        bytes: &[u8],
        at_ns: u64,
        happened: &mut Vec<Event>,
    ) -> Result<(), Unreadable> {
        if self.incoming.is_empty() {
            let used = self.read(exchange, bytes, at_ns, happened)?;
            self.incoming.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.incoming);
        held.extend_from_slice(bytes);
        let used = self.read(exchange, &held, at_ns, happened)?;
        held.drain(..used);
        self.incoming = held;
        Ok(())
    }

    /// Finds replies in bytes; tells how many bytes were used.
    fn read(
        &mut self,
        exchange: &Exchange,
        bytes: &[u8],
        at_ns: u64,
        happened: &mut Vec<Event>,
    ) -> Result<usize, Unreadable> {
        let mut used = 0;
        while used < bytes.len() {
            let oldest = self.outstanding.front().map(Outstanding::expected);
            let advanced = self.reader.advance(exchange, &bytes[used..], oldest);
            let (more, said) = advanced.map_err(|why| Unreadable::new(why, &bytes[used..]))?;
            used += more;
            let Some(said) = said else {
                if !self.begun
                    && let Some(id) = self.oldest()
                {
                    self.begun = true;
                    let what = What::FirstByte;
                    happened.push(Event { at_ns, id: Some(id), client: self.client, what });
                }
                if more == 0 {
                    break;
                }
                continue;
            };
            self.begun = false;
            let id = self.owner_of(said);
            happened.push(Event { at_ns, id, client: self.client, what: said.into() });
            if self.reader.is_last() {
                return Ok(bytes.len()); // what stands behind the announced end is nobody's
            }
            self.one_at_a_time = false;
        }
        Ok(used)
    }

    /// Whether the server has announced that no further reply comes, after one that may be under
    /// way.
    pub(super) fn is_last(&self) -> bool {
        self.reader.is_last()
    }

    /// Nobody waits for this request any more. Only a reply that names its request needs no place
    /// to come late to: the others come in their turn.
    pub(super) fn give_up(&mut self, id: u64, names_requests: bool) {
        let position = self.outstanding.iter().position(|it| it.request.id == id && !it.given_up);
        match position {
            Some(at) if names_requests => drop(self.outstanding.remove(at)),
            Some(at) => self.outstanding[at].given_up = true,
            None => {}
        }
    }

    /// Whose reply it is: the one it names, else the oldest request's.
    fn owner_of(&mut self, said: ReplyKind) -> Option<u64> {
        match said {
            // A refusal of something unreadable carries no id: it answers the oldest.
            ReplyKind::Reply(reply) if reply.id != 0 => {
                let at = self.outstanding.iter().position(|it| it.request.id == reply.id);
                if let Some(at) = at {
                    self.outstanding.remove(at);
                }
                Some(reply.id)
            }
            _ => self.outstanding.pop_front().map(|it| it.request.id),
        }
    }

    /// The server has closed: a reply may end with that.
    pub(super) fn take_the_end(&mut self, exchange: &Exchange, happened: &mut Vec<Event>) {
        let Some(said) = self.reader.ended(exchange) else { return };
        self.begun = false;
        if let Some(ended) = self.outstanding.pop_front() {
            let (at_ns, client) = (monotonic_ns(), self.client);
            happened.push(Event { at_ns, id: Some(ended.request.id), client, what: said.into() });
        }
    }

    /// The requests that no reply will come to on this connection.
    pub(super) fn leave_behind(&mut self, exchange: &Exchange, end: End) -> LeftBehind {
        let mut left = LeftBehind::default();
        let mut rest = std::mem::take(&mut self.outstanding);
        // Others may have gone elsewhere since: what counts is that they went out here.
        let is_followed = |oldest: &Outstanding| oldest.ends < self.written;
        let is_cut_by_others = end == End::Torn && rest.front().is_some_and(is_followed);
        if self.begun
            && !is_cut_by_others
            && let Some(begun) = rest.pop_front()
        {
            match end {
                End::Announced | End::GivenUp => self.outstanding.push_back(begun),
                End::Gone | End::Torn if !begun.given_up => left.lost.push(begun.request.id),
                End::Gone | End::Torn => {}
            }
        }
        let mut unwritten_from = self.written + self.outgoing.len() as u64;
        for mut outstanding in rest.into_iter().filter(|it| !it.given_up) {
            let has_left = outstanding.begins < self.written;
            if outstanding.resent < MOST_RESENT && (exchange.may_repeat() || !has_left) {
                if !has_left {
                    unwritten_from = unwritten_from.min(outstanding.begins);
                }
                outstanding.resent += 1;
                left.again.push(outstanding);
            } else if end == End::GivenUp {
                self.outstanding.push_back(outstanding); // it was not the server that ended anything
            } else {
                left.lost.push(outstanding.request.id);
            }
        }
        // What goes out elsewhere must not go out here as well.
        self.outgoing.truncate(unwritten_from.saturating_sub(self.written) as usize);
        left
    }

    /// All requests that somebody waits for, taken off it.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = u64> + '_ {
        let rest = self.outstanding.drain(..);
        rest.filter(|it| !it.given_up).map(|it| it.request.id)
    }
}

/// Bytes that are no reply, as many as are worth showing, and why they are none.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Why.
    pub why: NoReply,
    /// The first of them.
    pub bytes: Vec<u8>,
}

impl Unreadable {
    /// Bytes kept to be shown.
    const SHOWN: usize = 64;

    /// Keeps the first bytes.
    #[must_use]
    pub fn new(why: NoReply, bytes: &[u8]) -> Self {
        Self { why, bytes: bytes[..bytes.len().min(Self::SHOWN)].to_vec() }
    }
}

impl From<ReplyKind> for What {
    fn from(said: ReplyKind) -> Self {
        match said {
            ReplyKind::Reply(reply) => Self::Reply(reply),
            ReplyKind::Right => Self::Right,
            ReplyKind::Status { code, right } => Self::Status { code, right },
            ReplyKind::Wrong => Self::Wrong,
        }
    }
}
