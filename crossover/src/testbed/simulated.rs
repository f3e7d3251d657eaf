//! The testbed of simulated servers.

use std::time::Duration;

use loadgen::driver::{SimulatedServer, SimulatedTransport};
use loadgen::judge::{Conditions, measurement};
use loadgen::{Progress, drive};
use results::{Failure, Machine, Measurement, Placement, TestbedKind};
use servers::{Allocation, Concurrency, Design, WorkUnit};
use workload::{Plan, Shard};

use super::Testbed;
use crate::setup::{Server, Setup};

/// Simulated servers in simulated time: a whole bench takes a moment, and the right answer is
/// known.
#[derive(Debug, Default)]
pub struct SimulatedTestbed {
    machine: Machine,
    placement: Placement,
}

impl SimulatedTestbed {
    /// The cost of creating a worker for a request: 20 µs for a thread and 200 µs for a process on
    /// demand, and nothing otherwise.
    #[must_use]
    pub fn creation(design: &Design) -> Duration {
        let for_each = design.allocation == Allocation::OnDemand;
        if !for_each || design.concurrency == Concurrency::Apparent {
            Duration::ZERO
        } else if design.unit == WorkUnit::Process {
            Duration::from_micros(200)
        } else {
            Duration::from_micros(20)
        }
    }
}

impl Testbed for SimulatedTestbed {
    fn run(
        &mut self,
        setup: &Setup,
        plan: &Plan,
        tails_matter: bool,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measurement, Failure> {
        let server = match &setup.server {
            Server::Design(server) if server.design.concurrency != Concurrency::Iterative => {
                SimulatedServer::WorkerPerRequest { creation: Self::creation(server.design) }
            }
            Server::Design(_) => SimulatedServer::Iterative,
            Server::Own(_) => {
                let because = "a server of your own cannot be simulated".to_owned();
                return Err(Failure::ServerDidNotStart { because });
            }
        };
        let mut transport = SimulatedTransport::new(server);
        let notes = drive(plan, Shard::WHOLE, 0, &mut transport, &Progress::default(), stop);
        let conditions = Conditions {
            transport: setup.server.transport(),
            tails_matter,
            ..Conditions::default()
        };
        Ok(measurement(plan, notes, &conditions))
    }

    fn kind(&self) -> TestbedKind {
        TestbedKind::Simulated
    }

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn placement(&self, _: &Setup) -> Placement {
        self.placement.clone()
    }
}
