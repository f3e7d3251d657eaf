//! What a run will do, drawn beforehand from a seed: two designs provably get the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use protocol::{HEADER_SIZE, MAX_MESSAGE_SIZE, Work};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;
use sha2::{Digest, Sha256};

use crate::quantity::{Bytes, Distribution, Nanoseconds, Rate, write_duration};

/// The most requests a plan may hold, so that a slip in a rate or a duration does not fill the
/// memory: about 2 GB with what is noted of each.
pub const MAX_REQUESTS: usize = 20_000_000;

/// Demands drawn for a closed loop, whose number of requests depends on the server; the clients
/// take them in turn and begin again when they are through.
const CLOSED_LOOP_DEMANDS: usize = 1 << 14;

/// The load that one run puts on a server.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadSpec {
    /// When requests are due.
    pub arrivals: Arrivals,
    /// Connections (TCP) or sockets (UDP) over which they are dealt out in turn; in a closed
    /// loop, clients that each have one request out at most.
    pub clients: u32,
    /// Length of the measured window.
    pub window: Duration,
    /// Time before it whose requests are sent and not measured.
    pub warmup: Duration,
    /// Waiting that a request asks for.
    pub wait: Distribution<Nanoseconds>,
    /// Processor time that a request asks for.
    pub compute: Distribution<Nanoseconds>,
    /// Bytes of a request.
    pub request_size: Distribution<Bytes>,
    /// Bytes of the reply it wants.
    pub reply_size: Distribution<Bytes>,
    /// How long a TCP connection is kept.
    pub reuse: Reuse,
    /// When an unanswered request is given up, counted from its send.
    pub timeout: Duration,
    /// Requests in flight at once; one that would be more is counted as unsent.
    pub max_in_flight: u32,
    /// The number from which everything is drawn.
    pub seed: u64,
}

impl Default for LoadSpec {
    fn default() -> Self {
        let smallest = HEADER_SIZE as f64;
        Self {
            arrivals: Arrivals::Poisson(Rate::per_second(1000.0).expect("above 0")),
            clients: 1,
            window: Duration::from_secs(10),
            warmup: Duration::from_secs(1),
            wait: Distribution::fixed(0.0),
            compute: Distribution::fixed(0.0),
            request_size: Distribution::fixed(smallest),
            reply_size: Distribution::fixed(smallest),
            reuse: Reuse::Persistent,
            timeout: Duration::from_secs(1),
            max_in_flight: 16_384,
            seed: 1,
        }
    }
}

/// When requests are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// At equal distances; open loop.
    Even(Rate),
    /// At random, independent of each other; open loop.
    Poisson(Rate),
    /// So many at once, at equal distances; open loop. The rate is that of requests.
    Burst(Rate, u32),
    /// Each client sends its next request when it has thought about the last reply.
    Closed(Distribution<Nanoseconds>),
}

impl Arrivals {
    /// The rate of an open loop.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        match self {
            Self::Even(rate) | Self::Poisson(rate) | Self::Burst(rate, _) => Some(*rate),
            Self::Closed(_) => None,
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Even(_) => f.write_str("even"),
            Self::Poisson(_) => f.write_str("poisson"),
            Self::Burst(_, size) => write!(f, "burst:{size}"),
            Self::Closed(_) => f.write_str("closed"),
        }
    }
}

/// How many requests a TCP connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// All of a client's, on a connection made before the run.
    Persistent,
    /// So many; the next request makes a new connection.
    Per(u32),
}

impl FromStr for Reuse {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = match text {
            "persistent" => return Ok(Self::Persistent),
            "per-request" => Some(1),
            _ => text.strip_prefix("per:").and_then(|count| count.parse().ok()),
        };
        count.filter(|count| *count > 0).map(Self::Per).ok_or_else(|| {
            format!(
                "'{text}' is no way to use connections; write persistent, per-request or per:10"
            )
        })
    }
}

impl fmt::Display for Reuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Persistent => f.write_str("persistent"),
            Self::Per(1) => f.write_str("per-request"),
            Self::Per(count) => write!(f, "per:{count}"),
        }
    }
}

/// One request of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRequest {
    /// When it is due, from the beginning of the run; in a closed loop, the think time before it.
    pub intended_ns: u64,
    /// Which connection or socket carries it.
    pub client: u32,
    /// Bytes of the request.
    pub request_size: u32,
    /// Bytes of the reply.
    pub reply_size: u32,
    /// The processing it asks for.
    pub work: Work,
    /// Whether it is one of the rare ones of a mixed load.
    pub rare: bool,
}

