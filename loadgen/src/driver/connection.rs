//! One connection of a load over TCP: bytes on their way out, replies on their way in.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

use mio::net::TcpStream;

use super::pacer::monotonic_ns;
use super::{Event, What};
use crate::exchange::{Exchange, NoReply, Owed, Reader, Said};

/// A connection and what it owes.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) client: u32,
    /// Set until the connection is there.
    pub(super) connecting_since_ns: Option<u64>,
    /// Set once the generator has sent its FIN.
    pub(super) closing_since_ns: Option<u64>,
    /// Requests that it may still take.
    pub(super) share_left: u32,
    /// Requests not answered yet, in the order in which they were written.
    pub(super) owed: VecDeque<Owed>,
    pub(super) reader: Reader,
    /// Whether the oldest reply has come in part, and that has been told.
    begun: bool,
    pub(super) outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        client: u32,
        connecting_since_ns: Option<u64>,
        share_left: u32,
    ) -> Self {
        Self {
            stream,
            client,
            connecting_since_ns,
            closing_since_ns: None,
            share_left,
            owed: VecDeque::new(),
            reader: Reader::default(),
            begun: false,
            outgoing: Vec::new(),
            incoming: Vec::new(),
        }
    }

    pub(super) fn wants_to_write(&self) -> bool {
        self.connecting_since_ns.is_some() || !self.outgoing.is_empty()
    }

    /// Learns whether a connection that was begun is there: how long it took, the first time.
    pub(super) fn become_connected(&mut self) -> io::Result<Option<u64>> {
        let Some(since_ns) = self.connecting_since_ns else { return Ok(None) };
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        if self.stream.peer_addr().is_err() {
            return Ok(None); // not yet
        }
        self.connecting_since_ns = None;
        Ok(Some(monotonic_ns() - since_ns))
    }

    /// Writes as much as the kernel takes; the rest waits until it takes more.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.connecting_since_ns.is_some() {
            return Ok(());
        }
        let mut written = 0;
        while written < self.outgoing.len() {
            match self.stream.write(&self.outgoing[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if written == self.outgoing.len() {
            self.outgoing.clear();
        } else {
            self.outgoing.drain(..written);
        }
        Ok(())
    }

    /// Takes whole replies out of what has come, and keeps what is of no use yet.
    pub(super) fn take_replies(
        &mut self,
        exchange: &Exchange,
        bytes: &[u8],
        at_ns: u64,
        happened: &mut Vec<Event>,
    ) -> Result<(), NoReply> {
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
    ) -> Result<usize, NoReply> {
        let mut used = 0;
        while used < bytes.len() {
            let owed = self.owed.front().copied();
            let (more, said) = self.reader.advance(exchange, &bytes[used..], owed)?;
            used += more;
            let Some(said) = said else {
                if !self.begun
                    && let Some(owed) = owed
                {
                    self.begun = true;
                    let what = What::FirstByte;
                    happened.push(Event { at_ns, id: Some(owed.id), client: self.client, what });
                }
                if more == 0 {
                    break;
                }
                continue;
            };
            self.begun = false;
            let id = self.owner_of(said);
            happened.push(Event { at_ns, id, client: self.client, what: said.into() });
        }
        Ok(used)
    }

    /// Nobody waits for this request any more; tells how many such there are now. Only a reply that
    /// names its request needs no place to come late to: the others come in their turn.
    pub(super) fn give_up(&mut self, id: u64, names_requests: bool) -> usize {
        // The oldest are given up first, and stand at the front.
        let given_up = self.owed.partition_point(|owed| owed.given_up);
        let mut places = given_up..self.owed.len();
        match places.find(|at| self.owed[*at].id == id) {
            Some(at) if names_requests => drop(self.owed.remove(at)),
            Some(at) => self.owed[at].given_up = true,
            None => {}
        }
        given_up + 1
    }

    /// Whose reply it is: the one it names, else the oldest request's.
    fn owner_of(&mut self, said: Said) -> Option<u64> {
        let oldest = |owed: &mut VecDeque<Owed>| owed.pop_front().map(|owed| owed.id);
        match said {
            // A refusal of something unreadable carries no id: it answers the oldest.
            Said::Reply(reply) if reply.id != 0 => {
                if let Some(at) = self.owed.iter().position(|owed| owed.id == reply.id) {
                    self.owed.remove(at);
                }
                Some(reply.id)
            }
            _ => oldest(&mut self.owed),
        }
    }

    /// The server has closed: a reply may end with that.
    pub(super) fn take_the_end(&mut self, happened: &mut Vec<Event>) {
        let Some(said) = self.reader.ended() else { return };
        if let Some(owed) = self.owed.pop_front() {
            let (at_ns, client) = (monotonic_ns(), self.client);
            happened.push(Event { at_ns, id: Some(owed.id), client, what: said.into() });
        }
    }
}

impl From<Said> for What {
    fn from(said: Said) -> Self {
        match said {
            Said::Reply(reply) => Self::Reply(reply),
            Said::Right => Self::Right,
            Said::Status(status) => Self::Status(status),
            Said::Wrong => Self::Wrong,
        }
    }
}
