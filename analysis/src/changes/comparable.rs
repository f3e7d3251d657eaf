//! Whether two benches or loads may be compared: what differs between them besides what was measured.

use results::{Host, Record, TestbedKind};
use serde_json::Value;

use super::loads::{SAVED_LOAD, saved_load};

/// Something that differs between two benches or loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What: `scenario`, `load`, `seed`, `machine`, `kernel`, `placement`, `testbed`, `server`, `target` or `program`.
    pub what: &'static str,
    /// How, in words.
    pub text: String,
    /// Whether it makes a comparison meaningless.
    pub forbids: bool,
}

/// What differs between two benches or loads, each thing once.
#[must_use]
pub fn differences(before: &[Record], after: &[Record]) -> Vec<Difference> {
    let (Some(first), Some(second)) = (before.first(), after.first()) else { return Vec::new() };
    let mut found = Vec::new();
    let mut differ = |what, forbids, one: String, other: String| {
        if one != other {
            found.push(Difference { what, text: format!("{one} and {other}"), forbids });
        }
    };
    let kind = |records: &[Record]| match saved_load(records) {
        Some(_) => "a load".to_owned(),
        None => "a bench".to_owned(),
    };
    differ("scenario", true, kind(before), kind(after));
    differ("scenario", true, first.scenario.clone(), second.scenario.clone());
    let testbed = |record: &Record| match record.testbed {
        TestbedKind::Real => "measured".to_owned(),
        TestbedKind::Simulated => "simulated".to_owned(),
    };
    differ("testbed", true, testbed(first), testbed(second));
    differ("machine", true, of_host(first, machine), of_host(second, machine));
    differ("kernel", true, of_host(first, kernel), of_host(second, kernel));
    differ("program", false, program(first), program(second));
    for (one, other) in in_common(before, after) {
        differ("placement", true, of_host(one, placement), of_host(other, placement));
        if one.scenario == SAVED_LOAD {
            // What a load exchanges.
            differ("load", true, one.question.clone(), other.question.clone());
        }
        let (ours, its) = different_keys(&one.setup.load, &other.setup.load);
        differ("load", true, ours, its);
        differ("seed", true, one.seed.to_string(), other.seed.to_string());
        differ("target", false, one.setup.server.target.clone(), other.setup.server.target.clone());
        let without_target = |record: &Record| {
            let mut server = record.setup.server.clone();
            server.target = String::new();
            server
        };
        let (ours, its) = different_keys(&without_target(one), &without_target(other));
        differ("server", false, ours, its);
    }
    once(found)
}

/// The first difference of each kind.
fn once(all: Vec<Difference>) -> Vec<Difference> {
    let mut kept: Vec<Difference> = Vec::new();
    for one in all {
        if !kept.iter().any(|it| it.what == one.what) {
            kept.push(one);
        }
    }
    kept
}

/// The runs of the same cell and repetition in both; two loads are the same cell.
fn in_common<'a>(before: &'a [Record], after: &'a [Record]) -> Vec<(&'a Record, &'a Record)> {
    let is_same = |one: &Record, other: &Record| {
        one.scenario == SAVED_LOAD
            || one.experiment == other.experiment
                && one.cell.subject.name == other.cell.subject.name
                && one.cell.point == other.cell.point
                && one.repetition == other.repetition
                && one.twin == other.twin
    };
    before
        .iter()
        .filter_map(|one| Some((one, after.iter().find(|other| is_same(one, other))?)))
        .collect()
}

fn of_host(record: &Record, what: fn(&Host) -> String) -> String {
    record.hosts.first().map_or_else(String::new, what)
}

fn machine(host: &Host) -> String {
    let machine = &host.machine;
    let gib = machine.memory_bytes as f64 / 1_073_741_824.0;
    format!("{} with {} cores and {gib:.0} GiB", machine.processor, machine.cores)
}

fn kernel(host: &Host) -> String {
    format!("Linux {}", host.machine.kernel)
}

fn placement(host: &Host) -> String {
    let its = &host.placement;
    format!(
        "generator on cores {:?}, server on {:?}, pacing {}",
        its.generator_cores, its.server_cores, its.pacing
    )
}

fn program(record: &Record) -> String {
    let commit = record.program.commit.as_deref().unwrap_or("unknown commit");
    format!("version {} ({commit})", record.program.version)
}

/// The fields in which two values differ, of each in words.
fn different_keys(one: &impl serde::Serialize, other: &impl serde::Serialize) -> (String, String) {
    let of = |it: Result<Value, serde_json::Error>| match it {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (one, other) = (of(serde_json::to_value(one)), of(serde_json::to_value(other)));
    let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut differ = (Vec::new(), Vec::new());
    for key in keys {
        let (ours, its) = (one.get(key), other.get(key));
        if ours != its {
            let word = |value: Option<&Value>| match value {
                Some(value) => format!("{key} {value}"),
                None => format!("no {key}"),
            };
            differ.0.push(word(ours));
            differ.1.push(word(its));
        }
    }
    (differ.0.join(", "), differ.1.join(", "))
}