/// Everything a run will send.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What was asked for.
    pub spec: LoadSpec,
    /// Open loop: all requests in the order in which they are due. Closed loop: the demands that
    /// the clients take in turn.
    pub requests: Vec<PlannedRequest>,
    hash: String,
}

/// Why a load cannot be planned.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The plan would not fit in memory.
    #[error(
        "{0:.0} requests are more than a plan holds ({MAX_REQUESTS}); lower the rate or the duration"
    )]
    TooMany(f64),
    /// The load holds no request.
    #[error("the load holds no request: {rate} for {window} is less than one; raise either")]
    Empty {
        /// The rate.
        rate: Rate,
        /// The window.
        window: String,
    },
    /// A size is not one of the protocol's.
    #[error("a message has at least {HEADER_SIZE} B and at most {MAX_MESSAGE_SIZE} B, not {0} B")]
    Size(f64),
    /// There is nobody to send.
    #[error("there must be at least one client")]
    NoClients,
    /// The measured window has no length.
    #[error("the measured window must be longer than 0; give --for a time such as 10s")]
    NoWindow,
}

/// The streams of random numbers, apart so that a change of one quantity leaves the others as
/// they were.
#[derive(Clone, Copy)]
enum Stream {
    Arrivals = 1,
    Wait,
    Compute,
    RequestSize,
    ReplySize,
}

/// Numbers drawn evenly from (0, 1] by PCG64 (O'Neill 2014), whose output is fixed for all time.
struct Uniform(Pcg64);

impl Uniform {
    fn new(seed: u64, stream: Stream) -> Self {
        Self(Pcg64::new(u128::from(seed), stream as u128))
    }

    fn draw(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

impl Plan {
    /// Draws the plan of a load.
    ///
    /// # Errors
    /// When the load makes no sense or is too large.
    pub fn draw(spec: LoadSpec) -> Result<Self, PlanError> {
        check(&spec)?;
        let mut demands = Demands::new(&spec);
        let requests: Vec<PlannedRequest> = match spec.arrivals {
            Arrivals::Closed(think) => {
                let mut thinking = Uniform::new(spec.seed, Stream::Arrivals);
                (0..CLOSED_LOOP_DEMANDS)
                    .map(|_| demands.next(0, think.draw(thinking.draw()).value as u64))
                    .collect()
            }
            arrivals => due_times(arrivals, &spec)
                .enumerate()
                .map(|(index, due)| demands.next((index % spec.clients as usize) as u32, due))
                .collect(),
        };
        if let (true, Some(rate)) = (requests.is_empty(), spec.arrivals.rate()) {
            return Err(PlanError::Empty { rate, window: write_duration(spec.window) });
        }
        let hash = hash(&spec, &requests);
        Ok(Self { spec, requests, hash })
    }

    /// SHA-256 over everything that will be sent, and when; 32 hexadecimal digits of it.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether the clients wait for replies.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.spec.arrivals, Arrivals::Closed(_))
    }

    /// Whether the requests are of two kinds, common and rare.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.spec.wait.is_mixed() || self.spec.compute.is_mixed()
    }

    /// When the measured window begins, from the start of the run.
    #[must_use]
    pub fn window_start_ns(&self) -> u64 {
        self.spec.warmup.as_nanos() as u64
    }

    /// When it ends.
    #[must_use]
    pub fn window_end_ns(&self) -> u64 {
        (self.spec.warmup + self.spec.window).as_nanos() as u64
    }
}

fn check(spec: &LoadSpec) -> Result<(), PlanError> {
    if spec.clients == 0 {
        return Err(PlanError::NoClients);
    }
    if spec.window.is_zero() {
        return Err(PlanError::NoWindow);
    }
    for sizes in [&spec.request_size, &spec.reply_size] {
        let fixed = match sizes {
            Distribution::Exponential(..) => continue, // cut to the bounds when drawn
            Distribution::Fixed(size, _) => [*size, *size],
            Distribution::TwoPoint { common, rare, .. } => [*common, *rare],
        };
        for size in fixed {
            if size < HEADER_SIZE as f64 || size > MAX_MESSAGE_SIZE as f64 {
                return Err(PlanError::Size(size));
            }
        }
    }
    let duration = (spec.warmup + spec.window).as_secs_f64();
    let expected = match spec.arrivals {
        Arrivals::Even(rate) | Arrivals::Poisson(rate) => rate.get() * duration,
        Arrivals::Burst(rate, size) => {
            (rate.get() * duration / f64::from(size)).ceil() * f64::from(size)
        }
        Arrivals::Closed(_) => 0.0,
    };
    if expected > MAX_REQUESTS as f64 {
        return Err(PlanError::TooMany(expected));
    }
    Ok(())
}

