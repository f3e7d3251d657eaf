//! What the trials share: their start, medians, and tables for the terminal and for a README.

pub mod simulated_bench;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Why a trial did not finish.
pub type Failed = Box<dyn std::error::Error>;

/// The `main` of a trial. Started with the command `serve`, `load` or `advise`, it is the program
/// itself. Otherwise it runs the trial, and its exit code shows whether every bar
/// was met.
pub fn main(run: fn() -> Result<bool, Failed>) -> ExitCode {
    let command = std::env::args().nth(1);
    if command.is_some_and(|command| ["serve", "load", "advise"].contains(&command.as_str())) {
        return crossover::main();
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The command `crossover load` with JSON output, run by this executable through [`main`].
///
/// # Errors
/// If the system does not return the path of this executable.
pub fn load(target: &str, core: &str) -> Result<Command, Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["load", target, "--json", "--cores", core]);
    Ok(command)
}

/// The parts that the command line names, or all if it names none.
///
/// # Errors
/// If the command line names something else.
pub fn chosen<'a>(parts: &[&'a str]) -> Result<Vec<&'a str>, Failed> {
    let named: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = named.iter().find(|name| !parts.contains(&name.as_str())) {
        return Err(format!("'{unknown}' is none of {}", parts.join(", ")).into());
    }
    let is_chosen = |part: &&&str| named.is_empty() || named.iter().any(|name| name == **part);
    Ok(parts.iter().filter(is_chosen).copied().collect())
}

/// The median, or the mean of the middle two for an even number of values; NaN without values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    analysis::bootstrap::median(&values).unwrap_or(f64::NAN)
}

/// Tables, kept as they are printed, and whether every bar in them was met.
#[derive(Debug)]
pub struct Table {
    text: String,
    all_hold: bool,
}

impl Default for Table {
    fn default() -> Self {
        Self { text: String::new(), all_hold: true }
    }
}

impl Table {
    /// Prints a line and keeps it.
    fn line(&mut self, line: &str) {
        println!("{line}");
        let _ = writeln!(self.text, "{line}");
    }

    /// Starts a table.
    pub fn begin(&mut self, title: &str, columns: &[&str]) {
        self.line(&format!("\n**{title}**\n"));
        self.line(&format!("| {} |", columns.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(columns.len())));
    }

    /// Adds a row, whose bar, if it has one, is met or not met.
    pub fn row(&mut self, cells: &[String], held: Option<bool>) {
        let verdict = match held {
            Some(true) => "holds",
            Some(false) => "**missed**",
            None => "",
        };
        self.all_hold &= held != Some(false);
        self.line(&format!("| {} | {verdict} |", cells.join(" | ")));
    }

    /// Whether every bar was met.
    #[must_use]
    pub fn all_hold(&self) -> bool {
        self.all_hold
    }

    /// If the command line contains `--write`, writes everything into a Markdown file of the
    /// repository, between `<!-- mark begin -->` and `<!-- mark end -->`.
    ///
    /// # Errors
    /// If the file cannot be read or written, or has no such marks.
    pub fn write_if_asked(&self, file: &str, mark: &str) -> Result<(), Failed> {
        if !std::env::args().any(|argument| argument == "--write") {
            return Ok(());
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let page = std::fs::read_to_string(&path)?;
        let (begin, end) = (format!("<!-- {mark} begin -->\n"), format!("<!-- {mark} end -->"));
        let lost = || format!("{file} has lost its marks; put {begin}and {end} where it belongs");
        let (before, rest) = page.split_once(&begin).ok_or_else(lost)?;
        let (_, after) = rest.split_once(&end).ok_or_else(lost)?;
        Ok(std::fs::write(path, format!("{before}{begin}{}\n{end}{after}", self.text))?)
    }
}
