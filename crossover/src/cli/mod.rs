//! The command line: every flag, its type, and its help.

mod advise;
mod compare;
mod load;
mod simulate;
mod target;
mod trace;

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use protocol::quantity::{read_duration, read_seconds, read_size};
use servers::{Design, Dispatch, Service};

pub use advise::{AdviseArgs, CostsSource, read_transport};
pub use compare::{ChangeBound, CompareArgs};
pub(crate) use load::unescape;
pub use load::{CloseKind, LatencyFile, LoadArgs, PacingKind, TargetService};
pub use simulate::{MOST_CLIENTS, MOST_CORES, SimulateArgs, Vary, VaryFlag};
pub use target::{Scheme, TargetUrl};
pub use trace::TraceArgs;

use crate::names::read_design;

/// Finds, on this machine, where concurrency pays off in a server, and which design to choose.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 80)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure the designs of a scenario and write a report that says when concurrency pays
    Bench(BenchArgs),
    /// Run one server design until Ctrl-C
    Serve(ServeArgs),
    /// Put a load on a server and report its response times
    Load(Box<LoadArgs>),
    /// Write the report of a bench again from its records
    Report(ReportArgs),
    /// List the server designs, or show the textbook page of one
    Designs(DesignsArgs),
    /// Let clients misbehave towards every design and report how other clients fare
    Faults(FaultsArgs),
    /// Take a workload and say which design to choose, with which settings, and why
    Advise(Box<AdviseArgs>),
    /// Simulate a design under a load, on a machine that need not be at hand
    Simulate(Box<SimulateArgs>),
    /// Measure what threads, processes and requests cost on this machine; takes under a minute
    Calibrate(CalibrateArgs),
    /// Write a page that shows six servers under the same requests, animated, with the costs of this
    /// machine
    Explain(ExplainArgs),
    /// Compare two benches of a scenario, or two saved loads, and say what has changed
    Compare(CompareArgs),
    /// Draw what a real server does with a few requests, from its system calls
    Trace(TraceArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Write manual pages into a folder
    Man(ManArgs),
}

/// Arguments of `bench`.
#[derive(Debug, Default, Args)]
pub struct BenchArgs {
    /// Name of a scenario that comes with the program, or a scenario file [default: quick]
    pub scenario: Option<String>,
    /// Folder for records, page and figures [default: reports/runs/TIME-SCENARIO]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue the unfinished bench in this folder; its measured runs are kept
    #[arg(long, value_name = "DIR", conflicts_with_all = ["scenario", "out"])]
    pub resume: Option<PathBuf>,
    /// Fit the work to this time: leave points out if there are too many, and add runs where an
    /// answer is open [default: that of the scenario, or none]
    #[arg(long, value_name = "TIME", value_parser = read_positive_seconds)]
    pub budget: Option<Duration>,
    /// List the scenarios that come with the program, or the experiments of SCENARIO, and measure
    /// nothing
    #[arg(long, conflicts_with_all = ["resume", "out", "dry_run"])]
    pub list: bool,
    /// Show the cells, the runs, their time, and the commands that would be run, and measure nothing
    #[arg(long, conflicts_with_all = ["resume", "out"])]
    pub dry_run: bool,
    /// Print the answers as one line of JSON (the same as answers.json) instead of sentences
    #[arg(long)]
    pub json: bool,
    /// Whether nothing is printed on standard output; not a flag.
    #[arg(skip)]
    pub quiet: bool,
}

impl BenchArgs {
    /// The name of the scenario, or its file.
    #[must_use]
    pub fn scenario(&self) -> &str {
        self.scenario.as_deref().unwrap_or("quick")
    }
}

/// Pages of memory that the kernel may use for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// As the kernel chooses
    Any,
    /// Small ones only
    Small,
}

