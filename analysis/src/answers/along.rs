//! A subject along the axis, and where something happens to its values, with the interval of that
//! place from resampled runs.

use results::Subject;

use crate::bootstrap::{FEWEST_REPETITIONS, RESAMPLES, Resampler, interval};
use crate::curve::achieved_x;
use crate::experiment::{Experiment, Run};
use crate::sample::Sample;

/// The cells of a subject in the order of the axis: the place of each, its runs, and their number.
pub(super) struct Along(Vec<(f64, Sample, usize)>);

/// A place on the axis.
pub(super) struct Place {
    /// Where it is; `None` if the values of all runs together have no such place.
    pub(super) value: Option<f64>,
    /// Its 95 % interval; `None` if there are too few runs, or fewer than 95 % of the resamples have
    /// such a place.
    pub(super) ends: Option<(f64, f64)>,
}

impl Along {
    /// The cells that have a sample.
    pub(super) fn of(
        experiment: &Experiment<'_>,
        subject: &Subject,
        sample: impl Fn(&[Run<'_>]) -> Option<Sample>,
    ) -> Self {
        let cell = |x: f64| {
            let runs = experiment.cell(subject, x, false);
            Some((achieved_x(experiment, subject, x)?, sample(&runs)?, runs.len()))
        };
        Self(experiment.xs().into_iter().filter_map(cell).collect())
    }

    /// The last place that was measured; `None` without a cell.
    pub(super) fn last(&self) -> Option<f64> {
        self.0.last().map(|(x, ..)| *x)
    }

    /// The value of all runs at each place.
    pub(super) fn points(&self) -> Vec<(f64, f64)> {
        self.curve(|runs| vec![1; runs])
    }

    fn curve(&self, mut weights: impl FnMut(usize) -> Vec<u32>) -> Vec<(f64, f64)> {
        let cells = self.0.iter();
        cells.filter_map(|(x, sample, runs)| Some((*x, sample.value(&weights(*runs))?))).collect()
    }

    /// The place that `find` finds, with its interval on the logarithmic axis.
    pub(super) fn place(&self, salt: u64, find: impl Fn(&[(f64, f64)]) -> Option<f64>) -> Place {
        let value = find(&self.points());
        let fewest = self.0.iter().map(|(.., runs)| *runs).min().unwrap_or(0);
        let mut resampler = Resampler::salted(salt);
        let drawn: Vec<f64> = (0..RESAMPLES)
            .filter_map(|_| find(&self.curve(|runs| resampler.draw(runs))))
            .map(f64::ln)
            .collect();
        let is_known = fewest >= FEWEST_REPETITIONS && drawn.len() >= RESAMPLES * 95 / 100;
        let ends = value.filter(|_| is_known).and_then(|at| interval(at.ln(), &drawn, fewest));
        Place { value, ends: ends.map(|(low, high)| (low.exp(), high.exp())) }
    }
}
