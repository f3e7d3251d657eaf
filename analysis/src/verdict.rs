//! The answer in words.

use protocol::Transport;
use results::{Parameter, Percentile, Placement, Record, Shows, Subject, supports};

use crate::bootstrap::median;
use crate::crossover::{Comparison, Crossover, Margin, comparisons};
use crate::curve::{Metric, curves, knee};
use crate::experiment::{Experiment, Run, experiments};
use crate::noise::Noise;
use crate::text;

/// What a bench has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The one sentence with which the page opens: the best design of the first transport for which
    /// one pays, or what else was found first.
    pub headline: String,
    /// The same of another transport, if there is one.
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
    /// The transport it speaks of, where that is not said in the sentence.
    pub transport: Option<Transport>,
    /// Where a design beats the iterative one of its transport: by which factor at most, at a point
    /// where that is decided.
    pub gain: Option<f64>,
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
    let [headline, second] = opening(&findings, &experiments);
    let runs: usize = experiments.iter().map(|experiment| experiment.runs.len()).sum();
    let headline = match headline {
        Some(text) => format!("On this machine {text}"),
        None if runs > 0 => {
            format!(
                "{runs} runs were measured, and nothing can be said of them: none was answered."
            )
        }
        None => "Nothing was measured, so there is nothing to say.".to_owned(),
    };
    let compares = findings.iter().any(|finding| finding.transport.is_some());
    let terms = experiments.iter().find_map(terms).filter(|_| compares);
    Verdict { headline, second, terms, findings, noise }
}

/// What the page opens with: of each transport the design that pays most, where one does; otherwise
/// what was found first. Not every design that is seen to cross another one is the better choice.
fn opening(findings: &[Finding], experiments: &[Experiment<'_>]) -> [Option<String>; 2] {
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
        format!("{}{doubtful}", finding.text)
    };
    let Some(first) = best(None) else { return [findings.first().map(said), None] };
    let second = best(first.transport);
    let over = |finding: &Finding| {
        let transport = finding.transport.map_or_else(String::new, |it| it.to_string());
        format!("Over {}, {}", transport.to_uppercase(), said(finding))
    };
    [Some(said(first)), second.map(over)]
}

