//! The page of a load, or of a curve of loads.

use std::path::{Path, PathBuf};

use analysis::figure::Figure;
use maud::{DOCTYPE, Markup, html};

use crate::drawn::{Drawn, figure};
use crate::head::head;
use crate::{ReportError, draw_into, write_into};

/// The content of the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadPage {
    /// What was asked of which server.
    pub question: String,
    /// What became of it.
    pub headline: String,
    /// What else is to be said first: a sentence each.
    pub notes: Vec<String>,
    /// Tables: a title, the heads of the columns, and the rows.
    pub tables: Vec<TableView>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Where and when it was made, for the figures.
    pub made: String,
    /// The load, the generator, the machine: names and values.
    pub facts: Vec<(String, String)>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableView {
    /// What it shows.
    pub title: String,
    /// The heads of its columns.
    pub heads: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

/// Writes `index.html` and `figures/NAME.png|svg|csv` into a folder; returns the page's path.
///
/// # Errors
/// If a file cannot be written.
pub fn write_load(
    page: &LoadPage,
    figures: Vec<Figure>,
    folder: &Path,
) -> Result<PathBuf, ReportError> {
    let drawn: Vec<Drawn> = figures
        .into_iter()
        .map(|figure| draw_into(folder, figure, &page.made))
        .collect::<Result<_, _>>()?;
    let path = folder.join("index.html");
    write_into(&path, render_load(page, &drawn).as_bytes())?;
    Ok(path)
}

/// The page as HTML, without scripts.
#[must_use]
pub fn render_load(page: &LoadPage, drawn: &[Drawn]) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&page.headline, ""))
            body {
                main {
                    header {
                        p.question { (page.question) }
                        h1 { (page.headline) }
                        @for note in &page.notes { p.second { (note) } }
                    }
                    @for table in &page.tables { (section(table)) }
                    @for one in drawn { (figure(one)) }
                    section {
                        h2 { "Warnings" }
                        @if page.warnings.is_empty() { p { "None." } }
                        ul { @for warning in &page.warnings { li { (warning) } } }
                    }
                    section {
                        h2 { "How it was measured" }
                        table.facts {
                            @for (name, value) in &page.facts { tr { th scope="row" { (name) } td { (value) } } }
                        }
                        p.made {
                            "A response time runs from the instant at which a request was due to the last byte of its reply, "
                            "whatever the generator or the server did meanwhile. Unanswered requests count as longer than the "
                            "time-out."
                        }
                    }
                }
            }
        }
    }
    .into_string()
}

fn section(table: &TableView) -> Markup {
    html! {
        section {
            h2 { (table.title) }
            div.scrolls {
                table {
                    thead { tr { @for head in &table.heads { th scope="col" { (head) } } } }
                    tbody {
                        @for row in &table.rows {
                            tr { @for cell in row { td { (cell) } } }
                        }
                    }
                }
            }
        }
    }
}
