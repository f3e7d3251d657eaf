//! What a run will do, determined beforehand by a seed: two designs provably get the same.
//!
//! Nothing of an open loop is stored: its requests are drawn again, one after the other, by
//! whoever needs them, so that a run of 10⁸ requests takes no more memory than one of 10⁵.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use protocol::{HEADER_SIZE, MAX_MESSAGE_SIZE, Work};
use sha2::{Digest, Sha256};

use crate::arrivals::{Arrivals, Due};
use crate::distribution::Distribution;
use crate::quantity::{Bytes, Nanoseconds, Rate, write_duration};
use crate::random::{Stream, Uniform};

/// The most requests a plan may hold, so that a slip in a rate or a duration does not become a
/// run of days.
pub const MAX_REQUESTS: f64 = 1e9;

/// The longest a run may last, its warm-up included.
const LONGEST_RUN: Duration = Duration::from_secs(86_400);

/// The most requests that are due at one instant.
const LARGEST_BURST: u32 = 1_000_000;

/// Of a window in which more are expected at a steady rate, none is empty: for a Poisson process by
/// a chance of e⁻⁵⁰.
const FEW: f64 = 50.0;

/// Demands drawn for clients and sessions whose number of requests depends on the server; they
/// are taken in turn and begun again. As many requests of an open loop go into the hash.
const TABLE: usize = 1 << 14;

/// The load that one run puts on a server.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadSpec {
    /// When requests are due.
    pub arrivals: Arrivals,
    /// Sessions arrive in place of single requests.
    pub session: Option<Session>,
    /// Connections (TCP) or sockets (UDP) over which they are dealt out in turn; in a closed
    /// loop, clients.
    pub clients: u32,
    /// Closed loop: requests that each client keeps in flight.
    pub depth: u32,
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
    /// How it ends.
    pub close: Close,
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
            session: None,
            clients: 1,
            depth: 1,
            window: Duration::from_secs(10),
            warmup: Duration::from_secs(1),
            wait: Distribution::fixed(0.0),
            compute: Distribution::fixed(0.0),
            request_size: Distribution::fixed(smallest),
            reply_size: Distribution::fixed(smallest),
            reuse: Reuse::Persistent,
            close: Close::Reset,
            timeout: Duration::from_secs(1),
            max_in_flight: 16_384,
            seed: 1,
        }
    }
}

impl LoadSpec {
    /// Whether all requests are alike.
    fn is_fixed(&self) -> bool {
        let times = self.wait.is_fixed() && self.compute.is_fixed();
        times && self.request_size.is_fixed() && self.reply_size.is_fixed()
    }
}

/// A client that comes, makes some requests one after the other, and goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Session {
    /// How many.
    pub length: SessionLength,
    /// The pause between a reply and the next request.
    pub think: Distribution<Nanoseconds>,
}

/// How many requests a session makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SessionLength {
    /// Always so many.
    Fixed(u32),
    /// At least one; after each the next follows with the same probability. This is the mean.
    Geometric(f64),
}

impl SessionLength {
    pub(crate) fn draw(self, uniform: f64) -> u32 {
        match self {
            Self::Fixed(count) => count,
            Self::Geometric(mean) if mean <= 1.0 => 1,
            Self::Geometric(mean) => {
                ((uniform.ln() / (-1.0 / mean).ln_1p()) as u32).saturating_add(1)
            }
        }
    }
}

impl FromStr for SessionLength {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = match text.strip_prefix("geometric:") {
            Some(mean) => {
                mean.parse().ok().filter(|mean| (1.0..=1e9).contains(mean)).map(Self::Geometric)
            }
            None => text.parse().ok().filter(|count| *count > 0).map(Self::Fixed),
        };
        read.ok_or_else(|| {
            format!("'{text}' is no length of a session; write 5, or geometric:5 for a mean of 5")
        })
    }
}

impl fmt::Display for SessionLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(count) => write!(f, "{count}"),
            Self::Geometric(mean) => write!(f, "geometric:{mean}"),
        }
    }
}

/// How many requests a TCP connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// All of a client's, on a connection made before the run; all of a session's.
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

/// How the generator ends a connection that has carried its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// By RST: its port is free at once.
    Reset,
    /// By FIN, and waiting for the server's: its port rests for a minute.
    Finish,
}

/// One request of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRequest {
    /// When it is due, from the beginning of the run; in a table, the think time before it.
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
    /// Whether it came by the law of arrivals; the later ones of a session and all of a closed
    /// loop come after a reply.
    pub arrival: bool,
    /// Whether its session ends with it.
    pub last: bool,
}

