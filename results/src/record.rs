//! One run: what was asked, where it was made, and its result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Bound, Cell, Failure, Machine, Measurement, Placement, Setup, Shows, TimeHistogram, Times, Wins,
};

/// The version of the format that this program writes, and the newest it reads.
pub const FORMAT: u32 = 2;

/// One run of one cell of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Record {
    /// Version of this format.
    pub format: u32,
    /// The program that made the run.
    pub program: Program,
    /// Where the run was made.
    pub testbed: TestbedKind,
    /// Name of the scenario.
    pub scenario: String,
    /// The question that the scenario asks: the title of the page.
    #[serde(default)]
    pub title: String,
    /// Name of the experiment within it.
    pub experiment: String,
    /// The experiment's position in the scenario, from 0.
    pub position: u32,
    /// The question that the experiment asks.
    pub question: String,
    /// What a report may draw from it.
    pub shows: Vec<Shows>,
    /// What decides which subject is the best.
    #[serde(default)]
    pub wins: Wins,
    /// The bound of a capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// Which cell of the experiment.
    pub cell: Cell,
    /// The position of the subject among the designs of the experiment, from 0; 0 in records that
    /// are older than this field.
    #[serde(default)]
    pub listed: u32,
    /// Load and server.
    pub setup: Setup,
    /// Which repetition of the cell, from 0.
    pub repetition: u32,
    /// The second of two identical cells, run to learn how much identical runs differ.
    pub twin: bool,
    /// Position of this run in the order in which all were made.
    pub order: u32,
    /// Seed of the plan; the same for every design of a cell and repetition.
    pub seed: u64,
    /// When it started, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// The machines that took part, the first of them with generator and server.
    pub hosts: Vec<Host>,
    /// The result of the run.
    pub outcome: Outcome,
}

/// A machine that took part in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Host {
    /// The machine.
    pub machine: Machine,
    /// Which of its cores the generator and the server ran on.
    pub placement: Placement,
}

/// The program that made a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Program {
    /// Its version; empty in records of format 1.
    pub version: String,
    /// The commit that it was built from, where that was known.
    pub commit: Option<String>,
}

/// Where a run was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TestbedKind {
    /// With sockets and processes.
    Real,
    /// In arithmetic.
    Simulated,
}

impl Record {
    /// The cores of generator and server.
    #[must_use]
    pub fn placement(&self) -> Option<&Placement> {
        self.hosts.first().map(|host| &host.placement)
    }

    /// The record without what no page shows of it, in as little memory as possible: a bench and a
    /// report keep all records at once.
    #[must_use]
    pub fn for_report(mut self) -> Self {
        if let Outcome::Measured(measured) = &mut self.outcome {
            let times = std::mem::take(&mut measured.times);
            measured.times = Times {
                response_time: times.response_time.compact(),
                response_time_short: times.response_time_short.map(TimeHistogram::compact),
                burst_means: times.burst_means.map(TimeHistogram::compact),
                service_time: times.service_time.compact(),
                ..Times::default()
            };
            measured.statuses_by_code = BTreeMap::new();
            measured.parts = None;
            measured.series = None;
        }
        self
    }
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was measured.
    Measured(Box<Measurement>),
    /// It was not.
    Failed(Failure),
}

#[cfg(test)]
mod tests {
    use super::Record;

    /// If it fails, what it prints belongs into the file.
    #[test]
    fn the_schema_of_the_records_is_committed() {
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Record)).expect("data");
        let committed = include_str!("../../schemas/record.schema.json");
        assert!(committed.trim_end() == schema, "schemas/record.schema.json should be:\n{schema}");
    }
}
