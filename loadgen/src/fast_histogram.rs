//! The histogram that the generator uses while it runs: one addition for each time.

use results::TimeHistogram;

/// Binary logarithm of the linear steps in each doubling: neighbours differ by 0.05 %, finer than
/// the three digits that a [`TimeHistogram`] keeps.
const STEP_BITS: u32 = 11;

/// Doublings above the linear start: up to 2⁴⁶ ns, 19 hours.
const DOUBLINGS: usize = 36;

/// Counts of times, in steps so small that a [`TimeHistogram`] shows no difference.
#[derive(Clone, Debug)]
pub(crate) struct FastHistogram {
    counts: Box<[u64]>,
    sum_ns: u128,
    unanswered: u64,
    above_ns: u64,
}

impl FastHistogram {
    pub(crate) fn new() -> Self {
        let counts = vec![0; DOUBLINGS << STEP_BITS].into_boxed_slice();
        Self { counts, sum_ns: 0, unanswered: 0, above_ns: u64::MAX }
    }

    pub(crate) fn record(&mut self, ns: u64) {
        let last = self.counts.len() - 1;
        self.counts[index_of(ns).min(last)] += 1;
        self.sum_ns += u128::from(ns);
    }

    /// See [`TimeHistogram::record_unanswered`].
    pub(crate) fn record_unanswered(&mut self, above_ns: u64) {
        self.unanswered += 1;
        self.above_ns = self.above_ns.min(above_ns);
    }

    pub(crate) fn kept(&self) -> TimeHistogram {
        let counted = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let values = counted.map(|(index, count)| (value_of(index), *count));
        let mut histogram = TimeHistogram::of_counts(values, self.sum_ns);
        if self.unanswered > 0 {
            histogram.record_many_unanswered(self.above_ns, self.unanswered);
        }
        histogram
    }
}

/// The index of a time. Below 2 to the power of `STEP_BITS` each value has its own counter; above,
/// values with the same leading `STEP_BITS` + 1 bits share one.
fn index_of(ns: u64) -> usize {
    let doubling = (ns | (1 << STEP_BITS)).ilog2() - STEP_BITS;
    ((doubling as usize) << STEP_BITS) + (ns >> doubling) as usize
}

fn value_of(index: usize) -> u64 {
    if index < 2 << STEP_BITS {
        return index as u64;
    }
    let doubling = (index >> STEP_BITS) - 1;
    ((index - (doubling << STEP_BITS)) as u64) << doubling
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_spectrum_of_them_is_that_of_the_times(
            times in proptest::collection::vec(0..200_000_000_000_u64, 1..200),
            unanswered in 0..3_u64,
        ) {
            let mut noted = FastHistogram::new();
            let mut histogram = TimeHistogram::new();
            for ns in &times {
                noted.record(*ns);
                histogram.record(*ns);
            }
            for above_ns in 0..unanswered {
                noted.record_unanswered(7 + above_ns);
                histogram.record_unanswered(7 + above_ns);
            }
            prop_assert_eq!(noted.kept().summary(), histogram.summary());
        }
    }

    #[test]
    fn every_place_has_its_value() {
        for index in [0, 1, 2047, 2048, 4095, 4096, 5000, 9000, (DOUBLINGS << STEP_BITS) - 1] {
            assert_eq!(index_of(value_of(index)), index);
        }
    }
}
