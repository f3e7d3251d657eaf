//! Which subject is the best, and by how much? One sentence for each transport.

use protocol::Transport;
use results::{Subject, Wins};

use crate::answers::{PointAnswer, Ranked};
use crate::experiment::Experiment;
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
    let mut transports: Vec<Transport> =
        experiment.subjects().iter().map(|subject| subject.transport).collect();
    transports.dedup();
    let finding = |transport: Transport| {
        let of_it = found.points.iter().filter(|point| point.transport == transport.to_string());
        let stretches = stretches(of_it);
        let parts: Vec<String> =
            stretches.iter().map(|stretch| in_words(experiment, stretch)).collect();
        (!parts.is_empty()).then(|| Finding {
            transport: Some(transport),
            ..Finding::of(experiment, format!("by {}, {}.", metric(experiment), parts.join("; ")))
        })
    };
    transports.into_iter().filter_map(finding).collect()
}

/// Divides points with one axis into stretches of one answer; points of several axes are told alone.
fn stretches<'a>(points: impl Iterator<Item = &'a PointAnswer>) -> Vec<Stretch<'a>> {
    let mut stretches: Vec<Stretch<'a>> = Vec::new();
    for point in points {
        let goes_on =
            stretches.last().and_then(|stretch| stretch.points.last()).is_some_and(|last| {
                point.configured.len() == 1
                    && last.best == point.best
                    && last.decided == point.decided
                    && last.tied == point.tied
            });
        match stretches.last_mut().filter(|_| goes_on) {
            Some(stretch) => stretch.points.push(point),
            None => stretches.push(Stretch { points: vec![point] }),
        }
    }
    stretches
}

fn in_words(experiment: &Experiment<'_>, stretch: &Stretch<'_>) -> String {
    let Some(first) = stretch.points.first() else { return String::new() };
    let at = place(experiment, stretch);
    let phrase = |name: &str| phrase(experiment, name);
    let Some(best) = &first.best else {
        return format!("no subject answered 99 % of its requests{at}");
    };
    let tied: Vec<String> = first.tied.iter().map(|name| phrase(name)).collect();
    if first.ranking.len() < 2 {
        return format!("{} was measured alone{at}", phrase(best));
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
    let verb = if all.len() == 1 { "is the best" } else { "are the best and equally good" };
    format!("{names} {verb}{at}{}", by_how_much(stretch))
}

/// Whether nobody else answers enough requests to be compared with the best.
fn tied_is_all(point: &PointAnswer) -> bool {
    let can_win = |ranked: &&Ranked| ranked.answered >= 1.0 - MOST_UNANSWERED;
    point.tied.len() + 1 >= point.ranking.iter().filter(can_win).count()
}

/// The factors over a stretch.
fn by_how_much(stretch: &Stretch<'_>) -> String {
    let factors: Vec<f64> = stretch.points.iter().filter_map(|point| point.factor).collect();
    let least = factors.iter().copied().reduce(f64::min);
    let most = factors.iter().copied().reduce(f64::max);
    let Some((least, most)) = least.zip(most) else { return String::new() };
    let (least, most) = (text::three_digits(least), text::three_digits(most));
    if least == most {
        format!(" (by a factor of {least})")
    } else {
        format!(" (by a factor of {least} to {most})")
    }
}

/// Where a stretch lies; empty without an axis.
fn place(experiment: &Experiment<'_>, stretch: &Stretch<'_>) -> String {
    let (Some(first), Some(last)) = (stretch.points.first(), stretch.points.last()) else {
        return String::new();
    };
    let shown = |point: &PointAnswer| {
        let values = point.x.iter().map(|(axis, x)| text::value(*axis, *x));
        values.collect::<Vec<_>>().join(", ")
    };
    let (first, last) = (shown(first), shown(last));
    match experiment.axis {
        None => String::new(),
        Some(_) if stretch.points.len() == 1 => format!(" at {first}"),
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
        Wins::P99 => "the 99th percentile of the response time",
        Wins::Throughput => "requests answered per second",
        Wins::Capacity => "the 99th percentile of the response time",
        Wins::ProcessorTime => "processor time for a request",
    }
}
