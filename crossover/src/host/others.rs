//! What other programs took of a run's cores. Response times are not looked at, so that no run is
//! chosen by its outcome.

use std::collections::BTreeSet;
use std::time::Instant;

use results::Placement;

use super::machine::KernelCounters;
use super::process_tree::{Clocks, OthersUsed, Tree, clock_of};

/// A tick of /proc/stat: 10 ms.
const TICK_NS: u64 = 10_000_000;

/// A reading before a run.
pub(crate) struct Others {
    clocks: Clocks,
    counters: KernelCounters,
    cores: Vec<usize>,
    /// Processor time of the server so far, its collected children not included.
    server_ns: u64,
    /// Processor time of this program so far.
    own_ns: u64,
    begun: Instant,
}

/// What was read before and after a run.
pub(crate) struct OthersSeen {
    /// Processor time of all that can be seen and does not belong to the run.
    used: OthersUsed,
    /// Processor time of everything on the run's cores, in ticks of 10 ms; interrupts not included.
    busy_ns: u64,
    /// Whether the run had every core of the machine.
    has_all_cores: bool,
    ticks_of_doubt: u64,
    server_before_ns: u64,
    /// What this program used meanwhile, for opening its connections too.
    own_ns: u64,
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
            own_ns: own_clock(),
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
            used: Clocks::read().of_others_since(&self.clocks, &mine),
            busy_ns,
            has_all_cores: all,
            ticks_of_doubt: 2 * self.cores.len() as u64,
            server_before_ns: self.server_ns,
            own_ns: own_clock().saturating_sub(self.own_ns),
            elapsed_ns: self.begun.elapsed().as_nanos() as u64,
        }
    }
}

fn own_clock() -> u64 {
    clock_of(std::process::id() as i32).unwrap_or(0)
}

impl OthersSeen {
    /// The fraction of the run's time that others took of its cores. `server_ns` is what the server
    /// used from its start to its end, `generator_ns` what the generator used. The kernel counts a tick
    /// for whoever runs when its timer fires; under a load that is even (`is_even`) that may be always
    /// the server, or never.
    pub(crate) fn share(
        &self,
        server_ns: u64,
        generator_ns: u64,
        wall_ns: u64,
        is_even: bool,
    ) -> f64 {
        let server_ns = server_ns.saturating_sub(self.server_before_ns);
        let own_ns = server_ns + generator_ns.max(self.own_ns);
        // What the kernel's threads do may be for the run, so it does not count as a disturbance.
        let by_ticks = self.busy_ns.saturating_sub(own_ns + self.used.kernel_ns);
        let doubt = self.ticks_of_doubt * TICK_NS;
        // Ticks are coarse, but they miss nobody and know the core.
        let certain = if is_even { 0 } else { by_ticks.saturating_sub(doubt) };
        let seen = match self.has_all_cores || is_even {
            true => self.used.processes_ns,
            false => self.used.processes_ns.min(by_ticks + doubt),
        };
        seen.max(certain) as f64 / wall_ns.max(self.elapsed_ns).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seen_ms: u64, busy_ms: u64, has_all_cores: bool) -> OthersSeen {
        OthersSeen {
            used: OthersUsed { processes_ns: seen_ms * 1_000_000, kernel_ns: 20_000_000 },
            busy_ns: busy_ms * 1_000_000,
            has_all_cores,
            ticks_of_doubt: 4,
            server_before_ns: 5_000_000,
            own_ns: 0,
            elapsed_ns: 0,
        }
    }

    #[test]
    fn what_others_took_is_seen_by_clocks_or_by_ticks() {
        let share = |it: &OthersSeen| it.share(105_000_000, 100_000_000, 1_000_000_000, false);
        assert_eq!(share(&seen(30, 260, true)), 0.03, "one process with 30 ms");
        assert_eq!(share(&seen(0, 360, true)), 0.1, "140 ms of nobody who can still be seen");
        assert_eq!(share(&seen(500, 220, false)), 0.04, "most of it was on other cores");
        assert_eq!(share(&seen(0, 250, true)), 0.0, "within the doubt of the ticks");
        let even = seen(30, 360, true).share(105_000_000, 100_000_000, 1_000_000_000, true);
        assert_eq!(even, 0.03, "ticks do not count under an even load");
        let connecting = OthersSeen { own_ns: 240_000_000, ..seen(0, 360, true) };
        assert_eq!(share(&connecting), 0.0, "the generator had opened its connections");
    }
}
