//! What a design is called in the servers that people run, and where its number is set.

use protocol::Transport;
use serde::Serialize;
use servers::{Allocation, Concurrency, Design, Intake, WorkUnit};

/// A server that people run, and the setting that gives it the design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RealServer {
    /// The server.
    pub server: &'static str,
    /// What to set, with the number.
    pub setting: String,
}

/// The servers that can be run as this design, with so many workers and connections.
#[must_use]
pub fn real_servers(design: &Design, workers: u32, connections: u32) -> Vec<RealServer> {
    let row = |(server, setting): &(&'static str, &str)| RealServer {
        server,
        setting: setting
            .replace("{workers}", &workers.to_string())
            .replace("{connections}", &connections.max(workers).to_string()),
    };
    rows(design).iter().map(row).collect()
}

type Row = (&'static str, &'static str);

/// The rows for a design; their settings have places for numbers.
fn rows(design: &Design) -> &'static [Row] {
    use Allocation::{Delayed, None, OnDemand, Preallocated};
    use Concurrency::{Apparent, Concurrent, Iterative};
    let is_process = design.unit == WorkUnit::Process;
    match (design.transport(), design.concurrency, design.allocation) {
        (Transport::Udp, Iterative, _) => UDP_ITERATIVE,
        (Transport::Udp, Apparent, None) => UDP_LOOP,
        (Transport::Udp, Apparent, _) => UDP_TASKS,
        (Transport::Udp, _, OnDemand | Delayed) => UDP_ON_DEMAND,
        (Transport::Udp, _, _) if design.intake == Intake::Divided => UDP_SOCKETS,
        (Transport::Udp, _, _) => UDP_POOL,
        (Transport::Tcp, Iterative, _) => TCP_ITERATIVE,
        (Transport::Tcp, Apparent, None) => TCP_LOOP,
        (Transport::Tcp, Apparent, OnDemand) => TCP_TASKS,
        (Transport::Tcp, Apparent, _) => TCP_LOOPS,
        (Transport::Tcp, Concurrent, OnDemand | Delayed) if is_process => TCP_PROCESS_EACH,
        (Transport::Tcp, Concurrent, OnDemand | Delayed | None) => TCP_THREAD_EACH,
        (Transport::Tcp, Concurrent, Preallocated) if is_process => TCP_PROCESSES,
        (Transport::Tcp, Concurrent, Preallocated) if design.stays == servers::Stays::Request => {
            TCP_LOOP_AND_POOL
        }
        (Transport::Tcp, Concurrent, Preallocated) => TCP_THREADS,
    }
}

const UDP_ITERATIVE: &[Row] = &[
    ("dnsmasq", "no setting: one process answers from its cache, one query after the other"),
    ("inetd", "dgram udp wait: one process serves all datagrams"),
];
const UDP_LOOP: &[Row] =
    &[("unbound", "num-threads: 1"), ("Node.js", "dgram.createSocket in one process")];
