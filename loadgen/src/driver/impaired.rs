//! A transport behind a network that loses, doubles and reorders requests. Replies pass unharmed.

use protocol::Request;
use results::Injected;
use workload::{Fate, Fates};

use super::transport::{Event, Noticed, Started, Transport};

/// A request that is held back waits at most so long, in nanoseconds, for another to overtake it.
const LONGEST_HOLD_NS: u64 = 10_000_000;

/// A transport behind such a network.
pub struct Impaired<T> {
    inner: T,
    fates: Fates,
    /// The fate of the request that is to be sent next.
    next: Option<Fate>,
    held: Option<Held>,
    done: Injected,
}

/// A request that waits for the next one to overtake it.
struct Held {
    client: u32,
    request: Request,
    last: bool,
    since_ns: u64,
}

impl<T: Transport> Impaired<T> {
    /// Puts the network before a transport.
    pub fn new(inner: T, fates: Fates) -> Self {
        Self { inner, fates, next: None, held: None, done: Injected::default() }
    }

    /// Sends what is held back; returns whether there was something that the kernel took.
    fn release(&mut self) -> bool {
        let Some(held) = &self.held else { return false };
        match self.inner.start(held.client, &held.request, held.last) {
            Started::Later => false,
            Started::Sent(_) | Started::Impossible(_) => {
                self.held = None;
                true
            }
        }
    }

    fn deliver(&mut self, fate: Fate, client: u32, request: &Request, last: bool) -> Started {
        let started = self.inner.start(client, request, last);
        if let Started::Sent(_) = started {
            if fate == Fate::Duplicate
                && let Started::Sent(_) = self.inner.start(client, request, last)
            {
                self.done.duplicated += 1;
            }
            self.done.reordered += u64::from(self.release());
        }
        started
    }
}

impl<T: Transport> Transport for Impaired<T> {
    const BATCH: usize = T::BATCH;

    fn now_ns(&self) -> u64 {
        self.inner.now_ns()
    }

    fn start(&mut self, client: u32, request: &Request, last: bool) -> Started {
        // A request that the kernel does not take is tried again, and keeps its fate.
        let fate = self.next.take().or_else(|| self.fates.next()).unwrap_or(Fate::Pass);
        let now_ns = self.inner.now_ns();
        match fate {
            Fate::Drop => {
                self.done.dropped += 1;
                Started::Sent(now_ns)
            }
            Fate::Reorder if self.held.is_none() => {
                let request = *request;
                self.held = Some(Held { client, request, last, since_ns: now_ns });
                Started::Sent(now_ns)
            }
            fate => {
                let started = self.deliver(fate, client, request, last);
                self.next = (started == Started::Later).then_some(fate);
                started
            }
        }
    }

    fn flush(&mut self) {
        self.inner.flush();
    }

    fn wait(&mut self, now_ns: u64, until_ns: u64, in_flight: usize, happened: &mut Vec<Event>) {
        let mut until_ns = until_ns;
        if let Some(held) = &self.held {
            let due_ns = held.since_ns + LONGEST_HOLD_NS;
            if now_ns >= due_ns {
                self.release();
                self.inner.flush();
            } else {
                until_ns = until_ns.min(due_ns);
            }
        }
        self.inner.wait(now_ns, until_ns, in_flight, happened);
    }

    fn socket_of(&self, client: u32) -> u32 {
        self.inner.socket_of(client)
    }

    fn numbers_requests(&self) -> bool {
        self.inner.numbers_requests()
    }

    fn has_unread(&self) -> bool {
        self.inner.has_unread()
    }

    fn leave(&mut self, client: u32) {
        self.inner.leave(client);
    }

    fn abandon(&mut self, id: u64) {
        self.inner.abandon(id);
    }

    fn hiccups(&self) -> (u64, u64) {
        self.inner.hiccups()
    }

    fn noticed(&self) -> Noticed {
        Noticed { injected: Some(self.done), ..self.inner.noticed() }
    }

    fn most_refusals(&self) -> u64 {
        self.inner.most_refusals()
    }
}
