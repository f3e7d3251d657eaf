//! `crossover bench`: all runs of a scenario, then the report.

mod budget;
mod calibration;
pub mod course;
pub(crate) mod folder;
mod models;
mod outlook;

pub(crate) mod report;
pub mod rounds;
pub mod scenario;
pub mod sweep;

use std::time::{SystemTime, UNIX_EPOCH};

use analysis::Findings;
use analysis::answers::{CrossoverAnswer, CrossoverKind};
use analysis::claims::Ruling;
use results::{Failure, Outcome, Record, Settled, TestbedKind};

use crate::bench::budget::Budget;
use crate::bench::course::Course;
use crate::bench::folder::BenchFolder;
use crate::bench::scenario::Scenario;
use crate::bench::sweep::{Run, record};
use crate::cli::BenchArgs;
use crate::error::Error;
use crate::host::interrupt::Interrupt;
use crate::setup::{Cores, Server};
use crate::terminal::progress::Progress;
use crate::terminal::{Output, end_with};
use crate::testbed::RealTestbed;
use crate::testbed::Testbed;

/// The bench stops after this many failures in a row.
const MOST_FAILURES_IN_A_ROW: usize = 3;

pub(crate) fn run(arguments: &BenchArgs) -> Result<(), Error> {
    if arguments.list {
        return outlook::list(arguments);
    }
    if arguments.dry_run {
        return outlook::dry_run(arguments);
    }
    crate::costs::identity(); // before the testbed moves this thread to one core
    let mut testbed = RealTestbed::new();
    let for_server = testbed.usual_placement().server_cores.len();
    run_on(&mut testbed, for_server, arguments)
}

/// Runs a bench on a testbed, of whose cores a server may have `for_server` beside the generator's.
pub(crate) fn run_on(
    testbed: &mut impl Testbed,
    for_server: usize,
    arguments: &BenchArgs,
) -> Result<(), Error> {
    let folder = match &arguments.resume {
        Some(folder) => BenchFolder::resume(folder)?,
        None => BenchFolder::begin(arguments)?,
    };
    let interrupt = Interrupt::watch()?;
    if testbed.kind() == TestbedKind::Real {
        models::keep_costs(&folder.own.path)?;
    }
    let mut scenario = folder.source.parse()?;
    let asked = folder.source.parse()?; // a budget may leave out some of it
    scenario.leave_out_untried(testbed.machine().cores);
    check_cores(&scenario, for_server)?;
    let budget = Budget::begin(arguments.budget.or(scenario.budget));
    if arguments.budget.is_some() {
        budget.fit(&mut scenario);
    }
    let stop = || interrupt.came();
    calibration::calibrate(&mut scenario, &folder.records, testbed, &stop)?;
    let mut bench = Bench::new(folder, &scenario, asked, budget, Prints::of(arguments));
    let ended = bench.measure(&scenario, testbed, &interrupt);
    let ended_well = ended.is_ok();

    let mut errors: Vec<Error> = ended.err().into_iter().collect();
    if bench.has_measured() || !bench.asked.claims.is_empty() && ended_well {
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

/// Refuses a scenario that asks for more cores than this machine can give a server.
fn check_cores(scenario: &Scenario, there_are: usize) -> Result<(), Error> {
    for experiment in &scenario.experiments {
        for point in &experiment.points {
            let setup = experiment.setup(0, point, 0).map_err(Error::Usage)?;
            if let Some(Cores::Count(count)) = setup.cores
                && count as usize > there_are
            {
                return Err(Error::Usage(format!(
                    "experiment '{}' gives the server {count} cores; on this machine there are \
                     {there_are} beside the generator's: ask for fewer, or for \"all\"",
                    experiment.name
                )));
            }
        }
    }
    Ok(())
}

/// A bench in its folder.
struct Bench {
    folder: BenchFolder,
    title: String,
    /// The scenario as its file has it.
    asked: Scenario,
    budget: Budget,
    prints: Prints,
    progress: Progress,
    failures_in_a_row: usize,
    /// The pairs whose answers were already told: experiment, base and other.
    told: Vec<(String, String, String)>,
}

/// What a bench prints at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prints {
    Sentences,
    Json,
    Nothing,
}

impl Prints {
    fn of(arguments: &BenchArgs) -> Self {
        match (arguments.quiet, arguments.json) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Json,
            (false, false) => Self::Sentences,
        }
    }
}

