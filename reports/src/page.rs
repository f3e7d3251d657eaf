//! The page: one self-contained file that opens with the answer and can be read without scripts.

use std::collections::BTreeMap;

use analysis::crossover::{Comparison, comparisons};
use analysis::{Crossover, Experiment, Verdict, experiments, text};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use results::{Machine, Outcome, Placement, Record, Settled, Shows};

use crate::figure::Figure;

/// A figure with its drawings for two page widths.
pub struct Drawn {
    /// What it shows.
    pub figure: Figure,
    /// SVG with the panels side by side.
    pub wide: String,
    /// SVG with the panels one above the other.
    pub narrow: String,
}

/// The look of every page.
const STYLE: &str = include_str!("page.css");

/// The whole page as HTML.
#[must_use]
pub fn render(settled: &Settled, verdict: &Verdict, drawn: &[Drawn]) -> String {
    let records = &settled.records;
    let experiments = experiments(records);
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title(records), ""))
            body {
                main {
                    (answer(verdict, settled))
                    (findings(verdict, &experiments))
                    @for one in drawn { (figure(one)) }
                    (crossings(&experiments, verdict))
                    (machine(records))
                    (doubts(records))
                    (failures(records))
                    (method(verdict))
                }
            }
        }
    }
    .into_string()
}

/// The head of every page: its title, and what it needs beyond the common style.
pub(crate) fn head(title: &str, further_style: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            (PreEscaped(crate::PAGE_MARK))
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { (title) }
            style { (PreEscaped(STYLE)) (PreEscaped(further_style)) }
        }
    }
}

fn title(records: &[Record]) -> &str {
    records.last().map_or("", |record| &record.title)
}

fn answer(verdict: &Verdict, settled: &Settled) -> Markup {
    let records = &settled.records;
    let scenario = records.last().map_or("", |record| record.scenario.as_str());
    let measured =
        records.iter().filter(|record| matches!(record.outcome, Outcome::Measured(_))).count();
    let doubted = records
        .iter()
        .filter(|record| {
            matches!(&record.outcome, Outcome::Measured(measured) if !measured.doubts.is_empty())
        })
        .count();
    html! {
        header {
            p.question { (title(records)) }
            h1 { (verdict.headline) }
            @if let Some(second) = &verdict.second { p.second { (second) } }
            @if let Some(terms) = &verdict.terms { p.made { (terms) } }
            p.made { "Scenario “" (scenario) "”: " (measured) " runs measured on real sockets and processes, "
                (doubted) " of them with a doubt." }
            @for sentence in crate::left_out(settled) { p.made { (sentence) } }
        }
    }
}

fn findings(verdict: &Verdict, experiments: &[Experiment<'_>]) -> Markup {
    html! {
        section {
            h2 { "What was found" }
            @for experiment in experiments {
                @let found: Vec<_> = verdict.findings.iter()
                    .filter(|finding| finding.experiment == experiment.name).collect();
                @if !found.is_empty() {
                    h3 { (experiment.question) }
                    ul {
                        @for finding in found { li { (capital(&finding.text)) } }
                    }
                }
            }
        }
    }
}

pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn figure(drawn: &Drawn) -> Markup {
    let name = &drawn.figure.name;
    html! {
        figure id=(name) {
            h2 { (drawn.figure.question) }
            div.wide { (PreEscaped(labelled(&drawn.wide, &drawn.figure.question))) }
            div.narrow { (PreEscaped(labelled(&drawn.narrow, &drawn.figure.question))) }
            figcaption {
                (drawn.figure.caption) " "
                span.files {
                    a href={ "figures/" (name) ".png" } { "PNG" } " "
                    a href={ "figures/" (name) ".svg" } { "SVG" } " "
                    a href={ "figures/" (name) ".csv" } { "data (CSV)" }
                }
            }
        }
    }
}

/// The drawing with a name for those who cannot see it.
fn labelled(svg: &str, question: &str) -> String {
    let label = question.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{label}\" "), 1)
}

