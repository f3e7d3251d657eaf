//! Searches for the capacity: the greatest rate at which response times meet a bound.
//!
//! This module chooses the rate of each trial and draws the conclusion from all trials. It is pure:
//! the caller makes the trials.
//!
//! First the rate is doubled or halved until one trial meets the bound and another does not; these
//! two rates are the bracket. A trial without a steady state may be due to a stall of the machine.
//! It is repeated at once, and if the repeat has no steady state either, the two count as one. A
//! trial that does not meet the bound may be due to a stall, too, so the upper end of the bracket
//! is tried again before it is believed. Where trials contradict each other, they are split at the
//! rate that leaves the fewest of them on the wrong side, and those are taken to be wrong. If the
//! generator could not send at a rate, that trial shows nothing about the server: no higher rate is
//! tried, and a capacity above it is not found.
//!
//! All further trials are made within the bracket, and each shows how far the statistic is from the
//! bound. Near its capacity a queue's response time grows like 1/(μ − λ), so that its inverse is
//! nearly a straight line in the rate. The line through the trials reaches the bound's inverse at
//! the capacity (Kleinrock 1975, section 3.2, for M/M/1, where the line is exact).

use std::ops::RangeInclusive;
use std::ptr;

use results::{Doubt, Measurement};

use crate::cut::Cuts;
use crate::expectation::Statistic;

/// Trials within a factor [`NARROW`] of the bracket that are needed for an answer.
const TRIALS: usize = 15;

/// A bracket is narrow if its ends differ by at most this factor; it is then no longer halved.
/// Trials outside it by at most this factor count towards the estimate as well.
const NARROW: f64 = 1.3;

/// The most trials of a search; one needs 20 to 45.
const MOST_TRIALS: usize = 100;

/// The bracket is believed once the trials above it that do not meet the bound outnumber those that
/// do by at least this many.
const EVIDENCE: usize = 3;

/// A trial that does not meet the bound is ignored if a rate higher by more than this factor meets
/// it. At closer rates either result may be chance.
const OVERRULED: f64 = 1.1;

/// Rates of trials as fractions of the present estimate, used in turn. They lie on both sides of
/// it, because points that lie apart determine a line best.
const AROUND: [f64; 3] = [0.9, 0.97, 1.03];

/// The same at a cliff, which is determined best by points close to it.
const AT_A_CLIFF: [f64; 3] = [1.0, 0.97, 1.03];

/// One trial and its result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Requests a second that were to be sent.
    pub rate: f64,
    /// The result.
    pub outcome: Outcome,
}

/// The result of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// A steady state, with the value of the statistic in nanoseconds.
    Steady(f64),
    /// No steady state: requests were lost or unanswered, or the backlog grew.
    Unsteady,
    /// The generator could not send at this rate, and the server answered all that were sent.
    NotSent,
}

impl Outcome {
    /// The result of a run, for one statistic.
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
    /// The value of the statistic in nanoseconds; `None` without a steady state.
    #[must_use]
    pub fn figure_ns(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Steady(figure_ns) => Some(figure_ns),
            Outcome::Unsteady | Outcome::NotSent => None,
        }
    }
}

/// The next step of a search.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Try this rate.
    Try(f64),
    /// The search is over, with this capacity.
    Found(Capacity),
    /// There is no capacity: not even the least rate meets the bound. The rate that did not.
    BelowAll(f64),
    /// Even the greatest rate that can be sent, this one, meets the bound.
    AboveAll(f64),
    /// Nothing is known: not even the least rate can be sent. The rate that could not.
    NotSent(f64),
}

/// The greatest rate that meets the bound, with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    /// Requests a second.
    pub rate: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// A search in progress.
#[derive(Clone, Debug)]
pub struct Search {
    bound_ns: f64,
    first: f64,
    least: f64,
    most: f64,
    trials: Vec<Trial>,
}

impl Search {
    /// Starts a search for the rate at which the statistic reaches `bound_ns`. The search begins at
    /// the rate `first`. It stays between `least`, at which a trial still has enough requests, and
    /// `most`, the most that can be sent.
    #[must_use]
    pub fn new(bound_ns: f64, first: f64, least: f64, most: f64) -> Self {
        let first = first.max(least).min(most);
        Self { bound_ns, first, least, most, trials: Vec::new() }
    }

    /// All trials so far, in order.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Adds a trial.
    pub fn add(&mut self, trial: Trial) {
        self.trials.push(trial);
    }

    /// Whether a trial met the bound.
    #[must_use]
    pub fn keeps(&self, trial: &Trial) -> bool {
        trial.figure_ns().is_some_and(|figure_ns| figure_ns < self.bound_ns)
    }

