//! Finds where one subject overtakes another.
//!
//! At each point of the axis two subjects are compared by the runs that had the same plan. The
//! logarithm of the ratio of their values is positive where the first one is better. A crossover is
//! the zero of that difference, interpolated on the logarithmic axis, between the part of the axis
//! that the first subject wins and the part that the second one wins. Its interval comes from
//! resampled runs. A crossover is reported only if each side has a certain point: one whose 99 %
//! interval excludes "no difference", and whose difference is larger than that of identical runs.
//!
//! Noise makes an interval wider and a point undecided. It never makes two subjects alike: that
//! they are is reported only where the whole interval is within the tolerance.

use std::collections::BTreeMap;

use results::{Parameter, Subject};

use crate::axis::Axis;
use crate::bootstrap::{Estimate, FEWEST_REPETITIONS, interval, interval_to_decide};
use crate::curve::{achieved_x, base_of};
use crate::experiment::{Experiment, Run};
use crate::metric::Metric;
use crate::noise::Noise;
use crate::pairs::resampled;
use crate::sample::estimate;

/// Two subjects are alike if they differ by less than this factor for certain.
pub const ALIKE: f64 = 1.10;

/// No timer waits for less than this, in nanoseconds.
pub const SHORTEST_WAIT_NS: f64 = 30e3;

/// The outcome of a comparison over an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Crossover {
    /// The two subjects cross once.
    At {
        /// The crossover, in the unit of the axis.
        value: f64,
        /// Lower end of the 95 % interval.
        low: f64,
        /// Upper end.
        high: f64,
        /// The subject that is better beyond it.
        winner_beyond: String,
    },
    /// One subject is better at every decided point, and the other cannot be better at any point
    /// that is not decided.
    Always(String),
    /// They are alike at every point.
    NoDifference,
    /// The records do not tell.
    Undecided(Undecided),
}

/// Why a comparison is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// There are fewer repetitions than an interval needs.
    TooFewRepetitions,
    /// The same, because runs were disturbed.
    Disturbed,
    /// The intervals are too wide.
    TooWide,
    /// There are no two runs to compare: at no point do both answer enough of their requests.
    NothingToCompare,
    /// Points are decided for both, but they show no single change that is reliable.
    NoSingleChange,
}

impl Undecided {
    /// The reason in words, to follow "because".
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::TooFewRepetitions => "an interval needs at least 6 repetitions",
            Self::Disturbed => "runs were disturbed and do not count",
            Self::NothingToCompare => "nowhere do both answer 99 % of their requests",
            Self::TooWide => "the intervals are too wide",
            Self::NoSingleChange => "there is no single point at which one overtakes the other",
        }
    }
}

/// Two subjects at one point of the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedDifference {
    /// The point, as achieved.
    pub x: f64,
    /// The point, as configured.
    pub configured_x: f64,
    /// The logarithm of the other's value over the base's (of the base's over the other's where
    /// more is better): negative where the other is better.
    pub log_ratio: Estimate,
    /// The 99 % interval of that logarithm, which decides.
    pub decides: (f64, f64),
    /// The greatest difference with which the two are alike, in the same unit: 10 %, or the noise
    /// floor if that is larger.
    pub tolerance: f64,
    /// What it says.
    pub standing: Standing,
    /// Whether the difference exceeds chance and noise, however small it is.
    pub is_certain: bool,
    /// The number of pairs of runs with the same plan.
    pub pairs: usize,
    /// Runs of the two cells that were disturbed and do not count.
    pub disturbed: usize,
}

/// What the runs at one point say about two subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The difference exceeds chance and noise.
    Decided,
    /// The difference is within the tolerance for certain.
    Alike,
    /// Neither is certain.
    Open,
}

impl PairedDifference {
    /// Whether the difference exceeds chance and noise.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.standing == Standing::Decided
    }

    /// Whether the other subject may be better than the base by more than the tolerance, or the
    /// base better than the other.
    fn may_favour(&self, other: bool) -> bool {
        let tolerance = ALIKE.ln();
        match self.standing {
            Standing::Alike => false,
            _ if self.pairs < FEWEST_REPETITIONS => true,
            _ if other => self.log_ratio.low < -tolerance,
            _ => self.log_ratio.high > tolerance,
        }
    }
}

/// Two subjects compared over an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The subject that the other is compared with.
    pub base: Subject,
    /// The other.
    pub other: Subject,
    /// The difference at each point.
    pub differences: Vec<PairedDifference>,
    /// The outcome.
    pub crossover: Crossover,
}

