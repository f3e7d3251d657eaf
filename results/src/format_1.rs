//! Reads records of format 1 as records of the current format. Nothing writes format 1 any more.

use protocol::Transport;
use serde::Deserialize;

use crate::cell::point;
use crate::{
    Allocation, Cell, Concurrency, Host, Load, Machine, Outcome, Parameter, Placement, Program,
    Record, ServerSetup, Setup, Shows, Subject, TestbedKind, Wins, WorkUnit,
};

#[derive(Deserialize)]
pub(crate) struct Record1 {
    scenario: String,
    #[serde(default)]
    title: String,
    experiment: String,
    position: u32,
    question: String,
    shows: Vec<Shows>,
    cell: Cell1,
    repetition: u32,
    twin: bool,
    order: u32,
    seed: u64,
    started_unix_ms: u64,
    machine: Machine,
    placement: Placement,
    outcome: Outcome,
}

#[derive(Deserialize)]
struct Cell1 {
    design: String,
    axis: Axis1,
    x: f64,
    load: Load,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Axis1 {
    Wait,
    Compute,
    Rate,
    None,
}

impl From<Record1> for Record {
    fn from(old: Record1) -> Self {
        let axis = match old.cell.axis {
            Axis1::Wait => Some(Parameter::Wait),
            Axis1::Compute => Some(Parameter::Compute),
            Axis1::Rate => Some(Parameter::Rate),
            Axis1::None => None,
        };
        Self {
            format: crate::FORMAT,
            program: Program::default(),
            // The simulated testbed wrote no files.
            testbed: TestbedKind::Real,
            scenario: old.scenario,
            title: old.title,
            experiment: old.experiment,
            position: old.position,
            question: old.question,
            shows: old.shows,
            wins: Wins::default(),
            bound: None,
            listed: 0,
            cell: Cell { subject: subject(&old.cell.design), point: point(axis, old.cell.x) },
            setup: Setup { load: old.cell.load, server: ServerSetup::default() },
            repetition: old.repetition,
            twin: old.twin,
            order: old.order,
            seed: old.seed,
            started_unix_ms: old.started_unix_ms,
            hosts: vec![Host { machine: old.machine, placement: old.placement }],
            outcome: old.outcome,
        }
    }
}

/// The facts of a design, from its name `TRANSPORT-IDEA`: format 1 kept only the name.
fn subject(name: &str) -> Subject {
    let (transport, idea) = name.split_once('-').unwrap_or(("tcp", name));
    let transport = if transport == "udp" { Transport::Udp } else { Transport::Tcp };
    let label = idea.replace('-', " ");
    let has = |words: &[&str]| words.iter().any(|word| label.contains(word));
    let (concurrency, unit) = match () {
        () if label == "iterative" => (Concurrency::Iterative, WorkUnit::Master),
        () if has(&["loop"]) => (Concurrency::Apparent, WorkUnit::Loop),
        () if has(&["task"]) => (Concurrency::Apparent, WorkUnit::Task),
        () if has(&["process", "fork", "passed", "session", "delayed"]) => {
            (Concurrency::Concurrent, WorkUnit::Process)
        }
        () => (Concurrency::Concurrent, WorkUnit::Thread),
    };
    let allocation = match concurrency {
        Concurrency::Iterative => Allocation::None,
        _ if has(&[" per "]) => Allocation::OnDemand,
        _ => Allocation::Preallocated,
    };
    let article = if label.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    let phrase = match concurrency {
        Concurrency::Iterative => {
            format!("the iterative {} server", transport.to_string().to_uppercase())
        }
        _ => format!("{article} {label}"),
    };
    let name = name.to_owned();
    Subject { name, label, phrase, transport, concurrency, allocation, unit }
}