/// Everything a run will send.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What was asked for.
    pub spec: LoadSpec,
    /// What clients of a closed loop, and sessions, take in turn.
    table: Vec<PlannedRequest>,
    hash: String,
}

/// The part of a plan that one of several generators carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which part, from 0.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// This part's part of a number of things.
    #[must_use]
    pub fn part_of(self, count: u32) -> u32 {
        count / self.of + u32::from(self.index < count % self.of)
    }
}

/// Why a load cannot be planned.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The plan would take too long.
    #[error(
        "{0:.0} requests are more than a plan holds ({MAX_REQUESTS:.0}); lower the rate or the duration"
    )]
    TooMany(f64),
    /// Warm-up and window together are longer than a run may be.
    #[error("a run of more than a day is more than is meant; shorten it, or raise the rate")]
    TooLong,
    /// The measured window holds no request.
    #[error(
        "no request is due within the measured window, from {from} to {to} after the start; raise \
         --rate or --for, or shorten --warmup"
    )]
    Empty {
        /// When the window begins, after the warm-up.
        from: String,
        /// When it ends.
        to: String,
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
    /// A burst would be sent for minutes.
    #[error("a burst has at most {LARGEST_BURST} requests; send smaller ones more often")]
    Burst,
    /// A closed loop has no arrivals.
    #[error("sessions arrive in an open loop; leave --closed or --session away")]
    SessionsInAClosedLoop,
}

impl Plan {
    /// Determines the plan of a load.
    ///
    /// # Errors
    /// When the load makes no sense or is too large.
    pub fn draw(spec: LoadSpec) -> Result<Self, PlanError> {
        check(&spec)?;
        let mut plan = Self { spec, table: Vec::new(), hash: String::new() };
        let think = match (plan.spec.arrivals, plan.spec.session) {
            (Arrivals::Closed(think), _) => Some((think, Stream::Arrivals)),
            (_, Some(session)) => Some((session.think, Stream::Think)),
            _ => None,
        };
        if let Some((think, stream)) = think {
            let mut thinking = Uniform::new(plan.spec.seed, stream);
            let mut demands = Demands::new(&plan.spec);
            let pause = |_| demands.next(0, think.draw(thinking.draw()).value as u64);
            // What never varies needs one line, and no memory to look through.
            let lines = if think.is_fixed() && plan.spec.is_fixed() { 1 } else { TABLE };
            plan.table = (0..lines).map(pause).collect();
        }
        if plan.may_be_empty() && !plan.due().any(|due_ns| due_ns >= plan.window_start_ns()) {
            let (from, to) = (plan.spec.warmup, plan.spec.warmup + plan.spec.window);
            return Err(PlanError::Empty { from: write_duration(from), to: write_duration(to) });
        }
        plan.hash = plan.digest();
        Ok(plan)
    }

