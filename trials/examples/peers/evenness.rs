//! How punctually and how evenly requests leave, as the generator reports and as the server sees.

use serde_json::Value;
use trials::{Failed, Table, median};

use super::tools::{Programs, installed, number_after, ours, run};

/// Turns of each comparison.
const TURNS: usize = 5;

/// Turns of a comparison that a single stall of the machine can change.
const MANY_TURNS: usize = 11;

/// Length of a turn, in seconds.
const SECONDS: u32 = 2;

const CONNECTIONS: &str = "64";

/// Requests a second at which the server observes arrivals.
const RATE: f64 = 10_000.0;

/// Lag and response times of an open loop on a core of its own. At the higher rate the server
/// spins, so that the time to wake its core, which is the machine's, does not count.
pub fn lag(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let columns =
        ["load", "sent : planned", "lag p50", "lag p99", "R p50", "one at a time", "bar", ""];
    table.begin("Open loop, even", &columns);
    for (name, rate, serve, bar) in [
        ("HTTP, 64 connections", RATE, &["http"][..], "lag p50 ≤ 1 µs, p99 ≤ 60 µs"),
        ("HTTP, 64 connections", 100_000.0, &["http", "spin"], "sent within 0.1 %, R p50 ≤ 15 µs"),
        ("UDP echo", 100_000.0, &["udp", "spin"], "sent within 0.1 %, R p50 ≤ 15 µs"),
    ] {
        let (mut turns, mut alone) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            turns.push(open(programs, serve, rate, &["--arrivals", "even"])?.said);
            alone.push(us(&one_at_a_time(programs, serve)?, "response_time", "p50_ns"));
        }
        let of = |of: &dyn Fn(&Value) -> f64| median(turns.iter().map(of));
        let [lag_p50, lag_p99, response_p50] =
            [("lag", "p50_ns"), ("lag", "p99_ns"), ("response_time", "p50_ns")]
                .map(|(what, which)| of(&move |said| us(said, what, which)));
        let achieved = of(&|said| said["rate_achieved"].as_f64().unwrap_or(0.0)) / rate;
        let held = match rate {
            RATE => lag_p50 <= 1.0 && lag_p99 <= 60.0,
            _ => (achieved - 1.0).abs() <= 1e-3 && response_p50 <= 15.0,
        };
        let cells = [
            format!("{name}, {rate:.0}/s"),
            format!("{achieved:.5}"),
            format!("{lag_p50:.2} µs"),
            format!("{lag_p99:.1} µs"),
            format!("{response_p50:.1} µs"),
            format!("{:.1} µs", median(alone)),
            bar.to_owned(),
        ];
        table.row(&cells, Some(held));
    }
    Ok(())
}

fn us(said: &Value, what: &str, which: &str) -> f64 {
    said[what][which].as_f64().unwrap_or(f64::INFINITY) / 1e3
}

/// A single spinning client that waits for each reply: the time on the way.
fn one_at_a_time(programs: &Programs, serve: &[&str]) -> Result<Value, Failed> {
    let server = programs.serve(serve)?;
    let closed = ["--closed", "--pacing", "spin", "--for", "1s", "--warmup", "100ms"];
    Ok(ours(&url(serve, server.port), &[&closed[..], service(serve)].concat())?.0)
}

fn url(serve: &[&str], port: u16) -> String {
    match serve[0] {
        "udp" => format!("udp://127.0.0.1:{port}"),
        _ => format!("http://127.0.0.1:{port}/"),
    }
}

fn service(serve: &[&str]) -> &'static [&'static str] {
    if serve[0] == "udp" { &["--service", "echo"] } else { &[] }
}

/// The squared coefficient of variation of the gaps between arrivals, as seen by the server.
pub fn arrivals(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let columns = ["generator", "C² of arrivals", "bar", ""];
    table.begin("Arrivals seen by the server, 10,000/s over 64 connections", &columns);
    let mut bare = Vec::new();
    for (law, low, high) in [("even", 0.0, 0.2), ("poisson", 0.95, 1.10)] {
        let mut seen = Vec::new();
        for seed in 0..MANY_TURNS {
            let arguments = ["--arrivals", law, "--seed", &seed.to_string()];
            seen.push(open(programs, &["http"], RATE, &arguments)?.seen);
            if law == "even" {
                bare.push(bare_seen(programs)?);
            }
        }
        let seen = median(seen);
        let cells = [format!("crossover, {law}"), format!("{seen:.3}"), format!("{low} to {high}")];
        table.row(&cells, Some((low..=high).contains(&seen)));
    }
    let cells = ["bare C loop, even".to_owned(), format!("{:.3}", median(bare)), String::new()];
    table.row(&cells, None);
    for name in installed(&["wrk2", "oha", "hey", "h2load"]) {
        let mut seen = Vec::new();
        for _ in 0..TURNS {
            let server = programs.serve(&["http"])?;
            let url = format!("http://127.0.0.1:{}/", server.port);
            run(name, &paced(name, "10000", "156", &url))?;
            seen.push(number_after(&server.stop()?, "cv2").unwrap_or(f64::NAN));
        }
        let cells = [format!("{name}, even"), format!("{:.2}", median(seen)), String::new()];
        table.row(&cells, None);
    }
    Ok(())
}

