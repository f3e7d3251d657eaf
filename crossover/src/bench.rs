//! `crossover bench`: all runs of a scenario, then the report.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Zoned;
use results::{Doubt, Journal, Outcome, Record, without_mended_failures};

use crate::cli::BenchArgs;
use crate::error::Error;
use crate::interrupt::flag_on_interrupt;
use crate::progress::Progress;
use crate::real_testbed::RealTestbed;
use crate::report::{RECORDS, read};
use crate::scenario::Source;
use crate::sweep::{Run, record, remaining, runs};
use crate::testbed::Testbed;

/// Where benches go by default.
const RUNS: &str = "reports/runs";

/// The scenario beside its records, so that a bench can be gone on with.
const SCENARIO: &str = "scenario.toml";

/// After so many failures one after the other, more of the same is not worth the time.
const MOST_FAILURES_IN_A_ROW: usize = 3;

/// A core that is slower than this share of its usual speed makes a run doubtful.
const SLOW: f64 = 0.9;

/// From fewer runs nobody knows the usual speed.
const FEW: usize = 10;

pub(crate) fn run(arguments: &BenchArgs) -> Result<(), Error> {
    let mut bench = match &arguments.resume {
        Some(folder) => Bench::resume(folder)?,
        None => Bench::begin(arguments)?,
    };
    let interrupted = flag_on_interrupt()?;
    let scenario = bench.source.parse()?;
    let all = runs(&scenario).map_err(Error::Usage)?;
    let to_do = remaining(all, &bench.records);
    let ended = bench.measure(&to_do, &interrupted);
    if bench.records.iter().any(|record| matches!(record.outcome, Outcome::Measured(_))) {
        bench.write_report()?;
    }
    ended?;
    let failed = bench.failed();
    if failed > 0 {
        return Err(Error::SomeRunsFailed { failed, all: bench.records.len() });
    }
    Ok(())
}

/// A bench in its folder.
struct Bench {
    folder: PathBuf,
    source: Source,
    title: String,
    journal: Journal,
    records: Vec<Record>,
}

impl Bench {
    /// Makes the folder and everything that must be writable before an hour is spent.
    fn begin(arguments: &BenchArgs) -> Result<Self, Error> {
        let source = Source::find(&arguments.scenario)?;
        let title = source.parse()?.title;
        let folder = arguments.out.clone().unwrap_or_else(|| default_folder(&source.name));
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        if folder.join(RECORDS).exists() {
            return Err(Error::Usage(format!(
                "{0} holds a bench already; go on with it by --resume {0}, or choose another folder",
                folder.display()
            )));
        }
        let journal = Journal::open(&folder.join(RECORDS))?;
        let copy = folder.join(SCENARIO);
        let text = format!("# name: {}\n{}", source.name, source.text);
        fs::write(&copy, text).map_err(Error::file("write", &copy))?;
        if arguments.out.is_none() {
            point_latest_to(&folder)?;
        }
        Ok(Self { folder, source, title, journal, records: Vec::new() })
    }

    fn resume(folder: &Path) -> Result<Self, Error> {
        let copy = folder.join(SCENARIO);
        let text = fs::read_to_string(&copy).map_err(Error::file("read", &copy))?;
        let name = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# name: "))
            .unwrap_or("scenario")
            .to_owned();
        let file = folder.join(RECORDS);
        drop_unfinished_line(&file)?;
        let empty = fs::metadata(&file).is_ok_and(|file| file.len() == 0);
        let records = if empty { Vec::new() } else { read(&file)? };
        let journal = Journal::open(&file)?;
        let source = Source { name, text };
        let title = source.parse()?.title;
        Ok(Self { folder: folder.to_owned(), source, title, journal, records })
    }