const UDP_TASKS: &[Row] = &[
    ("tokio", "worker_threads = {workers}, a task for each datagram"),
    ("Go", "GOMAXPROCS={workers}, a goroutine for each datagram (CoreDNS)"),
];
const UDP_ON_DEMAND: &[Row] = &[
    ("TFTP (tftpd-hpa)", "a process and a port for each transfer"),
    ("CoreDNS", "a goroutine for each query, max_concurrent {workers} in the forward plugin"),
];
const UDP_SOCKETS: &[Row] = &[
    ("unbound", "num-threads: {workers} and so-reuseport: yes"),
    ("BIND", "named -n {workers}, with reuseport yes"),
    ("Knot DNS", "udp-workers: {workers}"),
];
const UDP_POOL: &[Row] = &[
    ("PowerDNS", "receiver-threads=1, distributor-threads={workers}"),
    ("unbound", "num-threads: {workers} and so-reuseport: no"),
];
const TCP_ITERATIVE: &[Row] = &[
    ("gunicorn", "--worker-class sync --workers 1"),
    ("PHP-FPM", "pm = static, pm.max_children = 1"),
    ("systemd", "Accept=no: one process serves all connections in turn"),
    ("inetd", "stream tcp wait"),
];
const TCP_LOOP: &[Row] = &[
    ("nginx", "worker_processes 1; worker_connections {connections};"),
    ("Node.js", "one process, without cluster"),
    ("Redis", "io-threads 1, maxclients {connections}"),
    ("uvicorn", "--workers 1"),
    ("gunicorn", "--worker-class gevent --workers 1 --worker-connections {connections}"),
];
const TCP_LOOPS: &[Row] = &[
    ("nginx", "worker_processes {workers}; worker_connections {connections};"),
    ("Node.js", "cluster with {workers} workers"),
    ("memcached", "-t {workers} -c {connections}"),
    ("uvicorn", "--workers {workers}"),
    ("Redis", "io-threads {workers}: only reading and writing are divided"),
];
const TCP_TASKS: &[Row] = &[
    ("tokio", "worker_threads = {workers}, a task for each connection"),
    ("Go", "GOMAXPROCS={workers}, a goroutine for each connection"),
    ("Tomcat or Jetty", "virtual threads, on {workers} carriers"),
    ("uvicorn", "--workers {workers}"),
];
const TCP_PROCESS_EACH: &[Row] = &[
    ("PostgreSQL", "max_connections = {connections}; above some hundreds put a pooler before it"),
    ("systemd", "Accept=yes, MaxConnections={workers}"),
    ("inetd", "stream tcp nowait"),
    ("PHP-FPM", "pm = ondemand, pm.max_children = {workers}"),
];
const TCP_THREAD_EACH: &[Row] = &[
    ("MariaDB", "thread_handling = one-thread-per-connection, max_connections = {connections}"),
    ("Tomcat", "maxThreads={workers}, maxConnections={connections}"),
    ("Tomcat or Jetty", "virtual threads, where a thread for each is too large"),
];
const TCP_PROCESSES: &[Row] = &[
    ("Apache", "MPM prefork, ServerLimit {workers}, MaxRequestWorkers {workers}"),
    ("PHP-FPM", "pm = static, pm.max_children = {workers}"),
    ("gunicorn", "--worker-class sync --workers {workers}: a connection carries one request"),
    ("PostgreSQL", "a pooler (PgBouncer) with default_pool_size = {workers}"),
];
const TCP_THREADS: &[Row] = &[
    (
        "Apache",
        "MPM worker, ServerLimit 1, ThreadLimit {workers}, ThreadsPerChild {workers}, MaxRequestWorkers {workers}",
    ),
    ("Tomcat", "maxThreads={workers}, minSpareThreads={workers}"),
    ("Puma", "threads {workers}, {workers}, with workers 0"),
    ("gunicorn", "--worker-class gthread --workers 1 --threads {workers}"),
    ("MariaDB", "thread_handling = pool-of-threads, thread_pool_max_threads = {workers}"),
];
const TCP_LOOP_AND_POOL: &[Row] = &[
    (
        "Apache",
        "MPM event, ServerLimit 1, ThreadLimit {workers}, ThreadsPerChild {workers}, MaxRequestWorkers {workers}",
    ),
    ("nginx", "aio threads; thread_pool default threads={workers};"),
    ("Jetty", "threadPool.maxThreads={workers}"),
    ("Node.js", "UV_THREADPOOL_SIZE={workers}, or {workers} worker threads"),
    ("Puma", "threads {workers}, {workers}: its reactor holds the connections that are silent"),
];

#[cfg(test)]
mod tests {
    use servers::CATALOGUE;

    use super::*;

    #[test]
    fn every_design_has_a_name_in_the_world_and_its_number() {
        for design in CATALOGUE {
            let found = real_servers(design, 7, 100);
            assert!(found.len() >= 2, "{}", design.name);
            assert!(found.iter().all(|it| !it.setting.contains('{')), "{found:?}");
        }
        let pool = Design::named("tcp-prethreaded").expect("a design");
        let found = real_servers(pool, 21, 100);
        assert!(found.iter().any(|it| it.setting.contains("maxThreads=21")), "{found:?}");
    }
}
