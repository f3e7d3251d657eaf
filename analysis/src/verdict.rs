//! The answer in words.

use results::{Axis, Placement, Record, Shows};

use crate::bootstrap::median;
use crate::crossover::{Comparison, Crossover, Margin, comparisons};
use crate::curve::{Metric, curves, knee};
use crate::experiment::{Experiment, experiments};
use crate::names;
use crate::noise::Noise;
use crate::text;

/// What a bench has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The one sentence with which the page opens.
    pub headline: String,
    /// The first crossing of another transport than the headline's, if there is one.
    pub second: Option<String>,
    /// What "beats" means in them, and what stands in brackets.
    pub terms: Option<String>,
    /// All findings, by experiment.
    pub findings: Vec<Finding>,
    /// How much identical runs differed.
    pub noise: Noise,
}

/// One sentence and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The experiment.
    pub experiment: String,
    /// The sentence.
    pub text: String,
    /// The transport it speaks of; empty where that is said otherwise.
    pub transport: String,
    /// Whether it names a crossing, and so may open the page.
    pub is_crossing: bool,
}

/// Reads the records.
#[must_use]
pub fn verdict(records: &[Record]) -> Verdict {
    let experiments = experiments(records);
    let noise = Noise::of(&experiments);
    let mut findings = Vec::new();
    for experiment in &experiments {
        findings.extend(findings_of(experiment, &noise));
    }
    let headline = headline(&findings);
    let second = second(&findings);
    let terms = experiments.iter().find_map(terms);
    Verdict { headline, second, terms, findings, noise }
}

fn headline(findings: &[Finding]) -> String {
    let best = findings.iter().find(|finding| finding.is_crossing).or(findings.first());
    match best {
        Some(finding) => format!("On this machine {}", finding.text),
        None => "Nothing was measured, so there is nothing to say.".to_owned(),
    }
}

fn second(findings: &[Finding]) -> Option<String> {
    let mut crossings = findings.iter().filter(|finding| finding.is_crossing);
    let first = crossings.next()?;
    let other = crossings.find(|finding| finding.transport != first.transport)?;
    Some(format!("Over {}, {}", other.transport, other.text))
}

/// For which load the comparisons hold: without it a crossover means little.
fn terms(experiment: &Experiment<'_>) -> Option<String> {
    let run = experiment.runs.first().filter(|_| experiment.shows(Shows::Crossover))?;
    let arrivals = run.record.cell.load.arrivals.as_str();
    let load = match arrivals.strip_prefix("burst:") {
        Some(size) => format!("when {size} requests come at once"),
        None => format!("under {arrivals} arrivals"),
    };
    Some(format!(
        "“Beats” means: has the shorter mean response time {load}. In brackets: the 95 % interval."
    ))
}

fn findings_of(experiment: &Experiment<'_>, noise: &Noise) -> Vec<Finding> {
    let finding = |text: String| Finding {
        experiment: experiment.name.to_owned(),
        text,
        transport: String::new(),
        is_crossing: false,
    };
    let mut findings = Vec::new();
    if experiment.shows(Shows::Crossover) {
        let placement = experiment.runs.first().map(|run| &run.record.placement);
        findings.extend(comparisons(experiment, noise).iter().map(|comparison| Finding {
            transport: names::transport(&comparison.base),
            is_crossing: matches!(comparison.crossover, Crossover::At { .. }),
            ..finding(crossing_in_words(experiment.axis, comparison, placement))
        }));
    }
    if experiment.shows(Shows::Load) {
        findings.extend(
            curves(experiment, Metric::P50).iter().map(|curve| finding(knee_in_words(curve))),
        );
    }
    if experiment.shows(Shows::ShortAmongLong) {
        findings.extend(short_among_long(experiment).map(finding));
    }
    findings
}

/// What the axis varies, as a verb in the singular.
fn verb(axis: Axis) -> &'static str {
    match axis {
        Axis::Wait => "wait",
        Axis::Compute => "compute",
        Axis::Rate | Axis::None => "take",
    }
}