/// The instants of an open loop, from 0 to the end of the window.
fn due_times(arrivals: Arrivals, spec: &LoadSpec) -> Box<dyn Iterator<Item = u64>> {
    let end_ns = (spec.warmup + spec.window).as_nanos() as f64;
    let before_end = move |due: &f64| *due < end_ns;
    let whole = |due: f64| due as u64;
    match arrivals {
        Arrivals::Even(rate) => {
            let gap_ns = 1e9 / rate.get();
            Box::new((0..).map(move |i| f64::from(i) * gap_ns).take_while(before_end).map(whole))
        }
        Arrivals::Burst(rate, size) => {
            let gap_ns = 1e9 / rate.get() * f64::from(size);
            let bursts = (0..).map(move |i| f64::from(i) * gap_ns).take_while(before_end);
            Box::new(bursts.flat_map(move |due| (0..size).map(move |_| due as u64)))
        }
        Arrivals::Poisson(rate) => {
            let gaps = Distribution::<Nanoseconds>::exponential(1e9 / rate.get());
            let mut uniform = Uniform::new(spec.seed, Stream::Arrivals);
            let mut due = 0.0;
            let next = move || {
                due += gaps.draw(uniform.draw()).value;
                Some(due)
            };
            Box::new(std::iter::from_fn(next).take_while(before_end).map(whole))
        }
        Arrivals::Closed(_) => Box::new(std::iter::empty()),
    }
}

/// What requests ask for, drawn one after the other.
struct Demands {
    wait: (Distribution<Nanoseconds>, Uniform),
    compute: (Distribution<Nanoseconds>, Uniform),
    request_size: (Distribution<Bytes>, Uniform),
    reply_size: (Distribution<Bytes>, Uniform),
}

impl Demands {
    fn new(spec: &LoadSpec) -> Self {
        Self {
            wait: (spec.wait, Uniform::new(spec.seed, Stream::Wait)),
            compute: (spec.compute, Uniform::new(spec.seed, Stream::Compute)),
            request_size: (spec.request_size, Uniform::new(spec.seed, Stream::RequestSize)),
            reply_size: (spec.reply_size, Uniform::new(spec.seed, Stream::ReplySize)),
        }
    }

    fn next(&mut self, client: u32, intended_ns: u64) -> PlannedRequest {
        let wait = self.wait.0.draw(self.wait.1.draw());
        let compute = self.compute.0.draw(self.compute.1.draw());
        let size = |(sizes, uniform): &mut (Distribution<Bytes>, Uniform)| {
            let bytes = sizes.draw(uniform.draw()).value.round();
            bytes.clamp(HEADER_SIZE as f64, MAX_MESSAGE_SIZE as f64) as u32
        };
        PlannedRequest {
            intended_ns,
            client,
            request_size: size(&mut self.request_size),
            reply_size: size(&mut self.reply_size),
            work: Work {
                wait: Duration::from_nanos(wait.value.round() as u64),
                compute: Duration::from_nanos(compute.value.round() as u64),
            },
            rare: wait.rare || compute.rare,
        }
    }
}

fn hash(spec: &LoadSpec, requests: &[PlannedRequest]) -> String {
    let mut hasher = Sha256::new();
    let frame = [spec.warmup, spec.window, spec.timeout].map(|time| time.as_nanos() as u64);
    frame.iter().for_each(|value| hasher.update(value.to_le_bytes()));
    hasher.update(format!("{} {} {}", spec.arrivals, spec.reuse, spec.clients));
    for request in requests {
        hasher.update(request.intended_ns.to_le_bytes());
        hasher.update((request.work.wait.as_nanos() as u64).to_le_bytes());
        hasher.update((request.work.compute.as_nanos() as u64).to_le_bytes());
        for word in [request.client, request.request_size, request.reply_size] {
            hasher.update(word.to_le_bytes());
        }
    }
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
