//! Claims about servers, each with the checks that decide whether it holds on a machine.
//!
//! A check reads one figure off the runs of an experiment, with its interval, and compares it with
//! the bounds that the claim puts on it. The checks of a claim give its verdict.

mod picture;
mod reading;
mod verdict;
mod words;

use std::collections::BTreeMap;

use results::Parameter;

use crate::figure::Figure;
use crate::metric::Metric;

pub use reading::{Cell, Measured, cells};
pub use verdict::{ClaimAnswer, Evidence, Ruling, is_open};

/// A claim, and what would confirm it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Its name: `S7`.
    pub id: String,
    /// What is claimed, as the text that it comes from says it.
    pub claim: String,
    /// Where it is claimed.
    pub source: String,
    /// What is true if every check holds. `{name}` stands for the figure of a check.
    pub confirmed: String,
    /// What is true instead if one does not.
    pub corrected: String,
    /// Why measurement and text differ, or agree.
    pub why: String,
    /// The fewest cores on which it can be tried.
    pub cores: usize,
    /// The programs without which it cannot be tried.
    pub needs: Vec<String>,
    /// The checks.
    pub checks: Vec<Check>,
}

/// One figure, and the bounds within which the claim puts it.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name in the sentences of the claim.
    pub name: String,
    /// What the figure is, in words.
    pub says: String,
    /// The experiment that shows it.
    pub experiment: String,
    /// The metric; that of a crossing decides which of the two is better.
    pub metric: Metric,
    /// How the figure is made from the metric.
    pub kind: Kind,
    /// The least figure with which the claim holds.
    pub at_least: Option<f64>,
    /// The greatest.
    pub at_most: Option<f64>,
    /// What theory says about the figure.
    pub theory: Option<f64>,
    /// Whether the page draws the metric of this check.
    pub is_drawn: bool,
}

impl Check {
    /// The experiments that it reads.
    pub fn experiments(&self) -> impl Iterator<Item = &str> {
        let other = match &self.kind {
            Kind::Ratio { to, .. } => Some(to.experiment.as_str()),
            _ => None,
        };
        [Some(self.experiment.as_str()), other].into_iter().flatten()
    }
}

/// A point of an experiment, or all points of a line if a parameter that is varied is missing.
pub type Place = BTreeMap<Parameter, f64>;

/// How a figure is made from the metric of one subject or several.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The metric of a cell.
    Value(Cell),
    /// That of one cell over that of another, each less that of a third if there is one.
    Ratio {
        /// Above.
        of: Cell,
        /// Below.
        to: Cell,
        /// What is subtracted from both.
        less: Option<Cell>,
    },
    /// By how much the metric of a subject grows with the parameter that the place leaves open: the
    /// slope of the straight line with the least squares.
    Slope {
        /// The subject.
        of: String,
        /// The values of the other parameter.
        at: Place,
    },
    /// The value of the parameter that the place leaves open from which on `of` is better than `to`.
    Crossing {
        /// The subject that overtakes.
        of: String,
        /// The subject that is overtaken.
        to: String,
        /// The values of the other parameter.
        at: Place,
    },
    /// What it costs a server to give a worker to each request of a burst: from the mean response
    /// times R and R₀ of both servers at one point with the processing w, (2 (R − R₀) + w (N − 1)) / (N + 1).
    Creation {
        /// The server with a worker for each request.
        of: Cell,
        /// The iterative server.
        to: Cell,
    },
    /// A crossing over the one that the model of bursts puts at c (N + 1) / (N − 1), where c is what
    /// [`Kind::Creation`] gives at the least processing.
    BreakEven {
        /// The server with a worker for each request.
        of: String,
        /// The iterative server.
        to: String,
        /// The values of the other parameter.
        at: Place,
    },
}

/// A claim with its verdict and its pictures.
pub struct ClaimFindings {
    /// The verdict.
    pub answer: ClaimAnswer,
    /// The pictures that decide it.
    pub figures: Vec<Figure>,
}

/// The verdicts on these claims, on a machine with so many cores.
#[must_use]
pub fn judge(claims: &[Claim], measured: &Measured<'_, '_>, cores: usize) -> Vec<ClaimFindings> {
    let of = |claim: &Claim| ClaimFindings {
        answer: verdict::answer(claim, measured, cores),
        figures: picture::figures(claim, measured),
    };
    claims.iter().map(of).collect()
}

/// How many of the claims hold, in a sentence.
#[must_use]
pub fn headline(claims: &[ClaimFindings]) -> String {
    let count = |ruling: Ruling| claims.iter().filter(|it| it.answer.verdict == ruling).count();
    if let [only] = claims {
        return format!("{} is {}.", only.answer.id, only.answer.verdict.in_words());
    }
    let others = [
        (Ruling::Corrected, "corrected"),
        (Ruling::Undecided, "undecided"),
        (Ruling::NotOnThisMachine, "not for this machine"),
    ];
    let others: Vec<String> = others
        .into_iter()
        .filter(|(ruling, _)| count(*ruling) > 0)
        .map(|(ruling, word)| format!("{} {} {word}", count(ruling), is_or_are(count(ruling))))
        .collect();
    let first =
        format!("Of {} claims {} hold on this machine", claims.len(), count(Ruling::Confirmed));
    match others.is_empty() {
        true => format!("{first}."),
        false => format!("{first}; {}.", crate::text::list(&others)),
    }
}

fn is_or_are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// The verdicts as JSON, an entry for each claim.
#[must_use]
pub fn to_json(claims: &[ClaimFindings]) -> String {
    let answers: Vec<&ClaimAnswer> = claims.iter().map(|claim| &claim.answer).collect();
    serde_json::to_string_pretty(&answers).expect("verdicts are plain data")
}

#[cfg(test)]
mod tests {
    use super::ClaimAnswer;

    /// If it fails, what it prints belongs into the file.
    #[test]
    fn the_schema_of_the_verdicts_is_committed() {
        let schema = schemars::schema_for!(Vec<ClaimAnswer>);
        let schema = serde_json::to_string_pretty(&schema).expect("data");
        let committed = include_str!("../../../schemas/claims.schema.json");
        assert!(committed.trim_end() == schema, "schemas/claims.schema.json should be:\n{schema}");
    }
}
