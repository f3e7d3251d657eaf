//! The flags of `crossover load`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use loadgen::Statuses;
use loadgen::driver::Pacing;
use loadgen::expectation::Expectation;
use protocol::quantity::{Bytes, Nanoseconds, read_share};
use protocol::quantity::{Unit, read_seconds};
use workload::{Close, Distribution as Quantity, Law, Rate, Reuse, SessionLength};

use super::target::TargetUrl;
use super::{read_positive_duration, read_positive_seconds};
use crate::text_file::{self, read_text};

/// Arguments of `load`.
#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    /// The server: udp://127.0.0.1:PORT, tcp://127.0.0.1:PORT or http://127.0.0.1:PORT/PATH
    #[arg(value_name = "TARGET")]
    pub target: TargetUrl,
    /// Protocol over udp:// and tcp://: work (Crossover's own; each request says how long the server
    /// is to wait and compute), echo, or next (udp:// only; a server that counts each client's requests)
    #[arg(long, value_name = "SERVICE", default_value = "work", conflicts_with = "send")]
    pub service: TargetService,
    /// udp://, tcp://: send these bytes as each request, instead of a --service; \r, \n, \t, \\ and
    /// \xNN are escapes, @FILE reads a file
    #[arg(long, value_name = "BYTES", value_parser = read_bytes, help_heading = "Exchange")]
    pub send: Option<Octets>,
    /// With --send: length of a reply in bytes
    #[arg(long, value_name = "N", requires = "send", help_heading = "Exchange",
          value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub reply_length: Option<u32>,
    /// With --send: the bytes that end a reply [default: \n]
    #[arg(long, value_name = "BYTES", value_parser = read_bytes, requires = "send",
          conflicts_with = "reply_length", help_heading = "Exchange")]
    pub reply_until: Option<Octets>,
    /// http://: request method
    #[arg(long, value_name = "METHOD", default_value = "GET", help_heading = "Exchange")]
    pub method: String,
    /// http://: an extra header field, such as 'Accept: text/plain'
    #[arg(long = "header", value_name = "FIELD", help_heading = "Exchange")]
    pub headers: Vec<String>,
    /// http://: request body, written as for --send
    #[arg(long, value_name = "BYTES", value_parser = read_bytes, help_heading = "Exchange")]
    pub body: Option<Octets>,
    /// http://: statuses that count as answered, such as 200-299,404 [default: below 400]
    #[arg(long, value_name = "STATUSES", help_heading = "Exchange")]
    pub ok: Option<Statuses>,
    /// Open loop: requests (or sessions) a second, sent whether or not replies arrive [default: 1000/s]
    #[arg(long, value_name = "RATE", conflicts_with = "closed", help_heading = "Load")]
    pub rate: Option<Rate>,
    /// Open loop: when requests are due: poisson (at random), even (equally spaced), burst:N (N at
    /// once), on-off:ON,OFF (at random for the time ON, then none for the time OFF), ramp:RATE (from
    /// --rate to RATE), sine:FRACTION,PERIOD (--rate plus and minus a fraction of it), trace:FILE (one
    /// time per line, in seconds unless a unit is given; not with --rate)
    #[arg(long, value_name = "LAW", default_value = "poisson", conflicts_with = "closed",
          value_parser = read_law, help_heading = "Load")]
    pub arrivals: Law,
    /// Closed loop: each client waits for its reply before it sends the next request
    #[arg(long, help_heading = "Load")]
    pub closed: bool,
    /// Open loop: sessions arrive instead of requests; each makes LENGTH requests, one after the
    /// other, on its own connection: 5, or geometric:5 (mean 5)
    #[arg(long, value_name = "LENGTH", conflicts_with = "closed", help_heading = "Load")]
    pub session: Option<SessionLength>,
    /// Closed loop or session: pause between a reply and the next request
    #[arg(long, value_name = "TIMES", default_value = "0", value_parser = read_distribution::<Nanoseconds>,
          help_heading = "Load")]
    pub think: Quantity<Nanoseconds>,
    /// Number of clients; each has one connection (TCP) or one socket (UDP)
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load",
          value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub clients: u32,
    /// Closed loop: requests in flight for each client
    #[arg(long, value_name = "N", default_value_t = 1, requires = "closed", help_heading = "Load",
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub pipeline: u32,
    /// Length of the measured window
    #[arg(long = "for", value_name = "TIME", default_value = "10s", help_heading = "Load",
          value_parser = read_positive_seconds)]
    pub window: Duration,
    /// Number of measured requests, instead of a length of time; only for open loops without sessions
    #[arg(long, value_name = "N", conflicts_with_all = ["window", "closed", "session", "capacity"],
          help_heading = "Load", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub requests: Option<u64>,
    /// Stop early, with exit code 5, when too many requests get no right answer: 'errors > 1%'
    #[arg(long, value_name = "BOUND", value_parser = read_stop, conflicts_with = "capacity",
          help_heading = "Load")]
    pub stop_when: Option<f64>,
    /// Time to send before measuring
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = read_seconds,
          help_heading = "Load")]
    pub warmup: Duration,
    /// Time that each request makes the server wait: 2ms, exp:2ms, uniform:LOW,HIGH, lognormal:MEAN,C2,
    /// pareto:LOW,HIGH,SHAPE, two-point:COMMON,RARE,FRACTION, or file:PATH (one time a line)
    #[arg(long, value_name = "TIMES", default_value = "0", value_parser = read_distribution::<Nanoseconds>,
          help_heading = "Load")]
    pub wait: Quantity<Nanoseconds>,
    /// Processor time that each request makes the server use, written as for --wait
    #[arg(long, value_name = "TIMES", default_value = "0", value_parser = read_distribution::<Nanoseconds>,
          help_heading = "Load")]
    pub compute: Quantity<Nanoseconds>,
    /// Size of a request, written like --wait: 64B, exp:4KiB
    #[arg(long, value_name = "SIZES", default_value = "64B", value_parser = read_distribution::<Bytes>,
          help_heading = "Load")]
    pub request_size: Quantity<Bytes>,
    /// Size of a reply
    #[arg(long, value_name = "SIZES", default_value = "64B", value_parser = read_distribution::<Bytes>,
          help_heading = "Load")]
    pub reply_size: Quantity<Bytes>,
    /// How TCP connections are used: persistent, per-request, or per:N (a new one after N requests)
    #[arg(long, value_name = "USE", default_value = "persistent", help_heading = "Load")]
    pub connection: Reuse,
    /// How TCP connections are closed: reset (RST; the port is free at once) or finish (FIN; the port
    /// stays in TIME_WAIT for a minute. On loopback, connections after the first 12,000 therefore come
    /// from 127.1.0.1 and the addresses after it)
    #[arg(long, value_name = "HOW", default_value = "reset", help_heading = "Load")]
    pub close: CloseKind,
    /// Give up on a request that has no answer after this time
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = read_positive_duration,
          help_heading = "Load")]
    pub timeout: Duration,
    /// Maximum number of requests in flight; any beyond it count as unsent
    #[arg(long, value_name = "N", default_value_t = 16_384, help_heading = "Load",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(loadgen::driver::MOST_IN_FLIGHT)))]
    pub max_in_flight: u32,
    /// Seed for the random arrivals, sizes and times
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    pub seed: u64,
    /// Threads of the generator; each has a shard of the clients and of the plan
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Generator",
          value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: u32,
    /// Cores of the generator, such as 0,1 [default: all]; choose cores that the server does not use
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Generator")]
    pub cores: Vec<usize>,
    /// How to wait for the next send: spin (precise, uses a whole core), sleep, or hybrid (sleep,
    /// then spin) [default: sleep on a machine with one core; else spin if a core remains for the
    /// server; else hybrid]
    #[arg(long, help_heading = "Generator")]
    pub pacing: Option<PacingKind>,
    /// What to do with /dev/cpu_dma_latency during the run: hold it at 0 (if permitted), so that idle
    /// cores wake at once, or leave it alone
    #[arg(long, value_name = "DO", default_value = "hold", help_heading = "Generator")]
    pub latency_file: LatencyFile,
    /// udp://: accept replies from any port of the server's address
    #[arg(long, help_heading = "Generator")]
    pub unconnected: bool,
    /// udp://: also measure response times by the kernel's receive timestamps
    #[arg(long, help_heading = "Generator")]
    pub kernel_stamps: bool,
    /// udp://: use segmentation offload: datagrams of one size that are due together on one socket
    /// go to the kernel as one (GSO), and replies come the same way (GRO)
    #[arg(long, conflicts_with = "kernel_stamps", help_heading = "Generator")]
    pub offload: bool,
    /// udp://: lose this share of the requests on purpose, such as 1%
    #[arg(long, value_name = "SHARE", value_parser = read_share, default_value = "0", hide_default_value = true,
          help_heading = "Network")]
    pub drop: f64,
    /// udp://: send this share of the requests twice
    #[arg(long, value_name = "SHARE", value_parser = read_share, default_value = "0", hide_default_value = true,
          help_heading = "Network")]
    pub duplicate: f64,
    /// udp://: send this share of the requests after the next one
    #[arg(long, value_name = "SHARE", value_parser = read_share, default_value = "0", hide_default_value = true,
          help_heading = "Network")]
    pub reorder: f64,
    /// Allow a target on another machine; it must be yours
    #[arg(long)]
    pub allow_remote: bool,
    /// Check a bound on the response times, such as 'p99 < 5ms'; exit code 0: met, 5: not met, 6:
    /// undecided
    #[arg(long, value_name = "BOUND", help_heading = "Result")]
    pub expect: Vec<Expectation>,
    /// Search for the highest rate at which the response times meet a bound, such as 'p99 < 5ms'
    #[arg(long, value_name = "BOUND", conflicts_with_all = ["closed", "expect", "hlog", "hgrm"],
          help_heading = "Result")]
    pub capacity: Option<Expectation>,
    /// Measure the response time at eleven loads up to the server's capacity, and say where it doubles;
    /// takes at most two minutes. The search for the capacity begins at --rate; with --expect, also report
    /// the highest load up to which a bound is met
    #[arg(long, conflicts_with_all = ["closed", "capacity", "requests", "stop_when", "save", "hlog", "hgrm"],
          help_heading = "Result")]
    pub curve: bool,
    /// Also write a page with figures into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "capacity", help_heading = "Result")]
    pub report: Option<PathBuf>,
    /// Print one JSON object instead of tables
    #[arg(long, help_heading = "Result")]
    pub json: bool,
    /// Also save the load, so that `crossover compare` can compare it with another one
    #[arg(long, value_name = "FILE", conflicts_with = "capacity", help_heading = "Result")]
    pub save: Option<PathBuf>,
    /// Also write the response times as an HdrHistogram interval log
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub hlog: Option<PathBuf>,
    /// Also write the response times as an HdrHistogram percentile table
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub hgrm: Option<PathBuf>,
}

