//! How punctually and how evenly requests leave, as the generator says and as the server sees.

use serde_json::Value;

use super::Table;
use super::tools::{Failed, Programs, installed, median, number_after, ours, run};

/// Turns of each.
const TURNS: usize = 5;

const CONNECTIONS: &str = "64";

/// Lag and response times of an open loop on a core of its own.
pub fn lag(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let columns = ["rate", "sent : planned", "lag p50", "lag p99", "R p50", "bar", ""];
    table.begin("HTTP, open loop, even, 64 connections", &columns);
    for (rate, bar) in
        [(10_000.0, "lag p50 ≤ 1 µs, p99 ≤ 60 µs"), (100_000.0, "sent within 0.1 %, R p50 ≤ 15 µs")]
    {
        let mut turns = Vec::new();
        for _ in 0..TURNS {
            turns.push(open(programs, rate, &["--arrivals", "even"])?.0);
        }
        let of = |of: &dyn Fn(&Value) -> f64| median(&mut turns.iter().map(of).collect::<Vec<_>>());
        let us = |what: &'static str, which: &'static str| {
            of(&move |said: &Value| said[what][which].as_f64().unwrap_or(f64::INFINITY) / 1e3)
        };
        let (lag_p50, lag_p99) = (us("lag", "p50_ns"), us("lag", "p99_ns"));
        let response_p50 = us("response_time", "p50_ns");
        let achieved = of(&|said| said["rate_achieved"].as_f64().unwrap_or(0.0)) / rate;
        let held = match rate {
            10_000.0 => lag_p50 <= 1.0 && lag_p99 <= 60.0,
            _ => (achieved - 1.0).abs() <= 1e-3 && response_p50 <= 15.0,
        };
        let cells = [
            format!("{rate:.0}/s"),
            format!("{achieved:.5}"),
            format!("{lag_p50:.2} µs"),
            format!("{lag_p99:.1} µs"),
            format!("{response_p50:.1} µs"),
            bar.to_owned(),
        ];
        table.row(&cells, Some(held));
    }
    Ok(())
}

/// The squared coefficient of variation of the gaps between arrivals, seen by the server.
pub fn arrivals(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let columns = ["generator", "C² of arrivals", "bar", ""];
    table.begin("Arrivals seen by the server, 10,000/s over 64 connections", &columns);
    for (law, low, high) in [("even", 0.0, 0.2), ("poisson", 0.95, 1.10)] {
        let mut seen = Vec::new();
        for _ in 0..TURNS {
            seen.push(open(programs, 10_000.0, &["--arrivals", law])?.1);
        }
        let seen = median(&mut seen);
        let cells = [format!("crossover, {law}"), format!("{seen:.3}"), format!("{low} to {high}")];
        table.row(&cells, Some((low..=high).contains(&seen)));
    }
    for name in installed(&["wrk2", "oha", "hey", "h2load"]) {
        let mut seen = Vec::new();
        for _ in 0..TURNS {
            let server = programs.serve(&["http"])?;
            let url = format!("http://127.0.0.1:{}/", server.port);
            run(name, &paced(name, "10000", "156", "2", &url))?;
            seen.push(number_after(&server.stop()?, "cv2").unwrap_or(f64::NAN));
        }
        let cells = [format!("{name}, even"), format!("{:.2}", median(&mut seen)), String::new()];
        table.row(&cells, None);
    }
    Ok(())
}

/// What it costs to send 50,000 a second while sleeping between sends.
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
            let (said, seen) =
                open(programs, 50_000.0, &["--arrivals", "even", "--pacing", pacing])?;
            let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
            let generator = &said["generator"];
            let share = number(&generator["processor_ns"]) / number(&generator["wall_ns"]);
            let p50_us = number(&said["response_time"]["p50_ns"]) / 1e3;
            note(format!("crossover, {pacing}"), [share, seen, p50_us]);
        }
        for name in &theirs {
            let server = programs.serve(&["http"])?;
            let url = format!("http://127.0.0.1:{}/", server.port);
            let ran = run(name, &paced(name, "50000", "781", "2", &url))?;
            let seen = number_after(&server.stop()?, "cv2").unwrap_or(f64::NAN);
            note((*name).to_owned(), [ran.processor_s / 2.0, seen, f64::NAN]);
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

/// What a generator used, turn by turn: share of a core, C² of arrivals, R p50 in µs.
struct Used {
    name: String,
    turns: Vec<[f64; 3]>,
}

impl Used {
    fn median(&self, of: usize) -> f64 {
        median(&mut self.turns.iter().map(|turn| turn[of]).collect::<Vec<_>>())
    }
}

/// Our open loop, and C² of what the server saw of it.
fn open(programs: &Programs, rate: f64, arguments: &[&str]) -> Result<(Value, f64), Failed> {
    let server = programs.serve(&["http"])?;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let rate = format!("{rate}/s");
    let frame = ["--rate", &rate, "--clients", CONNECTIONS, "--for", "2s", "--warmup", "0s"];
    let said = ours(&url, &[&frame[..], arguments].concat())?;
    let seen = number_after(&server.stop()?, "cv2").unwrap_or(f64::NAN);
    Ok((said, seen))
}

/// A constant rate as each generator is told it; some are told that of one connection.
fn paced<'a>(
    name: &str,
    rate: &'a str,
    of_one: &'a str,
    seconds: &'a str,
    url: &'a str,
) -> Vec<&'a str> {
    match name {
        "wrk2" => vec!["-t1", "-c", CONNECTIONS, "-R", rate, "-d", seconds, url],
        "oha" => vec!["--no-tui", "-c", CONNECTIONS, "-q", rate, "-z", "2s", url],
        "hey" => vec!["-c", CONNECTIONS, "-q", of_one, "-z", "2s", url],
        _ => vec!["--h1", "-c", CONNECTIONS, "--rps", of_one, "-D", seconds, url],
    }
}
