//! The greatest rate at which response times keep a bound: which rate to try next, and what the
//! trials say together. Pure: whoever makes the trials brings their results.
//!
//! First the rate is doubled, or halved, until one trial keeps the bound and another does not. A
//! trial without a steady state may be the fault of a stall of the machine, so it is repeated at once;
//! if the repeat has none either, the two count as one. A trial that misses the bound may be, too: the
//! upper end of the bracket is tried again before it is believed. The trials are split at the rate that
//! leaves the fewest on the wrong side; those are taken to be wrong. A trial whose rate the generator could not send says nothing of the server: above it nothing
//! is tried, and a capacity that lies there is not found.
//! Then all trials go on within that bracket, and each says how far the figure is from the bound.
//! Near its capacity a queue's response time grows like 1/(μ − λ), so that its inverse is nearly a
//! straight line in the rate: the line through the trials crosses the bound's inverse at the
//! capacity (Kleinrock 1975, section 3.2, for M/M/1, where the line is exact).

use std::ops::RangeInclusive;
use std::ptr;

use results::{Doubt, Measurement};

use crate::cut::Cuts;
use crate::expectation::Statistic;

/// Trials that bear on the bracket before an answer is given.
const TRIALS: usize = 15;

/// A bracket so narrow is not narrowed by halving any more, and trials so far outside still bear on
/// it.
const NARROW: f64 = 1.3;

/// The most trials of a search. One needs 20 to 45.
const MOST_TRIALS: usize = 100;

/// The bracket is believed once at least this many more trials above it miss the bound than keep it.
const EVIDENCE: usize = 3;

/// A miss is ignored if a rate more than this factor higher keeps the bound; closer together, either may
/// be chance.
const OVERRULED: f64 = 1.1;

/// Where trials are made, as shares of the present estimate: by turns on both sides, as a line is
/// known best from points that lie apart.
const AROUND: [f64; 3] = [0.9, 0.97, 1.03];

/// Where they are made at a cliff, which is known best from what lies close to it.
const AT_A_CLIFF: [f64; 3] = [1.0, 0.97, 1.03];

/// What one trial has shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Requests a second that were asked for.
    pub rate: f64,
    /// What came of them.
    pub outcome: Outcome,
}

/// What comes of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// A steady state with this figure, in nanoseconds.
    Steady(f64),
    /// Requests were lost or unanswered, or the backlog grew: no steady state to speak of.
    Unsteady,
    /// The generator could not send so many, and the server answered all that were sent.
    NotSent,
}

impl Outcome {
    /// What a run says of a figure.
    #[must_use]
    pub fn of(figure: Statistic, measured: &Measurement) -> Self {
        let doubts = || measured.doubts.iter();
        let misses_rate = doubts().any(|doubt| matches!(doubt, Doubt::RateMissed { .. }));
        if misses_rate && !measured.is_held_up() && measured.counts.answered == measured.counts.sent
        {
            return Self::NotSent;
        }
        let is_steady = !doubts().any(|doubt| match doubt {
            Doubt::NotStationary { ratio } => *ratio > 1.0,
            Doubt::Unanswered { .. } | Doubt::RateMissed { .. } | Doubt::Exhausted { .. } => true,
            _ => false,
        });
        let figure_ns = figure.of(measured).known_ns().filter(|_| is_steady);
        figure_ns.map_or(Self::Unsteady, |ns| Self::Steady(ns as f64))
    }
}

impl Trial {
    /// The figure, in nanoseconds, where there was a steady state.
    #[must_use]
    pub fn figure_ns(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Steady(figure_ns) => Some(figure_ns),
            Outcome::Unsteady | Outcome::NotSent => None,
        }
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Try this rate.
    Try(f64),
    /// It is known.
    Found(Capacity),
    /// There is none: not even the least rate keeps the bound.
    BelowAll(f64),
    /// Even the greatest rate that can be sent, this one, keeps the bound.
    AboveAll(f64),
    /// There is no telling: not even the least rate can be sent.
    NotSent(f64),
}

