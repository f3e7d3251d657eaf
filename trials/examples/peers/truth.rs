//! Compares percentiles with the truth, on a server that freezes at known times or takes a known
//! time.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use protocol::quantity::write_duration;
use serde_json::Value;
use trials::{Failed, Table, median};
use workload::{Arrivals, LoadSpec, Plan, Rate};

use super::tools::{Programs, Ran, installed, ours, run};

/// Just long enough for six freezes, which take more than a tenth of it, so that p90 lies within
/// them.
const WINDOW: Duration = Duration::from_millis(28_100);

/// The other generators take whole seconds; they get one more, as they drop what is in flight at
/// the end.
const PEERS_WINDOW: Duration = Duration::from_secs(29);

/// The window of a load that is stopped once.
const STOPPED_WINDOW: Duration = Duration::from_secs(30);

/// Runs of each freeze; the floor is measured between them.
const RUNS: usize = 5;
const RATE: f64 = 1000.0;
const CONNECTIONS: &str = "16";

/// Turns of the short comparisons.
const TURNS: usize = 5;

/// A freeze as the server saw it, in seconds of its clock: its start, its end, and when everything
/// that had arrived meanwhile was answered.
type Freeze = (f64, f64, f64);

/// Mean, p50, p90, p99, p99.9 in milliseconds.
type Figures = [f64; 5];

const NAMES: [&str; 5] = ["mean", "p50", "p90", "p99", "p99.9"];

/// The server freezes 500 ms every 5 s, or is stopped once for 1.5 s.
pub fn freezes(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let columns = ["generator", "mean", "p50", "p90", "p99", "p99.9", ""];
    for law in ["even", "poisson"] {
        table.begin(&format!("A freeze of 500 ms every 5 s, {RATE:.0}/s, {law}"), &columns);
        compare(programs, table, law, WINDOW, &NOT_YET, || {
            let server = programs.serve(&FREEZING)?;
            let said = load(server.port, law, WINDOW, &[])?;
            Ok((figures(&said), server.stop()?))
        })?;
        if law == "even" {
            peers(programs, table)?;
        }
        table.begin(&format!("Stopped once for 1.5 s of 30 s, {RATE:.0}/s, {law}"), &columns);
        compare(programs, table, law, STOPPED_WINDOW, &["http"], || stopped(programs, law))?;
    }
    Ok(())
}

/// Six freezes that hit a load of one request per millisecond at six different phases. Otherwise
/// six requests would have each response time, and a percentile would jump by a millisecond.
const FREEZING: [&str; 4] = ["http", "freeze", "5000.17", "500"];

/// The same server before its first freeze; it wakes from its sleep as often.
const NOT_YET: [&str; 4] = ["http", "freeze", "3600000", "500"];

/// The truth, our values and the errors, as medians of the runs. The bars are 5 % for p50 and 1 %
/// for the others. A percentile that no freeze reaches is the floor's, whose only true value is its
/// median.
fn compare(
    programs: &Programs,
    table: &mut Table,
    law: &str,
    window: Duration,
    serve: &[&str],
    run: impl Fn() -> Result<(Figures, String), Failed>,
) -> Result<(), Failed> {
    let (mut truths, mut ours, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    let mut floors_ms = vec![floor(programs, serve, law)?];
    for index in 0..RUNS {
        let (said, seen) = run()?;
        floors_ms.push(floor(programs, serve, law)?);
        let truth = expected(law, window, &seen, &floors_ms[index..].concat())?;
        errors.push(std::array::from_fn(|index| said[index] / truth[index] - 1.0));
        truths.push(truth);
        ours.push(said);
    }
    let cells = |name: &str, figures: &Figures| {
        let shown = figures.iter().map(|ms| format!("{ms:.3} ms"));
        std::iter::once(name.to_owned()).chain(shown).collect::<Vec<_>>()
    };
    let truth = medians(&truths);
    table.row(&cells("truth", &truth), None);
    table.row(&cells("crossover", &medians(&ours)), None);
    let errors = medians(&errors);
    let held = errors.iter().zip(truth).enumerate().all(|(index, (error, true_ms))| {
        let bar = if NAMES[index] == "p50" { 0.05 } else { 0.01 };
        let is_floor = NAMES[index] != "p50" && true_ms < 5.0;
        is_floor || error.abs() <= bar
    });
    table.row(&in_percent("its error", &errors), Some(held));
    let steadiness = spread(floors_ms.into_iter().map(median));
    let only_p50 = [f64::NAN, steadiness, f64::NAN, f64::NAN, f64::NAN];
    table.row(&in_percent("floor, least to greatest", &only_p50), None);
    Ok(())
}

/// The range from least to greatest as a fraction of the median: how steady the machine is.
fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let greatest = values.clone().fold(0.0, f64::max);
    (greatest - least) / median(values)
}

