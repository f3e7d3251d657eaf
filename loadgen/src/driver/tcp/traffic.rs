//! Bytes on connections: requests written, replies read.

use std::io::{ErrorKind, Read};

use super::connection::{Connection, End};
use super::{IDLE_CLOSE, READ_SIZE, READS_IN_A_TURN, TcpTransport};
use crate::driver::pacer::{Ready, monotonic_ns};
use crate::driver::{Event, What};
use crate::exchange::NoReply;

impl TcpTransport {
    /// Writes what is due and reads what has arrived on one connection.
    pub(super) fn attend(&mut self, ready: Ready, happened: &mut Vec<Event>) {
        let index = ready.socket;
        if ready.writable && self.connection(index).is_some_and(|it| it.wants_to_write()) {
            self.write(index, happened);
        }
        if ready.readable || ready.ends {
            self.receive(index, ready.ends, happened);
        }
    }

    pub(super) fn write(&mut self, index: usize, happened: &mut Vec<Event>) {
        let Some(connection) = self.connection(index) else { return };
        match connection.become_connected() {
            Ok(None) => {}
            Ok(Some(took_ns)) => happened.push(Event {
                at_ns: monotonic_ns(),
                id: Some(connection.oldest().unwrap_or(0)),
                client: connection.client,
                what: What::Connected { took_ns },
            }),
            // The connection was established, and then reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return self.lose(index, End::Torn, happened);
            }
            Err(_) => return self.close(index, What::Refused, happened),
        }
        if connection.write().is_err() {
            // Replies that arrived before the end are still to be read.
            self.receive(index, true, happened);
            self.lose(index, End::Torn, happened);
        }
    }

    /// Reads what has arrived. A read that returns less than was asked for took all there was,
    /// unless the end has arrived as well; the poll reports again when more comes.
    fn receive(&mut self, index: usize, ends: bool, happened: &mut Vec<Event>) {
        for _ in 0..READS_IN_A_TURN {
            let exchange = &self.settings.exchange;
            let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
                return;
            };
            match connection.stream.read(&mut self.incoming[..]) {
                Ok(0) => {
                    if connection.torn {
                        return self.lose(index, End::Torn, happened);
                    }
                    connection.take_the_end(exchange, happened);
                    return self.lose(index, End::Gone, happened);
                }
                Ok(count) => {
                    if !self.take(index, count, happened) || (count < READ_SIZE && !ends) {
                        return;
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => return,
                    ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionRefused => {
                        return self.close(index, What::Refused, happened);
                    }
                    _ => return self.lose(index, End::Torn, happened),
                },
            }
        }
        self.pacer.come_back_to(Ready { socket: index, readable: true, writable: false, ends });
    }

    /// Handles `count` bytes that were read from a connection; returns whether it still exists.
    fn take(&mut self, index: usize, count: usize, happened: &mut Vec<Event>) -> bool {
        let at_ns = monotonic_ns();
        let Some(connection) = self.connections[index].as_mut() else { return false };
        if connection.is_last() && connection.oldest().is_none() {
            return true; // of no request: the server had announced its end
        }
        let client = connection.client;
        let before = happened.len();
        let bytes = &self.incoming[..count];
        let taken = connection.take_replies(&self.settings.exchange, bytes, at_ns, happened);
        if let Err(unreadable) = taken {
            if unreadable.why == NoReply::Unasked && unreadable.bytes.starts_with(IDLE_CLOSE) {
                self.lose(index, End::Gone, happened); // idle too long (RFC 9110, section 15.5.9)
                return false;
            }
            self.unreadable.get_or_insert(unreadable);
            happened.push(Event { at_ns, id: Some(0), client, what: What::Unsolicited });
            self.close(index, What::ProtocolError, happened);
            return false;
        }
        if connection.is_last() {
            self.retire_for_good(index, End::Announced, happened);
        }
        let its = &mut self.clients[client as usize];
        its.answered |= happened.len() > before;
        if !its.waiting.is_empty() {
            self.unblocked.push(client);
        }
        let is_done = |it: &Connection| it.requests_left == 0 && it.oldest().is_none();
        if self.connections[index].as_ref().is_some_and(is_done) {
            self.end(index, happened);
            return false;
        }
        true
    }
}
