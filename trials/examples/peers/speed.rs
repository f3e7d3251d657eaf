//! How many requests a second each generator drives, and at what processor time, in turns.

use serde_json::Value;

use trials::{Failed, Table, median};

use super::tools::{Programs, Ran, Server, installed, is_there, ours, run};

/// Rounds; every generator has a turn in each.
const ROUNDS: usize = 11;

/// Seconds of each turn.
const SECONDS: &str = "1";

/// The C loop that measures nothing: with read and write, and with recv and send as in our
/// generator.
const BARE: &str = "bare C loop";
const BARE_OF_SOCKETS: &str = "bare C loop, recv and send";

/// What a generator did in its turn.
struct Driven {
    /// Requests a second.
    rate: f64,
    /// Requests of the whole run, which used the processor time.
    requests: f64,
    processor_s: f64,
}

/// One turn.
struct Turn {
    rate: f64,
    /// Processor time of the generator per request.
    cost_us: f64,
    /// The fraction of its core that the server used.
    server_share: f64,
}

/// A closed loop over 64 persistent HTTP connections; everything is recorded.
pub fn http(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let server = programs.serve(&["http"])?;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let mut names = vec!["crossover", BARE, BARE_OF_SOCKETS];
    names.extend(installed(&["wrk", "ab", "oha", "h2load", "hey"]));
    let bars: &[(&str, f64, f64)] = &[("wrk", 1.30, 0.77), ("ab", 1.05, 0.0), ("oha", 2.0, 0.0)];
    let port = server.port.to_string();
    let turns = in_turns(&server, &names, |name| match name {
        "crossover" => closed(&url, &["--closed", "--clients", "64"]),
        BARE => bare(programs, &["http", &port, "64", SECONDS]),
        BARE_OF_SOCKETS => bare(programs, &["http", &port, "64", SECONDS, "recv"]),
        _ => peer(name, &url, "64"),
    })?;
    table_of_ratios(table, "HTTP, 64 connections, closed loop", &names, &turns, bars);
    Ok(())
}

/// Sixteen requests in flight on each connection.
pub fn pipelined(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    if !is_there("h2load") {
        println!("h2load is not installed: pipelining is left out");
        return Ok(());
    }
    let server = programs.serve(&["http"])?;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let names = ["crossover", "h2load"];
    let turns = in_turns(&server, &names, |name| match name {
        "crossover" => closed(&url, &["--closed", "--clients", "64", "--pipeline", "16"]),
        _ => {
            let ran = run("h2load", &["--h1", "-c64", "-m16", "-D", SECONDS, &url])?;
            Ok(driven(&ran, "finished in 1"))
        }
    })?;
    table_of_ratios(
        table,
        "HTTP, 64 connections, 16 in flight on each",
        &names,
        &turns,
        &[("h2load", 1.0, 0.0)],
    );
    Ok(())
}

/// One connection, spinning.
pub fn single(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    if !is_there("wrk") {
        println!("wrk is not installed: the single connection is left out");
        return Ok(());
    }
    let server = programs.serve(&["http"])?;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let names = ["crossover", "wrk"];
    let turns = in_turns(&server, &names, |name| match name {
        "crossover" => closed(
            &url,
            &["--closed", "--clients", "1", "--pacing", "spin", "--latency-file", "hold"],
        ),
        _ => peer(name, &url, "1"),
    })?;
    table_of_ratios(table, "HTTP, one connection, spinning", &names, &turns, &[("wrk", 2.5, 0.0)]);
    Ok(())
}

/// TCP echo (RFC 862) over 16 connections.
pub fn echo(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let server = programs.serve(&["echo"])?;
    let url = format!("tcp://127.0.0.1:{}", server.port);
    let names = ["crossover", BARE, BARE_OF_SOCKETS];
    let port = server.port.to_string();
    let turns = in_turns(&server, &names, |name| match name {
        "crossover" => closed(&url, &["--closed", "--clients", "16", "--service", "echo"]),
        BARE => bare(programs, &["echo", &port, "16", SECONDS]),
        _ => bare(programs, &["echo", &port, "16", SECONDS, "recv"]),
    })?;
    table_of_ratios(table, "TCP echo, 16 connections", &names, &turns, &[(BARE, 0.95, 0.0)]);
    Ok(())
}

