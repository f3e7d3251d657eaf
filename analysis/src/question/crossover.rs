//! Where does another design overtake the iterative one? Response time against processing.

use results::{Allocation, Parameter, Placement};

use super::{by_transport, hollow, scale, series_of};
use crate::comparison::{Comparison, Crossover, PairedDifference, SHORTEST_WAIT_NS, Standing};
use crate::experiment::Experiment;
use crate::experiment_findings::ExperimentFindings;
use crate::figure::{Figure, Mark, Panel, Quantity, Whose};
use crate::metric::Metric;
use crate::text;
use crate::verdict::Finding;

/// One sentence for each comparison.
pub(super) fn findings(found: &ExperimentFindings<'_>) -> Vec<Finding> {
    let experiment = &found.experiment;
    let placement = experiment.runs.first().and_then(|run| run.record.placement());
    let finding = |comparison: &Comparison| Finding {
        transport: Some(comparison.base.transport),
        pair: Some((comparison.base.name.clone(), comparison.other.name.clone())),
        gain: gain(comparison),
        ..Finding::of(experiment, in_words(experiment.axis, comparison, placement))
    };
    found.comparisons.iter().map(finding).collect()
}

/// The largest factor by which the other design is faster, among the decided points.
fn gain(comparison: &Comparison) -> Option<f64> {
    let won = comparison.differences.iter().filter(|difference| difference.is_decided());
    let factors = won.map(|difference| (-difference.log_ratio.value).exp());
    factors.filter(|factor| *factor > 1.0).reduce(f64::max).filter(|_| {
        match &comparison.crossover {
            Crossover::At { .. } => true,
            Crossover::Always(winner) => *winner == comparison.other.name,
            Crossover::NoDifference | Crossover::Undecided(_) => false,
        }
    })
}

fn in_words(
    axis: Option<Parameter>,
    comparison: &Comparison,
    placement: Option<&Placement>,
) -> String {
    let (base, other) = (&comparison.base.phrase, &comparison.other.phrase);
    let verb = verb(axis);
    let measured = measured(comparison, verb);
    match &comparison.crossover {
        Crossover::At { value, low, high, winner_beyond } => {
            let shortest = shortest(comparison, *high);
            let interval = text::time_range(*low, *high);
            let beyond =
                format!("once a request {verb}s more than {} ({interval})", text::time(*value));
            match (*winner_beyond == comparison.other.name, shortest) {
                (true, Some(shortest)) => format!(
                    "{other} beats {base} whenever requests {verb} ({} or more), but not where they do \
                     not{}.",
                    text::time(shortest),
                    by_how_much(comparison, "and", "it")
                ),
                (true, None) => {
                    format!(
                        "{other} beats {base} {beyond}{}.",
                        by_how_much(comparison, "and", "it")
                    )
                }
                (false, _) => {
                    format!(
                        "{base} beats {other} {beyond}{}.",
                        by_how_much(comparison, "but", other)
                    )
                }
            }
        }
        Crossover::Always(winner) if *winner == comparison.other.name => always(axis, comparison),
        Crossover::Always(_) => never(axis, comparison, placement),
        Crossover::NoDifference => {
            let tolerances = comparison.differences.iter().map(|difference| difference.tolerance);
            let percent = tolerances.fold(0.0, f64::max).exp_m1() * 100.0;
            format!("{other} and {base} differ by less than {percent:.0} % {measured}.")
        }
        Crossover::Undecided(why) => match decided_part(comparison, verb) {
            Some(decided) => {
                format!(
                    "{decided}; elsewhere it is undecided, because {} {measured}.",
                    why.in_words()
                )
            }
            None => format!(
                "it is undecided whether {other} or {base} is faster, because {} {measured}.",
                why.in_words()
            ),
        },
    }
}

/// What was measured, in brackets.
fn measured(comparison: &Comparison, verb: &str) -> String {
    let ends = comparison.differences.first().zip(comparison.differences.last());
    let (first, last) = ends.map_or((0.0, 0.0), |(first, last)| (first.x, last.x));
    format!("(measured on requests that {verb} {})", text::time_range(first, last))
}

