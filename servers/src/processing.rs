//! Performs the work that a request asks for, and reports how long it took.
//!
//! Computing is *processor* time. A loop of known cost runs for the time asked for, and the
//! thread's own processor clock shows when to stop. Spinning until a wall-clock deadline would be
//! wrong: ten threads on one core would all finish "in time".

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use crate::clock::{monotonic_ns, thread_processor_time};

/// Approximate cost of reading the thread's processor clock; a smaller remainder counts as done.
const CLOCK_READING: Duration = Duration::from_nanos(300);

/// Processor time computed between two readings of the clock.
const SLICE: Duration = Duration::from_micros(100);

/// The speed of the computing loop on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Processing {
    steps_per_us: f64,
}

/// The time that a piece of work really took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Achieved {
    /// Processor time of the computing part.
    pub computed: Duration,
    /// Wall time of the waiting part.
    pub waited: Duration,
}

impl Processing {
    /// Measures the computing loop against the thread's processor clock, for about 5 ms. The result
    /// is the median of several short runs, so that one interruption does not count.
    #[must_use]
    pub fn calibrated() -> Self {
        const STEPS: u64 = 100_000;
        let mut rates: Vec<f64> = (0..21)
            .map(|_| {
                let before = thread_processor_time();
                compute_steps(STEPS);
                let used = thread_processor_time().saturating_sub(before);
                STEPS as f64 / (used.as_nanos().max(1) as f64 / 1e3)
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        Self { steps_per_us: rates[rates.len() / 2] }
    }

    /// Steps of the computing loop per microsecond of processor time: this machine's speed now.
    #[must_use]
    pub fn steps_per_us(&self) -> f64 {
        self.steps_per_us
    }

    /// Uses `target` of processor time and returns the time used.
    ///
    /// Each slice is counted a little short and then measured, so that a wrong calibration or a
    /// slower core overshoots by only part of a slice.
    #[must_use]
    pub fn compute(&self, target: Duration) -> Duration {
        if target.is_zero() {
            return Duration::ZERO;
        }
        let before = thread_processor_time();
        let mut left = target;
        loop {
            let slice = left.min(SLICE);
            let steps = slice.as_nanos() as f64 / 1e3 * self.steps_per_us * 0.95;
            compute_steps(steps.max(1.0) as u64);
            let used = thread_processor_time().saturating_sub(before);
            if used + CLOCK_READING >= target {
                return used;
            }
            left = target - used;
        }
    }
}

/// Sleeps until `due_ns` on the monotonic clock. A sleep overshoots, so the caller reads the clock
/// again.
pub(crate) fn wait_until(due_ns: u64) {
    let left_ns = due_ns.saturating_sub(monotonic_ns());
    if left_ns > 0 {
        thread::sleep(Duration::from_nanos(left_ns));
    }
}

/// Computes a chain of multiplications, each of which needs the result before it, so that its time
/// depends on the processor alone.
fn compute_steps(steps: u64) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..steps {
        state = black_box(state.wrapping_mul(0xD129_0D3F_8D1D_5C31).wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computing_uses_at_least_the_processor_time_asked_for() {
        let processing = Processing::calibrated();
        for micros in [1, 10, 100, 1000] {
            let target = Duration::from_micros(micros);
            let before = thread_processor_time();
            let computed = processing.compute(target);
            let used = thread_processor_time() - before;
            assert!(computed + CLOCK_READING >= target, "{computed:?} for {target:?}");
            assert!(used >= computed, "the thread's clock must agree: {used:?}");
        }
    }

    #[test]
    fn waiting_lasts_at_least_until_it_is_due() {
        let due_ns = monotonic_ns() + 2_000_000;
        wait_until(due_ns);
        assert!(monotonic_ns() >= due_ns);
        wait_until(due_ns); // long past: no sleep at all
    }
}
