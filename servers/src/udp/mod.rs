//! The connectionless designs, and how a datagram is received and answered.

pub mod async_tasks;
pub mod delayed_allocation;
pub mod event_loop;
pub mod iterative;
pub mod preforked;
pub mod prethreaded;
pub mod process_per_request;
pub mod queued_threads;
pub mod session_workers;
pub mod sharded;
pub mod thread_per_request;
pub mod work_stealing;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::context::{Context, TakenUp};
use crate::service::{Job, Service};
use crate::socket;
use crate::worker::Worker;

/// More than any datagram holds, so that none is cut short unnoticed.
const BUFFER_SIZE: usize = 1 << 16;

/// Services that answer anything: a reply sent to one of them would come back for ever (echo,
/// daytime, quote of the day, chargen, time).
const ANSWERING_PORTS: [u16; 5] = [7, 13, 17, 19, 37];

/// One request as it came, with the address the reply must go to.
#[derive(Clone)]
pub struct Datagram<Bytes> {
    /// What it says.
    pub bytes: Bytes,
    /// Who sent it, as far as can be known.
    pub sender: SocketAddr,
    /// When it was received.
    pub taken_up: TakenUp,
}

impl Datagram<&[u8]> {
    /// A copy that a worker may take away while the master receives into the buffer again.
    #[must_use]
    pub fn to_owned(&self) -> Datagram<Vec<u8>> {
        Datagram { bytes: self.bytes.to_vec(), sender: self.sender, taken_up: self.taken_up }
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
/// Of the socket itself, not of what a client did.
pub fn receive<'a>(
    socket: &UdpSocket,
    buffer: &'a mut [u8],
    context: &Context,
) -> io::Result<Datagram<&'a [u8]>> {
    let received = socket::receive(socket, buffer)?;
    Ok(datagram_of(received, buffer, context))
}

/// The same for a socket that does not block; `None` where nothing has come.
///
/// # Errors
/// Of the socket itself, not of what a client did.
pub fn receive_now<'a>(
    socket: &UdpSocket,
    buffer: &'a mut [u8],
    context: &Context,
) -> io::Result<Option<Datagram<&'a [u8]>>> {
    let received = socket::receive_now(socket, buffer)?;
    Ok(received.map(|received| datagram_of(received, buffer, context)))
}

/// A request from what a receive call has just brought: a length, and a sender.
pub fn datagram_of<'a>(
    (length, sender): (usize, SocketAddr),
    buffer: &'a [u8],
    context: &Context,
) -> Datagram<&'a [u8]> {
    Datagram { bytes: &buffer[..length], sender, taken_up: context.take_up() }
}

/// The job a request asks for; `None` where it must not be answered at all, which is counted.
pub fn job_of<Bytes: AsRef<[u8]>>(request: &Datagram<Bytes>, context: &Context) -> Option<Job> {
    let input = request.bytes.as_ref();
    let job = context.service.job_of_datagram(input, &context.limits.for_datagrams());
    // A reply is no request: two servers would answer each other for ever.
    let is_an_answer = context.service == Service::Work && protocol::is_reply(input);
    if is_an_answer || !may_answer(request.sender, input.len(), job.reply_size()) {
        context.count_dropped();
        return None;
    }
    Some(job)
}

/// Anybody may write any sender's address on a datagram. So a server must not send more to a
/// stranger than came in his name, and nothing to a service that would answer the answer.
fn may_answer(sender: SocketAddr, request_size: usize, reply_size: usize) -> bool {
    let amplifies = reply_size > request_size && !sender.ip().is_loopback();
    !amplifies && !ANSWERING_PORTS.contains(&sender.port())
}

/// Processes the request and sends the reply to where it came from. A reply that cannot be sent
/// is lost, as a datagram may be; the client's time-out is its remedy.
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
    /// Where a worker writes its replies, so that it asks for memory once and not each time.
    static REPLY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_gets_no_more_than_he_sent_and_an_answering_service_nothing() {
        let may = |sender: &str, request_size, reply_size| {
            may_answer(sender.parse().expect("an address"), request_size, reply_size)
        };
        assert!(may("127.0.0.1:4000", 0, 40), "our own machine may be answered at any length");
        assert!(may("192.0.2.1:4000", 64, 64));
        assert!(!may("192.0.2.1:4000", 64, 65), "an amplifier");
        assert!(!may("[2001:db8::1]:4000", 0, 4));
        for port in ANSWERING_PORTS {
            assert!(!may(&format!("127.0.0.1:{port}"), 64, 64), "it would answer the answer");
        }
    }
}