/// The sentence about a design that is better wherever there is a difference.
fn always(axis: Option<Parameter>, comparison: &Comparison) -> String {
    let (base, other) = (&comparison.base.phrase, &comparison.other.phrase);
    let verb = verb(axis);
    let differences = &comparison.differences;
    let decided: Vec<f64> =
        differences.iter().filter(|it| it.is_decided()).map(|difference| difference.x).collect();
    let (least, longest) =
        decided.first().zip(decided.last()).map_or((0.0, 0.0), |(a, b)| (*a, *b));
    let below = match differences.first().is_some_and(|first| first.x < least) {
        true => "; below that the two are not told apart",
        false => "",
    };
    let mut later = differences.iter().filter(|difference| difference.x > longest).peekable();
    let beyond = match later.peek().is_some() && later.all(|it| it.standing == Standing::Alike) {
        true => format!("; beyond {} they differ by less than 10 %", text::time(longest)),
        false => String::new(),
    };
    format!(
        "{other} beats {base} when requests {verb} {} or more{}{below}{beyond} {}.",
        text::time(least),
        by_how_much(comparison, "and", "it"),
        measured(comparison, verb)
    )
}

/// The sentence about a design that is better nowhere.
fn never(
    axis: Option<Parameter>,
    comparison: &Comparison,
    placement: Option<&Placement>,
) -> String {
    let (base, other) = (&comparison.base.phrase, &comparison.other.phrase);
    let verb = verb(axis);
    let last = comparison.differences.last().map_or(0.0, |difference| difference.x);
    let decided = comparison.differences.iter().rfind(|difference| difference.is_decided());
    let longest = decided.map_or(0.0, |difference| difference.x);
    let why = why(axis, placement);
    let mut later = comparison.differences.iter().filter(|difference| difference.x > longest);
    let beyond = match later.all(|it| it.standing == Standing::Alike) {
        true => "they differ by less than 10 %",
        false => "the two are not told apart",
    };
    if longest < last {
        format!(
            "{other} never beats {base}: it is slower when requests {verb} {} or less; beyond, to {}, \
             {beyond}{why}.",
            text::time(longest),
            text::time(last)
        )
    } else {
        format!("{other} never beats {base} {}{why}.", measured(comparison, verb))
    }
}

/// The shortest processing that was measured, if the crossing lies below it for certain and above none
/// at all: nothing that a request can do is so short, so the place of the crossing means nothing.
fn shortest(comparison: &Comparison, high: f64) -> Option<f64> {
    let [first, second, ..] = &comparison.differences[..] else { return None };
    let is_shortest = first.configured_x == 0.0 && second.configured_x <= SHORTEST_WAIT_NS;
    (is_shortest && high <= second.x).then_some(second.x)
}

/// The points that are decided although the comparison as a whole is not.
fn decided_part(comparison: &Comparison, verb: &str) -> Option<String> {
    let won_by = |other_wins: bool| {
        let decided = comparison.differences.iter().filter(move |difference| {
            difference.is_decided() && (difference.log_ratio.value < 0.0) == other_wins
        });
        decided.map(|difference| difference.x).collect::<Vec<f64>>()
    };
    let part = |subject: &str, rival: &str, xs: &[f64]| {
        let times: Vec<String> = xs.iter().map(|x| text::time(*x)).collect();
        (!xs.is_empty())
            .then(|| format!("{subject} beats {rival} when requests {verb} {}", text::list(&times)))
    };
    let parts = [
        part(&comparison.other.phrase, &comparison.base.phrase, &won_by(true)),
        part(&comparison.base.phrase, &comparison.other.phrase, &won_by(false)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", and "))
}

/// How much faster the other design is at the decided point where it gains most.
fn by_how_much(comparison: &Comparison, conjunction: &str, other: &str) -> String {
    let other_wins = |it: &&PairedDifference| it.is_decided() && it.log_ratio.value < 0.0;
    let won = comparison.differences.iter().filter(other_wins);
    let most = won.min_by(|a, b| a.log_ratio.value.total_cmp(&b.log_ratio.value));
    most.map_or_else(String::new, |difference| {
        format!(
            ", {conjunction} at {} {other} is {} times as fast",
            text::time(difference.x),
            text::three_digits((-difference.log_ratio.value).exp())
        )
    })
}