/// The same for the barest open loop, which waits for each reply. It shows how the machine's stalls
/// disturb even arrivals, whichever program sends them.
fn bare_seen(programs: &Programs) -> Result<f64, Failed> {
    let server = programs.serve(&["http"])?;
    let (port, program) = (server.port.to_string(), programs.path("paced"));
    let program = program.to_str().ok_or("a path in UTF-8")?;
    run(program, &["even", &port, CONNECTIONS, &RATE.to_string(), &SECONDS.to_string()])?;
    Ok(number_after(&server.stop()?, "cv2").unwrap_or(f64::NAN))
}

/// The processor time of sending 50,000 requests a second, for each pacing.
pub fn cost(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let columns = ["generator", "share of a core", "C² of arrivals", "R p50", ""];
    table.begin("50,000/s over 64 connections: processor time against evenness", &columns);
    let theirs = installed(&["oha"]);
    let mut used: Vec<Used> = Vec::new();
    let mut note =
        |name: String, turn: [f64; 3]| match used.iter_mut().find(|known| known.name == name) {
            Some(known) => known.turns.push(turn),
            None => used.push(Used { name, turns: vec![turn] }),
        };
    for _ in 0..TURNS {
        for pacing in ["sleep", "hybrid", "spin"] {
            let arguments = ["--arrivals", "even", "--pacing", pacing];
            let opened = open(programs, &["http"], 50_000.0, &arguments)?;
            let p50_us = us(&opened.said, "response_time", "p50_ns");
            let share = opened.processor_s / f64::from(SECONDS);
            note(format!("crossover, {pacing}"), [share, opened.seen, p50_us]);
        }
        for name in &theirs {
            let server = programs.serve(&["http"])?;
            let url = format!("http://127.0.0.1:{}/", server.port);
            let ran = run(name, &paced(name, "50000", "781", &url))?;
            let seen = number_after(&server.stop()?, "cv2").unwrap_or(f64::NAN);
            note((*name).to_owned(), [ran.processor_s / f64::from(SECONDS), seen, f64::NAN]);
        }
    }
    let share_of = |used: &Used| used.median(0);
    let oha = used.iter().find(|used| used.name == "oha").map(share_of);
    for used in &used {
        let held = oha.filter(|_| used.name == "crossover, sleep").map(|oha| share_of(used) < oha);
        let cells = [
            used.name.clone(),
            format!("{:.0} %", share_of(used) * 100.0),
            format!("{:.2}", used.median(1)),
            match used.median(2) {
                p50_us if p50_us.is_nan() => String::new(),
                p50_us => format!("{p50_us:.1} µs"),
            },
        ];
        table.row(&cells, held);
    }
    Ok(())
}

/// What a generator used in each turn: fraction of a core, C² of arrivals, R p50 in µs.
struct Used {
    name: String,
    turns: Vec<[f64; 3]>,
}

impl Used {
    fn median(&self, of: usize) -> f64 {
        median(self.turns.iter().map(|turn| turn[of]))
    }
}

/// The result of our open loop.
struct Opened {
    said: Value,
    processor_s: f64,
    /// C² of the gaps between arrivals that the server saw.
    seen: f64,
}

fn open(
    programs: &Programs,
    serve: &[&str],
    rate: f64,
    arguments: &[&str],
) -> Result<Opened, Failed> {
    let server = programs.serve(serve)?;
    let (rate, length) = (format!("{rate}/s"), format!("{SECONDS}s"));
    let clients = if serve[0] == "udp" { "1" } else { CONNECTIONS };
    let frame = ["--rate", &rate, "--clients", clients, "--for", &length, "--warmup", "0s"];
    let all = [&frame[..], service(serve), arguments].concat();
    let (said, ran) = ours(&url(serve, server.port), &all)?;
    let seen = number_after(&server.stop()?, "cv2").unwrap_or(f64::NAN);
    Ok(Opened { said, processor_s: ran.processor_s, seen })
}

/// The arguments for a constant rate; some generators take the rate of one connection instead.
fn paced(name: &str, rate: &str, of_one: &str, url: &str) -> Vec<String> {
    let (seconds, length) = (SECONDS.to_string(), format!("{SECONDS}s"));
    let arguments = match name {
        "wrk2" => vec!["-t1", "-c", CONNECTIONS, "-R", rate, "-d", &seconds, url],
        "oha" => vec!["--no-tui", "-c", CONNECTIONS, "-q", rate, "-z", &length, url],
        "hey" => vec!["-c", CONNECTIONS, "-q", of_one, "-z", &length, url],
        _ => vec!["--h1", "-c", CONNECTIONS, "--rps", of_one, "-D", &seconds, url],
    };
    arguments.into_iter().map(str::to_owned).collect()
}
