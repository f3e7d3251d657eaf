//! The load that one run puts on a server, and the checks that it makes sense.

use std::time::Duration;

use protocol::quantity::{Bytes, Nanoseconds};
use protocol::{HEADER_SIZE, MAX_MESSAGE_SIZE};

use crate::arrivals::Arrivals;
use crate::connection::{Close, Reuse};
use crate::distribution::Distribution;
use crate::law::Law;
use crate::rate::Rate;
use crate::session::Session;

/// The most requests a plan may hold, so that a mistyped rate or duration does not run for days.
pub const MAX_REQUESTS: f64 = 1e9;

/// The longest a run may last, its warm-up included.
const LONGEST_RUN: Duration = Duration::from_secs(86_400);

/// The most requests that are due at one instant.
const LARGEST_BURST: u32 = 1_000_000;

/// The load that one run puts on a server.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadSpec {
    /// When requests are due.
    pub arrivals: Arrivals,
    /// Sessions that arrive in place of single requests, if any.
    pub session: Option<Session>,
    /// Connections (TCP) or sockets (UDP) that requests are assigned to in turn; in a closed loop,
    /// clients.
    pub clients: u32,
    /// Closed loop: requests that each client keeps in flight.
    pub depth: u32,
    /// Length of the measured window.
    pub window: Duration,
    /// Warm-up before the window; its requests are sent and not measured.
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
    /// How a TCP connection ends.
    pub close: Close,
    /// When an unanswered request is given up, counted from its send.
    pub timeout: Duration,
    /// The most requests in flight at once; a request beyond that is counted as unsent.
    pub max_in_flight: u32,
    /// The seed from which everything is drawn.
    pub seed: u64,
}

impl Default for LoadSpec {
    fn default() -> Self {
        let smallest = HEADER_SIZE as f64;
        Self {
            arrivals: Arrivals::poisson(Rate::per_second(1000.0).expect("above 0")),
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
    pub(crate) fn is_fixed(&self) -> bool {
        let times = self.wait.is_fixed() && self.compute.is_fixed();
        times && self.request_size.is_fixed() && self.reply_size.is_fixed()
    }
}

/// Why a load cannot be planned.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The plan would hold too many requests.
    #[error(
        "{0:.0} requests are more than a plan holds ({MAX_REQUESTS:.0}); lower the rate or the duration"
    )]
    TooMany(f64),
    /// The arrivals end before there are so many requests.
    #[error(
        "the arrivals end before there are {requests} requests; ask for fewer, or raise the rate"
    )]
    TooFew {
        /// How many were asked for.
        requests: u64,
    },
    /// Warm-up and window together are longer than a run may be.
    #[error("a run lasts at most a day; shorten it, or raise the rate")]
    TooLong,
    /// The measured window holds no request.
    #[error(
        "no request is due within the measured window, from {from} to {to} after the start; raise \
         --rate or --for, or shorten --warmup"
    )]
    Empty {
        /// When the window begins, after the warm-up.
        from: String,
        /// When the window ends.
        to: String,
    },
    /// A size is outside the bounds of the protocol.
    #[error("a message has at least {HEADER_SIZE} B and at most {MAX_MESSAGE_SIZE} B, not {0} B")]
    Size(f64),
    /// There is no client.
    #[error("there must be at least one client")]
    NoClients,
    /// The measured window has no length.
    #[error("the measured window must be longer than 0; give --for a time such as 10s")]
    NoWindow,
    /// A burst is so large that sending it would take minutes.
    #[error("a burst has at most {LARGEST_BURST} requests; send smaller ones more often")]
    Burst,
    /// A closed loop has no arrivals.
    #[error("sessions arrive in an open loop; omit --closed or --session")]
    SessionsInAClosedLoop,
}

/// Whether a load makes sense.
pub(crate) fn check(spec: &LoadSpec) -> Result<(), PlanError> {
    if spec.clients == 0 || spec.depth == 0 {
        return Err(PlanError::NoClients);
    }
    if spec.window.is_zero() {
        return Err(PlanError::NoWindow);
    }
    if matches!(spec.arrivals.law(), Some(Law::Burst(size)) if size > LARGEST_BURST) {
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
    let expected = match spec.arrivals.law() {
        Some(Law::Trace(trace)) => trace.count() as f64,
        _ => spec.arrivals.rate().map_or(0.0, |rate| rate.get() * duration),
    };
    if expected > MAX_REQUESTS {
        return Err(PlanError::TooMany(expected));
    }
    Ok(())
}
