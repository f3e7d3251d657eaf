//! Gaps between instants: how even they are, and how long in all.

use serde::{Deserialize, Serialize};

/// Sums over the gaps between instants that come in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gaps {
    first_ns: Option<u64>,
    last_ns: u64,
    count: u64,
    sum: f64,
    square_sum: f64,
}

impl Gaps {
    /// Adds the next instant.
    pub fn note(&mut self, at_ns: u64) {
        if self.first_ns.is_some() {
            let gap = at_ns.saturating_sub(self.last_ns) as f64;
            self.count += 1;
            self.sum += gap;
            self.square_sum += gap * gap;
        } else {
            self.first_ns = Some(at_ns);
        }
        self.last_ns = at_ns;
    }

    /// Adds the gaps of another generator, each within its own stream.
    pub fn add(&mut self, other: &Self) {
        let Self { first_ns, last_ns, count, sum, square_sum } = other;
        self.first_ns = [self.first_ns, *first_ns].into_iter().flatten().min();
        self.last_ns = self.last_ns.max(*last_ns);
        self.count += count;
        self.sum += sum;
        self.square_sum += square_sum;
    }

    /// Whether the last instant was this one.
    #[must_use]
    pub fn ended_at(&self, at_ns: u64) -> bool {
        self.first_ns.is_some() && self.last_ns == at_ns
    }

    /// From the first instant to the last.
    #[must_use]
    pub fn span_ns(&self) -> u64 {
        self.last_ns - self.first_ns.unwrap_or(self.last_ns)
    }

    /// Squared coefficient of variation: 0 for even gaps, 1 for a Poisson process; `None` for
    /// fewer than 100 gaps.
    #[must_use]
    pub fn cv2(&self) -> Option<f64> {
        let mean = self.sum / self.count as f64;
        (self.count >= 100 && mean > 0.0)
            .then(|| self.square_sum / self.count as f64 / (mean * mean) - 1.0)
    }
}
