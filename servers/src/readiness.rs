//! Which of many descriptors are ready, by epoll(7); every event loop uses it.

use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// The most events taken from the kernel in one call.
const EVENTS: usize = 256;

/// What a descriptor is watched for, and how often its readiness is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Input, reported by every wait while there is any (level-triggered).
    Input,
    /// As `Input`, for a listener that several loops watch: the kernel wakes one of them, not all.
    InputForOne,
    /// Input, reported once when it arrives (edge-triggered): the loop takes all of it.
    NewInput,
    /// Input, space for output, and the end, each reported once: for a client's socket.
    Changes,
}

impl Watch {
    fn flags(self) -> EpollFlags {
        match self {
            Self::Input => EpollFlags::EPOLLIN,
            Self::InputForOne => EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE,
            Self::NewInput => EpollFlags::EPOLLIN | EpollFlags::EPOLLET,
            Self::Changes => {
                let all = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP;
                all | EpollFlags::EPOLLET
            }
        }
    }
}

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// The mark of the descriptor.
    pub(crate) mark: u64,
    /// Whether there is something to read, perhaps the end.
    pub(crate) readable: bool,
    /// Whether the other side has closed.
    pub(crate) ended: bool,
}

/// The events of one wait.
pub(crate) struct Events {
    buffer: [EpollEvent; EVENTS],
    count: usize,
}

impl Events {
    /// An empty buffer for one wait.
    pub(crate) fn new() -> Self {
        Self { buffer: [EpollEvent::empty(); EVENTS], count: 0 }
    }

    /// The ready descriptors, in the kernel's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Ready> + '_ {
        self.buffer[..self.count].iter().map(|event| {
            let flags = event.events();
            let ended = flags.intersects(EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP);
            let readable = ended || flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLERR);
            Ready { mark: event.data(), readable, ended }
        })
    }
}

/// The descriptors that a loop watches.
pub(crate) struct Readiness(Epoll);

impl Readiness {
    /// A set without descriptors.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
    }

    /// Watches a descriptor until it is closed; its events carry the mark.
    ///
    /// # Errors
    /// When the kernel has no memory left for it.
    pub(crate) fn watch(&self, descriptor: impl AsFd, mark: u64, how: Watch) -> io::Result<()> {
        Ok(self.0.add(descriptor, EpollEvent::new(how.flags(), mark))?)
    }

    /// Stops watching a descriptor.
    ///
    /// # Errors
    /// When it was not watched.
    pub(crate) fn leave(&self, descriptor: impl AsFd) -> io::Result<()> {
        Ok(self.0.delete(descriptor)?)
    }

    /// Waits until something is ready. A signal ends the wait without events.
    ///
    /// # Errors
    /// Those of the epoll descriptor itself.
    pub(crate) fn wait(&self, events: &mut Events) -> io::Result<()> {
        self.wait_for(events, EpollTimeout::NONE)
    }

    /// Takes what is ready now, without waiting.
    ///
    /// # Errors
    /// Those of the epoll descriptor itself.
    pub(crate) fn look(&self, events: &mut Events) -> io::Result<()> {
        self.wait_for(events, EpollTimeout::ZERO)
    }

    fn wait_for(&self, events: &mut Events, timeout: EpollTimeout) -> io::Result<()> {
        events.count = match self.0.wait(&mut events.buffer, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }
}
