//! What the trials have in common: how they begin, medians, and tables for the terminal and for a
//! README.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Why a trial came to no end.
pub type Failed = Box<dyn std::error::Error>;

/// The `main` of a trial: started again with a command of the program, as servers and loads
/// are, it is the program; otherwise it runs and tells by its exit code whether everything held.
pub fn main(run: fn() -> Result<bool, Failed>) -> ExitCode {
    let command = std::env::args().nth(1);
    if command.is_some_and(|command| command == "serve" || command == "load") {
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

/// This program's own `crossover load`, to print JSON, as [`main`] makes of a trial.
///
/// # Errors
/// When the system does not tell where this program lies.
pub fn load(target: &str, core: &str) -> Result<Command, Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["load", target, "--json", "--cores", core]);
    Ok(command)
}

/// Those of the parts that the command line names; all where it names none.
///
/// # Errors
/// When it names something else.
pub fn chosen<'a>(parts: &[&'a str]) -> Result<Vec<&'a str>, Failed> {
    let named: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = named.iter().find(|name| !parts.contains(&name.as_str())) {
        return Err(format!("'{unknown}' is none of {}", parts.join(", ")).into());
    }
    let is_chosen = |part: &&&str| named.is_empty() || named.iter().any(|name| name == **part);
    Ok(parts.iter().filter(is_chosen).copied().collect())
}

/// The median; of an even number of values the middle of the two; NaN of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    analysis::bootstrap::median(&values).unwrap_or(f64::NAN)
}

/// Tables, kept as they are printed, and whether every bar in them was held.
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

    /// Begins a table.
    pub fn begin(&mut self, title: &str, columns: &[&str]) {
        self.line(&format!("\n**{title}**\n"));
        self.line(&format!("| {} |", columns.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(columns.len())));
    }

    /// A row whose bar is held or missed.
    pub fn row(&mut self, cells: &[String], held: Option<bool>) {
        let verdict = match held {
            Some(true) => "holds",
            Some(false) => "**missed**",
            None => "",
        };
        self.all_hold &= held != Some(false);
        self.line(&format!("| {} | {verdict} |", cells.join(" | ")));
    }

    /// Whether no bar was missed.
    #[must_use]
    pub fn all_hold(&self) -> bool {
        self.all_hold
    }

    /// Where the command line says `--write`: puts everything into a Markdown file of the
    /// repository, between `<!-- mark begin -->` and `<!-- mark end -->`.
    ///
    /// # Errors
    /// When the file cannot be read or written, or has lost its marks.
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