/// What a server of the generator's own protocols is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TargetService {
    /// Crossover's own protocol: each request names its processing.
    Work,
    /// The server returns the request (RFC 862).
    Echo,
    /// The server replies with the number of the client's request.
    Next,
}

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CloseKind {
    /// By RST: its port is free at once
    Reset,
    /// By FIN, then waiting for the server's FIN
    Finish,
}

impl From<CloseKind> for Close {
    fn from(kind: CloseKind) -> Self {
        match kind {
            CloseKind::Reset => Self::Reset,
            CloseKind::Finish => Self::Finish,
        }
    }
}

/// What is done with the file that keeps idle cores awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LatencyFile {
    /// Hold at 0 during the run, if permitted
    Hold,
    /// Leave it as it is
    Leave,
}

/// How the generator waits for the next instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PacingKind {
    /// Poll while anything is due or in flight
    Spin,
    /// Sleep until shortly before the next send, then poll
    Hybrid,
    /// Sleep whenever there is nothing to do
    Sleep,
}

impl From<PacingKind> for Pacing {
    fn from(kind: PacingKind) -> Self {
        match kind {
            PacingKind::Spin => Self::Spin,
            PacingKind::Hybrid => Self::Hybrid,
            PacingKind::Sleep => Self::Sleep,
        }
    }
}

