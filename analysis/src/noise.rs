//! How much two identical cells differ: the floor below which a difference means nothing.
//!
//! Identical runs differ more the shorter they are. The floor of a cell is therefore what its own
//! twins and those at the two points beside it differ by, as the median of the three: twins that
//! met a stall would otherwise hide any difference. Where a point has no twins, the floor is the
//! typical one of its transport.

use std::collections::BTreeMap;

use protocol::Transport;
use results::Parameter;

use crate::bootstrap::{Estimate, interval, median};
use crate::experiment::Experiment;
use crate::metric::Metric;
use crate::pairs::resampled;

/// The comparison of designs with themselves (A/A).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Noise {
    /// The cells that were run twice.
    pub cells: Vec<Twins>,
}

/// One cell that was run twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Twins {
    experiment: String,
    transport: Transport,
    point: BTreeMap<Parameter, f64>,
    /// Logarithm of the ratio of the two mean response times.
    pub log_ratio: Estimate,
}

impl Twins {
    /// Whether the interval contains "no difference", as it should.
    #[must_use]
    pub fn are_alike(&self) -> bool {
        self.log_ratio.low <= 0.0 && 0.0 <= self.log_ratio.high
    }
}

impl Noise {
    /// Compares all twins of these experiments.
    #[must_use]
    pub fn of(experiments: &[Experiment<'_>]) -> Self {
        Self { cells: experiments.iter().flat_map(twins).collect() }
    }

    /// How far two values must be apart at this point to be called different, as the logarithm of
    /// a ratio.
    #[must_use]
    pub fn floor(
        &self,
        experiment: &str,
        transport: Transport,
        point: &BTreeMap<Parameter, f64>,
    ) -> f64 {
        // The twins of an experiment and transport, in the order of their points.
        let row: Vec<&Twins> = self
            .cells
            .iter()
            .filter(|cell| cell.experiment == experiment && cell.transport == transport)
            .collect();
        let Some(here) = row.iter().position(|cell| cell.point == *point) else {
            return self.typical(|cell| cell.transport == transport);
        };
        let near = here.saturating_sub(1)..row.len().min(here + 2);
        let sizes: Vec<f64> = row[near].iter().map(|cell| cell.log_ratio.value.abs()).collect();
        // Of two, the smaller: one of them may have met a stall.
        match sizes.len() {
            2 => sizes[0].min(sizes[1]),
            _ => median(&sizes).unwrap_or(0.0),
        }
    }

    /// The median difference between twins, as the logarithm of a ratio; 0 without twins.
    #[must_use]
    pub fn typical(&self, among: impl Fn(&Twins) -> bool) -> f64 {
        let sizes: Vec<f64> = self
            .cells
            .iter()
            .filter(|cell| among(cell))
            .map(|cell| cell.log_ratio.value.abs())
            .collect();
        median(&sizes).unwrap_or(0.0)
    }

    /// The largest difference between twins, as the logarithm of a ratio.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.cells.iter().map(|cell| cell.log_ratio.value.abs()).fold(0.0, f64::max)
    }
}

fn twins(experiment: &Experiment<'_>) -> Vec<Twins> {
    let cells = experiment
        .subjects()
        .into_iter()
        .flat_map(|subject| experiment.points().iter().map(move |point| (subject, point)));
    cells
        .filter_map(|(subject, point)| {
            let first = experiment.cell_at(subject, point, false);
            let second = experiment.cell_at(subject, point, true);
            let pairs = experiment.pairs(&first, &second);
            let (value, drawn) = resampled(&pairs, Metric::Mean, 1)?;
            let (low, high) = interval(value, &drawn, pairs.len())?;
            Some(Twins {
                experiment: experiment.name.to_owned(),
                transport: subject.transport,
                point: point.clone(),
                log_ratio: Estimate { value, low, high },
            })
        })
        .collect()
}
