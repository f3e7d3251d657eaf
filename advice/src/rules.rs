//! The rules that speak for a choice, with the classic reason and what later evidence changed.

use analysis::text;
use protocol::Transport;
use serde::Serialize;
use servers::{Allocation, Concurrency, Design, Stays, WorkUnit};

use crate::asked::{Asked, Traffic};
use crate::candidates::obstacle;
use crate::choice::{Decision, IDLE_ENOUGH};
use crate::costs::MachineCosts;

/// A rule that fired.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Because {
    /// Its name: a letter for the step, and a number.
    pub rule: &'static str,
    /// What it says of this workload.
    pub text: String,
    /// Where it comes from.
    pub source: &'static str,
}

const COMER: &str = "Comer & Stevens, Internetworking with TCP/IP vol. III, ch. 8";
const QUEUEING: &str = "Pollaczek & Khinchine; Harchol-Balter 2013";

/// Loads from which the mean of an iterative server is more than three processing times (B1).
const TOO_BUSY: f64 = 0.7;

/// The rules that fired, in the order of the steps.
#[must_use]
pub fn because(asked: &Asked, decision: &Decision, costs: &MachineCosts) -> Vec<Because> {
    let mut found = transport(asked);
    found.extend(is_iterative_enough(asked, decision));
    if let Some(choice) = decision.choice.filter(|it| it.concurrency != Concurrency::Iterative) {
        found.extend(real_or_apparent(asked, choice));
        found.extend(creation(asked, choice, costs));
        found.extend(process_or_thread(asked, choice));
    }
    if decision.choice.is_some() {
        found.push(Because {
            rule: "always",
            text: "whatever the design: bound every queue, and set time-outs for reading, writing and \
                   idle connections"
                .to_owned(),
            source: "Nygard, Release It!, 2007",
        });
    }
    found
}

fn transport(asked: &Asked) -> Vec<Because> {
    let mut found = Vec::new();
    match asked.transport {
        Transport::Udp => {
            found.push(Because {
                rule: "A2",
                text: "UDP fits one small request with one small reply that may be repeated; the client \
                       must notice losses, and a full receive buffer loses requests even on one machine"
                    .to_owned(),
                source: COMER,
            });
            if asked.reply_bytes > 512.0 {
                found.push(Because {
                    rule: "A3",
                    text: format!(
                        "replies of {} to an address that anybody may forge make the server an \
                         amplifier of attacks; use TCP, or cookies, where strangers can reach it",
                        text::size(asked.reply_bytes)
                    ),
                    source: "Rossow, Amplification Hell, NDSS 2014",
                });
            }
        }
        Transport::Tcp => {
            let is_short = asked.processing_ns() < 1e6;
            if !asked.keeps_connections() && is_short && asked.requests_per_s() > 100.0 {
                found.push(Because {
                    rule: "A4",
                    text:
                        "every request makes a connection of its own, which costs about as much as \
                           three short requests: keep connections before you change the design"
                            .to_owned(),
                    source: "Mogul, The case for persistent-connection HTTP, SIGCOMM 1995",
                });
            }
        }
    }
    found
}

/// Step B.
fn is_iterative_enough(asked: &Asked, decision: &Decision) -> Option<Because> {
    let iterative = decision.iterative;
    if obstacle(iterative, asked).is_some() && asked.keeps_connections() {
        return Some(Because {
            rule: "B3",
            text: format!(
                "about {} connections are open at a time, and an iterative server would serve one of \
                 them to its end while the others wait",
                text::three_digits(asked.connections())
            ),
            source: COMER,
        });
    }
    let utilisation = decision.of(iterative)?.utilisation.unwrap_or(f64::INFINITY);
    let load = iterative_load(utilisation);
    let is_chosen = decision.choice.is_some_and(|it| it.name == iterative.name);
    let cannot_help =
        asked.cores == 1 && asked.waiting_share() < 0.01 && asked.squared_variation() <= 1.0;
    let (rule, text, source) = if decision.is_enough {
        let enough = "and it meets the target: nothing that is more complicated is needed";
        ("B2", format!("{load}, {enough}"), COMER)
    } else if cannot_help {
        let why = "requests compute on one core and are much alike: no other design has more of that \
                   core; what helps is another core or less processing";
        ("B4", why.to_owned(), QUEUEING)
    } else if is_chosen {
        ("B2", format!("{load}, and no other is faster by more than predictions err"), COMER)
    } else if utilisation >= 1.0 {
        ("B1", format!("{load}: the queue would grow without end"), QUEUEING)
    } else {
        let rule = if utilisation >= TOO_BUSY { "B1" } else { "B2" };
        let limit = if utilisation < IDLE_ENOUGH { "" } else { ", which is too much" };
        let above_all = if asked.squared_variation() > 1.0 {
            ", the short ones for the long ones above all"
        } else {
            ""
        };
        (rule, format!("{load}{limit}: requests would wait for each other{above_all}"), QUEUEING)
    };
    Some(Because { rule, text, source })
}

