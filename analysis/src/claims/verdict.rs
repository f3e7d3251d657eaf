//! The verdict on a claim, from its checks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::reading::{Measured, Reading, cells, experiment, read, subject};
use super::words::{Unit, bounds, figure, filled, unit, with_interval};
use super::{Check, Claim};

/// What measurement says about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// It holds on this machine.
    Confirmed,
    /// It does not hold as it stands; the statement says what does.
    Corrected,
    /// The runs do not tell.
    Undecided,
    /// This machine cannot show it.
    NotOnThisMachine,
}

impl Ruling {
    /// In words, as pages have it.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Corrected => "corrected",
            Self::Undecided => "undecided",
            Self::NotOnThisMachine => "not on this machine",
        }
    }
}

/// A claim with its verdict: an entry of `claims.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClaimAnswer {
    /// Its name.
    pub id: String,
    /// What is claimed.
    pub claim: String,
    /// Where it is claimed.
    pub source: String,
    /// The verdict.
    pub verdict: Ruling,
    /// What is true on this machine.
    pub statement: String,
    /// Why that is the verdict.
    pub because: String,
    /// Why measurement and text differ, or agree; empty if nothing was decided.
    pub why: String,
    /// The figures.
    pub evidence: Vec<Evidence>,
    /// Kinds of warning that the runs behind the figures have, and how many runs.
    pub warnings: Vec<String>,
}

/// A figure that speaks for a claim or against it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Evidence {
    /// The experiment that shows it.
    pub experiment: String,
    /// What it is, in words.
    pub figure: String,
    /// Its value; `null` if it is not known, or beyond all that was measured.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The unit of these: `ns`, `1/s`, `B`, or `1` for a number or a fraction.
    pub unit: &'static str,
    /// Its name in the scenario.
    pub name: String,
    /// The figure for readers, or why it is not known.
    pub text: String,
    /// What the claim expects, for readers; empty if it expects nothing.
    pub expected: String,
    /// What theory says.
    pub theory: Option<f64>,
    /// Whether it is as expected, for certain or for certain not; `null` if that is open, or if
    /// nothing is expected.
    pub holds: Option<bool>,
}

/// Whether a reading is within the bounds of a check, for certain or for certain not.
fn holds(check: &Check, reading: &Reading) -> Option<bool> {
    let (low, high) = reading.decides;
    let misses =
        check.at_least.is_some_and(|at| high < at) || check.at_most.is_some_and(|at| low > at);
    let meets =
        check.at_least.is_none_or(|at| low >= at) && check.at_most.is_none_or(|at| high <= at);
    match (is_decisive(check), meets, misses) {
        (true, true, _) => Some(true),
        (true, _, true) => Some(false),
        _ => None,
    }
}

/// Whether a check decides: without bounds its figure only serves the sentences.
fn is_decisive(check: &Check) -> bool {
    check.at_least.is_some() || check.at_most.is_some()
}

/// Whether a check decides and is still open.
#[must_use]
pub fn is_open(check: &Check, measured: &Measured<'_, '_>) -> bool {
    let is_unknown =
        || read(check, measured).map_or(true, |reading| holds(check, &reading).is_none());
    is_decisive(check) && is_unknown()
}

/// Whether there are runs of an experiment that a claim reads.
fn was_tried(claim: &Claim, measured: &Measured<'_, '_>) -> bool {
    let mut read = claim.checks.iter().flat_map(Check::experiments);
    read.any(|name| experiment(measured, name).is_ok_and(|it| !it.runs.is_empty()))
}

