//! The claims of a scenario: `[[claim]]` tables with their checks.

use std::collections::BTreeMap;

use analysis::Metric;
use analysis::claims::{Cell, Check, Claim, Kind, Place};
use protocol::quantity::read_duration;
use results::Parameter;
use toml::Spanned;

use super::claim_tables::{CheckTable, ClaimTable};
use super::experiment::ExperimentSpec;
use super::given::{Given, Placed, Problem, maybe, one};
use crate::names::did_you_mean;
use crate::setup::read_value;

/// The claims of a scenario with these experiments.
pub(super) fn claims(
    tables: &[Spanned<ClaimTable>],
    experiments: &[ExperimentSpec],
) -> Result<Vec<Claim>, Problem> {
    let mut claims: Vec<Claim> = Vec::new();
    for table in tables {
        let claim = claim(table.get_ref(), experiments)?;
        if claims.iter().any(|other| other.id == claim.id) {
            let why = format!("two claims are called '{}'", claim.id);
            return Err(Problem::at(table.get_ref().id.span(), why));
        }
        claims.push(claim);
    }
    Ok(claims)
}

fn claim(table: &ClaimTable, experiments: &[ExperimentSpec]) -> Result<Claim, Problem> {
    let id = table.id.get_ref();
    if id.is_empty() || !id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
        return Err(Problem::at(table.id.span(), "an id has letters, digits and hyphens only"));
    }
    if table.checks.is_empty() {
        return Err(Problem::at(table.id.span(), "a claim needs a [[claim.check]]"));
    }
    let mut checks: Vec<Check> = Vec::new();
    for placed in &table.checks {
        for check in checks_of(placed, experiments)? {
            if checks.iter().any(|other| other.name == check.name) {
                let why = format!("two checks are called '{}'", check.name);
                return Err(Problem::at(placed.span(), why));
            }
            checks.push(check);
        }
    }
    let sentences = [Some(&table.confirmed), Some(&table.corrected), table.why.as_ref()];
    for sentence in sentences.into_iter().flatten() {
        names_checks(sentence, &checks)?;
    }
    Ok(Claim {
        id: id.clone(),
        claim: table.claim.clone(),
        source: table.source.clone(),
        confirmed: table.confirmed.get_ref().clone(),
        corrected: table.corrected.get_ref().clone(),
        why: table.why.as_ref().map(|why| why.get_ref().clone()).unwrap_or_default(),
        cores: table.cores,
        needs: table.needs.clone(),

        checks,
    })
}

/// Whether each `{name}` in a sentence is a check.
fn names_checks(sentence: &Spanned<String>, checks: &[Check]) -> Result<(), Problem> {
    for part in sentence.get_ref().split('{').skip(1) {
        let name = part.split('}').next().unwrap_or_default();
        if !checks.iter().any(|check| check.name == name) {
            let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
            let why = format!("no check is called '{name}'; there are: {}", names.join(", "));
            return Err(Problem::at(sentence.span(), why));
        }
    }
    Ok(())
}

/// The checks of a table: one for each subject that `of` names.
fn checks_of(
    placed: &Spanned<CheckTable>,
    experiments: &[ExperimentSpec],
) -> Result<Vec<Check>, Problem> {
    let table = placed.get_ref();
    let subjects = table.of.get_ref();
    let metric = one("metric", &table.metric, str::parse::<Metric>)?;
    let check = |subject: &String| -> Result<Check, Problem> {
        let (name, says) = match subjects.is_list() {
            true => (format!("{}.{subject}", table.name), format!("{}, {subject}", table.says)),
            false => (table.name.clone(), table.says.clone()),
        };
        Ok(Check {
            name,
            says,
            experiment: table.experiment.get_ref().clone(),
            metric,
            kind: kind(placed, subject, experiments)?,
            at_least: maybe("at_least", table.at_least.as_ref(), bound)?,
            at_most: maybe("at_most", table.at_most.as_ref(), bound)?,
            theory: maybe("theory", table.theory.as_ref(), bound)?,
            is_drawn: table.drawn,
        })
    };
    subjects.texts().iter().map(check).collect()
}

/// A bound: a number, or a time.
fn bound(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => read_duration(text).map(|time| time.as_nanos() as f64),
    }
}

