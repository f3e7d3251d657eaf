//! The timers of a loop: a heap of instants, and one descriptor that becomes readable at the
//! earliest.
//!
//! The time-outs of epoll_wait count in milliseconds. A timer descriptor counts in nanoseconds, and
//! is one more source of events among the sockets.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::clock::monotonic_ns;

/// Things to do, each at its instant on the monotonic clock.
pub struct Timers<Thing> {
    heap: BinaryHeap<Reverse<Entry<Thing>>>,
    set_so_far: u64,
    descriptor: TimerFd,
    armed_for_ns: Option<u64>,
}

struct Entry<Thing> {
    due_ns: u64,
    /// Of two things due at once, the one set first comes first.
    order: u64,
    thing: Thing,
}

impl<Thing> Timers<Thing> {
    /// No timers yet.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let descriptor = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        Ok(Self { heap: BinaryHeap::new(), set_so_far: 0, descriptor, armed_for_ns: None })
    }

    /// The number of timers that are set.
    #[must_use]
    pub fn count(&self) -> usize {
        self.heap.len()
    }

    /// Sets a timer.
    pub fn set(&mut self, due_ns: u64, thing: Thing) {
        self.heap.push(Reverse(Entry { due_ns, order: self.set_so_far, thing }));
        self.set_so_far += 1;
        if self.armed_for_ns.is_none_or(|armed_for_ns| due_ns < armed_for_ns) {
            self.arm();
        }
    }

    /// The next thing that is due. If nothing is, the descriptor is armed for the earliest of the
    /// remaining timers.
    pub fn next_due(&mut self, now_ns: u64) -> Option<Thing> {
        if self.heap.peek().is_some_and(|Reverse(first)| first.due_ns <= now_ns) {
            return self.heap.pop().map(|Reverse(entry)| entry.thing);
        }
        // To an edge-triggered loop the descriptor reports an instant only once, so it must be
        // armed again for what is still to be done.
        let told_until_ns = now_ns.max(monotonic_ns());
        if self.armed_for_ns.is_some_and(|armed_for_ns| armed_for_ns <= told_until_ns) {
            self.arm();
        }
        None
    }

    /// Arms the descriptor for the earliest timer, which also makes it unreadable until then.
    fn arm(&mut self) {
        self.armed_for_ns = self.heap.peek().map(|Reverse(first)| first.due_ns);
        let armed = match self.armed_for_ns {
            // The instant 0 would disarm it.
            Some(due_ns) => self.descriptor.set(
                Expiration::OneShot(TimeSpec::from(Duration::from_nanos(due_ns.max(1)))),
                TimerSetTimeFlags::TFD_TIMER_ABSTIME,
            ),
            None => self.descriptor.unset(),
        };
        armed.expect("an instant of the monotonic clock can be set");
    }
}

impl<Thing> AsFd for Timers<Thing> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl<Thing> AsRawFd for Timers<Thing> {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_fd().as_raw_fd()
    }
}

impl<Thing> Ord for Entry<Thing> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due_ns, self.order).cmp(&(other.due_ns, other.order))
    }
}

impl<Thing> PartialOrd for Entry<Thing> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<Thing> PartialEq for Entry<Thing> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<Thing> Eq for Entry<Thing> {}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn readable_within(timers: &Timers<char>, timeout: PollTimeout) -> bool {
        let mut descriptors = [PollFd::new(timers.as_fd(), PollFlags::POLLIN)];
        poll(&mut descriptors, timeout).is_ok_and(|count| count == 1)
    }

    #[test]
    fn things_come_in_the_order_of_their_instants() {
        let mut timers = Timers::new().expect("a descriptor");
        for (due_ns, thing) in [(30, 'c'), (10, 'a'), (20, 'b'), (10, 'A')] {
            timers.set(due_ns, thing);
        }
        assert!(readable_within(&timers, PollTimeout::MAX), "all of them are long past");
        let order: String = std::iter::from_fn(|| timers.next_due(25)).collect();
        assert_eq!((order.as_str(), timers.count()), ("aAb", 1));
        assert_eq!(timers.next_due(30), Some('c'));
    }

    #[test]
    fn the_descriptor_is_readable_when_something_is_due_and_only_then() {
        let mut timers = Timers::new().expect("a descriptor");
        assert!(!readable_within(&timers, PollTimeout::ZERO));
        timers.set(monotonic_ns() + 3_600_000_000_000, 'z');
        assert!(!readable_within(&timers, PollTimeout::ZERO));
        timers.set(monotonic_ns() + 1_000_000, 'a');
        assert!(readable_within(&timers, PollTimeout::MAX));
        assert_eq!(timers.next_due(monotonic_ns()), Some('a'));
        assert_eq!(timers.next_due(monotonic_ns()), None);
        assert!(!readable_within(&timers, PollTimeout::ZERO), "the other is an hour away");
    }
}
