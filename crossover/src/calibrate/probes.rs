//! Single costs, each from runs of real servers: the median of several rounds.

use std::collections::BTreeMap;
use std::time::Duration;

use analysis::bootstrap::median;
use protocol::Transport;
use results::Measurement;
use servers::{Allocation, Concurrency, Design, Service, Stays, WorkUnit};
use workload::{Arrivals, Distribution, Law, LoadSpec, Plan, Rate, Reuse};

use crate::cli::Pages;
use crate::error::Error;
use crate::setup::{Cores, Server, ServerSetup, Setup, Trouble};
use crate::testbed::{RealTestbed, Testbed};

/// Rounds of each figure; the median counts.
const ROUNDS: usize = 3;

/// A run that was disturbed is made again so many times.
const MADE_AGAIN: usize = 2;

/// The small and the large burst, from whose mean response times the cost of creation follows.
const BURSTS: (u32, u32) = (2, 16);

/// From one burst to the next.
const BETWEEN_BURSTS: Duration = Duration::from_millis(25);

/// What requests of a burst wait, so that creation overlaps with it.
const BURST_WAIT: Duration = Duration::from_millis(2);

/// Clients that keep a server busy: each asks again as soon as it is answered.
const BUSY_CLIENTS: u32 = 64;

/// Requests of a burst whose workers compete for the core.
const COMPETING: u32 = 8;

/// What they wait: as little as a timer can.
const SHORTEST_WAIT: Duration = Duration::from_micros(1);

/// Measures single costs.
pub(super) struct Probes<'a> {
    testbed: &'a mut RealTestbed,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Probes<'a> {
    pub(super) fn new(testbed: &'a mut RealTestbed, stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { testbed, stop }
    }

    /// How long the next request of a burst waits for the creation of a worker. A burst of n takes
    /// `(n+1)/2·c + p` on average, so two sizes give c, whatever else is in the response time.
    pub(super) fn creation(
        &mut self,
        design: &'static Design,
        ballast_mib: f64,
    ) -> Result<f64, Error> {
        let burst = |size: u32| {
            let per_s = f64::from(size) / BETWEEN_BURSTS.as_secs_f64();
            let rate = Rate::per_second(per_s).expect("above 0");
            let load = LoadSpec {
                arrivals: Arrivals::open(rate, Law::Burst(size)),
                window: Duration::from_millis(400),
                warmup: Duration::from_millis(100),
                wait: Distribution::fixed(BURST_WAIT.as_nanos() as f64),
                clients: size,
                ..LoadSpec::default()
            };
            Request { design, load, ballast_mib }
        };
        let (small, large) = BURSTS;
        let mut found = Vec::new();
        for _ in 0..ROUNDS {
            let mut of = |size| -> Result<f64, Error> {
                let measured = self.run(&burst(size))?;
                measured.times.response_time.mean_ns().ok_or_else(|| silent(design))
            };
            let growth_ns = of(large)? - of(small)?;
            found.push(growth_ns / (f64::from(large - small) / 2.0));
        }
        Ok(median(&found).unwrap_or(0.0).max(0.0))
    }

    /// The median response time of requests that come alone and ask for no processing.
    pub(super) fn light_response(&mut self, design: &'static Design) -> Result<f64, Error> {
        let load = LoadSpec {
            arrivals: Arrivals::even(Rate::per_second(400.0).expect("above 0")),
            window: Duration::from_millis(300),
            warmup: Duration::from_millis(100),
            ..LoadSpec::default()
        };
        let request = Request { design, load, ballast_mib: 0.0 };
        self.median_of(|probes| {
            let measured = probes.run(&request)?;
            let p50 = measured.times.response_time.percentile(0.5).known_ns();
            p50.map(|ns| ns as f64).ok_or_else(|| silent(design))
        })
    }

    /// Processor time of a request that asks for no processing, by design.
    pub(super) fn requests(
        &mut self,
        designs: impl Iterator<Item = &'static Design>,
    ) -> Result<BTreeMap<String, f64>, Error> {
        let each = |design: &'static Design| Ok((design.name.to_owned(), self.request(design)?));
        designs.map(each).collect()
    }

    fn request(&mut self, design: &'static Design) -> Result<f64, Error> {
        // An iterative TCP server serves one kept connection to its end.
        let clients = if design.concurrency == Concurrency::Iterative { 1 } else { 8 };
        let load = LoadSpec { clients, ..short_load(rate_for(design)) };
        self.processor_ns(&Request { design, load, ballast_mib: 0.0 })
    }

    /// Requests a second that each design serves at most on one core, if they ask for no processing.
    pub(super) fn greatest(
        &mut self,
        designs: impl Iterator<Item = &'static Design>,
    ) -> Result<BTreeMap<String, f64>, Error> {
        let each = |design: &'static Design| {
            let clients = BUSY_CLIENTS.min(design.usual_workers().max(1));
            // Workers that stay with connections serve no more than one each.
            let clients = if stays_with_connections(design) { clients } else { BUSY_CLIENTS };
            let load = LoadSpec { clients, ..busy_load() };
            Ok((design.name.to_owned(), 1e9 / self.occupied_ns(&Request::of(design, load))?))
        };
        designs.map(each).collect()
    }

    /// By how much longer a core is occupied for each request of a burst if it gets a worker than by the
    /// iterative server: from the mean response times R and R₀ of bursts of N whose requests wait for w,
    /// as little as possible, so that creating workers and their return from waiting compete for the
    /// core: `(2 (R − R₀) + w (N − 1)) / (N + 1)`.
    pub(super) fn occupies_more(
        &mut self,
        design: &'static Design,
        iterative: &'static Design,
    ) -> Result<f64, Error> {
        let per_s = f64::from(COMPETING) / BETWEEN_BURSTS.as_secs_f64();
        let load = LoadSpec {
            arrivals: Arrivals::open(
                Rate::per_second(per_s).expect("above 0"),
                Law::Burst(COMPETING),
            ),
            window: Duration::from_millis(400),
            warmup: Duration::from_millis(100),
            wait: Distribution::fixed(SHORTEST_WAIT.as_nanos() as f64),
            clients: COMPETING,
            reuse: Reuse::Per(1),
            ..LoadSpec::default()
        };
        let n = f64::from(COMPETING);
        self.median_of(|probes| {
            let with = probes.run(&Request::of(design, load.clone()))?;
            let without = probes.run(&Request::of(iterative, load.clone()))?;
            let mean = |it: &Measurement| it.times.response_time.mean_ns();
            let (with, without_ns) =
                mean(&with).zip(mean(&without)).ok_or_else(|| silent(design))?;
            Ok((2.0 * (with - without_ns) + without.waited_mean_ns * (n - 1.0)) / (n + 1.0))
        })
    }

    /// The time from one answer of a busy server to the next.
    fn occupied_ns(&mut self, request: &Request) -> Result<f64, Error> {
        self.median_of(|probes| {
            let throughput = probes.run(request)?.throughput();
            if throughput > 0.0 { Ok(1e9 / throughput) } else { Err(silent(request.design)) }
        })
    }

    /// Processor time of accepting and closing a connection.
    pub(super) fn connection(&mut self, design: &'static Design) -> Result<f64, Error> {
        let kept = LoadSpec { clients: 8, ..short_load(1000.0) };
        let own = LoadSpec { reuse: Reuse::Per(1), ..kept.clone() };
        let of = |load| Request { design, load, ballast_mib: 0.0 };
        Ok((self.processor_ns(&of(own))? - self.processor_ns(&of(kept))?).max(0.0))
    }

    fn processor_ns(&mut self, request: &Request) -> Result<f64, Error> {
        self.median_of(|probes| {
            let measured = probes.run(request)?;
            let its =
                measured.server.as_ref().and_then(results::ServerCost::processor_ns_per_request);
            its.ok_or_else(|| silent(request.design))
        })
    }

    fn median_of(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<f64, Error>,
    ) -> Result<f64, Error> {
        let found: Vec<f64> = (0..ROUNDS).map(|_| one(self)).collect::<Result<_, _>>()?;
        Ok(median(&found).unwrap_or(0.0))
    }

    /// One run; made again if something outside disturbed it.
    fn run(&mut self, request: &Request) -> Result<Measurement, Error> {
        let Request { design, load, ballast_mib } = request;
        let has_ballast = *ballast_mib > 0.0;
        let is_busy = matches!(load.arrivals, Arrivals::Closed(_));
        let server = ServerSetup {
            ballast: has_ballast.then_some((ballast_mib * 1_048_576.0) as u64),
            pages: has_ballast.then_some(Pages::Small),
            service: Service::Work,
            ..ServerSetup::usual(design)
        };
        let setup = Setup {
            load: load.clone(),
            server: Server::Design(server),
            cores: is_busy.then_some(Cores::Count(1)),
            trouble: Trouble::default(),
        };
        let plan = Plan::draw(load.clone())?;
        let mut left = MADE_AGAIN;
        loop {
            let measured = self.testbed.run(&setup, &plan, false, self.stop);
            let measured = measured.map_err(|failure| {
                Error::Server(format!("{} cannot be measured: {failure}", design.name))
            })?;
            if left == 0 || !measured.is_disturbed() || (self.stop)() {
                return Ok(measured);
            }
            left -= 1;
        }
    }
}

