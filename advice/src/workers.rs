//! How many workers a design needs for a workload, with the sum behind the number.

use analysis::text;
use servers::limits::MAX_WORKERS;
use servers::{Allocation, Concurrency, Design, Stays};

use crate::asked::Asked;

/// The least limit for workers that are created on demand: a burst must not meet it.
const LEAST_LIMIT: f64 = 64.0;

/// Up to this C² requests that compute are alike enough to be served one after the other.
const MUCH_ALIKE: f64 = 1.5;

/// Above this C² a pool needs workers beyond its cores, so that long requests do not fill it.
const VERY_UNLIKE: f64 = 4.0;

/// How many for each core.
const PER_CORE_IF_UNLIKE: u32 = 8;

/// A number of workers, and how it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizing {
    /// Workers of a pool, or the most that are created.
    pub workers: u32,
    /// The sum, in words.
    pub sum: String,
}

/// The workers that a design needs; `overhead_ns` is what a request costs besides its processing.
#[must_use]
pub fn sizing(design: &Design, asked: &Asked, overhead_ns: f64) -> Sizing {
    if design.allocation == Allocation::None {
        return Sizing { workers: 1, sum: "one thread serves; there is nothing to set".to_owned() };
    }
    if design.concurrency == Concurrency::Apparent {
        return Sizing {
            workers: asked.cores,
            sum: "one for each core: more only add switching".to_owned(),
        };
    }
    if design.allocation == Allocation::Preallocated && computes_alike(design, asked) {
        let sum =
            "requests compute and few are very long, so one for each core: more would only take \
                   turns"
                .to_owned();
        return Sizing { workers: asked.cores, sum };
    }
    let (at_once, what, sum) = at_once(design, asked, overhead_ns);
    let most = model::at_three_deviations(at_once);
    if design.allocation == Allocation::Preallocated {
        return pool(design, asked, Use { at_once, most, what, sum });
    }
    let limit = (2.0 * most).max(LEAST_LIMIT).ceil().min(f64::from(MAX_WORKERS));
    Sizing {
        workers: limit as u32,
        sum: format!(
            "{sum}: {} {what}; the limit is twice that with three square roots added for peaks, and at least \
             {LEAST_LIMIT}",
            text::three_digits(at_once)
        ),
    }
}

/// The workers in use at a time.
struct Use {
    at_once: f64,
    /// With three deviations more.
    most: f64,
    what: &'static str,
    sum: String,
}

/// The size of a pool.
fn pool(design: &Design, asked: &Asked, used: Use) -> Sizing {
    let Use { at_once, most, what, sum } = used;
    let is_exact = is_exact(design, asked);
    let needed = if is_exact { at_once } else { most }.ceil();
    let chance = if is_exact {
        String::new()
    } else {
        format!(", plus three square roots for peaks: {needed}")
    };
    let is_unlike = asked.squared_variation() > VERY_UNLIKE;
    let (least, why) = if is_unlike && !is_exact {
        let why = format!(
            "at least {PER_CORE_IF_UNLIKE} for each core, because a few requests are very long"
        );
        (asked.cores * PER_CORE_IF_UNLIKE, why)
    } else {
        (asked.cores, format!("at least one for each of {} cores", asked.cores))
    };
    let why = if needed < f64::from(least) { format!("; {why}") } else { String::new() };
    Sizing {
        workers: needed.max(f64::from(least)).min(f64::from(MAX_WORKERS)) as u32,
        sum: format!("{sum}: {} {what}{chance}{why}", text::three_digits(at_once)),
    }
}

/// Whether a pool serves requests that compute, of about the same size: then each is best served to
/// its end, one on each core.
fn computes_alike(design: &Design, asked: &Asked) -> bool {
    let by_request = design.stays == Stays::Request || !asked.keeps_connections();
    by_request && asked.waiting_share() < 0.05 && asked.squared_variation() <= MUCH_ALIKE
}

/// Whether the number of workers in use is known, not a mean: connections that are kept.
fn is_exact(design: &Design, asked: &Asked) -> bool {
    use crate::asked::Traffic;
    let is_fixed = match asked.traffic {
        Traffic::Requests { kept, .. } => kept.is_some(),
        Traffic::Sessions { .. } => false,
        Traffic::Closed { .. } => true,
    };
    design.stays == Stays::Connection && is_fixed
}

/// The mean number of workers in use, what they are, and the sum.
fn at_once(design: &Design, asked: &Asked, overhead_ns: f64) -> (f64, &'static str, String) {
    if design.stays == Stays::Connection && asked.keeps_connections() {
        let sum = match asked.session_ns() {
            Some(session_ns) => format!(
                "a worker stays with its connection: {} sessions a second, each open for {}",
                text::three_digits(asked.sessions_per_s()),
                text::time(session_ns)
            ),
            None => "a worker stays with its connection".to_owned(),
        };
        return (asked.connections(), "connections at a time", sum);
    }
    let (rate, processing_ns) = (asked.requests_per_s(), asked.processing_ns() + overhead_ns);
    let sum =
        format!("rate times processing, {} · {}", text::rate(rate), text::time(processing_ns));
    (rate * processing_ns / 1e9, "requests in progress at a time", sum)
}