    /// SHA-256 over the load, its seed, and the first requests drawn from it (16,384 at most); 32
    /// hexadecimal digits of it. The rest follows from the seed.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// All requests of an open loop without sessions, in the order in which they are due; of
    /// sessions their first ones.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.requests_of(Share::WHOLE)
    }

    pub(crate) fn requests_of(&self, share: Share) -> Requests {
        Requests {
            due: self.due(),
            demands: Demands::new(&self.spec),
            clients: share.part_of(self.spec.clients).max(1),
            share,
            index: 0,
        }
    }

    /// The `index`-th of the demands that clients and sessions take in turn.
    pub(crate) fn demand(&self, index: u64) -> PlannedRequest {
        // A power of two, so that nothing is divided.
        self.table[index as usize & (self.table.len() - 1)]
    }

    fn due(&self) -> Due {
        self.spec.arrivals.due(self.spec.warmup + self.spec.window, self.spec.seed)
    }

    /// Whether the clients wait for replies.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.spec.arrivals, Arrivals::Closed(_))
    }

    /// Whether the number of requests is known beforehand.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        !self.is_closed() && self.spec.session.is_none()
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

    /// Whether chance, or the end of a trace, may leave the window without a request.
    fn may_be_empty(&self) -> bool {
        let arrivals = &self.spec.arrivals;
        let expected = arrivals.rate().map(|rate| rate.get() * self.spec.window.as_secs_f64());
        expected.is_some_and(|expected| !arrivals.is_steady() || expected < FEW)
    }

    fn digest(&self) -> String {
        let spec = &self.spec;
        let mut hasher = Sha256::new();
        let frame = [spec.warmup, spec.window, spec.timeout].map(|time| time.as_nanos() as u64);
        frame.iter().for_each(|value| hasher.update(value.to_le_bytes()));
        let rate = spec.arrivals.rate().map_or(0.0, Rate::get);
        hasher.update(format!(
            "{} {rate} {:?} {} {} {} {:?} {} {} {} {} {}",
            spec.arrivals,
            spec.session.map(|session| (session.length, session.think.to_string())),
            spec.clients,
            spec.depth,
            spec.reuse,
            spec.close,
            spec.wait,
            spec.compute,
            spec.request_size,
            spec.reply_size,
            spec.seed,
        ));
        for request in self.table.iter().copied().chain(self.requests().take(TABLE)) {
            hasher.update(request.intended_ns.to_le_bytes());
            hasher.update((request.work.wait.as_nanos() as u64).to_le_bytes());
            hasher.update((request.work.compute.as_nanos() as u64).to_le_bytes());
            for word in [request.client, request.request_size, request.reply_size] {
                hasher.update(word.to_le_bytes());
            }
        }
        hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn check(spec: &LoadSpec) -> Result<(), PlanError> {
    if spec.clients == 0 || spec.depth == 0 {
        return Err(PlanError::NoClients);
    }
    if spec.window.is_zero() {
        return Err(PlanError::NoWindow);
    }
    if matches!(spec.arrivals, Arrivals::Burst(_, size) if size > LARGEST_BURST) {
        return Err(PlanError::Burst);
    }
    if spec.session.is_some() && matches!(spec.arrivals, Arrivals::Closed(_)) {
        return Err(PlanError::SessionsInAClosedLoop);
    }
    for sizes in [&spec.request_size, &spec.reply_size] {
        if sizes.is_unbounded() {
            continue; // cut to the bounds when drawn
        }
        for size in [sizes.least(), sizes.largest()] {
            if size < HEADER_SIZE as f64 || size > MAX_MESSAGE_SIZE as f64 {
                return Err(PlanError::Size(size));
            }
        }
    }
    let whole = spec.warmup.checked_add(spec.window).filter(|whole| *whole <= LONGEST_RUN);
    let duration = whole.ok_or(PlanError::TooLong)?.as_secs_f64();
    let expected = match spec.arrivals {
        Arrivals::Trace(trace) => trace.count() as f64,
        _ => spec.arrivals.rate().map_or(0.0, |rate| rate.get() * duration),
    };
    if expected > MAX_REQUESTS {
        return Err(PlanError::TooMany(expected));
    }
    Ok(())
}

/// The requests of an open loop, drawn one after the other.
pub struct Requests {
    due: Due,
    demands: Demands,
    clients: u32,
    share: Share,
    index: u64,
}

impl Iterator for Requests {
    type Item = PlannedRequest;

    fn next(&mut self) -> Option<PlannedRequest> {
        loop {
            let due_ns = self.due.next()?;
            let (index, of) = (self.index, u64::from(self.share.of));
            self.index += 1;
            // Every part draws all, so that what it takes does not depend on how many there are.
            let request = self.demands.next((index / of % u64::from(self.clients)) as u32, due_ns);
            if index % of == u64::from(self.share.index) {
                return Some(PlannedRequest { arrival: true, ..request });
            }
        }
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
        let stream = |stream| Uniform::new(spec.seed, stream);
        Self {
            wait: (spec.wait, stream(Stream::Wait)),
            compute: (spec.compute, stream(Stream::Compute)),
            request_size: (spec.request_size, stream(Stream::RequestSize)),
            reply_size: (spec.reply_size, stream(Stream::ReplySize)),
        }
    }

    fn next(&mut self, client: u32, intended_ns: u64) -> PlannedRequest {
        let (wait, rare_wait) = draw(&mut self.wait);
        let (compute, rare_compute) = draw(&mut self.compute);
        let size = |(bytes, _): (u64, bool)| {
            bytes.clamp(HEADER_SIZE as u64, MAX_MESSAGE_SIZE as u64) as u32
        };
        PlannedRequest {
            intended_ns,
            client,
            request_size: size(draw(&mut self.request_size)),
            reply_size: size(draw(&mut self.reply_size)),
            work: Work { wait: Duration::from_nanos(wait), compute: Duration::from_nanos(compute) },
            rare: rare_wait || rare_compute,
            arrival: false,
            last: false,
        }
    }
}

/// The next value, rounded, and whether it is the exception. What never varies needs no draw.
fn draw<U>((distribution, uniform): &mut (Distribution<U>, Uniform)) -> (u64, bool) {
    let number = if distribution.is_fixed() { 1.0 } else { uniform.draw() };
    let drawn = distribution.draw(number);
    (drawn.value.round() as u64, drawn.rare)
}
