//! What was measured: a server design, with the facts that pages and comparisons need.

use std::fmt;

use protocol::Transport;
use serde::{Deserialize, Serialize};

/// A server under test. Its facts come from the catalogue of designs and are stored in each record,
/// so that nothing has to be guessed from a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Subject {
    /// Its name, unique in a bench: `udp-thread-per-request`.
    pub name: String,
    /// In legends, beside its transport: `thread per request`.
    pub label: String,
    /// In sentences, with its article, in the singular: `a thread per request`.
    pub phrase: String,
    /// What carries its requests.
    #[serde(with = "transport")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub transport: Transport,
    /// How many requests it has in progress, as its clients see it.
    pub concurrency: Concurrency,
    /// When its workers are created.
    pub allocation: Allocation,
    /// What serves a client.
    pub unit: WorkUnit,
}

/// How many requests a server has in progress, as its clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Concurrency {
    /// One at a time.
    Iterative,
    /// Several at once, each with a worker of its own.
    Concurrent,
    /// Several at once, by few threads that never wait for one of them.
    Apparent,
}

/// When the workers of a server are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Allocation {
    /// Never: the master serves.
    None,
    /// One for each request or connection, when it comes.
    OnDemand,
    /// All beforehand.
    Preallocated,
    /// One for a request or connection that has turned out to be long.
    Delayed,
}

/// What serves a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WorkUnit {
    /// The server itself.
    Master,
    /// A loop that serves several.
    Loop,
    /// A task of a runtime.
    Task,
    /// A thread.
    Thread,
    /// A process.
    Process,
}

impl Subject {
    /// Whether it serves one request at a time.
    #[must_use]
    pub fn is_iterative(&self) -> bool {
        self.concurrency == Concurrency::Iterative
    }

    /// `UDP` or `TCP`.
    #[must_use]
    pub fn transport_name(&self) -> String {
        self.transport.to_string().to_uppercase()
    }

    /// In a sentence that does not name its transport otherwise: `a thread per request (UDP)`.
    #[must_use]
    pub fn in_a_sentence(&self) -> String {
        match self.is_iterative() {
            true => self.phrase.clone(), // it names the transport
            false => format!("{} ({})", self.phrase, self.transport_name()),
        }
    }

    /// Transport and label: `UDP thread per request`.
    #[must_use]
    pub fn full_label(&self) -> String {
        format!("{} {}", self.transport_name(), self.label)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A transport by its name.
mod transport {
    use protocol::Transport;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(it: &Transport, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(it)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Transport, D::Error> {
        match String::deserialize(from)?.as_str() {
            "udp" => Ok(Transport::Udp),
            "tcp" => Ok(Transport::Tcp),
            other => Err(D::Error::custom(format!("'{other}' is not a transport"))),
        }
    }
}
