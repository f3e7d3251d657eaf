//! Waiting precisely: for replies, and for the instant at which the next request is due.
//!
//! A sleeping thread wakes late, by 20 µs at best and often by 80. Where the generator has a core
//! of its own it therefore spins: it asks for events without resting as long as something is in
//! flight or due within milliseconds, and rests, on a timer set early, only when nothing is.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;

/// A generator that spins rests only where an instant is twice as far away, and begins to spin so long
/// before it: a core that rests forgets what it had at hand, and the next times are the longer for
/// it by microseconds.
const EARLY_NS: u64 = 5_000_000;

/// The same where processor time is to be saved: the usual lateness of a precise timer.
const EARLY_HYBRID_NS: u64 = 60_000;

/// A turn of the spinning loop that takes longer than this, or a rest that ends so much too late,
/// was interrupted.
const HICCUP_NS: u64 = 1_000_000;

/// Where the next instant is usually nearer than this, or than timers are late, they are dense: a
/// sleeping thread cannot keep them apart anyway.
const DENSE_NS: u64 = 50_000;

/// What is usual before anything is known, and the most that counts.
const SPARSE_NS: u64 = 1_000_000;

/// How long a sleeping generator rests where they are.
const BATCH: Duration = Duration::from_micros(150);

/// A rest this long needs no precise timer for most of it.
const LONG_REST_NS: u64 = 10_000_000;

/// Sockets of which one poll tells.
const EVENTS: usize = 1024;

/// The timer's own token; sockets count from 0.
const TIMER: Token = Token(usize::MAX);

/// How the generator waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// Never resting while anything is due or in flight; needs a core of its own.
    Spin,
    /// Resting until shortly before the next instant, then spinning. Replies that come in
    /// between wake it, and are noticed late by as much as that takes.
    Hybrid,
    /// Resting whenever there is nothing to do, on a timer that is set as early as timers are
    /// usually late; replies are noticed late by a waking, and a dense load is sent in lots.
    Sleep,
}

impl Pacing {
    /// What suits so many generators on so many cores: spinning only where at least one core is
    /// left for the server.
    #[must_use]
    pub fn for_cores(generators: usize, cores: usize) -> Self {
        match cores {
            1 => Self::Sleep,
            _ if cores > generators => Self::Spin,
            _ => Self::Hybrid,
        }
    }
}

impl fmt::Display for Pacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spin => "spin",
            Self::Hybrid => "hybrid",
            Self::Sleep => "sleep",
        })
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds, the scale of the server's stamps on the same host.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    let now = now.expect("the clock exists on every Linux");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// How late timers are, for setting them so much earlier: a lower quartile that follows what it
/// sees, so that of four sleeps one ends too early, by little, and the rest is spun.
#[derive(Debug, Default)]
struct Lateness {
    usual_ns: u64,
}

impl Lateness {
    /// A step of the estimate; it comes to rest where three of four are later.
    const STEP_NS: u64 = 500;

    /// No timer is set earlier than this, however late they are.
    const MOST_NS: u64 = 100_000;

    fn note(&mut self, late_ns: u64) {
        self.usual_ns = if late_ns > self.usual_ns {
            (self.usual_ns + Self::STEP_NS).min(Self::MOST_NS)
        } else {
            self.usual_ns.saturating_sub(3 * Self::STEP_NS)
        };
    }
}

/// Readiness of sockets and a precise timer in one.
pub(super) struct Pacer {
    poll: Poll,
    events: Events,
    timer: TimerFd,
    pacing: Pacing,
    lateness: Lateness,
    /// How far away the next instant usually is.
    usually_ahead_ns: u64,
    hiccups: (u64, u64),
    /// From when on the loop should have gone on without a rest; 0 before it begins.
    watched_from_ns: u64,
    /// Sockets whose turn ended before they were read empty; readiness is told once only.
    unfinished: Vec<Ready>,
    /// Whether the last poll told of as many sockets as it can.
    is_full: bool,
}

