//! Prints the result of `crossover load`: one JSON object, or tables for people.

use std::collections::BTreeMap;

use analysis::text;
use loadgen::expectation::{CheckResult, Expectation};
use results::{
    Components, Counts, Doubt, Events, GeneratorCost, Measurement, Series, Stalled, StatusTimes,
    Summary, TimeHistogram, Times, Unreadable, percentile_interval, supports,
};
use serde::Serialize;
use workload::{Arrivals, Law, Plan};

use super::advice;
use crate::cli::LoadArgs;
use crate::error::Error;
use crate::terminal::Output;
use crate::terminal::percentiles::percentiles;

use crate::terminal::{json, tables};
use crate::testbed::generator::GeneratorSetup;

pub(crate) use crate::terminal::tables::shown;

/// The percentiles that are printed if there are enough requests.
const PERCENTILES: [f64; 7] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    plan_hash: &'a str,
    model: String,
    pacing: String,
    threads: usize,
    cores: &'a [usize],
    latency_held: bool,
    offload: bool,
    counts: Counts,
    #[serde(flatten)]
    events: &'a Events,
    requests_lost: Option<u64>,
    replies_lost: Option<u64>,
    rate_planned: Option<f64>,
    rate_achieved: f64,
    throughput: f64,
    #[serde(flatten)]
    times: Times<Summary>,
    effective_samples: f64,
    intervals: Vec<Interval>,
    parts: Option<Components>,
    statuses_by_code: BTreeMap<u16, PrintedStatus>,
    hint: Option<String>,
    /// The percentiles for which there are enough requests, in percent.
    supported: Vec<f64>,
    waited_mean_ns: f64,
    computed_mean_ns: f64,
    generator: GeneratorCost,
    series: Option<&'a Series>,
    stalls: Vec<Stall>,
    expectations: Vec<Kept>,
    doubts: Vec<PrintedDoubt<'a>>,
}

/// A percentile of the response times that the requests support, with its order-statistic interval.
#[derive(Serialize)]
struct Interval {
    percentile: f64,
    value_ns: Option<u64>,
    low_ns: Option<u64>,
    high_ns: Option<u64>,
}

/// The replies with one status, and their response times.
#[derive(Serialize)]
struct PrintedStatus {
    /// Whether it counts as answered.
    ok: bool,
    #[serde(flatten)]
    times: Summary,
}

/// A step of the series that stood out, and the side that caused it.
#[derive(Serialize)]
struct Stall {
    step: usize,
    whose: Stalled,
}

/// An expectation and its verdict.
#[derive(Serialize)]
struct Kept {
    expectation: String,
    verdict: &'static str,
    /// Why there is no verdict.
    because: Option<String>,
}

#[derive(Serialize)]
struct PrintedDoubt<'a> {
    #[serde(flatten)]
    doubt: &'a Doubt,
    text: String,
}

pub(crate) fn print(
    arguments: &LoadArgs,
    plan: &Plan,
    generator: &GeneratorSetup,
    measured: &Measurement,
) -> Result<(), Error> {
    if !arguments.json {
        let mut out = Output::begin();
        print_tables(&mut out, arguments, plan, generator, measured);
        return out.finish();
    }
    let printed = Printed {
        plan_hash: &measured.plan_hash,
        model: model(plan),
        pacing: generator.pacing.to_string(),
        threads: generator.progress.len(),
        cores: &generator.placement.generator_cores,
        latency_held: generator.placement.latency_held,
        offload: arguments.offload,
        counts: measured.counts,
        events: &measured.events,
        requests_lost: measured.requests_lost,
        replies_lost: measured.replies_lost,
        rate_planned: measured.rate_planned,
        rate_achieved: measured.rate_achieved,
        throughput: measured.throughput(),
        times: measured.times.map(TimeHistogram::summary),
        effective_samples: measured.effective_samples,
        intervals: intervals(measured),
        parts: measured.parts.as_ref().and_then(results::Breakdown::total),
        statuses_by_code: statuses(measured),
        hint: advice::hint(arguments, measured),
        supported: supported(measured),
        waited_mean_ns: measured.waited_mean_ns,
        computed_mean_ns: measured.computed_mean_ns,
        generator: measured.generator,
        series: measured.series.as_ref(),
        stalls: stalls(measured),
        expectations: arguments
            .expect
            .iter()
            .map(|expectation| kept(expectation, measured))
            .collect(),
        doubts: measured
            .doubts
            .iter()
            .map(|doubt| PrintedDoubt { doubt, text: doubt.to_string() })
            .collect(),
    };
    json::print(&printed)
}

fn statuses(measured: &Measurement) -> BTreeMap<u16, PrintedStatus> {
    let printed = |its: &StatusTimes| PrintedStatus { ok: its.right, times: its.times.summary() };
    measured.statuses_by_code.iter().map(|(code, its)| (*code, printed(its))).collect()
}

/// The percentiles for which there are enough requests.
fn supported(measured: &Measurement) -> Vec<f64> {
    let count = measured.effective_samples as u64;
    PERCENTILES.into_iter().filter(|percent| supports(count, *percent)).collect()
}

