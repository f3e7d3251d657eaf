//! The time slice: how long a thread computes before another that shares its core has its turn.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use analysis::bootstrap::median;

use crate::error::Error;
use crate::host::placement::{cores, stay_on};

/// How long the threads compete.
const FOR: Duration = Duration::from_millis(400);

/// A pause of a thread at least this long is another's turn; interrupts are shorter.
const TURN: Duration = Duration::from_micros(200);

/// The median length of a turn in nanoseconds, of two threads that compute on one core. If the two
/// never take turns, they did so for as long as they were watched.
pub(super) fn measure() -> Result<f64, Error> {
    let core = cores().last().copied().unwrap_or(0);
    let barrier = Barrier::new(2);
    let turns = thread::scope(|scope| -> Result<Vec<f64>, Error> {
        let compete = || {
            stay_on(&[core]);
            barrier.wait();
            turns_of_this_thread()
        };
        let first = thread::Builder::new().spawn_scoped(scope, compete)?;
        let second = thread::Builder::new().spawn_scoped(scope, compete)?;
        let of = |ended: Result<Vec<f64>, _>| ended.unwrap_or_default();
        Ok([of(first.join()), of(second.join())].concat())
    })?;
    Ok(median(&turns).unwrap_or(FOR.as_nanos() as f64))
}

/// The lengths of this thread's turns in nanoseconds, without the first and the last.
fn turns_of_this_thread() -> Vec<f64> {
    let start = Instant::now();
    let (mut turn_began, mut last) = (start, start);
    let mut turns = Vec::new();
    while last - start < FOR {
        let now = Instant::now();
        if now - last > TURN {
            turns.push((last - turn_began).as_nanos() as f64);
            turn_began = now;
        }
        last = now;
    }
    if turns.is_empty() { turns } else { turns.split_off(1) }
}