/// The greatest rate that keeps the bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    /// Requests a second.
    pub rate: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    bound_ns: f64,
    first: f64,
    least: f64,
    most: f64,
    trials: Vec<Trial>,
}

impl Search {
    /// A search for the rate at which the figure reaches `bound_ns`, from a first rate, between
    /// the least at which a trial has requests enough and the most that can be sent.
    #[must_use]
    pub fn new(bound_ns: f64, first: f64, least: f64, most: f64) -> Self {
        let first = first.max(least).min(most);
        Self { bound_ns, first, least, most, trials: Vec::new() }
    }

    /// All trials so far, in their order.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Takes in what a trial has shown.
    pub fn add(&mut self, trial: Trial) {
        self.trials.push(trial);
    }

    /// Whether a trial kept the bound.
    #[must_use]
    pub fn keeps(&self, trial: &Trial) -> bool {
        trial.figure_ns().is_some_and(|figure_ns| figure_ns < self.bound_ns)
    }

    /// Whether the server missed it.
    fn misses(&self, trial: &Trial) -> bool {
        !self.keeps(trial) && trial.outcome != Outcome::NotSent
    }

    /// The trials that count.
    ///
    /// * One that keeps the bound: always.
    /// * One that misses it in a steady state: unless another at its rate keeps it.
    /// * One without a steady state: only if it was repeated, and none at its rate keeps the bound.
    /// * One that was not sent: only if it was repeated, and none at its rate had a steady state.
    fn counted(&self) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(|trial| {
            let mut all = alike(&self.trials, trial);
            match trial.outcome {
                Outcome::Steady(_) => self.keeps(trial) || !all.any(|other| self.keeps(other)),
                Outcome::Unsteady => all.clone().count() > 1 && !all.any(|it| self.keeps(it)),
                Outcome::NotSent => {
                    all.clone().count() > 1 && all.all(|other| other.figure_ns().is_none())
                }
            }
        })
    }

    /// Whether a trial was made again at once, as the first without a steady state at its rate is: one
    /// stall may have met both, and they count as one.
    fn was_retried(&self, trial: &Trial) -> bool {
        let is_first = alike(&self.trials, trial).next().is_some_and(|it| ptr::eq(it, trial));
        let is_next = |two: &[Trial]| ptr::eq(&two[0], trial) && two[0].rate == two[1].rate;
        is_first && trial.figure_ns().is_none() && self.trials.windows(2).any(is_next)
    }

    /// What the trials say of where the capacity lies.
    fn bracket(&self) -> Bracket {
        let rates = |is_such: &dyn Fn(&Trial) -> bool| -> Vec<f64> {
            self.counted().filter(|trial| is_such(trial)).map(|trial| trial.rate).collect()
        };
        let not_sent = rates(&|trial| trial.outcome == Outcome::NotSent);
        // What was sent once can be sent.
        let was_sent = |rate: f64| {
            self.trials.iter().any(|trial| trial.figure_ns().is_some() && trial.rate >= rate)
        };
        let not_sent = not_sent.into_iter().filter(|rate| !was_sent(*rate)).reduce(f64::min);
        let may_miss = |trial: &Trial| {
            let is_sent = not_sent.is_none_or(|ceiling| trial.rate <= ceiling);
            self.misses(trial) && is_sent && !self.was_retried(trial)
        };
        let told = || self.counted().filter(|trial| self.keeps(trial) || may_miss(trial));
        let cut = |trials: &mut dyn Iterator<Item = &Trial>| {
            Cuts::through(trials.map(|trial| (trial.rate, self.misses(trial))))
        };
        // A rate that stands by all that is known overrules what missed the bound far below it.
        let stood = cut(&mut told()).stood();
        let is_overruled = |rate: f64| stood.is_some_and(|stood| stood > OVERRULED * rate);
        let counts = |trial: &&Trial| self.keeps(trial) || !is_overruled(trial.rate);
        let cuts = cut(&mut told().filter(counts));
        Bracket {
            kept: cuts.stood(),
            missed: cuts.fell(),
            is_believed: cuts.evidence() >= EVIDENCE,
            not_sent,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self) -> Next {
        if let Some(last) = self.trials.last()
            && last.figure_ns().is_none()
            && alike(&self.trials, last).count() == 1
        {
            return Next::Try(last.rate);
        }
        let bracket = self.bracket();
        if self.trials.len() >= MOST_TRIALS {
            return bracket.as_an_answer(self.first);
        }
        match (bracket.kept, bracket.missed) {
            (None, None) => match bracket.not_sent {
                None => Next::Try(self.first),
                Some(ceiling) if ceiling <= self.least => Next::NotSent(ceiling),
                Some(ceiling) => Next::Try((ceiling / 2.0).max(self.least)),
            },
            (Some(kept), None) if kept >= self.most => Next::AboveAll(kept),
            (Some(kept), None) => match bracket.not_sent {
                None => Next::Try((2.0 * kept).min(self.most)),
                Some(ceiling) if ceiling / kept <= NARROW => Next::AboveAll(kept),
                Some(ceiling) => Next::Try((kept * ceiling).sqrt()),
            },
            (None, Some(missed)) if missed > self.least => {
                Next::Try((missed / 2.0).max(self.least))
            }
            (Some(kept), Some(missed)) if missed / kept > NARROW => {
                Next::Try((kept * missed).sqrt())
            }
            (_, Some(missed)) if !bracket.is_believed => Next::Try(missed),
            (None, Some(missed)) => Next::BelowAll(missed),
            // Chance may let a higher rate keep what a lower one misses: then they are near.
            (Some(kept), Some(missed)) => self.confirm(kept.min(missed), kept.max(missed)),
        }
    }

    /// Within the bracket: trials around the present estimate, then the answer.
    fn confirm(&self, low: f64, high: f64) -> Next {
        let (least, most) = (low / NARROW, high * NARROW);
        let bears = |trial: &&Trial| (least..=most).contains(&trial.rate);
        let bearing = || self.trials.iter().filter(bears);
        // One without a steady state has no point to show.
        let point = |trial: &Trial| trial.figure_ns().map(|ns| (trial.rate, 1.0 / ns));
        let near: Vec<(f64, f64)> = bearing().filter_map(point).collect();
        let cliff = self.cliff(least..=most);
        let is_below = |rate: f64| cliff.is_none_or(|cliff| rate < cliff.above);
        let crossing = |points: &[(f64, f64)]| {
            let crossing = line_through(points)?.crossing(1.0 / self.bound_ns)?;
            Some(crossing.clamp(low / 1.2, high * 1.2))
        };
        let line = crossing(&near).filter(|rate| near.len() > 2 && is_below(*rate));
        let at_cliff = cliff.map(|cliff| cliff.capacity);
        let estimate =
            line.or(at_cliff.map(|capacity| capacity.rate)).unwrap_or_else(|| (low * high).sqrt());
        let tried = bearing().count();
        if tried < TRIALS {
            let around = if line.is_none() && at_cliff.is_some() { AT_A_CLIFF } else { AROUND };
            // What is made again at once does not take another's turn.
            let turns = bearing().filter(|trial| !self.was_retried(trial)).count();
            let apart = (estimate * around[turns % around.len()]).clamp(least, most);
            return Next::Try(apart.clamp(self.least, self.most));
        }
        Next::Found(match (line, at_cliff) {
            (Some(rate), _) => {
                let spread = leave_one_out(&near, crossing, rate);
                Capacity { rate, low: (rate - spread).max(0.0), high: rate + spread }
            }
            (None, Some(capacity)) => capacity,
            // Without a line and without a cliff nothing is known but the bracket.
            (None, None) => Capacity { rate: low, low, high },
        })
    }

    /// The rate above which there is no steady state, between those of the trials next to it; its
    /// interval is where one more trial would be wrong.
    fn cliff(&self, within: RangeInclusive<f64>) -> Option<Cliff> {
        let tells = |trial: &&Trial| {
            let is_sent = trial.outcome != Outcome::NotSent;
            within.contains(&trial.rate) && is_sent && !self.was_retried(trial)
        };
        let told = self.counted().filter(tells);
        let cuts =
            Cuts::through(told.map(|trial| (trial.rate, trial.outcome == Outcome::Unsteady)));
        let ((below, above), (low, high)) = (cuts.between(0)?, cuts.between(1)?);
        let capacity = Capacity { rate: f64::midpoint(below, above), low, high };
        Some(Cliff { capacity, above })
    }
}

