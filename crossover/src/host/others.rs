//! What other programs took of a run's cores. Response times are not looked at, so that no run is
//! chosen by its outcome.

use std::collections::BTreeSet;
use std::time::Instant;

use results::Placement;

use super::machine::KernelCounters;
use super::process_tree::{Clocks, Tree, clock_of};

/// A tick of /proc/stat: 10 ms.
const TICK_NS: u64 = 10_000_000;

/// A reading before a run.
pub(crate) struct Others {
    clocks: Clocks,
    counters: KernelCounters,
    cores: Vec<usize>,
    /// Processor time of the server so far, its collected children not included.
    server_ns: u64,
    begun: Instant,
}

/// What was read before and after a run.
pub(crate) struct OthersSeen {
    /// Processor time of all processes that can be seen and do not belong to the run.
    seen_ns: u64,
    /// Processor time of everything on the run's cores, in ticks of 10 ms; interrupts not included.
    busy_ns: u64,
    /// Whether the run had every core of the machine.
    has_all_cores: bool,
    ticks_of_doubt: u64,
    server_before_ns: u64,
    elapsed_ns: u64,
}

impl Others {
    /// Begins to watch. `server` is the server's process, or this one's.
    pub(crate) fn watch(server: i32, placement: &Placement) -> Self {
        let mut cores = [&placement.generator_cores[..], &placement.server_cores].concat();
        cores.sort_unstable();
        cores.dedup();
        let is_own = server == std::process::id() as i32;
        Self {
            server_ns: if is_own { 0 } else { clock_of(server).unwrap_or(0) },
            clocks: Clocks::read(),
            counters: KernelCounters::read(),
            cores,
            begun: Instant::now(),
        }
    }

    /// Ends watching, before the server is ended.
    pub(crate) fn stop(self, server: i32) -> OthersSeen {
        self.stop_with(Tree::below(server, true))
    }

    /// Ends watching a run whose server is this tree.
    pub(crate) fn stop_with(self, server: Tree) -> OthersSeen {
        let counters = KernelCounters::read();
        let mut mine: BTreeSet<i32> = server.pids;
        mine.insert(std::process::id() as i32);
        let (busy_ns, all) = counters.busy_ns_since(&self.counters, &self.cores);
        OthersSeen {
            seen_ns: Clocks::read().of_others_since(&self.clocks, &mine),
            busy_ns,
            has_all_cores: all,
            ticks_of_doubt: 2 * self.cores.len() as u64,
            server_before_ns: self.server_ns,
            elapsed_ns: self.begun.elapsed().as_nanos() as u64,
        }
    }
}

impl OthersSeen {
    /// The fraction of the run's time that others took of its cores. `server_ns` is what the server
    /// used from its start to its end, `generator_ns` what the generator used.
    pub(crate) fn share(&self, server_ns: u64, generator_ns: u64, wall_ns: u64) -> f64 {
        let own_ns = server_ns.saturating_sub(self.server_before_ns) + generator_ns;
        let by_ticks = self.busy_ns.saturating_sub(own_ns);
        let doubt = self.ticks_of_doubt * TICK_NS;
        // Ticks are coarse, but they miss nobody and know the core.
        let certain = by_ticks.saturating_sub(doubt);
        let seen = match self.has_all_cores {
            true => self.seen_ns,
            false => self.seen_ns.min(by_ticks + doubt),
        };
        seen.max(certain) as f64 / wall_ns.max(self.elapsed_ns).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seen_ms: u64, busy_ms: u64, has_all_cores: bool) -> OthersSeen {
        OthersSeen {
            seen_ns: seen_ms * 1_000_000,
            busy_ns: busy_ms * 1_000_000,
            has_all_cores,
            ticks_of_doubt: 4,
            server_before_ns: 5_000_000,
            elapsed_ns: 0,
        }
    }

    #[test]
    fn what_others_took_is_seen_by_clocks_or_by_ticks() {
        let share = |it: &OthersSeen| it.share(105_000_000, 100_000_000, 1_000_000_000);
        assert_eq!(share(&seen(30, 240, true)), 0.03, "one process with 30 ms");
        assert_eq!(share(&seen(0, 340, true)), 0.1, "140 ms of nobody who can still be seen");
        assert_eq!(share(&seen(500, 200, false)), 0.04, "most of it was on other cores");
        assert_eq!(share(&seen(0, 230, true)), 0.0, "within the doubt of the ticks");
    }
}