/// A difference with the values from which its interval was computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled {
    /// The difference.
    pub difference: PairedDifference,
    /// The log ratio in each resample.
    pub resamples: Vec<f64>,
}

/// Compares one subject of each transport with every other one, by mean response time: the iterative
/// one, or without one the first that the experiment names.
#[must_use]
pub fn comparisons(experiment: &Experiment<'_>, noise: &Noise) -> Vec<Comparison> {
    let listed = experiment.subjects_as_listed();
    experiment
        .subjects()
        .into_iter()
        .filter_map(|other| {
            let first = listed.iter().find(|it| it.transport == other.transport).copied();
            let base = base_of(experiment, other).or(first)?;
            let base = Some(base).filter(|base| base.name != other.name)?;
            Some(compare(experiment, base, other, Metric::Mean, noise))
        })
        .collect()
}

/// Compares any two subjects over the axis of an experiment.
#[must_use]
pub fn compare(
    experiment: &Experiment<'_>,
    base: &Subject,
    other: &Subject,
    metric: Metric,
    noise: &Noise,
) -> Comparison {
    compare_along(experiment, base, other, experiment.points(), metric, noise)
}

/// Compares any two subjects along these points of an experiment.
#[must_use]
pub fn compare_along(
    experiment: &Experiment<'_>,
    base: &Subject,
    other: &Subject,
    points: &[BTreeMap<Parameter, f64>],
    metric: Metric,
    noise: &Noise,
) -> Comparison {
    let found: Vec<Resampled> = points
        .iter()
        .filter_map(|point| difference(experiment, base, other, point, metric, noise))
        .collect();
    let crossover = find(&base.name, &other.name, &found, besides(experiment, base, metric));
    let crossover = match is_as_configured(experiment, base, other) {
        true => widened(crossover),
        false => crossover,
    };
    let differences = found.into_iter().map(|one| one.difference).collect();
    Comparison { base: base.clone(), other: other.clone(), differences, crossover }
}

/// What is added at both ends of a crossing over a processing that is known as configured only, as a
/// share of it: by how much the servers overshoot their waits, and the one more than the other, is not
/// known.
const OVERSHOOT: f64 = 0.05;

/// Whether processing is varied and neither of two subjects reports how long it served.
fn is_as_configured(experiment: &Experiment<'_>, base: &Subject, other: &Subject) -> bool {
    let is_processing = experiment.axis.is_some_and(|axis| axis.row().is_processing);
    let mut reporting = experiment.runs.iter().filter(|run| {
        let name = &run.record.cell.subject.name;
        (*name == base.name || *name == other.name) && run.measured.times.service_time.count() > 0
    });
    is_processing && reporting.next().is_none()
}

fn widened(crossover: Crossover) -> Crossover {
    match crossover {
        Crossover::At { value, low, high, winner_beyond } => {
            let (low, high) = (low - OVERSHOOT * value, high + OVERSHOOT * value);
            Crossover::At { value, low: low.max(0.0), high, winner_beyond }
        }
        other => other,
    }
}

/// The time that a request takes a subject beside its processing, as far as the response times at
/// the least and the greatest processing show it: they are taken to be proportional to processing
/// and this time together. `None` where something else than processing is varied.
fn besides(experiment: &Experiment<'_>, base: &Subject, metric: Metric) -> Option<f64> {
    let is_processing = experiment.axis.is_some_and(|axis| axis.row().is_processing);
    if !is_processing || !metric.is_time() {
        return None;
    }
    let response = |x: f64| {
        let estimate = estimate(metric, &experiment.cell(base, x, false))?;
        Some((achieved_x(experiment, base, x)?, estimate.value))
    };
    let xs = experiment.xs();
    let ends = xs.first().zip(xs.last());
    let ends = ends.and_then(|(first, last)| Some((response(*first)?, response(*last)?)));
    let besides = ends.map(|((x, low), (far, high))| (low * far - high * x) / (high - low));
    Some(besides.filter(|besides| besides.is_finite()).unwrap_or(0.0).max(0.0))
}

