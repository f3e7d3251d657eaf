//! One connection of a load over TCP: bytes on their way out, replies on their way in.
//!
//! ```text
//!              connect(2)              established
//!   (none) ───────────────► Connecting ───────────► Open ─────────────┐
//!                               │                    │                │
//!                               │ refused            │ no requests    │ the server ends it:
//!                               │                    │ left, or its   │ FIN, RST, or bytes
//!                               │                    │ end is         │ that are not a reply
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
//! | the end | the request whose reply has started | the others |
//! |---|---|---|
//! | announced in a reply (`Connection: close`, HTTP/1.0, a body that ends with the connection) | its reply is read to its end | sent again |
//! | FIN of the server | reset, unless the FIN is the end of its reply | sent again |
//! | RST of the server | sent again if others were behind it, else reset | sent again |
//! | refused, or not established in time | – | refused |
//! | bytes that are not a reply | wrong | wrong: nothing after them can be understood |
//! | the generator gives a request up (HTTP) | timed out if it is this one, else read to its end | sent again, or waited for here if they may not be |
//!
//! A server that closes while requests are unread sends RST, which cuts off replies that it had
//! sent (RFC 9112, section 9.6). In that case the requests behind a reply have cut it short, and
//! not the server.
//!
//! "Sent again" applies to requests that may be sent twice: those of HTTP with an idempotent method
//! (RFC 9110, section 9.2.2), and in every exchange those of which no byte had left. All others are
//! reset. A request is sent again at most three times, the second and third time on a connection
//! with nothing outstanding, and only within its time-out, which counts from its first send.
//!
//! A request of another exchange, or of HTTP without such a method, that is given up only retires
//! its connection, because the requests behind it may still be answered. A reply of the work
//! protocol names its request, so its connection stays as it is.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

use mio::net::TcpStream;
use protocol::Request;

use crate::driver::pacer::monotonic_ns;
use crate::driver::{Event, What};
use crate::exchange::{Exchange, ExpectedReply, NoReply, Reader, ReplyKind};

/// How often one request may be sent again.
const MOST_RESENT: u8 = 3;

/// From this resend on, a request goes out only on a connection with nothing outstanding. A server
/// that ends each connection after a few replies would otherwise never answer it.
const RESENT_ALONE: u8 = MOST_RESENT - 1;

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The connect call was made at this instant.
    Connecting(u64),
    /// It is established.
    Open,
    /// The generator's FIN was sent at this instant.
    Closing(u64),
}

/// A request that was started and has no complete reply yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    pub(super) request: Request,
    /// Whether its client leaves after it.
    pub(super) last: bool,
    /// How often it was sent again.
    resent: u8,
    /// Whether it was given up; its reply may still come in its turn.
    given_up: bool,
    /// Position of its first byte among all bytes given to the connection.
    begins: u64,
    /// Position of the next request's first byte, if there is one.
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

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server has announced its end after the current reply.
    Announced,
    /// The generator ends it, because a request on it was given up.
    GivenUp,
    /// The server has ended it by FIN.
    Gone,
    /// The server has ended it by RST.
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
    /// Whether it takes a second request only after a reply has shown that it is kept.
    one_at_a_time: bool,
    /// In the order in which they were given to it.
    outstanding: VecDeque<Outstanding>,
    reader: Reader,
    /// Whether the oldest reply has come in part, and this was reported.
    begun: bool,
    outgoing: Vec<u8>,
    /// Bytes that the kernel has taken.
    written: u64,
    /// Whether a write met an RST without a FIN before it. The next read cannot show this: it
    /// returns an ordinary end.
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

    /// Whether it takes a request now.
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

    /// Whether any of its requests has not been given up.
    pub(super) fn is_waited_for(&self) -> bool {
        self.outstanding.iter().any(|it| !it.given_up)
    }

    /// The bytes so far of an incomplete reply.
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

    /// Checks whether a connection that was started is established; the first time, returns how
    /// long that took, in nanoseconds.
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
                    // After a FIN the error would be EPIPE, and the reply before it is complete.
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

    /// Takes complete replies out of the bytes that have arrived, and keeps the rest.
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

    /// Finds replies in bytes; returns how many bytes were used.
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
                return Ok(bytes.len()); // bytes after the announced end belong to no request
            }
            self.one_at_a_time = false;
        }
        Ok(used)
    }

    /// Whether the server has announced that no further reply follows the current one, if there is
    /// one.
    pub(super) fn is_last(&self) -> bool {
        self.reader.is_last()
    }

    /// Gives a request up. It is removed only if replies name their requests; otherwise it keeps
    /// its position, because its reply may still come in its turn.
    pub(super) fn give_up(&mut self, id: u64, names_requests: bool) {
        let position = self.outstanding.iter().position(|it| it.request.id == id && !it.given_up);
        match position {
            Some(at) if names_requests => drop(self.outstanding.remove(at)),
            Some(at) => self.outstanding[at].given_up = true,
            None => {}
        }
    }

    /// The id of the request that a reply belongs to, which is taken off: the one that the reply
    /// names, otherwise the oldest.
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

    /// Handles the server's close, which may be the end of a reply.
    pub(super) fn take_the_end(&mut self, exchange: &Exchange, happened: &mut Vec<Event>) {
        let Some(said) = self.reader.ended(exchange) else { return };
        self.begun = false;
        if let Some(ended) = self.outstanding.pop_front() {
            let (at_ns, client) = (monotonic_ns(), self.client);
            happened.push(Event { at_ns, id: Some(ended.request.id), client, what: said.into() });
        }
    }

    /// Takes off the requests that will get no reply on this connection.
    pub(super) fn leave_behind(&mut self, exchange: &Exchange, end: End) -> LeftBehind {
        let mut left = LeftBehind::default();
        let mut rest = std::mem::take(&mut self.outstanding);
        // The others may have been moved since; what counts is that they were written here.
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
                self.outstanding.push_back(outstanding); // the server has ended nothing
            } else {
                left.lost.push(outstanding.request.id);
            }
        }
        // What is sent elsewhere must not be sent here as well.
        self.outgoing.truncate(unwritten_from.saturating_sub(self.written) as usize);
        left
    }

    /// Takes off all requests; returns those that were not given up.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = u64> + '_ {
        let rest = self.outstanding.drain(..);
        rest.filter(|it| !it.given_up).map(|it| it.request.id)
    }
}

/// The first bytes of what was not a reply, and why it was not.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Why.
    pub why: NoReply,
    /// The first bytes.
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
            ReplyKind::Numbered(number) => Self::Numbered(number),
            ReplyKind::Status { code, right } => Self::Status { code, right },
            ReplyKind::Wrong => Self::Wrong,
        }
    }
}
