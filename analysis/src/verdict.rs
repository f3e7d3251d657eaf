//! The answer in words.

use std::collections::BTreeMap;

use protocol::Transport;
use results::{Doubt, Parameter, Shows, Subject, TestbedKind};

use crate::bootstrap::median;
use crate::experiment::{Experiment, Run};
use crate::experiment_findings::ExperimentFindings;
use crate::pairs::MOST_UNANSWERED;
use crate::text;

/// What a bench has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The sentence with which the page opens: the best design of the first transport for which one
    /// pays, or otherwise the first finding.
    pub headline: String,
    /// The same for another transport, if one pays there.
    pub second: Option<String>,
    /// What "beats" means in these sentences, and what the brackets contain.
    pub terms: Option<String>,
    /// All findings, by experiment.
    pub findings: Vec<Finding>,
}

/// One sentence and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The experiment.
    pub experiment: String,
    /// The sentence.
    pub text: String,
    /// The transport of the sentence, if the sentence does not name it.
    pub transport: Option<Transport>,
    /// The two subjects that it compares: the base and the other.
    pub pair: Option<(String, String)>,
    /// The largest factor by which a design beats the iterative one of its transport, at a decided
    /// point.
    pub gain: Option<f64>,
    /// Which subject is the worst, as a clause, where a ranking tells.
    pub worst: Option<String>,
}

impl Finding {
    /// A sentence of an experiment.
    pub(crate) fn of(experiment: &Experiment<'_>, text: String) -> Self {
        Self {
            experiment: experiment.name.to_owned(),
            text,
            transport: None,
            pair: None,
            gain: None,
            worst: None,
        }
    }
}

