//! The answer of `advise` in words.

use advice::{Advice, Asked, Chosen, Confidence, MachineCosts, Prediction, Traffic, obstacle};
use analysis::text;
use servers::limits::MAX_WORKERS;
use servers::{CATALOGUE, Concurrency, Design};

use crate::costs::identity;
use crate::terminal::tables;

/// A line of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A paragraph.
    Text(String),
    /// One of several things.
    Item(String),
}

/// The answer: what to take and what to set first, then why, and how sure it is.
pub(super) fn answer(asked: &Asked, costs: &MachineCosts, advice: &Advice) -> Vec<Line> {
    if advice.choice.is_none() {
        return overloaded(asked, advice);
    }
    let (first, further) = in_short(asked, advice);
    let mut lines: Vec<Line> = std::iter::once(first).chain(further).map(Line::Text).collect();
    lines.push(Line::Text(String::new()));
    lines.push(Line::Text("Why:".to_owned()));
    let because = advice.because.iter();
    lines.extend(because.map(|it| Line::Item(format!("{}: {} [{}]", it.rule, it.text, it.source))));
    if !advice.measure.is_empty() {
        lines.push(Line::Text("Measure it, because:".to_owned()));
        lines.extend(advice.measure.iter().map(|it| Line::Item(it.text.clone())));
    }
    lines.push(Line::Text(format!("To measure it here: {}", advice.test_command)));
    lines.push(Line::Text(String::new()));
    lines.push(Line::Text("In servers that people run:".to_owned()));
    let servers = advice.real_servers.iter();
    lines.extend(servers.map(|it| Line::Item(format!("{}: {}", it.server, it.setting))));
    lines.push(Line::Text(String::new()));
    lines.push(Line::Text(format!("Assumed: {}.", advice.assumptions.join("; "))));
    lines.push(Line::Text(costs_in_words(costs)));
    lines
}

/// What to take; then what to set, what is predicted, and how sure it is, a sentence or two each. Where
/// nothing carries the load, why, and what would.
pub(super) fn in_short(asked: &Asked, advice: &Advice) -> (String, Vec<String>) {
    let Some(choice) = &advice.choice else {
        let mut lines = overloaded(asked, advice).into_iter().map(|line| match line {
            Line::Text(text) | Line::Item(text) => text,
        });
        return (lines.next().unwrap_or_default(), lines.collect());
    };
    let mut lines = Vec::new();
    if advice.meets_target == Some(false) {
        let text = "No design meets the target; this one comes nearest. Less processing would help, or more \
                    cores if requests compute.";
        lines.push(text.to_owned());
    }
    lines.extend([
        format!("Textbook type: {}.", choice.classic_type),
        format!("Workers: {}. {}.", choice.workers, capital(&choice.workers_sum)),
    ]);
    if !choice.limits.is_empty() {
        lines.push(format!("Limits: {}.", limits(asked, choice)));
    }
    lines.extend(predictions(advice, choice));
    lines.push(crossover(asked, advice));
    lines.push(format!("Confidence: {}.", confidence(advice.confidence)));
    (format!("Take {} ({}).", choice.phrase, choice.design), lines)
}

fn overloaded(asked: &Asked, advice: &Advice) -> Vec<Line> {
    let needed = asked.requests_per_s() * asked.compute.mean() / 1e9;
    let by_connections = asked.connections() * 1e9 / asked.processing_ns().max(1.0);
    let why = if asked.keeps_connections() && by_connections < asked.requests_per_s() {
        format!(
            "{} kept connections, each of which brings one request at a time, carry {} at most",
            text::three_digits(asked.connections()),
            text::rate(by_connections)
        )
    } else if needed >= f64::from(asked.cores) {
        format!(
            "{} with {} of computing each need {} cores, and there are {}",
            text::rate(asked.requests_per_s()),
            text::time(asked.compute.mean()),
            text::three_digits(needed),
            asked.cores
        )
    } else {
        format!(
            "it needs more workers than the {MAX_WORKERS} that a server here may have, or costs more than \
                 the cores have to give"
        )
    };
    let mut lines = vec![Line::Text(format!("No design can carry this: {why}."))];
    if !advice.remedies.is_empty() {
        lines.push(Line::Text("It would be carried with one of these:".to_owned()));
        lines.extend(advice.remedies.iter().map(|it| Line::Item(it.clone())));
    }
    lines
}

