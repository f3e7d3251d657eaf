//! The keys of claims in a scenario file, as they are written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::given::Placed;

/// `[[claim]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimTable {
    pub(super) id: Spanned<String>,
    pub(super) claim: String,
    #[serde(default)]
    pub(super) source: String,
    pub(super) confirmed: Spanned<String>,
    pub(super) corrected: Spanned<String>,
    #[serde(default)]
    pub(super) why: Option<Spanned<String>>,
    #[serde(default = "one_core")]
    pub(super) cores: usize,
    #[serde(default)]
    pub(super) needs: Vec<String>,

    #[serde(default, rename = "check")]
    pub(super) checks: Vec<Spanned<CheckTable>>,
}

fn one_core() -> usize {
    1
}

/// `[[claim.check]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckTable {
    pub(super) name: String,
    pub(super) says: String,
    pub(super) experiment: Spanned<String>,
    pub(super) metric: Placed,
    #[serde(default)]
    pub(super) figure: Option<Spanned<String>>,
    pub(super) of: Placed,
    #[serde(default)]
    pub(super) to: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) less: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) to_experiment: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) at: BTreeMap<String, Placed>,
    #[serde(default)]
    pub(super) to_at: Option<BTreeMap<String, Placed>>,
    #[serde(default)]
    pub(super) at_least: Option<Placed>,
    #[serde(default)]
    pub(super) at_most: Option<Placed>,
    #[serde(default)]
    pub(super) theory: Option<Placed>,
    #[serde(default = "yes")]
    pub(super) drawn: bool,
}

fn yes() -> bool {
    true
}

impl CheckTable {
    /// The experiments that it reads.
    pub(super) fn experiments(&self) -> impl Iterator<Item = &Spanned<String>> {
        [Some(&self.experiment), self.to_experiment.as_ref()].into_iter().flatten()
    }

    /// Whether it reads a percentile of this experiment that needs many requests.
    pub(super) fn prints_tails_of(&self, experiment: &str) -> bool {
        let is_tail = self.metric.get_ref().texts().iter().any(|metric| metric.ends_with("p99"));
        is_tail && self.experiments().any(|named| named.get_ref() == experiment)
    }
}