/// How a series of runs ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    Interrupted,
    TooManyFailures,
    OutOfTime,
}

impl Bench {
    fn new(
        folder: BenchFolder,
        scenario: &Scenario,
        asked: Scenario,
        budget: Budget,
        prints: Prints,
    ) -> Self {
        let (runs, all_ns) = budget::planned(scenario);
        Self {
            progress: Progress::new(runs, all_ns),
            folder,
            title: scenario.title.clone(),
            asked,
            budget,
            prints,
            failures_in_a_row: 0,
            told: Vec::new(),
        }
    }

    /// Makes the runs of the bench's course, and records each as it ends.
    fn measure(
        &mut self,
        scenario: &Scenario,
        testbed: &mut impl Testbed,
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        self.progress.say(&outlook::least_difference(scenario.repetitions));
        let mut course = Course::new(scenario, self.budget.is_given());
        let mut ended = Ended::Done;
        while ended == Ended::Done {
            let placement = |setup: &crate::setup::Setup| testbed.placement(setup);
            let step = course
                .next(&self.folder.records, self.budget.left(), placement)
                .map_err(Error::Usage)?;
            let Some(step) = step else { break };
            if step.is_listed {
                self.progress.skip(step.made_before);
            } else {
                self.progress.add(step.runs.len(), step.runs.iter().map(Run::expected_ns).sum());
            }
            ended = self.make_each(&step.runs, testbed, interrupt)?;
            if ended == Ended::Done {
                self.tell_answers();
            }
        }
        self.progress.finish();
        let folder = self.folder.own.path.display();
        match ended {
            Ended::Done | Ended::OutOfTime => Ok(()),
            Ended::Interrupted => Err(Error::Interrupted(format!(
                "ended by {}; {} runs are kept; continue with: crossover bench --resume {folder}",
                interrupt.name(),
                self.folder.records.len()
            ))),
            Ended::TooManyFailures => Err(Error::Server(format!(
                "{MOST_FAILURES_IN_A_ROW} runs failed one after the other, so the bench was \
                 stopped; when the cause is fixed, continue with: crossover bench --resume {folder}"
            ))),
        }
    }

