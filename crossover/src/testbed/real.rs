//! The testbed of real sockets and processes.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use loadgen::judge::{Conditions, measurement};
use loadgen::overload::Watch;
use loadgen::{DriveError, Target};
use results::{Failure, Machine, Measurement, Notes, Placement, ServerCost, TestbedKind};
use workload::{Arrivals, Law, LoadSpec, Plan, Rate};

use super::Testbed;
use crate::host::machine;
use crate::host::others::Others;
use crate::host::placement::{LatencyHold, apart, cores, stay_on, together};
use crate::host::process_tree::Tree;
use crate::misbehaviour::Culprits;
use crate::setup::{Cores, Filling, OwnServer, Server, ServerSetup, Setup, Trouble};
use crate::testbed::ServerProcess;
use crate::testbed::generator::{GeneratorSetup, measure, observe};
use crate::testbed::own_process::{OwnProcess, free_port};

/// The fewest runs that show the usual speed of a core.
const FEW: usize = 10;

/// This machine: servers as child processes on their cores, the generator on its own.
pub struct RealTestbed {
    machine: Machine,
    /// All cores that the program may use.
    cores: Vec<usize>,
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
        let cores = cores();
        let placement = Placement { latency_held: latency.is_held(), ..apart(&cores) };
        stay_on(&placement.generator_cores);
        Self { machine, cores, placement, speeds: Vec::new(), _latency: latency }
    }

    /// Which cores the generator and the server use where a run does not say otherwise.
    #[must_use]
    pub fn usual_placement(&self) -> &Placement {
        &self.placement
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

impl RealTestbed {
    fn run_design(
        &mut self,
        server: &ServerSetup,
        placement: &Placement,
        drive: &Drive<'_>,
    ) -> Result<Measurement, Failure> {
        let process = ServerProcess::start(server, &placement.server_cores)?;
        let did_not = |because: String| Failure::ServerDidNotStart { because };
        let network = drive.trouble.network;
        let target = Target { network, ..server.target(process.address).map_err(did_not)? };
        let misbehave = |how| Culprits::misbehave(how, target.transport, process.address);
        let culprits = drive.trouble.misbehaving.map(misbehave).transpose();
        let _culprits = culprits.map_err(|error| Failure::Generator {
            because: format!("the clients that misbehave: {error}"),
        })?;
        let steps_per_us = process.steps_per_us;
        let ended = process.ended_flag();
        let pid = process.pid().as_raw();
        let before = Others::watch(pid, placement);
        let in_use = OnceLock::new();
        let count = || {
            in_use.get_or_init(|| Tree::below(pid, true).in_use());
        };
        let driven = drive.observe(&target, placement, &|| ended.load(SeqCst), &count);
        let others = before.stop(pid);
        // A server that died explains every error of the generator, so its failure is returned
        // first.
        let cost = ServerCost { in_use: in_use.get().copied(), ..process.stop()? };
        let (notes, seen) = driven?;
        let wall_ns = notes.wall_ns;
        let conditions = Conditions {
            others_share: others.share(
                cost.processor_ns(),
                notes.generator_ns,
                wall_ns,
                drive.is_even(),
            ),
            server: Some(cost),
            steps_per_us,
            usual_steps_per_us: self.usual_steps_per_us(),
            ..seen
        };
        self.speeds.push(steps_per_us);
        Ok(measurement(drive.plan, notes, &conditions))
    }

    fn run_own(
        &mut self,
        server: &OwnServer,
        placement: &Placement,
        drive: &Drive<'_>,
    ) -> Result<Measurement, Failure> {
        let cores = placement.server_cores.len();
        let because = "no port is free".to_owned();
        let filling = Filling {
            port: free_port().ok_or(Failure::ServerDidNotStart { because })?,
            workers: server.workers.map_or(1, |workers| workers.on(cores)),
            cores,
        };
        let (mut process, target) =
            OwnProcess::start(&server.spec, filling, &placement.server_cores)?;
        let target = Target { network: drive.trouble.network, ..target };
        if server.spec.warmup_requests > 0 {
            let plan = warm_up(drive.plan, server.spec.warmup_requests)?;
            let generator = GeneratorSetup::single(placement.clone());
            observe(&plan, &target, &generator, drive.stop, &|| ()).map_err(generator_failed)?;
        }
        process.begin();
        let before = Others::watch(std::process::id() as i32, placement);
        let in_use = OnceLock::new();
        let tree = || process.tree();
        let count = || {
            in_use.get_or_init(|| tree().in_use());
        };
        let driven = drive.observe(&target, placement, &|| false, &count);
        let others = before.stop_with(process.tree());
        let answered =
            driven.as_ref().map_or(0, |(notes, _)| notes.counts.answered + notes.events.warmup);
        let cost = process.stop(answered)?;
        let in_use = in_use.get().copied();
        let cost = cost.map(|cost| ServerCost { in_use, ..cost });
        let (notes, seen) = driven?;
        let used_ns = cost.as_ref().map_or(0, ServerCost::processor_ns);
        let others_share = match cost.is_some() {
            true => others.share(used_ns, notes.generator_ns, notes.wall_ns, drive.is_even()),
            // The processes of the server are not known, so they are among the others.
            false => 0.0,
        };
        let conditions = Conditions { server: cost, others_share, ..seen };
        Ok(measurement(drive.plan, notes, &conditions))
    }
}

/// What is driven against a server.
struct Drive<'a> {
    plan: &'a Plan,
    trouble: Trouble,
    tails_matter: bool,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Drive<'_> {
    /// Whether requests come at equal distances.
    fn is_even(&self) -> bool {
        matches!(self.plan.spec.arrivals.law(), Some(Law::Even))
    }

    fn observe(
        &self,
        target: &Target,
        placement: &Placement,
        ended: &(dyn Fn() -> bool + Sync),
        count: &(dyn Fn() + Sync),
    ) -> Result<(Notes, Conditions), Failure> {
        let generator = GeneratorSetup::single(placement.clone());
        let watch = Watch::over(self.plan, &generator.progress[0]);
        let is_overloaded = || watch.as_ref().is_some_and(Watch::is_overloaded);
        let stop = || (self.stop)() || ended() || is_overloaded();
        let (notes, seen) =
            observe(self.plan, target, &generator, &stop, count).map_err(generator_failed)?;
        let conditions = Conditions {
            tails_matter: self.tails_matter,
            disturbance_limit: Some(disturbance_limit(self.plan)),
            overloaded: is_overloaded(),
            ..seen
        };
        Ok((notes, conditions))
    }
}