/// Where a server falls before its figure reaches the bound.
#[derive(Clone, Copy, Debug)]
struct Cliff {
    capacity: Capacity,
    /// The least rate that is above it for all that is known: no capacity lies beyond.
    above: f64,
}

/// Between which rates the capacity lies.
struct Bracket {
    /// The greatest rate that kept the bound.
    kept: Option<f64>,
    /// The least that missed it.
    missed: Option<f64>,
    /// Whether enough trials missed it: a few may owe that to stalls of the machine, which have passed
    /// by the time the bracket is narrow.
    is_believed: bool,
    /// The least that could not be sent.
    not_sent: Option<f64>,
}

impl Bracket {
    /// What is known where the search must end: a machine that changes all the time lets it find
    /// nothing more.
    fn as_an_answer(&self, first: f64) -> Next {
        match (self.kept, self.missed) {
            (Some(kept), Some(missed)) => {
                let (low, high) = (kept.min(missed), kept.max(missed));
                Next::Found(Capacity { rate: low, low, high })
            }
            (Some(kept), None) => Next::AboveAll(kept),
            (None, Some(missed)) => Next::BelowAll(missed),
            (None, None) => Next::NotSent(self.not_sent.unwrap_or(first)),
        }
    }
}

/// The trials at the rate of one of them.
fn alike<'a>(trials: &'a [Trial], one: &Trial) -> impl Iterator<Item = &'a Trial> + Clone {
    let rate = one.rate;
    trials.iter().filter(move |trial| trial.rate == rate)
}