fn crossing_in_words(axis: Axis, comparison: &Comparison, placement: Option<&Placement>) -> String {
    let (base, other) = (names::subject(&comparison.base), names::subject(&comparison.other));
    let verb = verb(axis);
    let x_of = |margin: Option<&Margin>| margin.map_or(0.0, |margin| margin.x);
    let first = x_of(comparison.margins.first());
    let last = x_of(comparison.margins.last());
    let measured = format!("(measured on requests that {verb} {})", text::time_range(first, last));
    match &comparison.crossover {
        Crossover::At { value, low, high, winner_beyond } => {
            let (winner, loser) =
                if *winner_beyond == comparison.other { (other, base) } else { (base, other) };
            let (value, interval) = (text::time(*value), text::time_range(*low, *high));
            format!("{winner} beats {loser} once a request {verb}s more than {value} ({interval}).")
        }
        Crossover::Always(winner) if *winner == comparison.other => {
            let decided = comparison.margins.iter().find(|margin| margin.decided);
            let least = text::time(x_of(decided));
            format!(
                "{other} beats {base} when requests {verb} {least} or more; below that it was not \
                 seen to lose {measured}."
            )
        }
        Crossover::Always(_) => {
            let decided = comparison.margins.iter().rfind(|margin| margin.decided);
            let longest = x_of(decided);
            let why = why(axis, placement);
            if longest < last {
                format!(
                    "{base} beats {other} when requests {verb} {} or less; from there to {} no \
                     difference beyond chance was seen{why}.",
                    text::time(longest),
                    text::time(last)
                )
            } else {
                format!("{other} never beats {base} {measured}{why}.")
            }
        }
        Crossover::TooClose => {
            format!("there is no difference beyond chance between {other} and {base} {measured}.")
        }
        Crossover::Unclear => format!(
            "{other} and {base} differ, but no single point can be named where one overtakes the \
             other {measured}."
        ),
        Crossover::TooFewRepetitions => {
            format!(
                "{other} and {base} cannot be compared yet: {} repetitions are the fewest that \
                 have an interval {measured}.",
                crate::bootstrap::FEWEST_REPETITIONS
            )
        }
    }
}

/// Computing needs processors; say how many there were.
fn why(axis: Axis, placement: Option<&Placement>) -> String {
    match (axis, placement.map(|placement| placement.server_cores.len())) {
        (Axis::Compute, Some(1)) => {
            "; the server had one core, so computations could not overlap".to_owned()
        }
        (Axis::Compute, Some(cores)) => format!("; the server had {cores} cores"),
        _ => String::new(),
    }
}

fn knee_in_words(curve: &crate::curve::Curve) -> String {
    let subject = names::subject(&curve.design);
    let subject = if names::is_iterative(&curve.design) {
        subject
    } else {
        format!("{subject} ({})", names::transport(&curve.design))
    };
    let ends = curve.points.first().zip(curve.points.last());
    match (knee(curve), ends) {
        (Some(knee), Some((first, _))) => format!(
            "the median response time of {subject} is twice that at {} when the load reaches {}.",
            text::rate(first.x),
            text::rate(knee)
        ),
        (None, Some((_, last))) => format!(
            "the median response time of {subject} has not doubled up to {}.",
            text::rate(last.x)
        ),
        (_, None) => format!("{subject} answered nothing."),
    }
}

/// The short requests under the concurrent designs against the iterative one.
fn short_among_long<'a>(experiment: &'a Experiment<'_>) -> impl Iterator<Item = String> + 'a {
    let p99 = |design: &str| {
        let runs = experiment.cell(design, 0.0, false);
        median(&runs.iter().filter_map(|run| Metric::ShortP99.of(run)).collect::<Vec<_>>())
            .filter(|p99| p99.is_finite())
    };
    experiment.designs().into_iter().filter_map(move |design| {
        let base = crate::curve::base_of(experiment, design).filter(|base| *base != design)?;
        let (short, behind) = (p99(design)?, p99(base)?);
        Some(format!(
            "of the short requests, 99 in 100 are answered within {} by {} and within {} by {}.",
            text::time(short),
            names::subject(design),
            text::time(behind),
            names::subject(base)
        ))
    })
}
