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

use results::Record;

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

/// Writes `index.html` and `figures/NAME.png|svg|csv` into a folder; returns the page's path.
///
/// # Errors
/// When a file cannot be written.
pub fn write_report(records: &[Record], folder: &Path) -> Result<PathBuf, ReportError> {
    let write = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).map_err(|source| ReportError::File { path: path.to_owned(), source })
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
        draw::png(&figure, &file("png"))?;
        drawn.push(page::Drawn { figure, wide, narrow });
    }
    let path = folder.join("index.html");
    write(&path, page::render(records, &drawn).as_bytes())?;
    Ok(path)
}
