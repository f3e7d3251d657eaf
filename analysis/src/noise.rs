//! How much two identical cells differ: the floor below which a difference means nothing.

use results::Axis;

use crate::bootstrap::{Estimate, estimate};
use crate::curve::Metric;
use crate::experiment::Experiment;

/// The comparison of a design with itself (A/A).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Cells that were run twice.
    pub cells: usize,
    /// Cells in which the twins could not be told apart.
    pub alike: usize,
    /// The largest difference of medians between twins, as a logarithm of the ratio.
    pub floor: f64,
}

/// Compares all twins of an experiment.
#[must_use]
pub fn noise(experiment: &Experiment<'_>) -> Noise {
    let mut noise = Noise::default();
    if experiment.axis == Axis::Rate {
        return noise; // beyond the knee, the smallest change of speed becomes a large one of time
    }
    for design in experiment.designs() {
        for x in experiment.xs() {
            let first = experiment.cell(design, x, false);
            let second = experiment.cell(design, x, true);
            let ratios: Vec<f64> = experiment
                .pairs(&first, &second)
                .iter()
                .filter_map(|(one, two)| {
                    Some((Metric::Mean.of(two)? / Metric::Mean.of(one)?).ln())
                })
                .collect();
            if let Some(Estimate { value, low, high }) = estimate(&ratios) {
                noise.cells += 1;
                noise.alike += usize::from(low <= 0.0 && 0.0 <= high);
                noise.floor = noise.floor.max(value.abs());
            }
        }
    }
    noise
}

impl Noise {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            cells: self.cells + other.cells,
            alike: self.alike + other.alike,
            floor: self.floor.max(other.floor),
        }
    }
}
