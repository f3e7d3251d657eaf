//! `load --curve`: the response time over the load of a running server, in one command.

use std::io::{self, IsTerminal};
use std::time::Duration;

use analysis::load_figures::{RatePoint, curve_figure};
use analysis::text;
use loadgen::expectation::CheckResult;
use loadgen::{Target, capacity::Outcome};
use reports::load::{LoadPage, TableView, write_load};
use results::{Doubt, Machine, Measurement, percentile_interval};
use serde::Serialize;
use workload::{Arrivals, Law, LoadSpec, Plan, Rate};

use super::{capacity, page, saved::target};
use crate::bench::folder::OwnFolder;
use crate::cli::LoadArgs;
use crate::error::Error;
use crate::host::interrupt::Interrupt;
use crate::terminal::{Output, json, say, tables};
use crate::testbed::generator::{GeneratorSetup, measure};

/// How long each load of the search for the greatest rate takes.
const SEARCHING: Duration = Duration::from_millis(700);

/// The longest load of the curve: eleven of them, and the search, take less than two minutes.
const LONGEST: Duration = Duration::from_secs(6);

/// The loads of the curve, as fractions of the capacity.
const FRACTIONS: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97];

/// The median at the knee, in medians at the lightest load.
const KNEE: f64 = 2.0;

/// Requests that a load of the curve must have at least.
const FEWEST: f64 = 40.0;

/// The percentiles that are shown.
const SHOWN: [f64; 3] = [0.5, 0.9, 0.99];

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    /// The most that was answered in a second.
    capacity_per_s: f64,
    /// Whether the server was overloaded, so that this is its capacity; otherwise the generator was the limit.
    reached: bool,
    /// The rate at which the median is twice that of the lightest load.
    knee_per_s: Option<f64>,
    points: &'a [Point],
    expectations: Vec<PrintedExpectation>,
}

#[derive(Serialize)]
struct PrintedExpectation {
    expectation: String,
    /// The greatest rate at which it was met.
    met_up_to_per_s: Option<f64>,
    verdict: &'static str,
}

/// One load.
#[derive(Serialize)]
struct Point {
    rate: f64,
    sent_per_s: f64,
    answered_per_s: f64,
    mean_ns: Option<f64>,
    p50_ns: Option<u64>,
    p90_ns: Option<u64>,
    p99_ns: Option<u64>,
    /// The response time of an M/G/1 queue with the service times that the server reported.
    iterative_model_ns: Option<f64>,
    errors: f64,
    warnings: Vec<&'static str>,
    #[serde(skip)]
    drawn: RatePoint,
    #[serde(skip)]
    verdicts: Vec<CheckResult>,
}

/// What is needed to make a load.
pub(super) struct Curve<'a> {
    pub(super) arguments: &'a LoadArgs,
    pub(super) spec: &'a LoadSpec,
    pub(super) target: &'a Target,
    pub(super) generator: &'a GeneratorSetup,
    pub(super) machine: &'a Machine,
    pub(super) stop: &'a Interrupt,
}

/// What was found.
struct Found {
    capacity_per_s: f64,
    reached: bool,
    points: Vec<Point>,
}

pub(super) fn run(curve: &Curve<'_>, folder: Option<OwnFolder>) -> Result<(), Error> {
    let arguments = curve.arguments;
    let Some(first) = curve.spec.arrivals.rate() else {
        return Err(Error::Usage("a closed loop has no rate to vary; omit --closed".to_owned()));
    };
    if matches!(arguments.arrivals, Law::Trace(_) | Law::Ramp { .. }) {
        return Err(Error::Usage(
            "a trace or a ramp has no single rate to vary; give another --arrivals".to_owned(),
        ));
    }
    let (capacity_per_s, reached) = curve.search(first.get())?;
    let mut found = Found { capacity_per_s, reached, points: Vec::new() };
    for fraction in FRACTIONS {
        let rate = (capacity_per_s * fraction).max(0.1);
        let window = curve.spec.window.min(LONGEST).max(Duration::from_secs_f64(FEWEST / rate));
        let measured = curve.load(rate, window)?;
        let point = curve.point(rate, &measured);
        curve.tell(&line(&point));
        found.points.push(point);
    }
    curve.print(&found)?;
    if let Some(folder) = folder {
        let path = curve.write(&found, &folder)?;
        if !arguments.json {
            let mut out = Output::begin();
            out.line(path);
            out.finish()?;
        }
    }
    curve.unmet(&found)
}

