//! The answer of `advise` in words.

use advice::{Advice, Asked, Chosen, Confidence, MachineCosts, Prediction, obstacle};
use analysis::text;
use servers::CATALOGUE;

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
    let Some(choice) = &advice.choice else { return overloaded(asked, advice) };
    let mut lines = vec![
        Line::Text(format!("Take {} ({}).", choice.phrase, choice.design)),
        Line::Text(format!("It is the type that the classics call {}.", choice.classic_type)),
        Line::Text(format!("Workers: {}. {}.", choice.workers, capital(&choice.workers_sum))),
    ];
    if !choice.limits.is_empty() {
        lines.push(Line::Text(format!("Limits: {}.", limits(choice))));
    }
    lines.extend(predictions(advice, choice));
    lines.push(Line::Text(crossover(asked, advice)));
    lines.push(Line::Text(format!("Confidence: {}.", confidence(advice.confidence))));
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
    lines.push(Line::Text(format!("Taken to be true: {}.", advice.assumptions.join("; "))));
    lines.push(Line::Text(costs_in_words(costs)));
    lines
}

fn overloaded(asked: &Asked, advice: &Advice) -> Vec<Line> {
    let mut lines = vec![Line::Text(format!(
        "No design can carry this: {} requests that compute {} each keep {} cores busy, and there are {}.",
        text::rate(asked.requests_per_s()),
        text::time(asked.compute.mean()),
        text::three_digits(asked.requests_per_s() * asked.compute.mean() / 1e9),
        asked.cores
    ))];
    if !advice.remedies.is_empty() {
        lines.push(Line::Text("It would be carried with one of these:".to_owned()));
        lines.extend(advice.remedies.iter().map(|it| Line::Item(it.clone())));
    }
    lines
}

fn limits(choice: &Chosen) -> String {
    let limit = |(name, value): (&&str, &u64)| match *name {
        "connections" => format!("{value} connections"),
        "descriptors" => format!("{value} descriptors (ulimit -n)"),
        "idle_timeout_s" => format!("idle connections closed after {value} s"),
        "queue" => format!("{value} requests that wait, more are refused"),
        other => format!("{other} {value}"),
    };
    choice.limits.iter().map(limit).collect::<Vec<_>>().join(", ")
}

/// What the choice, the runner-up and the iterative server would do.
fn predictions(advice: &Advice, choice: &Chosen) -> Vec<Line> {
    let of = |chosen: &Chosen| advice.predicted.get(chosen.design);
    let mut lines = vec![Line::Text(format!("Predicted: {}.", prediction(of(choice))))];
    if let Some(runner_up) = &advice.runner_up {
        let its = format!(
            "Runner-up: {} ({}): {}.",
            runner_up.phrase,
            runner_up.design,
            prediction(of(runner_up))
        );
        lines.push(Line::Text(its));
    }
    if advice.iterative.design != choice.design {
        lines.push(Line::Text(format!(
            "The iterative server: {}.",
            prediction(of(&advice.iterative))
        )));
    }
    lines
}

fn prediction(prediction: Option<&Prediction>) -> String {
    let Some(its) = prediction else { return "not predicted".to_owned() };
    let busy = |share: f64| format!("{} % busy", text::three_digits(100.0 * share));
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
            "Concurrency begins to pay at a processing time of {}; yours, {}, is {} times that.",
            text::time(at),
            text::time(processing),
            text::three_digits(processing / at)
        ),
        Some(at) => format!(
            "Concurrency would begin to pay at a processing time of {}; yours is {}.",
            text::time(at),
            text::time(processing)
        ),
                None if advice.iterative.design != advice.choice.as_ref().map_or("", |it| it.design)
            && asked.keeps_connections() =>
        {
            "An iterative server is out of the question, whatever the processing time: connections are \
             kept."
                .to_owned()
        }
        None => "Between a thousandth and a thousand times your processing time none is found at which \
                 the iterative server and a concurrent one change places."
            .to_owned(),
    }
}

fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low; measure before you rely on it",
    }
}

fn costs_in_words(costs: &MachineCosts) -> String {
    if costs.are_measured() {
        format!("The costs were measured on this machine ({}) at {}.", costs.machine, costs.at)
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
