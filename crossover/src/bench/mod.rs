//! `crossover bench`: all runs of a scenario, then the report.

pub(crate) mod folder;
pub(crate) mod report;
pub mod scenario;
pub mod sweep;

use std::time::{SystemTime, UNIX_EPOCH};

use analysis::Findings;
use results::{Failure, Outcome, Record, Settled};

use crate::bench::folder::BenchFolder;
use crate::bench::sweep::{Run, record, remaining, runs};
use crate::cli::BenchArgs;
use crate::error::Error;
use crate::host::interrupt::Interrupt;
use crate::terminal::progress::Progress;
use crate::terminal::{Output, end_with};
use crate::testbed::RealTestbed;
use crate::testbed::Testbed;

/// The bench stops after this many failures in a row.
const MOST_FAILURES_IN_A_ROW: usize = 3;

pub(crate) fn run(arguments: &BenchArgs) -> Result<(), Error> {
    let folder = match &arguments.resume {
        Some(folder) => BenchFolder::resume(folder)?,
        None => BenchFolder::begin(arguments)?,
    };
    let interrupt = Interrupt::watch()?;
    let scenario = folder.source.parse()?;
    let all = runs(&scenario).map_err(Error::Usage)?;
    let mut testbed = RealTestbed::new();
    let to_do = remaining(all, &folder.records, |setup| testbed.placement(setup));
    let mut bench = Bench { folder, title: scenario.title.clone() };
    let ended = bench.measure(&to_do, &mut testbed, &interrupt);
    let mut errors: Vec<Error> = ended.err().into_iter().collect();
    if bench.has_measured() {
        errors.extend(bench.report());
    }
    errors.retain(|error| !error.is_closed_pipe());
    // An error that ended the bench names its cause; failed runs are reported of a complete bench
    // only.
    if errors.is_empty() {
        errors.extend(bench.failures());
    }
    end_with(errors)
}

/// A bench in its folder.
struct Bench {
    folder: BenchFolder,
    title: String,
}

impl Bench {
    /// Makes the runs and records each as it ends.
    fn measure(
        &mut self,
        to_do: &[Run<'_>],
        testbed: &mut impl Testbed,
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        let all_ns = to_do.iter().map(Run::expected_ns).fold(0, u64::saturating_add);
        let mut progress = Progress::new(to_do.len(), all_ns);
        let mut failures_in_a_row = 0;
        for run in to_do {
            progress.begin(&run.in_words());
            let record = self.make(run, testbed, interrupt);
            if interrupt.came() {
                break; // the interrupted run is not recorded
            }
            self.folder.journal.append(&record)?;
            failures_in_a_row = match &record.outcome {
                Outcome::Measured(_) => 0,
                Outcome::Failed(failure) => {
                    progress.say(&format!("{}: {failure}", run.in_words()));
                    failures_in_a_row + usize::from(failure.may_be_the_servers())
                }
            };
            self.folder.records.push(record.for_report());
            progress.end(run.expected_ns());
            if failures_in_a_row == MOST_FAILURES_IN_A_ROW {
                break;
            }
        }
        progress.finish();
        let folder = self.folder.own.path.display();
        if interrupt.came() {
            return Err(Error::Interrupted(format!(
                "ended by {}; {} runs are kept; continue with: crossover bench --resume {folder}",
                interrupt.name(),
                self.folder.records.len()
            )));
        }
        if failures_in_a_row == MOST_FAILURES_IN_A_ROW {
            return Err(Error::Server(format!(
                "{failures_in_a_row} runs failed one after the other, so the bench was stopped; \
                 when the cause is fixed, continue with: crossover bench --resume {folder}"
            )));
        }
        Ok(())
    }

    fn make(&self, run: &Run<'_>, testbed: &mut impl Testbed, interrupt: &Interrupt) -> Record {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = since_1970.as_millis() as u64;
        let order = self.folder.records.len() as u32;
        let names = (self.folder.source.name.as_str(), self.title.as_str());
        record(run, names, order, now_ms, testbed, &|| interrupt.came())
    }

    /// Prints the verdict, writes the page and its figures, and prints the path of the page as the
    /// last line. The verdict comes first, so that a page that cannot be written does not lose it.
    fn report(&self) -> Vec<Error> {
        let settled = Settled::of(self.folder.records.clone());
        let findings = Findings::of_settled(&settled);
        let verdict = &findings.verdict;
        let mut out = Output::begin();
        out.paragraph(&verdict.headline, "");
        for further in [&verdict.second, &verdict.terms].into_iter().flatten() {
            out.paragraph(further, "");
        }
        out.line("");
        for finding in &verdict.findings {
            out.paragraph(format!("  - {}: {}", finding.experiment, finding.text), "    ");
        }
        let told = out.finish();
        let written = report::write(&settled, &findings, &self.folder.own.path).and_then(|page| {
            let mut out = Output::begin();
            out.line(format!("\n{}", page.display()));
            out.finish()
        });
        [told, written].into_iter().filter_map(Result::err).collect()
    }

    fn has_measured(&self) -> bool {
        let is_measured = |record: &Record| matches!(record.outcome, Outcome::Measured(_));
        self.folder.records.iter().any(is_measured)
    }

    /// The error that reports failed runs, if there are any.
    fn failures(&self) -> Option<Error> {
        let settled = Settled::of(self.folder.records.clone());
        let failures: Vec<&Failure> = settled
            .records
            .iter()
            .filter_map(|record| match &record.outcome {
                Outcome::Failed(failure) => Some(failure),
                Outcome::Measured(_) => None,
            })
            .collect();
        let (failed, all) = (failures.len(), settled.records.len());
        let last = failures.last()?;
        Some(if failed == all {
            Error::Server(format!("nothing could be measured: {last}"))
        } else {
            Error::SomeRunsFailed { failed, all }
        })
    }
}
