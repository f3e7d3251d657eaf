//! Selects the records of a bench that count: each run once, and all runs of a point under one
//! load.
//!
//! A bench that was resumed, or copied together, may hold a run twice, or a failure that a later
//! run has replaced. It may also hold runs of one point under different loads, because its scenario
//! was edited in between. Counting all of them would mix runs that cannot be compared, and would
//! make intervals too narrow by counting runs twice.

use std::collections::{BTreeMap, HashMap, HashSet};

use protocol::Transport;

use crate::{Outcome, Parameter, Placement, Record, Setup};

/// What identifies a run: its place in the scenario, and its whole load and server setup.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunKey {
    /// Its place in the scenario.
    pub place: Place,
    /// Load, seed and server in full: a run with others under the same name is another run.
    pub setup: String,
}

/// The place of a run in its scenario.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the subject.
    pub subject: String,
    /// Its point: parameters, and the bits of their values.
    pub point: Vec<(Parameter, u64)>,
    /// Which repetition.
    pub repetition: u32,
    /// Whether it is the second of two identical runs.
    pub twin: bool,
}

impl RunKey {
    /// The key of a run at a place, under a load from a seed, on a server with these cores.
    #[must_use]
    pub fn new(place: Place, setup: &Setup, seed: u64, placement: Option<&Placement>) -> Self {
        Self { place, setup: format!("{seed} {}", in_words(setup, placement)) }
    }

    /// The key of a recorded run.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let place = Place {
            experiment: record.experiment.clone(),
            subject: record.cell.subject.name.clone(),
            point: bits(&record.cell.point),
            repetition: record.repetition,
            twin: record.twin,
        };
        Self::new(place, &record.setup, record.seed, record.placement())
    }
}

/// A load and its server's setup as text, without the seed, which differs between repetitions.
fn in_words(setup: &Setup, placement: Option<&Placement>) -> String {
    let setup = serde_json::to_string(setup).expect("a setup is plain data");
    format!("{setup} on cores {:?}", placement.map(|placement| &placement.server_cores))
}

/// A point in a form that can be compared exactly.
#[must_use]
pub fn bits(point: &BTreeMap<Parameter, f64>) -> Vec<(Parameter, u64)> {
    point.iter().map(|(parameter, value)| (*parameter, value.to_bits())).collect()
}

/// The records that count, and how many do not.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// In the order of the file.
    pub records: Vec<Record>,
    /// Runs left out because they occur again; the last one counts.
    pub repeated: usize,
    /// Runs left out because they were disturbed and made again.
    pub made_again: usize,
    /// Runs left out because their load, seed or server differs from the last ones of their point.
    pub of_another_setup: usize,
    /// What the scenario asks for and no record has: experiments, and points of others.
    pub missing: Vec<String>,
}

impl Settled {
    /// Selects the records that count.
    #[must_use]
    pub fn of(records: Vec<Record>) -> Self {
        let (current, of_another_setup) = under_the_last_setup(records);
        let mut last = HashMap::new();
        for (number, record) in current.iter().enumerate() {
            let worth = worth(record);
            let kept = last.entry(RunKey::of(record).place).or_insert((worth, number));
            // A failure never replaces a measurement, and a disturbed run no other one.
            if worth >= kept.0 {
                *kept = (worth, number);
            }
        }
        let kept: HashSet<usize> = last.values().map(|(_, number)| *number).collect();
        let (mut repeated, mut made_again) = (0, 0);
        let mut settled = Vec::with_capacity(kept.len());
        for (number, record) in current.into_iter().enumerate() {
            if kept.contains(&number) {
                settled.push(record);
                continue;
            }
            match worth(&record) {
                Worth::Nothing => {}
                Worth::Little => made_again += 1,
                Worth::Full => repeated += 1,
            }
        }
        Self { records: settled, repeated, made_again, of_another_setup, missing: Vec::new() }
    }
}

/// What a record is worth beside another of the same run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// The run failed.
    Nothing,
    /// The run was disturbed.
    Little,
    /// The run counts.
    Full,
}

fn worth(record: &Record) -> Worth {
    match &record.outcome {
        Outcome::Failed(_) => Worth::Nothing,
        Outcome::Measured(measured) if measured.is_disturbed() => Worth::Little,
        Outcome::Measured(_) => Worth::Full,
    }
}

/// Leaves out runs whose load differs from that of the last record of their point, and runs whose
/// seed differs from that of the last record of their repetition: such runs make no pairs.
fn under_the_last_setup(records: Vec<Record>) -> (Vec<Record>, usize) {
    // Subjects of one transport share a load; over the other transport the connections differ.
    let point = |record: &Record| {
        let cell = &record.cell;
        (record.experiment.clone(), bits(&cell.point), cell.subject.transport == Transport::Udp)
    };
    let load = |record: &Record| {
        let load = serde_json::to_string(&record.setup.load).expect("a load is plain data");
        format!("{load} on cores {:?}", record.placement().map(|it| &it.server_cores))
    };
    let subject = |record: &Record| (point(record), record.cell.subject.name.clone());
    let mut loads = HashMap::new();
    let mut servers = HashMap::new();
    let mut seeds = HashMap::new();
    for record in &records {
        loads.insert(point(record), load(record));
        servers.insert(subject(record), record.setup.server.clone());
        seeds.insert((point(record), record.repetition), record.seed);
    }
    let all = records.len();
    let counts = |record: &Record| {
        let point = point(record);
        loads.get(&point) == Some(&load(record))
            && servers.get(&subject(record)) == Some(&record.setup.server)
            && seeds.get(&(point, record.repetition)) == Some(&record.seed)
    };
    let current: Vec<Record> = records.into_iter().filter(counts).collect();
    let left_out = all - current.len();
    (current, left_out)
}