/// The difference of two subjects at one point; `None` without a pair of runs.
#[must_use]
pub fn difference(
    experiment: &Experiment<'_>,
    base: &Subject,
    other: &Subject,
    point: &BTreeMap<Parameter, f64>,
    metric: Metric,
    noise: &Noise,
) -> Option<Resampled> {
    let pairs = experiment
        .pairs(&experiment.cell_at(base, point, false), &experiment.cell_at(other, point, false));
    let configured_x = point.values().next().copied().unwrap_or(0.0);
    let (value, resamples) = resampled(&pairs, metric, configured_x.to_bits())?;
    let floor = noise.floor(experiment.name, base.transport, point);
    let disturbed = experiment.disturbed_at(base, point) + experiment.disturbed_at(other, point);
    let x = achieved_x(experiment, base, configured_x)?;
    let is_quiet = |(base, other): &&(Run<'_>, Run<'_>)| {
        !base.measured.is_disturbed() && !other.measured.is_disturbed()
    };
    let quiet = pairs.iter().filter(is_quiet).count();
    let mut found = judge(x, value, resamples, quiet, floor)?;
    found.difference.configured_x = configured_x;
    found.difference.disturbed = disturbed;
    Some(found)
}

/// What a log ratio and its resamples say, beside a noise floor in the same unit.
#[must_use]
pub fn judge(
    x: f64,
    value: f64,
    resamples: Vec<f64>,
    pairs: usize,
    noise_floor: f64,
) -> Option<Resampled> {
    let (low, high) = interval(value, &resamples, pairs)?;
    let tolerance = noise_floor.max(ALIKE.ln());
    let enough = pairs >= FEWEST_REPETITIONS;
    let decides = interval_to_decide(value, &resamples, pairs)?;
    let is_certain = enough && (decides.0 > 0.0 || decides.1 < 0.0) && value.abs() > noise_floor;
    let standing = match enough {
        // A difference may be certain and yet too small to matter.
        true if -tolerance <= decides.0 && decides.1 <= tolerance => Standing::Alike,
        true if is_certain => Standing::Decided,
        _ => Standing::Open,
    };
    let log_ratio = Estimate { value, low, high };
    let difference = PairedDifference {
        x,
        configured_x: x,
        log_ratio,
        decides,
        tolerance,
        standing,
        is_certain,
        pairs,
        disturbed: 0,
    };
    Some(Resampled { difference, resamples })
}

/// Finds the single change of sign, with its interval. Along processing, `besides`
/// is the time that a request takes the base beside its processing.
#[must_use]
pub fn find(base: &str, other: &str, found: &[Resampled], besides: Option<f64>) -> Crossover {
    let differences: Vec<&PairedDifference> = found.iter().map(|one| &one.difference).collect();
    if differences.is_empty() {
        return Crossover::Undecided(Undecided::NothingToCompare);
    }
    let too_few = |one: &&PairedDifference| one.pairs < FEWEST_REPETITIONS;
    if differences.iter().all(too_few) {
        return Crossover::Undecided(why_open(&differences, Undecided::TooFewRepetitions));
    }
    if differences.iter().all(|one| one.standing == Standing::Alike) {
        return Crossover::NoDifference;
    }
    let wins = |one: &PairedDifference, other_wins: bool| (one.log_ratio.value < 0.0) == other_wins;
    let certain_for =
        |other_wins: bool| differences.iter().any(|one| one.is_certain && wins(one, other_wins));
    let decided_for =
        |other_wins: bool| differences.iter().any(|one| one.is_decided() && wins(one, other_wins));
    // Near a crossing the differences are small, but their signs may be certain.
    if certain_for(false) && certain_for(true) && (decided_for(false) || decided_for(true)) {
        return crossing_with_interval(base, other, found, besides);
    }
    let winner = match (decided_for(false), decided_for(true)) {
        (false, false) => None,
        (_, other_wins) => Some(other_wins),
    };
    let is_sure = |other_wins: bool| !differences.iter().any(|one| one.may_favour(!other_wins));
    match winner.filter(|other_wins| is_sure(*other_wins)) {
        Some(other_wins) => Crossover::Always(if other_wins { other } else { base }.to_owned()),
        None => Crossover::Undecided(why_open(&differences, Undecided::TooWide)),
    }
}

/// Why points are open: because runs of theirs were disturbed, or else for `otherwise`.
fn why_open(differences: &[&PairedDifference], otherwise: Undecided) -> Undecided {
    let mut open = differences.iter().filter(|one| one.standing == Standing::Open);
    if open.any(|one| one.disturbed > 0) { Undecided::Disturbed } else { otherwise }
}

