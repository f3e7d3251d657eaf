//! What machine this is, and what its kernel counts.

use std::fs;

use nix::sys::resource::{Resource, getrlimit};
use procfs::{CpuInfo, Current, CurrentSI, KernelStats, Meminfo};
use results::Machine;

/// Looks at the machine; what cannot be learnt stays empty.
pub(crate) fn probe() -> Machine {
    let processors = CpuInfo::current().ok();
    let field = |name: &str| {
        processors.as_ref().and_then(|info| info.get_field(0, name)).unwrap_or_default().to_owned()
    };
    let limit = |resource| getrlimit(resource).map_or(0, |(soft, _)| soft);
    Machine {
        cores: crate::placement::cores().len(),
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

/// Both ends ask for cubic and get it where the kernel has it.
fn congestion_control() -> String {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
    match read("tcp_available_congestion_control") {
        Ok(available) if available.split_whitespace().any(|name| name == "cubic") => {
            "cubic".to_owned()
        }
        _ => read("tcp_congestion_control").unwrap_or_default().trim().to_owned(),
    }
}

/// Counters of the kernel that only grow; two readings tell what happened between them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KernelCounters {
    datagrams_dropped: u64,
    connections_dropped: u64,
    stolen_ticks: u64,
    all_ticks: u64,
}

/// The difference of two readings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KernelEvents {
    pub(crate) datagrams_dropped: u64,
    pub(crate) connections_dropped: u64,
    pub(crate) stolen_share: f64,
}

impl KernelCounters {
    pub(crate) fn read() -> Self {
        let (stolen_ticks, all_ticks) = KernelStats::current().map_or((0, 0), |stats| {
            let total = stats.total;
            let stolen = total.steal.unwrap_or(0);
            let used = total.user + total.nice + total.system + total.idle;
            let waiting = total.iowait.unwrap_or(0) + total.irq.unwrap_or(0);
            (stolen, used + waiting + total.softirq.unwrap_or(0) + stolen)
        });
        Self {
            datagrams_dropped: procfs::net::snmp().map_or(0, |snmp| snmp.udp_rcvbuf_errors),
            connections_dropped: listen_overflows().unwrap_or(0),
            stolen_ticks,
            all_ticks,
        }
    }

    pub(crate) fn since(&self, earlier: &Self) -> KernelEvents {
        let stolen = self.stolen_ticks.saturating_sub(earlier.stolen_ticks);
        let all = self.all_ticks.saturating_sub(earlier.all_ticks);
        KernelEvents {
            datagrams_dropped: self.datagrams_dropped.saturating_sub(earlier.datagrams_dropped),
            connections_dropped: self
                .connections_dropped
                .saturating_sub(earlier.connections_dropped),
            // A short run has few ticks of 10 ms; one of them says nothing yet.
            stolen_share: if stolen > 1 { stolen as f64 / all.max(1) as f64 } else { 0.0 },
        }
    }
}

/// `ListenOverflows` of /proc/net/netstat: a line of names, then a line of values.
fn listen_overflows() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/netstat").ok()?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let column = names.split_whitespace().position(|name| name == "ListenOverflows")?;
    values.split_whitespace().nth(column)?.parse().ok()
}
