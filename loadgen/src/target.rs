//! The server as the generator sees it.

use std::net::SocketAddr;

use protocol::Transport;

use crate::exchange::Exchange;

/// A server as the generator sees it.
#[derive(Clone, Debug)]
pub struct Target {
    /// How to reach it.
    pub transport: Transport,
    /// Where it is; of several addresses the first at which somebody is counts.
    pub addresses: Vec<SocketAddr>,
    /// What is said.
    pub exchange: Exchange,
    /// UDP: whether replies may come from another port.
    pub unconnected: bool,
    /// UDP: whether the kernel's receive stamps are taken.
    pub kernel_stamps: bool,
    /// UDP: whether datagrams go and come in segments of one large one.
    pub offload: bool,
}

impl Target {
    /// A server of the work protocol.
    #[must_use]
    pub fn work(transport: Transport, address: SocketAddr) -> Self {
        Self {
            transport,
            addresses: vec![address],
            exchange: Exchange::Work,
            unconnected: false,
            kernel_stamps: false,
            offload: false,
        }
    }
}
