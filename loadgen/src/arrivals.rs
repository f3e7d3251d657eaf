//! When requests are due: the laws of an open loop, and the closed loop that has none.

use std::f64::consts::TAU;
use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::distribution::Distribution;
use crate::quantity::{Nanoseconds, Rate, write_duration};
use crate::random::Uniform;

/// When requests, or the sessions that make them, are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// At equal distances; open loop.
    Even(Rate),
    /// At random, independent of each other; open loop.
    Poisson(Rate),
    /// So many at once, at equal distances; open loop. The rate is that of requests.
    Burst(Rate, u32),
    /// At random during one phase, nothing in the next; open loop. The rate is the mean of both.
    OnOff {
        /// Over both phases.
        rate: Rate,
        /// Length of the busy phase.
        on: Duration,
        /// Length of the silent one.
        off: Duration,
    },
    /// At random, with a rate that goes from one value to another over the whole run; open loop.
    Ramp {
        /// At the beginning of the warm-up.
        from: Rate,
        /// At the end of the window.
        to: Rate,
    },
    /// At random, with a rate that swings; open loop.
    Sine {
        /// The mean.
        rate: Rate,
        /// How far it swings to both sides, as a share of the mean, 0 to 1.
        swing: f64,
        /// From one crest to the next.
        period: Duration,
    },
    /// At instants that were recorded elsewhere; open loop.
    Trace(&'static Trace),
    /// Each client sends its next request when it has thought about the last reply.
    Closed(Distribution<Nanoseconds>),
}

/// Recorded instants, kept for the life of the program so that arrivals can be copied.
#[derive(Debug, PartialEq)]
pub struct Trace {
    /// Nanoseconds from the first, in order.
    due_ns: Vec<u64>,
    /// Eight digits of the SHA-256 of the instants.
    digest: String,
}

impl Trace {
    /// Takes instants on any scale in nanoseconds; the first becomes 0. `None` for fewer than two
    /// different ones.
    #[must_use]
    pub fn keep(mut due_ns: Vec<u64>) -> Option<&'static Self> {
        due_ns.sort_unstable();
        let first = *due_ns.first()?;
        due_ns.iter_mut().for_each(|due| *due -= first);
        let mut hasher = Sha256::new();
        due_ns.iter().for_each(|due| hasher.update(due.to_le_bytes()));
        let digest = hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        (*due_ns.last()? > 0).then(|| &*Box::leak(Box::new(Self { due_ns, digest })))
    }

    /// From the first instant to the last.
    #[must_use]
    pub fn span(&self) -> Duration {
        Duration::from_nanos(self.due_ns[self.due_ns.len() - 1])
    }

    /// How many instants.
    pub(crate) fn count(&self) -> usize {
        self.due_ns.len()
    }

    /// How many instants a run that ends so long after the first does not come to.
    #[must_use]
    pub fn beyond(&self, end: Duration) -> usize {
        let end_ns = end.as_nanos() as u64;
        self.due_ns.len() - self.due_ns.partition_point(|due| *due < end_ns)
    }

    fn rate(&self) -> Option<Rate> {
        Rate::per_second((self.due_ns.len() - 1) as f64 / self.span().as_secs_f64())
    }
}

impl Arrivals {
    /// The rate of an open loop; that of a ramp is its mean.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        match self {
            Self::Even(rate)
            | Self::Poisson(rate)
            | Self::Burst(rate, _)
            | Self::OnOff { rate, .. }
            | Self::Sine { rate, .. } => Some(*rate),
            Self::Ramp { from, to } => Rate::per_second((from.get() + to.get()) / 2.0),
            Self::Trace(trace) => trace.rate(),
            Self::Closed(_) => None,
        }
    }

    /// Whether the rate stays what it is, so that there can be a steady state.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        !matches!(self, Self::Ramp { .. } | Self::Sine { .. } | Self::OnOff { .. } | Self::Trace(_))
    }

    /// After what time the rate begins again, where it changes in periods.
    pub(crate) fn period(&self) -> Option<Duration> {
        match self {
            Self::OnOff { on, off, .. } => Some(*on + *off),
            Self::Sine { period, .. } => Some(*period),
            _ => None,
        }
    }

    /// The instants of an open loop, from 0 to `end`; none of a closed loop.
    pub(crate) fn due(&self, end: Duration, seed: u64) -> Due {
        Due {
            arrivals: *self,
            uniform: Uniform::of_arrivals(seed),
            end_ns: end.as_nanos() as f64,
            expected: 0.0,
            index: 0,
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Even(_) => f.write_str("even"),
            Self::Poisson(_) => f.write_str("poisson"),
            Self::Burst(_, size) => write!(f, "burst:{size}"),
            Self::OnOff { on, off, .. } => {
                write!(f, "on-off:{},{}", write_duration(*on), write_duration(*off))
            }
            Self::Ramp { to, .. } => write!(f, "ramp:{to}"),
            Self::Sine { swing, period, .. } => {
                write!(f, "sine:{swing},{}", write_duration(*period))
            }
            Self::Trace(trace) => {
                write!(f, "trace:{} instants, {}", trace.due_ns.len(), trace.digest)
            }
            Self::Closed(_) => f.write_str("closed"),
        }
    }
}

/// The instants of an open loop in nanoseconds, one after the other.
pub(crate) struct Due {
    arrivals: Arrivals,
    uniform: Uniform,
    end_ns: f64,
    /// Poisson laws: the integral of the rate up to the last instant. Its steps are exponential
    /// with mean 1, whatever the rate does (Çinlar 1975, time change).
    expected: f64,
    index: u64,
}

