//! Turns records into a page and its figures; the only crate that draws.
//!
//! Figures ([`analysis::figure`]) and the content of a page ([`view`]) are plain data. [`drawing`]
//! draws a figure as SVG and as PNG with one layout, [`csv`] writes its data, and [`page`] renders
//! everything as one self-contained HTML file that opens with the answer.

pub mod advice;
pub mod claims;
pub mod compare;

pub mod csv;
pub mod decisions;
pub mod drawing;
pub mod drawn;
pub mod faults;
mod head;
pub mod living;
pub mod load;

mod origin;
pub mod page;

pub mod sequence;

pub mod style;
pub mod view;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use analysis::claims::ClaimFindings;
use analysis::figure::Figure;
use analysis::{Findings, text};
use results::{Settled, write_file};

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file cannot be written.
    #[error("cannot write {path}: {source}; choose another folder with --out", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A figure cannot be drawn.
    #[error("cannot draw figure {name}: {because}")]
    Drawing {
        /// The figure's name.
        name: String,
        /// The error of the drawing library.
        because: String,
    },
}

/// A mark in the head of every page, by which this program recognises its own pages.
pub const PAGE_MARK: &str = "<meta name=\"generator\" content=\"Crossover\">";

/// The file of the answers as data.
pub const ANSWERS: &str = "answers.json";

/// The file of the verdicts on claims.
pub const CLAIMS: &str = "claims.json";

/// Writes `answers.json`, `claims.json` where there are claims, `index.html`, which opens with the answer, and `figures/NAME.png|svg|csv` into a folder;
/// returns the page's path. The page has the living picture if there is one.
///
/// # Errors
/// If a file cannot be written; its old version then remains.
pub fn write_report(
    settled: &Settled,
    findings: &Findings<'_>,
    living: Option<&living::LivingPicture>,
    folder: &Path,
) -> Result<PathBuf, ReportError> {
    let made = origin::of(settled);
    let draw = |figure| draw_into(folder, figure, &made);
    let draw_all = |figures: Vec<Figure>| figures.into_iter().map(draw).collect::<Result<_, _>>();
    let drawn: Vec<drawn::Drawn> = draw_all(findings.figures())?;
    let drawn_claim = |found: &ClaimFindings| {
        let drawn = draw_all(found.figures.clone())?;
        Ok(claims::DrawnClaim { answer: found.answer.clone(), drawn })
    };
    let claims: Vec<claims::DrawnClaim> =
        findings.claims.iter().map(drawn_claim).collect::<Result<_, ReportError>>()?;
    if !claims.is_empty() {
        let verdicts = analysis::claims::to_json(&findings.claims);
        write_into(&folder.join(CLAIMS), format!("{verdicts}\n").as_bytes())?;
    }
    let answers = format!("{}\n", findings.answers.to_json());
    write_into(&folder.join(ANSWERS), answers.as_bytes())?;
    let path = folder.join("index.html");
    let view = view::View::of(settled, findings);
    write_into(&path, page::render(&view, &drawn, &claims, living).as_bytes())?;
    Ok(path)
}

/// Writes a file as a whole or not at all.
pub(crate) fn write_into(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    write_file(path, bytes).map_err(|source| ReportError::File { path: path.to_owned(), source })
}

/// Draws a figure that was made there and then, and writes `figures/NAME.png|svg|csv` in a folder.
pub(crate) fn draw_into(
    folder: &Path,
    figure: Figure,
    made: &str,
) -> Result<drawn::Drawn, ReportError> {
    let pictures = folder.join("figures");
    fs::create_dir_all(&pictures)
        .map_err(|source| ReportError::File { path: pictures.clone(), source })?;
    let wide = drawing::svg(&figure, drawing::Width::Wide);
    let narrow = drawing::svg(&figure, drawing::Width::Narrow);
    let file = |extension: &str| pictures.join(format!("{}.{extension}", figure.name));
    write_into(&file("svg"), wide.as_bytes())?;
    write_into(&file("csv"), csv::of(&figure).as_bytes())?;
    write_into(&file("png"), &drawing::png(&figure, made)?)?;
    Ok(drawn::Drawn { figure, wide, narrow })
}

/// Which records do not count, a sentence each.
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
    if settled.made_again > 0 {
        sentences
            .push(format!("{} disturbed from outside and made again.", runs(settled.made_again)));
    }
    if settled.of_another_setup > 0 {
        sentences.push(format!(
            "{} made under another load, seed or server setup than the last ones of the same point, \
             and left out.",
            runs(settled.of_another_setup)
        ));
    }
    if !settled.missing.is_empty() {
        sentences.push(format!(
            "Not measured, because the time was over or the bench was ended: {}.",
            text::list(&settled.missing)
        ));
    }
    sentences
}
