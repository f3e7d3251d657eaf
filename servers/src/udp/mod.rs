//! The connectionless designs, and how a datagram is received and answered.

pub mod iterative;
pub mod process_per_request;
pub mod thread_per_request;

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::context::{Context, TakenUp};
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
    bytes: Bytes,
    sender: SocketAddr,
    taken_up: TakenUp,
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
    let (length, sender) = socket::receive(socket, buffer)?;
    Ok(Datagram { bytes: &buffer[..length], sender, taken_up: context.take_up() })
}

/// Processes the request and sends the reply to where it came from. A reply that cannot be sent
/// is lost, as a datagram may be; the client's time-out is its remedy.
pub fn answer<Bytes: AsRef<[u8]>>(
    request: &Datagram<Bytes>,
    socket: &UdpSocket,
    context: &Context,
    worker: Worker,
) {
    let input = request.bytes.as_ref();
    let limits = context.limits.for_datagrams();
    let job = context.service.job_of_datagram(input, &limits);
    let stranger = !request.sender.ip().is_loopback();
    let amplifies = stranger && job.reply_size() > input.len();
    if amplifies || ANSWERING_PORTS.contains(&request.sender.port()) {
        context.count_dropped();
        return;
    }
    let mut reply = Vec::new();
    context.perform(&job, input, request.taken_up, worker, &mut reply);
    let _ = socket.send_to(&reply, request.sender);
}
