//! When requests are due: by a law in an open loop, by the replies in a closed loop.

use std::f64::consts::TAU;
use std::fmt;
use std::time::Duration;

use protocol::quantity::Nanoseconds;

use crate::distribution::Distribution;
use crate::law::Law;
use crate::random::Uniform;
use crate::rate::Rate;

/// When requests, or the sessions that make them, are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// By a law, whatever the server does.
    Open {
        /// The rate that the law uses; a trace has its own.
        rate: Rate,
        /// The law.
        law: Law,
    },
    /// Each client sends its next request after the last reply and a pause.
    Closed(Distribution<Nanoseconds>),
}

impl Arrivals {
    /// An open loop by a law; a trace keeps its own rate.
    #[must_use]
    pub fn open(rate: Rate, law: Law) -> Self {
        match law {
            Law::Trace(trace) => Self::Open { rate: trace.rate(), law },
            _ => Self::Open { rate, law },
        }
    }

    /// An open loop with random arrivals, independent of each other.
    #[must_use]
    pub fn poisson(rate: Rate) -> Self {
        Self::Open { rate, law: Law::Poisson }
    }

    /// An open loop with equal gaps.
    #[must_use]
    pub fn even(rate: Rate) -> Self {
        Self::Open { rate, law: Law::Even }
    }

    /// The law of an open loop.
    #[must_use]
    pub fn law(&self) -> Option<Law> {
        match self {
            Self::Open { law, .. } => Some(*law),
            Self::Closed(_) => None,
        }
    }

    /// The rate of an open loop; for a ramp, its mean.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        match *self {
            Self::Open { rate, law: Law::Ramp { to } } => {
                Rate::per_second((rate.get() + to.get()) / 2.0)
            }
            Self::Open { rate, .. } => Some(rate),
            Self::Closed(_) => None,
        }
    }

    /// Whether the rate is constant, so that there can be a steady state.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        self.law().is_none_or(Law::is_steady)
    }

    /// The instants of an open loop, from 0 to `end`; `None` for a closed loop.
    pub(crate) fn due(&self, end: Duration, seed: u64) -> Option<Due> {
        let Self::Open { rate, law } = *self else { return None };
        Some(Due {
            rate_per_s: rate.get(),
            law,
            uniform: Uniform::of_arrivals(seed),
            end_ns: end.as_nanos() as f64,
            expected: 0.0,
            index: 0,
        })
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { law, .. } => write!(f, "{law}"),
            Self::Closed(_) => f.write_str("closed"),
        }
    }
}

/// The instants of an open loop in nanoseconds, one after the other.
pub(crate) struct Due {
    rate_per_s: f64,
    law: Law,
    uniform: Uniform,
    end_ns: f64,
    /// Poisson laws: the integral of the rate up to the last instant. Its steps are exponential
    /// with mean 1, whatever the rate does (Çinlar 1975, time change).
    expected: f64,
    index: u64,
}

impl Due {
    fn step(&mut self) -> f64 {
        self.expected -= libm::log(self.uniform.draw());
        self.expected
    }

    fn next_ns(&mut self) -> Option<f64> {
        let (index, rate) = (self.index, self.rate_per_s);
        self.index += 1;
        Some(match self.law {
            Law::Even => index as f64 * (1e9 / rate),
            Law::Burst(size) => (index / u64::from(size)) as f64 * (1e9 / rate * f64::from(size)),
            Law::Poisson => {
                // Gaps in nanoseconds, unlike the other laws: old seeds keep their plans.
                self.expected += -(1e9 / rate) * libm::log(self.uniform.draw());
                self.expected
            }
            Law::OnOff { on, off } => {
                let (on_ns, off_ns) = (on.as_nanos() as f64, off.as_nanos() as f64);
                let busy_ns = self.step() * 1e9 / rate * on_ns / (on_ns + off_ns);
                busy_ns + (busy_ns / on_ns).floor() * off_ns
            }
            Law::Ramp { to } => {
                // The root of from·t + (to − from)·t²/(2·end) = expected, in seconds.
                let (expected, end_s) = (self.step(), self.end_ns / 1e9);
                let growth = (to.get() - rate) / end_s;
                let root = rate * rate + 2.0 * growth * expected;
                if root < 0.0 {
                    return None;
                }
                2.0 * expected / (rate + root.sqrt()) * 1e9
            }
            Law::Sine { swing, period } => {
                let expected = self.step();
                sine_instant_s(expected / rate, swing, period.as_secs_f64()) * 1e9
            }
            Law::Trace(trace) => *trace.due_ns.get(usize::try_from(index).ok()?)? as f64,
        })
    }
}

