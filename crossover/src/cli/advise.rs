//! The flags of `crossover advise`.

use std::path::{Path, PathBuf};

use clap::Args;
use loadgen::expectation::Expectation;
use protocol::Transport;
use protocol::quantity::{Nanoseconds, read_size};
use workload::{Distribution as Quantity, Rate, SessionLength};

use super::load::read_distribution;

/// Arguments of `advise`.
#[derive(Clone, Debug, Default, Args)]
pub struct AdviseArgs {
    /// The workload as a TOML file whose keys are the names of the flags, such as rate = "300/s";
    /// flags override it. With neither, the program asks
    pub file: Option<PathBuf>,
    /// Requests a second, 300/s or 6/m; with --session, sessions a second
    #[arg(long, allow_hyphen_values = true, value_name = "RATE", help_heading = "Workload")]
    pub rate: Option<Rate>,
    /// Time that a request waits for something else (a disk, another server): 2ms, exp:2ms,
    /// uniform:LOW,HIGH, lognormal:MEAN,C2, pareto:LOW,HIGH,SHAPE, two-point:COMMON,RARE,FRACTION, or
    /// file:PATH (one time a line) [default: 0]
    #[arg(long, allow_hyphen_values = true, value_name = "TIMES", value_parser = read_distribution::<Nanoseconds>,
          help_heading = "Workload")]
    pub wait: Option<Quantity<Nanoseconds>>,
    /// Processor time of a request, written as for --wait [default: 0]
    #[arg(long, allow_hyphen_values = true, value_name = "TIMES", value_parser = read_distribution::<Nanoseconds>,
          help_heading = "Workload")]
    pub compute: Option<Quantity<Nanoseconds>>,
    /// Processing times that you measured: a file with one a line, or a CSV file with a column by name
    /// (times.csv:duration). A number without a unit is in milliseconds. --compute says how much
    /// of each is computing; the rest is waiting
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "FILE[:COLUMN]",
        conflicts_with = "wait",
        help_heading = "Workload"
    )]
    pub from: Option<String>,
    /// Connections that are kept and carry the requests; with --think and without --session, clients
    /// that wait for a reply, pause and ask again
    #[arg(long, allow_hyphen_values = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000),
          help_heading = "Workload")]
    pub clients: Option<u32>,
    /// Requests of a session: 10, or geometric:10 (mean 10)
    #[arg(long, allow_hyphen_values = true, value_name = "LENGTH", help_heading = "Workload")]
    pub session: Option<SessionLength>,
    /// Pause between a reply and the client's next request, written as for --wait
    #[arg(long, allow_hyphen_values = true, value_name = "TIMES", value_parser = read_distribution::<Nanoseconds>,
          help_heading = "Workload")]
    pub think: Option<Quantity<Nanoseconds>>,
    /// Size of a reply [default: 64B]
    #[arg(long, allow_hyphen_values = true, value_name = "SIZE", value_parser = read_size, help_heading = "Workload")]
    pub reply_size: Option<usize>,
    /// udp or tcp [default: tcp]
    #[arg(long, allow_hyphen_values = true, value_name = "TRANSPORT", value_parser = read_transport, help_heading = "Server")]
    pub transport: Option<Transport>,
    /// Cores for the server [default: those of this machine]
    #[arg(long, allow_hyphen_values = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096),
          help_heading = "Server")]
    pub cores: Option<u32>,
    /// Memory of the server process: with fork, each MiB of it costs time [default: 0B]
    #[arg(long, allow_hyphen_values = true, value_name = "SIZE", value_parser = read_size, help_heading = "Server")]
    pub memory: Option<usize>,
    /// A fault, or a privilege, of one client must not reach another
    #[arg(long, help_heading = "Server")]
    pub isolation: bool,
    /// Clients change shared state in memory
    #[arg(long, help_heading = "Server")]
    pub shared_state: bool,
    /// Requests call libraries that block
    #[arg(long, help_heading = "Server")]
    pub blocking_libraries: bool,
    /// What is to be met: 'p99 < 100ms', 'mean < 5ms' [default: the shortest p99]
    #[arg(long, allow_hyphen_values = true, value_name = "BOUND", help_heading = "Server")]
    pub target: Option<Expectation>,
    /// Costs of threads, processes and requests: here (what `crossover calibrate` measured), typical,
    /// zero, or a file that calibrate --json wrote [default: here, or typical]
    #[arg(long, allow_hyphen_values = true, value_name = "COSTS", value_parser = read_costs)]
    pub costs: Option<CostsSource>,
    /// Show the prediction of every design, and why others were left out
    #[arg(long)]
    pub explain: bool,
    /// Write the answer as a page too, with the decision tree in which this machine's thresholds stand
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
    /// Measure the iterative server, the choice and the runner-up on this machine, and say whether they
    /// agree; takes under a minute
    #[arg(long)]
    pub measure: bool,
    /// With --measure: every design that comes into question, which takes about one and a half minutes
    #[arg(long, requires = "measure")]
    pub all: bool,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Where the costs of a machine come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CostsSource {
    /// What was measured here.
    Here,
    /// Typical ones.
    Typical,
    /// None: what theory alone says.
    Zero,
    /// A file.
    File(PathBuf),
}

impl CostsSource {
    /// As it is written on the command line.
    #[must_use]
    pub fn as_written(&self) -> String {
        match self {
            Self::Here => "here".to_owned(),
            Self::Typical => "typical".to_owned(),
            Self::Zero => "zero".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

pub(super) fn read_costs(text: &str) -> Result<CostsSource, String> {
    match text {
        "here" => Ok(CostsSource::Here),
        "typical" => Ok(CostsSource::Typical),
        "zero" => Ok(CostsSource::Zero),
        path if Path::new(path).exists() => Ok(CostsSource::File(path.into())),
        _ => Err(format!("'{text}' is not here, typical, zero or a file that exists")),
    }
}

/// Reads the name of a transport.
///
/// # Errors
/// If the text is none.
pub fn read_transport(text: &str) -> Result<Transport, String> {
    match text.to_ascii_lowercase().as_str() {
        "udp" => Ok(Transport::Udp),
        "tcp" => Ok(Transport::Tcp),
        _ => Err(format!("'{text}' is no transport; write udp or tcp")),
    }
}
