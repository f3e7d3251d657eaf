//! A scenario: one TOML file with one question and the experiments that answer it.

mod axes;
mod built_in;
mod claim_tables;
mod claims;
mod experiment;
mod file;
mod given;
mod load;
mod settings;
mod subjects;

use std::path::Path;
use std::time::Duration;

use protocol::quantity::read_duration;
use results::Shows;

use crate::error::Error;
use crate::names::did_you_mean;
use crate::text_file::read_text;

use analysis::claims::Claim;
pub use built_in::built_in;
pub use experiment::ExperimentSpec;
use file::ScenarioFile;
use given::{Problem, maybe};

/// The most repetitions: beyond a few dozen, more of them add little and take too long.
const MOST_REPETITIONS: u32 = 1_000;

/// The most runs of a scenario: at a second each, more than a day.
const MOST_RUNS: usize = 100_000;

/// Several experiments under one question.
#[derive(Debug)]
pub struct Scenario {
    /// The question.
    pub title: String,
    /// The seed from which all plans and the order of the runs are drawn.
    pub seed: u64,
    /// How often each cell is run at least.
    pub repetitions: u32,
    /// The time within which runs are added where an answer is open; none if it is `None`.
    pub budget: Option<Duration>,
    /// Whether runs that were disturbed from outside are made again.
    pub repeat_disturbed: bool,
    /// The experiments.
    pub experiments: Vec<ExperimentSpec>,
    /// The claims that they decide.
    pub claims: Vec<Claim>,
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
        if let Some(source) = built_in().into_iter().find(|source| source.asked_for(name)) {
            return Ok(source);
        }
        let path = Path::new(name);
        if !path.exists() {
            let names: Vec<String> =
                built_in().iter().map(|source| source.on_command_line()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
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
        let file: ScenarioFile =
            toml::from_str(&self.text).map_err(|error| wrong(error.to_string()))?;
        Scenario::of(&file, &self.name).map_err(|problem| wrong(problem.in_words(&self.text)))
    }
}

impl Scenario {
    fn of(file: &ScenarioFile, name: &str) -> Result<Self, Problem> {
        let servers = subjects::servers(&file.servers)?;
        let mut experiments: Vec<ExperimentSpec> = Vec::new();
        for (place, placed) in (0..).zip(&file.experiments) {
            let table = placed.get_ref();
            if experiments.iter().any(|other| other.name == table.name) {
                let because = format!("two experiments are called '{}'", table.name);
                return Err(Problem::at(placed.span(), because));
            }
            let experiment =
                ExperimentSpec::of(file, table, place, &servers).map_err(|problem| Problem {
                    text: format!("experiment '{}': {}", table.name, problem.text),
                    at: problem.at.or(Some(placed.span())),
                })?;
            experiments.push(experiment);
        }
        let claims = claims::claims(&file.claims, &experiments)?;
        let first = experiments.first().map(|experiment| experiment.question.clone());
        let title = file.title.clone().or(first).unwrap_or_else(|| name.to_owned());
        let budget = maybe("budget", file.budget.as_ref(), read_duration)?;
        let scenario = Self {
            title,
            seed: file.seed,
            repetitions: file.repetitions,
            budget,
            repeat_disturbed: file.repeat_disturbed,
            experiments,
            claims,
        };
        scenario.check()?;
        Ok(scenario)
    }

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
            let subjects = experiment.subjects.len() + experiment.twins.len();
            experiment.points.len().saturating_mul(subjects)
        });
        let runs = cells.sum::<usize>().saturating_mul(self.repetitions as usize);
        if runs > MOST_RUNS {
            return Err(format!(
                "it has {runs} runs; the limit is {MOST_RUNS}: remove points, designs or \
                 repetitions"
            ));
        }
        self.check_names_of_figures()
    }

    /// Figures are named after the experiment, with one of these suffixes.
    fn check_names_of_figures(&self) -> Result<(), String> {
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

    /// The claims that cannot be tried are not, on so few cores or without the programs that they need:
    /// what only they read is left out.
    pub fn leave_out_untried(&mut self, cores: usize) {
        let is_tried = |claim: &&Claim| {
            claim.cores <= cores && claim.needs.iter().all(|program| is_installed(program))
        };

        let needed: Vec<String> = self
            .claims
            .iter()
            .filter(is_tried)
            .flat_map(|claim| &claim.checks)
            .flat_map(|check| check.experiments())
            .map(str::to_owned)
            .collect();
        self.experiments.retain(|it| !it.serves_claims || needed.contains(&it.name));
    }
}

/// Whether a program is in a folder of PATH. What has a slash is a file.
fn is_installed(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_program_that_is_missing_is_left_out() {
        let seeds = |scenario: &Scenario| -> Vec<(String, u64)> {
            let runs = crate::bench::sweep::runs(scenario).expect("it was checked");
            runs.iter().map(|run| (run.experiment.name.clone(), run.setup.load.seed)).collect()
        };
        let claim = |id: &str, needs: &str| {
            format!(
                "[[claim]]\nid = \"{id}\"\nclaim = \"c\"\nconfirmed = \"y\"\ncorrected = \"n\"\n\
                 needs = [\"{needs}\"]\n[[claim.check]]\nname = \"n\"\nsays = \"s\"\n\
                 experiment = \"e-{id}\"\nmetric = \"mean\"\nof = \"udp-iterative\"\n\
                 [[experiment]]\nname = \"e-{id}\"\ndesigns = [\"udp-iterative\"]\n\
                 rate = \"50/s\"\nrequests = 20\n"
            )
        };
        let text = claim("b", "no-such-program") + &claim("a", "sh") + &claim("c", "/no/such/file");
        let mut scenario = Source { name: "test".to_owned(), text }.parse().expect("sound");
        let mut of_a = seeds(&scenario);
        of_a.retain(|(name, _)| name == "e-a");
        scenario.leave_out_untried(1);
        assert_eq!(seeds(&scenario), of_a, "the same requests, whatever is left out");
        let left: Vec<&str> = scenario.experiments.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(left, ["e-a"]);
        assert_eq!(scenario.claims.len(), 3);
    }

    fn error_of(text: &str) -> String {
        let source = Source { name: "test".to_owned(), text: text.to_owned() };
        source.parse().map(|_| ()).expect_err("it is wrong").to_string()
    }

    #[test]
    fn the_scenarios_that_come_with_the_program_are_sound() {
        for source in built_in() {
            let scenario = source.parse();
            assert!(scenario.is_ok(), "{}: {:?}", source.name, scenario.err());
            let found = Source::find(&source.on_command_line()).expect("it has this name");
            assert_eq!(found.text, source.text);
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