fn crossing_with_interval(
    base: &str,
    other: &str,
    found: &[Resampled],
    besides: Option<f64>,
) -> Crossover {
    let unclear = Crossover::Undecided(Undecided::NoSingleChange);
    // A point with few runs, such as one that was added last, has no interval that could weigh it.
    let found: Vec<&Resampled> =
        found.iter().filter(|one| one.difference.pairs >= FEWEST_REPETITIONS).collect();
    let differences: Vec<&PairedDifference> = found.iter().map(|one| &one.difference).collect();
    let width = |one: &&PairedDifference| (one.x, one.log_ratio.high - one.log_ratio.low);
    let axis = Axis::of(&differences.iter().map(width).collect::<Vec<_>>(), besides);
    let values: Vec<f64> = differences.iter().map(|one| one.log_ratio.value).collect();
    let Some((value, other_beyond)) = axis.crossing(&values) else { return unclear };
    let is_on_its_side = |one: &&PairedDifference| {
        let other_wins = one.log_ratio.value < 0.0;
        (one.x > value) == (other_wins == other_beyond)
    };
    if !differences.iter().filter(|one| one.is_certain).all(is_on_its_side) {
        return unclear;
    }
    let resamples = found.iter().map(|one| one.resamples.len()).min().unwrap_or(0);
    let crossings: Vec<f64> = (0..resamples)
        .filter_map(|number| {
            let drawn: Vec<f64> = found.iter().map(|one| one.resamples[number]).collect();
            axis.crossing(&drawn).filter(|(_, beyond)| *beyond == other_beyond)
        })
        .map(|(at, _)| axis.position(at))
        .collect();
    if resamples == 0 || crossings.len() < resamples * 95 / 100 {
        return unclear;
    }
    let enough = differences.iter().map(|one| one.pairs).filter(|it| *it >= FEWEST_REPETITIONS);
    let pairs = enough.min().unwrap_or(FEWEST_REPETITIONS);
    let Some((low, high)) = interval(axis.position(value), &crossings, pairs) else {
        return unclear;
    };
    let margin = axis.margin(&values, value);
    // Beyond the points there is nothing to interpolate.
    let within = |position: f64| axis.value(position).clamp(axis.first(), axis.last());
    let winner_beyond = if other_beyond { other } else { base }.to_owned();
    // Rounding must not put the value outside its interval.
    let (low, high) = (within(low).min(value) - margin, within(high).max(value) + margin);
    let low = low.max(axis.first());
    Crossover::At { value, low, high, winner_beyond }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::RESAMPLES;

    /// A difference whose log ratio varies by ±`noise`, in equal steps of its resamples.
    fn at(x: f64, value: f64, noise: f64) -> Resampled {
        let step = |number: usize| 2.0 * number as f64 / (RESAMPLES - 1) as f64 - 1.0;
        // Each point has an order of its own, so that points vary independently.
        let order = |number: usize| (number * 7 + x as usize * 13) % RESAMPLES;
        let resamples = (0..RESAMPLES).map(|number| value + noise * step(order(number))).collect();
        judge(x, value, resamples, 6, 0.005).expect("it has pairs")
    }

    #[test]
    fn one_winner_everywhere_is_no_crossing() {
        let all = |value: f64| [at(1e3, value, 0.05), at(2e3, value, 0.05), at(4e3, value, 0.05)];
        assert_eq!(find("base", "other", &all(-0.5), None), Crossover::Always("other".to_owned()));
        assert_eq!(find("base", "other", &all(0.5), None), Crossover::Always("base".to_owned()));
        assert_eq!(find("base", "other", &all(0.01), None), Crossover::NoDifference);
    }

    #[test]
    fn a_wide_interval_is_undecided_and_never_no_difference() {
        let wide = [at(1e3, -0.4, 0.9), at(2e3, 0.3, 0.9)];
        assert_eq!(find("base", "other", &wide, None), Crossover::Undecided(Undecided::TooWide));
        // The first point may hide a crossing, so the other does not win everywhere.
        let hidden = [at(1e3, 0.3, 0.5), at(2e3, -0.5, 0.05), at(4e3, -0.9, 0.05)];
        assert_eq!(find("base", "other", &hidden, None), Crossover::Undecided(Undecided::TooWide));
        let mut disturbed = hidden.clone();
        disturbed[0].difference.disturbed = 1;
        assert_eq!(
            find("base", "other", &disturbed, None),
            Crossover::Undecided(Undecided::Disturbed)
        );
    }

    #[test]
    fn a_crossing_is_found_between_the_sides() {
        let points = [at(1e3, 0.5, 0.05), at(2e3, 0.02, 0.05), at(4e3, -0.5, 0.05)];
        let Crossover::At { value, low, high, winner_beyond } =
            find("base", "other", &points, None)
        else {
            panic!("a crossing")
        };
        assert_eq!(winner_beyond, "other");
        assert!(low < value && value < high && 1.5e3 < low && high < 3e3, "{low} {value} {high}");
    }
}
