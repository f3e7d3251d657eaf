//! The decision as a tree of questions, with the thresholds of this machine and this workload in the
//! place of rules of thumb.

use analysis::text;
use protocol::Transport;
use servers::{Allocation, Concurrency, Design, Stays, WorkUnit};

use crate::answer::Advice;
use crate::asked::{Asked, Traffic};
use crate::candidates::obstacle;
use crate::choice::IDLE_ENOUGH;
use crate::costs::MachineCosts;

/// How many times as long as its creation a worker must serve for the creation to be little.
const LITTLE: f64 = 10.0;

/// A question of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The question.
    pub question: &'static str,
    /// Where the line between the answers lies on this machine for this workload.
    pub here: String,
    /// What the workload has.
    pub yours: String,
    /// The answer.
    pub is_yes: bool,
    /// What follows from a yes, and from a no.
    pub leads_to: (&'static str, &'static str),
    /// Whether the way to the choice leads through this question.
    pub is_on_the_way: bool,
}

/// The tree for a workload, its questions in their order.
#[must_use]
pub fn tree(asked: &Asked, costs: &MachineCosts, advice: &Advice) -> Vec<Step> {
    let choice = advice.choice.as_ref().and_then(|its| Design::named(its.design));
    let is = |concurrency| choice.is_some_and(|it| it.concurrency == concurrency);
    let (is_iterative, has_workers) = (is(Concurrency::Iterative), is(Concurrency::Concurrent));
    let holds = holds_the_server(asked, advice);
    vec![
        Step { is_on_the_way: true, ..holds.clone() },
        Step { is_on_the_way: !holds.is_yes, ..is_idle(asked, costs, advice) },
        Step { is_on_the_way: !holds.is_yes, ..is_long(asked, advice) },
        Step { is_on_the_way: !is_iterative, ..one_loop(asked, costs, choice) },
        Step { is_on_the_way: has_workers, ..outlasts_creation(asked, costs, choice) },
        Step { is_on_the_way: has_workers, ..needs_processes(asked, costs, choice) },
    ]
}

fn design(asked: &Asked, udp: &str, tcp: &str) -> &'static Design {
    let name = if asked.transport == Transport::Udp { udp } else { tcp };
    Design::named(name).expect("it is in the catalogue")
}

fn holds_the_server(asked: &Asked, advice: &Advice) -> Step {
    let iterative = Design::named(advice.iterative.design);
    let ruled_out = iterative.and_then(|it| obstacle(it, asked));
    Step {
        question: "Is an iterative server ruled out?",
        here: "it serves one connection to its end, however long that pauses, and all clients in one process"
            .to_owned(),
        yours: match ruled_out {
            Some(why) => why.to_owned(),
            None if asked.transport == Transport::Udp => "requests are independent datagrams".to_owned(),
            None if asked.keeps_connections() => "a single connection is open".to_owned(),
            None => "each request has a connection of its own".to_owned(),
        },
        is_yes: ruled_out.is_some(),
        leads_to: ("go on with question 4", "go on with question 2"),
        is_on_the_way: false,
    }
}

/// Processor time of a request on a design, with what its connection costs.
fn busy_ns(design: &Design, asked: &Asked, costs: &MachineCosts) -> f64 {
    let is_tcp = asked.transport == Transport::Tcp;
    let connection_ns = if is_tcp && costs.connection_ns.is_finite() {
        costs.connection_ns / asked.requests_per_connection()
    } else {
        0.0
    };
    costs.request_ns(design) + connection_ns
}

fn per_s(ns: f64) -> f64 {
    if ns > 0.0 { 1e9 / ns } else { f64::INFINITY }
}

fn is_idle(asked: &Asked, costs: &MachineCosts, advice: &Advice) -> Step {
    let iterative = design(asked, "udp-iterative", "tcp-iterative");
    let most_per_s = per_s(asked.processing_ns() + busy_ns(iterative, asked, costs));
    let load_per_s = asked.requests_per_s();
    let is_chosen = advice.choice.as_ref().is_some_and(|it| it.design == iterative.name);
    Step {
        question: "Would a server that serves one request at a time be idle for more than half of the time?",
        here: format!(
            "it can serve {} of these requests, so it is idle for more than half of the time below {}",
            text::rate(most_per_s),
            text::rate(IDLE_ENOUGH * most_per_s)
        ),
        yours: text::rate(load_per_s),
        is_yes: load_per_s < IDLE_ENOUGH * most_per_s,
        leads_to: match is_chosen {
            true => (
                "an iterative server may be enough: go on with question 3",
                "requests would wait for each other: go on with question 3",
            ),
            false => (
                "go on with question 3",
                "requests would wait for each other: go on with question 3",
            ),
        },
        is_on_the_way: false,
    }
}