fn crossings(experiments: &[Experiment<'_>], verdict: &Verdict) -> Markup {
    let rows: Vec<(&Experiment<'_>, Comparison)> = experiments
        .iter()
        .filter(|experiment| experiment.shows(Shows::Crossover))
        .flat_map(|experiment| {
            comparisons(experiment, &verdict.noise).into_iter().map(move |row| (experiment, row))
        })
        .collect();
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "Every comparison, point by point" }
                p {
                    "How much longer (+) or shorter (−) the mean response time is with a worker "
                    "than on the iterative server of the same transport, pair by pair under the "
                    "same plan, with 95 % intervals. Grey where it is not decided: within chance, "
                    "or within what two identical runs differ."
                }
                @for (experiment, comparison) in &rows {
                    details {
                        summary {
                            (comparison.other.transport_name()) ", " (comparison.other.label)
                            ", " (experiment.name) ": " (in_short(comparison))
                        }
                        (margins(comparison))
                    }
                }
            }
        }
    }
}

fn in_short(comparison: &Comparison) -> String {
    let label = |name: &str| match name == comparison.other.name {
        true => comparison.other.label.as_str(),
        false => comparison.base.label.as_str(),
    };
    match &comparison.crossover {
        Crossover::At { value, low, high, winner_beyond } => format!(
            "crossover at {} ({} to {}), beyond it {} is faster",
            text::time(*value),
            text::time(*low),
            text::time(*high),
            label(winner_beyond)
        ),
        Crossover::Always(winner) => {
            format!("{} is faster wherever they differ", label(winner))
        }
        Crossover::TooClose => "no difference beyond chance".to_owned(),
        Crossover::Unclear => "no single crossover can be named".to_owned(),
        Crossover::TooFewRepetitions => "too few repetitions".to_owned(),
    }
}

fn margins(comparison: &Comparison) -> Markup {
    html! {
        table {
            thead { tr { th { "processing" } th { "difference" } th { "interval" } } }
            tbody {
                @for margin in &comparison.margins {
                    @let ratio = margin.log_ratio;
                    tr.undecided[!margin.decided] {
                        td { (text::time(margin.x)) }
                        td { (text::change(ratio.value.exp())) }
                        td { (text::change(ratio.low.exp())) " to " (text::change(ratio.high.exp())) }
                    }
                }
            }
        }
    }
}

fn machine(records: &[Record]) -> Markup {
    let Some(record) = records.first() else { return html! {} };
    html! {
        section {
            h2 { "The machine" }
            @for host in record.hosts.iter().take(1) {
                (machine_table(&host.machine, &host.placement))
            }
        }
    }
}

fn machine_table(machine: &Machine, placement: &Placement) -> Markup {
    let cores =
        |cores: &[usize]| cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let latency = if placement.latency_held {
        "kept from deep idle states (/dev/cpu_dma_latency held at 0), so that waking them does not \
         hide the differences; a server left to idle cores wakes later, by tens of microseconds on \
         a virtual machine"
    } else {
        "free to idle (/dev/cpu_dma_latency could not be held; it needs root): waking an idle core \
         may cost tens of microseconds and hide differences below 100 µs"
    };
    let shared = if placement.shared {
        "generator and server share a core and disturb each other; every run is doubted"
    } else {
        "generator and server have no core in common"
    };
    let rows: [(&str, String); 13] = [
        ("processor", machine.processor.clone()),
        ("cores", machine.cores.to_string()),
        ("virtual machine", if machine.virtual_machine { "yes" } else { "no" }.to_owned()),
        ("kernel", format!("Linux {}", machine.kernel)),
        ("memory", text::size(machine.memory_bytes as f64)),
        ("core of the generator", cores(&placement.generator_cores)),
        ("cores of the server", cores(&placement.server_cores)),
        ("sharing", shared.to_owned()),
        ("idle cores", latency.to_owned()),
        (
            "generator waits by",
            if placement.generator_spins { "spinning" } else { "sleeping" }.to_owned(),
        ),
        (
            "limits",
            format!(
                "{} descriptors, {} processes, ports {} to {}, listen queue {}",
                machine.descriptors,
                machine.processes,
                machine.ports.0,
                machine.ports.1,
                machine.listen_queue
            ),
        ),
        ("receive buffer, at most", text::size(machine.receive_buffer_bytes as f64)),
        ("TCP congestion control", machine.congestion_control.clone()),
    ];
    html! {
        table.facts {
            @for (name, value) in &rows { tr { th scope="row" { (name) } td { (value) } } }
        }
    }
}

