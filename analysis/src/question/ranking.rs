//! Which subject is the best, and by how much? One sentence for each transport.

use std::collections::BTreeSet;

use protocol::Transport;
use results::{Subject, Wins};

use crate::answers::{self, PointAnswer, Ranked};
use crate::comparison::ALIKE;
use crate::experiment::{Experiment, Run};
use crate::experiment_findings::ExperimentFindings;
use crate::pairs::MOST_UNANSWERED;
use crate::text;
use crate::verdict::Finding;

/// Neighbouring points with one answer.
struct Stretch<'a> {
    points: Vec<&'a PointAnswer>,
}

/// One sentence for each transport.
pub(super) fn findings(found: &ExperimentFindings<'_>) -> Vec<Finding> {
    let experiment = &found.experiment;
    if experiment.wins == Wins::Capacity {
        return Vec::new(); // no point decides it
    }
    let mut transports: Vec<Transport> =
        experiment.subjects().iter().map(|subject| subject.transport).collect();
    transports.dedup();
    let finding = |transport: Transport| {
        let of_it = found.points.iter().filter(|point| {
            point.transport == transport.to_string()
                && experiment.tried_all_at(transport, &point.configured)
        });
        let all = of_it.clone().count();
        let says_more = of_it.clone().any(|point| point.decided);
        let mut stretches = stretches(of_it, says_more);
        let is_open = |stretch: &Stretch<'_>| !stretch.points.iter().all(|point| point.decided);
        if stretches.iter().any(|stretch| stretch.points[0].configured.len() > 1) {
            stretches.sort_by_key(is_open);
        }
        let mut parts: Vec<String> =
            stretches.iter().map(|stretch| in_words(experiment, stretch, all, says_more)).collect();
        let worst = worst_in_words(experiment, &stretches);
        parts.extend(worst.clone());
        let reason = stretches.last().and_then(|last| reason(experiment, last));
        let reason = reason.map_or_else(String::new, |reason| format!(" {reason}"));
        let text = format!("by {}, {}.{reason}", metric(experiment), parts.join("; "));
        (!parts.is_empty()).then(|| Finding {
            transport: Some(transport),
            worst,
            ..Finding::of(experiment, text)
        })
    };
    transports.into_iter().filter_map(finding).collect()
}

/// Divides points into stretches of one answer: neighbours along one axis, and over two axes all
/// points with this answer. With `says_more`, what is undecided is one answer, whoever may be the best.
fn stretches<'a>(
    points: impl Iterator<Item = &'a PointAnswer>,
    says_more: bool,
) -> Vec<Stretch<'a>> {
    let mut stretches: Vec<Stretch<'a>> = Vec::new();
    for point in points {
        let names = |point: &PointAnswer| -> BTreeSet<String> {
            point.best.iter().chain(&point.tied).cloned().collect()
        };
        let is_same = |stretch: &&mut Stretch<'a>| {
            stretch.points.first().is_some_and(|first| {
                let are_open = says_more && !first.decided;
                first.decided == point.decided
                    && first.best.is_some() == point.best.is_some()
                    && (are_open || names(first) == names(point))
            })
        };
        let goes_on = match point.configured.len() {
            0 | 1 => stretches.last_mut().filter(is_same),
            _ => stretches.iter_mut().find(is_same),
        };
        match goes_on {
            Some(stretch) => stretch.points.push(point),
            None => stretches.push(Stretch { points: vec![point] }),
        }
    }
    stretches
}

