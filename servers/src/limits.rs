//! The bounds of a server. At each bound it takes on no more, so that nothing grows without end.

use std::time::Duration;

use protocol::MAX_DATAGRAM_SIZE;

/// The most workers that any server may have: the size of the table that counts them.
pub const MAX_WORKERS: u32 = 4096;

/// The most bytes of one read of a connection.
pub(crate) const READ_SIZE: usize = 16 << 10;

/// How long, and how many times, the rest of what a client sends is read before its connection is
/// closed.
pub(crate) const LAST_READS_FOR: Duration = Duration::from_millis(50);
pub(crate) const MOST_LAST_READS: usize = 512;

/// The bounds of a server, and what happens at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Workers alive at once. At the bound the master takes no further request or connection.
    /// Clients then wait in the kernel's queue; when that is full, the kernel drops or delays them.
    pub workers: u32,
    /// Clients held at once by each loop, queue, runtime or endpoint that has no worker for each
    /// client. Further clients wait in the kernel's queue.
    pub clients: usize,
    /// Bytes of one request. A larger request is refused, and its connection is closed.
    pub request_size: usize,
    /// Bytes of one reply. A request for more is refused.
    pub reply_size: usize,
    /// Waiting that one request may ask for. A request for more is refused.
    pub wait: Duration,
    /// Processor time that one request may ask for. A request for more is refused.
    pub compute: Duration,
    /// How long a connection may be silent, a request may take to arrive from its first byte to its
    /// last, and a reply may take to leave; then the connection is closed. A client that trickles
    /// bytes therefore gains nothing over a silent one.
    pub idle: Duration,
    /// Connections that may wait in the kernel to be accepted; the kernel lowers it to `somaxconn`,
    /// and drops the SYN of a further client, which repeats it after a second.
    pub backlog: i32,
    /// The receive buffer requested for a UDP socket, in bytes; the kernel silently drops datagrams
    /// that do not fit. Its usual size would hold 256 small ones.
    pub receive_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: 1024,
            clients: 4096,
            request_size: 1 << 20,
            reply_size: 1 << 20,
            wait: Duration::from_secs(10),
            compute: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            backlog: 4096,
            receive_buffer: 4 << 20,
        }
    }
}

impl Limits {
    /// The same limits for one datagram, which cannot hold more than [`MAX_DATAGRAM_SIZE`] bytes.
    #[must_use]
    pub fn for_datagrams(self) -> Self {
        Self {
            request_size: self.request_size.min(MAX_DATAGRAM_SIZE),
            reply_size: self.reply_size.min(MAX_DATAGRAM_SIZE),
            ..self
        }
    }
}
