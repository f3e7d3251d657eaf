//! The content of a page as plain data, computed from findings and records and rendered by
//! [`crate::page`].

use std::collections::BTreeMap;

use crate::decisions::{Decision, RankingView, decisions, rankings};
use analysis::{Comparison, Crossover, Findings, text};
use results::{Doubt, Host, Outcome, Record, Settled, TestbedKind};

/// The content of a page, except its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The question of the scenario.
    pub title: String,
    /// The answer.
    pub headline: String,
    /// The answer for another transport.
    pub second: Option<String>,
    /// What the words mean, how much was measured, and what was left out: a sentence each.
    pub notes: Vec<String>,
    /// Which subject is the best at each point.
    pub decisions: Vec<Decision>,
    /// All subjects in their order, where an experiment shows that.
    pub rankings: Vec<RankingView>,
    /// What was found, by experiment.
    pub sections: Vec<Section>,
    /// Comparisons point by point.
    pub comparisons: Vec<ComparisonView>,
    /// The machine: names and values.
    pub machine: Vec<(&'static str, String)>,
    /// The warnings.
    pub doubts: DoubtsView,
    /// Runs that failed, and why.
    pub failures: Vec<(String, String)>,
    /// How much identical runs differed, if some were run twice.
    pub noise: Option<String>,
}

/// What was found in one experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its question.
    pub question: String,
    /// What was found, as sentences.
    pub sentences: Vec<String>,
}

/// Two designs compared over an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparisonView {
    /// The designs and the outcome.
    pub summary: String,
    /// The difference at each point.
    pub rows: Vec<DifferenceView>,
}

/// Two designs at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct DifferenceView {
    /// The point.
    pub point: String,
    /// How much longer or shorter the other design's response time is.
    pub difference: String,
    /// The interval of the difference.
    pub interval: String,
    /// Whether the difference exceeds chance and noise.
    pub is_decided: bool,
}

/// The warnings of all runs.
#[derive(Clone, Debug, PartialEq)]
pub struct DoubtsView {
    /// Runs that count.
    pub runs: usize,
    /// Runs that were disturbed, not made again, and do not count.
    pub not_counted: usize,
    /// Runs with a warning that says more than that they were too short.
    pub disturbed: usize,
    /// Runs that were only too short to tell what was asked of them.
    pub too_short: usize,
    /// Kinds of warning, in plain words and by their name in METHOD, and how many runs have each.
    pub kinds: Vec<(String, usize)>,
    /// Every run with a warning, and its warnings.
    pub doubted: Vec<(String, Vec<String>)>,
}

impl View {
    /// The content of the page with these findings.
    #[must_use]
    pub fn of(settled: &Settled, findings: &Findings<'_>) -> Self {
        let (records, verdict) = (&settled.records, &findings.verdict);
        let doubts = doubts(records);
        Self {
            title: records.last().map_or_else(String::new, |record| record.title.clone()),
            headline: match findings.claims.is_empty() {
                true => verdict.headline.clone(),
                false => analysis::claims::headline(&findings.claims),
            },
            second: verdict.second.clone().filter(|_| findings.claims.is_empty()),
            notes: verdict
                .terms
                .iter()
                .filter(|_| findings.claims.is_empty())
                .cloned()
                .chain([
                    measured(records, &doubts),
                    format!("Made {}.", crate::origin::of(settled)),
                ])
                .chain(crate::left_out(settled))
                .collect(),
            decisions: decisions(findings),
            rankings: rankings(findings),
            sections: sections(findings),
            comparisons: comparisons(findings),
            machine: records
                .first()
                .and_then(|it| it.hosts.first())
                .map(machine)
                .unwrap_or_default(),
            doubts,
            failures: failures(records),
            noise: noise(findings),
        }
    }
}

/// How much was measured, and how.
fn measured(records: &[Record], doubts: &DoubtsView) -> String {
    let scenario = records.last().map_or("", |record| record.scenario.as_str());
    let is_real = records.iter().all(|record| record.testbed == TestbedKind::Real);
    let on = if is_real { "measured on real sockets and processes" } else { "simulated" };
    let runs = doubts.runs;
    let warned = match (doubts.disturbed, doubts.too_short) {
        (0, 0) => "none has a warning".to_owned(),
        (disturbed, 0) => format!("{disturbed} have a warning"),
        (0, short) => format!("{short} were too short for p99"),
        (disturbed, short) => {
            format!("{disturbed} have a warning, and {short} others were too short for p99")
        }
    };
    let disturbed = match doubts.not_counted {
        0 => String::new(),
        count => format!(" {count} more were disturbed from outside and do not count."),
    };
    format!("Scenario “{scenario}”: {runs} runs {on}; {warned}.{disturbed}")
}