fn is_long(asked: &Asked, advice: &Advice) -> Step {
    let is_iterative =
        advice.choice.as_ref().is_some_and(|it| it.design == advice.iterative.design);
    let processing_ns = asked.processing_ns();
    let by_the_mean = advice.break_even_ns.map_or(!is_iterative, |at| processing_ns >= at);
    Step {
        question: "Is the processing long enough for overlap to pay?",
        here: match advice.break_even_ns {
            Some(at) => {
                format!("at this rate it pays from {} on, by the mean response time", text::time(at))
            }
                        None if matches!(asked.traffic, Traffic::Closed { .. }) => {
                "no break-even was sought: how often clients ask depends on how fast they are answered"
                    .to_owned()
            }
            None => {
                "no break-even was found between a thousandth and a thousand times your processing time"
                    .to_owned()
            },
        },
        yours: text::time(asked.processing_ns()),
                is_yes: by_the_mean,
        leads_to: match is_iterative {
            true => ("it would pay, but the iterative server is enough", "take the iterative server"),
            false => ("go on with question 4", "not by the mean, but the p99 is shorter: go on with question 4"),
        },
        is_on_the_way: false,
    }
}

fn one_loop(asked: &Asked, costs: &MachineCosts, choice: Option<&'static Design>) -> Step {
    let event_loop = design(asked, "udp-event-loop", "tcp-event-loop");
    let most_per_s = per_s(asked.compute.mean() + busy_ns(event_loop, asked, costs));
    let yours = match obstacle(event_loop, asked) {
        Some(why) => format!("{}, and {why}", text::rate(asked.requests_per_s())),
        None => text::rate(asked.requests_per_s()),
    };
    Step {
        question: "Can one thread do all the computing without ever being blocked?",
        here: format!(
            "one event loop can handle up to {} of these requests",
            text::rate(most_per_s)
        ),
        yours,
        is_yes: choice
            .is_some_and(|it| it.stays == Stays::Computing && it.allocation == Allocation::None),
        leads_to: ("take one event loop", "take several loops, or workers: go on with question 5"),
        is_on_the_way: false,
    }
}

fn outlasts_creation(asked: &Asked, costs: &MachineCosts, choice: Option<&'static Design>) -> Step {
    let (thread_ns, process_ns) = (
        costs.creation_thread_ns,
        costs.creation_process_ns
            + costs.creation_process_ns_per_mib * asked.memory_bytes / 1_048_576.0,
    );
    let held_ns = match asked.traffic {
        Traffic::Sessions { .. } => asked.session_ns(),
        Traffic::Requests { kept: None, .. } => Some(asked.processing_ns()),
        Traffic::Requests { kept: Some(_), .. } | Traffic::Closed { .. } => None,
    };
    Step {
        question: "Is a worker created when its client comes?",
        here: format!(
            "creation takes less than a tenth of the service from {} on for a thread, from {} on for a process",
            text::time(LITTLE * thread_ns),
            text::time(LITTLE * process_ns)
        ),
        yours: held_ns.map_or_else(|| "connections are kept".to_owned(), text::time),
        is_yes: choice.is_some_and(|it| it.allocation == Allocation::OnDemand),
        leads_to: (
            "create workers when clients come, up to a limit: go on with question 6",
            "create workers in advance, or only for requests that turn out to be long: go on with question 6",
        ),
        is_on_the_way: false,
    }
}

fn needs_processes(asked: &Asked, costs: &MachineCosts, choice: Option<&'static Design>) -> Step {
    let times = match costs.creation_thread_ns > 0.0 {
        true => costs.creation_process_ns / costs.creation_thread_ns,
        false => 1.0,
    };
    Step {
        question: "Must clients be isolated from each other's faults and privileges?",
        here: format!(
            "creating a process takes {} times as long as creating a thread",
            text::three_digits(times)
        ),
        yours: if asked.needs.isolation { "yes" } else { "no" }.to_owned(),
        is_yes: asked.needs.isolation,
        leads_to: match choice.map(|it| it.unit) {
            Some(WorkUnit::Process) => {
                ("processes", "threads would do; processes are predicted to be as fast")
            }
            _ => ("processes", "threads"),
        },
        is_on_the_way: false,
    }
}