fn in_turns<'a>(
    server: &Server,
    names: &[&'a str],
    drive: impl Fn(&'a str) -> Result<Driven, Failed>,
) -> Result<Vec<Vec<Turn>>, Failed> {
    let mut turns: Vec<Vec<Turn>> = names.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (name, turns) in names.iter().zip(&mut turns) {
            let before_s = server.processor_s()?;
            let driven = drive(name)?;
            let of_server_s = server.processor_s()? - before_s;
            turns.push(Turn {
                rate: driven.rate,
                cost_us: driven.processor_s * 1e6 / driven.requests,
                server_share: of_server_s / driven.requests * driven.rate,
            });
        }
    }
    Ok(turns)
}

fn closed(url: &str, arguments: &[&str]) -> Result<Driven, Failed> {
    let length = format!("{SECONDS}s");
    let frame = ["--for", &length, "--warmup", "50ms"];
    let (said, ran) = ours(url, &[arguments, &frame].concat())?;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let requests = number(&said["counts"]["answered"]) + number(&said["warmup"]);
    Ok(Driven { rate: number(&said["throughput"]), requests, processor_s: ran.processor_s })
}

fn bare(programs: &Programs, arguments: &[&str]) -> Result<Driven, Failed> {
    let program = programs.path("closed_loop");
    let ran = run(program.to_str().ok_or("a path in UTF-8")?, arguments)?;
    Ok(driven(&ran, ""))
}

fn peer(name: &str, url: &str, connections: &str) -> Result<Driven, Failed> {
    let seconds = format!("{SECONDS}s");
    let (arguments, label): (Vec<&str>, &str) = match name {
        "wrk" => (vec!["-t1", "-c", connections, "-d", &seconds, url], "Requests/sec:"),
        "ab" => (
            vec!["-k", "-q", "-c", connections, "-t", SECONDS, "-n", "1000000", url],
            "Requests per second:",
        ),
        "oha" => (vec!["--no-tui", "-c", connections, "-z", &seconds, url], "Requests/sec:"),
        "h2load" => (vec!["--h1", "-c", connections, "-D", SECONDS, url], "finished in 1"),
        _ => (vec!["-c", connections, "-z", &seconds, url], "Requests/sec:"),
    };
    Ok(driven(&run(name, &arguments)?, label))
}

/// The rate after a label, taken as constant over the whole turn.
fn driven(ran: &Ran, label: &str) -> Driven {
    let rate = match label {
        // "finished in 1.00s, 123456.78 req/s, 10.50MB/s"
        "finished in 1" => ran
            .text
            .split_once("s, ")
            .and_then(|(_, rest)| super::tools::number_after(rest, ""))
            .unwrap_or(f64::NAN),
        _ => ran.number(label).unwrap_or(f64::NAN),
    };
    let seconds: f64 = SECONDS.parse().unwrap_or(1.0);
    Driven { rate, requests: rate * seconds, processor_s: ran.processor_s }
}

/// Compares the first generator with each one: rates and processor times as medians of the rounds'
/// ratios. A bar is the least ratio of rates, and the greatest ratio of processor times unless that
/// is 0.
fn table_of_ratios(
    table: &mut Table,
    title: &str,
    names: &[&str],
    turns: &[Vec<Turn>],
    bars: &[(&str, f64, f64)],
) {
    let columns = [
        "generator",
        "requests/s",
        "µs a request",
        "the server's core",
        "ours : its rate",
        "ours : its time",
        "bar",
        "",
    ];
    table.begin(title, &columns);
    let ours = &turns[0];
    for (name, its) in names.iter().zip(turns) {
        let ratio = |of: fn(&Turn) -> f64| median(ours.iter().zip(its).map(|(a, b)| of(a) / of(b)));
        let (rate, cost) = (ratio(|turn| turn.rate), ratio(|turn| turn.cost_us));
        let bar = bars.iter().find(|(bar, ..)| bar == name);
        let held = bar.map(|(_, least, most)| rate >= *least && (*most == 0.0 || cost <= *most));
        let cells = [
            (*name).to_owned(),
            format!("{:.0}", median(its.iter().map(|turn| turn.rate))),
            format!("{:.2}", median(its.iter().map(|turn| turn.cost_us))),
            format!("{:.0} %", median(its.iter().map(|turn| turn.server_share)) * 100.0),
            format!("{rate:.2}"),
            format!("{cost:.2}"),
            match bar {
                Some((_, least, most)) if *most > 0.0 => format!("≥ {least}, ≤ {most}"),
                Some((_, least, _)) => format!("≥ {least}"),
                None => String::new(),
            },
        ];
        table.row(&cells, held);
    }
}