/// How busy an iterative server would be.
fn iterative_load(utilisation: f64) -> String {
    if utilisation < 1.0 {
        format!("an iterative server would be busy {} of the time", percent(utilisation))
    } else {
        let times = text::three_digits(utilisation);
        format!("an iterative server would get {times} times what it can serve")
    }
}

/// A share in percent.
fn percent(share: f64) -> String {
    if share < 1e-3 {
        "less than 0.1 %".to_owned()
    } else {
        format!("{} %", text::three_digits(100.0 * share))
    }
}

/// Step C.
fn real_or_apparent(asked: &Asked, choice: &Design) -> Option<Because> {
    let compute = asked.requests_per_s() * asked.compute.mean() / 1e9;
    let share = asked.waiting_share();
    if choice.stays == Stays::Computing {
        let one = choice.allocation == Allocation::None;
        return Some(Because {
            rule: if one { "C1" } else { "C2" },
            text: if one {
                format!(
                    "computing takes {} of one core, so one thread is enough for all of them, and it \
                     needs no locks; it must never call anything that blocks",
                    percent(compute)
                )
            } else {
                format!(
                    "computing takes {} of one core; several loops divide it, and none may block",
                    percent(compute)
                )
            },
            source: "Comer & Stevens, ch. 8; Pai, Druschel & Zwaenepoel, Flash, 1999: later servers run \
                     a loop on every core, which the classic text did not foresee",
        });
    }
    if share > 0.2 {
        return Some(Because {
            rule: "C3",
            text: format!(
                "{} of the processing waits for something else, during which a worker that is blocked \
                 costs only its memory{}",
                percent(share),
                if asked.needs.blocking_libraries {
                    "; the libraries block, which an event loop cannot bear"
                } else {
                    ""
                }
            ),
            source: COMER,
        });
    }
    Some(Because {
        rule: "C4",
        text: if asked.squared_variation() > 4.0 {
            format!(
                "requests compute, and their times vary widely (variance over squared mean C² = {}): with a worker for each, or \
                 more workers than cores, short ones pass long ones",
                text::three_digits(asked.squared_variation())
            )
        } else {
            "requests compute and few are very long: a core serves one to its end best".to_owned()
        },
        source: QUEUEING,
    })
}

/// Step D.
fn creation(asked: &Asked, choice: &Design, costs: &MachineCosts) -> Option<Because> {
    if !matches!(choice.unit, WorkUnit::Thread | WorkUnit::Process) {
        return None;
    }
    let cost_ns = costs.creation_ns(choice, asked.memory_bytes);
    let held_ns = match asked.traffic {
        Traffic::Sessions { .. } => asked.session_ns().unwrap_or(0.0),
        Traffic::Requests { kept: Some(_), .. } | Traffic::Closed { .. } => f64::INFINITY,
        Traffic::Requests { kept: None, .. } => asked.processing_ns(),
    };
    let what = if choice.unit == WorkUnit::Process { "process" } else { "thread" };
    let (cost, held) = (text::time(cost_ns), text::time(held_ns));
    match choice.allocation {
        Allocation::OnDemand => Some(Because {
            rule: "D1",
            text: if held_ns.is_finite() {
                format!("a {what} serves for {held}, beside which its creation ({cost}) is little")
            } else {
                format!("connections are kept, so each {what} is created ({cost}) once for many requests")
            },
            source: COMER,
        }),
        Allocation::Preallocated => Some(Because {
            rule: "D2",
            text: format!(
                "workers made in advance save {cost} for each {} and cap its resources",
                if asked.keeps_connections() { "connection" } else { "request" }
            ),
            source: "Stevens, UNIX Network Programming, ch. 30: decisive for processes; threads have \
                     become cheap since",
        }),
        Allocation::Delayed => Some(Because {
            rule: "D3",
            text: "most requests are too short for a worker of their own, and which are long shows only \
                   while they are served"
                .to_owned(),
            source: COMER,
        }),
        Allocation::None => None,
    }
}

/// Step E.
fn process_or_thread(asked: &Asked, choice: &Design) -> Option<Because> {
    if asked.needs.isolation {
        let shared = if asked.needs.shared_state {
            "; keep the shared state outside of them, in shared memory or in a store"
        } else {
            ""
        };
        return Some(Because {
            rule: "E1",
            text: format!("clients must be isolated, so each is served by a process{shared}"),
            source: COMER,
        });
    }
    (asked.needs.shared_state && choice.unit != WorkUnit::Process).then(|| Because {
        rule: "E2",
        text: "clients change shared state, which threads and loops of one process have at hand"
            .to_owned(),
        source: COMER,
    })
}
