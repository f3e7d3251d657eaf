//! The bounds of a server. At each of them it stops taking on more; nothing grows without end.

use std::time::Duration;

use protocol::MAX_DATAGRAM_SIZE;

/// The most workers any server may have: the size of the table that counts them.
pub const MAX_WORKERS: u32 = 4096;

/// Bytes asked for in one read of a connection.
pub(crate) const READ_SIZE: usize = 16 << 10;

/// How long, and how often, the rest of what a client sends is read before its connection closes.
pub(crate) const LAST_READS_FOR: Duration = Duration::from_millis(50);
pub(crate) const MOST_LAST_READS: usize = 512;

/// What a server allows. What happens at each bound stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Workers alive at once. At the bound the master takes no further request or connection;
    /// they queue in the kernel, and beyond the kernel's queue the kernel drops or delays them.
    pub workers: u32,
    /// Clients held at once by each loop, queue, runtime or endpoint, which have no worker for each.
    /// Beyond it they wait in the kernel's queue.
    pub clients: usize,
    /// Bytes of one request. A larger one is refused; its connection is closed.
    pub request_size: usize,
    /// Bytes of one reply. A request for more is refused.
    pub reply_size: usize,
    /// Waiting that one request may ask for; beyond it the request is refused.
    pub wait: Duration,
    /// Processor time that one request may ask for; beyond it the request is refused.
    pub compute: Duration,
    /// How long a connection may be silent, how long a request may take to arrive from its first
    /// byte to its last, and how long a reply may take to leave; then the connection is closed. So
    /// a client that trickles gains nothing over one that is silent.
    pub idle: Duration,
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
