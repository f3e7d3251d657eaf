//! Where a run takes place: on real sockets and processes, or in arithmetic.

pub mod generator;
mod real;
mod server_process;
mod simulated;

use results::{Failure, Machine, Measurement, Placement, TestbedKind};
use workload::Plan;

use crate::setup::Setup;

pub use real::RealTestbed;
pub use server_process::ServerProcess;
pub use simulated::SimulatedTestbed;

/// A place where a design can be put under a load.
pub trait Testbed {
    /// Starts the server, drives the plan against it until its end or until `stop` says so, and
    /// ends the server. `tails_matter` says whether anybody will look at high percentiles.
    ///
    /// # Errors
    /// When the server did not start or died, or the generator could not work.
    fn run(
        &mut self,
        setup: &Setup,
        plan: &Plan,
        tails_matter: bool,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measurement, Failure>;

    /// What kind it is.
    fn kind(&self) -> TestbedKind;

    /// The machine.
    fn machine(&self) -> &Machine;

    /// Who runs on which core.
    fn placement(&self) -> &Placement;
}
