//! What a bench would do: the scenarios there are, and the runs of one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::budget::{Budget, planned, planned_time, time_of};
use crate::bench::command_of;
use crate::bench::scenario::{Scenario, Source, built_in};
use crate::bench::sweep::runs_of;
use crate::cli::BenchArgs;
use crate::error::Error;
use crate::terminal::Output;

/// Lists the scenarios that come with the program, or the experiments of one.
pub(super) fn list(arguments: &BenchArgs) -> Result<(), Error> {
    let rows: Vec<(String, String, Duration)> = match &arguments.scenario {
        None => built_in()
            .iter()
            .map(|source| {
                let scenario = source.parse()?;
                let time = scenario.budget.unwrap_or_else(|| planned_time(&scenario));
                let what = match &scenario.claims[..] {
                    [claim] => claim.claim.clone(),
                    _ => scenario.title,
                };
                Ok((source.on_command_line(), what, time))
            })
            .collect::<Result<_, Error>>()?,
        Some(name) => {
            let scenario = Source::find(name)?.parse()?;
            (0..scenario.experiments.len()).map(|number| row(&scenario, number)).collect()
        }
    };
    let mut out = Output::begin();
    if arguments.json {
        let rows = rows.into_iter().map(|(name, question, time)| {
            json!({ "name": name, "question": question, "duration_ns": time.as_nanos() as u64 })
        });
        out.line(Value::from_iter(rows).to_string());
    } else {
        let widest = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        for (name, question, time) in rows {
            out.line(format!("{name:widest$}  {:>7}  {question}", about(time)));
        }
    }
    out.finish()
}

fn row(scenario: &Scenario, number: usize) -> (String, String, Duration) {
    let experiment = &scenario.experiments[number];
    let runs = runs_of(scenario, number).unwrap_or_default();
    (experiment.name.clone(), experiment.question.clone(), time_of(&runs))
}

/// Shows what a bench would do, without doing it.
pub(super) fn dry_run(arguments: &BenchArgs) -> Result<(), Error> {
    let mut scenario = Source::find(arguments.scenario())?.parse()?;
    let budget = arguments.budget.or(scenario.budget);
    if arguments.budget.is_some() {
        Budget::begin(budget).fit(&mut scenario);
    }
    let (runs, _) = planned(&scenario);
    let cells = |it: &crate::bench::scenario::ExperimentSpec| it.points.len() * it.subjects.len();
    let mut commands: Vec<(String, String)> = Vec::new();
    for server in scenario.experiments.iter().flat_map(|experiment| &experiment.subjects) {
        let name = server.subject().name;
        if let Some(command) = command_of(server)
            && !commands.iter().any(|(other, _)| *other == name)
        {
            commands.push((name, command));
        }
    }
    let time = planned_time(&scenario);
    let mut out = Output::begin();
    if arguments.json {
        let experiments = scenario.experiments.iter().enumerate().map(|(number, it)| {
            json!({
                "name": it.name,
                "question": it.question,
                "points": it.points.len(),
                "subjects": it.subjects.iter().map(|one| one.subject().name).collect::<Vec<_>>(),
                "cells": cells(it),
                "runs": runs_of(&scenario, number).unwrap_or_default().len(),
            })
        });
        out.line(
            json!({
                "title": scenario.title,
                "experiments": Value::from_iter(experiments),
                "cells": scenario.experiments.iter().map(cells).sum::<usize>(),
                "runs": runs,
                "duration_ns": time.as_nanos() as u64,
                "budget_ns": budget.map(|budget| budget.as_nanos() as u64),
                "commands": commands.iter().map(|(name, command)| {
                    json!({ "name": name, "command": command })
                }).collect::<Vec<_>>(),
            })
            .to_string(),
        );
        return out.finish();
    }
    out.paragraph(&scenario.title, "");
    for (number, experiment) in scenario.experiments.iter().enumerate() {
        let of_it = runs_of(&scenario, number).unwrap_or_default().len();
        out.line(format!(
            "  {}: {} points × {} subjects = {} cells, {of_it} runs",
            experiment.name,
            experiment.points.len(),
            experiment.subjects.len(),
            cells(experiment)
        ));
        out.paragraph(format!("    {}", least_difference(scenario.repetitions)), "    ");
    }
    out.line(format!("{runs} runs, about {}", about(time)));
    if let Some(budget) = budget {
        out.line(format!("budget {}: further runs where an answer is open", about(budget)));
    }
    for (name, command) in &commands {
        out.line(format!("starts {name}: {command}"));
    }
    out.finish()
}

/// The least difference that so many repetitions can show, for runs that vary by 5 % as they do on a
/// quiet machine: half the width of the interval of their mean.
pub(super) fn least_difference(repetitions: u32) -> String {
    const VARIATION: f64 = 0.05;
    match analysis::bootstrap::half_width(repetitions as usize, VARIATION) {
        Some(share) => format!(
            "{repetitions} repetitions show a difference of {:.0} % if runs vary by {:.0} %",
            share * 100.0,
            VARIATION * 100.0
        ),
        None => format!("{repetitions} repetitions decide nothing; an interval needs 6"),
    }
}

/// A time in few digits.
fn about(time: Duration) -> String {
    let seconds = time.as_secs_f64().ceil() as u64;
    match seconds {
        0..600 => format!("{seconds} s"),
        600..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}