impl Pages {
    /// Reads it as it is written.
    ///
    /// # Errors
    /// If the text is no choice of pages.
    pub fn read(text: &str) -> Result<Self, String> {
        let all = [Self::Any, Self::Small];
        let found = all.into_iter().find(|pages| pages.name() == text);
        found.ok_or_else(|| format!("'{text}' is not any or small"))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Small => "small",
        }
    }
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Name of a design (`crossover designs` lists them), or all-services (every service over UDP
    /// and TCP from one process), or superserver (starts a program for each connection)
    #[arg(value_name = "DESIGN", value_parser = read_serving)]
    pub serving: Serving,
    /// What to serve: work (each request says how long to wait and compute), echo, daytime, time,
    /// next (counts each client's requests), or http
    #[arg(long, default_value_t = Service::Work)]
    pub service: Service,
    /// Address and port, or one of them (:8080, localhost); without a port, or with port 0, the
    /// system chooses one, and the first line of output names it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = read_listen)]
    pub listen: SocketAddr,
    /// all-services: each service listens on this port plus its well-known number (echo 7,
    /// daytime 13, time 37, http 80, work 4 and next 6)
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    pub base: u16,
    /// superserver: the table file, one `PORT PROGRAM` in each line, such as `7777 /bin/cat`
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Listen on an address that other machines can reach; any of them can make this one compute
    #[arg(long)]
    pub allow_remote: bool,
    /// Number of workers: the maximum for designs that create them on demand [default: 1024], the
    /// pool size for preallocated designs [default: 16], or the threads of a runtime [default: one
    /// per processor]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(servers::limits::MAX_WORKERS)))]
    pub workers: Option<u32>,
    /// Maximum number of clients that an event loop, a queue or a runtime holds; further clients wait
    /// in the kernel
    #[arg(long, value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_clients: u32,
    /// Largest request accepted; a larger one is refused
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = read_message_size)]
    pub max_request: usize,
    /// Largest reply; a request for a larger one is refused. An event loop may hold a request and a
    /// reply in memory for each client: with the default limits, 8 GiB for 4,096 clients
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = read_message_size)]
    pub max_reply: usize,
    /// Maximum wait that a request may ask for
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = read_duration)]
    pub max_wait: Duration,
    /// Maximum processor time that a request may ask for
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = read_duration)]
    pub max_compute: Duration,
    /// Close a connection on which nothing has come or gone for this long, or whose request or reply
    /// takes longer than this to transfer
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = read_positive_duration)]
    pub idle: Duration,
    /// TCP: connections that may wait in the kernel to be accepted; the kernel lowers it to
    /// /proc/sys/net/core/somaxconn
    #[arg(long, value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub backlog: u32,
    /// UDP: receive buffer of the socket; datagrams that do not fit are lost
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = read_size)]
    pub receive_buffer: usize,
    /// For the designs with delayed allocation: how long a request may run before another worker
    /// takes over the port
    #[arg(long, value_name = "TIME", default_value = "1ms", value_parser = read_duration)]
    pub patience: Duration,
    /// Pages of memory that the kernel may use: any, or small ones only (4 KiB on most machines). With
    /// huge pages fork(2) has little to copy
    #[arg(long, value_name = "SIZE", default_value = "any", value_parser = Pages::read)]
    pub pages: Pages,
    /// Memory that the server allocates and touches before it serves; in small pages, the larger it is,
    /// the longer fork(2) takes
    #[arg(long, value_name = "SIZE", default_value = "0B", value_parser = read_size)]
    pub ballast: usize,
    /// How several event loops share connections: shared (one listener, all loops wake), exclusive
    /// (one listener, one loop wakes), reuseport (a listener for each loop), round-robin (one thread
    /// accepts and gives each loop its turn)
    #[arg(long, value_name = "HOW", default_value_t = Dispatch::Exclusive)]
    pub distribution: Dispatch,
    /// Cores the server may use, such as 1,2,3 [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub cores: Vec<usize>,
    /// Exit after this time
    #[arg(long, value_name = "TIME", value_parser = read_positive_seconds)]
    pub lifetime: Option<Duration>,
    /// End together with the process that started it
    #[arg(long, hide = true)]
    pub ends_with_parent: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folder of a bench, or its records.jsonl
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Folder for page and figures [default: beside the records]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Arguments of `designs`.
#[derive(Debug, Args)]
pub struct DesignsArgs {
    /// Show the header of this design's file: picture, what changed, when it pays, where it is
    /// described
    #[arg(value_parser = read_design)]
    pub design: Option<&'static Design>,
    /// Print a JSON array instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `faults`.
#[derive(Debug, Args)]
pub struct FaultsArgs {
    /// The designs [default: all]
    #[arg(value_name = "DESIGN", value_parser = read_design)]
    pub designs: Vec<&'static Design>,
    /// Idle time-out of the TCP servers
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = read_positive_duration)]
    pub idle: Duration,
    /// Folder for the page [default: reports/runs/TIME-faults]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// The file for the costs [default: costs.json in the cache folder of the user, where advise and
    /// simulate find them]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  crossover completions bash > ~/.local/share/bash-completion/completions/crossover")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  crossover man ~/.local/share/man/man1 && man crossover-load")]
