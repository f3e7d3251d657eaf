//! The designs that come into question for a workload, and the order in which equals are preferred.

use servers::{Allocation, CATALOGUE, Concurrency, Design, Stays, WorkUnit};

use crate::asked::{Asked, Traffic};
use crate::costs::has_connections;

/// Every design, the simplest first: of designs that are equally good, the first is chosen. Simple is
/// what has the fewest parts, limits and settings to get wrong.
const SIMPLEST_FIRST: [&str; 28] = [
    "udp-iterative",
    "tcp-iterative",
    "udp-event-loop",
    "tcp-event-loop",
    "udp-prethreaded",
    "tcp-prethreaded",
    "tcp-thread-per-connection",
    "udp-thread-per-request",
    "udp-sharded",
    "tcp-event-loops",
    "tcp-event-loop-pool",
    "udp-queued-threads",
    "tcp-queued-threads",
    "udp-async-tasks",
    "tcp-async-tasks",
    "udp-preforked",
    "tcp-preforked",
    "udp-process-per-request",
    "tcp-process-per-connection",
    "udp-delayed-allocation",
    "tcp-delayed-allocation",
    "udp-work-stealing",
    "tcp-work-stealing",
    "tcp-passed-descriptors",
    "tcp-preforked-locked",
    "tcp-poll-loop",
    "udp-session-workers",
    "tcp-uring-loop",
];

/// The place of a design among the simplest, from 0.
#[must_use]
pub fn simplicity(design: &Design) -> usize {
    SIMPLEST_FIRST.iter().position(|name| *name == design.name).unwrap_or(SIMPLEST_FIRST.len())
}

/// The designs for the transport that was asked for, the simplest first.
#[must_use]
pub fn of_transport(asked: &Asked) -> Vec<&'static Design> {
    let mut found: Vec<&Design> =
        CATALOGUE.iter().filter(|design| design.transport() == asked.transport).collect();
    found.sort_by_key(|design| simplicity(design));
    found
}

/// Why a design cannot do what the server must do besides answering; `None` if it can.
#[must_use]
pub fn obstacle(design: &Design, asked: &Asked) -> Option<&'static str> {
    let needs = asked.needs;
    let is_process = design.unit == WorkUnit::Process;
    if needs.isolation && !is_process {
        return Some("it serves clients in one process, and they must be isolated");
    }
    if needs.shared_state && !needs.isolation && is_process {
        return Some("its processes do not share memory, and clients change shared state");
    }
    let blocks = needs.blocking_libraries && asked.waiting_share() > 0.0;
    if blocks && design.stays == Stays::Computing {
        return Some("a library that blocks would stop its loop");
    }
    let is_iterative = design.concurrency == Concurrency::Iterative;
    let pauses = matches!(asked.traffic, Traffic::Sessions { think, .. } if think.mean() > 0.0);
    if is_iterative && asked.keeps_connections() && (asked.connections() > 1.0 || pauses) {
        return has_connections(design)
            .then_some("it serves one connection to its end, and the others wait");
    }
    None
}

/// Two designs of one kind: what changes between them is how requests reach the workers.
#[must_use]
pub fn are_of_one_kind(one: &Design, other: &Design) -> bool {
    let kind = |it: &Design| {
        let is_apparent = it.concurrency == Concurrency::Apparent;
        let created = it.allocation == Allocation::OnDemand && !is_apparent;
        (it.concurrency, created, it.unit == WorkUnit::Process)
    };
    kind(one) == kind(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_design_has_its_place() {
        for design in CATALOGUE {
            assert!(
                simplicity(design) < SIMPLEST_FIRST.len(),
                "{} is not in the list",
                design.name
            );
        }
        assert_eq!(SIMPLEST_FIRST.len(), CATALOGUE.len());
    }
}