impl Curve<'_> {
    fn tell(&self, text: &str) {
        if !self.arguments.json && io::stderr().is_terminal() {
            say(text);
        }
    }

    /// A load of this rate.
    fn load(&self, rate: f64, window: Duration) -> Result<Measurement, Error> {
        let asked = Rate::per_second(rate)
            .ok_or_else(|| Error::Usage("the rates left the range of possible ones".to_owned()))?;
        let spec = LoadSpec {
            arrivals: Arrivals::open(asked, self.arguments.arrivals),
            window,
            warmup: self.spec.warmup.min(window / 4),
            seed: self.spec.seed.wrapping_add(rate.to_bits()),
            ..self.spec.clone()
        };
        let plan = Plan::draw(spec.clone())?;
        let measured = measure(&plan, self.target, self.generator, &|| self.stop.came())?;
        if self.stop.came() {
            return Err(Error::Interrupted(format!(
                "ended by {}; the curve is not whole",
                self.stop.name()
            )));
        }
        if is_overloaded(&measured) {
            capacity::drain(&spec, self.target, self.generator, self.stop)?;
        }
        Ok(measured)
    }

    /// The greatest number of requests that are answered in a second, and whether the server was the limit: the
    /// rate is doubled until the server falls behind.
    fn search(&self, first: f64) -> Result<(f64, bool), Error> {
        let most = capacity::MOST_PER_THREAD * self.generator.progress.len() as f64;
        let (mut rate, mut best) = (first, 0.0_f64);
        loop {
            let window = SEARCHING.max(Duration::from_secs_f64(FEWEST / rate));
            let mut measured = self.load(rate, window)?;
            if is_overloaded(&measured) {
                // One stall of the machine makes a short load look like an overload.
                measured = self.load(rate, 3 * window)?;
            }
            if measured.counts.answered == 0 {
                if best > 0.0 {
                    return Ok((best, true));
                }
                return Err(Error::NoAnswer(format!(
                    "no request to {} was answered at {}; check that the server runs and speaks the protocol of \
                     the load, or begin with a lower --rate",
                    self.arguments.target.host,
                    text::rate(rate)
                )));
            }
            best = best.max(measured.throughput());
            let is_sent = !matches!(
                Outcome::of(loadgen::expectation::Statistic::Mean, &measured),
                Outcome::NotSent
            );
            self.tell(&format!(
                "{} asked: {} answered",
                text::rate(rate),
                text::rate(measured.throughput())
            ));
            if is_overloaded(&measured) {
                return Ok((best, true));
            }
            if !is_sent || rate >= most {
                return Ok((best, false));
            }
            rate = (2.0 * rate).min(most);
        }
    }

    fn point(&self, rate: f64, measured: &Measurement) -> Point {
        let times = &measured.times.response_time;
        let known = |quantile: f64| times.percentile(quantile).known_ns();
        let percentile = |quantile: f64| {
            let value = known(quantile)? as f64;
            let interval = percentile_interval(quantile, measured.effective_samples);
            let ends = interval.and_then(|(low, high)| known(low).zip(known(high)));
            let (low, high) = ends.map_or((value, value), |(low, high)| (low as f64, high as f64));
            Some((value, low, high))
        };
        let service = &measured.times.service_time;
        let model = service.mean_ns().filter(|_| service.count() > 0).and_then(|mean| {
            let deviation = service.hdr_histogram().stdev();
            model::iterative_mean_response(rate / 1e9, mean, (deviation / mean).powi(2)).ok()
        });
        let is_late = |doubt: &Doubt| doubt.name() != "too-few-samples";
        Point {
            rate,
            sent_per_s: measured.rate_achieved,
            answered_per_s: measured.throughput(),
            mean_ns: times.mean_ns(),
            p50_ns: known(0.5),
            p90_ns: known(0.9),
            p99_ns: known(0.99),
            iterative_model_ns: model,
            errors: 1.0 - measured.counts.answered as f64 / measured.counts.sent.max(1) as f64,
            warnings: measured.doubts.iter().map(Doubt::name).collect(),
            drawn: RatePoint {
                rate,
                percentiles: SHOWN.map(percentile),
                is_doubted: measured.doubts.iter().any(is_late),
            },
            verdicts: self.arguments.expect.iter().map(|it| it.verdict(measured)).collect(),
        }
    }

    /// For each expectation the greatest rate up to which it was met at all loads, and what stands against more.
    fn expectations(&self, found: &Found) -> Vec<PrintedExpectation> {
        let of = |(number, expectation): (usize, &loadgen::expectation::Expectation)| {
            let met = found.points.iter().take_while(|it| it.verdicts[number] == CheckResult::Met);
            let met_up_to_per_s = met.map(|it| it.rate).last();
            let is_missed = |it: &&Point| it.verdicts[number] == CheckResult::NotMet;
            let verdict = match (met_up_to_per_s, found.points.first().filter(is_missed)) {
                (Some(_), _) => "Met",
                (None, Some(_)) => "NotMet",
                (None, None) => "NotValid",
            };
            PrintedExpectation { expectation: expectation.to_string(), met_up_to_per_s, verdict }
        };
        self.arguments.expect.iter().enumerate().map(of).collect()
    }

    fn unmet(&self, found: &Found) -> Result<(), Error> {
        for it in self.expectations(found) {
            match it.verdict {
                "NotMet" => {
                    return Err(Error::NotMet(format!(
                        "not met even at the lightest load: {}",
                        it.expectation
                    )));
                }
                "NotValid" => {
                    return Err(Error::NotValid(format!(
                        "{} at the lightest load",
                        it.expectation
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn sentences(&self, found: &Found) -> Vec<String> {
        let capacity = text::rate(found.capacity_per_s);
        let mut sentences = vec![match found.reached {
            true => format!("The server answers at most {capacity}."),
            false => format!(
                "The server answered {capacity} and was not at its limit; the generator was. Give it more \
                 --threads, or cores of its own."
            ),
        }];
        sentences.push(match knee(&found.points) {
            Some(knee) => format!(
                "The median response time doubles at {} ({} % of that).",
                text::rate(knee),
                text::three_digits(100.0 * knee / found.capacity_per_s)
            ),
            None => {
                "The median response time does not double up to the highest load tried.".to_owned()
            }
        });
        for it in self.expectations(found) {
            sentences.push(match it.met_up_to_per_s {
                Some(rate) => format!("{} is kept up to {}.", it.expectation, text::rate(rate)),
                None => format!("{} was not shown to be met at the lightest load.", it.expectation),
            });
        }
        sentences
    }

    fn print(&self, found: &Found) -> Result<(), Error> {
        if self.arguments.json {
            return json::print(&Printed {
                capacity_per_s: found.capacity_per_s,
                reached: found.reached,
                knee_per_s: knee(&found.points),
                points: &found.points,
                expectations: self.expectations(found),
            });
        }
        let mut table = tables::table(&HEADS);
        found.points.iter().for_each(|point| {
            table.add_row(cells(point));
        });
        let mut out = Output::begin();
        self.sentences(found).iter().for_each(|sentence| out.paragraph(sentence, ""));
        out.line(format!("\n{table}\n"));
        out.finish()
    }

    fn write(&self, found: &Found, folder: &OwnFolder) -> Result<String, Error> {
        let mut sentences = self.sentences(found).into_iter();
        let rows = found.points.iter().map(cells).collect();
        let warned = found.points.iter().filter(|point| !point.warnings.is_empty());
        let facts = page::facts(self.arguments, self.generator, self.machine);
        let page = LoadPage {
            made: page::made(self.arguments, &facts),
            question: format!("Response time of {} by load", target(self.arguments)),
            headline: sentences.next().unwrap_or_default(),
            notes: sentences.collect(),
            tables: vec![TableView {
                title: "Load by load".to_owned(),
                heads: HEADS.map(str::to_owned).to_vec(),
                rows,
            }],
            warnings: warned
                .map(|point| format!("{}: {}", text::rate(point.rate), point.warnings.join(", ")))
                .collect(),
            facts,
        };
        let drawn: Vec<RatePoint> = found.points.iter().map(|point| point.drawn).collect();
        let figure = curve_figure(&drawn, found.reached.then_some(found.capacity_per_s));
        Ok(write_load(&page, vec![figure], &folder.path)?.display().to_string())
    }
}

const HEADS: [&str; 7] = ["asked", "answered", "mean", "p50", "p90", "p99", "errors"];

fn cells(point: &Point) -> Vec<String> {
    let time = |ns: Option<f64>| ns.map_or_else(|| "-".to_owned(), tables::time);
    let percentile = |ns: Option<u64>| time(ns.map(|ns| ns as f64));
    vec![
        text::rate(point.rate),
        text::rate(point.answered_per_s),
        time(point.mean_ns),
        percentile(point.p50_ns),
        percentile(point.p90_ns),
        percentile(point.p99_ns),
        format!("{} %", text::three_digits(100.0 * point.errors)),
    ]
}

fn line(point: &Point) -> String {
    let cells = cells(point);
    format!("{}: p50 {}, p99 {}, errors {}", cells[0], cells[3], cells[5], cells[6])
}

/// Whether the server fell behind: less than 95 % of what was sent was answered in time, or the run was ended
/// for it.
fn is_overloaded(measured: &Measurement) -> bool {
    let is_behind = measured.throughput() < 0.95 * measured.rate_achieved;
    is_behind || measured.doubts.iter().any(|doubt| matches!(doubt, Doubt::Overloaded { .. }))
}

/// The rate at which the median is twice that of the lightest load, between two loads on a straight line.
fn knee(points: &[Point]) -> Option<f64> {
    let least = points.first()?.p50_ns? as f64;
    points.windows(2).find_map(|pair| {
        let (low, high) = (pair[0].p50_ns? as f64, pair[1].p50_ns? as f64);
        let at = KNEE * least;
        (low < at && at <= high)
            .then(|| pair[0].rate + (pair[1].rate - pair[0].rate) * (at - low) / (high - low))
    })
}
