//! Which cores the generator and the server use, and keeping idle cores awake.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use results::Placement;

/// Keeps `/dev/cpu_dma_latency` open with the value 0 while it exists, so that the kernel lets no
/// core enter an idle state that is slow to leave.
pub struct LatencyHold(Option<File>);

impl LatencyHold {
    /// Takes the hold where that is permitted, which usually needs root.
    #[must_use]
    pub fn take() -> Self {
        let held = OpenOptions::new()
            .write(true)
            .open("/dev/cpu_dma_latency")
            .and_then(|mut file| file.write_all(&0_i32.to_ne_bytes()).map(|()| file));
        Self(held.ok())
    }

    /// Leaves the file as it is.
    #[must_use]
    pub fn leave() -> Self {
        Self(None)
    }

    /// Whether it is held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.is_some()
    }
}

/// The cores that this process may use.
pub(crate) fn cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return vec![0] };
    (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect()
}

/// The cores that this process could use if its parent had not restricted it. A thread may undo
/// taskset(1), but not cpuset(7). If this list is longer than that of [`cores`], the other cores
/// were left to the server.
pub(crate) fn cores_within_reach() -> Vec<usize> {
    let everywhere: Vec<usize> = (0..CpuSet::count()).collect();
    // A new thread asks, because asking changes its affinity. Without one nothing more is known.
    let asked = thread::Builder::new().spawn(move || {
        stay_on(&everywhere);
        cores()
    });
    asked.ok().and_then(|asked| asked.join().ok()).unwrap_or_else(cores)
}

/// Places the generator on the first core, as it needs only one, and the server on all others. With
/// a single core they share it, and every run is flagged with a warning.
pub(crate) fn apart(cores: &[usize]) -> Placement {
    let (generator, server) = match cores {
        [first, others @ ..] if !others.is_empty() => (vec![*first], others.to_vec()),
        _ => (cores.to_vec(), cores.to_vec()),
    };
    let shared = generator == server;
    Placement {
        generator_cores: generator,
        server_cores: server,
        shared,
        latency_held: false,
        generator_spins: !shared,
        pacing: if shared { "sleep" } else { "spin" }.to_owned(),
    }
}

/// Gives generator and server all cores. The generator sleeps while it has nothing to do, so that it
/// needs little of them where requests are few and long.
pub(crate) fn together(cores: &[usize], usual: &Placement) -> Placement {
    Placement {
        generator_cores: cores.to_vec(),
        server_cores: cores.to_vec(),
        shared: true,
        generator_spins: false,
        pacing: "sleep".to_owned(),
        ..usual.clone()
    }
}

/// Keeps the calling thread, and what it starts, on these cores. If the system refuses, nothing
/// changes; the recorded placement states what was asked.
pub(crate) fn stay_on(cores: &[usize]) {
    let mut set = CpuSet::new();
    if cores.iter().all(|core| set.set(*core).is_ok()) {
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generator_and_server_are_kept_apart_where_they_can_be() {
        let placement = apart(&[0, 1, 2]);
        assert_eq!((placement.generator_cores, placement.server_cores), (vec![0], vec![1, 2]));
        assert!(!placement.shared);
        let alone = apart(&[3]);
        assert!(alone.shared && !alone.generator_spins);
    }

    #[test]
    fn a_thread_that_is_kept_to_a_core_still_knows_of_the_others() {
        let all = cores();
        let kept = thread::spawn(|| {
            stay_on(&cores()[..1]);
            (cores().len(), cores_within_reach(), cores().len())
        });
        let (before, within_reach, after) = kept.join().expect("no panic");
        assert_eq!((before, after), (1, 1), "looking has changed it");
        assert!(all.iter().all(|core| within_reach.contains(core)), "{within_reach:?}");
    }
}
