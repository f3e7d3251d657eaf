//! Which cell of an experiment a run belongs to: a subject at a point.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Parameter, Subject};

/// What distinguishes one cell of an experiment from the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cell {
    /// What was measured.
    pub subject: Subject,
    /// What was varied, with the values as configured, in the base units of the parameters; empty
    /// where nothing is varied.
    pub point: BTreeMap<Parameter, f64>,
}

impl Cell {
    /// The parameter that was varied; if there are several, the first.
    #[must_use]
    pub fn axis(&self) -> Option<Parameter> {
        self.point.keys().next().copied()
    }

    /// The value of that parameter; 0 where nothing is varied.
    #[must_use]
    pub fn x(&self) -> f64 {
        self.point.values().next().copied().unwrap_or(0.0)
    }
}

/// A point on one axis, or on none.
#[must_use]
pub fn point(axis: Option<Parameter>, x: f64) -> BTreeMap<Parameter, f64> {
    axis.map(|parameter| (parameter, x)).into_iter().collect()
}
