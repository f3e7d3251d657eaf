//! How much two identical cells differ: the floor below which a difference means nothing.
//!
//! Identical runs differ more the shorter they are. The floor of a cell is therefore the difference
//! of its own twins if it was run twice, and otherwise the typical one of its transport.

use protocol::Transport;

use crate::bootstrap::{Estimate, estimate, median};
use crate::curve::log_ratio;
use crate::experiment::Experiment;

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
    configured_x: f64,
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

    /// How far two medians must be apart at this point to be called different, as the logarithm of
    /// a ratio.
    #[must_use]
    pub fn floor(&self, experiment: &str, transport: Transport, configured_x: f64) -> f64 {
        let here = self.cells.iter().find(|cell| {
            cell.experiment == experiment
                && cell.transport == transport
                && cell.configured_x == configured_x
        });
        match here {
            Some(cell) => cell.log_ratio.value.abs(),
            None => self.typical(|cell| cell.transport == transport),
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
        .flat_map(|subject| experiment.xs().into_iter().map(move |x| (subject, x)));
    cells
        .filter_map(|(subject, x)| {
            let first = experiment.cell(subject, x, false);
            let second = experiment.cell(subject, x, true);
            let ratios: Vec<f64> = experiment
                .pairs(&first, &second)
                .iter()
                .filter_map(|(one, two)| log_ratio(one, two))
                .collect();
            Some(Twins {
                experiment: experiment.name.to_owned(),
                transport: subject.transport,
                configured_x: x,
                log_ratio: estimate(&ratios)?,
            })
        })
        .collect()
}