/// A design under a load, with so much memory.
struct Request {
    design: &'static Design,
    load: LoadSpec,
    ballast_mib: f64,
}

impl Request {
    fn of(design: &'static Design, load: LoadSpec) -> Self {
        Self { design, load, ballast_mib: 0.0 }
    }
}

/// Whether each worker of a design stays with a connection, which is kept.
fn stays_with_connections(design: &Design) -> bool {
    design.stays == Stays::Connection && design.concurrency != Concurrency::Apparent
}

/// Clients without a pause.
fn busy_load() -> LoadSpec {
    LoadSpec {
        arrivals: Arrivals::Closed(Distribution::fixed(0.0)),
        window: Duration::from_millis(80),
        warmup: Duration::from_millis(20),
        ..LoadSpec::default()
    }
}

fn silent(design: &Design) -> Error {
    Error::Server(format!("{} answered no request; nothing can be measured", design.name))
}

fn short_load(per_s: f64) -> LoadSpec {
    LoadSpec {
        arrivals: Arrivals::poisson(Rate::per_second(per_s).expect("above 0")),
        window: Duration::from_millis(150),
        warmup: Duration::from_millis(20),
        ..LoadSpec::default()
    }
}

/// Requests a second that every machine should bear.
fn rate_for(design: &Design) -> f64 {
    let forks_for_each = design.unit == WorkUnit::Process
        && design.allocation == Allocation::OnDemand
        && design.transport() == Transport::Udp;
    if forks_for_each { 400.0 } else { 2000.0 }
}