impl Pacer {
    pub(super) fn new(pacing: Pacing) -> io::Result<Self> {
        let poll = Poll::new()?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let descriptor = timer.as_fd().as_raw_fd();
        poll.registry().register(&mut SourceFd(&descriptor), TIMER, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            timer,
            pacing,
            lateness: Lateness::default(),
            usually_ahead_ns: SPARSE_NS,
            hiccups: (0, 0),
            watched_from_ns: 0,
            unfinished: Vec::new(),
            is_full: false,
        })
    }

    /// Whether the loop goes on without rest while something is in flight.
    pub(super) fn spins(&self) -> bool {
        self.pacing == Pacing::Spin
    }

    /// To be told of each turn of a loop, so that its hiccups are counted, each once.
    pub(super) fn tick(&mut self, now_ns: u64) {
        self.expected_at_ns(self.watched_from_ns, now_ns);
        self.watched_from_ns = now_ns;
    }

    pub(super) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    pub(super) fn hiccups(&self) -> (u64, u64) {
        self.hiccups
    }

    /// Fills `ready` with the sockets on which something has happened; returns when there is one
    /// or the time has come. It is about `now_ns`.
    pub(super) fn wait(
        &mut self,
        now_ns: u64,
        until_ns: u64,
        in_flight: usize,
        ready: &mut Vec<Ready>,
    ) {
        let until_ns = if self.unfinished.is_empty() { until_ns } else { 0 };
        ready.append(&mut self.unfinished);
        let mut now_ns = now_ns;
        self.expected_at_ns(self.watched_from_ns, now_ns);
        if self.pacing == Pacing::Sleep && self.is_dense(until_ns, now_ns) {
            self.rest_for_a_lot(now_ns);
            return self.poll_once(None, ready);
        }
        loop {
            let early_ns = match self.pacing {
                Pacing::Sleep => self.lateness.usual_ns,
                Pacing::Hybrid => EARLY_HYBRID_NS,
                Pacing::Spin => EARLY_NS,
            };
            let rests = match self.pacing {
                Pacing::Sleep | Pacing::Hybrid => until_ns > now_ns + early_ns,
                Pacing::Spin => in_flight == 0 && until_ns > now_ns + 2 * early_ns,
            };
            let timer_ns = until_ns.saturating_sub(early_ns);
            let rest = rests.then(|| self.arm(timer_ns, now_ns));
            self.poll_once(rest, ready);
            self.watched_from_ns = if rests { until_ns.max(now_ns) } else { now_ns };
            if !ready.is_empty() || until_ns == 0 {
                return;
            }
            now_ns = monotonic_ns();
            if rests && now_ns >= timer_ns {
                self.lateness.note(now_ns - timer_ns);
            }
            self.tick(now_ns);
            if now_ns >= until_ns {
                return;
            }
        }
    }

    /// Whether instants follow each other so closely that no timer keeps them apart, this one among
    /// them; takes note of how far away it is.
    fn is_dense(&mut self, until_ns: u64, now_ns: u64) -> bool {
        let ahead_ns = until_ns.saturating_sub(now_ns).min(SPARSE_NS);
        if ahead_ns == 0 {
            return false;
        }
        self.usually_ahead_ns = (self.usually_ahead_ns * 7 + ahead_ns) / 8;
        self.usually_ahead_ns.max(ahead_ns) < DENSE_NS.max(self.lateness.usual_ns)
    }

    /// So dense a load costs a waking for each request and each reply unless it is taken in lots:
    /// less even, and much cheaper.
    fn rest_for_a_lot(&mut self, now_ns: u64) {
        std::thread::sleep(BATCH);
        self.watched_from_ns = now_ns + BATCH.as_nanos() as u64;
        self.lateness.note(monotonic_ns().saturating_sub(self.watched_from_ns));
    }

    /// Counts a hiccup where it is so much later than it should be.
    fn expected_at_ns(&mut self, expected_ns: u64, now_ns: u64) {
        if expected_ns > 0 && now_ns > expected_ns + HICCUP_NS {
            let (count, longest) = self.hiccups;
            self.hiccups = (count + 1, longest.max(now_ns - expected_ns));
        }
    }

    /// Whether a socket's turn ended before it was read empty.
    pub(super) fn has_unfinished(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// Whether something may have happened of which nobody was told yet: the last poll told as much
    /// as it can.
    pub(super) fn may_have_more(&self) -> bool {
        self.has_unfinished() || self.is_full
    }

    /// Counts this socket as ready once more at the next wait.
    pub(super) fn come_back_to(&mut self, socket: Ready) {
        self.unfinished.push(socket);
    }

    /// Looks for events; rests for them as [`arm`](Self::arm) has said, or not at all.
    fn poll_once(&mut self, rest: Option<Option<Duration>>, ready: &mut Vec<Ready>) {
        let timeout = rest.unwrap_or(Some(Duration::ZERO));
        self.is_full = false;
        // A signal may interrupt the wait; the loop around asks again.
        if self.poll.poll(&mut self.events, timeout).is_err() {
            return;
        }
        let mut told = 0;
        for event in &self.events {
            told += 1;
            if event.token() == TIMER {
                continue;
            }
            ready.push(Ready {
                socket: event.token().0,
                readable: event.is_readable(),
                writable: event.is_writable() || event.is_error(),
                ends: event.is_read_closed() || event.is_write_closed() || event.is_error(),
            });
        }
        self.is_full = told == EVENTS;
    }

    /// Sets the timer, and tells how long the poll may rest. Its own time-out is in milliseconds:
    /// enough for a long rest, while a short one is ended by the timer.
    fn arm(&self, timer_ns: u64, now_ns: u64) -> Option<Duration> {
        if timer_ns > now_ns + LONG_REST_NS {
            return Some(Duration::from_nanos(timer_ns - now_ns - LONG_REST_NS / 2));
        }
        let at = TimeSpec::from_duration(Duration::from_nanos(timer_ns.max(1)));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
        match self.timer.set(Expiration::OneShot(at), flags) {
            Ok(()) => None,
            Err(_) => Some(Duration::from_millis(1)),
        }
    }
}

/// A socket on which something has happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) socket: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The other side has closed, or there is an error: to be read to the end.
    pub(super) ends: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_set_as_early_as_three_of_four_are_late() {
        let mut lateness = Lateness::default();
        // 20, 80, 60, 40 µs in turn: between 20 and 40 µs three of four are later.
        for index in 0..4_000_u64 {
            lateness.note(20_000 * (1 + index * 3 % 4));
        }
        assert!((19_000..=41_000).contains(&lateness.usual_ns), "{lateness:?}");
        (0..1_000).for_each(|_| lateness.note(30_000));
        assert!((28_000..=31_000).contains(&lateness.usual_ns), "{lateness:?}");
        (0..1_000).for_each(|_| lateness.note(1_000_000));
        assert!(lateness.usual_ns <= Lateness::MOST_NS, "a machine that stalls says nothing");
    }
}
