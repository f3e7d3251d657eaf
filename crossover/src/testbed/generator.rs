//! Drives the generator on real sockets, and records what the machine did meanwhile.

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
    /// The generator's cores, and the placement that is recorded.
    pub placement: Placement,
    /// How the generator waits.
    pub pacing: Pacing,
    /// The progress of each thread; its length is the number of threads.
    pub progress: Vec<Arc<Progress>>,
}

impl GeneratorSetup {
    /// One thread, which spins if the placement asks for it.
    #[must_use]
    pub fn single(placement: Placement) -> Self {
        let pacing = if placement.generator_spins { Pacing::Spin } else { Pacing::Sleep };
        Self { placement, pacing, progress: vec![Arc::default()] }
    }
}

/// Drives a plan against a real server and judges the run. The calling thread becomes the
/// generator's first thread.
pub(crate) fn measure(
    plan: &Plan,
    target: &Target,
    setup: &GeneratorSetup,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Measurement, DriveError> {
    observe(plan, target, setup, stop, &|| ()).map(|(notes, seen)| measurement(plan, notes, &seen))
}

/// Drives a plan against a real server; returns the generator's notes and the conditions of the
/// run. `end` is called when the load is over and kept connections still stand.
pub(crate) fn observe(
    plan: &Plan,
    target: &Target,
    setup: &GeneratorSetup,
    stop: &(dyn Fn() -> bool + Sync),
    end: &(dyn Fn() + Sync),
) -> Result<(Notes, Conditions), DriveError> {
    let before = KernelCounters::read();
    let placement = &setup.placement;
    let (cores, count) = (&placement.generator_cores, setup.progress.len());
    let begin = |index: u32| {
        if count > 1 && cores.len() >= count {
            stay_on(&cores[index as usize..=index as usize]);
        }
    };
    let threads = Threads { pacing: setup.pacing, progress: &setup.progress, begin: &begin, end };
    let notes = drive_where_somebody_is(plan, target, &threads, stop)?;
    // The cores of a foreign server are unknown, so every core may be one of them.
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