fn medians(runs: &[Figures]) -> Figures {
    std::array::from_fn(|index| median(runs.iter().map(|run| run[index])))
}

fn in_percent(name: &str, errors: &[f64]) -> Vec<String> {
    let shown = errors.iter().map(|error| match error {
        error if error.is_nan() => "–".to_owned(),
        error if *error > 1.0 => format!("×{:.1}", error + 1.0),
        error => format!("{:+.1} %", error * 100.0),
    });
    std::iter::once(name.to_owned()).chain(shown).collect()
}

/// The other generators on the same server, each with its own run and its own truth.
fn peers(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let mut names = installed(&["wrk", "wrk2", "oha", "hey", "h2load"]);
    if let Some(at) = names.iter().position(|name| *name == "oha") {
        names.insert(at + 1, "oha --latency-correction");
    }
    for name in names {
        let server = programs.serve(&FREEZING)?;
        let url = format!("http://127.0.0.1:{}/", server.port);
        let log = tempfile::NamedTempFile::new()?;
        let log_path = log.path().to_string_lossy().into_owned();
        let base = ["-c", CONNECTIONS];
        let ran = match name {
            "wrk" => run("wrk", &["-t1", base[0], base[1], "-d29", "--latency", &url])?,
            "wrk2" => run("wrk2", &["-t1", base[0], base[1], "-d29", "-R1000", "--latency", &url])?,
            "hey" => run("hey", &[base[0], base[1], "-z", "29s", "-q", "62.5", &url])?,
            "h2load" => {
                let log = format!("--log-file={log_path}");
                run("h2load", &["--h1", base[0], base[1], "-D29", "--rps=62.5", &log, &url])?
            }
            "oha" => run("oha", &["--no-tui", base[0], base[1], "-z29s", "-q1000", &url])?,
            _ => run(
                "oha",
                &["--no-tui", base[0], base[1], "-z29s", "-q1000", "--latency-correction", &url],
            )?,
        };
        let seen = server.stop()?;
        let truth = expected("even", PEERS_WINDOW, &seen, &floor(programs, &NOT_YET, "even")?)?;
        let said = match name {
            "h2load" => of_log(&std::fs::read_to_string(log.path())?),
            _ => of_text(name, &ran),
        };
        let errors: Vec<f64> =
            said.iter().zip(truth).map(|(its, truth)| its / truth - 1.0).collect();
        table.row(&in_percent(name, &errors), None);
    }
    Ok(())
}

