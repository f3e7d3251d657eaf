//! Arrival instants that were recorded elsewhere.

use std::time::Duration;

use crate::digest::eight_digits;
use crate::rate::Rate;

/// Recorded instants, kept for the life of the program so that arrivals can be copied.
#[derive(Debug, PartialEq)]
pub struct Trace {
    /// Nanoseconds from the first, in order.
    pub(crate) due_ns: Vec<u64>,
    /// Eight digits of the SHA-256 of the instants.
    pub(crate) digest: String,
}

impl Trace {
    /// Keeps instants in nanoseconds on any scale; the first becomes 0. `None` if no two of them
    /// differ.
    #[must_use]
    pub fn keep(mut due_ns: Vec<u64>) -> Option<&'static Self> {
        due_ns.sort_unstable();
        let first = *due_ns.first()?;
        due_ns.iter_mut().for_each(|due| *due -= first);
        let digest = eight_digits(due_ns.iter().map(|number| number.to_le_bytes()));
        (*due_ns.last()? > 0).then(|| &*Box::leak(Box::new(Self { due_ns, digest })))
    }

    /// The time from the first instant to the last.
    #[must_use]
    pub fn span(&self) -> Duration {
        Duration::from_nanos(self.due_ns[self.due_ns.len() - 1])
    }

    /// The number of instants.
    pub(crate) fn count(&self) -> usize {
        self.due_ns.len()
    }

    /// How many instants lie beyond the end of a run that lasts until `end` after the first.
    #[must_use]
    pub fn beyond(&self, end: Duration) -> usize {
        let end_ns = end.as_nanos() as u64;
        self.due_ns.len() - self.due_ns.partition_point(|due| *due < end_ns)
    }

    /// The mean rate.
    #[must_use]
    pub fn rate(&self) -> Rate {
        let per_second = (self.due_ns.len() - 1) as f64 / self.span().as_secs_f64();
        Rate::per_second(per_second).expect("two instants apart")
    }
}
