//! A scenario: one TOML file with one question and the experiments that answer it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use protocol::Transport;
use protocol::quantity::{Bytes, Nanoseconds};
use protocol::quantity::{read_duration, read_seconds};
use results::{Parameter, Shows, Wins};
use serde::{Deserialize, Deserializer};
use servers::Design;
use workload::{Arrivals, Distribution, Law, LoadSpec, Rate, Reuse};

use crate::error::Error;
use crate::names::{did_you_mean, read_design};
use crate::setup::{ServerSetup, Setup, fits_transport, read_value};
use crate::text_file::read_text;

/// The scenarios that come with the program.
pub const BUILT_IN: [(&str, &str); 2] = [
    ("quick", include_str!("../../../scenarios/quick.toml")),
    ("smoke", include_str!("../../../scenarios/smoke.toml")),
];

/// The time that a request may take beside its processing, for choosing a rate: a sleep overshoots,
/// and a connection and perhaps a process must be created. It is generous, so that bursts do not
/// overlap.
const ALLOWANCE: Duration = Duration::from_micros(300);

/// The most repetitions: beyond a few dozen, more of them add little and take too long.
const MOST_REPETITIONS: u32 = 1_000;

/// The longest name of an experiment, in bytes; files are named after it.
const LONGEST_NAME: usize = 64;

/// The most points of an axis.
const MOST_POINTS: usize = 1_000;

/// The most runs of a scenario: at a second each, more than a day.
const MOST_RUNS: usize = 100_000;

/// Several experiments under one question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The question.
    pub title: String,
    /// The seed from which all plans and the order of the runs are drawn.
    pub seed: u64,
    /// How often each cell is run.
    pub repetitions: u32,
    /// The experiments.
    #[serde(rename = "experiment")]
    pub experiments: Vec<ExperimentSpec>,
}

/// One experiment: designs, a load, and the parameter that is varied.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentSpec {
    /// Name, unique in the scenario; the files of its figures are named after it.
    pub name: String,
    /// The question it asks: the title of its figure.
    pub question: String,
    /// What the report draws.
    pub shows: Vec<Shows>,
    /// What decides which design is the best.
    #[serde(default)]
    pub wins: Wins,
    /// The designs that are compared.
    pub designs: Vec<Named>,
    /// Designs that are run twice, to learn how much identical runs differ.
    #[serde(default)]
    pub twins: Vec<Named>,
    /// What is varied.
    #[serde(deserialize_with = "axis", default)]
    pub axis: Option<Parameter>,
    /// The values on the axis, such as times or rates.
    #[serde(default)]
    pub points: Vec<String>,
    /// When requests are due.
    #[serde(deserialize_with = "parsed", default = "poisson")]
    pub arrivals: Law,
    /// Requests per second. Either this or `utilisation` is given.
    #[serde(deserialize_with = "parsed_option", default)]
    pub rate: Option<Rate>,
    /// Sets the rate such that a server of one worker is busy for this fraction of the time, if
    /// each request takes its processing and 300 µs.
    #[serde(default)]
    pub utilisation: Option<f64>,
    /// How long to measure (`for`). Either this or `requests` is given.
    #[serde(rename = "for", deserialize_with = "seconds_option", default)]
    pub window: Option<Duration>,
    /// Measures for as long as so many requests take at the rate.
    #[serde(default)]
    pub requests: Option<u32>,
    /// Requests sent before the measurement.
    #[serde(default)]
    pub warmup_requests: u32,
    /// Waiting time of a request.
    #[serde(deserialize_with = "parsed", default = "no_time")]
    pub wait: Distribution<Nanoseconds>,
    /// Processor time of a request.
    #[serde(deserialize_with = "parsed", default = "no_time")]
    pub compute: Distribution<Nanoseconds>,
    /// Bytes of a request.
    #[serde(deserialize_with = "parsed", default = "smallest")]
    pub request_size: Distribution<Bytes>,
    /// Bytes of a reply.
    #[serde(deserialize_with = "parsed", default = "smallest")]
    pub reply_size: Distribution<Bytes>,
    /// Connections or sockets.
    #[serde(default = "one")]
    pub clients: u32,
    /// How TCP connections are used.
    #[serde(deserialize_with = "parsed", default = "per_request")]
    pub connection: Reuse,
    /// How long until an unanswered request is given up.
    #[serde(deserialize_with = "duration_option", default)]
    pub timeout: Option<Duration>,
}

/// Reads a parameter by its name; "none" means no axis.
fn axis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Parameter>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "none" => Ok(None),
        name => name.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