/// A stretch in words. What is open is named only if nothing else is said.
fn in_words(
    experiment: &Experiment<'_>,
    stretch: &Stretch<'_>,
    all: usize,
    says_more: bool,
) -> String {
    let Some(first) = stretch.points.first() else { return String::new() };
    let at = place(experiment, stretch, all);
    let phrase = |name: &str| phrase(experiment, name);
    let Some(best) = &first.best else {
        let why = first.why.as_deref().unwrap_or("no subject was measured");
        return format!("{why}{at}");
    };
    let tied: Vec<String> = first.tied.iter().map(|name| phrase(name)).collect();
    if first.ranking.len() < 2 {
        return format!("{} was measured alone{at}", phrase(best));
    }
    if !first.decided && says_more {
        return format!("it is undecided{at}");
    }
    if !first.decided {
        let all: Vec<String> = std::iter::once(phrase(best)).chain(tied).collect();
        return format!("it is undecided which of {} is the best{at}", text::list(&all));
    }
    let all: Vec<String> = std::iter::once(phrase(best)).chain(tied).collect();
    let names = text::list(&all);
    if tied_is_all(first) && all.len() > 1 {
        return format!("{names} are equally good{at}");
    }
    let verb = if all.len() == 1 { "is the best" } else { "are equally the best" };
    format!("{names} {verb}{at}{}", by_how_much(stretch))
}

/// Whether nobody else answers enough requests to be compared with the best.
fn tied_is_all(point: &PointAnswer) -> bool {
    let can_win = |ranked: &&Ranked| !ranked.leaves_unanswered;
    point.tied.len() + 1 >= point.ranking.iter().filter(can_win).count()
}

/// Which subject is the worst of three or more, up to the last point; `None` if that is not certain
/// there.
fn worst_in_words(experiment: &Experiment<'_>, stretches: &[Stretch<'_>]) -> Option<String> {
    let points: Vec<&PointAnswer> =
        stretches.iter().flat_map(|stretch| stretch.points.iter().copied()).collect();
    let (last, worst) = points.last().and_then(|last| Some((*last, worst(last)?)))?;
    let same = points
        .iter()
        .rev()
        .take_while(|point| self::worst(point).is_some_and(|it| it.name == worst.name));
    let one_axis = last.configured.len() == 1;
    let first = same.last().filter(|_| one_axis).copied().unwrap_or(last);
    let is_one_point = std::ptr::eq(first, last);
    let place = match (experiment.axis, is_one_point) {
        (None, _) => String::new(),
        (Some(_), true) => format!(" at {}", text::place(&last.x)),
        (Some(_), false) => format!(" from {} on", text::place(&first.x)),
    };
    let at_last = match experiment.axis.filter(|_| !is_one_point) {
        Some(_) => format!(" at {}", text::place(&last.x)),
        None => String::new(),
    };
    let how = match worst.factor {
        _ if worst.leaves_unanswered => format!(
            " (it leaves {} % unanswered{at_last})",
            text::three_digits((1.0 - worst.answered) * 100.0)
        ),
        Some(factor) => format!(
            " (the best is {} times as {}{at_last})",
            text::three_digits(factor),
            if answers::metric_of(experiment.wins, experiment.bound).is_time() {
                "fast"
            } else {
                "good"
            }
        ),
        None => String::new(),
    };
    Some(format!("{} is the worst{place}{how}", phrase(experiment, &worst.name)))
}

/// The subject that is certainly worse than each other one at a point.
fn worst(point: &PointAnswer) -> Option<&Ranked> {
    let [.., second, last] = &point.ranking[..] else { return None };
    if point.ranking.len() < 3 {
        return None;
    }
    let answers = |it: &Ranked| !it.leaves_unanswered;
    let is_certain = match (answers(second), answers(last)) {
        (true, false) => true,
        (false, _) => last.answered + MOST_UNANSWERED < second.answered,
        (true, true) => {
            let is_longer = second.high.zip(last.low).is_some_and(|(high, low)| high < low);
            let is_less = second.low.zip(last.high).is_some_and(|(low, high)| high < low);
            let is_far = last.factor.is_some_and(|factor| factor > ALIKE);
            last.decided && is_far && (is_longer || is_less)
        }
    };
    is_certain.then_some(last)
}