fn kept(expectation: &Expectation, measured: &Measurement) -> Kept {
    let (verdict, because) = match expectation.verdict(measured) {
        CheckResult::Met => ("Met", None),
        CheckResult::NotMet => ("NotMet", None),
        CheckResult::NotValid(because) => ("NotValid", Some(because)),
    };
    Kept { expectation: expectation.to_string(), verdict, because }
}

fn intervals(measured: &Measurement) -> Vec<Interval> {
    let times = &measured.times.response_time;
    let interval = |percentile: f64| {
        let (low, high) = percentile_interval(percentile / 100.0, measured.effective_samples)?;
        Some(Interval {
            percentile,
            value_ns: times.percentile(percentile / 100.0).known_ns(),
            low_ns: times.percentile(low).known_ns(),
            high_ns: times.percentile(high).known_ns(),
        })
    };
    PERCENTILES.into_iter().filter_map(interval).collect()
}

fn stalls(measured: &Measurement) -> Vec<Stall> {
    let marked = measured.series.as_ref().map(Series::stalls).unwrap_or_default();
    marked.into_iter().map(|(step, whose)| Stall { step, whose }).collect()
}

/// Describes in one sentence what the load modelled.
pub(super) fn model(plan: &Plan) -> String {
    let spec = &plan.spec;
    let over = |count: u32, what: &str| match count {
        1 => format!("one {what}"),
        _ => format!("{count} {what}s"),
    };
    match (spec.arrivals, spec.session) {
        (Arrivals::Closed(think), _) => format!(
            "a closed loop: {}, each with {} in flight{}; it sends less while the server is slow",
            over(spec.clients, "client"),
            over(spec.depth, "request"),
            match (think.is_fixed(), think.mean() > 0.0) {
                (true, false) => String::new(),
                _ => format!(" and a pause of {think}"),
            }
        ),
        (arrivals, Some(session)) => format!(
            "an open loop of sessions ({arrivals}) with {} requests each: they arrive whether or not \
             the server keeps up, and each waits for its replies{}",
            session.length,
            left_of_trace(plan)
        ),
        (arrivals, None) => format!(
            "an open loop ({arrivals}) over {}: requests are sent whether or not the server keeps up{}",
            match spec.clients {
                1 => "one connection or socket".to_owned(),
                clients => format!("{clients} connections or sockets"),
            },
            left_of_trace(plan)
        ),
    }
}

/// A note on the recorded instants that come after the end of the run; empty if none do.
fn left_of_trace(plan: &Plan) -> String {
    let Some(Law::Trace(trace)) = plan.spec.arrivals.law() else { return String::new() };
    match trace.beyond(plan.spec.warmup + plan.spec.window) {
        0 => String::new(),
        left => format!(
            "; {left} of the recorded instants lie after its end; --warmup 0s --for {}s would \
             include all",
            trace.span().as_secs() + 1
        ),
    }
}

fn print_tables(
    out: &mut Output,
    arguments: &LoadArgs,
    plan: &Plan,
    generator: &GeneratorSetup,
    measured: &Measurement,
) {
    out.paragraph(in_short(plan, measured), "");
    out.line(format!("\n{}\n", percentiles(measured)));
    if let Some(further) = tables::further_times(measured) {
        out.line(format!("{further}\n"));
    }
    out.paragraph(format!("the load was {}", model(plan)), "  ");
    out.paragraph(
        format!(
            "plan {}; pacing {} on {}{}{}",
            measured.plan_hash,
            generator.pacing,
            on_cores(&generator.placement.generator_cores),
            if generator.placement.latency_held { ", idle cores kept awake" } else { "" },
            if arguments.offload { ", with segmentation offload" } else { "" }
        ),
        "  ",
    );
    print_counts(out, measured);
    print_statuses(out, measured);
    if let Some(unreadable) = &measured.events.unreadable {
        let Unreadable { reason, bytes } = unreadable;
        out.paragraph(format!("unreadable ({reason}): {bytes}"), "  ");
    }
    if let Some(hint) = advice::hint(arguments, measured) {
        out.paragraph(format!("hint: {hint}"), "  ");
    }
    print_parts(out, measured);
    print_stalls(out, measured);
    for expectation in &arguments.expect {
        let was = shown(expectation.figure.of(measured));
        out.line(format!("expected {expectation}: it was {was}"));
    }
    if measured.doubts.is_empty() {
        return out.line("no warnings");
    }
    out.line("warnings:");
    for doubt in &measured.doubts {
        out.paragraph(format!("  - {doubt}"), "    ");
    }
}

