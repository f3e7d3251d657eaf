//! Groups records by experiment.

use std::collections::BTreeMap;

use protocol::Transport;
use results::{Bound, Measurement, Outcome, Parameter, Record, Shows, Subject, Wins, WorkUnit};

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
    /// What decides which subject is the best.
    pub wins: Wins,
    /// The bound of a capacity.
    pub bound: Option<Bound>,
    /// Its measured runs, in the order of the file, without those that were disturbed. A cell that
    /// has disturbed runs only is shown with these, but they decide nothing.
    pub runs: Vec<Run<'a>>,
    /// Its runs that were disturbed from outside.
    pub disturbed: Vec<Run<'a>>,
    /// Its runs that failed.
    failed: Vec<&'a Record>,
    /// What [`Experiment::subjects`], [`Experiment::points`] and [`Experiment::xs`] return; every
    /// point of a curve asks for them.
    subjects: Vec<&'a Subject>,
    points: Vec<BTreeMap<Parameter, f64>>,
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
                wins: record.wins,
                bound: record.bound,
                runs: Vec::new(),
                disturbed: Vec::new(),
                failed: Vec::new(),
                subjects: Vec::new(),
                points: Vec::new(),
                xs: Vec::new(),
            });
        }
        let experiment = found
            .iter_mut()
            .find(|experiment| experiment.name == record.experiment)
            .expect("it was put there above");
        // A scenario may have been edited between its runs; the latest questions count.
        (experiment.question, experiment.shows) = (&record.question, &record.shows);
        (experiment.position, experiment.wins) = (record.position, record.wins);
        experiment.bound = record.bound;
        match &record.outcome {
            Outcome::Failed(_) => experiment.failed.push(record),
            Outcome::Measured(measured) if measured.is_disturbed() => {
                experiment.disturbed.push(Run { record, measured });
            }
            Outcome::Measured(measured) => experiment.runs.push(Run { record, measured }),
        }
    }
    for experiment in &mut found {
        experiment.add_what_was_only_disturbed();
        experiment.subjects = subjects_of(&experiment.runs);
        experiment.points = points_of(&experiment.runs);
        experiment.xs = xs_of(&experiment.points);
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

fn points_of(runs: &[Run<'_>]) -> Vec<BTreeMap<Parameter, f64>> {
    let mut points: Vec<_> = runs.iter().map(|run| run.record.cell.point.clone()).collect();
    points.sort_by(|one, other| {
        let pairs = one.values().zip(other.values());
        let unequal = pairs.map(|(left, right)| left.total_cmp(right)).find(|it| it.is_ne());
        unequal.unwrap_or_else(|| one.len().cmp(&other.len()))
    });
    points.dedup();
    points
}

fn xs_of(points: &[BTreeMap<Parameter, f64>]) -> Vec<f64> {
    let mut xs: Vec<f64> =
        points.iter().map(|point| point.values().next().copied().unwrap_or(0.0)).collect();
    xs.dedup();
    xs
}

impl<'a> Experiment<'a> {
    /// Adds the disturbed runs of the cells that have no other.
    fn add_what_was_only_disturbed(&mut self) {
        let has_other = |one: &&Run<'a>| {
            let record = one.record;
            self.runs
                .iter()
                .any(|run| run.record.cell == record.cell && run.record.twin == record.twin)
        };
        let alone: Vec<Run<'a>> =
            self.disturbed.iter().filter(|one| !has_other(one)).copied().collect();
        self.runs.extend(alone);
    }

    /// Whether all subjects of a transport were tried at a point. A point that was added for one pair
    /// ranks nobody else.
    #[must_use]
    pub fn tried_all_at(&self, transport: Transport, point: &BTreeMap<Parameter, f64>) -> bool {
        let runs = self.runs.iter().map(|run| run.record);
        let records: Vec<&Record> = runs.chain(self.failed.iter().copied()).collect();
        let is_tried = |subject: &&Subject| {
            records.iter().any(|it| {
                it.cell.subject.name == subject.name && it.cell.point == *point && !it.twin
            })
        };
        self.subjects.iter().filter(|it| it.transport == transport).all(is_tried)
    }

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

    /// The subjects in the order in which the experiment names them; those of old records in that of
    /// [`Experiment::subjects`].
    #[must_use]
    pub fn subjects_as_listed(&self) -> Vec<&'a Subject> {
        let listed = |subject: &Subject| {
            let all = self.runs.iter().map(|run| run.record);
            let mut of_it = all.filter(|record| record.cell.subject.name == subject.name);
            of_it.next_back().map_or(0, |record| record.listed)
        };
        let mut subjects = self.subjects();
        subjects.sort_by_cached_key(|subject| listed(subject));
        subjects
    }

    /// The values on the axis, as configured, ascending.
    #[must_use]
    pub fn xs(&self) -> Vec<f64> {
        self.xs.clone()
    }

    /// The points, as configured, ascending; a single empty one without an axis.
    #[must_use]
    pub fn points(&self) -> &[BTreeMap<Parameter, f64>] {
        &self.points
    }

    /// The runs of the cell of a subject at a point, as [`Experiment::cell`] gives them.
    #[must_use]
    pub fn cell_at(
        &self,
        subject: &Subject,
        point: &BTreeMap<Parameter, f64>,
        twin: bool,
    ) -> Vec<Run<'a>> {
        let mut runs = of_cell(&self.runs, subject, point, twin);
        runs.sort_by_key(|run| run.record.repetition);
        runs
    }

    /// The same with the runs that were disturbed, for what does not depend on time.
    #[must_use]
    pub fn all_of_cell_at(
        &self,
        subject: &Subject,
        point: &BTreeMap<Parameter, f64>,
    ) -> Vec<Run<'a>> {
        let mut runs = of_cell(&self.disturbed, subject, point, false);
        runs.extend(of_cell(&self.runs, subject, point, false));
        runs.sort_by_key(|run| run.record.repetition);
        runs
    }

    /// How many runs of a subject at a point were disturbed and do not count.
    #[must_use]
    pub fn disturbed_at(&self, subject: &Subject, point: &BTreeMap<Parameter, f64>) -> usize {
        of_cell(&self.disturbed, subject, point, false).len()
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

fn of_cell<'a>(
    runs: &[Run<'a>],
    subject: &Subject,
    point: &BTreeMap<Parameter, f64>,
    twin: bool,
) -> Vec<Run<'a>> {
    let is_of_it = |run: &&Run<'a>| {
        let cell = &run.record.cell;
        cell.subject.name == subject.name && cell.point == *point && run.record.twin == twin
    };
    runs.iter().filter(is_of_it).copied().collect()
}