/// What the axis varies, as a verb in its base form.
fn verb(axis: Option<Parameter>) -> &'static str {
    axis.and_then(|parameter| parameter.row().verb).unwrap_or("take")
}

/// Computing needs processors, so the number of the server's cores is stated.
fn why(axis: Option<Parameter>, placement: Option<&Placement>) -> String {
    match (axis, placement.map(|placement| placement.server_cores.len())) {
        (Some(Parameter::Compute), Some(1)) => {
            "; the server had one core, so computations could not overlap".to_owned()
        }
        (Some(Parameter::Compute), Some(cores @ 2..)) => format!("; the server had {cores} cores"),
        _ => String::new(),
    }
}

/// Mean response time against processing, with the crossovers.
pub(super) fn figure(found: &ExperimentFindings<'_>) -> Figure {
    let (experiment, curves) = (&found.experiment, found.curves(Metric::Mean));
    let label = experiment.axis.map_or("", |axis| axis.row().label);
    let processing = match reports_service(experiment) {
        true => label.to_owned(),
        false => label.replace("(achieved)", "(configured)"),
    };
    let of_bursts = experiment.runs.iter().any(|run| run.measured.times.burst_means.is_some());
    let response = if of_bursts { "response time, mean of a burst" } else { "mean response time" };
    let panels = by_transport(experiment, |transport, is_of| Panel {
        title: transport.to_string().to_uppercase(),
        x: scale(&processing, Quantity::Time),
        y: scale(response, Quantity::Time),
        series: curves
            .iter()
            .filter(|curve| is_of(&curve.subject) && !curve.points.is_empty())
            .map(series_of)
            .collect(),
        marks: found
            .comparisons
            .iter()
            .filter(|comparison| is_of(&comparison.other))
            .filter_map(|comparison| match comparison.crossover {
                Crossover::At { value, low, high, .. } => Some(Mark {
                    x: value,
                    low,
                    high,
                    label: text::time(value),
                    whose: Whose::Subject(comparison.other.clone()),
                }),
                Crossover::Always(_) | Crossover::NoDifference | Crossover::Undecided(_) => None,
            })
            .collect(),
        tiles: Vec::new(),
    });
    Figure {
        name: experiment.name.to_owned(),
        question: experiment.question.to_owned(),
        caption: caption(experiment, &panels),
        panels,
    }
}

fn caption(experiment: &Experiment<'_>, panels: &[Panel]) -> String {
    let arrivals = experiment.runs.first().map_or("", |run| &run.record.setup.load.arrivals);
    let burst = arrivals.strip_prefix("burst:").map_or_else(String::new, |size| {
        let of_bursts = experiment.runs.iter().any(|run| run.measured.times.burst_means.is_some());
        let median = match of_bursts {
            true => "A point is the median, over all bursts, of a burst's mean. ",
            false => "",
        };
        format!("{size} requests arrive at once, and the next {size} when these are done. {median}")
    });
    let subjects = experiment.subjects();
    let mut others = subjects.iter().filter(|subject| !subject.is_iterative());
    let create = others.all(|subject| subject.allocation == Allocation::OnDemand);
    let crossing = match (panels.iter().any(|panel| !panel.marks.is_empty()), create) {
        (true, true) => {
            "Left of a crossover (vertical line with the band of its 95 % interval) creating a \
             worker costs more than it gains; to the right of it, creating one gains more than it \
             costs. "
        }
        (true, false) => "A vertical line is a crossover, with the band of its 95 % interval. ",
        (false, _) => "",
    };
    let processing = match reports_service(experiment) {
        true => "achieved by the iterative server, because a sleep overshoots",
        false => "the configured one, because no server reports its service times",
    };
    format!(
        "{burst}{crossing}Points are the values of all runs together, bars their 95 % intervals; the \
         processing is {processing}.{}",
        hollow(experiment, Metric::Mean, panels)
    )
}

/// Whether some server reports how long it served.
fn reports_service(experiment: &Experiment<'_>) -> bool {
    experiment.runs.iter().any(|run| run.measured.times.service_time.count() > 0)
}
