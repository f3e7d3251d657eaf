//! Puts the advice to the test: the choice, the runner-up and the iterative server under the workload
//! on this machine.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use advice::{Advice, Asked, Chosen, Prediction, Statistic, Traffic, obstacle};
use analysis::text;
use protocol::Transport;
use protocol::quantity::{Nanoseconds, Unit, write_duration};
use serde::Serialize;
use serde_json::Value;
use servers::{CATALOGUE, Design};
use workload::Distribution;

use crate::bench;
use crate::bench::folder::OwnFolder;
use crate::cli::BenchArgs;
use crate::error::Error;
use crate::host::placement::cores;

/// What is measured, and for how long.
struct Extent {
    /// The time for all runs.
    budget: Duration,
    /// The measured window of one run.
    window: Duration,
}

/// Three designs, six times each.
const OF_THREE: Extent =
    Extent { budget: Duration::from_secs(50), window: Duration::from_millis(1_800) };

/// Every design that comes into question.
const OF_ALL: Extent =
    Extent { budget: Duration::from_secs(80), window: Duration::from_millis(800) };

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

/// Measures the choice, the runner-up and the iterative server, or every design that comes into
/// question.
pub(super) fn measure(asked: &Asked, advice: &Advice, all: bool) -> Result<Measured, Error> {
    let extent = if all { OF_ALL } else { OF_THREE };
    let figure = figure(asked, &extent);
    let path = OwnFolder::new_run("advice")?.path;
    let file = tempfile::Builder::new().prefix("advice").suffix(".toml").tempfile()?;
    let designs = if all { every_design(asked, advice) } else { three(advice) };
    fs::write(file.path(), scenario(asked, &designs, figure, &extent))
        .map_err(Error::file("write", file.path()))?;
    bench::run(&BenchArgs {
        scenario: Some(file.path().display().to_string()),
        out: Some(path.clone()),
        budget: Some(extent.budget),
        quiet: true,
        ..BenchArgs::default()
    })?;
    let answers = path.join(reports::ANSWERS);
    let text = fs::read_to_string(&answers).map_err(Error::file("read", &answers))?;
    let answers: Value = serde_json::from_str(&text).map_err(std::io::Error::from)?;
    judged(&answers, figure, advice, path)
}

/// The figure that decides: the p99 where enough requests come for one.
fn figure(asked: &Asked, extent: &Extent) -> &'static str {
    let is_mean = asked.target.is_some_and(|target| target.statistic == Statistic::Mean);
    let requests = asked.requests_per_s() * extent.window.as_secs_f64() * REPETITIONS;
    let is_low = matches!(
        asked.target.map(|target| target.statistic),
        Some(Statistic::Percentile(percent)) if percent <= 75.0
    );
    match (is_mean || requests < ENOUGH_FOR_P99, is_low) {
        (_, true) => "p50",
        (true, _) => "mean",
        (false, _) => "p99",
    }
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
                predicted_ns: predicted.and_then(|its| match figure {
                    "mean" => its.mean_ns,
                    "p99" => its.p99_ns,
                    _ => None,
                }),
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
fn name_of(design: &str) -> String {
    format!("{ADVISED}{design}")
}

/// The design with such a name.
fn design_of(name: &str) -> &str {
    name.strip_prefix(ADVISED).unwrap_or(name)
}

/// What these names begin with.
const ADVISED: &str = "advised-";

/// A design with its phrase and its workers.
type Candidate = (&'static str, &'static str, u32);

/// The choice, the runner-up and the iterative server.
fn three(advice: &Advice) -> Vec<Candidate> {
    let designs = [advice.choice.as_ref(), advice.runner_up.as_ref(), Some(&advice.iterative)];
    let mut names: Vec<Candidate> = Vec::new();
    for Chosen { design, phrase, workers, .. } in designs.into_iter().flatten() {
        if names.iter().all(|(name, ..)| name != design) {
            names.push((design, phrase, *workers));
        }
    }
    names
}

/// Every design that can do what the server must do, is predicted to carry the load, and can run here.
fn every_design(asked: &Asked, advice: &Advice) -> Vec<Candidate> {
    let comes_into_question = |design: &&Design| {
        let carries = advice.predicted.get(design.name).is_some_and(Prediction::carries);
        carries && obstacle(design, asked).is_none() && design.obstacle().is_none()
    };
    let designs = CATALOGUE.iter().filter(comes_into_question);
    designs.map(|it| (it.name, it.phrase, advice.predicted[it.name].workers)).collect()
}

/// The scenario that puts the designs under the workload.
fn scenario(asked: &Asked, names: &[Candidate], figure: &str, extent: &Extent) -> String {
    let mut text = "title = \"Does this machine agree with the advice?\"\n".to_owned();
    for (design, phrase, workers) in names {
        let name = name_of(design);
        let _ = write!(
            text,
            "[[server]]\nname = \"{name}\"\nlabel = \"{}\"\ndesign = \"{design}\"\nworkers = {workers}\n",
            phrase
        );
    }
    let quoted: Vec<String> =
        names.iter().map(|(design, ..)| format!("\"{}\"", name_of(design))).collect();
    let _ = write!(
        text,
        "[[experiment]]\nname = \"advice\"\nquestion = \"Which design is the best under this \
         workload?\"\ndesigns = [{}]\nwins = \"{figure}\"\nfor = \"{}\"\nwarmup = \"200ms\"\n\
         wait = \"{}\"\ncompute = \"{}\"\nreply_size = \"{}B\"\n{}{}",
        quoted.join(", "),
        write_duration(extent.window),
        times(asked.wait),
        times(asked.compute),
        asked.reply_bytes.max(64.0),
        traffic(asked),
        cores_for(asked),
    );
    text
}

/// The cores of the server: all of them, if it may have more than are left beside the generator's.
fn cores_for(asked: &Asked) -> String {
    let there_are = cores().len() as u32;
    match asked.cores {
        wanted if wanted >= there_are => "cores = \"all\"\n".to_owned(),
        wanted => format!("cores = {wanted}\n"),
    }
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
