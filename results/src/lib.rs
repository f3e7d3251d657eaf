//! The only file format: what one run measured, as one versioned JSON line.
//!
//! Every page and picture can be drawn again from these lines, and nothing else that the program
//! writes is ever read by it again. Distributions are kept whole ([`Spectrum`]), so records of
//! several generators can be merged later without loss. Pure but for [`Journal`], which appends.

mod counts;
mod doubt;
mod failure;
mod interval;
mod journal;
mod machine;
mod parts;
mod record;
mod series;
mod spectrum;

pub use counts::Counts;
pub use doubt::{Doubt, Lack, Unmet};
pub use failure::Failure;
pub use interval::{lower_limit, percentile_interval};
pub use journal::{Journal, JournalError, Reading, read_records};
pub use machine::{Machine, Placement};
pub use parts::{PartSums, Parts};
pub use record::{
    Axis, Cell, FORMAT, GeneratorCost, Load, Measurement, Outcome, Record, ServerCost, Shows,
    without_mended_failures,
};
pub use series::{Series, Stalled, Step};
pub use spectrum::{Percentile, Spectrum, Summary};