/// The t at which t + swing·period/τ·(1 − cos(τt/period)) reaches `area_s`, by bisection: the
/// expression never falls.
fn sine_instant_s(area_s: f64, swing: f64, period_s: f64) -> f64 {
    let lead = swing * period_s / TAU;
    let reached = |t: f64| t + lead * (1.0 - libm::cos(TAU * t / period_s));
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
    use crate::trace::Trace;

    fn rate(per_second: f64) -> Rate {
        Rate::per_second(per_second).expect("above 0")
    }

    fn open(per_second: f64, law: Law) -> Arrivals {
        Arrivals::open(rate(per_second), law)
    }

    fn due(arrivals: Arrivals, seconds: u64) -> Vec<f64> {
        arrivals
            .due(Duration::from_secs(seconds), 3)
            .into_iter()
            .flatten()
            .map(|due| due as f64 / 1e9)
            .collect()
    }

    fn between(due: &[f64], from: f64, until: f64) -> f64 {
        due.iter().filter(|due| (from..until).contains(*due)).count() as f64
    }

    #[test]
    fn instants_come_in_order_and_as_many_as_the_rate_says() {
        let (on, off) = (Duration::from_secs(1), Duration::from_secs(3));
        for arrivals in [
            open(1000.0, Law::Even),
            open(1000.0, Law::Poisson),
            open(1000.0, Law::Burst(10)),
            open(1000.0, Law::OnOff { on, off }),
            open(500.0, Law::Ramp { to: rate(1500.0) }),
            open(1500.0, Law::Ramp { to: rate(500.0) }),
            open(1000.0, Law::Sine { swing: 1.0, period: off }),
        ] {
            let due = due(arrivals, 60);
            assert!(due.windows(2).all(|pair| pair[0] <= pair[1]), "{arrivals}");
            assert!((due.len() as f64 / 60_000.0 - 1.0).abs() < 0.02, "{arrivals}: {}", due.len());
        }
    }

    #[test]
    fn a_changing_rate_is_where_it_should_be() {
        let (on, off) = (Duration::from_secs(1), Duration::from_secs(3));
        let phases = due(open(1000.0, Law::OnOff { on, off }), 60);
        assert!(phases.iter().all(|due| due % 4.0 < 1.0));
        let ramp = due(open(500.0, Law::Ramp { to: rate(1500.0) }), 60);
        assert!((between(&ramp, 0.0, 30.0) / 22_500.0 - 1.0).abs() < 0.03);
        let sine = open(1000.0, Law::Sine { swing: 0.5, period: Duration::from_secs(60) });
        let sine = due(sine, 60);
        let crest = 30_000.0 * (1.0 + 0.5 * 2.0 / std::f64::consts::PI);
        assert!((between(&sine, 0.0, 30.0) / crest - 1.0).abs() < 0.03);
    }

    #[test]
    fn a_trace_is_followed_from_its_first_instant() {
        let trace = Trace::keep(vec![3_000, 1_000, 2_500]).expect("instants");
        let due: Vec<u64> = open(1.0, Law::Trace(trace))
            .due(Duration::from_secs(1), 1)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(due, [0, 1_500, 2_000]);
        let beyond = [1_500, 1_501, 2_001].map(|end| trace.beyond(Duration::from_nanos(end)));
        assert_eq!(beyond, [2, 1, 0]);
        assert_eq!(Trace::keep(vec![5, 5]), None);
    }
}
