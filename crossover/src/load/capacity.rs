//! `crossover load --capacity`: trials at the rates that the search asks for, and their results.

use std::io::{self, IsTerminal};
use std::time::Duration;

use loadgen::capacity::{Capacity, Next, Outcome, Search, Trial};
use loadgen::expectation::{Expectation, Statistic};
use results::{Doubt, needed};
use serde::Serialize;
use workload::{Arrivals, Distribution, Law, LoadSpec, Plan, Rate};

use crate::cli::LoadArgs;
use crate::error::Error;
use crate::host::interrupt::Interrupt;
use crate::terminal::{Output, say};
use crate::terminal::{json, tables};
use crate::testbed::generator::{GeneratorSetup, measure};
use loadgen::Target;

/// The time-out for a server to process what a trial left in its queues; the search then goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// The highest rate that is tried, per thread: a generator thread sends a few hundred thousand
/// requests a second.
pub(super) const MOST_PER_THREAD: f64 = 500_000.0;

/// A trial counts as near a capacity if its rate is within this factor of it.
const NEAR: f64 = 1.3;

/// What `--json` prints.
#[derive(Serialize)]
struct Printed {
    bound: String,
    capacity: Option<PrintedCapacity>,
    because: Option<String>,
    /// Why a capacity that was found may be too high.
    note: Option<String>,
    trials: Vec<PrintedTrial>,
}

#[derive(Serialize)]
struct PrintedCapacity {
    rate: f64,
    low: f64,
    high: f64,
}

/// The outcome of a trial, without its value.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Steady,
    Unsteady,
    NotSent,
}

impl State {
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Steady(_) => Self::Steady,
            Outcome::Unsteady => Self::Unsteady,
            Outcome::NotSent => Self::NotSent,
        }
    }
}

#[derive(Serialize)]
struct PrintedTrial {
    rate: f64,
    achieved: f64,
    figure_ns: Option<f64>,
    state: State,
    /// As the server reports it in its replies; foreign services report none.
    service_time_mean_ns: Option<f64>,
    answered: u64,
    unanswered: u64,
    /// The effective sample size, in independent requests.
    effective_samples: f64,
    kept: bool,
    doubts: Vec<&'static str>,
}

/// Runs the search, starting at the rate of the load.
pub(crate) fn run(
    arguments: &LoadArgs,
    bound: &Expectation,
    spec: &LoadSpec,
    target: &Target,
    generator: &GeneratorSetup,
    stop: &Interrupt,
) -> Result<(), Error> {
    let Some(first) = spec.arrivals.rate() else {
        return Err(Error::Usage(
            "a closed loop has no rate to search for; omit --closed".to_owned(),
        ));
    };
    if matches!(arguments.arrivals, Law::Trace(_) | Law::Ramp { .. }) {
        return Err(Error::Usage(
            "a trace or a ramp has no single rate to search for; give another --arrivals"
                .to_owned(),
        ));
    }
    let requests = 2.0 * needed_for(bound.figure);
    let least = requests / spec.window.as_secs_f64();
    let most = MOST_PER_THREAD * generator.progress.len() as f64;
    if least > most {
        return Err(Error::Usage(format!(
            "a trial for '{bound}' needs {requests:.0} requests; give --for {:.0}s or more",
            (requests / most).ceil()
        )));
    }
    let mut search = Search::new(bound.below_ns as f64, first.get(), least, most);
    let mut trials = Vec::new();
    let end = loop {
        let rate = match search.next() {
            Next::Try(rate) => rate,
            end => break Ok(end),
        };
        // Each trial has another seed, even if a rate is tried again.
        let seed = spec.seed.wrapping_add(rate.to_bits()).wrapping_add(trials.len() as u64);
        let spec = LoadSpec { seed, ..spec.clone() };
        let (trial, printed) = match attempt(arguments, bound, &spec, target, generator, rate, stop)
        {
            Ok(tried) => tried,
            Err(error) => break Err(error),
        };
        search.add(trial);
        if !arguments.json && io::stderr().is_terminal() {
            say(&line(&printed, bound));
        }
        trials.push(printed);
    };
    // The trials are printed, whatever ended the search.
    let nothing_came = !trials.is_empty() && trials.iter().all(|trial| trial.answered == 0);
    if !trials.is_empty() {
        print(arguments, bound, spec.window, &end, trials)?;
    }
    end?;
    if nothing_came {
        return Err(Error::NoAnswer(format!(
            "no request to {} was answered in any trial; check that the server runs and speaks the \
             protocol of the load",
            arguments.target.host
        )));
    }
    Ok(())
}

