//! What the designs' own models give under the loads that a bench has measured: each load is followed
//! through the simulator with the processing that was achieved and the costs of the machine.

use std::path::Path;

use advice::MachineCosts;
use analysis::{Modelled, Models};
use reports::living::LivingPicture;
use results::{Doubt, Measurement, Outcome, Record, Settled, Shows, TestbedKind, TimeHistogram};
use servers::Service;
use workload::{LoadSpec, Plan};

use crate::bench::scenario::Scenario;
use crate::bench::sweep::run_at;
use crate::costs;
use crate::error::Error;
use crate::explain;
use crate::setup::{Server, Setup};
use crate::terminal::say;
use crate::testbed::{ModelledTestbed, Testbed};

/// The costs of the machine, beside the records, so that the page can be made again.
const COSTS: &str = "costs.json";

/// Keeps the costs of this machine, or typical ones, beside the records of a bench that begins.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn keep_costs(folder: &Path) -> Result<(), Error> {
    let path = folder.join(COSTS);
    if path.exists() {
        return Ok(());
    }
    let costs = costs::of(None).unwrap_or_else(|error| {
        say(&format!("note: {error}; the models have typical costs"));
        MachineCosts::typical()
    });
    let text = serde_json::to_vec_pretty(&costs).map_err(std::io::Error::from)?;
    results::write_file(&path, &text).map_err(Error::file("write", &path))
}

/// What the models give for the experiments of a scenario that show response times by load.
pub(super) fn models(settled: &Settled, scenario: &Scenario, folder: &Path) -> Models {
    let measured: Vec<&Record> =
        settled.records.iter().filter(|it| it.testbed == TestbedKind::Real && !it.twin).collect();
    let Some(first) = measured.first() else { return Models::default() };
    let (costs, origin) = costs_of(first, folder);
    let mut points = Vec::new();
    for (number, experiment) in scenario.experiments.iter().enumerate() {
        if !experiment.shows.contains(&Shows::Load) {
            continue;
        }
        let of_it: Vec<&Record> =
            measured.iter().filter(|it| it.experiment == experiment.name).copied().collect();
        for point in experiment.points.iter().filter(|point| point.len() == 1) {
            for (index, server) in experiment.subjects.iter().enumerate() {
                let name = server.subject().name;
                let is_of_cell = |record: &&Record| {
                    record.cell.subject.name == name && record.cell.point == *point
                };
                let cell: Vec<&Record> =
                    of_it.iter().filter(|it| is_of_cell(it)).copied().collect();
                let setup_of = |record: &Record| {
                    let run = run_at(scenario, number, point, index, record.repetition, false);
                    run.ok().map(|run| run.setup)
                };
                if let Some((p50_ns, p99_ns)) = modelled(&cell, &costs, &setup_of) {
                    let x = point.values().next().copied().unwrap_or(0.0);
                    let experiment = experiment.name.clone();
                    points.push(Modelled { experiment, subject: name, x, p50_ns, p99_ns });
                }
            }
        }
    }
    Models { points, costs: origin }
}

/// The living picture with the costs beside the records.
pub(super) fn picture(settled: &Settled, folder: &Path) -> LivingPicture {
    let first = settled.records.first();
    let costs = first.map_or_else(MachineCosts::typical, |first| costs_of(first, folder).0);
    explain::picture(&costs)
}

/// The costs beside the records, and where they come from; typical ones where those are not at hand.
fn costs_of(first: &Record, folder: &Path) -> (MachineCosts, String) {
    let typical =
        |because: &str| (MachineCosts::typical(), format!("typical costs, because {because}"));
    let Ok(costs) = costs::read(folder.join(COSTS)) else {
        return typical("there are none beside the records (`costs.json`)");
    };
    let measured_on = first.hosts.first().map(|host| costs::identity_of(&host.machine));
    if costs.are_measured() && measured_on.is_some_and(|machine| machine != costs.machine) {
        return typical("those beside the records are of another machine");
    }
    let origin = in_words(&costs, first.started_unix_ms);
    (costs, origin)
}

