//! Puts the advice to the test: the choice, the runner-up and the iterative server under the workload
//! on this machine.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use advice::{Advice, Asked, Chosen, Statistic, Traffic};
use analysis::text;
use protocol::Transport;
use protocol::quantity::{Nanoseconds, Unit, write_duration};
use serde::Serialize;
use serde_json::Value;
use workload::Distribution;

use crate::bench;
use crate::bench::folder::OwnFolder;
use crate::cli::BenchArgs;
use crate::error::Error;

/// The time for all runs.
const BUDGET: Duration = Duration::from_secs(50);

/// The measured window of one run: three designs six times within the budget.
const WINDOW: Duration = Duration::from_millis(1_800);

/// Requests of all runs of a design from which on a p99 means something.
const ENOUGH_FOR_P99: f64 = 1_000.0;

/// Runs of each design, as a bench makes them.
const REPETITIONS: f64 = 6.0;

/// Up to this factor over the best measured one a choice is as good.
const AS_GOOD: f64 = 1.1;

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    /// The folder with the page and the records.
    pub(super) folder: PathBuf,
    /// Which figure decides: mean or p99.
    pub(super) figure: &'static str,
    /// The best of the measured designs.
    pub(super) best: String,
    /// Whether the choice is the best, not told apart from it, or within a tenth of it.
    pub(super) agrees: bool,
    /// Each design, the best first.
    pub(super) designs: Vec<OfDesign>,
}

/// What was measured of a design.
#[derive(Debug, Serialize)]
pub(super) struct OfDesign {
    pub(super) design: String,
    pub(super) value_ns: f64,
    pub(super) low_ns: f64,
    pub(super) high_ns: f64,
    pub(super) predicted_ns: Option<f64>,
}

/// Measures the choice, the runner-up and the iterative server.
pub(super) fn measure(asked: &Asked, advice: &Advice) -> Result<Measured, Error> {
    let figure = figure(asked);
    let path = OwnFolder::new_run("advice")?.path;
    let file = tempfile::Builder::new().prefix("advice").suffix(".toml").tempfile()?;
    fs::write(file.path(), scenario(asked, advice, figure))
        .map_err(Error::file("write", file.path()))?;
    bench::run(&BenchArgs {
        scenario: Some(file.path().display().to_string()),
        out: Some(path.clone()),
        budget: Some(BUDGET),
        quiet: true,
        ..BenchArgs::default()
    })?;
    let answers = path.join(reports::ANSWERS);
    let text = fs::read_to_string(&answers).map_err(Error::file("read", &answers))?;
    let answers: Value = serde_json::from_str(&text).map_err(std::io::Error::from)?;
    judged(&answers, figure, advice, path)
}

/// The figure that decides: the p99 where enough requests come for one.
fn figure(asked: &Asked) -> &'static str {
    let is_mean = asked.target.is_some_and(|target| target.statistic == Statistic::Mean);
    let requests = asked.requests_per_s() * WINDOW.as_secs_f64() * REPETITIONS;
    if is_mean || requests < ENOUGH_FOR_P99 { "mean" } else { "p99" }
}

fn judged(
    answers: &Value,
    figure: &'static str,
    advice: &Advice,
    folder: PathBuf,
) -> Result<Measured, Error> {
    let point = &answers["experiments"][0]["points"][0];
    let ranking = point["ranking"].as_array().cloned().unwrap_or_default();
    let designs: Vec<OfDesign> = ranking
        .iter()
        .filter_map(|row| {
            let name = row["name"].as_str()?;
            let design = design_of(name).to_owned();
            let predicted = advice.predicted.get(design.as_str());
            Some(OfDesign {
                value_ns: row["value"].as_f64()?,
                low_ns: row["low"].as_f64()?,
                high_ns: row["high"].as_f64()?,
                predicted_ns: predicted
                    .and_then(|its| if figure == "mean" { its.mean_ns } else { its.p99_ns }),
                design,
            })
        })
        .collect();
    let choice = advice.choice.as_ref().map_or("", |choice| choice.design);
    let (Some(best), Some(chosen)) =
        (designs.first(), designs.iter().find(|it| it.design == choice))
    else {
        return Err(Error::NoAnswer(
            "the choice answered too few requests to be compared; ask for a higher rate".to_owned(),
        ));
    };
    let tied = point["tied"].as_array().cloned().unwrap_or_default();
    let is_tied = tied.iter().any(|name| name.as_str().map(design_of) == Some(choice));
    Ok(Measured {
        folder,
        figure,
        best: best.design.clone(),
        agrees: is_tied || chosen.value_ns <= best.value_ns * AS_GOOD,
        designs,
    })
}

