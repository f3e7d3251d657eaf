//! Compares our designs with the plainest C programs of the same designs, in turn on this machine.
//!
//! `cargo run --release --example baselines` compiles `benches/baselines/*.c`, runs each pair A B A
//! B …, and prints a table of ratios. With `--write` it also writes the table into
//! `benches/README.md`; with names of designs it runs only those. It exits with 1 if a design falls
//! below 0.95 of its twin.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

use crossover::testbed::RealTestbed;
use crossover::testbed::Testbed;
use loadgen::Target;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;
use servers::Design;
use trials::{self, Failed, Table, median};
use workload::{Arrivals, Distribution, LoadSpec, Plan, Reuse};

/// Pairs of turns; the table shows their medians.
const PAIRS: usize = 15;

/// How long each turn is measured.
const TURN: Duration = Duration::from_millis(600);

/// Clients of the closed loop.
const CLIENTS: u32 = 16;

/// The bar of a design: at least this fraction of its twin's result.
const BAR: f64 = 0.95;

/// The design (the C program has the same name), and how its clients use their connections.
const TWINS: [(&str, Reuse); 7] = [
    ("udp-iterative", Reuse::Persistent),
    ("tcp-iterative", Reuse::Per(1)),
    ("tcp-thread-per-connection", Reuse::Per(1)),
    ("tcp-process-per-connection", Reuse::Per(1)),
    ("tcp-preforked", Reuse::Per(1)),
    ("tcp-preforked", Reuse::Persistent),
    ("tcp-event-loop", Reuse::Persistent),
];

fn main() -> ExitCode {
    trials::main(run)
}

fn run() -> Result<bool, Failed> {
    let testbed = RealTestbed::new();
    let programs = tempfile::tempdir()?;
    let mut table = Table::default();
    let machine = testbed.machine();
    let title = format!(
        "Medians of {PAIRS} pairs of turns of {} ms, closed loop of {CLIENTS} clients, on {} ({} \
         cores, Linux {})",
        TURN.as_millis(),
        machine.processor,
        machine.cores,
        machine.kernel.split('-').next().unwrap_or_default()
    );
    let columns = [
        "design",
        "connections",
        "requests/s, ours : C",
        "processor time a request, C : ours",
        "ours",
        "C",
        "",
    ];
    table.begin(&title, &columns);
    let names = TWINS.map(|(name, _)| name);
    let chosen = trials::chosen(&names)?;
    for (name, reuse) in TWINS.into_iter().filter(|(name, _)| chosen.contains(name)) {
        let design = Design::named(name).ok_or("a design of the catalogue")?;
        let twin = compile(name, programs.path())?;
        let mut turns = Vec::new();
        for _ in 0..PAIRS {
            let ours = turn(&testbed, design, reuse, &our_command(name)?)?;
            let theirs = turn(&testbed, design, reuse, &[twin.display().to_string()])?;
            turns.push((ours, theirs));
        }
        let rate = median(turns.iter().map(|(ours, theirs)| ours.per_second / theirs.per_second));
        let cost = median(turns.iter().map(|(ours, theirs)| theirs.cost_us / ours.cost_us));
        let (ours, theirs) = (
            median(turns.iter().map(|(ours, _)| ours.cost_us)),
            median(turns.iter().map(|(_, theirs)| theirs.cost_us)),
        );
        let cells = [
            format!("`{name}`"),
            reuse.to_string(),
            format!("{rate:.2}"),
            format!("{cost:.2}"),
            format!("{ours:.2} µs"),
            format!("{theirs:.2} µs"),
        ];
        table.row(&cells, Some(rate.min(cost) >= BAR));
    }
    if chosen.len() == names.len() {
        table.write_if_asked("benches/README.md", "baselines")?;
    }
    Ok(table.all_hold())
}

/// What one turn showed.
struct Turn {
    per_second: f64,
    /// Processor time of the server and all its children, per request.
    cost_us: f64,
}

fn turn(
    testbed: &RealTestbed,
    design: &Design,
    reuse: Reuse,
    command: &[String],
) -> Result<Turn, Failed> {
    let spec = LoadSpec {
        arrivals: Arrivals::Closed(Distribution::fixed(0.0)),
        clients: CLIENTS,
        window: TURN,
        warmup: TURN / 5,
        reuse,
        ..LoadSpec::default()
    };
    let used_before = processor_time_of_children();
    let server = Running::start(command, &testbed.usual_placement().server_cores)?;
    let target = Target::work(design.transport(), server.address);
    let driven = testbed.drive(&target, &Plan::draw(spec)?, &|| false);
    let used_to_start = server.used_to_start;
    server.stop()?;
    let measured = driven.map_err(|failure| failure.to_string())?;
    let used = processor_time_of_children() - used_before - used_to_start;
    let answered = measured.counts.answered;
    if answered * 100 < measured.counts.sent * 99 {
        return Err(format!("{answered} of {} requests answered", measured.counts.sent).into());
    }
    Ok(Turn {
        per_second: answered as f64 / TURN.as_secs_f64(),
        cost_us: used.as_secs_f64() * 1e6 / (answered + measured.events.warmup) as f64,
    })
}

/// A running server of either kind.
struct Running {
    child: Child,
    _output: BufReader<ChildStdout>,
    address: SocketAddr,
    used_to_start: Duration,
}

impl Running {
    fn start(command: &[String], cores: &[usize]) -> Result<Self, Failed> {
        let list: Vec<String> = cores.iter().map(ToString::to_string).collect();
        let mut child = Command::new("taskset")
            .args(["-c", &list.join(",")])
            .args(command)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("a pipe")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let opening: serde_json::Value = serde_json::from_str(&line)?;
        let address = opening["listening"].as_str().ok_or("an opening line")?.parse()?;
        // The process has one thread so far, so the kernel's nanoseconds of that thread are those
        // of the process.
        let told = fs::read_to_string(format!("/proc/{}/schedstat", child.id()))?;
        let used_ns = told.split(' ').next().unwrap_or_default().parse()?;
        let used_to_start = Duration::from_nanos(used_ns);
        Ok(Self { child, _output: output, address, used_to_start })
    }

    fn stop(mut self) -> Result<(), Failed> {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of all servers that have ended, including their children.
fn processor_time_of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("every Linux tells");
    let nanos = usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds();
    Duration::from_nanos(nanos as u64)
}

fn our_command(design: &str) -> Result<Vec<String>, Failed> {
    let program = std::env::current_exe()?.display().to_string();
    Ok([&program, "serve", design].map(str::to_owned).to_vec())
}

fn baselines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/baselines")
}

fn compile(design: &str, into: &Path) -> Result<PathBuf, Failed> {
    let name = design.replace('-', "_");
    let program = into.join(&name);
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
        .arg(&program)
        .arg(baselines().join(format!("{name}.c")))
        .status()
        .map_err(|error| format!("cc: {error}; install a C compiler"))?;
    if status.success() { Ok(program) } else { Err(format!("{name}.c does not compile").into()) }
}