/// The share of errors at which a load stops.
fn read_stop(text: &str) -> Result<f64, String> {
    let share = text.trim().strip_prefix("errors").map(str::trim_start);
    let share = share.and_then(|rest| rest.strip_prefix('>')).map(str::trim);
    let share =
        share.ok_or_else(|| format!("'{text}' is no bound of errors; write 'errors > 1%'"))?;
    read_share(share)
}

/// The text of a list that a flag names.
fn list(path: &str) -> Result<String, String> {
    read_text(Path::new(path)).map_err(|error| error.to_string())
}

pub(super) fn read_law(text: &str) -> Result<Law, String> {
    workload::read_law(text, list)
}

pub(super) fn read_distribution<U: Unit>(text: &str) -> Result<Quantity<U>, String> {
    workload::read_distribution(text, list)
}

/// Bytes as they were written on the command line, or in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

fn read_bytes(text: &str) -> Result<Octets, String> {
    let bytes = match text.strip_prefix('@') {
        Some(path) => text_file::read_bytes(Path::new(path)).map_err(|error| error.to_string())?,
        None => unescape(text)?,
    };
    if bytes.is_empty() {
        Err("there must be at least one byte".to_owned())
    } else {
        Ok(Octets(bytes))
    }
}

pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest.as_bytes().get(at + 1);
        let hexadecimal = rest.get(at + 2..at + 4).and_then(|two| u8::from_str_radix(two, 16).ok());
        let (byte, length) = match (escape, hexadecimal) {
            (Some(b'r'), _) => (b'\r', 2),
            (Some(b'n'), _) => (b'\n', 2),
            (Some(b't'), _) => (b'\t', 2),
            (Some(b'\\'), _) => (b'\\', 2),
            (Some(b'x'), Some(byte)) => (byte, 4),
            _ => return Err(format!("'{text}': after \\ write r, n, t, \\ or xNN")),
        };
        bytes.push(byte);
        rest = &rest[at + length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_with_escapes() {
        let read = |text: &str| unescape(text);
        assert_eq!(read(r"PING\r\n\x00\\"), Ok(b"PING\r\n\0\\".to_vec()));
        assert!(read(r"\q").is_err() && read(r"\x0").is_err());
    }
}
