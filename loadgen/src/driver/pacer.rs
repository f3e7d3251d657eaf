//! Precise waiting, for replies and for the instant when the next request is due.
//!
//! A sleeping thread wakes late, by 20 µs at best and often by 80. A generator with a core of its
//! own therefore spins: it polls for events without sleeping while a request is in flight or due
//! within milliseconds. Otherwise it sleeps, on a timer that is set early.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;

/// How long before the next instant a spinning generator wakes and starts to spin, in nanoseconds.
/// It sleeps only if that instant is at least twice as far away: a core that has slept has lost its
/// caches, which makes the next times longer by microseconds.
const EARLY_NS: u64 = 5_000_000;

/// The same for hybrid pacing, which saves processor time: the usual lateness of a precise timer.
const EARLY_HYBRID_NS: u64 = 60_000;

/// A turn of the spinning loop that takes longer than this, or a sleep that ends later than planned
/// by more than this, was interrupted and counts as a hiccup (nanoseconds).
const HICCUP_NS: u64 = 1_000_000;

/// A load is dense if its next instant is nearer than this, now and on average (nanoseconds). A
/// sleeping thread cannot keep such instants apart. If timers are usually later than this, their
/// usual lateness is the bound instead.
const DENSE_NS: u64 = 50_000;

/// The distance to the next instant that is assumed at first, in nanoseconds. Greater distances
/// count as this one.
const SPARSE_NS: u64 = 1_000_000;

/// How long a sleeping generator sleeps under a dense load; it then sends all that is due at once.
const BATCH: Duration = Duration::from_micros(150);

/// A sleep longer than this needs no precise timer for most of its length (nanoseconds).
const LONG_REST_NS: u64 = 10_000_000;

/// The most events that one poll reports.
const EVENTS: usize = 1024;

/// Token of the timer; those of sockets count from 0.
const TIMER: Token = Token(usize::MAX);

/// How the generator waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// Never sleeps while a request is due or in flight; needs a core of its own.
    Spin,
    /// Sleeps until shortly before the next instant, then spins. A reply that arrives in between
    /// wakes it, and is noticed late by the time that waking takes.
    Hybrid,
    /// Sleeps whenever there is nothing to do, on a timer set early by the usual lateness of
    /// timers. Replies are noticed late by the time that waking takes, and a dense load is sent in
    /// batches.
    Sleep,
}

impl Pacing {
    /// The pacing that suits `generators` threads on `cores` cores: they spin only if at least one
    /// core is left for the server.
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

/// Reads `CLOCK_MONOTONIC` in nanoseconds, the scale of the server's stamps on the same host.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    let now = now.expect("the clock exists on every Linux");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// The usual lateness of timers, which are set earlier by this much. It is a running estimate of
/// the lower quartile: one sleep in four ends too early, by little, and the rest of it is spun.
#[derive(Debug, Default)]
struct Lateness {
    usual_ns: u64,
}

impl Lateness {
    /// Step of the estimate in nanoseconds, up by one or down by three: the estimate settles where
    /// three of four timers are later.
    const STEP_NS: u64 = 500;

    /// The most that a timer is set early, however late timers are, in nanoseconds.
    const MOST_NS: u64 = 100_000;

    fn note(&mut self, late_ns: u64) {
        self.usual_ns = if late_ns > self.usual_ns {
            (self.usual_ns + Self::STEP_NS).min(Self::MOST_NS)
        } else {
            self.usual_ns.saturating_sub(3 * Self::STEP_NS)
        };
    }
}

/// Waits for ready sockets and for a precise timer at once.
pub(super) struct Pacer {
    poll: Poll,
    events: Events,
    timer: TimerFd,
    pacing: Pacing,
    lateness: Lateness,
    /// Moving average of the distance to the next instant, in nanoseconds.
    usually_ahead_ns: u64,
    hiccups: (u64, u64),
    /// The instant from which the loop should have run without a sleep; 0 before its first turn.
    watched_from_ns: u64,
    /// Sockets whose turn ended before they were read empty; the poll reports readiness only once.
    unfinished: Vec<Ready>,
    /// Whether the last poll reported as many events as it can.
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

    /// Whether the loop runs without sleeping while a request is in flight.
    pub(super) fn spins(&self) -> bool {
        self.pacing == Pacing::Spin
    }

    /// Notes a turn of the loop; to be called in each turn, so that each hiccup is counted once.
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

    /// Fills `ready` with the sockets on which something has happened; returns when there is one or
    /// `until_ns` is reached. `now_ns` is about the current time.
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

    /// Whether the load is dense (see [`DENSE_NS`]). Also adds the distance of this instant to the
    /// average.
    fn is_dense(&mut self, until_ns: u64, now_ns: u64) -> bool {
        let ahead_ns = until_ns.saturating_sub(now_ns).min(SPARSE_NS);
        if ahead_ns == 0 {
            return false;
        }
        self.usually_ahead_ns = (self.usually_ahead_ns * 7 + ahead_ns) / 8;
        self.usually_ahead_ns.max(ahead_ns) < DENSE_NS.max(self.lateness.usual_ns)
    }

    /// Sleeps for [`BATCH`]. Under a dense load each request and each reply would otherwise cost a
    /// wake-up; batches are less even, and much cheaper.
    fn rest_for_a_lot(&mut self, now_ns: u64) {
        std::thread::sleep(BATCH);
        self.watched_from_ns = now_ns + BATCH.as_nanos() as u64;
        self.lateness.note(monotonic_ns().saturating_sub(self.watched_from_ns));
    }

    /// Counts a hiccup if `now_ns` is later than expected by more than [`HICCUP_NS`].
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

    /// Whether there may be events that were not reported: a socket was not read empty, or the last
    /// poll reported as many as it can.
    pub(super) fn may_have_more(&self) -> bool {
        self.has_unfinished() || self.is_full
    }

    /// Reports this socket as ready again at the next wait.
    pub(super) fn come_back_to(&mut self, socket: Ready) {
        self.unfinished.push(socket);
    }

    /// Polls for events. `rest` is what [`arm`](Self::arm) returned, or `None` for no sleep.
    fn poll_once(&mut self, rest: Option<Option<Duration>>, ready: &mut Vec<Ready>) {
        let timeout = rest.unwrap_or(Some(Duration::ZERO));
        self.is_full = false;
        // A signal may interrupt the wait; the surrounding loop polls again.
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

    /// Sets the timer, and returns the time-out for the poll. The poll counts in milliseconds,
    /// which is enough for a long sleep; a short one is ended by the timer.
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
    /// The other side has closed, or there is an error; the socket is to be read to its end.
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
