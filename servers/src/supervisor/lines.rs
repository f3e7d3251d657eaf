//! The opening and the closing line of a server, one line of JSON each, as types.
//!
//! A program that starts a server reads its lines with these types.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The opening line: the server is ready to serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpeningLine {
    /// The address that the server listens on; the first one if there are several.
    pub listening: SocketAddr,
    /// The design, `all-services` or `superserver`.
    pub design: String,
    /// The service of a design.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The endpoints of `all-services` or `superserver`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Endpoint>,
    /// The most workers that the server may have.
    pub workers: u32,
    /// The process id of the server.
    pub pid: i32,
    /// Steps of the computing loop per microsecond of processor time.
    pub steps_per_us: f64,
}

/// One of several endpoints on which a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// The address.
    pub listening: SocketAddr,
    /// The program of a superserver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// The closing line: what the server served, and which resources that used.
///
/// The writer borrows `N` and `P`, because a signal handler must not use the heap.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ClosingLine<N = String, P = Vec<u64>> {
    /// The design that served.
    pub design: N,
    /// Requests received.
    pub received: u64,
    /// Requests answered.
    pub answered: u64,
    /// Requests refused with a reply.
    pub refused: u64,
    /// Requests that got no reply.
    pub dropped: u64,
    /// Requests answered by each worker.
    pub per_worker: P,
    /// User time of the server process.
    pub user_ns: u64,
    /// System time of the server process.
    pub system_ns: u64,
    /// User time of its worker processes.
    pub children_user_ns: u64,
    /// System time of its worker processes.
    pub children_system_ns: u64,
    /// Context switches in which a thread gave up the processor.
    pub voluntary_switches: u64,
    /// Context switches in which the kernel took the processor from a thread.
    pub involuntary_switches: u64,
    /// The largest resident set of the server process or of one of its workers.
    pub peak_memory_bytes: u64,
    /// The time from the opening line to the closing line.
    pub served_ns: u64,
}

impl OpeningLine {
    /// A line with the address and the design; the other fields are empty.
    pub(super) fn of(listening: SocketAddr, design: &str) -> Self {
        Self {
            listening,
            design: design.to_owned(),
            service: None,
            services: Vec::new(),
            workers: 0,
            pid: 0,
            steps_per_us: 0.0,
        }
    }
}

impl Endpoint {
    /// An endpoint of which only the address is known.
    pub(super) fn at(listening: SocketAddr) -> Self {
        Self { service: None, transport: None, listening, program: None }
    }
}

impl<P: IntoIterator<Item = u64>> ClosingLine<&str, P> {
    /// Writes the line without using the heap.
    pub(super) fn write(self, out: &mut impl Write) -> fmt::Result {
        // Destructured by name, so that no field can be forgotten here.
        let Self {
            design,
            received,
            answered,
            refused,
            dropped,
            per_worker,
            user_ns,
            system_ns,
            children_user_ns,
            children_system_ns,
            voluntary_switches,
            involuntary_switches,
            peak_memory_bytes,
            served_ns,
        } = self;
        write!(out, r#"{{"design":"{design}","received":{received},"answered":{answered}"#)?;
        write!(out, r#","refused":{refused},"dropped":{dropped},"per_worker":["#)?;
        for (worker, answered) in per_worker.into_iter().enumerate() {
            write!(out, "{}{answered}", if worker == 0 { "" } else { "," })?;
        }
        write!(out, r#"],"user_ns":{user_ns},"system_ns":{system_ns}"#)?;
        write!(out, r#","children_user_ns":{children_user_ns}"#)?;
        write!(out, r#","children_system_ns":{children_system_ns}"#)?;
        write!(out, r#","voluntary_switches":{voluntary_switches}"#)?;
        write!(out, r#","involuntary_switches":{involuntary_switches}"#)?;
        write!(out, r#","peak_memory_bytes":{peak_memory_bytes}"#)?;
        writeln!(out, r#","served_ns":{served_ns}}}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_read_as_it_was_written() {
        let line = ClosingLine {
            design: "udp-iterative",
            received: 1,
            answered: 2,
            refused: 3,
            dropped: 4,
            per_worker: [5, 6],
            user_ns: 7,
            system_ns: 8,
            children_user_ns: 9,
            children_system_ns: 10,
            voluntary_switches: 11,
            involuntary_switches: 12,
            peak_memory_bytes: 13,
            served_ns: 14,
        };
        let mut written = String::new();
        line.clone().write(&mut written).expect("a string takes all");
        let read: ClosingLine = serde_json::from_str(&written).expect("JSON");
        assert!(written.ends_with("}\n") && written.lines().count() == 1);
        assert_eq!(read.per_worker, line.per_worker);
        let again = ClosingLine {
            design: read.design.as_str(),
            per_worker: line.per_worker,
            received: read.received,
            answered: read.answered,
            refused: read.refused,
            dropped: read.dropped,
            user_ns: read.user_ns,
            system_ns: read.system_ns,
            children_user_ns: read.children_user_ns,
            children_system_ns: read.children_system_ns,
            voluntary_switches: read.voluntary_switches,
            involuntary_switches: read.involuntary_switches,
            peak_memory_bytes: read.peak_memory_bytes,
            served_ns: read.served_ns,
        };
        assert_eq!(again, line);
    }

    #[test]
    fn the_opening_line_says_only_what_there_is() {
        let at = "127.0.0.1:7".parse().expect("an address");
        let line = OpeningLine { pid: 5, ..OpeningLine::of(at, "udp-iterative") };
        let text = serde_json::to_string(&line).expect("plain data");
        assert!(!text.contains("service"), "{text}");
        assert_eq!(serde_json::from_str::<OpeningLine>(&text).expect("JSON"), line);
        let program = Endpoint { program: Some("/bin/\"a\"".to_owned()), ..Endpoint::at(at) };
        let line = OpeningLine { services: vec![program], ..line };
        let text = serde_json::to_string(&line).expect("plain data");
        assert_eq!(serde_json::from_str::<OpeningLine>(&text).expect("JSON"), line);
    }
}
