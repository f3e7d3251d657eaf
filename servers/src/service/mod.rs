//! The services: what a server replies, the same for all designs.
//!
//! A service does no I/O. Bytes go in; out comes a [`Job`] (work to perform, then a reply) or a
//! request for more bytes. Blocking designs, event loops and async tasks can therefore share it,
//! and each waits in its own way.

mod conversation;
pub(crate) mod daytime;
mod echo;
mod http;
mod job;
pub(crate) mod next;
mod reply;
pub(crate) mod time;
mod work;

use std::fmt;
use std::str::FromStr;

use protocol::Transport;

pub use conversation::{Conversation, Step};
pub use job::{Job, Stamps};

use crate::limits::Limits;

/// The services on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The measured service: a request carries its processing and the size of its reply.
    Work,
    /// Sends back what it receives (RFC 862).
    Echo,
    /// Sends the date and time as a line of text (RFC 867).
    Daytime,
    /// Sends the time as a number of 32 bits (RFC 868).
    Time,
    /// The number of a client's requests so far: a service that remembers its clients, over UDP.
    Next,
    /// HTTP/1.1, with work in the query of a URL (RFC 9110, RFC 9112).
    Http,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 6] =
        [Self::Work, Self::Echo, Self::Daytime, Self::Time, Self::Next, Self::Http];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Echo => "echo",
            Self::Daytime => "daytime",
            Self::Time => "time",
            Self::Next => "next",
            Self::Http => "http",
        }
    }

    /// The well-known port; for `work` and `next`, which have none, the first unassigned ports.
    #[must_use]
    pub fn well_known_port(self) -> u16 {
        match self {
            Self::Work => 4,
            Self::Next => 6,
            Self::Echo => 7,
            Self::Daytime => 13,
            Self::Time => 37,
            Self::Http => 80,
        }
    }

    /// Whether the service is available over this transport.
    #[must_use]
    pub fn speaks_over(self, transport: Transport) -> bool {
        match self {
            Self::Http => transport == Transport::Tcp,
            Self::Next => transport == Transport::Udp,
            Self::Work | Self::Echo | Self::Daytime | Self::Time => true,
        }
    }

    /// The job that one datagram asks for.
    #[must_use]
    pub fn job_of_datagram(self, datagram: &[u8], limits: &Limits) -> Job {
        match self {
            Self::Work => work::job_of_datagram(datagram, limits),
            Self::Echo => echo::job(datagram.len()),
            Self::Daytime => daytime::job(),
            Self::Time => time::job(),
            Self::Next => next::job(datagram.len()),
            Self::Http => Job::not_understood(),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|service| service.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no service is called '{name}'; there are: {names}")
        })
    }
}