impl Due {
    fn step(&mut self) -> f64 {
        self.expected -= self.uniform.draw().ln();
        self.expected
    }

    fn next_ns(&mut self) -> Option<f64> {
        let index = self.index;
        self.index += 1;
        Some(match self.arrivals {
            Arrivals::Even(rate) => index as f64 * (1e9 / rate.get()),
            Arrivals::Burst(rate, size) => {
                (index / u64::from(size)) as f64 * (1e9 / rate.get() * f64::from(size))
            }
            Arrivals::Poisson(rate) => {
                // Gap by gap in nanoseconds, as it has always been: plans of old seeds stay.
                self.expected += -(1e9 / rate.get()) * self.uniform.draw().ln();
                self.expected
            }
            Arrivals::OnOff { rate, on, off } => {
                let (on_ns, off_ns) = (on.as_nanos() as f64, off.as_nanos() as f64);
                let busy_ns = self.step() * 1e9 / rate.get() * on_ns / (on_ns + off_ns);
                busy_ns + (busy_ns / on_ns).floor() * off_ns
            }
            Arrivals::Ramp { from, to } => {
                // The root of from·t + (to − from)·t²/(2·end) = expected, in seconds.
                let (expected, end_s) = (self.step(), self.end_ns / 1e9);
                let growth = (to.get() - from.get()) / end_s;
                let root = from.get() * from.get() + 2.0 * growth * expected;
                if root < 0.0 {
                    return None;
                }
                2.0 * expected / (from.get() + root.sqrt()) * 1e9
            }
            Arrivals::Sine { rate, swing, period } => {
                let expected = self.step();
                sine_instant_s(expected / rate.get(), swing, period.as_secs_f64()) * 1e9
            }
            Arrivals::Trace(trace) => *trace.due_ns.get(usize::try_from(index).ok()?)? as f64,
            Arrivals::Closed(_) => return None,
        })
    }
}

/// When t + swing·period/τ·(1 − cos(τt/period)) reaches `area_s`: by halving, for the left side
/// only grows.
fn sine_instant_s(area_s: f64, swing: f64, period_s: f64) -> f64 {
    let lead = swing * period_s / TAU;
    let reached = |t: f64| t + lead * (1.0 - (TAU * t / period_s).cos());
    let (mut low, mut high) = ((area_s - 2.0 * lead).max(0.0), area_s);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if reached(middle) < area_s { low = middle } else { high = middle }
    }
    high
}

impl Iterator for Due {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let due_ns = self.next_ns()?;
        (due_ns < self.end_ns).then_some(due_ns as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: f64) -> Rate {
        Rate::per_second(per_second).expect("above 0")
    }

    fn due(arrivals: Arrivals, seconds: u64) -> Vec<f64> {
        arrivals.due(Duration::from_secs(seconds), 3).map(|due| due as f64 / 1e9).collect()
    }

    fn between(due: &[f64], from: f64, until: f64) -> f64 {
        due.iter().filter(|due| (from..until).contains(*due)).count() as f64
    }

    #[test]
    fn instants_come_in_order_and_as_many_as_the_rate_says() {
        let (on, off) = (Duration::from_secs(1), Duration::from_secs(3));
        for arrivals in [
            Arrivals::Even(rate(1000.0)),
            Arrivals::Poisson(rate(1000.0)),
            Arrivals::Burst(rate(1000.0), 10),
            Arrivals::OnOff { rate: rate(1000.0), on, off },
            Arrivals::Ramp { from: rate(500.0), to: rate(1500.0) },
            Arrivals::Ramp { from: rate(1500.0), to: rate(500.0) },
            Arrivals::Sine { rate: rate(1000.0), swing: 1.0, period: off },
        ] {
            let due = due(arrivals, 60);
            assert!(due.windows(2).all(|pair| pair[0] <= pair[1]), "{arrivals}");
            assert!((due.len() as f64 / 60_000.0 - 1.0).abs() < 0.02, "{arrivals}: {}", due.len());
        }
    }

    #[test]
    fn a_changing_rate_is_where_it_should_be() {
        let (on, off) = (Duration::from_secs(1), Duration::from_secs(3));
        let phases = due(Arrivals::OnOff { rate: rate(1000.0), on, off }, 60);
        assert!(phases.iter().all(|due| due % 4.0 < 1.0));
        let ramp = due(Arrivals::Ramp { from: rate(500.0), to: rate(1500.0) }, 60);
        assert!((between(&ramp, 0.0, 30.0) / 22_500.0 - 1.0).abs() < 0.03);
        let sine =
            Arrivals::Sine { rate: rate(1000.0), swing: 0.5, period: Duration::from_secs(60) };
        let sine = due(sine, 60);
        let crest = 30_000.0 * (1.0 + 0.5 * 2.0 / std::f64::consts::PI);
        assert!((between(&sine, 0.0, 30.0) / crest - 1.0).abs() < 0.03);
    }

    #[test]
    fn a_trace_is_followed_from_its_first_instant() {
        let trace = Trace::keep(vec![3_000, 1_000, 2_500]).expect("instants");
        let due: Vec<u64> = Arrivals::Trace(trace).due(Duration::from_secs(1), 1).collect();
        assert_eq!(due, [0, 1_500, 2_000]);
        let beyond = [1_500, 1_501, 2_001].map(|end| trace.beyond(Duration::from_nanos(end)));
        assert_eq!(beyond, [2, 1, 0]);
        assert_eq!(Trace::keep(vec![5, 5]), None);
    }
}
