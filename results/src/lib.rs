//! The only file format: what one run measured, as one versioned JSON line.
//!
//! Every page and figure can be drawn again from these lines, and the program never reads anything
//! else that it writes. Distributions are kept whole ([`TimeHistogram`]), so records of several
//! generators can be merged later without loss. Pure except for [`Journal`], which appends, and
//! [`OutputFile`], through which everything else is written.

mod bound;
mod breakdown;
mod cause;
mod cell;
mod counts;
mod doubt;
mod events;
mod failure;
mod format_1;
mod gaps;
mod interval;
mod journal;
mod machine;
mod measurement;
mod notes;
mod output_file;
mod packed;
mod parameter;
mod record;
mod replies;
mod series;
mod settled;
mod setup;
mod shows;
mod subject;
mod time_histogram;
mod times;
mod wins;

pub use bound::Bound;
pub use breakdown::{Breakdown, Components};
pub use cause::{ShownFigure, UnansweredCause, UnsentCause};
pub use cell::{Cell, point};
pub use counts::Counts;
pub use doubt::Doubt;
pub use events::{Events, Injected};
pub use failure::Failure;
pub use gaps::Gaps;
pub use interval::{lower_limit, needed, percentile_interval, supports};
pub use journal::{Journal, JournalError, LineError, Reading, parse_record, read_records};
pub use machine::{Machine, Placement};
pub use measurement::{GeneratorCost, InUse, Measurement, ServerCost};
pub use notes::Notes;
pub use output_file::{OutputFile, is_same_file, write_file};
pub use parameter::{PARAMETERS, Parameter, ParameterRow, ParameterScale, ParameterUnit};
pub use record::{FORMAT, Host, Outcome, Program, Record, TestbedKind};
pub use replies::{StatusTimes, Unreadable};
pub use series::{Series, Slice, Stalled};
pub use settled::{Place, RunKey, Settled, bits};
pub use setup::{Load, ServerSetup, Setup};
pub use shows::Shows;
pub use subject::{Allocation, Concurrency, Subject, WorkUnit};
pub use time_histogram::{Percentile, Summary, TimeHistogram};
pub use times::Times;
pub use wins::Wins;
