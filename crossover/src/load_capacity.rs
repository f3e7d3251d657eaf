//! `crossover load --capacity`: trials at rates that the search asks for, and what they say.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use loadgen::capacity::{Capacity, Search, Step, Trial};
use loadgen::expectation::{Expectation, Figure};
use loadgen::judge::supports;
use loadgen::{Arrivals, Distribution, LoadSpec, Plan, Rate};
use results::{Doubt, Measurement};
use serde::Serialize;

use crate::cli::LoadArgs;
use crate::error::Error;
use crate::generator::{Aim, Engine, measure};
use crate::json;
use crate::tables;

/// How long a server may take to work off what a trial has left; then the search goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is tried: a thread of the generator sends a few hundred thousand a second.
const MOST_PER_THREAD: f64 = 500_000.0;

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    bound: String,
    capacity: Option<PrintedCapacity>,
    because: Option<&'a str>,
    trials: Vec<PrintedTrial>,
}

#[derive(Serialize)]
struct PrintedCapacity {
    rate: f64,
    low: f64,
    high: f64,
}

#[derive(Serialize)]
struct PrintedTrial {
    rate: f64,
    achieved: f64,
    figure_ns: Option<f64>,
    /// As the server reports it in its replies; services of others report none.
    service_time_mean_ns: Option<f64>,
    unanswered: u64,
    kept: bool,
    doubts: Vec<&'static str>,
}

/// Searches, from the rate of the load on.
pub(crate) fn run(
    arguments: &LoadArgs,
    bound: &Expectation,
    spec: &LoadSpec,
    aim: &Aim,
    engine: &Engine,
    stop: &AtomicBool,
) -> Result<(), Error> {
    let Some(first) = spec.arrivals.rate() else {
        return Err(Error::Usage("a closed loop has no rate to search".to_owned()));
    };
    if matches!(spec.arrivals, Arrivals::Trace(_) | Arrivals::Ramp { .. }) {
        return Err(Error::Usage(
            "a trace or a ramp has no one rate to search; give another --arrivals".to_owned(),
        ));
    }
    // Twice what the percentile needs of independent requests.
    let needed = (1..=1_000_000).find(|count| match bound.figure {
        Figure::Percentile(percent) => supports(*count, percent),
        Figure::Mean | Figure::Longest => *count >= 20,
    });
    let least = 2.0 * needed.unwrap_or(1_000_000) as f64 / spec.window.as_secs_f64();
    let most = MOST_PER_THREAD * engine.progress.len() as f64;
    let mut search = Search::new(bound.below_ns as f64, first.get(), least, most);
    let mut trials = Vec::new();
    let end = loop {
        let rate = match search.next() {
            Step::Try(rate) => rate,
            end => break end,
        };
        // Another seed each time, also where a rate is tried again.
        let seed = spec.seed.wrapping_add(rate.to_bits()).wrapping_add(trials.len() as u64);
        let spec = LoadSpec { seed, ..spec.clone() };
        let (trial, printed) = attempt(arguments, bound, &spec, aim, engine, rate, stop)?;
        if trial.figure_ns.is_none() {
            drain(&spec, aim, engine, stop)?;
        }
        if stop.load(Relaxed) {
            return Err(Error::Interrupted("ended by Ctrl-C; the search has no answer".to_owned()));
        }
        search.add(trial);
        if !arguments.json && io::stderr().is_terminal() {
            eprintln!("{}", line(&printed, bound));
        }
        trials.push(printed);
    };
    print(arguments, bound, &end, trials)
}

/// Waits until a server has worked off what an unsteady trial has left in its queues, and is done
/// with one more request that stands behind all that, lest the next trial meet it.
fn drain(spec: &LoadSpec, aim: &Aim, engine: &Engine, stop: &AtomicBool) -> Result<(), Error> {
    let last = Plan::draw(LoadSpec {
        arrivals: Arrivals::Closed(Distribution::fixed(0.0)),
        session: None,
        clients: engine.progress.len() as u32,
        depth: 1,
        warmup: Duration::ZERO,
        window: Duration::from_millis(1),
        timeout: PATIENCE,
        ..spec.clone()
    })?;
    measure(&last, aim, engine, &|| stop.load(Relaxed))?;
    Ok(())
}