/// Median and p99 of the model over all runs of a cell; `None` where the simulator has no such server
/// or load, or nothing was measured.
fn modelled(
    cell: &[&Record],
    costs: &MachineCosts,
    setup_of: &dyn Fn(&Record) -> Option<Setup>,
) -> Option<(f64, f64)> {
    let mut all = TimeHistogram::new();
    for record in cell {
        let Outcome::Measured(measured) = &record.outcome else { continue };
        if measured.is_disturbed() {
            continue;
        }
        let setup = setup_of(record)?;
        // The simulator knows what the service `work` does with a request, and no other.
        let is_work =
            matches!(&setup.server, Server::Design(server) if server.service == Service::Work);
        if !is_work {
            return None;
        }
        // A run that was broken off, or that has another plan, is not what the model would follow.
        let drawn = Plan::draw(setup.load.clone()).ok()?;
        let is_whole =
            |doubt: &Doubt| !matches!(doubt, Doubt::Overloaded { .. } | Doubt::BrokenOff);
        if drawn.hash() != measured.plan_hash || !measured.doubts.iter().all(is_whole) {
            return None;
        }
        let setup = Setup { load: as_achieved(&drawn, measured), ..setup };
        let cores = record.placement().map_or(1, |it| it.server_cores.len().max(1));
        let plan = Plan::draw(setup.load.clone()).ok()?;

        let mut testbed = ModelledTestbed::new(costs.clone(), cores as u32);
        let its = testbed.run(&setup, &plan, false, &|| false).ok()?;
        all.add(&its.times.response_time);
    }
    let all = all.compact();
    let quantile = |q: f64| all.percentile(q).known_ns().map_or(f64::INFINITY, |ns| ns as f64);
    (all.count() + all.unanswered() > 0).then(|| (quantile(0.5), quantile(0.99)))
}

/// The load with the processing that was achieved, because sleeping overshoots: as many times that of the
/// plan's own requests as was measured.
fn as_achieved(plan: &Plan, measured: &Measurement) -> LoadSpec {
    let load = &plan.spec;
    let window = plan.window_start_ns()..plan.window_end_ns();
    let (mut wait_ns, mut compute_ns, mut count) = (0.0, 0.0, 0.0_f64);
    for planned in plan.requests().filter(|it| window.contains(&it.intended_ns)) {
        wait_ns += planned.work.wait.as_nanos() as f64;
        compute_ns += planned.work.compute.as_nanos() as f64;
        count += 1.0;
    }
    let (wait_ns, compute_ns) = (wait_ns / count.max(1.0), compute_ns / count.max(1.0));

    let factor = |achieved_ns: f64, asked_ns: f64| match achieved_ns > 0.0 && asked_ns > 0.0 {
        true => achieved_ns / asked_ns,
        false => 1.0, // a server that does not report it
    };
    LoadSpec {
        wait: load.wait.scaled(factor(measured.waited_mean_ns, wait_ns)),
        compute: load.compute.scaled(factor(measured.computed_mean_ns, compute_ns)),
        ..load.clone()
    }
}

/// Where the costs come from, as a part of a sentence about a bench that began at this time.
fn in_words(costs: &MachineCosts, began_unix_ms: u64) -> String {
    let began = jiff::Timestamp::from_millisecond(began_unix_ms as i64).ok();
    let at = costs.at.parse::<jiff::Timestamp>().ok();
    let Some((began, at)) = began.zip(at).filter(|_| costs.are_measured()) else {
        return "typical costs, because this machine has not been calibrated (`crossover calibrate`)"
            .to_owned();
    };
    let days = began.duration_since(at).as_hours() / 24;
    match days {
        ..=0 => "costs measured on this machine within a day".to_owned(),
        1 => "costs measured on this machine a day before".to_owned(),
        days => format!("costs measured on this machine {days} days before"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_the_costs_is_told() {
        let costs =
            MachineCosts { at: "2026-01-01T00:00:00Z".to_owned(), ..MachineCosts::typical() };
        let at = |text: &str| {
            let at: jiff::Timestamp = text.parse().expect("a time");
            in_words(&costs, at.as_millisecond() as u64)
        };
        assert!(at("2026-01-01T05:00:00Z").ends_with("within a day"));
        assert!(at("2026-01-02T01:00:00Z").ends_with("a day before"));
        assert!(at("2026-01-31T01:00:00Z").ends_with("30 days before"));
        assert!(in_words(&MachineCosts::typical(), 0).contains("crossover calibrate"));
    }
}
