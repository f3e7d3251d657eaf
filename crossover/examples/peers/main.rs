//! This generator beside others, on the same server, in turns on this machine.
//!
//! `cargo run --release --example peers` compares it with those of wrk, wrk2, ab, oha, hey, h2load
//! and sockperf that are installed; the others are named and left out. Names of parts (speed,
//! datagrams, evenness, truth) choose; `--write` puts the tables into `benches/peers/README.md`.
//! It exits with 1 if a bar is missed. Everything takes about a quarter of an hour.

mod datagrams;
mod evenness;
mod speed;
mod tools;
mod truth;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use tools::{Failed, Programs, median};

fn main() -> ExitCode {
    crossover::example_main(run)
}

fn run() -> Result<bool, Failed> {
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let programs = Programs::compile()?;
    let mut table = Table::default();
    type Part = fn(&Programs, &mut Table) -> Result<(), Failed>;
    let parts: [(&str, &[Part]); 4] = [
        ("speed", &[speed::http, speed::pipelined, speed::single, speed::echo]),
        ("datagrams", &[datagrams::compare]),
        ("evenness", &[evenness::lag, evenness::arrivals, evenness::cost]),
        ("truth", &[truth::freezes, truth::constant]),
    ];
    for (name, part) in parts {
        if chosen.is_empty() || chosen.iter().any(|one| one == name) {
            for compare in part {
                compare(&programs, &mut table)?;
            }
        }
    }
    if std::env::args().any(|argument| argument == "--write") {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers/README.md");
        write_between_marks(&readme, &table.text)?;
    }
    Ok(table.all_hold)
}

/// The tables so far, as they are printed and written.
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
    pub fn line(&mut self, line: &str) {
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

    /// Generators beside the first of them: rates and processor times as medians of ratios. A bar
    /// is a least ratio of rates, and a greatest of processor times unless that is 0.
    fn ratios(
        &mut self,
        title: &str,
        names: &[&str],
        turns: &[Vec<(f64, f64)>],
        bars: &[(&str, f64, f64)],
    ) {
        let columns = [
            "generator",
            "requests/s",
            "µs a request",
            "ours : its rate",
            "ours : its time",
            "bar",
        ];
        self.begin(title, &columns);
        for (name, its) in names.iter().zip(turns) {
            let (rate, cost) = speed::ratios(&turns[0], its);
            let bar = bars.iter().find(|(bar, ..)| bar == name);
            let held =
                bar.map(|(_, least, most)| rate >= *least && (*most == 0.0 || cost <= *most));
            let of =
                |of: fn(&(f64, f64)) -> f64| median(&mut its.iter().map(of).collect::<Vec<_>>());
            let cells = [
                (*name).to_owned(),
                format!("{:.0}", of(|turn| turn.0)),
                format!("{:.2}", of(|turn| turn.1)),
                format!("{rate:.2}"),
                format!("{cost:.2}"),
                match bar {
                    Some((_, least, most)) if *most > 0.0 => format!("≥ {least}, ≤ {most}"),
                    Some((_, least, _)) => format!("≥ {least}"),
                    None => String::new(),
                },
            ];
            self.row(&cells, held);
        }
    }
}

fn write_between_marks(file: &Path, text: &str) -> Result<(), Failed> {
    const MARKS: [&str; 2] = ["<!-- peers begin -->", "<!-- peers end -->"];
    let page = std::fs::read_to_string(file)?;
    let [begin, end] = MARKS.map(|mark| page.find(mark));
    let (begin, end) = begin.zip(end).ok_or("the README has lost its marks")?;
    let page = format!("{}{}\n{text}\n{}", &page[..begin], MARKS[0], &page[end..]);
    Ok(std::fs::write(file, page)?)
}
