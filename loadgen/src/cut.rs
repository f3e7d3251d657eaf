//! Finds the rate at which a server fails, from trials of which some are wrong: the cut through
//! their rates that has the fewest trials on its wrong side. A server that failed in a trial fell
//! there, otherwise it stood. Pure.

use std::ops::RangeInclusive;

/// All cuts through a set of trials, and how many trials each has on its wrong side.
#[derive(Clone, Debug)]
pub(crate) struct Cuts {
    /// Rates in ascending order, and whether the server fell there.
    trials: Vec<(f64, bool)>,
    /// How many trials each cut has on its wrong side: those below it that fell, plus those above
    /// it that stood. Element `i` is for the cut before trial `i`, the last for the cut after all
    /// of them.
    wrong: Vec<usize>,
}

impl Cuts {
    /// The cuts through trials, each a rate and whether the server fell there.
    pub(crate) fn through(trials: impl Iterator<Item = (f64, bool)>) -> Self {
        let mut trials: Vec<(f64, bool)> = trials.collect();
        trials.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut wrong = vec![trials.iter().filter(|(_, fell)| !fell).count()];
        for (_, fell) in &trials {
            let before = wrong[wrong.len() - 1];
            wrong.push(if *fell { before + 1 } else { before - 1 });
        }
        Self { trials, wrong }
    }

    /// How many trials are on the wrong side of the best cut.
    fn fewest(&self) -> usize {
        self.wrong.iter().copied().min().unwrap_or(0)
    }

    /// The first and the last of the cuts that have at most `most` trials on their wrong side.
    fn with_at_most(&self, most: usize) -> RangeInclusive<usize> {
        let few = |count: &usize| *count <= most;
        let first = self.wrong.iter().position(few).unwrap_or(0);
        first..=self.wrong.iter().rposition(few).unwrap_or(first)
    }

    /// The greatest rate below the best cut at which the server stood.
    pub(crate) fn stood(&self) -> Option<f64> {
        let below = &self.trials[..*self.with_at_most(self.fewest()).end()];
        below.iter().rev().find(|(_, fell)| !fell).map(|(rate, _)| *rate)
    }

    /// The least rate above the best cut at which it fell.
    pub(crate) fn fell(&self) -> Option<f64> {
        let above = &self.trials[*self.with_at_most(self.fewest()).start()..];
        above.iter().find(|(_, fell)| *fell).map(|(rate, _)| *rate)
    }

    /// How many more trials would be wrong if the server never fell.
    pub(crate) fn evidence(&self) -> usize {
        self.wrong[self.trials.len()] - self.fewest()
    }

    /// The rates just below and just above the cuts that have at most `more` wrong trials beyond
    /// the fewest. `None` without a trial, or if the server may stand at every rate.
    pub(crate) fn between(&self, more: usize) -> Option<(f64, f64)> {
        let cuts = self.with_at_most(self.fewest() + more);
        let (last, _) = self.trials.last()?;
        let above = self.trials.get(*cuts.end()).map_or(*last, |(rate, _)| *rate);
        let (below, _) = self.trials[cuts.start().saturating_sub(1)];
        (self.evidence() > 0).then_some((below, above))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(stood: &[f64], fell: &[f64]) -> Cuts {
        let told = |rates: &[f64], fell| rates.iter().map(|rate| (*rate, fell)).collect::<Vec<_>>();
        Cuts::through(told(stood, false).into_iter().chain(told(fell, true)))
    }

    #[test]
    fn a_clean_cut_lies_between_what_stood_and_what_fell() {
        let cuts = cuts(&[1.0, 2.0, 3.0], &[5.0, 6.0]);
        assert_eq!((cuts.stood(), cuts.fell()), (Some(3.0), Some(5.0)));
        assert_eq!((cuts.between(0), cuts.evidence()), (Some((3.0, 5.0)), 2));
        // One more wrong: up to the next on either side.
        assert_eq!(cuts.between(1), Some((2.0, 6.0)));
    }

    #[test]
    fn a_few_that_fell_too_early_do_not_move_it() {
        let cuts = cuts(&[1.0, 2.0, 3.0, 3.2, 3.3], &[0.5, 2.5, 5.0, 6.0]);
        assert_eq!((cuts.stood(), cuts.fell()), (Some(3.3), Some(5.0)));
    }

    #[test]
    fn where_two_cuts_are_as_good_both_ends_are_told() {
        // 2 fell and 2.1 stood: the cut is below, between, or above them.
        let cuts = cuts(&[1.0, 2.1], &[2.0, 3.0]);
        assert_eq!((cuts.stood(), cuts.fell()), (Some(2.1), Some(2.0)));
        assert_eq!(cuts.between(0), Some((1.0, 3.0)));
    }

    #[test]
    fn one_sided_trials_have_one_end() {
        assert_eq!((cuts(&[1.0], &[]).stood(), cuts(&[1.0], &[]).fell()), (Some(1.0), None));
        assert_eq!((cuts(&[], &[1.0]).stood(), cuts(&[], &[1.0]).fell()), (None, Some(1.0)));
        assert_eq!(cuts(&[1.0], &[]).between(0), None);
        assert_eq!(cuts(&[], &[]).between(0), None);
        assert_eq!(cuts(&[], &[]).evidence(), 0);
    }
}
