//! A load as a record, so that it can be compared with another one later.

use std::collections::BTreeMap;

use analysis::changes::SAVED_LOAD;

use results::{
    Allocation, Cell, Concurrency, FORMAT, Host, Machine, Measurement, Outcome, Placement, Record,
    ServerSetup, Setup, Subject, TestbedKind, Wins, WorkUnit,
};
use workload::Plan;

use crate::bench::sweep::this_program;
use crate::cli::{LoadArgs, Scheme, TargetService};
use crate::setup::{Trouble, load_in_words, without_user};

/// The record of a load as one line of JSON, which `crossover compare` reads.
pub(super) fn line(
    arguments: &LoadArgs,
    plan: &Plan,
    host: (Machine, Placement),
    started_unix_ms: u64,
    measured: &Measurement,
) -> Vec<u8> {
    let record = record(arguments, plan, host, started_unix_ms, measured);
    let mut line = serde_json::to_vec(&record).expect("a record is plain data");
    line.push(b'\n');
    line
}

fn record(
    arguments: &LoadArgs,
    plan: &Plan,
    (machine, placement): (Machine, Placement),
    started_unix_ms: u64,
    measured: &Measurement,
) -> Record {
    let transport = arguments.target.scheme.transport();
    let trouble = Trouble { network: super::network(arguments), misbehaving: None };
    Record {
        format: FORMAT,
        program: this_program(),
        testbed: TestbedKind::Real,
        scenario: SAVED_LOAD.to_owned(),
        title: String::new(),
        experiment: "load".to_owned(),
        position: 0,
        question: exchange(arguments),
        shows: Vec::new(),
        wins: Wins::Mean,
        bound: None,
        cell: Cell {
            subject: Subject {
                name: "target".to_owned(),
                label: "target".to_owned(),
                phrase: "the server".to_owned(),
                transport,
                // Nothing is known of what it is; these say the least.
                concurrency: Concurrency::Concurrent,
                allocation: Allocation::Preallocated,
                unit: WorkUnit::Process,
            },
            point: BTreeMap::new(),
        },
        listed: 0,
        setup: Setup {
            load: results::Load {
                network: trouble.network_in_words(),
                ..load_in_words(&plan.spec, transport)
            },
            server: ServerSetup { target: target(arguments), ..ServerSetup::default() },
        },
        repetition: 0,
        twin: false,
        order: 0,
        seed: plan.spec.seed,
        started_unix_ms,
        hosts: vec![Host { machine, placement }],
        outcome: Outcome::Measured(Box::new(measured.clone())),
    }
}

/// The target without a user's name and password, and without what may be a secret in its query.
pub(super) fn target(arguments: &LoadArgs) -> String {
    let target = &arguments.target;
    let scheme = match target.scheme {
        Scheme::Udp => "udp",
        Scheme::Tcp => "tcp",
        Scheme::Http => "http",
    };
    without_user(&format!("{scheme}://{}{}", target.host, target.path))
}

/// What is exchanged, without what may be a secret.
fn exchange(arguments: &LoadArgs) -> String {
    if arguments.target.scheme == Scheme::Http {
        let names = arguments.headers.iter().filter_map(|field| field.split(':').next());
        let names: Vec<&str> = names.collect();
        let bytes = arguments.body.as_ref().map_or(0, |body| body.0.len());
        let fields =
            if names.is_empty() { String::new() } else { format!(" with {}", names.join(", ")) };
        return format!("{} and {bytes} bytes{fields}", arguments.method);
    }
    match (&arguments.send, arguments.service) {
        (Some(request), _) => format!("{} bytes of one's own", request.0.len()),
        (None, TargetService::Work) => "work".to_owned(),
        (None, TargetService::Echo) => "echo".to_owned(),
        (None, TargetService::Next) => "next".to_owned(),
    }
}
