//! Processor time and memory of processes that this program did not write: of a server's whole tree,
//! and of everything else on the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use procfs::process::{Process, StatFlags};
use results::InUse;

/// The processor time of every process that can be seen, in nanoseconds, by its own clock
/// (clock_getcpuclockid(3)). Its threads count, its children do not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clocks(BTreeMap<i32, u64>);

impl Clocks {
    /// Reads all of them.
    pub(crate) fn read() -> Self {
        Self(all_pids().into_iter().filter_map(|pid| Some((pid, clock_of(pid)?))).collect())
    }

    /// Processor time since an earlier reading of all processes but these. One that started in
    /// between counts with all its time, one that ended does not count.
    pub(crate) fn of_others_since(&self, earlier: &Self, mine: &BTreeSet<i32>) -> OthersUsed {
        let mut used = OthersUsed::default();
        for (pid, now) in self.0.iter().filter(|(pid, _)| !mine.contains(pid)) {
            let ns = now.saturating_sub(earlier.0.get(pid).copied().unwrap_or(0));
            match ns > 0 && is_of_the_kernel(*pid) {
                true => used.kernel_ns += ns,
                false => used.processes_ns += ns,
            }
        }
        used
    }
}

/// Processor time in nanoseconds that others used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OthersUsed {
    /// Other processes.
    pub(crate) processes_ns: u64,
    /// Threads of the kernel. They work for whoever makes the system calls: a server whose connections
    /// come and go keeps them busy with freeing its sockets.
    pub(crate) kernel_ns: u64,
}

/// Whether a process is a thread of the kernel.
fn is_of_the_kernel(pid: i32) -> bool {
    let flags = Process::new(pid).and_then(|it| it.stat()).and_then(|stat| stat.flags());
    flags.is_ok_and(|flags| flags.contains(StatFlags::PF_KTHREAD))
}

/// The processor time of a process in nanoseconds.
pub(crate) fn clock_of(pid: i32) -> Option<u64> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid)).ok()?;
    let time = clock_gettime(clock).ok()?;
    u64::try_from(time.num_nanoseconds()).ok()
}

fn all_pids() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A process with all that descend from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The processes.
    pub(crate) pids: BTreeSet<i32>,
}

/// What a tree has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TreeUsage {
    /// Processor time of the living processes, by their clocks.
    pub(crate) living_ns: u64,
    /// Processor time of processes that ended and were collected by one of the tree, in the
    /// kernel's ticks (10 ms).
    pub(crate) collected_ns: u64,
    /// The part of both that was spent in the kernel, 0 to 1.
    pub(crate) system_share: f64,
    /// Sum of the largest resident sets of the living processes. Pages that they share count for
    /// each.
    pub(crate) memory_bytes: u64,
    /// Context switches of the living threads: voluntary, involuntary.
    pub(crate) switches: (u64, u64),
}

impl Tree {
    /// The descendants of a process; with the process itself if `with_root`.
    pub(crate) fn below(root: i32, with_root: bool) -> Self {
        let parents: Vec<(i32, i32)> = all_pids()
            .into_iter()
            .filter_map(|pid| Some((pid, Process::new(pid).ok()?.stat().ok()?.ppid)))
            .collect();
        let mut pids = BTreeSet::from([root]);
        loop {
            let found: Vec<i32> = parents
                .iter()
                .filter(|(pid, parent)| pids.contains(parent) && !pids.contains(pid))
                .map(|(pid, _)| *pid)
                .collect();
            if found.is_empty() {
                break;
            }
            pids.extend(found);
        }
        if !with_root {
            pids.remove(&root);
        }
        Self { pids }
    }

    /// What it has open at the moment.
    pub(crate) fn in_use(&self) -> InUse {
        let mut in_use = InUse { processes: self.pids.len() as u64, ..InUse::default() };
        for pid in &self.pids {
            let entries = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}"));
            for descriptor in entries("fd").into_iter().flatten().flatten() {
                let target = fs::read_link(descriptor.path()).unwrap_or_default();
                in_use.descriptors += 1;
                in_use.sockets += u64::from(target.to_string_lossy().starts_with("socket:"));
            }
            in_use.threads += entries("task").map_or(0, |tasks| tasks.count() as u64);
        }
        in_use
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> TreeUsage {
        let mut usage = TreeUsage::default();
        let (mut user, mut system) = (0_u64, 0_u64);
        let tick_ns = 1_000_000_000 / procfs::ticks_per_second();
        for pid in &self.pids {
            usage.living_ns += clock_of(*pid).unwrap_or(0);
            let Ok(process) = Process::new(*pid) else { continue };
            if let Ok(stat) = process.stat() {
                let collected = stat.cutime.max(0) as u64 + stat.cstime.max(0) as u64;
                usage.collected_ns += collected * tick_ns;
                user += stat.utime + stat.cutime.max(0) as u64;
                system += stat.stime + stat.cstime.max(0) as u64;
            }
            if let Ok(status) = process.status() {
                usage.memory_bytes += status.vmhwm.unwrap_or(0) * 1024;
            }
            for status in process.tasks().into_iter().flatten().flatten().flat_map(|it| it.status())
            {
                usage.switches.0 += status.voluntary_ctxt_switches.unwrap_or(0);
                usage.switches.1 += status.nonvoluntary_ctxt_switches.unwrap_or(0);
            }
        }
        usage.system_share = system as f64 / (user + system).max(1) as f64;
        usage
    }
}

/// The processor time of all children of this process that ended and were waited for, with theirs,
/// in nanoseconds.
pub(crate) fn collected_children_ns() -> u64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return 0 };
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros.max(0) as u64 * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_process_grows_with_its_work() {
        let own = std::process::id() as i32;
        let before = clock_of(own).expect("it lives");
        let mut sum = 0_u64;
        while clock_of(own).is_some_and(|now| now < before + 5_000_000) {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        assert!(clock_of(own).is_some_and(|now| now >= before + 5_000_000), "{sum}");
        assert_eq!(clock_of(4_194_305), None, "no process has a number beyond 2^22");
    }

    #[test]
    fn threads_of_the_kernel_are_told_apart() {
        assert!(!is_of_the_kernel(std::process::id() as i32));
        let name = |pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        // In a container there may be none to see.
        if name(2).trim() == "kthreadd" {
            assert!(is_of_the_kernel(2));
        }
    }

    #[test]
    fn descendants_are_found_however_deep() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sh -c 'sleep 60; :' & wait"])
            .spawn()
            .expect("a shell");
        let pid = child.id() as i32;
        let deep = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            Tree::below(pid, false).pids.len() >= 2
        });
        let tree = Tree::below(pid, true);
        for pid in tree.pids.iter().rev() {
            let _ = nix::sys::signal::kill(Pid::from_raw(*pid), nix::sys::signal::Signal::SIGKILL);
        }
        let _ = child.wait();
        assert!(deep && tree.pids.contains(&pid), "{tree:?}");
    }
}
