//! The answer: what `advise --json` prints.

use std::collections::BTreeMap;

use analysis::text;
use serde::Serialize;
use servers::Design;
use workload::PlanError;

use crate::asked::{Asked, Traffic};
use crate::choice::{Decision, decide};
use crate::costs::MachineCosts;
use crate::measure::{Confidence, Reason, confidence, reasons};
use crate::prediction::Prediction;
use crate::real_servers::{RealServer, real_servers};
use crate::rules::{Because, because};

/// The most cores that are tried for a workload that the given ones cannot carry.
const MOST_CORES: u32 = 1024;

/// The most requests that a queue should hold: longer ones only make everybody wait.
const LONGEST_QUEUE: f64 = 65_535.0;

/// The least limit of connections: a few slow clients must not meet it.
const LEAST_CONNECTIONS: f64 = 64.0;

/// Descriptors that a server needs besides those of its connections and workers.
const OWN_DESCRIPTORS: f64 = 16.0;

/// The answer to a workload.
#[derive(Debug, Serialize)]
pub struct Advice {
    /// The design to take; null if none carries the load.
    pub choice: Option<Chosen>,
    /// The best of another kind.
    pub runner_up: Option<Chosen>,
    /// The iterative server.
    pub iterative: Chosen,
    /// What each design would do.
    pub predicted: BTreeMap<&'static str, Prediction>,
    /// The rules that fired.
    pub because: Vec<Because>,
    /// Reasons to measure.
    pub measure: Vec<Reason>,
    /// How far the answer can be trusted; `low` if there is no choice.
    pub confidence: Confidence,
    /// Whether no design carries the load.
    pub overloaded: bool,
    /// Whether the prediction of the choice meets the target; null without one.
    pub meets_target: Option<bool>,
    /// What would carry it, if none does.
    pub remedies: Vec<String>,
    /// The processing time at which concurrency begins to pay here, in nanoseconds.
    pub break_even_ns: Option<f64>,
    /// What is taken to be true.
    pub assumptions: Vec<String>,
    /// The command that tests it on this machine.
    pub test_command: String,
    /// What the choice is called in the servers that people run.
    pub real_servers: Vec<RealServer>,
    /// The costs behind the predictions.
    pub costs: String,
}

/// A design with its settings.
#[derive(Debug, Serialize)]
pub struct Chosen {
    /// Its name.
    pub design: &'static str,
    /// The design as a noun phrase.
    pub phrase: &'static str,
    /// Which of the four classic types it is.
    pub classic_type: String,
    /// Its workers, or the most that it creates.
    pub workers: u32,
    /// The sum behind the number.
    pub workers_sum: String,
    /// Limits to set.
    pub limits: BTreeMap<&'static str, u64>,
}

/// Advises for a workload.
///
/// # Errors
/// If the workload cannot be drawn.
pub fn advise(
    asked: &Asked,
    costs: &MachineCosts,
    test_command: String,
) -> Result<Advice, PlanError> {
    let decision = decide(asked, costs)?;
    let measure = reasons(asked, &decision, costs);
    let chosen = |design: &'static Design| chosen(design, &decision, asked);
    let choice = decision.choice.map(chosen);

    let overloaded = choice.is_none();
    Ok(Advice {
        real_servers: match (&choice, decision.choice) {
            (Some(its), Some(design)) => {
                let connections = its.limits.get("connections").copied().unwrap_or(0);
                real_servers(design, its.workers, u32::try_from(connections).unwrap_or(u32::MAX))
            }
            _ => Vec::new(),
        },
        choice,
        runner_up: decision.runner_up.map(chosen),
        iterative: chosen(decision.iterative),
        predicted: decision.by_name().into_iter().map(|(name, its)| (name, its.clone())).collect(),
        because: because(asked, &decision, costs),
        confidence: if overloaded { Confidence::Low } else { confidence(&measure, costs) },
        measure,
        overloaded,
        meets_target: decision.meets_target(asked),
        remedies: if overloaded { remedies(asked, &decision, costs)? } else { Vec::new() },
        break_even_ns: decision.break_even_ns,
        assumptions: assumptions(asked),
        test_command,
        costs: costs.machine.clone(),
    })
}

fn chosen(design: &'static Design, decision: &Decision, asked: &Asked) -> Chosen {
    let prediction = decision.of(design);
    let workers = prediction.map_or(1, |its| its.workers);
    Chosen {
        design: design.name,
        phrase: design.phrase,
        classic_type: classic_type(design),
        workers,
        workers_sum: prediction.map(|its| its.sum.clone()).unwrap_or_default(),
        limits: limits(prediction, workers, asked),
    }
}

