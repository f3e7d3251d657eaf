//! The testbeds, where a run takes place: real sockets and processes, designs in the simulator, or
//! simulated servers whose right answer is known.

pub(crate) mod follow;
pub mod generator;
mod modelled;
mod own_process;
mod real;
mod server_process;
mod simulated;

use results::{Failure, Machine, Measurement, Placement, TestbedKind};
use workload::Plan;

use crate::setup::Setup;

pub use modelled::{ModelledTestbed, usual_workers};
pub use real::RealTestbed;
pub use server_process::ServerProcess;
pub use simulated::{SimulatedNoise, SimulatedTestbed};

/// A testbed puts a design under a load.
pub trait Testbed {
    /// Starts the server, drives the plan against it until its end or until `stop` returns true,
    /// and ends the server. `tails_matter` states whether a report uses high percentiles.
    ///
    /// # Errors
    /// If the server did not start or died, or the generator could not work.
    fn run(
        &mut self,
        setup: &Setup,
        plan: &Plan,
        tails_matter: bool,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measurement, Failure>;

    /// The kind of testbed.
    fn kind(&self) -> TestbedKind;

    /// The machine.
    fn machine(&self) -> &Machine;

    /// Which cores the generator and the server use in a run.
    fn placement(&self, setup: &Setup) -> Placement;
}
