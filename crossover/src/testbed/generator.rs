//! The generator on real sockets, and what the machine did meanwhile.

use std::sync::Arc;

use loadgen::driver::Pacing;
use loadgen::judge::{Conditions, measurement};
use loadgen::threads::{Threads, drive_where_somebody_is};
use loadgen::{DriveError, Progress, Target};
use results::{Measurement, Notes, Placement};
use workload::Plan;

use crate::host::machine::KernelCounters;
use crate::host::placement::stay_on;

/// How the generator runs.
#[derive(Clone)]
pub struct GeneratorSetup {
    /// Its cores, and what is recorded of them.
    pub placement: Placement,
    /// How it waits.
    pub pacing: Pacing,
    /// How each of its threads goes; as many threads as there are of these.
    pub progress: Vec<Arc<Progress>>,
}

impl GeneratorSetup {
    /// One thread that spins if the placement says so.
    #[must_use]
    pub fn single(placement: Placement) -> Self {
        let pacing = if placement.generator_spins { Pacing::Spin } else { Pacing::Sleep };
        Self { placement, pacing, progress: vec![Arc::default()] }
    }
}

/// Drives a plan against a real server and judges the run. The calling thread is the first of the
/// generator's.
pub(crate) fn measure(
    plan: &Plan,
    target: &Target,
    setup: &GeneratorSetup,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Measurement, DriveError> {
    observe(plan, target, setup, stop).map(|(notes, seen)| measurement(plan, notes, &seen))
}

/// Drives a plan against a real server: what the generator noted, and under which conditions.
pub(crate) fn observe(
    plan: &Plan,
    target: &Target,
    setup: &GeneratorSetup,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(Notes, Conditions), DriveError> {
    let before = KernelCounters::read();
    let placement = &setup.placement;
    let (cores, count) = (&placement.generator_cores, setup.progress.len());
    let begin = |index: u32| {
        if count > 1 && cores.len() >= count {
            stay_on(&cores[index as usize..=index as usize]);
        }
    };
    let threads = Threads { pacing: setup.pacing, progress: &setup.progress, begin: &begin };
    let notes = drive_where_somebody_is(plan, target, &threads, stop)?;
    // Where a foreign server runs is not known: then every core may be its own.
    let cores = match placement.server_cores.is_empty() {
        true => Vec::new(),
        false => [&placement.generator_cores[..], &placement.server_cores].concat(),
    };
    let events = KernelCounters::read().since(&before, &cores);
    let conditions = Conditions {
        transport: target.transport,
        placement: setup.placement.clone(),
        generators: setup.progress.len(),
        stolen_share: events.stolen_share,
        datagrams_dropped: events.datagrams_dropped,
        connections_dropped: events.connections_dropped,
        ..Conditions::default()
    };
    Ok((notes, conditions))
}
