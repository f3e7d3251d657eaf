//! The counts of a server, in memory that its forked workers share with it.
//!
//! The mapping is created once, before any worker, so that threads and processes count in the same
//! slots and the master can read the counts after the workers have ended. Stevens' servers count
//! the requests of each child in the same way (UNP vol. 1, ch. 30, `meter.c`).
#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use crate::limits::MAX_WORKERS;
use crate::loops::{self, Repetitions};

/// No worker occupies this slot.
pub(crate) const FREE: i32 = 0;
/// A thread of the server's own process occupies this slot.
pub(crate) const THREAD: i32 = -1;

/// The counts of a server so far.
#[repr(C)]
pub struct Tally {
    received: AtomicU64,
    dropped: AtomicU64,
    pub(crate) repetitions: Repetitions,
    slots: [SlotTally; MAX_WORKERS as usize],
}

/// One worker's slot: its occupant (a process id, [`THREAD`] or [`FREE`]), and its counts. Each
/// slot has its own cache line, so that workers do not slow each other down by counting.
#[repr(C, align(64))]
pub(crate) struct SlotTally {
    pub(crate) occupant: AtomicI32,
    pub(crate) answered: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl Tally {
    /// Maps a tally of zeros that forked processes will share; it lives as long as the process.
    ///
    /// # Errors
    /// When the kernel has no memory for the mapping.
    pub fn shared() -> io::Result<&'static Self> {
        loops::draw_keys();
        let length = NonZeroUsize::new(size_of::<Self>()).expect("a tally is not empty");
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: an anonymous mapping at an address of the kernel's choice; it overlaps nothing.
        let memory = unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_SHARED) }?;
        // SAFETY: the mapping has the size of a `Tally`, is page-aligned and so aligned for it,
        // is never unmapped, and its zeros are a valid value: the type holds atomic integers only,
        // which is also why sharing it between threads and processes is sound.
        Ok(unsafe { memory.cast::<Self>().as_ref() })
    }

    /// Counts one request received; returns the number so far, including this one.
    pub fn count_received(&self) -> u64 {
        self.received.fetch_add(1, Relaxed) + 1
    }

    /// Counts one request that got no reply.
    pub fn count_dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    /// Counts one request answered by the worker in this slot.
    pub fn count_answered(&self, slot: u32) {
        self.slots[slot as usize].answered.fetch_add(1, Relaxed);
    }

    /// Counts one request refused by the worker in this slot.
    pub fn count_refused(&self, slot: u32) {
        self.slots[slot as usize].refused.fetch_add(1, Relaxed);
    }

    /// Requests received so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Requests that got no reply.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Requests answered, by all workers.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.slots.iter().map(|slot| slot.answered.load(Relaxed)).sum()
    }

    /// Requests refused, by all workers.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.slots.iter().map(|slot| slot.refused.load(Relaxed)).sum()
    }

    /// Requests answered in each slot, up to the last slot ever used.
    pub fn answered_by_slot(&self) -> impl Iterator<Item = u64> {
        let used = self.slots.iter().rposition(|slot| slot.answered.load(Relaxed) > 0);
        self.slots[..used.map_or(0, |last| last + 1)].iter().map(|slot| slot.answered.load(Relaxed))
    }

    pub(crate) fn slots(&self) -> &[SlotTally] {
        &self.slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_places() {
        let tally = Tally::shared().expect("memory for a tally");
        assert_eq!((tally.answered(), tally.answered_by_slot().count()), (0, 0));
        for slot in [0, 2, 2] {
            tally.count_answered(slot);
        }
        tally.count_refused(1);
        assert_eq!(tally.answered(), 3);
        assert_eq!(tally.refused(), 1);
        assert_eq!(tally.answered_by_slot().collect::<Vec<_>>(), [1, 0, 2]);
        assert_eq!((tally.count_received(), tally.count_received()), (1, 2));
    }
}
