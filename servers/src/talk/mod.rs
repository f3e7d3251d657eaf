//! How a server talks with its clients, one file for each way of waiting for them.
//!
//! A worker of its own may block ([`blocking`], [`datagram`]); a loop looks at whoever is ready
//! (`nonblocking` for one client, [`clients`] for the table of them); a task awaits (`awaiting`). The
//! ring has a way of its own, in its design.

pub(crate) mod awaiting;
pub mod blocking;
pub mod clients;
pub mod datagram;
pub(crate) mod nonblocking;
