//! What the model of each design gives under the loads that were measured.

/// The models of a bench.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Models {
    /// What they give, point by point.
    pub points: Vec<Modelled>,
    /// Where the costs in them come from: `costs measured on this machine on the same day`.
    pub costs: String,
}

/// Response times of a design's own model at one point of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Modelled {
    /// The experiment.
    pub experiment: String,
    /// The name of the subject.
    pub subject: String,
    /// The position on the axis, as configured.
    pub x: f64,
    /// The median in nanoseconds; infinite where half of the requests go unanswered.
    pub p50_ns: f64,
    /// The 99th percentile in nanoseconds.
    pub p99_ns: f64,
}
