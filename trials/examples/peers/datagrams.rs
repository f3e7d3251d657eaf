//! UDP at rates where other generators lose replies.

use trials::{Failed, Table, median};

use super::tools::{Programs, SERVER_CORE, is_there, ours, run};

/// Turns of each.
const TURNS: usize = 5;

/// Request–reply over UDP, open loop, on the C responder; sockperf uses its own server.
pub fn compare(programs: &Programs, table: &mut Table) -> Result<(), Failed> {
    let theirs = is_there("sockperf");
    let columns = [
        "rate",
        "answered",
        "p50",
        "p99",
        "sockperf: answered",
        "p50",
        "p99",
        "p99, its : ours",
        "bar",
        "",
    ];
    table.begin("UDP request–reply, open loop, even", &columns);
    // With GSO segments, datagrams that are due together are one for the kernel, on both sides.
    for (rate, server, flags) in [
        (100_000, &["udp", "spin"], &[][..]),
        (100_000, &["trains", "spin"], &["--offload"]),
        (250_000, &["udp", "spin"], &[]),
        (250_000, &["trains", "spin"], &["--offload"]),
    ] {
        let is_plain = flags.is_empty();
        let (mut turns, mut sockperf) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            turns.push(one(programs, rate, server, flags)?);
            if theirs {
                sockperf.push(with_sockperf(rate)?);
            }
        }
        let of = |turns: &[Turn], of: fn(&Turn) -> f64| median(turns.iter().map(of));
        let lost = turns.iter().filter(|turn| turn.answered < 1.0).count();
        let ratio = of(&sockperf, |turn| turn.p99_us) / of(&turns, |turn| turn.p99_us);
        let all = of(&turns, |turn| turn.answered) >= 1.0;
        let (bar, held) = match rate {
            100_000 => ("all answered, ratio ≥ 10", Some(all && (!theirs || ratio >= 10.0))),
            // Without GSO segments, a server's core does not answer so many here.
            _ if is_plain => ("", None),
            _ => ("all answered", Some(all)),
        };
        let us = |value: f64| match value.is_finite() {
            true => format!("{value:.1} µs"),
            false => "–".to_owned(),
        };
        let share = |value: f64| match value.is_nan() {
            true => "–".to_owned(),
            false => format!("{:.3} %", value * 100.0),
        };
        let cells = [
            format!("{rate}/s{}", if is_plain { "" } else { ", in trains" }),
            format!(
                "{} ({lost} of {TURNS} turns lost some)",
                share(of(&turns, |turn| turn.answered))
            ),
            us(of(&turns, |turn| turn.p50_us)),
            us(of(&turns, |turn| turn.p99_us)),
            share(of(&sockperf, |turn| turn.answered)),
            us(of(&sockperf, |turn| turn.p50_us)),
            us(of(&sockperf, |turn| turn.p99_us)),
            if ratio.is_finite() { format!("{ratio:.1}") } else { "–".to_owned() },
            bar.to_owned(),
        ];
        table.row(&cells, held);
    }
    Ok(())
}

struct Turn {
    answered: f64,
    p50_us: f64,
    p99_us: f64,
}

fn one(programs: &Programs, rate: u32, server: &[&str], flags: &[&str]) -> Result<Turn, Failed> {
    let server = programs.serve(server)?;
    let url = format!("udp://127.0.0.1:{}", server.port);
    let rate = format!("{rate}/s");
    let arguments = ["--service", "echo", "--rate", &rate, "--arrivals", "even", "--for", "3s"];
    let said = ours(&url, &[&arguments[..], &["--warmup", "200ms"], flags].concat())?.0;
    let us = |name: &str| said["response_time"][name].as_f64().unwrap_or(f64::INFINITY) / 1e3;
    let count = |name: &str| said["counts"][name].as_f64().unwrap_or(0.0);
    Ok(Turn {
        answered: count("answered") / count("planned"),
        p50_us: us("p50_ns"),
        p99_us: us("p99_ns"),
    })
}

/// Runs sockperf on its own server, which answers only its own protocol and spins as ours does.
/// Every reply is timed, and whole round trips are printed.
fn with_sockperf(rate: u32) -> Result<Turn, Failed> {
    const PORT: &str = "11111";
    let mut server = std::process::Command::new("taskset")
        .args(["-c", SERVER_CORE, "sockperf", "server", "--nonblocked"])
        .args(["-i", "127.0.0.1", "-p", PORT])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    let rate = format!("--mps={rate}");
    let arguments = [
        "ul",
        "-i",
        "127.0.0.1",
        "-p",
        PORT,
        "-t",
        "3",
        &rate,
        "-m",
        "64",
        "--reply-every=1",
        "--full-rtt",
    ];
    let ran = run("sockperf", &arguments);
    let _ = server.kill();
    let _ = server.wait();
    let ran = ran?;
    // "[Valid Duration] …; SentMessages=…; ReceivedMessages=…"
    let valid = ran.text.split_once("Valid Duration").map_or("", |(_, rest)| rest);
    let number = |label: &str| super::tools::number_after(valid, label).unwrap_or(f64::NAN);
    Ok(Turn {
        answered: number("ReceivedMessages=") / number("SentMessages="),
        p50_us: number("percentile 50.000 ="),
        p99_us: number("percentile 99.000 ="),
    })
}