/// The classic type: iterative or concurrent, connectionless or connection-oriented.
fn classic_type(design: &Design) -> String {
    use servers::Concurrency::{Apparent, Concurrent, Iterative};
    let kind = match design.concurrency {
        Iterative => "iterative",
        Concurrent => "concurrent",
        Apparent => "apparently concurrent (few threads for many clients)",
    };
    let orientation = match design.transport() {
        protocol::Transport::Udp => "connectionless",
        protocol::Transport::Tcp => "connection-oriented",
    };
    format!("{kind}, {orientation}")
}

/// Limits to set: connections and descriptors by Little's law with three deviations, and a queue that
/// is cleared within the target, or within a second.
fn limits(
    prediction: Option<&Prediction>,
    workers: u32,
    asked: &Asked,
) -> BTreeMap<&'static str, u64> {
    let mut limits = BTreeMap::new();
    let open = asked.connections();
    let most = if matches!(asked.traffic, Traffic::Closed { .. }) {
        open
    } else {
        model::at_three_deviations(open)
    };
    if asked.transport == protocol::Transport::Tcp {
        let most = most.max(LEAST_CONNECTIONS);
        limits.insert("connections", most.ceil() as u64);
        let descriptors = most + f64::from(workers) + OWN_DESCRIPTORS;
        limits.insert("descriptors", descriptors.ceil() as u64);
        let pause_s = match asked.traffic {
            Traffic::Requests { .. } => 0.0,
            Traffic::Sessions { think, .. } | Traffic::Closed { think, .. } => think.mean() / 1e9,
        };
        limits.insert("idle_timeout_s", (4.0 * pause_s).max(60.0).ceil() as u64);
    }
    let within_s = asked.target.map_or(1.0, |target| target.below_ns / 1e9);
    let capacity = prediction.map_or(0.0, |its| its.capacity_per_s);
    if capacity.is_finite() {
        limits.insert("queue", (capacity * within_s).ceil().clamp(1.0, LONGEST_QUEUE) as u64);
    }
    limits
}

/// What would make the load bearable.
fn remedies(
    asked: &Asked,
    decision: &Decision,
    costs: &MachineCosts,
) -> Result<Vec<String>, PlanError> {
    let mut found = Vec::new();
    let mut cores = asked.cores;
    while cores < MOST_CORES {
        cores *= 2;
        let more = decide(&Asked { cores, ..asked.clone() }, costs)?;
        if let Some(choice) = more.choice {
            found.push(format!("{cores} cores: {} then carries it", choice.phrase));
            break;
        }
    }
    let able = decision.predictions.iter().filter(|(design, prediction)| {
        crate::candidates::obstacle(design, asked).is_none() && prediction.utilisation.is_some()
    });
    let most = able.map(|(_, its)| its.capacity_per_s).fold(0.0, f64::max);
    let load = asked.requests_per_s();
    if most > 0.0 && most < load {
        let bearable = 0.8 * most;
        found.push(format!(
            "a rate of {} requests, 80 % of what the best design can serve",
            text::rate(bearable)
        ));
        if asked.compute.mean() * load / 1e9 > 0.5 * f64::from(asked.cores) {
            found.push(format!(
                "less computing: {} for each request instead of {}",
                text::time(asked.compute.mean() * bearable / load),
                text::time(asked.compute.mean())
            ));
        } else if asked.wait.mean() > 0.0 {
            found.push(format!(
                "less waiting: {} for each request instead of {}",
                text::time(asked.wait.mean() * bearable / load),
                text::time(asked.wait.mean())
            ));
        }
    }
    Ok(found)
}

/// What the prediction takes to be true.
fn assumptions(asked: &Asked) -> Vec<String> {
    let mut found = vec![match asked.traffic {
        Traffic::Closed { .. } => {
            "each client waits for its reply and pauses before it asks again".to_owned()
        }
        Traffic::Requests { .. } => {
            "requests come at random, independently of each other (Poisson)".to_owned()
        }
        Traffic::Sessions { .. } => {
            "sessions begin at random, independently of each other (Poisson)".to_owned()
        }
    }];
    if let Traffic::Sessions { kept: Some(kept), .. } = asked.traffic
        && f64::from(kept) < asked.connections() * 0.95
    {
        found.push(format!(
            "{} sessions are open at a time by Little's law, more than the {kept} clients that were \
             given; the greater number counts",
            text::three_digits(asked.connections())
        ));
    }
    found.push(format!("the server has {} of its own", cores(asked.cores)));
    found
}

fn cores(count: u32) -> String {
    if count == 1 { "one core".to_owned() } else { format!("{count} cores") }
}