/// Why the best are good at the last point of a stretch, from what was measured of them; `None` where
/// nothing is decided, or they are of different kinds.
fn reason(experiment: &Experiment<'_>, stretch: &Stretch<'_>) -> Option<String> {
    let point = stretch.points.last().filter(|point| point.decided && point.ranking.len() > 1)?;
    let names: Vec<&String> = point.best.iter().chain(&point.tied).collect();
    let subjects = experiment.subjects();
    let best: Vec<&Subject> = names
        .iter()
        .filter_map(|name| subjects.iter().find(|subject| subject.name == **name).copied())
        .collect();
    let runs = experiment.cell_at(best.first()?, &point.configured, false);
    let mean = |of: &dyn Fn(&Run<'_>) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
    let in_flight = mean(&|run| run.measured.generator.mean_in_flight);
    let waited = mean(&|run| run.measured.waited_mean_ns);
    let computed = mean(&|run| run.measured.computed_mean_ns);
    let load = &runs.first()?.record.setup.load.arrivals;
    let who = match &best[..] {
        [alone] => alone.in_a_sentence(),
        _ => "each of the best".to_owned(),
    };
    if best.iter().all(|subject| subject.is_iterative()) {
        let is_short = computed + waited < 1e6;
        return is_short.then(|| {
            "Requests are so short that handing them to workers costs more than it gains."
                .to_owned()
        });
    }
    if best.iter().any(|subject| subject.is_iterative()) {
        return None;
    }
    let cores = runs.first()?.record.placement().map_or(0, |it| it.server_cores.len());
    if computed > waited {
        return (cores > 1).then(|| {
            format!(
                "The requests compute, and {who} serves them on {cores} cores at the same time."
            )
        });
    }
    match load.strip_prefix("burst:") {
        Some(size) => Some(format!(
            "{size} requests arrive at once, and {who} serves them at the same time, so their waits \
             overlap."
        )),
        None if in_flight >= 1.0 => Some(format!(
            "About {} requests are in progress at any time, and {who} serves them at the same time.",
            text::three_digits(in_flight)
        )),
        None => Some(format!("With {who}, a request need not wait for those before it.")),
    }
}

/// The factors over a stretch.
fn by_how_much(stretch: &Stretch<'_>) -> String {
    let factors: Vec<f64> = stretch.points.iter().filter_map(|point| point.factor).collect();
    let least = factors.iter().copied().reduce(f64::min);
    let most = factors.iter().copied().reduce(f64::max);
    let Some((least, most)) = least.zip(most) else { return String::new() };
    let (least, most) = (text::three_digits(least), text::three_digits(most));
    if least == most {
        format!(" ({least} times as good as the next)")
    } else {
        format!(" ({least} to {most} times as good as the next)")
    }
}

/// Where a stretch lies among all points of its transport; empty without an axis.
fn place(experiment: &Experiment<'_>, stretch: &Stretch<'_>, all: usize) -> String {
    let (Some(first), Some(last)) = (stretch.points.first(), stretch.points.last()) else {
        return String::new();
    };
    let (first, last) = (text::place(&first.x), text::place(&last.x));
    match experiment.axis {
        None => String::new(),
        Some(_) if stretch.points.len() == 1 => format!(" at {first}"),
        Some(_) if stretch.points[0].configured.len() > 1 => {
            format!(" at {} of {} points", stretch.points.len(), all)
        }
        Some(_) => format!(" from {first} to {last}"),
    }
}

fn phrase(experiment: &Experiment<'_>, name: &str) -> String {
    let subject = experiment.subjects().into_iter().find(|subject| subject.name == name);
    subject.map_or_else(|| name.to_owned(), Subject::in_a_sentence)
}

/// What is ranked, in words.
fn metric(experiment: &Experiment<'_>) -> &'static str {
    let of_bursts = experiment.runs.iter().all(|run| run.measured.times.burst_means.is_some());
    match experiment.wins {
        Wins::Mean if of_bursts => "the mean response time of a burst",
        Wins::Mean => "mean response time",
        Wins::P50 => "median response time",
        Wins::P99 | Wins::Capacity => "the 99th percentile of the response time",
        Wins::Throughput => "requests answered per second",
        Wins::ProcessorTime => "processor time for a request",
    }
}