fn limits(asked: &Asked, choice: &Chosen) -> String {
    let within =
        asked.target.map_or_else(|| "a second".to_owned(), |target| text::time(target.below_ns));
    let limit = |(name, value): (&&str, &u64)| match *name {
        "connections" => format!("{value} connections"),
        "descriptors" => format!("{value} descriptors (ulimit -n)"),
        "idle_timeout_s" => format!("idle connections closed after {value} s"),
        "queue" if *value == 1 => {
            format!("one waiting request ({within} of work); more are refused or dropped")
        }
        "queue" => format!(
            "at most {value} waiting requests ({within} of work); more are refused or dropped"
        ),
        other => format!("{other} {value}"),
    };
    choice.limits.iter().map(limit).collect::<Vec<_>>().join(", ")
}

/// What the choice, the runner-up and the iterative server would do.
fn predictions(advice: &Advice, choice: &Chosen) -> Vec<String> {
    let of = |chosen: &Chosen| advice.predicted.get(chosen.design);
    let mut lines = vec![format!("Predicted: {}.", prediction(of(choice)))];
    if let Some(runner_up) = &advice.runner_up {
        let its = format!(
            "Runner-up: {} ({}): {}.",
            runner_up.phrase,
            runner_up.design,
            prediction(of(runner_up))
        );
        lines.push(its);
    }
    if advice.iterative.design != choice.design {
        lines.push(format!("The iterative server: {}.", prediction(of(&advice.iterative))));
    }
    lines
}

fn prediction(prediction: Option<&Prediction>) -> String {
    let Some(its) = prediction else { return "not predicted".to_owned() };
    let busy = |share: f64| format!("at {} % of its capacity", text::three_digits(100.0 * share));
    match (its.mean_ns.zip(its.p99_ns), its.utilisation) {
        (Some((mean, p99)), share) => format!(
            "mean {}, p99 {}, {}",
            text::time(mean),
            text::time(p99),
            share.map_or_else(String::new, busy)
        ),
        (None, Some(share)) => {
            format!(
                "it cannot carry the load, which is {} times its capacity",
                text::three_digits(share)
            )
        }
        (None, None) => "it never serves some of the clients".to_owned(),
    }
}

fn crossover(asked: &Asked, advice: &Advice) -> String {
    let processing = asked.processing_ns();
    match advice.break_even_ns {
        Some(at) if processing >= at => format!(
            "Concurrency shortens the mean from a processing time of {} on; yours, {}, is {} times that.",
            text::time(at),
            text::time(processing),
            text::three_digits(processing / at)
        ),
        Some(at) => format!(
            "Concurrency would shorten the mean from a processing time of {} on; yours is {}.",
            text::time(at),
            text::time(processing)
        ),
                        None => match excluded(asked) {
            Some(why) => format!("The iterative server is out of the question: {why}."),
            None if matches!(asked.traffic, Traffic::Closed { .. }) => {
                "No break-even was sought: how often clients ask depends on how fast they are answered."
                    .to_owned()
            }
            None => "From a thousandth to a thousand times your processing time the same server has the \
                     shorter mean."
                .to_owned(),
        },
    }
}

/// Why the iterative server of the transport cannot be taken, if it cannot.
fn excluded(asked: &Asked) -> Option<&'static str> {
    let of_transport = |design: &&Design| design.transport() == asked.transport;
    let mut iterative = CATALOGUE.iter().filter(of_transport);
    let iterative = iterative.find(|design| design.concurrency == Concurrency::Iterative)?;
    obstacle(iterative, asked)
}

fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low; measure before you rely on it",
    }
}

pub(super) fn costs_in_words(costs: &MachineCosts) -> String {
    if costs.are_measured() {
        let whose = if costs.machine == identity() { "this machine" } else { "another machine" };
        format!("The costs were measured on {whose} ({}) at {}.", costs.machine, costs.at)
    } else {
        format!("The costs: {}; `crossover calibrate` measures them.", costs.machine)
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The prediction of every design as a table.
pub(super) fn table(advice: &Advice) -> String {
    let mut table = tables::table(&["design", "workers", "mean", "p99", "capacity", "busy"]);
    for (name, its) in &advice.predicted {
        let time = |ns: Option<f64>| ns.map_or_else(|| "–".to_owned(), text::time);
        table.add_row(vec![
            (*name).to_owned(),
            its.workers.to_string(),
            time(its.mean_ns),
            time(its.p99_ns),
            if its.capacity_per_s.is_finite() {
                text::rate(its.capacity_per_s)
            } else {
                "–".to_owned()
            },
            its.utilisation.map_or_else(
                || "–".to_owned(),
                |share| format!("{} %", text::three_digits(100.0 * share)),
            ),
        ]);
    }
    table.to_string()
}

/// The designs that were left out, each with the reason.
pub(super) fn left_out(asked: &Asked) -> Vec<String> {
    let of_transport = CATALOGUE.iter().filter(|design| design.transport() == asked.transport);
    of_transport
        .filter_map(|design| Some(format!("not {}: {}", design.name, obstacle(design, asked)?)))
        .collect()
}
