//! What has changed from one bench to another of the same scenario, or from one load to another.
//!
//! A change is called one only if it exceeds chance, what identical runs differ by, and [`LEAST`]; and as
//! many changes are looked at, each has to exceed chance by so much more that all of them together are
//! wrong in one comparison of a hundred (Bonferroni).

mod benches;
mod comparable;
mod loads;

use std::collections::BTreeMap;

use results::Parameter;

use crate::bootstrap::Estimate;
use crate::metric::Metric;

pub use benches::of_benches;
pub use comparable::{Difference, differences};
pub use loads::{SAVED_LOAD, of_loads, saved_load};

/// The least change that is called one, as a ratio: machines drift by some percent between two benches.
pub const LEAST: f64 = 1.05;

/// The share of comparisons of identical benches in which chance may be called a change.
const WRONG: f64 = 0.01;

/// One figure of one server, before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The experiment; empty for a load.
    pub experiment: String,
    /// The server.
    pub subject: String,
    /// The point of the experiment; `None` where all its points are taken together.
    pub point: Option<BTreeMap<Parameter, f64>>,
    /// What was measured.
    pub metric: Metric,
    /// Its values before and after, where there is one point.
    pub values: Option<(f64, f64)>,
    /// After over before, with its 95 % interval.
    pub ratio: Estimate,
    /// The interval of the ratio that decides.
    pub decides: (f64, f64),
    /// By which factor identical runs differ.
    pub floor: f64,
    /// What it says.
    pub kind: ChangeKind,
}

/// What a change says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// For certain worse.
    Worse,
    /// For certain better.
    Better,
    /// For certain no larger than the least change, or than what identical runs differ by.
    None,
    /// Not decided.
    Undecided,
}

impl ChangeKind {
    /// In words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::None => "no change",
            Self::Undecided => "undecided",
        }
    }
}

/// All that was compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Each server over all points of an experiment, or each figure of a load: these decide.
    pub whole: Vec<Change>,
    /// Each server at each point.
    pub cells: Vec<Change>,
    /// What only one of the two has, or what could not be compared.
    pub left_out: Vec<String>,
}

impl Changes {
    /// What is worse for certain.
    pub fn regressions(&self) -> impl Iterator<Item = &Change> {
        self.whole.iter().filter(|change| change.kind == ChangeKind::Worse)
    }
}

/// A log ratio with its intervals, before it is judged.
struct Measured {
    /// 95 %.
    log_ratio: Estimate,
    /// 99 %.
    decides: (f64, f64),
    /// The log of what identical runs differ by.
    floor: f64,
}

impl Measured {
    /// The change that it is, one of `family` that are looked at.
    fn judged(&self, family: usize, like: Change) -> Change {
        let Self { log_ratio: Estimate { value, low, high }, decides, floor } = self;
        let wider = normal(1.0 - WRONG / 2.0 / family.max(1) as f64) / normal(1.0 - 0.01 / 2.0);
        let end = |end: f64| value + wider * (end - value);
        let decides = (end(decides.0), end(decides.1));
        let tolerance = floor.max(LEAST.ln());
        let is_certain = (decides.0 > 0.0 || decides.1 < 0.0) && value.abs() > tolerance;
        let is_worse = (*value > 0.0) != like.metric.more_is_better();
        let kind = match () {
            () if -tolerance <= decides.0 && decides.1 <= tolerance => ChangeKind::None,
            () if is_certain && is_worse => ChangeKind::Worse,
            () if is_certain => ChangeKind::Better,
            () => ChangeKind::Undecided,
        };
        Change {
            ratio: Estimate { value: value.exp(), low: low.exp(), high: high.exp() },
            decides: (decides.0.exp(), decides.1.exp()),
            floor: floor.exp(),
            kind,
            ..like
        }
    }
}

/// A change of which nothing is known yet.
fn unknown(experiment: &str, subject: &str, metric: Metric) -> Change {
    Change {
        experiment: experiment.to_owned(),
        subject: subject.to_owned(),
        point: None,
        metric,
        values: None,
        ratio: Estimate { value: 1.0, low: 1.0, high: 1.0 },
        decides: (1.0, 1.0),
        floor: 1.0,
        kind: ChangeKind::Undecided,
    }
}

/// The quantile of the normal distribution above its middle, within 4.5·10⁻⁴ (Abramowitz and Stegun, 26.2.23).
fn normal(share: f64) -> f64 {
    let t = (-2.0 * (1.0 - share).ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_of_the_normal_distribution_are_near() {
        for (share, z) in [(0.975, 1.96), (0.995, 2.576), (0.9995, 3.291)] {
            assert!((normal(share) - z).abs() < 1e-3, "{share}");
        }
    }

    #[test]
    fn a_change_is_one_beyond_chance_the_floor_and_the_least() {
        let judged = |value: f64, half: f64, floor: f64, metric| {
            let log_ratio = Estimate { value, low: value - half, high: value + half };
            let decides = (value - 1.3 * half, value + 1.3 * half);
            Measured { log_ratio, decides, floor }.judged(1, unknown("e", "s", metric)).kind
        };
        assert_eq!(judged(0.1, 0.02, 0.01, Metric::Mean), ChangeKind::Worse);
        assert_eq!(judged(0.1, 0.02, 0.01, Metric::Throughput), ChangeKind::Better);
        assert_eq!(judged(-0.1, 0.02, 0.01, Metric::Mean), ChangeKind::Better);
        assert_eq!(judged(0.1, 0.1, 0.01, Metric::Mean), ChangeKind::Undecided);
        assert_eq!(judged(0.1, 0.02, 0.2, Metric::Mean), ChangeKind::None, "within the floor");
        assert_eq!(judged(0.01, 0.005, 0.0, Metric::Mean), ChangeKind::None, "too small to matter");
        assert_eq!(judged(0.04, 0.02, 0.0, Metric::Mean), ChangeKind::Undecided);
    }
}
