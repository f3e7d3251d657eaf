//! Describes this machine, and reads counters of its kernel.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::resource::{Resource, getrlimit};
use procfs::{CpuInfo, Current, Meminfo};
use results::Machine;

/// Describes the machine; what cannot be read stays empty or 0.
pub(crate) fn probe() -> Machine {
    let processors = CpuInfo::current().ok();
    let field = |name: &str| {
        processors.as_ref().and_then(|info| info.get_field(0, name)).unwrap_or_default().to_owned()
    };
    let limit = |resource| getrlimit(resource).map_or(0, |(soft, _)| soft);
    Machine {
        cores: crate::host::placement::cores().len(),
        processor: field("model name"),
        virtual_machine: field("flags").split(' ').any(|flag| flag == "hypervisor"),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .map_or_else(|_| String::new(), |release| release.trim().to_owned()),
        memory_bytes: Meminfo::current().map_or(0, |memory| memory.mem_total),
        descriptors: limit(Resource::RLIMIT_NOFILE),
        processes: limit(Resource::RLIMIT_NPROC),
        ports: ephemeral_ports().unwrap_or((0, 0)),
        listen_queue: sysctl("net/core/somaxconn").unwrap_or(0),
        receive_buffer_bytes: sysctl("net/core/rmem_max").unwrap_or(0),
        congestion_control: congestion_control(),
    }
}

fn sysctl(name: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok()
}

fn ephemeral_ports() -> Option<(u16, u16)> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut ends = range.split_whitespace().map(str::parse);
    Some((ends.next()?.ok()?, ends.next()?.ok()?))
}

/// The congestion control of both ends: they ask for cubic, and get it if the kernel has it.
fn congestion_control() -> String {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
    match read("tcp_available_congestion_control") {
        Ok(available) if available.split_whitespace().any(|name| name == "cubic") => {
            "cubic".to_owned()
        }
        _ => read("tcp_congestion_control").unwrap_or_default().trim().to_owned(),
    }
}

/// Kernel counters that only grow; the difference of two readings shows what happened between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct KernelCounters {
    datagrams_dropped: u64,
    connections_dropped: u64,
    /// For each core, its ticks.
    ticks: BTreeMap<usize, Ticks>,
}

/// The ticks of a core (10 ms each).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    /// That the hypervisor took.
    stolen: u64,
    /// In which a process ran: user, nice and system.
    busy: u64,
    all: u64,
}

/// The difference of two readings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KernelEvents {
    pub(crate) datagrams_dropped: u64,
    pub(crate) connections_dropped: u64,
    /// The fraction of its time that the most affected core lost to the hypervisor.
    pub(crate) stolen_share: f64,
}

impl KernelCounters {
    pub(crate) fn read() -> Self {
        Self {
            datagrams_dropped: procfs::net::snmp().map_or(0, |snmp| snmp.udp_rcvbuf_errors)
                + procfs::net::snmp6().map_or(0, |snmp| snmp.udp_rcvbuf_errors),
            connections_dropped: listen_overflows().unwrap_or(0),
            ticks: fs::read_to_string("/proc/stat")
                .unwrap_or_default()
                .lines()
                .filter_map(core_ticks)
                .collect(),
        }
    }

    /// What has happened since an earlier reading. Stolen time counts on `cores`, or on every core
    /// if `cores` is empty.
    pub(crate) fn since(&self, earlier: &Self, cores: &[usize]) -> KernelEvents {
        let stolen_from = |core: &usize| {
            let (now, before) = (self.ticks.get(core)?, earlier.ticks.get(core)?);
            // A short run has few ticks of 10 ms, so one stolen tick is not evidence yet.
            let stolen =
                Some(now.stolen.saturating_sub(before.stolen)).filter(|stolen| *stolen > 1)?;
            Some(stolen as f64 / now.all.saturating_sub(before.all).max(1) as f64)
        };
        let every: Vec<usize> = self.ticks.keys().copied().collect();
        let cores = if cores.is_empty() { &every } else { cores };
        KernelEvents {
            datagrams_dropped: self.datagrams_dropped.saturating_sub(earlier.datagrams_dropped),
            connections_dropped: self
                .connections_dropped
                .saturating_sub(earlier.connections_dropped),
            stolen_share: cores.iter().filter_map(stolen_from).fold(0.0, f64::max),
        }
    }

    /// How long processes ran on these cores since an earlier reading, in nanoseconds, and whether
    /// these are all cores of the machine.
    pub(crate) fn busy_ns_since(&self, earlier: &Self, cores: &[usize]) -> (u64, bool) {
        let busy = |core: &usize| {
            let (now, before) = (self.ticks.get(core)?, earlier.ticks.get(core)?);
            Some(now.busy.saturating_sub(before.busy))
        };
        let ticks: u64 = cores.iter().filter_map(busy).sum();
        let all = self.ticks.keys().all(|core| cores.contains(core));
        (ticks * 1_000_000_000 / procfs::ticks_per_second(), all)
    }
}

/// A core's number with its ticks, from its line of /proc/stat: user, nice,
/// system, idle, iowait, irq, softirq, steal (proc_stat(5)). Cores that are offline have no line,
/// and `procfs` counts the lines instead of reading the numbers.
fn core_ticks(line: &str) -> Option<(usize, Ticks)> {
    let mut columns = line.strip_prefix("cpu")?.split(' ');
    let core = columns.next()?.parse().ok()?;
    let ticks: Vec<u64> = columns.take(8).map_while(|column| column.parse().ok()).collect();
    let busy = ticks.iter().take(3).sum();
    let stolen = ticks.get(7).copied().unwrap_or(0);
    Some((core, Ticks { stolen, busy, all: ticks.iter().sum() }))
}

/// `ListenOverflows` of /proc/net/netstat: a line of names, then a line of values.
fn listen_overflows() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/netstat").ok()?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let column = names.split_whitespace().position(|name| name == "ListenOverflows")?;
    values.split_whitespace().nth(column)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stolen_is_that_of_the_core_robbed_most_of_those_that_count() {
        // Core 1 is offline.
        let counters = |text: &str| KernelCounters {
            ticks: text.lines().filter_map(core_ticks).collect(),
            ..KernelCounters::default()
        };
        let before = counters(
            "cpu  300 0 0 2685 0 0 0 15 0 0\ncpu0 100 0 0 895 0 0 0 5 0 0\n\
             cpu2 100 0 0 895 0 0 0 5 0 0\ncpu3 100 0 0 895 0 0 0 5 0 0\nintr 7",
        );
        let after = counters(
            "cpu0 200 0 0 1794 0 0 0 6 0 0\ncpu2 200 0 0 1745 0 0 0 55 0 0\n\
             cpu3 200 0 0 1695 0 0 0 105 0 0",
        );
        let share = |cores: &[usize]| after.since(&before, cores).stolen_share;
        assert_eq!([share(&[0]), share(&[0, 2]), share(&[]), share(&[1])], [0.0, 0.05, 0.1, 0.0]);
    }
}
