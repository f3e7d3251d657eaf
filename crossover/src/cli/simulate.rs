//! The flags of `crossover simulate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use protocol::quantity::{Nanoseconds, read_duration, read_size};
use servers::Design;
use workload::{Distribution as Quantity, Law, Rate, Reuse, SessionLength};

use super::advise::{CostsSource, read_costs};
use super::load::{read_distribution, read_law};
use super::read_positive_duration;
use crate::names::read_design;

/// The most cores that are simulated.
pub const MOST_CORES: u32 = 65_536;

/// The most clients, and the most workers.
pub const MOST_CLIENTS: u32 = 10_000_000;

/// Arguments of `simulate`.
#[derive(Clone, Debug, Args)]
pub struct SimulateArgs {
    /// A scenario, by its name or its file: the same answers, page and figures as a bench, marked as
    /// simulated. Of the flags below only --cores, --costs, --out and --json go with it
    #[arg(required_unless_present = "design", conflicts_with_all = [
        "design", "workers", "rate", "arrivals", "closed", "session", "think", "clients", "connection", "wait",
        "compute", "requests", "timeout", "seed", "room", "slice", "patience", "memory", "vary",
    ])]
    pub scenario: Option<String>,
    /// The design (`crossover designs` lists them)
    #[arg(long, value_name = "NAME", value_parser = read_design)]
    pub design: Option<&'static Design>,
    /// Its workers, or the most that it creates [default: as for serve]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_CLIENTS)))]
    pub workers: Option<u32>,
    /// Cores for the server
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_CORES)))]
    pub cores: u32,
    /// Requests a second, 300/s or 6/m; with --session, sessions a second
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "RATE",
        required_unless_present_any = ["closed", "scenario"],
        help_heading = "Load"
    )]
    pub rate: Option<Rate>,
    /// The law of arrivals: poisson, even, burst:8, on-off:1s,4s, ramp:5000/s, sine:0.5,10s or trace:FILE
    #[arg(long, value_name = "LAW", default_value = "poisson", value_parser = read_law,
          help_heading = "Load")]
    pub arrivals: Law,
    /// Closed loop: each client waits for its reply, pauses and asks again
    #[arg(long, conflicts_with_all = ["rate", "session"], help_heading = "Load")]
    pub closed: bool,
    /// Requests of a session: 10, or geometric:10 (mean 10)
    #[arg(long, value_name = "LENGTH", help_heading = "Load")]
    pub session: Option<SessionLength>,
    /// Pause between a reply and the client's next request
    #[arg(long, allow_hyphen_values = true, value_name = "TIMES", default_value = "0ns",
          value_parser = read_distribution::<Nanoseconds>, help_heading = "Load")]
    pub think: Quantity<Nanoseconds>,
    /// Connections, or clients of a closed loop
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_CLIENTS)), help_heading = "Load")]
    pub clients: u32,
    /// How TCP connections are used: persistent or per-request
    #[arg(long, value_name = "USE", default_value = "per-request", value_parser = read_use,
          help_heading = "Load")]
    pub connection: Reuse,
    /// Time that a request waits: 2ms, exp:2ms, uniform:LOW,HIGH, lognormal:MEAN,C2, pareto:LOW,HIGH,SHAPE,
    /// two-point:COMMON,RARE,FRACTION, or file:PATH
    #[arg(long, allow_hyphen_values = true, value_name = "TIMES", default_value = "0ns",
          value_parser = read_distribution::<Nanoseconds>, help_heading = "Load")]
    pub wait: Quantity<Nanoseconds>,
    /// Processor time of a request, written as for --wait
    #[arg(long, allow_hyphen_values = true, value_name = "TIMES", default_value = "0ns",
          value_parser = read_distribution::<Nanoseconds>, help_heading = "Load")]
    pub compute: Quantity<Nanoseconds>,
    /// Measured requests, to which a tenth is added before them
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u64).range(1..=900_000_000), help_heading = "Load")]
    pub requests: u64,
    /// Give up on a request that has no answer after this time [default: never]
    #[arg(long, value_name = "TIME", value_parser = read_positive_duration, help_heading = "Load")]
    pub timeout: Option<Duration>,
    /// Seed for the random arrivals and times; the same plan as that of `load`
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    pub seed: u64,
    /// Requests that may wait for a worker; more are lost [default: any number]
    #[arg(long, value_name = "N")]
    pub room: Option<u32>,
    /// Time slice of threads that compete for a core; 0 shares it evenly
    #[arg(long, value_name = "TIME", default_value = "0ns", value_parser = read_duration)]
    pub slice: Duration,
    /// For the designs with delayed allocation: how long a request may run before another worker takes
    /// over the port
    #[arg(long, value_name = "TIME", default_value = "1ms", value_parser = read_duration)]
    pub patience: Duration,
    /// Memory of the server process: with fork, each MiB of it costs time
    #[arg(long, value_name = "SIZE", default_value = "0B", value_parser = read_size)]
    pub memory: usize,
    /// What the steps of a server cost: zero, here (what `crossover calibrate` measured), typical, or a
    /// file that calibrate --json wrote
    #[arg(long, value_name = "COSTS", default_value = "zero", value_parser = read_costs)]
    pub costs: CostsSource,
    /// Simulate several values of a flag and print a line for each: cores=1,2,4 (also workers, clients,
    /// rate, wait, compute)
    #[arg(long, value_name = "FLAG=VALUES", value_parser = read_vary)]
    pub vary: Option<Vary>,
    /// With a scenario: folder for records, page and figures [default: reports/runs/TIME-SCENARIO]
    #[arg(long, value_name = "DIR", conflicts_with = "design")]
    pub out: Option<PathBuf>,
    /// Print JSON, with the keys of `load --json`; of a scenario its answers
    #[arg(long)]
    pub json: bool,
}

/// A flag and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vary {
    /// The flag.
    pub flag: VaryFlag,
    /// Its values, as written.
    pub values: Vec<String>,
}

/// The flags that can be varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaryFlag {
    /// `--cores`
    Cores,
    /// `--workers`
    Workers,
    /// `--clients`
    Clients,
    /// `--rate`
    Rate,
    /// `--wait`
    Wait,
    /// `--compute`
    Compute,
}

impl VaryFlag {
    const ALL: [Self; 6] =
        [Self::Cores, Self::Workers, Self::Clients, Self::Rate, Self::Wait, Self::Compute];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cores => "cores",
            Self::Workers => "workers",
            Self::Clients => "clients",
            Self::Rate => "rate",
            Self::Wait => "wait",
            Self::Compute => "compute",
        }
    }
}

fn read_vary(text: &str) -> Result<Vary, String> {
    let usage = || {
        let names = VaryFlag::ALL.map(VaryFlag::name).join(", ");
        format!("'{text}' is not FLAG=VALUES, such as cores=1,2,4; the flags are {names}")
    };
    let (name, values) = text.split_once('=').ok_or_else(usage)?;
    let flag = VaryFlag::ALL.into_iter().find(|flag| flag.name() == name).ok_or_else(usage)?;
    let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
    if values.iter().any(String::is_empty) {
        return Err(usage());
    }
    Ok(Vary { flag, values })
}

/// A connection that carries more than one request but not all would be neither.
fn read_use(text: &str) -> Result<Reuse, String> {
    match text {
        "persistent" | "per-request" => text.parse(),
        _ => Err(format!("'{text}' cannot be simulated; write persistent or per-request")),
    }
}