fn describe(record: &Record) -> String {
    let x = text::point(record.cell.axis(), record.cell.x());
    let twin = if record.twin { ", twin" } else { "" };
    format!(
        "{} {} {x} repetition {}{twin}",
        record.experiment,
        record.cell.subject,
        record.repetition + 1
    )
}

fn doubts(records: &[Record]) -> Markup {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut doubted = Vec::new();
    let mut runs = 0;
    for record in records {
        let Outcome::Measured(measured) = &record.outcome else { continue };
        runs += 1;
        for doubt in &measured.doubts {
            *kinds.entry(doubt.name()).or_default() += 1;
        }
        if !measured.doubts.is_empty() {
            doubted.push((describe(record), &measured.doubts));
        }
    }
    html! {
        section {
            h2 { "What is to be doubted" }
            @if doubted.is_empty() {
                p { "None of the " (runs) " runs gave a reason to doubt it." }
            } @else {
                p {
                    (doubted.len()) " of " (runs) " runs carry a doubt. A point of a figure is "
                    "drawn hollow if half of its runs or more do; a doubt that concerns the tail "
                    "only does not make a mean or a median hollow."
                }
                ul {
                    @for (kind, count) in &kinds { li { (kind) ": " (count) " runs" } }
                }
                details {
                    summary { "Every doubted run" }
                    ul.doubts {
                        @for (run, doubts) in &doubted {
                            li {
                                b { (run) }
                                @for doubt in *doubts { br; (doubt) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn failures(records: &[Record]) -> Markup {
    let failed: Vec<(String, String)> = records
        .iter()
        .filter_map(|record| match &record.outcome {
            Outcome::Failed(failure) => Some((describe(record), failure.to_string())),
            Outcome::Measured(_) => None,
        })
        .collect();
    html! {
        @if !failed.is_empty() {
            section {
                h2 { "Runs that failed" }
                ul { @for (run, why) in &failed { li { b { (run) } ": " (why) } } }
            }
        }
    }
}

fn method(verdict: &Verdict) -> Markup {
    let noise = &verdict.noise;
    let alike = noise.cells.iter().filter(|cell| cell.are_alike()).count();
    let percent = |log_ratio: f64| text::three_digits((log_ratio.exp() - 1.0) * 100.0);
    html! {
        section {
            h2 { "How it was measured" }
            ul {
                li {
                    "Response time runs from the instant at which a request was due to the last "
                    "byte of its reply, whatever the generator or the server did meanwhile. "
                    "Unanswered requests count as longer than the time-out."
                }
                li {
                    "Every design got the same requests at the same instants (the plans' hashes "
                    "are in the records). Runs were made in random order, each on a server "
                    "process of its own."
                }
                li {
                    "Computing is processor time, waiting is sleep; what was achieved is used, "
                    "not what was asked for."
                }
                @if !noise.cells.is_empty() {
                    li {
                        "Identical cells that were run twice (A/A) were alike in " (alike)
                        " of " (noise.cells.len()) "; their medians differed by "
                        (percent(noise.typical(|_| true))) " % typically and by "
                        (percent(noise.largest())) " % at most. A difference between two "
                        "designs counts only if it is larger than that between two identical runs "
                        "at the same point."
                    }
                }
                li {
                    "The records are in " a href="records.jsonl" { "records.jsonl" } ", one line a "
                    "run with its whole distribution. To measure again: "
                    code { "crossover bench scenario.toml" } ", the copy beside them."
                }
            }
        }
    }
}