    /// Makes these runs.
    fn make_each(
        &mut self,
        to_do: &[Run<'_>],
        testbed: &mut impl Testbed,
        interrupt: &Interrupt,
    ) -> Result<Ended, Error> {
        for run in to_do {
            if self.budget.is_spent(run) {
                return Ok(Ended::OutOfTime);
            }
            self.progress.begin(&run.in_words());
            let record = self.make(run, testbed, interrupt);
            if interrupt.came() {
                return Ok(Ended::Interrupted); // the interrupted run is not recorded
            }
            self.folder.journal.append(&record)?;
            self.failures_in_a_row = match &record.outcome {
                Outcome::Measured(_) => 0,
                Outcome::Failed(failure) => {
                    self.progress.say(&format!("{}: {failure}", run.in_words()));
                    self.failures_in_a_row + usize::from(failure.may_be_the_servers())
                }
            };
            self.folder.records.push(record.for_report());
            self.budget.made(run);
            self.progress.end(run.expected_ns());
            if self.failures_in_a_row == MOST_FAILURES_IN_A_ROW {
                return Ok(Ended::TooManyFailures);
            }
        }
        Ok(Ended::Done)
    }

    fn make(&self, run: &Run<'_>, testbed: &mut impl Testbed, interrupt: &Interrupt) -> Record {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = since_1970.as_millis() as u64;
        let order = self.folder.records.len() as u32;
        let names = (self.folder.source.name.as_str(), self.title.as_str());
        record(run, names, order, now_ms, testbed, &|| interrupt.came())
    }

    fn tell_answers(&mut self) {
        let settled = self.settled();
        // The models take time, and are computed once, at the end.
        let findings = report::without_models(&settled, Some(&self.asked));
        self.tell(&settled, &findings);
    }

    /// The records that count, and what is missing of the scenario.
    fn settled(&self) -> Settled {
        report::settle(self.folder.records.clone(), Some(&self.asked))
    }

    /// Tells the answers that are decided by now and were not told before, and writes the page of
    /// what is known, so that it stands there however the bench ends.
    fn tell(&mut self, settled: &Settled, findings: &Findings<'_>) {
        for finding in &findings.verdict.findings {
            let Some((base, other)) = &finding.pair else { continue };
            let is_it = |it: &&CrossoverAnswer| it.base == *base && it.other == *other;
            let answers = findings.answers.experiments.iter();
            let answers = answers.filter(|answers| answers.name == finding.experiment);
            let found = answers.flat_map(|answers| &answers.crossovers).find(is_it);
            let is_open = found.is_none_or(|it| it.kind == CrossoverKind::Undecided);
            let pair = (finding.experiment.clone(), base.clone(), other.clone());
            if !is_open && !self.told.contains(&pair) {
                self.progress.say(&format!("{}: {}", finding.experiment, finding.text));
                self.told.push(pair);
            }
        }
        for claim in &findings.claims {
            let answer = &claim.answer;
            // What was not tried is told at the end: it may only not have been tried yet.
            let is_open = matches!(answer.verdict, Ruling::Undecided | Ruling::NotOnThisMachine);
            let told = (String::new(), answer.id.clone(), answer.verdict.in_words().to_owned());
            if !is_open && !self.told.contains(&told) {
                let verdict = answer.verdict.in_words();
                self.progress.say(&format!("{}: {verdict}. {}", answer.id, answer.statement));
                self.told.push(told);
            }
        }
        // An error is told at the end, where the page is written again.
        let _ = reports::write_report(settled, findings, None, &self.folder.own.path);
    }

    /// Prints the verdict, writes the page and its figures, and prints the path of the page as the
    /// last line. The verdict comes first, so that a page that cannot be written does not lose it.
    fn report(&self) -> Vec<Error> {
        let settled = self.settled();
        let findings = report::findings(&settled, Some(&self.asked), &self.folder.own.path);
        let mut out = Output::begin();
        match self.prints {
            Prints::Json => out.line(findings.answers.to_json()),
            Prints::Sentences => print_verdict(&findings, &mut out),
            Prints::Nothing => {}
        }
        let told = out.finish();
        let written =
            report::write(&settled, &findings, &self.folder.own.path, &self.folder.own.path)
                .and_then(|page| {
                    if self.prints != Prints::Sentences {
                        return Ok(());
                    }
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

fn print_verdict(findings: &Findings<'_>, out: &mut Output) {
    if !findings.claims.is_empty() {
        return print_claims(findings, out);
    }
    let verdict = &findings.verdict;
    out.paragraph(&verdict.headline, "");
    for further in [&verdict.second, &verdict.terms].into_iter().flatten() {
        out.paragraph(further, "");
    }
    out.line("");
    for finding in &verdict.findings {
        out.paragraph(format!("  - {}: {}", finding.experiment, finding.text), "    ");
    }
}

fn print_claims(findings: &Findings<'_>, out: &mut Output) {
    out.paragraph(analysis::claims::headline(&findings.claims), "");
    out.line("");
    for claim in &findings.claims {
        let answer = &claim.answer;
        let verdict = answer.verdict.in_words();
        out.paragraph(format!("  {}, {verdict}: {}", answer.id, answer.statement), "    ");
        if answer.verdict != Ruling::Confirmed {
            out.paragraph(format!("    because {}", answer.because), "      ");
        }
    }
}

/// The command of a subject that is a program of the user's own.
fn command_of(server: &Server) -> Option<String> {
    match server {
        Server::Own(own) if !own.spec.command.is_empty() => {
            Some(crate::setup::without_secrets(&own.spec.command).join(" "))
        }
        Server::Own(_) | Server::Design(_) => None,
    }
}
