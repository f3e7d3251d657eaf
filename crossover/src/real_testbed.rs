//! The testbed of real sockets and processes.

use std::sync::atomic::Ordering::SeqCst;

use protocol::Transport;
use results::{Failure, Machine, Measurement, Placement};
use servers::Design;
use workload::Plan;

use crate::generator::{Aim, Engine, measure};
use crate::placement::{LatencyHold, apart, cores, stay_on};
use crate::server_process::ServerProcess;
use crate::{machine, testbed::Testbed};

/// This machine: servers as child processes on their cores, the generator on its own.
pub struct RealTestbed {
    machine: Machine,
    placement: Placement,
    _latency: LatencyHold,
}

impl Default for RealTestbed {
    fn default() -> Self {
        Self::new()
    }
}

impl RealTestbed {
    /// Looks at the machine, keeps idle cores awake where permitted, and moves the calling
    /// thread, which will be the generator, to its core.
    #[must_use]
    pub fn new() -> Self {
        let machine = machine::probe();
        let latency = LatencyHold::take();
        let placement = Placement { latency_held: latency.is_held(), ..apart(&cores()) };
        stay_on(&placement.generator_cores);
        Self { machine, placement, _latency: latency }
    }

    /// Drives a plan against a server that runs already.
    ///
    /// # Errors
    /// When the generator cannot work.
    pub fn drive(
        &self,
        aim: &Aim,
        plan: &Plan,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measurement, Failure> {
        measure(plan, aim, &Engine::single(self.placement.clone()), stop)
            .map_err(|error| Failure::Generator { because: error.to_string() })
    }
}

impl Testbed for RealTestbed {
    fn run(
        &mut self,
        design: &'static Design,
        plan: &Plan,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measurement, Failure> {
        let server = ServerProcess::start(design.name, &self.placement.server_cores)?;
        let aim = Aim {
            unconnected: design.answers_from_another_port(),
            ..Aim::work(design.transport(), server.address)
        };
        let steps_per_us = server.steps_per_us;
        let ended = server.ended_flag();
        let driven = self.drive(&aim, plan, &|| stop() || ended.load(SeqCst));
        // A server that died explains whatever the generator met.
        let cost = server.stop()?;
        let mut measured = driven?;
        measured.generator.steps_per_us = steps_per_us;
        if design.transport() == Transport::Udp && !stop() {
            // The server's own count says which of the lost exchanges were lost on the way there.
            let lost = measured.requests_lost.unwrap_or(0) + measured.replies_lost.unwrap_or(0);
            let sent = measured.counts.sent + measured.warmup;
            let requests_lost = sent.saturating_sub(cost.received);
            measured.requests_lost = Some(requests_lost);
            measured.replies_lost = Some(lost.saturating_sub(requests_lost));
        }
        measured.server = Some(cost);
        Ok(measured)
    }

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}