/// A constant time of 1 ms, spun by the server. The truth is this time plus the time on the way.
pub fn constant(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let columns = ["pacing, arrivals", "truth", "p50", "error", "bar", ""];
    table.begin("A constant service time of 1 ms, 1,000/s over 16 connections", &columns);
    for (pacing, bar) in [("spin", 0.005), ("sleep", 0.04)] {
        for law in ["even", "poisson"] {
            let (mut truths, mut saids) = (Vec::new(), Vec::new());
            for _ in 0..TURNS {
                truths.push(1.0 + median(floor(programs, &["http", "spin"], law)?));
                let server = programs.serve(&["http", "delay", "1000"])?;
                let pacing = ["--pacing", pacing, "--warmup", "100ms"];
                saids.push(figures(&load(server.port, law, Duration::from_secs(3), &pacing)?)[1]);
            }
            let (truth_ms, said_ms) = (median(truths), median(saids));
            let error = said_ms / truth_ms - 1.0;
            let cells = [
                format!("{pacing}, {law}"),
                format!("{:.1} µs", truth_ms * 1e3),
                format!("{:.1} µs", said_ms * 1e3),
                format!("{:+.2} %", error * 100.0),
                format!("{:.1} %", bar * 100.0),
            ];
            table.row(&cells, Some(error.abs() <= bar));
        }
    }
    Ok(())
}

fn load(port: u16, law: &str, window: Duration, more: &[&str]) -> Result<Value, Failed> {
    let url = format!("http://127.0.0.1:{port}/");
    let (rate, window) = (format!("{RATE}/s"), write_duration(window));
    let frame = ["--rate", &rate, "--arrivals", law, "--clients", CONNECTIONS, "--for", &window];
    let frame = [&frame[..], &["--timeout", "10s"], more].concat();
    let warmup: &[&str] = if more.contains(&"--warmup") { &[] } else { &["--warmup", "0s"] };
    Ok(ours(&url, &[&frame[..], warmup].concat())?.0)
}

/// The time on the way, in milliseconds: 500 quantiles of the response times of the same load on a
/// server that never freezes. The barest generator measures it, which is not one of those compared.
fn floor(programs: &Programs, serve: &[&str], law: &str) -> Result<Vec<f64>, Failed> {
    let server = programs.serve(serve)?;
    let (port, rate) = (server.port.to_string(), RATE.to_string());
    let program = programs.path("paced");
    let program = program.to_str().ok_or("a path in UTF-8")?;
    let ran = run(program, &[law, &port, CONNECTIONS, &rate, "3"])?;
    let times_ms: Vec<f64> = ran.text.lines().filter_map(|line| line.parse().ok()).collect();
    if times_ms.is_empty() {
        return Err(format!("paced: {}", ran.text).into());
    }
    Ok(times_ms)
}

/// A load during which the server is stopped once, and the stop in the server's output format.
fn stopped(programs: &Programs, law: &str) -> Result<(Figures, String), Failed> {
    let server = programs.serve(&["http"])?;
    let pid = server.pid();
    let stopper = std::thread::spawn(move || -> nix::Result<(f64, f64)> {
        std::thread::sleep(Duration::from_secs(10));
        let from = now_s();
        kill(pid, Signal::SIGSTOP)?;
        std::thread::sleep(Duration::from_millis(1500));
        kill(pid, Signal::SIGCONT)?;
        Ok((from, now_s()))
    });
    let said = load(server.port, law, STOPPED_WINDOW, &[])?;
    let (from, until) = stopper.join().map_err(|_| "the stopping thread panicked")??;
    let seen = server.stop()?;
    Ok((figures(&said), format!("{seen}froze {from:.6} {until:.6} {until:.6}\n")))
}

fn now_s() -> f64 {
    loadgen::driver::monotonic_ns() as f64 / 1e9
}