/// The greatest share of a run's time that others may take of its cores. Where requests come in
/// bursts, medians over the bursts stand for the run, which a stall of a few bursts does not move.
fn disturbance_limit(plan: &Plan) -> f64 {
    match plan.spec.arrivals.law() {
        Some(Law::Burst(_)) => 0.20,
        _ => 0.02,
    }
}

/// A load of so many requests like those of a plan, evenly spaced.
fn warm_up(plan: &Plan, requests: u32) -> Result<Plan, Failure> {
    const PER_SECOND: f64 = 200.0;
    let rate = Rate::per_second(PER_SECOND).expect("above 0");
    let spec = LoadSpec {
        arrivals: Arrivals::even(rate),
        session: None,
        window: Duration::from_secs_f64(f64::from(requests) / PER_SECOND),
        warmup: Duration::ZERO,
        ..plan.spec.clone()
    };
    Plan::draw(spec).map_err(|error| Failure::Plan { because: error.to_string() })
}

impl Testbed for RealTestbed {
    fn run(
        &mut self,
        setup: &Setup,
        plan: &Plan,
        tails_matter: bool,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Measurement, Failure> {
        let placement = self.placement(setup);
        stay_on(&placement.generator_cores);
        let drive = Drive { plan, trouble: setup.trouble, tails_matter, stop };
        match &setup.server {
            Server::Design(server) => self.run_design(server, &placement, &drive),
            Server::Own(server) => self.run_own(server, &placement, &drive),
        }
    }

    fn kind(&self) -> TestbedKind {
        TestbedKind::Real
    }

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn placement(&self, setup: &Setup) -> Placement {
        let usual = &self.placement;
        match setup.cores {
            None => usual.clone(),
            Some(Cores::Count(count)) => Placement {
                server_cores: usual.server_cores.iter().copied().take(count as usize).collect(),
                ..usual.clone()
            },
            Some(Cores::All) => together(&self.cores, usual),
        }
    }
}