/// Says so where half or more of the runs behind a sentence are doubted.
fn doubtful(finding: &Finding, experiments: &[Experiment<'_>]) -> String {
    let of_it = experiments.iter().filter(|experiment| experiment.name == finding.experiment);
    let runs: Vec<&Run<'_>> = of_it
        .flat_map(|experiment| &experiment.runs)
        .filter(|run| {
            let transport = run.record.cell.subject.transport;
            finding.transport.is_none_or(|one| one == transport)
        })
        .collect();
    let doubted = runs.iter().filter(|run| run.measured.is_doubted()).count();
    if runs.is_empty() || 2 * doubted < runs.len() {
        return String::new();
    }
    format!(" This is doubtful: {doubted} of the {} runs behind it were disturbed.", runs.len())
}

/// For which load the comparisons hold: without it a crossover means little.
fn terms(experiment: &Experiment<'_>) -> Option<String> {
    let run = experiment.runs.first().filter(|_| experiment.shows(Shows::Crossover))?;
    let arrivals = run.record.setup.load.arrivals.as_str();
    let what = match (arrivals.strip_prefix("burst:"), run.measured.times.burst_means.is_some()) {
        (Some(size), true) => format!(
            "has the shorter response time when {size} requests come at once: of each burst the \
             mean, of a run's bursts the median"
        ),
        (Some(size), false) => {
            format!("has the shorter mean response time when {size} requests come at once")
        }
        (None, _) => format!("has the shorter mean response time under {arrivals} arrivals"),
    };
    Some(format!("“Beats” means: {what}. In brackets: the 95 % interval."))
}

fn findings_of(experiment: &Experiment<'_>, noise: &Noise) -> Vec<Finding> {
    let finding = |text: String| Finding {
        experiment: experiment.name.to_owned(),
        text,
        transport: None,
        gain: None,
    };
    // Who answers nobody has no curve that could show it.
    let mut findings: Vec<Finding> = unanswered(experiment).into_iter().map(finding).collect();
    if experiment.shows(Shows::Crossover) {
        let placement = experiment.runs.first().and_then(|run| run.record.placement());
        findings.extend(comparisons(experiment, noise).iter().map(|comparison| Finding {
            transport: Some(comparison.base.transport),
            gain: gain(comparison),
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
    // Whatever was measured is said, if nothing else is.
    let nothing_else = findings.is_empty();
    if experiment.axis.is_none() && experiment.shows(Shows::Percentiles) || nothing_else {
        findings.extend(distributions(experiment).map(finding));
    }
    if experiment.axis.is_none() && experiment.shows(Shows::Cost) || nothing_else {
        findings.extend(costs(experiment).map(finding));
    }
    findings
}

/// Where on its axis an experiment is spoken of as a whole: in the middle of what was measured.
fn middle(experiment: &Experiment<'_>) -> f64 {
    let xs = experiment.xs();
    xs.get((xs.len().max(1) - 1) / 2).copied().unwrap_or(0.0)
}

/// That place in words; nothing where nothing is varied.
fn at_middle(experiment: &Experiment<'_>) -> String {
    match text::point(experiment.axis, middle(experiment)) {
        point if point.is_empty() => String::new(),
        point => format!(", at {point}"),
    }
}

/// By which factor the other design is the faster one, at the decided point where it is so most.
fn gain(comparison: &Comparison) -> Option<f64> {
    let won = comparison.margins.iter().filter(|margin| margin.decided);
    let factors = won.map(|margin| (-margin.log_ratio.value).exp()).filter(|factor| *factor > 1.0);
    factors.reduce(f64::max).filter(|_| match &comparison.crossover {
        Crossover::At { .. } => true,
        Crossover::Always(winner) => *winner == comparison.other.name,
        Crossover::TooClose | Crossover::Unclear | Crossover::TooFewRepetitions => false,
    })
}

/// The designs that left half or more of their requests unanswered at some point.
fn unanswered(experiment: &Experiment<'_>) -> Vec<String> {
    let worst = |subject: &Subject| {
        let shares = experiment.xs().into_iter().filter_map(|x| {
            let runs = experiment.cell(subject, x, false);
            let share = |run: &Run<'_>| {
                let counts = &run.measured.counts;
                (counts.planned > 0).then(|| counts.unanswered() as f64 / counts.planned as f64)
            };
            Some((median(&runs.iter().filter_map(share).collect::<Vec<_>>())?, x))
        });
        shares.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(share, _)| *share >= 0.5)
    };
    let sentence = |subject: &Subject| {
        let (share, x) = worst(subject)?;
        let point = text::point(experiment.axis, x);
        let at = if point.is_empty() { String::new() } else { format!(" at {point}") };
        let how_many = match share >= 1.0 {
            true => "all of its requests".to_owned(),
            false => format!("{} % of its requests", text::three_digits(share * 100.0)),
        };
        Some(format!("{} left {how_many} unanswered{at}.", subject.full_label()))
    };
    experiment.subjects().into_iter().filter_map(sentence).collect()
}

/// Median and, where the requests tell it, p99 of each design of an experiment without an axis.
fn distributions<'a>(experiment: &'a Experiment<'_>) -> impl Iterator<Item = String> + 'a {
    experiment.subjects().into_iter().filter_map(move |subject| {
        let half = joined(experiment, subject, Metric::P50)?;
        let tail = match joined(experiment, subject, Metric::P99) {
            Some(p99) if tells(experiment, subject, 1.0, 99.0) => {
                format!(", and 99 in 100 within {}", text::time(p99))
            }
            _ => String::new(),
        };
        let label = subject.full_label();
        let at = at_middle(experiment);
        Some(format!("{label} answers half of the requests within {}{tail}{at}.", text::time(half)))
    })
}

/// What a request costs each design of an experiment without an axis, the cheapest first.
fn costs<'a>(experiment: &'a Experiment<'_>) -> impl Iterator<Item = String> + 'a {
    let mut costs: Vec<(f64, &Subject)> = experiment
        .subjects()
        .into_iter()
        .filter_map(|subject| Some((joined(experiment, subject, Metric::ProcessorTime)?, subject)))
        .collect();
    costs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = at_middle(experiment);
    costs.into_iter().map(move |(cost, subject)| {
        let label = subject.full_label();
        format!("{label} uses {} of processor time for a request answered{at}.", text::time(cost))
    })
}

/// The median over the repetitions of an experiment without an axis.
fn joined(experiment: &Experiment<'_>, subject: &Subject, metric: Metric) -> Option<f64> {
    let runs = experiment.cell(subject, middle(experiment), false);
    let values: Vec<f64> = runs.iter().filter_map(|run| metric.of(run)).collect();
    median(&values).filter(|value| value.is_finite())
}

/// Whether most repetitions have independent requests enough for a percentile, of which such a share
/// counts.
fn tells(experiment: &Experiment<'_>, subject: &Subject, share: f64, percent: f64) -> bool {
    let runs = experiment.cell(subject, middle(experiment), false);
    let tells = |run: &&Run<'_>| supports((run.measured.effective_samples * share) as u64, percent);
    2 * runs.iter().filter(tells).count() > runs.len()
}

/// What the axis varies, as a verb in the singular.
fn verb(axis: Option<Parameter>) -> &'static str {
    axis.and_then(|parameter| parameter.row().verb).unwrap_or("take")
}

fn crossing_in_words(
    axis: Option<Parameter>,
    comparison: &Comparison,
    placement: Option<&Placement>,
) -> String {
    let (base, other) = (&comparison.base.phrase, &comparison.other.phrase);
    let verb = verb(axis);
    let x_of = |margin: Option<&Margin>| margin.map_or(0.0, |margin| margin.x);
    let first = x_of(comparison.margins.first());
    let last = x_of(comparison.margins.last());
    let measured = format!("(measured on requests that {verb} {})", text::time_range(first, last));
    match &comparison.crossover {
        Crossover::At { value, low, high, winner_beyond } => {
            let (winner, loser) =
                if *winner_beyond == comparison.other.name { (other, base) } else { (base, other) };
            let (value, interval) = (text::time(*value), text::time_range(*low, *high));
            format!(
                "{winner} beats {loser} once a request {verb}s more than {value} ({interval}){}.",
                by_how_much(comparison)
            )
        }
        Crossover::Always(winner) if *winner == comparison.other.name => {
            let decided = comparison.margins.iter().find(|margin| margin.decided);
            let least = text::time(x_of(decided));
            format!(
                "{other} beats {base} when requests {verb} {least} or more{}; below that it was not \
                 seen to lose {measured}.",
                by_how_much(comparison)
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

/// How much faster the other design is where it is so most; nothing where it is not.
fn by_how_much(comparison: &Comparison) -> String {
    let won = comparison.margins.iter().filter(|margin| margin.decided);
    let most = won.min_by(|a, b| a.log_ratio.value.total_cmp(&b.log_ratio.value));
    match most {
        Some(margin) if margin.log_ratio.value < 0.0 => format!(
            ", and at {} is {} times as fast",
            text::time(margin.x),
            text::three_digits((-margin.log_ratio.value).exp())
        ),
        _ => String::new(),
    }
}

/// Computing needs processors; say how many there were.
fn why(axis: Option<Parameter>, placement: Option<&Placement>) -> String {
    match (axis, placement.map(|placement| placement.server_cores.len())) {
        (Some(Parameter::Compute), Some(1)) => {
            "; the server had one core, so computations could not overlap".to_owned()
        }
        (Some(Parameter::Compute), Some(cores)) => format!("; the server had {cores} cores"),
        _ => String::new(),
    }
}

fn knee_in_words(curve: &crate::curve::Curve) -> String {
    let Subject { phrase, .. } = &curve.subject;
    let subject = match curve.subject.is_iterative() {
        true => phrase.clone(),
        false => format!("{phrase} ({})", curve.subject.transport_name()),
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

/// Percentiles of the short requests, in percent: the highest is named that the requests of most
/// repetitions tell.
const NAMED: [(f64, &str); 4] =
    [(99.0, "99 in 100"), (95.0, "95 in 100"), (90.0, "9 in 10"), (50.0, "half")];

/// The short requests under the concurrent designs against the iterative one.
fn short_among_long<'a>(experiment: &'a Experiment<'_>) -> impl Iterator<Item = String> + 'a {
    experiment.subjects().into_iter().filter_map(move |subject| {
        let base =
            crate::curve::base_of(experiment, subject).filter(|base| base.name != subject.name)?;
        let both = [subject, base];
        let tells = |percent: f64| {
            both.iter().all(|one| tells(experiment, one, share_of_short(experiment, one), percent))
        };
        let (percent, how_many) = NAMED.into_iter().find(|(percent, _)| tells(*percent))?;
        let [short, behind] = both.map(|one| short_percentile(experiment, one, percent));
        Some(format!(
            "of the short requests, {how_many} are answered within {} by {} and within {} by {}.",
            text::time(short?),
            subject.phrase,
            text::time(behind?),
            base.phrase
        ))
    })
}

/// A percentile of the short requests, the median over the repetitions.
fn short_percentile(experiment: &Experiment<'_>, subject: &Subject, percent: f64) -> Option<f64> {
    let runs = experiment.cell(subject, middle(experiment), false);
    let values = runs.iter().filter_map(|run| {
        let short = run.measured.times.response_time_short.as_ref()?;
        match short.percentile(percent / 100.0) {
            Percentile::At(ns) => Some(ns as f64),
            Percentile::Above(_) => Some(f64::INFINITY),
            Percentile::Empty => None,
        }
    });
    median(&values.collect::<Vec<_>>()).filter(|value| value.is_finite())
}

/// The share of the requests that are short.
fn share_of_short(experiment: &Experiment<'_>, subject: &Subject) -> f64 {
    let runs = experiment.cell(subject, middle(experiment), false);
    let share = |run: &Run<'_>| {
        let short = run.measured.times.response_time_short.as_ref()?;
        Some((short.count() + short.unanswered()) as f64 / run.measured.counts.planned as f64)
    };
    median(&runs.iter().filter_map(share).collect::<Vec<_>>()).unwrap_or(0.0)
}
