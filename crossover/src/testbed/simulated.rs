//! The testbed of simulated servers.

use std::collections::BTreeMap;
use std::time::Duration;

use loadgen::driver::{SimulatedServer, SimulatedTransport};
use loadgen::judge::{Conditions, measurement};
use loadgen::overload::Watch;
use loadgen::{Progress, drive};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;
use results::{Doubt, Failure, Machine, Measurement, Placement, TestbedKind, TimeHistogram};
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
    /// The noise of the machine; none if it is `None`.
    noise: Option<SimulatedNoise>,
}

/// How the runs of a simulated machine vary.
#[derive(Debug)]
pub struct SimulatedNoise {
    /// Standard deviation of the logarithm of the factor by which a whole run is longer.
    pub of_runs: f64,
    /// The same for single bursts.
    pub of_bursts: f64,
    /// Fraction of bursts that meet a stall, which makes them four times as long.
    pub stalls: f64,
    /// Fraction of runs that another program makes three times as long.
    pub disturbed: f64,
    /// Fraction of these that are seen to be disturbed.
    pub seen: f64,
    /// Subjects, by name, whose every response takes so many times as long as it would.
    pub slower: BTreeMap<String, f64>,
    /// The source of chance.
    pub chance: Pcg64,
}

impl SimulatedNoise {
    fn uniform(&mut self) -> f64 {
        (self.chance.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A factor whose logarithm is nearly normal: a sum of twelve uniform numbers.
    fn factor(&mut self, deviation: f64) -> f64 {
        let normal = (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0;
        (deviation * normal).exp()
    }

    /// The measurement as it would be on a machine with this noise.
    fn add_to(&mut self, subject: &str, mut measured: Measurement) -> Measurement {
        let planted = self.slower.get(subject).copied().unwrap_or(1.0);
        let mut of_run = planted * self.factor(self.of_runs);
        if self.uniform() < self.disturbed {
            of_run *= 3.0;
            if self.uniform() < self.seen {
                measured.doubts.push(Doubt::Disturbed { share: 1.0, limit: 0.2 });
            }
        }
        let mut scale = |times: &TimeHistogram, varies: bool| {
            let mut scaled = TimeHistogram::new();
            for (time, count) in times.values() {
                for _ in 0..count {
                    let stall = if varies && self.uniform() < self.stalls { 4.0 } else { 1.0 };
                    let of_burst = if varies { self.factor(self.of_bursts) } else { 1.0 };
                    scaled.record((time as f64 * of_run * of_burst * stall) as u64);
                }
            }
            scaled
        };
        let times = &mut measured.times;
        times.burst_means = times.burst_means.as_ref().map(|means| scale(means, true));
        let varies = times.burst_means.is_none();
        times.response_time = scale(&times.response_time, varies);
        measured
    }
}

impl SimulatedTestbed {
    /// A machine with noise.
    #[must_use]
    pub fn with_noise(noise: SimulatedNoise) -> Self {
        Self { noise: Some(noise), ..Self::default() }
    }

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
        let progress = Progress::default();
        let watch = Watch::over(plan, &progress);
        let is_overloaded = || watch.as_ref().is_some_and(Watch::is_overloaded);
        let stop = || stop() || is_overloaded();
        let notes = drive(plan, Shard::WHOLE, 0, &mut transport, &progress, &stop);
        let conditions = Conditions {
            transport: setup.server.transport(),
            tails_matter,
            overloaded: is_overloaded(),
            ..Conditions::default()
        };
        let measured = measurement(plan, notes, &conditions);
        Ok(match &mut self.noise {
            Some(noise) => noise.add_to(&setup.server.subject().name, measured),
            None => measured,
        })
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
