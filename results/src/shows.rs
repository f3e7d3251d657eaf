//! The kinds of question that an experiment can ask.

use serde::{Deserialize, Serialize};

/// What a report may draw from an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// Response time against processing, and where two designs cross.
    Crossover,
    /// Response time against offered load, and the knee.
    Load,
    /// The whole distribution of each design at one load.
    Percentiles,
    /// The short requests among rare long ones.
    ShortAmongLong,
    /// Processor time per request.
    Cost,
    /// All subjects at each point, the best first.
    Ranking,
    /// The best subject over two axes.
    Map,
    /// The greatest load at which each subject meets a bound.
    Capacity,
}

impl Shows {
    /// All kinds, in the order in which their figures stand in a report.
    pub const ALL: [Self; 8] = [
        Self::Crossover,
        Self::Load,
        Self::Percentiles,
        Self::ShortAmongLong,
        Self::Cost,
        Self::Ranking,
        Self::Map,
        Self::Capacity,
    ];

    /// What follows the experiment's name in the names of its figures; a kind may have several.
    #[must_use]
    pub fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Crossover | Self::ShortAmongLong => &[""],
            Self::Load => &["-p50", "-p99", "-residual"],
            Self::Percentiles => &["-percentiles"],
            Self::Cost => &["-cost"],
            Self::Ranking => &["-ranking"],
            Self::Map => &["-map"],
            Self::Capacity => &["-capacity"],
        }
    }
}
