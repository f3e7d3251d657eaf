//! What is made to go wrong in a run: a bad network, and clients that misbehave.

use workload::Network;

use crate::misbehaviour::Misbehaviour;

/// What is made to go wrong in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trouble {
    /// What happens to datagrams on their way to the server.
    pub network: Network,
    /// What other clients do meanwhile.
    pub misbehaving: Option<Misbehaviour>,
}

impl Trouble {
    /// The network as records have it; empty if it is perfect.
    pub(crate) fn network_in_words(&self) -> String {
        let Network { drop, duplicate, reorder } = self.network;
        match self.network.is_perfect() {
            true => String::new(),
            false => format!("drop:{drop} duplicate:{duplicate} reorder:{reorder}"),
        }
    }

    /// The misbehaviour as records have it; empty if all clients behave.
    pub(super) fn misbehaving_in_words(&self) -> String {
        self.misbehaving.map_or_else(String::new, |misbehaving| misbehaving.to_string())
    }
}
