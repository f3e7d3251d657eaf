//! Random numbers: a seed gives the same ones for all time.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// Separate streams of random numbers, so that a change of one quantity leaves the others as they
/// were.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Arrivals = 1,
    Wait,
    Compute,
    RequestSize,
    ReplySize,
    SessionLength,
    Think,
    Network,
}

/// Numbers drawn evenly from (0, 1] by PCG64 (O'Neill 2014), whose output is fixed for all time.
pub struct Uniform(Pcg64);

impl Uniform {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        Self(Pcg64::new(u128::from(seed), stream as u128))
    }

    /// The stream of arrivals.
    #[must_use]
    pub fn of_arrivals(seed: u64) -> Self {
        Self::new(seed, Stream::Arrivals)
    }

    /// The next number.
    pub fn draw(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}
