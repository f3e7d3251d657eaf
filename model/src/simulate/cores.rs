//! Processors that threads share: evenly, or in time slices.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::order::Instant;

/// Threads that compute, each for a given processor time, and the processors that they share.
#[derive(Debug)]
pub(super) struct Cores<T> {
    count: f64,
    sharing: Sharing<T>,
    entries: u64,
    /// What computes now, in any place that a thread's slot names.
    threads: Vec<Option<T>>,
    free: Vec<usize>,
}

#[derive(Debug)]
enum Sharing<T> {
    /// Every thread at the same speed, one processor at most. Threads end in the order of the
    /// virtual time at which they would (Parekh & Gallager 1993): it runs as fast as each thread.
    Even {
        virtual_ns: f64,
        at_ns: f64,
        ends: BinaryHeap<Reverse<(Instant, usize)>>,
        kind: std::marker::PhantomData<T>,
    },
    /// Round robin: each in turn for a slice.
    Slices {
        slice_ns: f64,
        /// Thread and what it still needs.
        ready: VecDeque<(usize, f64)>,
        /// The end of a slice, the thread, and what it needs after it.
        running: BinaryHeap<Reverse<(Instant, usize, Instant)>>,
    },
}

impl<T> Cores<T> {
    pub(super) fn new(count: u32, slice_ns: f64) -> Self {
        let sharing = if slice_ns > 0.0 {
            Sharing::Slices { slice_ns, ready: VecDeque::new(), running: BinaryHeap::new() }
        } else {
            Sharing::Even {
                virtual_ns: 0.0,
                at_ns: 0.0,
                ends: BinaryHeap::new(),
                kind: std::marker::PhantomData,
            }
        };
        let count = f64::from(count.max(1));
        Self { count, sharing, entries: 0, threads: Vec::new(), free: Vec::new() }
    }

    /// Begins to compute for `demand_ns`.
    pub(super) fn begin(&mut self, now_ns: f64, demand_ns: f64, thread: T) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.threads.push(None);
            self.threads.len() - 1
        });
        self.threads[slot] = Some(thread);
        self.entries += 1;
        let entry = self.entries;
        match &mut self.sharing {
            Sharing::Even { virtual_ns, at_ns, ends, .. } => {
                *virtual_ns += (now_ns - *at_ns) * speed(self.count, ends.len());
                *at_ns = now_ns;
                ends.push(Reverse((Instant(*virtual_ns + demand_ns, entry), slot)));
            }
            Sharing::Slices { ready, .. } => {
                ready.push_back((slot, demand_ns));
                self.fill(now_ns);
            }
        }
    }

    /// Gives free processors to threads that are ready (time slices).
    fn fill(&mut self, now_ns: f64) {
        let Sharing::Slices { slice_ns, ready, running } = &mut self.sharing else { return };
        while (running.len() as f64) < self.count
            && let Some((slot, needs_ns)) = ready.pop_front()
        {
            self.entries += 1;
            let turn_ns = needs_ns.min(*slice_ns);
            let end = Instant(now_ns + turn_ns, self.entries);
            running.push(Reverse((end, slot, Instant(needs_ns - turn_ns, 0))));
        }
    }

    /// When the next thread ends, or a slice does, if no other begins before.
    pub(super) fn next_ns(&self) -> Option<f64> {
        match &self.sharing {
            Sharing::Even { virtual_ns, at_ns, ends, .. } => {
                let Reverse((Instant(end, _), _)) = ends.peek()?;
                let left = (end - virtual_ns).max(0.0);
                Some(at_ns + left / speed(self.count, ends.len()))
            }
            Sharing::Slices { running, .. } => running.peek().map(|Reverse((end, ..))| end.0),
        }
    }

    /// The thread that ends at `now_ns`, which is what [`Self::next_ns`] said; `None` if only a
    /// slice ends.
    pub(super) fn end(&mut self, now_ns: f64) -> Option<T> {
        let slot = match &mut self.sharing {
            Sharing::Even { virtual_ns, at_ns, ends, .. } => {
                let Reverse((Instant(end, _), slot)) = ends.pop()?;
                (*virtual_ns, *at_ns) = (end, now_ns);
                if ends.is_empty() {
                    *virtual_ns = 0.0; // so that precision does not decay with the length of a run
                }
                slot
            }
            Sharing::Slices { ready, running, .. } => {
                let Reverse((_, slot, Instant(needs_ns, _))) = running.pop()?;
                let ends = needs_ns <= 0.0;
                if !ends {
                    ready.push_back((slot, needs_ns));
                }
                self.fill(now_ns);
                if !ends {
                    return None;
                }
                slot
            }
        };
        self.free.push(slot);
        self.threads[slot].take()
    }
}

/// How fast each of `threads` computes on `count` processors.
fn speed(count: f64, threads: usize) -> f64 {
    let threads = threads as f64;
    if threads <= count { 1.0 } else { count / threads }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends of threads that begin at given instants with given demands.
    fn ends(cores: u32, slice_ns: f64, begins: &[(f64, f64)]) -> Vec<(usize, f64)> {
        let mut its = Cores::new(cores, slice_ns);
        let (mut found, mut left) = (Vec::new(), begins.iter().enumerate().peekable());
        loop {
            let (begins, ends) = (left.peek().map(|(_, (at, _))| *at), its.next_ns());
            match (begins, ends) {
                (Some(at), end) if end.is_none_or(|end| at < end) => {
                    let (number, (_, demand)) = left.next().expect("peeked");
                    its.begin(at, *demand, number);
                }
                (_, Some(end)) => found.extend(its.end(end).map(|number| (number, end))),
                _ => return found,
            }
        }
    }

    #[test]
    fn threads_share_evenly() {
        // Two at once on one core: the shorter ends at 2, the longer has 1 of 2 done and ends at 3.
        assert_eq!(ends(1, 0.0, &[(0.0, 2.0), (0.0, 1.0)]), [(1, 2.0), (0, 3.0)]);
        assert_eq!(ends(2, 0.0, &[(0.0, 2.0), (0.0, 1.0)]), [(1, 1.0), (0, 2.0)]);
        assert_eq!(ends(1, 0.0, &[(0.0, 2.0), (1.0, 3.0)]), [(0, 3.0), (1, 5.0)]);
    }

    #[test]
    fn threads_take_turns() {
        // Slices of 1: threads 0, 1, 0, 1 in turn.
        assert_eq!(ends(1, 1.0, &[(0.0, 2.0), (0.0, 1.5)]), [(0, 3.0), (1, 3.5)]);
        assert_eq!(ends(1, 10.0, &[(0.0, 2.0), (0.0, 1.0)]), [(0, 2.0), (1, 3.0)]);
        // Three on two processors: each has two thirds of one.
        let three = ends(2, 1.0, &[(0.0, 10.0), (0.0, 10.0), (0.0, 10.0)]);
        assert!(three.iter().all(|(_, end)| (14.0..=15.5).contains(end)), "{three:?}");
    }

    #[test]
    fn short_slices_are_nearly_even() {
        let begins = [(0.0, 5.0), (1.0, 2.0), (1.5, 7.0), (20.0, 1.0)];
        let (mut even, mut sliced) = (ends(1, 0.0, &begins), ends(1, 1e-3, &begins));
        even.sort_unstable_by_key(|it| it.0);
        sliced.sort_unstable_by_key(|it| it.0);
        for (one, other) in even.iter().zip(&sliced) {
            assert!((one.1 - other.1).abs() < 0.01, "{even:?} {sliced:?}");
        }
    }
}