fn poisson() -> Law {
    Law::Poisson
}

fn no_time() -> Distribution<Nanoseconds> {
    Distribution::fixed(0.0)
}

fn smallest() -> Distribution<Bytes> {
    Distribution::fixed(protocol_header())
}

fn protocol_header() -> f64 {
    LoadSpec::default().request_size.mean()
}

fn one() -> u32 {
    1
}

fn per_request() -> Reuse {
    Reuse::Per(1)
}

/// A design by its name.
#[derive(Clone, Copy)]
pub struct Named(pub &'static Design);

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        read_design(&name).map(Self).map_err(serde::de::Error::custom)
    }
}

fn parsed<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err = String>,
{
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn parsed_option<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: std::str::FromStr<Err = String>,
{
    parsed(deserializer).map(Some)
}

fn duration_option<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    read_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

fn seconds_option<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    read_seconds(&text).map(Some).map_err(serde::de::Error::custom)
}

/// The name and the text of a scenario.
pub struct Source {
    /// Name for folders and records.
    pub name: String,
    /// The whole file.
    pub text: String,
}

impl Source {
    /// Finds a scenario: one that comes with the program, or a file.
    ///
    /// # Errors
    /// If there is neither, with the names that exist, or if the file cannot be read.
    pub fn find(name: &str) -> Result<Self, Error> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
            return Ok(Self { name: (*name).to_owned(), text: (*text).to_owned() });
        }
        let path = Path::new(name);
        if !path.exists() {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            let meant = did_you_mean(name, &names);
            return Err(Error::Usage(format!(
                "no scenario is called '{name}' and no file either{meant} There are: {}; or write \
                 the path of a .toml file",
                names.join(", ")
            )));
        }
        let text = read_text(path)?;
        let name = path
            .file_stem()
            .map_or_else(|| "scenario".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let name = name.replace(char::is_control, " ");
        Ok(Self { name, text })
    }

    /// Parses and checks the scenario.
    ///
    /// # Errors
    /// With line and column if the text is wrong, and with the experiment if it makes no sense.
    pub fn parse(&self) -> Result<Scenario, Error> {
        let wrong = |because: String| Error::Usage(format!("scenario '{}': {because}", self.name));
        let scenario: Scenario =
            toml::from_str(&self.text).map_err(|error| wrong(error.to_string()))?;
        scenario.check().map_err(wrong)?;
        Ok(scenario)
    }
}

impl Scenario {
    fn check(&self) -> Result<(), String> {
        if self.title.chars().any(char::is_control) {
            return Err("the title holds a control character".to_owned());
        }
        if self.repetitions == 0 {
            return Err("repetitions must be at least 1 (6 for intervals)".to_owned());
        }
        if self.repetitions > MOST_REPETITIONS {
            return Err(format!("repetitions are at most {MOST_REPETITIONS}"));
        }
        if self.experiments.is_empty() {
            return Err("there is no [[experiment]]".to_owned());
        }
        let cells = self.experiments.iter().map(|experiment| {
            let designs = experiment.designs.len() + experiment.twins.len();
            experiment.points.len().max(1).saturating_mul(designs)
        });
        let runs = cells.sum::<usize>().saturating_mul(self.repetitions as usize);
        if runs > MOST_RUNS {
            return Err(format!(
                "it has {runs} runs; the limit is {MOST_RUNS}: remove points, designs or \
                 repetitions"
            ));
        }
        for (index, experiment) in self.experiments.iter().enumerate() {
            if self.experiments[..index].iter().any(|other| other.name == experiment.name) {
                return Err(format!("two experiments are called '{}'", experiment.name));
            }
            let in_words = |because| format!("experiment '{}': {because}", experiment.name);
            experiment.check().map_err(in_words)?;
        }
        // Figures are named after the experiment, with one of these suffixes.
        for suffix in Shows::ALL.into_iter().flat_map(Shows::suffixes).filter(|it| !it.is_empty()) {
            let mut named = self.experiments.iter().map(|experiment| &experiment.name);
            if let Some(name) = named.find(|name| {
                let with_it = format!("{name}{suffix}");
                self.experiments.iter().any(|other| other.name == with_it)
            }) {
                return Err(format!(
                    "experiment '{name}{suffix}' would have figures of the same name as '{name}'; \
                     call it something else"
                ));
            }
        }
        Ok(())
    }
}

