//! The ends of connections, and what becomes of the requests that are outstanding on them. The
//! table at the head of `connection.rs` gives the rules; this file carries them out.

use std::net::Shutdown;

use workload::Close;

use super::connection::{Connection, End, LeftBehind, Life, Unreadable};
use super::{Carrier, NONE, TcpTransport};
use crate::driver::pacer::monotonic_ns;
use crate::driver::{Event, What};
use crate::exchange::NoReply;
use crate::recorder::RETRIED_NS;

/// Time-out for a server to close in return, in nanoseconds.
const CLOSE_PATIENCE_NS: u64 = 1_000_000_000;

impl TcpTransport {
    /// Puts the requests that a connection leaves behind at the front of its client's queue, or
    /// reports them as lost.
    pub(super) fn pass_on(&mut self, client: u32, left: LeftBehind, happened: &mut Vec<Event>) {
        let LeftBehind { again, lost } = left;
        let at_ns = monotonic_ns();
        happened.extend(lost.into_iter().map(|id| Event {
            at_ns,
            id: Some(id),
            client,
            what: What::Reset,
        }));
        for outstanding in again.into_iter().rev() {
            self.note_carrier(outstanding.request.id, Carrier::WaitingOf(client));
            self.clients[client as usize].waiting.push_front(outstanding);
        }
        if !self.clients[client as usize].waiting.is_empty() {
            self.unblocked.push(client);
        }
    }

    /// Retires a connection, and passes on the requests that the server will not answer on it.
    pub(super) fn retire_for_good(&mut self, index: usize, end: End, happened: &mut Vec<Event>) {
        let exchange = &self.settings.exchange;
        let Some(connection) = self.connections[index].as_mut() else { return };
        let left = connection.leave_behind(exchange, end);
        connection.requests_left = 0;
        let client = connection.client;
        self.clients[client as usize].cautious = true;
        self.retire(index, client);
        self.pass_on(client, left, happened);
    }

    /// Handles the end of a connection, and of the requests outstanding on it.
    pub(super) fn lose(&mut self, index: usize, end: End, happened: &mut Vec<Event>) {
        let Some(mut connection) = self.connections[index].take() else { return };
        let client = connection.client;
        let left = connection.leave_behind(&self.settings.exchange, end);
        if !left.again.is_empty() || !left.lost.is_empty() {
            self.clients[client as usize].cautious = true;
        }
        self.forget(index, connection, happened);
        self.pass_on(client, left, happened);
    }

    /// Closes a connection; the requests outstanding on it are reported as `what`.
    pub(super) fn close(&mut self, index: usize, what: What, happened: &mut Vec<Event>) {
        let Some(mut connection) = self.connections[index].take() else { return };
        let (at_ns, client) = (monotonic_ns(), connection.client);
        let ended = connection.drain();
        happened.extend(ended.map(|id| Event { at_ns, id: Some(id), client, what }));
        self.forget(index, connection, happened);
        self.pass_on(client, LeftBehind::default(), happened);
    }

    fn forget(&mut self, index: usize, mut connection: Connection, happened: &mut Vec<Event>) {
        let client = connection.client;
        if let Life::Closing(since_ns) = connection.life {
            let at_ns = monotonic_ns();
            let what = What::Closed { took_ns: at_ns - since_ns };
            happened.push(Event { at_ns, id: Some(0), client, what });
        }
        let _ = self.pacer.registry().deregister(&mut connection.stream);
        self.retire(index, client);
        self.free.push(index);
        self.sources.closed();
        self.unblocked.append(&mut self.starved);
    }

    /// Takes a connection from its client, which makes another one for its next request.
    pub(super) fn retire(&mut self, index: usize, client: u32) {
        let its = &mut self.clients[client as usize];
        if its.current == index {
            its.current = NONE;
        }
    }

    /// Ends a connection that has carried all its requests.
    pub(super) fn end(&mut self, index: usize, happened: &mut Vec<Event>) {
        let finishes = self.settings.close == Close::Finish;
        let Some(connection) = self.connections[index].as_mut() else { return };
        if finishes
            && !matches!(connection.life, Life::Closing(_))
            && connection.stream.shutdown(Shutdown::Write).is_ok()
        {
            // The connection ends at the next read, by the server's FIN.
            let since_ns = monotonic_ns();
            connection.life = Life::Closing(since_ns);
            self.closing.push_back((since_ns, index));
            return;
        }
        self.close(index, What::Reset, happened);
    }

    /// Closes connections whose servers have not closed in return in time.
    pub(super) fn give_up_closing(&mut self, now_ns: u64, happened: &mut Vec<Event>) {
        while let Some((since_ns, index)) = self.closing.front().copied() {
            if now_ns < since_ns + CLOSE_PATIENCE_NS {
                return;
            }
            self.closing.pop_front();
            if let Some(connection) = self.connection(index)
                && connection.life == Life::Closing(since_ns)
            {
                connection.life = Life::Open; // its closing time is not known
                self.close(index, What::Reset, happened);
            }
        }
    }

    /// Closes a connection that is retired and has no request still waited for.
    pub(super) fn close_if_done(&mut self, index: usize) {
        let is_done = |it: &mut Connection| it.requests_left == 0 && !it.is_waited_for();
        if self.connection(index).is_some_and(is_done) {
            self.with_pending(|transport, pending| transport.close(index, What::Reset, pending));
        }
    }

    /// Runs `what` outside of a wait; its events are reported at the next one.
    pub(super) fn with_pending(&mut self, what: impl FnOnce(&mut Self, &mut Vec<Event>)) {
        let mut pending = std::mem::take(&mut self.pending);
        what(self, &mut pending);
        self.pending = pending;
    }

    /// Gives up a request that is on this connection.
    pub(super) fn give_up(&mut self, index: usize, id: u64) {
        let (names, may_repeat) =
            (self.settings.exchange.names_requests(), self.settings.exchange.may_repeat());
        let why = match self.settings.exchange.is_http() {
            true => NoReply::CutShort,
            false => self.settings.exchange.why_wrong(),
        };
        let Some(connection) = self.connection(index) else { return };
        let (now_ns, client) = (monotonic_ns(), connection.client);
        connection.give_up(id, names);
        let is_retried =
            matches!(connection.life, Life::Connecting(since) if now_ns > since + RETRIED_NS);
        let unfinished = Unreadable::new(why, connection.unfinished());
        if !unfinished.bytes.is_empty() {
            self.unreadable.get_or_insert(unfinished);
        }
        if is_retried {
            let what = What::Retried;
            self.pending.push(Event { at_ns: now_ns, id: Some(0), client, what });
        }
        if may_repeat {
            return self.with_pending(|transport, pending| {
                transport.retire_for_good(index, End::GivenUp, pending);
                let is_waited_for = |it: &mut Connection| it.is_waited_for();
                if !transport.connection(index).is_some_and(is_waited_for) {
                    transport.close(index, What::Reset, pending);
                }
            });
        }
        if !names && let Some(connection) = self.connection(index) {
            // Requests behind it may still be answered, but the connection takes no more.
            connection.requests_left = 0;
            self.retire(index, client);
        }
        if !self.clients[client as usize].waiting.is_empty() {
            self.unblocked.push(client); // a connection may take them now
        }
        self.close_if_done(index);
    }
}
