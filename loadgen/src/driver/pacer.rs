//! Waiting precisely: for replies, and for the instant at which the next request is due.
//!
//! A sleeping thread wakes late, by 20 µs at best and often by 80. Where the generator has a core
//! of its own it therefore spins: it asks for events without resting as long as something is in
//! flight or about to be due, and rests, on a timer set a little early, only when nothing is.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;

/// Spinning begins so long before an instant; a timer's lateness is seldom more.
const EARLY_NS: u64 = 150_000;

/// A turn of the spinning loop that takes longer than this was interrupted.
const HICCUP_NS: u64 = 1_000_000;

/// The timer's own token; sockets count from 0.
const TIMER: Token = Token(usize::MAX);

/// How the generator waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// Never resting while anything is due or in flight; needs a core of its own.
    Spin,
    /// Resting whenever there is nothing to do; wakes late.
    Sleep,
}

/// `CLOCK_MONOTONIC` in nanoseconds, the scale of the server's stamps on the same host.
pub(super) fn monotonic_ns() -> u64 {
    let now = clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    Duration::from(now.expect("the clock exists on every Linux")).as_nanos() as u64
}

/// Readiness of sockets and a precise timer in one.
pub(super) struct Pacer {
    poll: Poll,
    events: Events,
    timer: TimerFd,
    pacing: Pacing,
    hiccups: (u64, u64),
    /// Sockets whose turn ended before they were read empty; readiness is told once only.
    unfinished: Vec<Ready>,
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
            events: Events::with_capacity(1024),
            timer,
            pacing,
            hiccups: (0, 0),
            unfinished: Vec::new(),
        })
    }

    pub(super) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    pub(super) fn hiccups(&self) -> (u64, u64) {
        self.hiccups
    }

    /// Fills `ready` with the sockets on which something has happened; returns when there is one
    /// or the time has come.
    pub(super) fn wait(&mut self, until_ns: u64, in_flight: usize, ready: &mut Vec<Ready>) {
        let until_ns = if self.unfinished.is_empty() { until_ns } else { 0 };
        ready.append(&mut self.unfinished);
        let mut before_ns = monotonic_ns();
        loop {
            let rests = match self.pacing {
                Pacing::Sleep => until_ns > before_ns,
                Pacing::Spin => in_flight == 0 && until_ns > before_ns + 2 * EARLY_NS,
            };
            self.poll_once(rests.then_some(until_ns), ready);
            let now_ns = monotonic_ns();
            if !rests && now_ns - before_ns > HICCUP_NS {
                let (count, longest) = self.hiccups;
                self.hiccups = (count + 1, longest.max(now_ns - before_ns));
            }
            if !ready.is_empty() || now_ns >= until_ns {
                return;
            }
            before_ns = now_ns;
        }
    }

    /// Counts this socket as ready once more at the next wait.
    pub(super) fn come_back_to(&mut self, socket: Ready) {
        self.unfinished.push(socket);
    }

    /// Looks for events; rests for them until about the time given, or not at all.
    fn poll_once(&mut self, rest_until_ns: Option<u64>, ready: &mut Vec<Ready>) {
        let timeout = rest_until_ns.map_or(Some(Duration::ZERO), |until_ns| self.arm(until_ns));
        // A signal may interrupt the wait; the loop around asks again.
        if self.poll.poll(&mut self.events, timeout).is_err() {
            return;
        }
        for event in self.events.iter().filter(|event| event.token() != TIMER) {
            ready.push(Ready {
                socket: event.token().0,
                readable: event.is_readable() || event.is_read_closed() || event.is_error(),
                writable: event.is_writable() || event.is_write_closed() || event.is_error(),
            });
        }
    }

    /// Sets the timer; the poll itself then needs no time-out, which would be in milliseconds.
    fn arm(&self, until_ns: u64) -> Option<Duration> {
        let at_ns = match self.pacing {
            Pacing::Sleep => until_ns,
            Pacing::Spin => until_ns.saturating_sub(EARLY_NS),
        };
        let at = TimeSpec::from_duration(Duration::from_nanos(at_ns.max(1)));
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
}
