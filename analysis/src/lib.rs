//! Evaluates records: curves with intervals, knees, crossovers, and a verdict in words. The crate
//! is pure.
//!
//! The unit is the run, not the request. A cell's value is that of all its runs together, its
//! interval comes from drawing runs, and two subjects are compared in pairs of runs with the same
//! plan.

pub mod answers;
mod axis;
pub mod bootstrap;
pub mod changes;

pub mod claims;
pub mod comparison;
pub mod curve;
pub mod decisions;
pub mod experiment;
mod experiment_findings;
pub mod load_figures;

pub mod figure;
pub mod findings;
pub mod metric;
mod modelled;

pub mod noise;
mod pairs;
mod question;
mod sample;
pub mod text;
pub mod verdict;

pub use answers::{ANSWERS_FORMAT, Answers};
pub use bootstrap::Estimate;
pub use comparison::{Comparison, Crossover, PairedDifference, Standing, Undecided};
pub use curve::{Curve, Point, percentile_curves};
pub use decisions::Decisions;
pub use experiment::{Experiment, Run, experiments};
pub use experiment_findings::ExperimentFindings;
pub use findings::Findings;
pub use metric::{Metric, MetricUnit};
pub use modelled::{Modelled, Models};
pub use noise::Noise;
pub use verdict::{Finding, Verdict};