/// The verdict on a claim, on a machine with so many cores.
pub(super) fn answer(claim: &Claim, measured: &Measured<'_, '_>, cores: usize) -> ClaimAnswer {
    let answer = |verdict, statement: String, because: String| ClaimAnswer {
        id: claim.id.clone(),
        claim: claim.claim.clone(),
        source: claim.source.clone(),
        verdict,
        statement,
        because,
        why: String::new(),
        evidence: Vec::new(),
        warnings: Vec::new(),
    };
    if cores < claim.cores {
        let because =
            format!("it needs a machine with {} cores; this one has {cores}", claim.cores);
        return answer(Ruling::NotOnThisMachine, "It was not tried.".to_owned(), because);
    }
    if !claim.needs.is_empty() && !was_tried(claim, measured) {
        let because = format!(
            "it has no runs, and it needs {}: install what is missing, or give it more time",
            crate::text::list(&claim.needs)
        );
        return answer(Ruling::NotOnThisMachine, "It was not tried.".to_owned(), because);
    }

    let figures: Vec<(Unit, Result<Reading, String>)> =
        claim.checks.iter().map(|check| (unit(check, measured), read(check, measured))).collect();
    let evidence: Vec<Evidence> = claim
        .checks
        .iter()
        .zip(&figures)
        .map(|(check, (unit, reading))| evidence(check, *unit, reading, measured))
        .collect();
    let deciding = || claim.checks.iter().zip(&evidence).filter(|(check, _)| is_decisive(check));
    let verdict = match () {
        () if deciding().any(|(_, one)| one.holds == Some(false)) => Ruling::Corrected,
        () if deciding().all(|(_, one)| one.holds == Some(true)) => Ruling::Confirmed,
        () => Ruling::Undecided,
    };
    let speaking = |holds: Option<bool>| -> String {
        let of_it = deciding().filter(|(_, one)| one.holds == holds);
        let sentences: Vec<String> = of_it
            .map(|(_, one)| format!("{}: {}, {}", one.figure, one.text, one.expected))
            .collect();
        sentences.join("; ")
    };
    let (statement, because) = match verdict {
        Ruling::Confirmed => (filled(&claim.confirmed, claim, &figures), speaking(Some(true))),
        Ruling::Corrected => (filled(&claim.corrected, claim, &figures), speaking(Some(false))),
        Ruling::Undecided | Ruling::NotOnThisMachine => (
            "The runs do not tell; more of them would, on a quiet machine (--budget).".to_owned(),
            speaking(None),
        ),
    };
    let is_decided = verdict != Ruling::Undecided;
    ClaimAnswer {
        why: if is_decided { filled(&claim.why, claim, &figures) } else { String::new() },
        evidence,
        warnings: warnings(claim, measured),
        ..answer(verdict, statement, because)
    }
}

fn evidence(
    check: &Check,
    unit: Unit,
    reading: &Result<Reading, String>,
    measured: &Measured<'_, '_>,
) -> Evidence {
    let known =
        |of: fn(&Reading) -> f64| reading.as_ref().ok().map(of).filter(|value| value.is_finite());
    Evidence {
        experiment: check.experiment.clone(),
        figure: figure(check, measured),
        value: known(|it| it.estimate.value),
        low: known(|it| it.estimate.low),
        high: known(|it| it.estimate.high),
        unit: unit.name(),
        name: check.name.clone(),
        text: match reading {
            Ok(reading) => with_interval(reading, unit),
            Err(why) => format!("not known, because {why}"),
        },
        expected: bounds(check, unit),
        theory: check.theory,
        holds: reading.as_ref().ok().and_then(|reading| holds(check, reading)),
    }
}

/// The warnings of the runs behind the figures of a claim.
fn warnings(claim: &Claim, measured: &Measured<'_, '_>) -> Vec<String> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut runs = 0;
    let mut seen = Vec::new();
    for check in &claim.checks {
        for cell in cells(check, measured) {
            let key = (cell.clone(), check.metric.to_string());
            let Ok(experiment) = experiment(measured, &cell.experiment) else { continue };
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let Ok(subject) = subject(experiment, &cell.subject) else { continue };
            for run in experiment.cell_at(subject, &cell.point(), false) {
                runs += 1;
                for doubt in check.metric.doubts_in(&run) {
                    *kinds.entry(doubt.name()).or_default() += 1;
                }
            }
        }
    }
    kinds.into_iter().map(|(name, count)| format!("{name}: {count} of {runs} runs")).collect()
}