fn kind(
    placed: &Spanned<CheckTable>,
    of: &str,
    experiments: &[ExperimentSpec],
) -> Result<Kind, Problem> {
    let table = placed.get_ref();
    let experiment = named(&table.experiment, experiments)?;
    has_subject(experiment, of, table.of.span())?;
    let at = place(&table.at)?;
    let missing =
        |key: &str| Problem::at(placed.span(), format!("check '{}': give {key}", table.name));
    let other = |name: &Option<Spanned<String>>, key: &str, experiment: &ExperimentSpec| {
        let name = name.as_ref().ok_or_else(|| missing(key))?;
        has_subject(experiment, name.get_ref(), name.span())?;
        Ok::<String, Problem>(name.get_ref().clone())
    };
    let cell = |subject: &str| Cell::new(&experiment.name, subject, &at);
    let figure = table.figure.as_ref().map_or("value", |figure| figure.get_ref().as_str());
    let is_at_a_point = |spec: &ExperimentSpec, at: &Place| match spec.points.contains(at) {
        true => Ok(()),
        false => Err(missing("at, which names a point of the experiment")),
    };
    let leaves_one_open = || match experiment.axes.len() == at.len() + 1 {
        true => Ok(()),
        false => Err(missing("at, which leaves one quantity open that the experiment varies")),
    };
    match figure {
        "value" => is_at_a_point(experiment, &at).map(|()| Kind::Value(cell(of))),
        "ratio" => {
            let to_experiment = match &table.to_experiment {
                Some(name) => named(name, experiments)?,
                None => experiment,
            };
            let to_at = match &table.to_at {
                Some(to_at) => place(to_at)?,
                None => at.clone(),
            };
            is_at_a_point(experiment, &at)?;
            is_at_a_point(to_experiment, &to_at)?;
            let to = match &table.to {
                Some(_) => other(&table.to, "to", to_experiment)?,
                None => of.to_owned(),
            };
            let less = match &table.less {
                Some(_) => Some(cell(&other(&table.less, "less", experiment)?)),
                None => None,
            };
            Ok(Kind::Ratio { of: cell(of), to: Cell::new(&to_experiment.name, &to, &to_at), less })
        }
        "slope" => leaves_one_open().map(|()| Kind::Slope { of: of.to_owned(), at }),
        "creation" => {
            is_at_a_point(experiment, &at)?;
            Ok(Kind::Creation { of: cell(of), to: cell(&other(&table.to, "to", experiment)?) })
        }
        "crossing" | "break-even" => {
            leaves_one_open()?;
            let (of, to) = (of.to_owned(), other(&table.to, "to", experiment)?);
            Ok(match figure {
                "crossing" => Kind::Crossing { of, to, at },
                _ => Kind::BreakEven { of, to, at },
            })
        }
        other => {
            let figures = ["value", "ratio", "slope", "crossing", "creation", "break-even"];
            let why = format!("'{other}' is no figure; there are: {}", figures.join(", "));
            Err(Problem::at(table.figure.as_ref().map_or(placed.span(), Spanned::span), why))
        }
    }
}

fn named<'a>(
    name: &Spanned<String>,
    experiments: &'a [ExperimentSpec],
) -> Result<&'a ExperimentSpec, Problem> {
    let found = experiments.iter().find(|experiment| experiment.name == *name.get_ref());
    found.ok_or_else(|| {
        let names: Vec<&str> = experiments.iter().map(|it| it.name.as_str()).collect();
        let meant = did_you_mean(name.get_ref(), &names);
        let why = format!("no experiment is called '{}'{meant}", name.get_ref());
        Problem::at(name.span(), why)
    })
}

fn has_subject(
    experiment: &ExperimentSpec,
    name: &str,
    at: std::ops::Range<usize>,
) -> Result<(), Problem> {
    let names: Vec<String> = experiment.subjects.iter().map(|it| it.subject().name).collect();
    if names.iter().any(|it| it == name) {
        return Ok(());
    }
    let why = format!("'{name}' is not in experiment '{}': {}", experiment.name, names.join(", "));
    Err(Problem::at(at, why))
}

fn place(table: &BTreeMap<String, Placed>) -> Result<Place, Problem> {
    let value = |(name, placed): (&String, &Spanned<Given>)| {
        let wrong = |why: String| Problem::at(placed.span(), why);
        let parameter: Parameter = name.replace('_', "-").parse().map_err(wrong)?;
        Ok((parameter, one(name, placed, |text| read_value(parameter, text))?))
    };
    table.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use crate::bench::scenario::Source;

    const EXPERIMENT: &str = "[[experiment]]\nname = \"e\"\ndesigns = [\"udp-iterative\"]\n\
                              wait = [\"1ms\", \"2ms\"]\nrate = \"50/s\"\nrequests = 20\n";

    fn error_of(claim: &str, check: &str) -> String {
        let text = format!(
            "[[claim]]\nid = \"A1\"\nclaim = \"c\"\ncorrected = \"d\"\n{claim}\n[[claim.check]]\n\
             name = \"n\"\nsays = \"s\"\nexperiment = \"e\"\nmetric = \"mean\"\n{check}\n{EXPERIMENT}"
        );
        let source = Source { name: "test".to_owned(), text };
        source.parse().map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn what_is_wrong_with_a_claim_is_told_with_its_line() {
        let sound = "of = \"udp-iterative\"\nfigure = \"slope\"";
        assert_eq!(error_of("confirmed = \"it is {n}\"", sound), "");
        for (claim, check, expected) in [
            ("confirmed = \"{x}\"", sound, "no check is called 'x'"),
            ("confirmed = \"\"", "of = \"tcp-iterative\"\nfigure = \"slope\"", "not in experiment"),
            ("confirmed = \"\"", "of = \"udp-iterative\"", "names a point"),
            ("confirmed = \"\"", "of = \"udp-iterative\"\nfigure = \"magic\"", "there are: value"),
            ("confirmed = \"\"", "of = \"udp-iterative\"\nfigure = \"crossing\"", "give to"),
            (
                "confirmed = \"\"",
                "of = \"udp-iterative\"\nfigure = \"slope\"\nat = { wait = \"1ms\" }",
                "leaves one quantity open",
            ),
            (
                "confirmed = \"\"",
                "of = \"udp-iterative\"\nat = { tide = 1 }",
                "nothing that can be",
            ),
        ] {
            let error = error_of(claim, check);
            assert!(error.contains(expected) && error.contains("line "), "{check}: {error}");
        }
    }
}
