//! Prints what a simulation found.

use analysis::text;
use results::{Counts, Events, Summary, TimeHistogram, Times};
use serde::Serialize;

use super::Simulated;
use crate::cli::{SimulateArgs, VaryFlag};
use crate::error::Error;
use crate::terminal::percentiles::percentiles;
use crate::terminal::{Output, json, tables};

/// What `--json` prints: the keys of `load --json`, and what only a simulation knows.
#[derive(Serialize)]
struct Printed<'a> {
    simulated: bool,
    design: &'a str,
    workers: u32,
    cores: u32,
    plan_hash: &'a str,
    counts: Counts,
    #[serde(flatten)]
    events: &'a Events,
    rate_planned: Option<f64>,
    rate_achieved: f64,
    throughput: f64,
    #[serde(flatten)]
    times: Times<Summary>,
    effective_samples: f64,
    mean_in_flight: f64,
    /// Processor time used over what the cores had.
    utilisation: f64,
}

/// One point of an axis.
#[derive(Serialize)]
struct Point<'a> {
    value: &'a str,
    #[serde(flatten)]
    printed: Printed<'a>,
}

fn printed<'a>(arguments: &SimulateArgs, simulated: &'a Simulated) -> Printed<'a> {
    let measured = &simulated.measured;
    Printed {
        simulated: true,
        design: simulated.design.name,
        workers: simulated.workers,
        cores: arguments.cores,
        plan_hash: simulated.plan.hash(),
        counts: measured.counts,
        events: &measured.events,
        rate_planned: measured.rate_planned,
        rate_achieved: measured.rate_achieved,
        throughput: measured.throughput(),
        times: measured.times.map(TimeHistogram::summary),
        effective_samples: measured.effective_samples,
        mean_in_flight: measured.generator.mean_in_flight,
        utilisation: simulated.utilisation,
    }
}

pub(super) fn one(arguments: &SimulateArgs, simulated: &Simulated) -> Result<(), Error> {
    if arguments.json {
        return json::print(&printed(arguments, simulated));
    }
    let measured = &simulated.measured;
    let mut out = Output::begin();
    out.line(format!("{}\n", percentiles(measured)));
    if let Some(further) = tables::further_times(measured) {
        out.line(format!("{further}\n"));
    }
    out.paragraph(
        format!(
            "simulated: {} with {} on {}; the cores are {} % busy, {} requests are in progress on average, \
             {} are answered",
            simulated.design.phrase,
            counted(simulated.workers, "worker"),
            counted(arguments.cores, "core"),
            text::three_digits(100.0 * simulated.utilisation),
            text::three_digits(measured.generator.mean_in_flight),
            text::rate(measured.throughput()),
        ),
        "  ",
    );
    let lost = measured.counts.sent - measured.counts.answered;
    if lost > 0 {
        out.paragraph(
            format!("{lost} of {} requests were never answered", measured.counts.sent),
            "  ",
        );
    }
    out.finish()
}

fn counted(count: u32, what: &str) -> String {
    if count == 1 { format!("one {what}") } else { format!("{count} {what}s") }
}

pub(super) fn several(
    arguments: &SimulateArgs,
    flag: VaryFlag,
    points: &[(String, SimulateArgs, Simulated)],
) -> Result<(), Error> {
    if arguments.json {
        let point = |(value, varied, simulated): &(String, SimulateArgs, Simulated)| {
            serde_json::to_value(Point { value, printed: printed(varied, simulated) })
        };
        let values: Result<Vec<_>, _> = points.iter().map(point).collect();
        return json::print(&values.map_err(std::io::Error::from)?);
    }
    let mut table =
        tables::table(&[flag.name(), "mean", "p50", "p99", "answered", "unanswered", "cores busy"]);
    for (value, _, simulated) in points {
        let (measured, times) = (&simulated.measured, &simulated.measured.times.response_time);
        let percentile = |quantile: f64| match times.percentile(quantile).known_ns() {
            Some(ns) => text::time(ns as f64),
            None => "–".to_owned(),
        };
        table.add_row(vec![
            value.clone(),
            times.mean_ns().map_or_else(|| "–".to_owned(), text::time),
            percentile(0.5),
            percentile(0.99),
            text::rate(measured.throughput()),
            (measured.counts.sent - measured.counts.answered).to_string(),
            format!("{} %", text::three_digits(100.0 * simulated.utilisation)),
        ]);
    }
    let mut out = Output::begin();
    out.line(table.to_string());
    out.finish()
}
