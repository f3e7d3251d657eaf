//! The server as the generator sees it.

use std::net::SocketAddr;

use protocol::Transport;
use workload::Network;

use crate::exchange::Exchange;

/// A server as the generator sees it.
#[derive(Clone, Debug)]
pub struct Target {
    /// How to reach it.
    pub transport: Transport,
    /// Its addresses; the first one where a server listens is used.
    pub addresses: Vec<SocketAddr>,
    /// The exchange with it.
    pub exchange: Exchange,
    /// UDP: whether replies may come from another port.
    pub unconnected: bool,
    /// UDP: whether the kernel's receive stamps are taken.
    pub kernel_stamps: bool,
    /// UDP: whether datagrams are sent as GSO segments, and received as GRO segments.
    pub offload: bool,
    /// UDP: what is done to requests on their way.
    pub network: Network,
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
            network: Network::default(),
        }
    }
}