fn sections(findings: &Findings<'_>) -> Vec<Section> {
    let section = |found: &analysis::ExperimentFindings<'_>| {
        let of_it = |finding: &&analysis::Finding| finding.experiment == found.experiment.name;
        let sentences: Vec<String> = findings
            .verdict
            .findings
            .iter()
            .filter(of_it)
            .map(|finding| capital(&finding.text))
            .collect();
        let question = found.experiment.question.to_owned();
        (!sentences.is_empty()).then_some(Section { question, sentences })
    };
    findings.experiments.iter().filter_map(section).collect()
}

/// A sentence with a capital letter at its beginning.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn comparisons(findings: &Findings<'_>) -> Vec<ComparisonView> {
    let view = |experiment: &str, comparison: &Comparison| ComparisonView {
        summary: format!(
            "{}, {}, {experiment}: {}",
            comparison.other.transport_name(),
            comparison.other.label,
            in_short(comparison)
        ),
        rows: comparison.differences.iter().map(difference).collect(),
    };
    let of = |found: &'_ analysis::ExperimentFindings<'_>| -> Vec<ComparisonView> {
        found.comparisons.iter().map(|one| view(found.experiment.name, one)).collect()
    };
    findings.experiments.iter().flat_map(of).collect()
}

fn difference(difference: &analysis::PairedDifference) -> DifferenceView {
    let change = |log_ratio: f64| text::change(log_ratio.exp());
    let ratio = difference.log_ratio;
    DifferenceView {
        point: text::time(difference.x),
        difference: change(ratio.value),
        interval: format!("{} to {}", change(ratio.low), change(ratio.high)),
        is_decided: difference.is_decided(),
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
        Crossover::NoDifference => "no difference".to_owned(),
        Crossover::Undecided(why) => format!("undecided, because {}", why.in_words()),
    }
}

fn machine(host: &Host) -> Vec<(&'static str, String)> {
    let Host { machine, placement } = host;
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
        "generator and server share a core and disturb each other; every run has a warning"
    } else {
        "generator and server have no core in common"
    };
    vec![
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
    ]
}

/// A run in a few words.
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

fn doubts(records: &[Record]) -> DoubtsView {
    let (mut disturbed, mut too_short, mut not_counted) = (0, 0, 0);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut doubted = Vec::new();
    let mut runs = 0;
    for record in records {
        let Outcome::Measured(measured) = &record.outcome else { continue };
        match measured.is_disturbed() {
            true => not_counted += 1,
            false => runs += 1,
        }
        for doubt in &measured.doubts {
            *kinds.entry(format!("{} ({})", doubt.plain_name(), doubt.name())).or_default() += 1;
        }
        if !measured.doubts.is_empty() {
            let doubts = measured.doubts.iter().map(ToString::to_string);
            match measured.doubts.iter().all(Doubt::is_too_short) {
                true => too_short += 1,
                false if measured.is_disturbed() => {}
                false => disturbed += 1,
            }
            doubted.push((describe(record), doubts.collect()));
        }
    }
    DoubtsView {
        runs,
        not_counted,
        disturbed,
        too_short,
        kinds: kinds.into_iter().collect(),
        doubted,
    }
}

fn failures(records: &[Record]) -> Vec<(String, String)> {
    let failed = records.iter().filter_map(|record| match &record.outcome {
        Outcome::Failed(failure) => Some((describe(record), failure.to_string())),
        Outcome::Measured(_) => None,
    });
    failed.collect()
}

fn noise(findings: &Findings<'_>) -> Option<String> {
    let noise = &findings.noise;
    let alike = noise.cells.iter().filter(|cell| cell.are_alike()).count();
    let percent = |log_ratio: f64| text::three_digits((log_ratio.exp() - 1.0) * 100.0);
    (!noise.cells.is_empty()).then(|| {
        format!(
            "Identical cells that were run twice (A/A) agreed in {alike} of {} cases; their medians \
             differed by {} % typically and by {} % at most. A difference between two designs \
             counts only if it is larger than that between two identical runs at the same point.",
            noise.cells.len(),
            percent(noise.typical(|_| true)),
            percent(noise.largest())
        )
    })
}