/// The true times of a load, by arithmetic. A request that arrives during a freeze waits for its
/// end, and for half of the time that it took to answer all such requests. Every request also takes
/// the floor.
fn expected(law: &str, window: Duration, seen: &str, floor_ms: &[f64]) -> Result<Figures, Failed> {
    let freezes: Vec<Freeze> = seen
        .lines()
        .filter_map(|line| line.strip_prefix("froze "))
        .filter_map(|line| {
            let mut parts = line.split(' ').map(|part| part.parse().ok());
            Some((parts.next()??, parts.next()??, parts.next()??))
        })
        .collect();
    let rate = Rate::per_second(RATE).ok_or("a rate")?;
    let arrivals = if law == "even" { Arrivals::even(rate) } else { Arrivals::poisson(rate) };
    let plan =
        Plan::draw(LoadSpec { arrivals, window, warmup: Duration::ZERO, ..LoadSpec::default() })?;
    let dues_s: Vec<f64> =
        plan.requests().map(|request| request.intended_ns as f64 / 1e9).collect();
    // Each arrival is late by its way, the first ones by more; the least late one shows when the
    // load started.
    let arrived_s = seen.lines().filter_map(|line| line.strip_prefix("arrived ")?.parse().ok());
    let began_s = arrived_s.zip(&dues_s).map(|(at_s, due_s): (f64, &f64)| at_s - due_s);
    let start_s = began_s.reduce(f64::min).ok_or("when the first requests came")?;
    let mut times_ms: Vec<f64> = dues_s
        .iter()
        .enumerate()
        .map(|(index, due_s)| {
            let at_s = start_s + due_s;
            let frozen = freezes.iter().find(|(from, until, _)| (*from..*until).contains(&at_s));
            let waited_s =
                frozen.map_or(0.0, |(_, until, drained)| until - at_s + (drained - until) / 2.0);
            // 7919 is prime, so all of the floor is used, in no order.
            floor_ms[index * 7919 % floor_ms.len()] + waited_s * 1e3
        })
        .collect();
    Ok(of_times(&mut times_ms))
}

fn of_times(times_ms: &mut [f64]) -> Figures {
    times_ms.sort_by(f64::total_cmp);
    let mean = times_ms.iter().sum::<f64>() / times_ms.len() as f64;
    let percentile = |share: f64| {
        let rank = (share * times_ms.len() as f64 - 1e-9).ceil() as usize;
        times_ms.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    };
    [mean, percentile(0.5), percentile(0.9), percentile(0.99), percentile(0.999)]
}

fn figures(said: &Value) -> Figures {
    let ms = |name: &str| said["response_time"][name].as_f64().unwrap_or(f64::NAN) / 1e6;
    [ms("mean_ns"), ms("p50_ns"), ms("p90_ns"), ms("p99_ns"), ms("p99_9_ns")]
}

/// h2load prints no percentiles, but logs each request: start, status, microseconds.
fn of_log(log: &str) -> Figures {
    let mut times_ms: Vec<f64> = log
        .lines()
        .filter_map(|line| line.split('\t').nth(2)?.parse::<f64>().ok())
        .map(|us| us / 1e3)
        .collect();
    of_times(&mut times_ms)
}

/// Times as each generator prints them, in milliseconds.
fn of_text(name: &str, ran: &Ran) -> Figures {
    let labels = match name {
        "wrk" | "wrk2" => ["Latency  ", "50%", "90%", "99%", "99.9%"],
        "hey" => ["Average:", "50% in", "90% in", "99% in", "99.9% in"],
        _ => ["Average:", "50.00% in", "90.00% in", "99.00% in", "99.90% in"],
    };
    labels.map(|label| time_behind(&ran.text, label).unwrap_or(f64::NAN))
}

/// The time after a label, in milliseconds. The text has a number and a unit: `1.23ms`, `45us`,
/// `0.0012 secs`.
fn time_behind(text: &str, label: &str) -> Option<f64> {
    let rest = text[text.find(label)? + label.len()..].trim_start();
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let number: f64 = rest[..end].parse().ok()?;
    let unit = rest[end..].trim_start();
    let factor = match unit {
        _ if unit.starts_with("us") || unit.starts_with("µs") => 1e-3,
        _ if unit.starts_with("ms") => 1.0,
        _ if unit.starts_with('s') => 1e3,
        _ => return None,
    };
    Some(number * factor)
}