    /// Makes the runs, each recorded as it ends.
    fn measure(&mut self, to_do: &[Run<'_>], interrupted: &AtomicBool) -> Result<(), Error> {
        let mut testbed = RealTestbed::new();
        let all_ns = to_do.iter().map(Run::expected_ns).sum();
        let mut progress = Progress::new(to_do.len(), all_ns);
        let mut failures_in_a_row = 0;
        let mut speeds = Vec::new();
        for run in to_do {
            progress.begin(&run.in_words());
            let mut record = self.make(run, &mut testbed, interrupted)?;
            if interrupted.load(Relaxed) {
                break; // the run that was broken off is not recorded
            }
            if let Outcome::Measured(measured) = &mut record.outcome {
                let speed = measured.generator.steps_per_us;
                measured.doubts.extend(slowness(speed, &speeds));
                speeds.push(speed);
            }
            self.journal.append(&record)?;
            failures_in_a_row = match &record.outcome {
                Outcome::Measured(_) => 0,
                Outcome::Failed(failure) => {
                    progress.say(&format!("{}: {failure}", run.in_words()));
                    failures_in_a_row + 1
                }
            };
            self.records.push(record);
            progress.end(run.expected_ns());
            if failures_in_a_row == MOST_FAILURES_IN_A_ROW {
                break;
            }
        }
        progress.finish();
        let folder = self.folder.display();
        if interrupted.load(Relaxed) {
            return Err(Error::Interrupted(format!(
                "ended by Ctrl-C; {} runs are kept; go on with: crossover bench --resume {folder}",
                self.records.len()
            )));
        }
        if failures_in_a_row == MOST_FAILURES_IN_A_ROW {
            return Err(Error::Server(format!(
                "{failures_in_a_row} runs failed one after the other, so the bench was stopped; \
                 when the cause is mended, go on with: crossover bench --resume {folder}"
            )));
        }
        Ok(())
    }

    fn make(
        &self,
        run: &Run<'_>,
        testbed: &mut impl Testbed,
        interrupted: &AtomicBool,
    ) -> Result<Record, Error> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = since_1970.as_millis() as u64;
        let order = self.records.len() as u32;
        let stop = || interrupted.load(Relaxed);
        Ok(record(run, (&self.source.name, &self.title), order, now_ms, testbed, &stop)?)
    }

    /// Writes page and figures, prints the verdict, and the path of the page as the last line.
    fn write_report(&self) -> Result<(), Error> {
        let records = without_mended_failures(&self.records);
        let page = reports::write_report(&records, &self.folder)?;
        let verdict = analysis::verdict(&records);
        let mut out = io::stdout().lock();
        writeln!(out, "{}", verdict.headline)?;
        if let Some(second) = &verdict.second {
            writeln!(out, "{second}")?;
        }
        if let Some(terms) = &verdict.terms {
            writeln!(out, "{terms}")?;
        }
        writeln!(out)?;
        for finding in &verdict.findings {
            writeln!(out, "  - {}: {}", finding.experiment, finding.text)?;
        }
        writeln!(out, "\n{}", page.display())?;
        Ok(())
    }

    fn failed(&self) -> usize {
        let records = without_mended_failures(&self.records);
        records.iter().filter(|record| matches!(record.outcome, Outcome::Failed(_))).count()
    }
}

pub(crate) fn default_folder(scenario: &str) -> PathBuf {
    let time = Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    Path::new(RUNS).join(format!("{time}-{scenario}"))
}

/// `reports/runs/latest` leads to the newest bench.
fn point_latest_to(folder: &Path) -> Result<(), Error> {
    let latest = Path::new(RUNS).join("latest");
    if latest.is_symlink() {
        fs::remove_file(&latest).map_err(Error::file("replace", &latest))?;
    }
    let name = folder.file_name().map_or_else(PathBuf::new, PathBuf::from);
    symlink(name, &latest).map_err(Error::file("create", &latest))
}

/// A program that was killed while writing leaves half a line; what follows must begin a new one.
fn drop_unfinished_line(file: &Path) -> Result<(), Error> {
    let bytes = fs::read(file).map_err(Error::file("read", file))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole == bytes.len() {
        return Ok(());
    }
    fs::OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|file| file.set_len(whole as u64))
        .map_err(Error::file("write", file))
}

/// Doubts a run before which the core was slower than before most of the runs until then.
fn slowness(steps_per_us: f64, earlier: &[f64]) -> Option<Doubt> {
    if earlier.len() < FEW {
        return None;
    }
    let ratio = steps_per_us / analysis::bootstrap::median(earlier)?;
    (ratio < SLOW).then_some(Doubt::Slow { ratio })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_has_become_slow_is_doubted_once_its_usual_speed_is_known() {
        let usual = [1000.0, 990.0, 400.0, 1010.0, 1000.0, 1000.0, 980.0, 1020.0, 1000.0, 1000.0];
        assert_eq!(slowness(850.0, &usual), Some(Doubt::Slow { ratio: 0.85 }));
        assert_eq!(slowness(950.0, &usual), None);
        assert_eq!(slowness(850.0, &usual[1..]), None, "too early to tell");
    }
}