/// How many independent requests a statistic needs.
fn needed_for(figure: Statistic) -> f64 {
    match figure {
        Statistic::Percentile(percent) => needed(percent),
        Statistic::Mean | Statistic::Longest => 20.0,
    }
}

/// A note on a capacity whose trials were too short: a run with few independent requests seldom
/// meets the longest queues. On a simulated M/M/1 the capacity came out 1 % too high with 0.7 of
/// the independent requests that p99 needs, and 7 % too high with a tenth of them.
fn too_short(
    trials: &[PrintedTrial],
    found: Capacity,
    figure: Statistic,
    window: Duration,
) -> Option<String> {
    let is_near = |trial: &&PrintedTrial| {
        trial.figure_ns.is_some() && (found.rate / NEAR..found.rate * NEAR).contains(&trial.rate)
    };
    let mut samples: Vec<f64> =
        trials.iter().filter(is_near).map(|trial| trial.effective_samples).collect();
    samples.sort_by(f64::total_cmp);
    let median = samples.get(samples.len() / 2)?.floor().max(1.0);
    let needed = needed_for(figure);
    let seconds = (window.as_secs_f64() * needed / median).ceil();
    (median < needed).then(|| {
        format!(
            "The trials are short: near the capacity requests queue behind each other, so that one \
             trial tells as much as {median:.0} independent requests, and {figure} needs \
             {needed:.0}. The capacity may come out too high; give --for {seconds}s or more."
        )
    })
}

/// Waits until the server has processed what an unsteady trial left in its queues, and has answered
/// requests sent after it, so that the next trial does not queue behind the last one.
pub(super) fn drain(
    spec: &LoadSpec,
    target: &Target,
    generator: &GeneratorSetup,
    stop: &Interrupt,
) -> Result<(), Error> {
    let last = Plan::draw(LoadSpec {
        arrivals: Arrivals::Closed(Distribution::fixed(0.0)),
        session: None,
        clients: generator.progress.len() as u32,
        depth: 1,
        warmup: Duration::ZERO,
        window: Duration::from_millis(1),
        timeout: PATIENCE,
        ..spec.clone()
    })?;
    measure(&last, target, generator, &|| stop.came())?;
    Ok(())
}

/// One trial: the load of the arguments at the given rate.
fn attempt(
    arguments: &LoadArgs,
    bound: &Expectation,
    spec: &LoadSpec,
    target: &Target,
    generator: &GeneratorSetup,
    rate: f64,
    stop: &Interrupt,
) -> Result<(Trial, PrintedTrial), Error> {
    let asked = Rate::per_second(rate)
        .ok_or_else(|| Error::Usage("the search left the range of possible rates".to_owned()))?;
    let plan = Plan::draw(LoadSpec {
        arrivals: Arrivals::open(asked, arguments.arrivals),
        ..spec.clone()
    })?;
    let measured = measure(&plan, target, generator, &|| stop.came())?;
    let outcome = Outcome::of(bound.figure, &measured);
    if outcome == Outcome::Unsteady {
        drain(spec, target, generator, stop)?;
    }
    if stop.came() {
        return Err(Error::Interrupted(format!(
            "ended by {}; the search has no answer",
            stop.name()
        )));
    }
    let trial = Trial { rate, outcome };
    let figure_ns = trial.figure_ns();
    let printed = PrintedTrial {
        rate,
        achieved: measured.rate_achieved,
        figure_ns,
        state: State::of(outcome),
        service_time_mean_ns: measured.times.service_time.mean_ns(),
        answered: measured.counts.answered,
        unanswered: measured.counts.unanswered(),
        effective_samples: measured.effective_samples,
        kept: figure_ns.is_some_and(|ns| ns < bound.below_ns as f64),
        doubts: measured.doubts.iter().map(Doubt::name).collect(),
    };
    Ok((trial, printed))
}

impl PrintedTrial {
    fn figure(&self) -> String {
        let none =
            if self.state == State::NotSent { "could not be sent" } else { "no steady state" };
        self.figure_ns.map_or_else(|| none.to_owned(), tables::time)
    }