/// What a design is called in the scenario: there the names of designs stand for their usual settings.
fn name_of(chosen: &Chosen) -> String {
    format!("{ADVISED}{}", chosen.design)
}

/// The design with such a name.
fn design_of(name: &str) -> &str {
    name.strip_prefix(ADVISED).unwrap_or(name)
}

/// What these names begin with.
const ADVISED: &str = "advised-";

/// The scenario that puts the designs under the workload.
fn scenario(asked: &Asked, advice: &Advice, figure: &str) -> String {
    let designs = [advice.choice.as_ref(), advice.runner_up.as_ref(), Some(&advice.iterative)];
    let mut names: Vec<&Chosen> = Vec::new();
    for design in designs.into_iter().flatten() {
        if names.iter().all(|its| its.design != design.design) {
            names.push(design);
        }
    }
    let mut text = "title = \"Does this machine agree with the advice?\"\n".to_owned();
    for chosen in &names {
        let (name, design, workers) = (name_of(chosen), chosen.design, chosen.workers);
        let _ = write!(
            text,
            "[[server]]\nname = \"{name}\"\nlabel = \"{}\"\ndesign = \"{design}\"\nworkers = {workers}\n",
            chosen.phrase
        );
    }
    let quoted: Vec<String> = names.iter().map(|its| format!("\"{}\"", name_of(its))).collect();
    let _ = write!(
        text,
        "[[experiment]]\nname = \"advice\"\nquestion = \"Which design is the best under this \
         workload?\"\ndesigns = [{}]\nwins = \"{figure}\"\nfor = \"{}\"\nwarmup = \"200ms\"\n\
         wait = \"{}\"\ncompute = \"{}\"\nreply_size = \"{}B\"\n{}",
        quoted.join(", "),
        write_duration(WINDOW),
        times(asked.wait),
        times(asked.compute),
        asked.reply_bytes.max(64.0),
        traffic(asked),
    );
    text
}

/// A distribution as scenarios have it; for measured times a lognormal one of the same mean and
/// variation.
fn times(of: Distribution<Nanoseconds>) -> String {
    match of {
        Distribution::Empirical(_) => {
            let its = model::ServiceTimes::of(|greater| of.draw(greater).value);
            let variation = its.squared_variation().max(1e-3);
            format!("lognormal:{},{variation:.3}", Nanoseconds::write(of.mean().round().max(1.0)))
        }
        _ => of.to_string(),
    }
}

fn traffic(asked: &Asked) -> String {
    let connection = |kept: bool| match (asked.transport, kept) {
        (Transport::Tcp, false) => "connection = \"per-request\"\n",
        (Transport::Tcp, true) => "connection = \"persistent\"\n",
        (Transport::Udp, _) => "",
    };
    match asked.traffic {
        Traffic::Requests { rate, kept } => {
            let clients = kept.unwrap_or(64);
            format!("rate = \"{rate}\"\nclients = {clients}\n{}", connection(kept.is_some()))
        }
        Traffic::Sessions { rate, length, think, .. } => {
            format!("rate = \"{rate}\"\nsession = \"{length}\"\nthink = \"{think}\"\n")
        }
        Traffic::Closed { clients, think } => {
            format!("closed = true\nclients = {clients}\nthink = \"{think}\"\n{}", connection(true))
        }
    }
}

/// What was measured in words, a line each.
pub(super) fn in_words(measured: &Measured, advice: &Advice) -> Vec<String> {
    let mut lines = Vec::new();
    for its in &measured.designs {
        let predicted = its.predicted_ns.map_or_else(
            || "not predicted to carry the load".to_owned(),
            |ns| format!("predicted {}", text::time(ns)),
        );
        lines.push(format!(
            "{}: {} {} ({}), {predicted}",
            its.design,
            measured.figure,
            text::time(its.value_ns),
            text::time_range(its.low_ns, its.high_ns)
        ));
    }
    let choice = advice.choice.as_ref().map_or("", |choice| choice.design);
    lines.push(match (measured.agrees, measured.best == choice) {
        (true, true) => format!("This machine agrees: {choice} is the best of them here."),
        (true, false) => format!(
            "This machine agrees: {choice} is as good as {}, the best of them here.",
            measured.best
        ),
        (false, _) => {
            format!("This machine does not agree: {} is better here than {choice}.", measured.best)
        }
    });
    lines.push(measured.folder.join("index.html").display().to_string());
    lines
}
