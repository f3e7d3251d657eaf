//! Groups records by experiment.

use protocol::Transport;
use results::{Measurement, Outcome, Parameter, Record, Shows, Subject, WorkUnit};

/// One experiment with all its runs.
pub struct Experiment<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its position in the scenario.
    pub position: u32,
    /// The question it asks.
    pub question: &'a str,
    /// The parameter that is varied, if any.
    pub axis: Option<Parameter>,
    /// What a report may draw from it.
    pub shows: &'a [Shows],
    /// Its measured runs, in the order of the file.
    pub runs: Vec<Run<'a>>,
    /// What [`Experiment::subjects`] and [`Experiment::xs`] return; every point of a curve asks for
    /// them.
    subjects: Vec<&'a Subject>,
    xs: Vec<f64>,
}

/// One measured run.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The record of the run.
    pub record: &'a Record,
    /// What was measured.
    pub measured: &'a Measurement,
}

/// The experiments in the order of the scenario.
#[must_use]
pub fn experiments(records: &[Record]) -> Vec<Experiment<'_>> {
    let mut found: Vec<Experiment<'_>> = Vec::new();
    for record in records {
        if !found.iter().any(|experiment| experiment.name == record.experiment) {
            found.push(Experiment {
                name: &record.experiment,
                position: record.position,
                question: &record.question,
                axis: record.cell.axis(),
                shows: &record.shows,
                runs: Vec::new(),
                subjects: Vec::new(),
                xs: Vec::new(),
            });
        }
        let experiment = found
            .iter_mut()
            .find(|experiment| experiment.name == record.experiment)
            .expect("it was put there above");
        // A scenario may have been edited between its runs; the latest questions count.
        (experiment.question, experiment.shows) = (&record.question, &record.shows);
        experiment.position = record.position;
        if let Outcome::Measured(measured) = &record.outcome {
            experiment.runs.push(Run { record, measured });
        }
    }
    for experiment in &mut found {
        experiment.subjects = subjects_of(&experiment.runs);
        experiment.xs = xs_of(&experiment.runs);
    }
    found.sort_by_key(|experiment| experiment.position);
    found
}

fn subjects_of<'a>(runs: &[Run<'a>]) -> Vec<&'a Subject> {
    let mut subjects: Vec<&Subject> = runs.iter().map(|run| &run.record.cell.subject).collect();
    subjects.sort_by_key(|subject| {
        let udp_first = subject.transport == Transport::Tcp;
        let is_process = subject.unit == WorkUnit::Process;
        (udp_first, !subject.is_iterative(), is_process, &subject.name)
    });
    subjects.dedup_by_key(|subject| &subject.name);
    subjects
}

fn xs_of(runs: &[Run<'_>]) -> Vec<f64> {
    let mut xs: Vec<f64> = runs.iter().map(|run| run.record.cell.x()).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    xs
}

impl<'a> Experiment<'a> {
    /// Whether a report may draw this from the experiment.
    #[must_use]
    pub fn shows(&self, what: Shows) -> bool {
        self.shows.contains(&what)
    }

    /// The subjects, grouped by transport, the iterative one of each first.
    #[must_use]
    pub fn subjects(&self) -> Vec<&'a Subject> {
        self.subjects.clone()
    }

    /// The values on the axis, as configured, ascending.
    #[must_use]
    pub fn xs(&self) -> Vec<f64> {
        self.xs.clone()
    }

    /// The runs of one cell in the order of their repetitions: the twins, or the others.
    #[must_use]
    pub fn cell(&self, subject: &Subject, x: f64, twin: bool) -> Vec<Run<'a>> {
        let mut runs: Vec<Run<'a>> = self
            .runs
            .iter()
            .filter(|run| {
                let cell = &run.record.cell;
                cell.subject.name == subject.name && cell.x() == x && run.record.twin == twin
            })
            .copied()
            .collect();
        runs.sort_by_key(|run| run.record.repetition);
        runs
    }

    /// The runs of two cells in pairs of one repetition and one plan.
    #[must_use]
    pub fn pairs(&self, left: &[Run<'a>], right: &[Run<'a>]) -> Vec<(Run<'a>, Run<'a>)> {
        left.iter()
            .filter_map(|one| {
                let same = |other: &&Run<'a>| {
                    other.record.repetition == one.record.repetition
                        && other.measured.plan_hash == one.measured.plan_hash
                };
                right.iter().find(same).map(|other| (*one, *other))
            })
            .collect()
    }
}