    /// Whether the bound was met; empty if the rate could not be sent.
    fn verdict(&self) -> &'static str {
        match (self.kept, self.state) {
            (true, _) => "met",
            (false, State::NotSent) => "",
            (false, _) => "not met",
        }
    }
}

fn line(trial: &PrintedTrial, bound: &Expectation) -> String {
    format!("{:.1}/s: {} {} {}", trial.rate, bound.figure, trial.figure(), trial.verdict())
}

fn print(
    arguments: &LoadArgs,
    bound: &Expectation,
    window: Duration,
    end: &Result<Next, Error>,
    trials: Vec<PrintedTrial>,
) -> Result<(), Error> {
    let longer = "measure for longer (--for)";
    let because = match end {
        Ok(Next::Found(_) | Next::Try(_)) => None,
        Ok(Next::BelowAll(rate)) => Some(format!(
            "not even {rate:.1}/s, the lowest rate with enough requests, meets it; {longer}"
        )),
        Ok(Next::AboveAll(rate)) => Some(format!(
            "{rate:.1}/s meets the bound, and the generator can send little more; try more \
             --threads, on cores of their own"
        )),
        Ok(Next::NotSent(rate)) => Some(format!(
            "{rate:.1}/s, the lowest rate with enough requests, cannot be sent; {longer}"
        )),
        Err(error) => Some(error.to_string()),
    };
    let found = if let Ok(Next::Found(found)) = end { Some(*found) } else { None };
    let note = found.and_then(|found| too_short(&trials, found, bound.figure, window));
    if arguments.json {
        let capacity =
            found.map(|Capacity { rate, low, high }| PrintedCapacity { rate, low, high });
        let printed = Printed { bound: bound.to_string(), capacity, because, note, trials };
        return json::print(&printed);
    }
    let mut out = Output::begin();
    let mut table =
        tables::table(&["rate", "sent", &bound.figure.to_string(), "unanswered", "", "warnings"]);
    for trial in &trials {
        table.add_row(vec![
            format!("{:.1}/s", trial.rate),
            format!("{:.1}/s", trial.achieved),
            trial.figure(),
            trial.unanswered.to_string(),
            trial.verdict().to_owned(),
            trial.doubts.join(", "),
        ]);
    }
    out.line(format!("{table}\n"));
    match (found, because) {
        (Some(Capacity { rate, low, high }), _) => {
            // The answer stays the last line, for scripts.
            if let Some(note) = note {
                out.paragraph(note, "");
                out.line("");
            }
            out.line("Without loss and without a growing backlog");
            out.line(format!("{bound} is met up to {rate:.1}/s ({low:.1} to {high:.1}/s, 95 %)"));
        }
        (None, Some(because)) if end.is_ok() => out.paragraph(because, "  "),
        (None, _) => {} // the caller reports the error
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(rate: f64, effective_samples: f64) -> PrintedTrial {
        PrintedTrial {
            rate,
            achieved: rate,
            figure_ns: Some(1e6),
            state: State::Steady,
            service_time_mean_ns: None,
            answered: 5_000,
            unanswered: 0,
            effective_samples,
            kept: true,
            doubts: Vec::new(),
        }
    }

    #[test]
    fn a_capacity_of_trials_that_are_too_short_says_how_long_they_should_be() {
        let found = Capacity { rate: 1_000.0, low: 900.0, high: 1_100.0 };
        // Trials far below the capacity always have enough.
        let trials = [trial(100.0, 9_000.0), trial(950.0, 30.0), trial(1_050.0, 29.8)];
        let note = |trials: &[PrintedTrial], figure| {
            too_short(trials, found, figure, Duration::from_secs(2))
        };
        let said = note(&trials, Statistic::Percentile(99.0)).expect("a note");
        assert!(said.contains("30 independent requests") && said.contains("299"), "{said}");
        assert!(said.contains("--for 20s"), "{said}");
        assert_eq!(note(&trials, Statistic::Percentile(50.0)), None);
        assert_eq!(note(&[trial(1_000.0, 299.0)], Statistic::Percentile(99.0)), None);
        assert_eq!(note(&[], Statistic::Percentile(99.0)), None);
    }
}
