//! How a datagram is received and answered.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::context::{Context, TakenUp};
use crate::loops;
use crate::service::Job;
use crate::socket::{self, Received};
use crate::worker::Worker;

/// Bytes of a receive buffer: more than any datagram holds, so that none is truncated unnoticed.
const BUFFER_SIZE: usize = 1 << 16;

/// One request, with the address to which the reply must go.
#[derive(Clone)]
pub struct Datagram<Bytes> {
    /// Its bytes.
    pub bytes: Bytes,
    /// The sender's address, as the datagram states it.
    pub sender: SocketAddr,
    /// Whether it carries the mark of a server's reply.
    pub is_marked: bool,
    /// The service start: when it was received.
    pub taken_up: TakenUp,
}

impl Datagram<&[u8]> {
    /// A copy for a worker, so that the master can receive into the buffer again.
    #[must_use]
    pub fn to_owned(&self) -> Datagram<Vec<u8>> {
        let Self { sender, is_marked, taken_up, .. } = *self;
        Datagram { bytes: self.bytes.to_vec(), sender, is_marked, taken_up }
    }
}

/// A buffer for [`receive`].
#[must_use]
pub fn datagram_buffer() -> Vec<u8> {
    vec![0; BUFFER_SIZE]
}

/// Receives the next request together with its sender's address.
///
/// # Errors
/// Those of the socket itself, not of a client.
pub fn receive<'a>(
    socket: &UdpSocket,
    buffer: &'a mut [u8],
    context: &Context,
) -> io::Result<Datagram<&'a [u8]>> {
    let received = socket::receive(socket, buffer)?;
    Ok(datagram_of(received, buffer, context))
}

/// As [`receive`], for a non-blocking socket; `None` if nothing has arrived.
///
/// # Errors
/// Those of the socket itself, not of a client.
pub fn receive_now<'a>(
    socket: &UdpSocket,
    buffer: &'a mut [u8],
    context: &Context,
) -> io::Result<Option<Datagram<&'a [u8]>>> {
    let received = socket::receive_now(socket, buffer)?;
    Ok(received.map(|received| datagram_of(received, buffer, context)))
}

/// The request that a receive call has just returned.
pub fn datagram_of<'a>(
    received: Received,
    buffer: &'a [u8],
    context: &Context,
) -> Datagram<&'a [u8]> {
    let Received { length, sender, is_marked } = received;
    Datagram { bytes: &buffer[..length], sender, is_marked, taken_up: context.take_up() }
}

/// The job that a request asks for. If the request must not be answered at all, counts it as
/// dropped and returns `None`.
pub fn job_of<Bytes: AsRef<[u8]>>(request: &Datagram<Bytes>, context: &Context) -> Option<Job> {
    let input = request.bytes.as_ref();
    let job = context.service.job_of_datagram(input, &context.limits.for_datagrams());
    if would_go_to_and_fro(request, context)
        || amplifies(request.sender, input.len(), job.reply_size())
    {
        context.count_dropped();
        return None;
    }
    let next = || context.numbers.next(request.sender, context.limits.clients);
    Some(job.numbered(next))
}

/// Whether a datagram is a request that the server would do.
pub fn is_request<Bytes: AsRef<[u8]>>(request: &Datagram<Bytes>, context: &Context) -> bool {
    let limits = context.limits.for_datagrams();
    let job = context.service.job_of_datagram(request.bytes.as_ref(), &limits);
    !job.is_refusal() && !is_an_answer(request, context)
}

/// Whether the reply would start an endless exchange (`loops.rs`). Datagrams of remote senders are
/// counted here, once each.
fn would_go_to_and_fro<Bytes: AsRef<[u8]>>(request: &Datagram<Bytes>, context: &Context) -> bool {
    let (sender, bytes) = (request.sender, request.bytes.as_ref());
    is_an_answer(request, context)
        || is_a_stranger(sender) && context.tally.repetitions.are_too_many(sender, bytes)
}

fn is_an_answer<Bytes: AsRef<[u8]>>(request: &Datagram<Bytes>, context: &Context) -> bool {
    request.is_marked
        || loops::is_an_answerer(request.sender, context.address)
        || loops::looks_like_a_reply(context.service, request.bytes.as_ref())
}

/// Whether a datagram came from another machine. An IPv6 socket may have IPv4 clients, whose
/// addresses it sees mapped.
fn is_a_stranger(sender: SocketAddr) -> bool {
    !sender.ip().to_canonical().is_loopback()
}

/// Whether a remote address, which may be forged, would receive more than came in its name.
fn amplifies(sender: SocketAddr, request_size: usize, reply_size: usize) -> bool {
    reply_size > request_size && is_a_stranger(sender)
}

/// Processes the request and sends the reply to its sender. A reply that cannot be sent is lost, as
/// any datagram may be; the client has a time-out for that.
pub fn answer<Bytes: AsRef<[u8]>>(
    request: &Datagram<Bytes>,
    socket: &UdpSocket,
    context: &Context,
    worker: Worker,
) {
    if let Some(job) = job_of(request, context) {
        REPLY.with_borrow_mut(|reply| {
            context.perform(job, request.bytes.as_ref(), request.taken_up, worker, reply);
            let _ = socket.send_to(reply, request.sender);
        });
    }
}

thread_local! {
    /// The buffer for a worker's replies, so that memory is allocated once and not for each reply.
    static REPLY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_gets_no_more_than_he_sent() {
        let amplifies = |sender: &str, request_size, reply_size| {
            amplifies(sender.parse().expect("an address"), request_size, reply_size)
        };
        assert!(!amplifies("127.0.0.1:4000", 0, 40), "our own machine is answered at any length");
        assert!(!amplifies("192.0.2.1:4000", 64, 64));
        assert!(amplifies("192.0.2.1:4000", 64, 65));
        assert!(amplifies("[2001:db8::1]:4000", 0, 4));
        assert!(!amplifies("[::ffff:127.0.0.1]:4000", 0, 4), "our own machine over IPv4");
        assert!(amplifies("[::ffff:192.0.2.1]:4000", 0, 4));
    }
}