pub struct ManArgs {
    /// The folder; it is created if there is none
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The file of the page
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Costs of the servers' steps: here (as measured by `calibrate`), typical, zero, or a file that
    /// calibrate wrote [default: here if measured, else typical]
    #[arg(long, value_name = "COSTS", value_parser = advise::read_costs)]
    pub costs: Option<CostsSource>,
}

/// What `serve` is asked to become.
#[derive(Clone, Copy, Debug)]
pub enum Serving {
    /// One design.
    Design(&'static Design),
    /// Every service.
    AllServices,
    /// A program for each connection.
    Superserver,
}

fn read_serving(name: &str) -> Result<Serving, String> {
    match name {
        "all-services" => Ok(Serving::AllServices),
        "superserver" => Ok(Serving::Superserver),
        _ => read_design(name).map(Serving::Design),
    }
}

/// An address with its port; what is left away is the loopback address, or port 0.
fn read_listen(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 0));
    }
    let (name, port) = text.rsplit_once(':').unwrap_or((text, "0"));
    let wrong = || {
        format!(
            "'{text}' is not an address to listen on; write 127.0.0.1:8080, [::1]:8080 or :8080"
        )
    };
    let port: u16 = port.parse().map_err(|_| wrong())?;
    if text.is_empty() {
        return Err(wrong());
    }
    let name = if name.is_empty() { "127.0.0.1" } else { name };
    let name = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let found: Vec<SocketAddr> = (name, port).to_socket_addrs().map_err(|_| wrong())?.collect();
    // Of a name with several addresses the one that every client tries.
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(wrong)
}

fn read_message_size(text: &str) -> Result<usize, String> {
    let (least, most) = (protocol::HEADER_SIZE, protocol::MAX_MESSAGE_SIZE);
    let size = read_size(text)?;
    if !(least..=most).contains(&size) {
        return Err(format!("a message has at least {least} B and at most {most} B"));
    }
    Ok(size)
}

fn read_positive_duration(text: &str) -> Result<Duration, String> {
    longer_than_none(read_duration(text)?)
}

fn read_positive_seconds(text: &str) -> Result<Duration, String> {
    longer_than_none(read_seconds(text)?)
}

fn longer_than_none(duration: Duration) -> Result<Duration, String> {
    if duration.is_zero() {
        return Err("the time must be longer than 0".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn an_address_to_listen_on_may_leave_something_away() {
        for (text, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            (":80", "127.0.0.1:80"),
            ("127.0.0.1", "127.0.0.1:0"),
            ("::1", "[::1]:0"),
            ("[::1]", "[::1]:0"),
            ("[::1]:80", "[::1]:80"),
            ("0.0.0.0:80", "0.0.0.0:80"),
        ] {
            assert_eq!(read_listen(text).map(|it| it.to_string()), Ok(expected.to_owned()));
        }
        assert!(read_listen("localhost:0").is_ok_and(|address| address.ip().is_loopback()));
        for text in
            ["", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:http", "no-such-host.invalid:1"]
        {
            let error = read_listen(text);
            assert!(
                error.as_ref().is_err_and(|error| error.contains(":8080")),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn the_command_line_is_sound_and_every_argument_is_explained() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for subcommand in command.get_subcommands() {
            assert!(subcommand.get_about().is_some(), "{}", subcommand.get_name());
            for argument in subcommand.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {} has no help",
                    subcommand.get_name(),
                    argument.get_id()
                );
            }
        }
    }
}
