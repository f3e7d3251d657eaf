//! The two clocks of a server: monotonic time, and the processor time that a thread has used.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC` in nanoseconds: the clock of every time stamp in a reply, shared by all
/// processes of one host.
#[must_use]
pub fn monotonic_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC).as_nanos() as u64
}

/// Processor time, user and system, that the calling thread has used so far.
#[must_use]
pub fn thread_processor_time() -> Duration {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).expect("both clocks exist on every Linux").into()
}
