//! Why a model gives no number.

/// Why a model gives no number: outside the range in which it is valid, a formula would only give a
/// wrong one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Outside {
    /// The load is at least the capacity, so the queue grows for ever and no mean exists.
    #[error(
        "the load is {:.0} % of the capacity, so the queue grows for ever; add capacity or lower the rate",
        100.0 * utilisation
    )]
    Overloaded {
        /// Load over capacity, 1 or more.
        utilisation: f64,
    },
    /// An input is impossible.
    #[error("{what} is {value}, and must be {must}")]
    Input {
        /// Which input.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What would be possible.
        must: &'static str,
    },
    /// The formula does not hold for this input, although it has an answer.
    #[error("{0}")]
    NotCovered(&'static str),
}

/// A number that must be 0 or more.
pub(crate) fn not_negative(what: &'static str, value: f64) -> Result<f64, Outside> {
    let holds = value.is_finite() && value >= 0.0;
    if holds { Ok(value) } else { Err(Outside::Input { what, value, must: "0 or more" }) }
}

/// A number that must be above 0.
pub(crate) fn positive(what: &'static str, value: f64) -> Result<f64, Outside> {
    let holds = value.is_finite() && value > 0.0;
    if holds { Ok(value) } else { Err(Outside::Input { what, value, must: "above 0" }) }
}

/// A fraction that must lie between 0 and 1, both left out.
pub(crate) fn between_0_and_1(what: &'static str, value: f64) -> Result<f64, Outside> {
    let holds = value > 0.0 && value < 1.0;
    if holds { Ok(value) } else { Err(Outside::Input { what, value, must: "between 0 and 1" }) }
}

/// A utilisation below 1.
pub(crate) fn below_capacity(utilisation: f64) -> Result<f64, Outside> {
    if utilisation < 1.0 { Ok(utilisation) } else { Err(Outside::Overloaded { utilisation }) }
}