/// y = at + slope · x.
#[derive(Clone, Copy, Debug)]
struct Line {
    at: f64,
    slope: f64,
}

impl Line {
    /// Where a falling line reaches `y`.
    fn crossing(self, y: f64) -> Option<f64> {
        (self.slope < 0.0).then(|| (y - self.at) / self.slope)
    }
}

/// The line that a few disturbed points do not move: its slope is the median of the slopes between
/// all pairs of points, each weighed by how far apart they are (Jaeckel 1972), its height the median
/// of the means of all pairs of what is left (Hodges and Lehmann 1963).
fn line_through(points: &[(f64, f64)]) -> Option<Line> {
    let pairs = |first: usize| (first..points.len()).map(move |second| (first, second));
    let slopes = (0..points.len()).flat_map(pairs).filter_map(|(first, second)| {
        let ((x1, y1), (x2, y2)) = (points[first], points[second]);
        let apart = (x2 - x1).abs();
        (apart > 0.0).then(|| ((y2 - y1) / (x2 - x1), apart))
    });
    let slope = weighted_median(slopes.collect())?;
    let rest = |index: usize| points[index].1 - slope * points[index].0;
    let means = (0..points.len())
        .flat_map(pairs)
        .map(|(first, second)| (f64::midpoint(rest(first), rest(second)), 1.0));
    Some(Line { at: weighted_median(means.collect())?, slope })
}

/// The value below and above which lies half of the weight; of values with weights.
fn weighted_median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    values.iter().find_map(|(value, weight)| {
        below += weight;
        (below >= half).then_some(*value)
    })
}