/// The verdict from all findings.
pub(crate) fn verdict(experiments: &[ExperimentFindings<'_>], findings: Vec<Finding>) -> Verdict {
    let experiments: Vec<&Experiment<'_>> =
        experiments.iter().map(|found| &found.experiment).collect();
    let [headline, second] = opening(&findings, &experiments);
    let runs: usize = experiments.iter().map(|experiment| experiment.runs.len()).sum();
    let mut records = experiments.iter().flat_map(|it| &it.runs).map(|run| run.record);
    let place = match records.any(|record| record.testbed == TestbedKind::Real) {
        true => "On this machine",
        false => "In simulation",
    };
    let headline = match headline {
        Some(text) => format!("{place}, {text}"),
        None if runs > 0 => {
            format!(
                "{runs} runs were measured, and nothing can be said of them: none was answered."
            )
        }
        None => "Nothing was measured, so there is nothing to say.".to_owned(),
    };
    let compares = findings.iter().any(|finding| finding.transport.is_some());
    let terms = experiments.iter().find_map(|experiment| terms(experiment)).filter(|_| compares);
    Verdict { headline, second, terms, findings }
}

/// The opening sentences: for each transport the design that pays most, if one does; otherwise the
/// first finding. A design that crosses another one is not always the better choice.
fn opening(findings: &[Finding], experiments: &[&Experiment<'_>]) -> [Option<String>; 2] {
    let best = |other_than: Option<Transport>| -> Option<&Finding> {
        let first = findings.iter().find(|finding| {
            finding.gain.is_some() && (other_than.is_none() || finding.transport != other_than)
        })?;
        let rivals = findings.iter().filter(|finding| {
            finding.experiment == first.experiment && finding.transport == first.transport
        });
        rivals.max_by(|a, b| a.gain.unwrap_or(0.0).total_cmp(&b.gain.unwrap_or(0.0)))
    };
    let said = |finding: &Finding| {
        let doubtful = doubtful(finding, experiments);
        let ranking = findings.iter().find(|other| {
            finding.pair.is_some()
                && other.experiment == finding.experiment
                && other.transport == finding.transport
                && other.worst.is_some()
        });
        match ranking.and_then(|ranking| ranking.worst.as_ref()) {
            Some(worst) => format!("{}; {worst}.{doubtful}", finding.text.trim_end_matches('.')),
            None => format!("{}{doubtful}", finding.text),
        }
    };
    let Some(first) = best(None) else {
        // A ranking names the best; what comes before it says who cannot be.
        let is_ranking = |one: &&Finding| one.transport.is_some() && one.pair.is_none();
        let opens = findings.iter().find(is_ranking).or(findings.first());
        return [opens.map(said), None];
    };
    let second = best(first.transport);
    let over = |finding: &Finding| {
        let transport = finding.transport.map_or_else(String::new, |it| it.to_string());
        format!("Over {}, {}", transport.to_uppercase(), said(finding))
    };
    [Some(said(first)), second.map(over)]
}

/// A warning if half or more of the runs behind a sentence are questionable; otherwise empty.
fn doubtful(finding: &Finding, experiments: &[&Experiment<'_>]) -> String {
    let of_it = experiments.iter().filter(|experiment| experiment.name == finding.experiment);
    let runs: Vec<&Run<'_>> = of_it
        .flat_map(|experiment| &experiment.runs)
        .filter(|run| {
            let transport = run.record.cell.subject.transport;
            finding.transport.is_none_or(|one| one == transport)
        })
        .collect();
    // A stand-still that moves a figure is a lag, and one that is long makes a run count for nothing.
    let matters = |doubt: &Doubt| {
        let stood_still = matches!(doubt, Doubt::Hiccups { .. } | Doubt::Stolen { .. });
        !doubt.concerns_tail_only() && !doubt.is_about_the_server() && !stood_still
    };
    let doubted = runs.iter().filter(|run| run.measured.doubts.iter().any(matters)).count();
    if runs.is_empty() || 2 * doubted < runs.len() {
        return String::new();
    }
    format!(" Treat this with care: {doubted} of the {} runs behind it have a warning.", runs.len())
}

/// The load for which the comparisons hold; without it a crossover means little.
fn terms(experiment: &Experiment<'_>) -> Option<String> {
    let run = experiment.runs.first().filter(|_| experiment.shows(Shows::Crossover))?;
    let arrivals = run.record.setup.load.arrivals.as_str();
    let what = match (arrivals.strip_prefix("burst:"), run.measured.times.burst_means.is_some()) {
        (Some(size), true) => format!(
            "has the shorter response time when {size} requests arrive at once: the median, over all \
             bursts, of a burst's mean"
        ),
        (Some(size), false) => {
            format!("has the shorter mean response time when {size} requests arrive at once")
        }
        (None, _) => {
            let arrivals = arrivals.replace("poisson", "Poisson");
            format!("has the shorter mean response time under {arrivals} arrivals")
        }
    };
    Some(format!("“Beats” means: {what}. The range behind a crossover is its 95 % interval."))
}

/// The subjects that left more than 1 % of their requests unanswered at some point, in most runs.
pub(crate) fn unanswered(experiment: &Experiment<'_>) -> Vec<Finding> {
    let worst = |subject: &Subject| {
        let shares = experiment.points().iter().filter_map(|point| {
            let runs = experiment.cell_at(subject, point, false);
            let share = |run: &Run<'_>| {
                let counts = &run.measured.counts;
                (counts.planned > 0).then(|| counts.unanswered() as f64 / counts.planned as f64)
            };
            Some((median(&runs.iter().filter_map(share).collect::<Vec<_>>())?, point))
        });
        shares.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(share, _)| *share > MOST_UNANSWERED)
    };
    let sentence = |subject: &Subject| {
        let (share, place) = worst(subject)?;
        let point = text::place(place);
        let at = if point.is_empty() { String::new() } else { format!(" at {point}") };
        let how_many = match share >= 1.0 {
            true => "all of its requests".to_owned(),
            false => format!("{} % of its requests", text::three_digits(share * 100.0)),
        };
        let why = why_unanswered(experiment, subject, place);
        let text = format!("{} left {how_many} unanswered{at}{why}.", subject.in_a_sentence());
        Some(Finding::of(experiment, text))
    };
    experiment.subjects().into_iter().filter_map(sentence).collect()
}

/// The reason why a subject left requests unanswered, if it was overloaded, or kept more connections
/// than it has workers: then some connections never bring a reply while others do. Otherwise empty.
fn why_unanswered(
    experiment: &Experiment<'_>,
    subject: &Subject,
    point: &BTreeMap<Parameter, f64>,
) -> String {
    let runs = experiment.cell_at(subject, point, false);
    let unserved = |run: &Run<'_>| {
        run.measured.doubts.iter().find_map(|doubt| match doubt {
            Doubt::UnservedConnections { count, of } => Some((*count, *of)),
            _ => None,
        })
    };
    let found: Vec<(u64, u64)> = runs.iter().filter_map(unserved).collect();
    let is_overloaded = |run: &&Run<'_>| {
        run.measured.doubts.iter().any(|doubt| matches!(doubt, Doubt::Overloaded { .. }))
    };
    if found.is_empty() && 2 * runs.iter().filter(is_overloaded).count() > runs.len() {
        return ", because requests arrived faster than it answered them".to_owned();
    }
    let Some((count, of)) = found.first().filter(|_| 2 * found.len() > runs.len()) else {
        return String::new();
    };
    let workers = runs.iter().filter_map(|run| run.measured.server.as_ref());
    let workers = workers.map(|server| server.per_worker.len()).max().filter(|count| *count > 1);
    match workers {
        Some(workers) => format!(
            ", because {workers} workers are too few for {of} kept connections: each serves one \
             connection at a time, and {count} connections were never served"
        ),
        None => format!(", because {count} of {of} kept connections were never served"),
    }
}
