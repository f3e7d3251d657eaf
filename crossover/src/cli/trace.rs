//! The flags of `crossover trace`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use protocol::quantity::read_duration;
use servers::Design;

use crate::names::read_design;

/// Arguments of `trace`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crossover trace udp-iterative
  crossover trace tcp-process-per-connection --clients 3 --out forks.svg
  crossover trace --table")]
pub struct TraceArgs {
    /// The design (`crossover designs` lists them)
    #[arg(value_name = "DESIGN", value_parser = read_design)]
    pub design: Option<&'static Design>,
    /// Clients, each of which sends one request
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub clients: u32,
    /// Time from one client's request to the next one's
    #[arg(long, value_name = "TIME", default_value = "1ms", value_parser = read_duration)]
    pub apart: Duration,
    /// Time that each request makes the server wait
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = read_duration)]
    pub wait: Duration,
    /// Processor time that each request makes the server use
    #[arg(long, value_name = "TIME", default_value = "500us", value_parser = read_duration)]
    pub compute: Duration,
    /// Write the time line as a picture (SVG) too
    #[arg(long, value_name = "FILE", conflicts_with = "table")]
    pub out: Option<PathBuf>,
    /// Count the system calls and page faults of a request instead, for all designs or for DESIGN
    #[arg(long)]
    pub table: bool,
    /// With --table: print a JSON array
    #[arg(long, requires = "table")]
    pub json: bool,
}
