//! A design as the simulator sees it.

use model::simulate::{Computer, Costs, Queue, Station, Stays};
use protocol::quantity::Nanoseconds;
use servers::{Allocation, Concurrency, Design, Intake, WorkUnit};
use workload::Distribution;

use crate::costs::{MachineCosts, has_connections};

/// How a design is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Running {
    /// Its workers: how many there are, or the most that it creates.
    pub workers: u32,
    /// Cores for the server.
    pub cores: u32,
    /// Whether connections carry more than one request.
    pub keeps_connections: bool,
    /// Memory of the server in bytes.
    pub memory_bytes: f64,
    /// Delayed allocation: how long a request may run before the port gets another receiver.
    pub patience_ns: f64,
    /// Requests that may wait for a worker; `None` for any number.
    pub room: Option<u32>,
    /// What hardly any request computes for longer than, in nanoseconds.
    pub longest_compute_ns: f64,
}

/// What one request in a thousand computes for longer than, in nanoseconds.
#[must_use]
pub fn longest_compute_ns(compute: &Distribution<Nanoseconds>) -> f64 {
    compute.draw(0.999).value
}

/// What the simulator needs to follow a design on a machine.
#[must_use]
pub fn station(
    design: &Design,
    running: &Running,
    costs: &MachineCosts,
) -> (Station, Costs, Computer) {
    let stays = stays(design, running);
    let station = match (design.concurrency, design.allocation) {
        (Concurrency::Concurrent, Allocation::OnDemand) => {
            Station::OnDemand { limit: running.workers, stays }
        }
        // A connection that is kept outlasts every patience, and so gets a worker of its own.
        (_, Allocation::Delayed) if stays == Stays::Connection => {
            Station::OnDemand { limit: running.workers, stays }
        }
        (_, Allocation::Delayed) => {
            Station::Delayed { patience_ns: running.patience_ns, limit: running.workers }
        }
        _ => Station::Workers {
            count: if design.allocation == Allocation::None { 1 } else { running.workers },
            queue: match design.intake {
                Intake::Divided => Queue::OfItsOwn,
                Intake::Taken | Intake::HandedOver => Queue::Central,
            },
            stays,
            handover_ns: match design.intake {
                Intake::HandedOver => costs.handover_ns,
                Intake::Taken | Intake::Divided => 0.0,
            },
        },
    };
    let slice_ns = costs.slice_ns;
    let creation_ns = costs.creation_ns(design, running.memory_bytes);
    let has_own_connection = has_connections(design) && !running.keeps_connections;
    let per_connection_ns = if has_own_connection { costs.connection_ns } else { 0.0 };
    // A thread of control that serves several clients neither sleeps for one nor waits for its farewell.
    let is_shared = design.concurrency == Concurrency::Apparent || stays == Stays::Computing;
    let (resume_ns, linger_ns) = match is_shared {
        true => (0.0, 0.0),
        false => (costs.resume_ns(design), if has_own_connection { costs.linger_ns } else { 0.0 }),
    };
    let request_ns = costs.request_ns(design);
    // The cost of a request over UDP has its worker's creation in it.
    let creates_for_each = stays == Stays::Request
        && design.allocation == Allocation::OnDemand
        && design.unit != WorkUnit::Task;
    let in_it = if creates_for_each && !has_connections(design) { creation_ns } else { 0.0 };
    let costs = Costs {
        request_ns: (request_ns - in_it).max(0.0) + per_connection_ns,
        creation_ns,
        start_ns: costs.start_ns,
        resume_ns,
        linger_ns,
        wakeup_ns: costs.wakeup_ns,
    };
    // What is done within a slice is done in turn. Where requests compute for longer, even sharing stands for
    // the slices: it lets a short request pass long ones sooner than turns of a fixed length would.
    let is_done_within_a_slice = request_ns + creation_ns + running.longest_compute_ns < slice_ns;
    let computer = Computer {
        cores: running.cores,
        slice_ns: if is_done_within_a_slice { slice_ns } else { 0.0 },
        room: running.room,
        in_turn: has_connections(design) && running.keeps_connections,
    };
    (station, costs, computer)
}

/// What a worker stays with under this load: a connection that carries one request is a request.
fn stays(design: &Design, running: &Running) -> Stays {
    match design.stays {
        servers::Stays::Computing => Stays::Computing,
        servers::Stays::Connection if running.keeps_connections => Stays::Connection,
        servers::Stays::Connection | servers::Stays::Request => Stays::Request,
    }
}
