//! The timer of delayed allocation.
//!
//! It wakes the master when a receiver has been busy with one request for longer than its patience,
//! so that the port gets another receiver. The timer is a descriptor. The receiver arms it when it
//! starts a request and disarms it when it is done, two system calls; the master sleeps in a read
//! that returns only when the timer expires. Waking the master for each request would cost more
//! than most requests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// The receiver waits for a request.
const RECEIVING: u8 = 0;
/// The receiver serves a request itself.
const SERVING: u8 = 1;
/// The request has outlasted the patience: its receiver has become a worker like any other.
const RELIEVED: u8 = 2;
/// The receiver has ended.
const GONE: u8 = 3;

/// The timer of a server, and its patience.
pub struct Watchdog {
    timer: TimerFd,
    patience: Duration,
}

/// One thread's turn at the port, from its first receive call until it is relieved.
pub struct Turn {
    watchdog: Arc<Watchdog>,
    state: Arc<AtomicU8>,
}

/// The master's view of a turn.
pub struct Watch {
    watchdog: Arc<Watchdog>,
    state: Arc<AtomicU8>,
}

impl Watchdog {
    /// A watchdog that is not armed.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(patience: Duration) -> io::Result<Arc<Self>> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
        Ok(Arc::new(Self { timer, patience }))
    }

    /// A new turn, and the watch over it.
    #[must_use]
    pub fn turn(self: &Arc<Self>) -> (Turn, Watch) {
        let state = Arc::new(AtomicU8::new(RECEIVING));
        let turn = Turn { watchdog: Arc::clone(self), state: Arc::clone(&state) };
        (turn, Watch { watchdog: Arc::clone(self), state })
    }

    fn arm(&self, after: Duration) {
        // A time of 0 would disarm it.
        let after = TimeSpec::from(after.max(Duration::from_nanos(1)));
        let _ = self.timer.set(Expiration::OneShot(after), TimerSetTimeFlags::empty());
    }
}

impl Turn {
    /// Records that the receiver starts to serve a request.
    pub fn begin(&self) {
        self.state.store(SERVING, SeqCst);
        self.watchdog.arm(self.watchdog.patience);
    }

    /// Records that the request has been served; returns whether the turn goes on.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        let goes_on = self.state.compare_exchange(SERVING, RECEIVING, SeqCst, SeqCst).is_ok();
        if goes_on {
            let _ = self.watchdog.timer.unset();
        }
        goes_on
    }
}

impl Drop for Turn {
    /// Wakes the master if the receiver ends while it is at the port, so that another follows.
    fn drop(&mut self) {
        if self.state.swap(GONE, SeqCst) != RELIEVED {
            self.watchdog.arm(Duration::ZERO);
        }
    }
}

impl Watch {
    /// Waits until the request in progress has outlasted the patience, and relieves its receiver;
    /// or until the receiver has ended.
    pub fn outlasted(&self) {
        loop {
            if self.watchdog.timer.wait().is_err() {
                continue; // interrupted by a signal
            }
            let relieved = self.state.compare_exchange(SERVING, RELIEVED, SeqCst, SeqCst);
            if relieved.is_ok() || relieved == Err(GONE) {
                return;
            }
            // The request was done just as the timer expired.
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_turn_ends_when_a_request_outlasts_the_patience() {
        let watchdog = Watchdog::new(Duration::from_millis(1)).expect("a descriptor");
        let (turn, watch) = watchdog.turn();
        turn.begin();
        watch.outlasted();
        assert!(!turn.goes_on(), "the port has another receiver now");
    }

    #[test]
    fn a_short_request_leaves_the_port_where_it_is() {
        let watchdog = Watchdog::new(Duration::from_secs(3600)).expect("a descriptor");
        let (turn, _watch) = watchdog.turn();
        for _ in 0..3 {
            turn.begin();
            assert!(turn.goes_on());
        }
    }

    #[test]
    fn a_receiver_that_ends_is_noticed() {
        let watchdog = Watchdog::new(Duration::from_secs(3600)).expect("a descriptor");
        let (turn, watch) = watchdog.turn();
        let receiver = thread::spawn(move || drop(turn));
        watch.outlasted();
        receiver.join().expect("it ends in order");
    }
}
