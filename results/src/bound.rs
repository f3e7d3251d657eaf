//! The bound of a capacity.

use serde::{Deserialize, Serialize};

/// A statistic of the response times that must stay below a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Bound {
    /// The percentile as a quantile (0 to 1; 1 is the longest time); `None` is the mean.
    pub quantile: Option<f64>,
    /// The time in nanoseconds.
    pub below_ns: u64,
}
