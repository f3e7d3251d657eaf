//! The testbed of simulated designs: any number of cores, and the costs of a machine.

use advice::{MachineCosts, PATIENCE_NS, Running, longest_compute_ns, station};
use results::{Failure, Machine, Measurement, Placement, ServerCost, TestbedKind};
use servers::{Allocation, Concurrency, Design};
use workload::{LoadSpec, Plan, Reuse};

use super::Testbed;
use super::follow::follow;
use crate::setup::{Cores, Server, ServerSetup, Setup, Trouble};

/// Designs in the simulator, under the loads of a bench.
#[derive(Debug)]
pub struct ModelledTestbed {
    costs: MachineCosts,
    cores: u32,
    machine: Machine,
}

impl ModelledTestbed {
    /// A machine whose servers have so many cores.
    #[must_use]
    pub fn new(costs: MachineCosts, cores: u32) -> Self {
        let processor = format!("simulated; costs of: {}", costs.machine);
        let machine = Machine { cores: cores as usize, processor, ..Machine::default() };
        Self { costs, cores, machine }
    }

    fn cores_of(&self, setup: &Setup) -> u32 {
        match setup.cores {
            Some(Cores::Count(count)) => count.min(self.cores),
            Some(Cores::All) | None => self.cores,
        }
    }
}

impl Testbed for ModelledTestbed {
    fn run(
        &mut self,
        setup: &Setup,
        plan: &Plan,
        _tails_matter: bool,
        _stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measurement, Failure> {
        let cannot = |because: &str| Failure::ServerDidNotStart { because: because.to_owned() };
        let Server::Design(server) = &setup.server else {
            return Err(cannot("a server of your own cannot be simulated"));
        };
        let Trouble { network, misbehaving } = &setup.trouble;
        if *network != workload::Network::default() || misbehaving.is_some() {
            return Err(cannot("a bad network and clients that misbehave cannot be simulated"));
        }
        if matches!(plan.spec.reuse, Reuse::Per(2..)) || plan.spec.depth > 1 {
            return Err(cannot(
                "connections for a number of requests, and several requests in flight on one, cannot be \
                 simulated",
            ));
        }
        let cores = self.cores_of(setup);
        let running = running(server, &plan.spec, cores);
        let (its, steps, computer) = station(server.design, &running, &self.costs);
        let followed = follow(plan, its, steps, computer);
        let computed_ns = followed.computed_ns as u64;
        let mut measured = followed.measured(plan, server.design.transport());
        measured.server = Some(ServerCost {
            design: server.design.name.to_owned(),
            received: measured.counts.sent + measured.events.warmup,
            answered: measured.counts.answered + measured.events.warmup,
            user_ns: computed_ns,
            ..ServerCost::default()
        });
        Ok(measured)
    }

    fn kind(&self) -> TestbedKind {
        TestbedKind::Simulated
    }

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn placement(&self, setup: &Setup) -> Placement {
        let server_cores = (0..self.cores_of(setup) as usize).collect();
        Placement { server_cores, pacing: "simulated".to_owned(), ..Placement::default() }
    }
}

/// How the server of a run is run.
fn running(server: &ServerSetup, load: &LoadSpec, cores: u32) -> Running {
    let workers = server.workers.map(|workers| workers.on(cores as usize));
    Running {
        workers: workers.unwrap_or_else(|| usual_workers(server.design, cores)),
        cores,
        keeps_connections: load.reuse != Reuse::Per(1),
        memory_bytes: server.ballast.unwrap_or(0) as f64,
        patience_ns: server.patience.map_or(PATIENCE_NS, |it| it.as_nanos() as f64),
        room: None,
        longest_compute_ns: longest_compute_ns(&load.compute),
    }
}

/// The workers that `serve` would have on so many cores.
#[must_use]
pub fn usual_workers(design: &Design, cores: u32) -> u32 {
    let is_for_cores =
        design.concurrency == Concurrency::Apparent && design.allocation != Allocation::None;
    if is_for_cores { cores } else { design.usual_workers() }
}