impl ExperimentSpec {
    fn check(&self) -> Result<(), String> {
        self.check_words()?;
        self.check_load()?;
        self.check_points_and_designs()?;
        for x in 0..self.points.len().max(1) {
            for transport in [Transport::Udp, Transport::Tcp] {
                // Designs of one transport get the same load.
                let mut designs = self.designs.iter().map(|named| named.0);
                let Some(design) = designs.find(|design| design.transport() == transport) else {
                    continue;
                };
                let spec = self.setup(design, x, 0)?.load;
                fits_transport(&spec, transport)?;
                workload::Plan::draw(spec).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Checks the name and the question, and what is shown.
    fn check_words(&self) -> Result<(), String> {
        let is_file_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        if self.name.is_empty()
            || self.name.len() > LONGEST_NAME
            || !self.name.chars().all(is_file_name)
        {
            return Err(format!(
                "a name has letters, digits and hyphens only, {LONGEST_NAME} at most"
            ));
        }
        if self.question.chars().any(char::is_control) {
            return Err("the question holds a control character".to_owned());
        }
        if self.shows.is_empty() {
            return Err(
                "shows is empty; name what the report shows, such as \"crossover\"".to_owned()
            );
        }
        let is_processing = |axis: Parameter| axis.row().is_processing;
        if let Some(axis) = self.axis.filter(|axis| !is_processing(*axis))
            && self.shows.contains(&Shows::Crossover)
        {
            return Err(format!("a crossover is shown over wait or compute, not over {axis}"));
        }
        if let Some(axis) = self.axis.filter(|axis| *axis != Parameter::Rate)
            && self.shows.contains(&Shows::Load)
        {
            return Err(format!("load is shown over rate, not over {axis}"));
        }
        if self.shows.contains(&Shows::Crossover) && self.shows.contains(&Shows::ShortAmongLong) {
            return Err("crossover and short-among-long are two experiments".to_owned());
        }
        Ok(())
    }

    fn check_load(&self) -> Result<(), String> {
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err("the timeout must be longer than 0".to_owned());
        }
        if self.requests == Some(0) {
            return Err("requests must be at least 1".to_owned());
        }
        if self.axis.is_none() != self.points.is_empty() {
            return Err("axis and points go together: give both or neither".to_owned());
        }
        if self.axis != Some(Parameter::Rate) && self.rate.is_some() == self.utilisation.is_some() {
            return Err("give rate or utilisation, one of them".to_owned());
        }
        if self.utilisation.is_some_and(|share| !(share > 0.0 && share <= 10.0)) {
            return Err("utilisation is a fraction above 0, such as 0.4".to_owned());
        }
        if self.window.is_some() == self.requests.is_some() {
            return Err("give for or requests, one of them".to_owned());
        }
        Ok(())
    }

    fn check_points_and_designs(&self) -> Result<(), String> {
        if self.designs.is_empty() {
            return Err("it needs at least one design".to_owned());
        }
        if self.points.len() > MOST_POINTS {
            return Err(format!("it has {} points; the limit is {MOST_POINTS}", self.points.len()));
        }
        let xs: Vec<f64> =
            (0..self.points.len()).map(|point| self.x(point)).collect::<Result<_, _>>()?;
        if (1..xs.len()).any(|at| xs[..at].contains(&xs[at])) {
            return Err("no point may be listed twice".to_owned());
        }
        for (what, designs) in [("design", &self.designs), ("twin", &self.twins)] {
            let stands_before =
                |at: usize| designs[..at].iter().any(|other| other.0.name == designs[at].0.name);
            if (1..designs.len()).any(stands_before) {
                return Err(format!("no {what} may be listed twice"));
            }
        }
        if self.twins.iter().any(|twin| !self.has(twin.0)) {
            return Err("twins must be among the designs".to_owned());
        }
        Ok(())
    }

    /// Whether a report prints a percentile, which needs many requests; a mean needs few.
    #[must_use]
    pub fn prints_tails(&self) -> bool {
        let needs_few = |shows: &Shows| matches!(shows, Shows::Crossover | Shows::Cost);
        !self.shows.iter().all(needs_few)
    }

    fn has(&self, design: &Design) -> bool {
        self.designs.iter().any(|named| named.0.name == design.name)
    }

    /// The value of a point of the axis in the base unit of its parameter, or 0 without an axis.
    ///
    /// # Errors
    /// If the point is not a value of the axis.
    pub fn x(&self, point: usize) -> Result<f64, String> {
        match (self.axis, self.points.get(point)) {
            (Some(axis), Some(text)) => read_value(axis, text),
            _ => Ok(0.0),
        }
    }

    /// The load and the server of one run.
    ///
    /// # Errors
    /// If the point is not a value of the axis, or if the rate or the duration is not valid.
    pub fn setup(&self, design: &'static Design, point: usize, seed: u64) -> Result<Setup, String> {
        let load = LoadSpec {
            clients: self.clients,
            wait: self.wait,
            compute: self.compute,
            request_size: self.request_size,
            reply_size: self.reply_size,
            reuse: match design.transport() {
                Transport::Tcp => self.connection,
                Transport::Udp => Reuse::Persistent,
            },
            timeout: self.timeout.unwrap_or(Duration::from_secs(1)),
            seed,
            ..LoadSpec::default()
        };
        let mut setup = Setup { load, server: ServerSetup::usual(design) };
        let x = self.x(point)?;
        if let Some(axis) = self.axis {
            setup.set(axis, x)?;
        }
        let load = &mut setup.load;
        let rate = self.rate_at(x, load.wait.mean() + load.compute.mean())?;
        let time_for = |requests: u32| {
            Duration::try_from_secs_f64(f64::from(requests) / rate.get())
                .map_err(|_| format!("{requests} requests at {rate} take too long; raise the rate"))
        };
        load.arrivals = Arrivals::open(rate, self.arrivals);
        load.window = match self.window {
            Some(window) => window,
            None => time_for(self.requests.unwrap_or(1))?,
        };
        load.warmup = time_for(self.warmup_requests)?;
        Ok(setup)
    }

    /// The rate at a point: the one on the axis, the given one, or the one at which a server of one
    /// worker is busy for the given fraction of the time.
    fn rate_at(&self, x: f64, processing_ns: f64) -> Result<Rate, String> {
        let service_s = processing_ns / 1e9 + ALLOWANCE.as_secs_f64();
        let per_second = match (self.axis, self.rate, self.utilisation) {
            (Some(Parameter::Rate), ..) => x,
            (_, Some(rate), _) => rate.get(),
            (_, None, utilisation) => utilisation.unwrap_or(0.0) / service_s,
        };
        Rate::per_second(per_second).ok_or_else(|| "the rate must be above 0".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        let source = Source { name: "test".to_owned(), text: text.to_owned() };
        source.parse().map(|_| ()).expect_err("it is wrong").to_string()
    }

    #[test]
    fn the_scenarios_that_come_with_the_program_are_sound() {
        for (name, _) in BUILT_IN {
            let scenario = Source::find(name).and_then(|source| source.parse());
            assert!(scenario.is_ok(), "{name}: {:?}", scenario.err());
        }
    }

    #[test]
    fn quick_has_repetitions_enough_for_intervals() {
        let scenario = Source::find("quick").and_then(|source| source.parse());
        assert!(scenario.is_ok_and(|scenario| scenario.repetitions >= 6));
    }

    const HEAD: &str = "title = \"t\"\nseed = 1\nrepetitions = 1\n[[experiment]]\nname = \"e\"\n\
                        question = \"q\"\nshows = [\"crossover\"]\n";

    #[test]
    fn what_is_wrong_is_told_with_line_and_column() {
        let error = error_of(&format!("{HEAD}designs = [\"udp-magic\"]\nrate = \"5/s\"\n"));
        assert!(error.contains("line 8") && error.contains("udp-magic"), "{error}");
        assert!(error.contains("udp-iterative"), "it names those there are: {error}");
        let error = error_of("title = \n");
        assert!(error.contains("line 1, column"), "{error}");
        let error = error_of(&format!("{HEAD}designs = [\"udp-iterative\"]\nrate = \"fast\"\n"));
        assert!(error.contains("line 9") && error.contains("500/s"), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_told_with_the_experiment() {
        let base = format!("{HEAD}designs = [\"udp-iterative\"]\n");
        for (rest, expected) in [
            ("rate = \"5/s\"\n", "for or requests"),
            ("rate = \"5/s\"\nutilisation = 0.5\nfor = \"1s\"\n", "rate or utilisation"),
            ("rate = \"5/s\"\nfor = \"1s\"\naxis = \"wait\"\n", "axis and points"),
            ("rate = \"5/s\"\nfor = \"1s\"\ntwins = [\"tcp-iterative\"]\n", "twins"),
            ("rate = \"5/s\"\nfor = \"1s\"\nrequest_size = \"5B\"\n", "64"),
            ("rate = \"5/s\"\nfor = \"1s\"\nspeed = 5\n", "unknown field"),
        ] {
            let error = error_of(&format!("{base}{rest}"));
            assert!(error.contains(expected), "{rest}: {error}");
        }
    }
}
