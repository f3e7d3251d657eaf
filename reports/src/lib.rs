//! From records to a page and its figures: the only crate that draws.
//!
//! Records become [`figure::Figure`]s, which are plain data; one function draws a figure as SVG
//! and as PNG, one writes its data as CSV, and [`page`] sets them into one self-contained HTML
//! file that opens with the answer.

pub mod csv;
pub mod draw;
pub mod faults;
pub mod figure;
mod figures;
pub mod page;
mod style;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use analysis::Verdict;
use results::{Settled, write_file};

pub use figures::figures;

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file cannot be written.
    #[error("cannot write {path}: {source}; choose another folder with --out", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A figure cannot be drawn.
    #[error("cannot draw figure {name}: {because}")]
    Drawing {
        /// Which figure.
        name: String,
        /// What the drawing library said.
        because: String,
    },
}

/// What stands in the head of every page of this program, by which it knows its own again.
pub const PAGE_MARK: &str = "<meta name=\"generator\" content=\"Crossover\">";

/// Writes `index.html`, which opens with the verdict, and `figures/NAME.png|svg|csv` into a folder;
/// returns the page's path.
///
/// # Errors
/// When a file cannot be written; the old one is then still there.
pub fn write_report(
    settled: &Settled,
    verdict: &Verdict,
    folder: &Path,
) -> Result<PathBuf, ReportError> {
    let records = &settled.records;
    let write = |path: &Path, bytes: &[u8]| {
        let of_file = |source| ReportError::File { path: path.to_owned(), source };
        write_file(path, bytes).map_err(of_file)
    };
    let pictures = folder.join("figures");
    fs::create_dir_all(&pictures)
        .map_err(|source| ReportError::File { path: pictures.clone(), source })?;
    let mut drawn = Vec::new();
    for figure in figures(records) {
        let wide = draw::svg(&figure, draw::Width::Wide)?;
        let narrow = draw::svg(&figure, draw::Width::Narrow)?;
        let file = |extension: &str| pictures.join(format!("{}.{extension}", figure.name));
        write(&file("svg"), wide.as_bytes())?;
        write(&file("csv"), csv::of(&figure).as_bytes())?;
        write(&file("png"), &draw::png(&figure)?)?;
        drawn.push(page::Drawn { figure, wide, narrow });
    }
    let path = folder.join("index.html");
    write(&path, page::render(settled, verdict, &drawn).as_bytes())?;
    Ok(path)
}

/// What of the records does not count, a sentence each.
#[must_use]
pub fn left_out(settled: &Settled) -> Vec<String> {
    let runs = |count: usize| {
        if count == 1 { "1 run was".to_owned() } else { format!("{count} runs were") }
    };
    let mut sentences = Vec::new();
    if settled.repeated > 0 {
        sentences.push(format!(
            "{} recorded more than once: of each run the last record counts.",
            runs(settled.repeated)
        ));
    }
    if settled.of_another_setup > 0 {
        sentences.push(format!(
            "{} made under another load, seed or server setup than the last ones of the same point, \
             and left out.",
            runs(settled.of_another_setup)
        ));
    }
    sentences
}
