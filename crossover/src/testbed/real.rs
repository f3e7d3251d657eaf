//! The testbed of real sockets and processes.

use std::sync::atomic::Ordering::SeqCst;

use loadgen::judge::{Conditions, measurement};
use loadgen::{DriveError, Target};
use results::{Failure, Machine, Measurement, Placement, TestbedKind};
use workload::Plan;

use super::Testbed;
use crate::host::machine;
use crate::host::placement::{LatencyHold, apart, cores, stay_on};
use crate::setup::Setup;
use crate::testbed::ServerProcess;
use crate::testbed::generator::{GeneratorSetup, measure, observe};

/// The fewest runs that show the usual speed of a core.
const FEW: usize = 10;

/// This machine: servers as child processes on their cores, the generator on its own.
pub struct RealTestbed {
    machine: Machine,
    placement: Placement,
    /// The speed of the server's core before each run so far, in steps per microsecond.
    speeds: Vec<f64>,
    _latency: LatencyHold,
}

impl Default for RealTestbed {
    fn default() -> Self {
        Self::new()
    }
}

impl RealTestbed {
    /// Reads the machine's properties, keeps idle cores awake where permitted, and moves the
    /// calling thread, which becomes the generator, to its core.
    #[must_use]
    pub fn new() -> Self {
        let machine = machine::probe();
        let latency = LatencyHold::take();
        let placement = Placement { latency_held: latency.is_held(), ..apart(&cores()) };
        stay_on(&placement.generator_cores);
        Self { machine, placement, speeds: Vec::new(), _latency: latency }
    }

    /// Drives a plan against a server that is already running.
    ///
    /// # Errors
    /// If the generator cannot work.
    pub fn drive(
        &self,
        target: &Target,
        plan: &Plan,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measurement, Failure> {
        let generator = GeneratorSetup::single(self.placement.clone());
        measure(plan, target, &generator, stop).map_err(generator_failed)
    }

    /// The median speed of the server's core before the runs so far; `None` after fewer than `FEW`
    /// runs.
    fn usual_steps_per_us(&self) -> Option<f64> {
        if self.speeds.len() < FEW {
            return None;
        }
        analysis::bootstrap::median(&self.speeds)
    }
}

fn generator_failed(error: DriveError) -> Failure {
    Failure::Generator { because: error.to_string() }
}

impl Testbed for RealTestbed {
    fn run(
        &mut self,
        setup: &Setup,
        plan: &Plan,
        tails_matter: bool,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measurement, Failure> {
        let server = ServerProcess::start(&setup.server, &self.placement.server_cores)?;
        let design = setup.server.design;
        let target = Target {
            unconnected: design.answers_from_another_port,
            ..Target::work(design.transport(), server.address)
        };
        let steps_per_us = server.steps_per_us;
        let ended = server.ended_flag();
        let generator = GeneratorSetup::single(self.placement.clone());
        let driven = observe(plan, &target, &generator, &|| stop() || ended.load(SeqCst));
        // A server that died explains every error of the generator, so its failure is returned
        // first.
        let cost = server.stop()?;
        let (notes, seen) = driven.map_err(generator_failed)?;
        let conditions = Conditions {
            server: Some(cost),
            steps_per_us,
            usual_steps_per_us: self.usual_steps_per_us(),
            tails_matter,
            ..seen
        };
        self.speeds.push(steps_per_us);
        Ok(measurement(plan, notes, &conditions))
    }

    fn kind(&self) -> TestbedKind {
        TestbedKind::Real
    }

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}