/// Half the 95 % interval of the crossing, by the jackknife (Efron 1982): how far it moves when
/// each trial is left out in turn.
fn leave_one_out(
    points: &[(f64, f64)],
    crossing: impl Fn(&[(f64, f64)]) -> Option<f64>,
    estimate: f64,
) -> f64 {
    let without = |left_out: usize| {
        let others: Vec<(f64, f64)> = points
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != left_out)
            .map(|(_, point)| *point)
            .collect();
        crossing(&others).unwrap_or(estimate)
    };
    let moved: Vec<f64> = (0..points.len()).map(without).collect();
    let count = moved.len() as f64;
    let mean = moved.iter().sum::<f64>() / count;
    let squares: f64 = moved.iter().map(|value| (value - mean).powi(2)).sum();
    1.96 * (squares * (count - 1.0) / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use workload::Uniform;

    fn trial(rate: f64, figure_ns: Option<f64>) -> Trial {
        Trial { rate, outcome: figure_ns.map_or(Outcome::Unsteady, Outcome::Steady) }
    }

    /// A server without chance whose figure is 1/(μ − λ).
    fn search(capacity: f64, most: f64) -> (Search, Next) {
        const BOUND_NS: f64 = 5e6;
        let limit = capacity + 1e9 / BOUND_NS;
        let mut search = Search::new(BOUND_NS, 100.0, 1.0, most);
        loop {
            match search.next() {
                Next::Try(rate) => {
                    search.add(trial(rate, (rate < limit).then(|| 1e9 / (limit - rate))));
                }
                end => return (search, end),
            }
        }
    }

    #[test]
    fn the_capacity_of_an_exact_server_is_found() {
        for capacity in [7.0, 350.0, 12_345.0, 900_000.0] {
            let (search, Next::Found(found)) = search(capacity, 1e7) else { panic!("{capacity}") };
            assert!(
                (found.rate / capacity - 1.0).abs() < 0.02,
                "{capacity}: {found:?} {:#?}",
                search
                    .trials()
                    .iter()
                    .map(|t| format!("{} {:?}", t.rate, t.outcome))
                    .collect::<Vec<_>>()
            );
            assert!(search.trials().len() < 45, "{} trials", search.trials().len());
        }
    }

    #[test]
    fn disturbed_trials_do_not_hide_the_capacity() {
        const CAPACITY: f64 = 12_345.0;
        // A stall makes a trial unsteady, or its figure great; it may last for two of them.
        for (figure_ns, lasts) in [(None, 1), (Some(40e6), 1), (Some(40e6), 2)] {
            for disturbed in 0..16 {
                let mut search = Search::new(5e6, 100.0, 1.0, 1e7);
                let found = loop {
                    match search.next() {
                        Next::Try(rate) => {
                            let is_disturbed =
                                (disturbed..disturbed + lasts).contains(&search.trials().len());
                            let own_ns =
                                (rate < CAPACITY + 200.0).then(|| 1e9 / (CAPACITY + 200.0 - rate));
                            search.add(trial(rate, if is_disturbed { figure_ns } else { own_ns }));
                        }
                        Next::Found(found) => break found,
                        end => panic!("{end:?}"),
                    }
                };
                let about = format!("{lasts} of {figure_ns:?} at {disturbed}: {found:?}");
                assert!((found.rate / CAPACITY - 1.0).abs() < 0.02, "{about}");
                assert!(search.trials().len() < 45, "{} trials, {about}", search.trials().len());
            }
        }
    }

    #[test]
    fn the_search_ends_near_the_capacity_on_a_machine_that_stalls_one_trial_in_ten() {
        const CAPACITY: f64 = 660.0;
        const LIMIT: f64 = CAPACITY + 200.0;
        let off = |seed: u64| {
            let mut random = Uniform::of_arrivals(seed);
            let mut search = Search::new(5e6, 300.0, 125.0, 1e6);
            loop {
                match search.next() {
                    Next::Try(rate) => {
                        let noise = 0.85 + 0.3 * random.draw();
                        let stall = if random.draw() < 0.1 { 20.0 } else { 1.0 };
                        let steady = (rate < LIMIT).then(|| 1e9 / (LIMIT - rate));
                        search.add(trial(rate, steady.map(|ns| ns * noise * stall)));
                    }
                    Next::Found(found) => break (found.rate / CAPACITY - 1.0).abs(),
                    end => panic!("{seed}: {end:?}"),
                }
                assert!(search.trials().len() < 60, "{seed}: {search:?}");
            }
        };
        let mut off: Vec<f64> = (0..400).map(off).collect();
        off.sort_by(f64::total_cmp);

        assert!(off[380] < 0.05, "19 of 20 within {}", off[380]);
        assert!(off[399] < 0.25, "all within {}", off[399]);
    }

    #[test]
    fn a_capacity_at_a_collapse_has_an_interval() {
        const COLLAPSE: f64 = 660.0;
        // The line through what is steady would reach the bound far above.
        let figure = |rate: f64| (rate < COLLAPSE).then(|| 1e9 / (3.0 * COLLAPSE - rate));
        let mut search = Search::new(5e6, 300.0, 10.0, 1e6);
        let found = loop {
            match search.next() {
                Next::Try(rate) => search.add(trial(rate, figure(rate))),
                Next::Found(found) => break found,
                end => panic!("{end:?}"),
            }
        };
        assert!(found.low < COLLAPSE && COLLAPSE <= found.high, "{found:?}");
        assert!((found.rate / COLLAPSE - 1.0).abs() < 0.3, "{found:?}");
    }

    #[test]
    fn a_search_ends_on_a_machine_that_does_anything_at_all() {
        let ends = |seed: u64| {
            let mut random = Uniform::of_arrivals(seed);
            let mut search = Search::new(5e6, 25.0, 10.0, 1e6);
            let mut tried = 0;
            while let Next::Try(rate) = search.next() {
                let outcome = match (random.draw() * 4.0) as u32 {
                    0 => Outcome::Steady(1e6),
                    1 => Outcome::Steady(9e6),
                    2 => Outcome::Unsteady,
                    _ => Outcome::NotSent,
                };
                search.add(Trial { rate, outcome });
                tried += 1;
                assert!(tried <= MOST_TRIALS + 1, "{seed}: {search:?}");
            }
        };
        (0..2_000).for_each(ends);
    }

    #[test]
    fn one_trial_that_keeps_the_bound_by_luck_does_not_stop_the_search() {
        // 65/s are right, and a trial at 100/s kept the bound once.
        let mut search = Search::new(5e6, 25.0, 1.0, 1e6);
        let found = loop {
            match search.next() {
                Next::Try(rate) => {
                    let by_luck = rate == 100.0 && search.trials().len() == 2;
                    let figure_ns = if rate < 65.0 || by_luck { 1e6 } else { 9e6 };
                    search.add(trial(rate, Some(figure_ns)));
                }
                Next::Found(found) => break found,
                end => panic!("{end:?}"),
            }
        };
        assert!((found.rate / 65.0 - 1.0).abs() < 0.2, "{found:?}");
        assert!(search.trials().len() < 45, "{} trials", search.trials().len());
    }

    #[test]
    fn what_was_sent_and_missed_is_no_limit_of_the_generator() {
        let mut search = Search::new(5e6, 50.0, 1.0, 1e6);
        let end = loop {
            match search.next() {
                Next::Try(rate) => {
                    let once = (103.0..110.0).contains(&rate) && search.trials().len() < 12;
                    let outcome = match rate {
                        _ if once => Outcome::NotSent,
                        ..100.0 => Outcome::Steady(1e6),
                        _ => Outcome::Steady(9e6),
                    };
                    search.add(Trial { rate, outcome });
                }
                end => break end,
            }
        };
        let Next::Found(found) = end else { panic!("{end:?}") };
        assert!((found.rate / 100.0 - 1.0).abs() < 0.2, "{found:?}");
    }

    #[test]
    fn a_cliff_is_found_on_a_machine_that_stalls_for_two_trials_now_and_then() {
        // As a server that shares its core with the generator: quick until it falls.
        const CLIFF: f64 = 190_000.0;
        let found = |seed: u64| {
            let mut random = Uniform::of_arrivals(seed);
            let mut search = Search::new(20e6, 50_000.0, 700.0, 1e6);
            let mut stalled = 0;
            loop {
                match search.next() {
                    Next::Try(rate) => {
                        stalled = if random.draw() < 0.05 { 2 } else { stalled - 1 };
                        let limit = CLIFF * (0.98 + 0.04 * random.draw());
                        let stands = rate < limit && stalled <= 0;
                        let figure_ns = 1e5 * (0.9 + 0.2 * random.draw());
                        search.add(trial(rate, stands.then_some(figure_ns)));
                    }
                    Next::Found(found) => break found,
                    end => panic!("{seed}: {end:?}"),
                }
                assert!(search.trials().len() < 60, "{seed}: {search:?}");
            }
        };
        let all: Vec<Capacity> = (0..400).map(found).collect();
        let mut off: Vec<f64> = all.iter().map(|it| (it.rate / CLIFF - 1.0).abs()).collect();
        off.sort_by(f64::total_cmp);
        let covered = all.iter().filter(|it| it.low <= CLIFF && CLIFF <= it.high).count();

        assert!(off[380] < 0.05, "19 of 20 within {}", off[380]);
        assert!(off[399] < 0.25, "all within {}", off[399]);
        assert!(covered >= 360, "{covered} of 400 intervals hold it");
    }

    #[test]
    fn the_line_is_not_moved_by_a_few_disturbed_points() {
        let mut points: Vec<(f64, f64)> =
            (0..14).map(|index| f64::from(90 + index)).map(|x| (x, 500.0 - 3.0 * x)).collect();
        for index in [1, 6, 12] {
            points[index].1 /= 4.0;
        }
        let crossing = line_through(&points).and_then(|line| line.crossing(200.0));
        assert!((crossing.expect("a falling line") - 100.0).abs() < 0.5, "{crossing:?}");
        assert!(line_through(&points[..1]).is_none());
        assert!(line_through(&[(1.0, 2.0), (1.0, 3.0)]).is_none());
    }

    #[test]
    fn no_capacity_is_told_as_such() {
        assert!(matches!(search(1e9, 1e4).1, Next::AboveAll(_)));
        let mut search = Search::new(1e6, 100.0, 3.0, 1e6);
        let end = loop {
            match search.next() {
                Next::Try(rate) => search.add(trial(rate, None)),
                end => break end,
            }
        };
        assert!(matches!(end, Next::BelowAll(_)));
    }

    #[test]
    fn what_the_generator_cannot_send_is_no_capacity_of_the_server() {
        const CEILING: f64 = 30_000.0;
        // The server's limit, below and above what can be sent.
        for (limit, first, least) in
            [(20_000.0, 100.0, 1.0), (1e9, 100.0, 1.0), (1e9, 1e6, 1.0), (1e9, 1e6, 4e4)]
        {
            let mut search = Search::new(5e6, first, least, 1e7);
            let end = loop {
                match search.next() {
                    Next::Try(rate) if rate > CEILING => {
                        search.add(Trial { rate, outcome: Outcome::NotSent });
                    }
                    Next::Try(rate) => {
                        search.add(trial(rate, (rate < limit).then(|| 1e9 / (limit - rate))));
                    }
                    end => break end,
                }
            };
            match end {
                Next::Found(found) => assert!((found.rate / 19_800.0 - 1.0).abs() < 0.02),
                Next::AboveAll(rate) => {
                    assert!((CEILING / 1.3..=CEILING).contains(&rate), "{rate}")
                }
                Next::NotSent(rate) => assert!(least > CEILING && rate == least, "{rate}"),
                other => panic!("{other:?}"),
            }
            assert_eq!(limit < CEILING, matches!(end, Next::Found(_)), "{end:?}");
            assert!(search.trials().len() < 45, "{} trials", search.trials().len());
        }
    }
}