/// The load in one line: what was asked of the server, and what became of it.
pub(super) fn in_short(plan: &Plan, measured: &Measurement) -> String {
    let counts = &measured.counts;
    let rate = match (plan.spec.arrivals.rate(), plan.spec.session) {
        (Some(rate), None) => format!("{} asked, ", text::rate(rate.get())),
        _ => String::new(),
    };
    let sent = text::rate(measured.rate_achieved);
    let answered = text::rate(measured.throughput());
    let failed = counts.sent - counts.answered;
    let fate = match (counts.sent, failed) {
        (0, _) => "no request was sent".to_owned(),
        (sent, 0) => format!("all {sent} requests were answered"),
        (sent, failed) => {
            let percent = text::three_digits(100.0 * failed as f64 / sent as f64);
            format!("{failed} of {sent} requests got no right answer ({percent} %)")
        }
    };
    format!("{rate}{sent} sent, {answered} answered: {fate}")
}

fn on_cores(cores: &[usize]) -> String {
    let numbers: Vec<String> = cores.iter().map(usize::to_string).collect();
    match cores.len() {
        1 => format!("core {}", numbers[0]),
        _ => format!("any of cores {}", numbers.join(", ")),
    }
}

fn print_counts(out: &mut Output, measured: &Measurement) {
    let counts = &measured.counts;
    if counts.answered < counts.planned {
        print_accounts(out, counts);
    }
    if measured.events.resent > 0 {
        out.paragraph(
            format!(
                "{} of them were sent again because their connections had ended",
                measured.events.resent
            ),
            "  ",
        );
    }
    let replies = [
        (measured.events.late, "after the time-out"),
        (measured.events.duplicates, "twice"),
        (measured.events.reordered, "after the reply to a later request"),
        (measured.events.wrong_replies, "wrong or unsolicited"),
    ];
    if let (Some(requests), Some(replies)) = (measured.requests_lost, measured.replies_lost) {
        out.line(format!("lost on the way: {requests} requests, {replies} replies"));
    }
    if let Some(injected) = measured.events.injected {
        out.line(format!(
            "on purpose: {} requests dropped, {} sent twice, {} sent after the next",
            injected.dropped, injected.duplicated, injected.reordered
        ));
    }
    let came: Vec<String> = replies
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, how)| format!("{count} {how}"))
        .collect();
    if !came.is_empty() {
        out.paragraph(format!("other replies: {}", came.join(", ")), "  ");
    }
}

/// Prints what became of every request, where not all were answered.
fn print_accounts(out: &mut Output, counts: &Counts) {
    out.line(format!(
        "{} planned = {} sent + {} unsent",
        counts.planned, counts.sent, counts.unsent
    ));
    out.paragraph(
        format!(
            "{} sent = {} answered + {} refused + {} reset + {} wrong + {} timed out + {} in flight",
            counts.sent,
            counts.answered,
            counts.refused,
            counts.reset,
            counts.wrong,
            counts.timed_out,
            counts.in_flight
        ),
        "  ",
    );
}

/// Prints how often each status came, and a table of times if statuses differ or some are refused.
fn print_statuses(out: &mut Output, measured: &Measurement) {
    let by_code = &measured.statuses_by_code;
    if by_code.is_empty() {
        return;
    }
    let counts = by_code.iter().map(|(code, its)| {
        let right = if its.right { "" } else { " (refused)" };
        format!("{code}: {}{right}", its.times.count())
    });
    out.paragraph(format!("statuses: {}", counts.collect::<Vec<_>>().join(", ")), "  ");
    if by_code.len() > 1 || by_code.values().any(|its| !its.right) {
        out.line(format!("\n{}\n", tables::statuses(measured)));
    }
}

/// Prints the mean breakdown of the response time over all requests, around p50 and around p99.
fn print_parts(out: &mut Output, measured: &Measurement) {
    let Some(parts) = &measured.parts else { return };
    let around = |quantile: f64| {
        let ns = measured.times.response_time.percentile(quantile).known_ns()?;
        parts.around(ns)
    };
    let classes =
        [("all", parts.total()), ("around p50", around(0.5)), ("around p99", around(0.99))];
    let header = ["mean of", "lag", "way out and queue", "service", "way back", "response time"];
    let mut table = tables::table(&header);
    for (name, sums) in classes {
        let Some(sums) = sums else { continue };
        let mean = |sum: u64| tables::time(sum as f64 / sums.count as f64);
        table.add_row(vec![
            name.to_owned(),
            mean(sums.lag_ns),
            mean(sums.way_out_ns),
            mean(sums.service_ns),
            mean(sums.way_back_ns),
            mean(sums.response_ns()),
        ]);
    }
    out.line(format!("\n{table}\n"));
}

fn print_stalls(out: &mut Output, measured: &Measurement) {
    let Some(series) = &measured.series else { return };
    let stalls = series.stalls();
    let of = |whose: Stalled| stalls.iter().filter(|(_, its)| *its == whose).count();
    let (client, server, both) = (of(Stalled::Client), of(Stalled::Server), of(Stalled::Both));
    if client + server + both == 0 {
        return;
    }
    out.paragraph(
        format!(
            "{} of {} slices of {} stood out: {client} because of the generator, {server} because of the \
             server, {both} because of both",
            client + server + both,
            series.slices.len(),
            tables::time(series.slice_ns as f64)
        ),
        "  ",
    );
}