    /// Whether the server did not meet the bound in a trial.
    fn misses(&self, trial: &Trial) -> bool {
        !self.keeps(trial) && trial.outcome != Outcome::NotSent
    }

    /// The trials that count.
    ///
    /// * One that meets the bound: always.
    /// * One that does not meet it in a steady state: unless another trial at its rate meets it.
    /// * One without a steady state: only if it was repeated, and none at its rate meets the bound.
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

    /// Whether a trial was repeated at once, as the first one without a steady state at its rate
    /// is. One stall may have affected both, so they count as one.
    fn was_retried(&self, trial: &Trial) -> bool {
        let is_first = alike(&self.trials, trial).next().is_some_and(|it| ptr::eq(it, trial));
        let is_next = |two: &[Trial]| ptr::eq(&two[0], trial) && two[0].rate == two[1].rate;
        is_first && trial.figure_ns().is_none() && self.trials.windows(2).any(is_next)
    }

    /// The rates between which the capacity lies, by all trials.
    fn bracket(&self) -> Bracket {
        let rates = |is_such: &dyn Fn(&Trial) -> bool| -> Vec<f64> {
            self.counted().filter(|trial| is_such(trial)).map(|trial| trial.rate).collect()
        };
        let not_sent = rates(&|trial| trial.outcome == Outcome::NotSent);
        // A rate that was sent once can be sent.
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
        // The greatest rate that meets the bound by all trials overrules failures far below it.
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

    /// The next step.
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
            // By chance a higher rate may meet a bound that a lower one does not; both are then
            // close.
            (Some(kept), Some(missed)) => self.confirm(kept.min(missed), kept.max(missed)),
        }
    }

    /// The next step once the bracket is narrow: another trial around the present estimate, or,
    /// after [`TRIALS`] trials, the answer.
    fn confirm(&self, low: f64, high: f64) -> Next {
        let (least, most) = (low / NARROW, high * NARROW);
        let bears = |trial: &&Trial| (least..=most).contains(&trial.rate);
        let bearing = || self.trials.iter().filter(bears);
        // A trial without a steady state gives no point.
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
            // A trial and its immediate repeat take one turn together.
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
            // Without a line and without a cliff only the bracket is known.
            (None, None) => Capacity { rate: low, low, high },
        })
    }

    /// Finds the rate above which there is no steady state: midway between the trials next to the
    /// best cut. Its interval spans the cuts that have at most one more trial on their wrong side.
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

/// A rate above which the server has no steady state, reached before the statistic reaches the
/// bound.
#[derive(Clone, Copy, Debug)]
struct Cliff {
    capacity: Capacity,
    /// The least rate that is known to be above the cliff; the capacity lies below it.
    above: f64,
}

/// The rates between which the capacity lies.
struct Bracket {
    /// The greatest rate that met the bound.
    kept: Option<f64>,
    /// The least rate that did not meet it.
    missed: Option<f64>,
    /// Whether enough trials did not meet it. A few may have failed because of stalls of the
    /// machine that are over by the time the bracket is narrow.
    is_believed: bool,
    /// The least rate that could not be sent.
    not_sent: Option<f64>,
}

impl Bracket {
    /// The answer when the search must end: on a machine that changes all the time it finds nothing
    /// more precise.
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

/// The trials at the same rate as this one.
fn alike<'a>(trials: &'a [Trial], one: &Trial) -> impl Iterator<Item = &'a Trial> + Clone {
    let rate = one.rate;
    trials.iter().filter(move |trial| trial.rate == rate)
}

/// The line y = at + slope · x.
#[derive(Clone, Copy, Debug)]
struct Line {
    at: f64,
    slope: f64,
}

impl Line {
    /// The x at which a falling line reaches `y`; `None` for any other line.
    fn crossing(self, y: f64) -> Option<f64> {
        (self.slope < 0.0).then(|| (y - self.at) / self.slope)
    }
}

/// Fits a line that a few disturbed points do not move. Its slope is the median of the slopes
/// between all pairs of points, weighted by their distance in x (Jaeckel 1972). Its height is the
/// median of the pairwise means of the residuals (Hodges and Lehmann 1963).
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

/// The weighted median: half of the weight lies below the value and half above.
fn weighted_median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    values.iter().find_map(|(value, weight)| {
        below += weight;
        (below >= half).then_some(*value)
    })
}

/// Half the width of the 95 % interval of the crossing, by the jackknife (Efron 1982): from how far
/// the crossing moves when each trial is left out in turn.
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

    /// A deterministic server whose statistic is 1/(μ − λ).
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
        // A stall makes a trial unsteady, or its value large; it may last for two trials.
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
        // The capacity is 65/s, and a trial at 100/s met the bound once by chance.
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
        // Like a server that shares its core with the generator: quick until it collapses.
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
