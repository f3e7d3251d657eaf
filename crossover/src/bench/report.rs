//! `crossover report`: writes the page and its figures again, from the records alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use analysis::Findings;
use results::{Parameter, Record, Settled, read_records};

use crate::bench::folder::{OwnFolder, RECORDS, SCENARIO};
use crate::bench::models::{self, models};
use crate::bench::scenario::{ExperimentSpec, Scenario, Source};
use crate::cli::ReportArgs;
use crate::error::Error;
use crate::terminal::{Output, say};

pub(crate) fn run(arguments: &ReportArgs) -> Result<(), Error> {
    let (file, folder) = if arguments.run.is_dir() {
        (arguments.run.join(RECORDS), arguments.run.clone())
    } else {
        let folder = arguments.run.parent().filter(|folder| !folder.as_os_str().is_empty());
        (arguments.run.clone(), folder.map_or_else(|| PathBuf::from("."), Path::to_owned))
    };
    let source = Source::find(&folder.join(SCENARIO).to_string_lossy()).ok();
    let scenario = source.and_then(|source| source.parse().ok());
    let settled = settle(read_for_report(&file)?, scenario.as_ref());
    let own = OwnFolder::take(arguments.out.as_deref().unwrap_or(&folder))?;
    own.may_hold_a_page()?;
    own.is_nobody_elses(&folder)?;
    let found = findings(&settled, scenario.as_ref(), &folder);
    let page = write(&settled, &found, &folder, &own.path)?;
    let mut out = Output::begin();
    out.line(page.display().to_string());
    out.finish()
}

/// The records that count, and what is missing of the scenario, if that is known.
pub(crate) fn settle(records: Vec<Record>, scenario: Option<&Scenario>) -> Settled {
    let missing = scenario.map_or_else(Vec::new, |scenario| missing(scenario, &records));
    Settled { missing, ..Settled::of(records) }
}

/// What the records say, what they say about the claims of their scenario, and how far the designs'
/// models agree. The folder holds the costs that the models have.
pub(crate) fn findings<'a>(
    settled: &'a Settled,
    scenario: Option<&Scenario>,
    folder: &Path,
) -> Findings<'a> {
    let findings = without_models(settled, scenario);
    match scenario {
        Some(scenario) => findings.with_models(&models(settled, scenario, folder)),
        None => findings,
    }
}

/// The same without the models.
pub(crate) fn without_models<'a>(
    settled: &'a Settled,
    scenario: Option<&Scenario>,
) -> Findings<'a> {
    let claims = scenario.map_or(&[][..], |scenario| &scenario.claims);
    Findings::of_settled(settled).with_claims(claims, settled)
}

/// The experiments without any record, and the points of the others that have none.
fn missing(scenario: &Scenario, records: &[Record]) -> Vec<String> {
    let of_experiment = |experiment: &ExperimentSpec| -> Vec<String> {
        let of_it: Vec<&Record> =
            records.iter().filter(|record| record.experiment == experiment.name).collect();
        if of_it.is_empty() {
            return vec![experiment.name.clone()];
        }
        let is_missing = |point: &&BTreeMap<Parameter, f64>| {
            of_it.iter().all(|record| record.cell.point != **point)
        };
        let in_words = |point: &BTreeMap<Parameter, f64>| {
            format!("{} at {}", experiment.name, analysis::text::place(point))
        };
        experiment.points.iter().filter(is_missing).map(in_words).collect()
    };
    scenario.experiments.iter().flat_map(of_experiment).collect()
}

/// Writes the page and its figures of the bench in a folder to another one or the same, and prints which
/// records do not count.
pub(crate) fn write(
    settled: &Settled,
    findings: &Findings<'_>,
    of: &Path,
    folder: &Path,
) -> Result<PathBuf, Error> {
    for note in reports::left_out(settled) {
        say(&format!("note: {note}"));
    }
    let picture = models::picture(settled, of);
    Ok(reports::write_report(settled, findings, Some(&picture), folder)?)
}

/// Reads of each record what a page shows, and prints a note if the last line was cut short.
pub(crate) fn read_for_report(file: &Path) -> Result<Vec<Record>, Error> {
    let reading = read_records(file, Record::for_report)?;
    if reading.cut_short {
        say(&format!("note: the last line of {} has no end and was left out", file.display()));
    }
    if reading.records.is_empty() {
        return Err(Error::Usage(format!("{} holds no records", file.display())));
    }
    Ok(reading.records)
}
