//! How a server talks with its clients, one file for each way of waiting for them.
//!
//! A worker that serves one client may block ([`blocking`], [`datagram`]); a loop serves the
//! clients that are ready (`nonblocking` for one client, [`clients`] for the table of them); a task
//! awaits (`awaiting`). The ring waits in its own way, in the file of its design.

pub(crate) mod awaiting;
pub mod blocking;
pub mod clients;
pub mod datagram;
pub(crate) mod nonblocking;