/// One trial: the load of the arguments at another rate.
fn attempt(
    arguments: &LoadArgs,
    bound: &Expectation,
    spec: &LoadSpec,
    aim: &Aim,
    engine: &Engine,
    rate: f64,
    stop: &AtomicBool,
) -> Result<(Trial, PrintedTrial), Error> {
    let asked = Rate::per_second(rate)
        .ok_or_else(|| Error::Usage("the search left the rates that exist".to_owned()))?;
    let plan = Plan::draw(LoadSpec { arrivals: arguments.arrivals.at(asked), ..spec.clone() })?;
    let measured = measure(&plan, aim, engine, &|| stop.load(Relaxed))?;
    let figure_ns = bound.figure.of(&measured).known_ns().map(|ns| ns as f64);
    let figure_ns = figure_ns.filter(|_| is_steady(&measured));
    let trial = Trial { rate, figure_ns };
    let printed = PrintedTrial {
        rate,
        achieved: measured.rate_achieved,
        figure_ns,
        service_time_mean_ns: measured.service_time.mean_ns(),
        unanswered: measured.counts.unanswered(),
        kept: figure_ns.is_some_and(|ns| ns < bound.below_ns as f64),
        doubts: measured.doubts.iter().map(Doubt::name).collect(),
    };
    Ok((trial, printed))
}

/// No loss, no growing backlog, and the rate was really sent.
fn is_steady(measured: &Measurement) -> bool {
    let breaks = |doubt: &Doubt| match doubt {
        Doubt::NotStationary { ratio } => *ratio > 1.0,
        Doubt::Unanswered { .. } | Doubt::RateMissed { .. } | Doubt::Exhausted { .. } => true,
        _ => false,
    };
    !measured.doubts.iter().any(breaks)
}

fn line(trial: &PrintedTrial, bound: &Expectation) -> String {
    let figure = trial.figure_ns.map_or_else(|| "no steady state".to_owned(), tables::time);
    let kept = if trial.kept { "kept" } else { "missed" };
    format!("{:.1}/s: {} {figure}, {kept}", trial.rate, bound.figure)
}

fn print(
    arguments: &LoadArgs,
    bound: &Expectation,
    end: &Step,
    trials: Vec<PrintedTrial>,
) -> Result<(), Error> {
    let because = match end {
        Step::Found(_) | Step::Try(_) => None,
        Step::BelowAll(_) => Some(
            "not even the least rate with requests enough keeps it; measure for longer (--for)",
        ),
        Step::AboveAll(_) => Some("the greatest rate that can be sent keeps the bound"),
    };
    let found = if let Step::Found(found) = end { Some(*found) } else { None };
    if arguments.json {
        let capacity =
            found.map(|Capacity { rate, low, high }| PrintedCapacity { rate, low, high });
        let printed = Printed { bound: bound.to_string(), capacity, because, trials };
        return json::print(&printed);
    }
    let mut out = io::stdout().lock();
    let mut table =
        tables::table(&["rate", "sent", &bound.figure.to_string(), "unanswered", "", "doubts"]);
    for trial in &trials {
        table.add_row(vec![
            format!("{:.1}/s", trial.rate),
            format!("{:.1}/s", trial.achieved),
            trial.figure_ns.map_or_else(|| "no steady state".to_owned(), tables::time),
            trial.unanswered.to_string(),
            if trial.kept { "kept" } else { "missed" }.to_owned(),
            trial.doubts.join(", "),
        ]);
    }
    writeln!(out, "{table}\n")?;
    match (found, because) {
        (Some(Capacity { rate, low, high }), _) => writeln!(
            out,
            "{bound} is kept up to {rate:.1}/s ({low:.1} to {high:.1}/s, 95 %), without loss and \
             without a growing backlog"
        )?,
        (None, because) => writeln!(out, "{}", because.unwrap_or_default())?,
    }
    Ok(())
}
