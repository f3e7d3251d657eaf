//! A control group for a server of the user's own: the kernel then adds up the processor time of all
//! its processes, also of those that nobody waits for, and none can leave it. Where no group may be
//! made, the processes in /proc are counted instead (`process_tree`).
//!
//! cgroups(7), version 2. No controller is enabled, so the group changes nothing but the accounting.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use procfs::process::Process;

/// A control group that was made for one server. It is removed when dropped.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

/// Processor time of a group so far, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CgroupUsage {
    /// In user mode.
    pub(crate) user_ns: u64,
    /// In the kernel.
    pub(crate) system_ns: u64,
}

impl Cgroup {
    /// Makes a group below that of this process; `None` where that is not permitted.
    pub(crate) fn make() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let own = own_group()?;
        remove_abandoned(&own);
        let number = MADE.fetch_add(1, Relaxed);
        let path = own.join(format!("crossover-{}-{number}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let group = Self { path };
        group.usage()?; // without processor time it is of no use
        Some(group)
    }

    /// Moves these processes into the group, and says whether all are in it. A server is moved as
    /// soon as it runs; what it starts later is in the group from its beginning.
    pub(crate) fn hold(&self, pids: &BTreeSet<i32>) -> bool {
        let members = self.members();
        for pid in pids.difference(&members) {
            // One that has just ended need not be moved.
            let _ = fs::write(self.path.join("cgroup.procs"), pid.to_string());
        }
        let members = self.members();
        pids.iter().all(|pid| members.contains(pid) || !Path::new(&format!("/proc/{pid}")).exists())
    }

    /// Its processes.
    fn members(&self) -> BTreeSet<i32> {
        let text = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// What its processes have used so far, the ended ones included; the kernel counts microseconds.
    pub(crate) fn usage(&self) -> Option<CgroupUsage> {
        let text = fs::read_to_string(self.path.join("cpu.stat")).ok()?;
        let micros = |name: &str| -> Option<u64> {
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        };
        let (user, system) = (micros("user_usec ")?, micros("system_usec ")?);
        Some(CgroupUsage { user_ns: user * 1000, system_ns: system * 1000 })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// Removes the groups that a killed bench has left behind; the kernel keeps those with processes.
fn remove_abandoned(own: &Path) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("crossover-"));
        let pid = number.and_then(|number| number.split_once('-')).map(|(pid, _)| pid);
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The folder of this process's group in the hierarchy of version 2.
fn own_group() -> Option<PathBuf> {
    let own = Process::myself().ok()?;
    let groups = own.cgroups().ok()?;
    let group = groups.0.iter().find(|group| group.hierarchy == 0)?;
    let mount = own.mountinfo().ok()?.0.into_iter().find(|mount| mount.fs_type == "cgroup2")?;
    // Inside a container the path of a group may begin above the mount.
    let inside = Path::new(&group.pathname).strip_prefix(&mount.root).ok()?;
    let path = mount.mount_point.join(inside);
    path.is_dir().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where groups may be made, one counts a grandchild that nobody has waited for.
    #[test]
    fn a_group_counts_children_of_children() {
        let Some(group) = Cgroup::make() else {
            println!("skipped: control groups may not be made here");
            return;
        };
        let work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let script = format!("read -r go; (({work}) & exit); read -r end");
        let mut child = std::process::Command::new("sh")
            .args(["-c", &script])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        assert!(group.hold(&BTreeSet::from([child.id() as i32])), "it can be moved");
        let mut input = child.stdin.take().expect("piped");
        std::io::Write::write_all(&mut input, b"go\n").expect("it reads");
        let has_worked = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            group.usage().is_some_and(|usage| usage.user_ns > 20_000_000)
                && group.members().len() == 1
        });
        drop(input);
        child.wait().expect("it ends");
        assert!(has_worked, "{:?}", group.usage());
        let path = group.path.clone();
        drop(group);
        assert!(!path.exists());
    }
}
