//! The fault matrix: what clients that misbehave do to the others, design by design; as plain
//! data, as the sentences it comes to, and as a page.

use std::fmt;
use std::time::Duration;

use analysis::{names, text};
use maud::{DOCTYPE, Markup, html};
use serde::Serialize;

use crate::page::{capital, head};

/// What the other clients experience while one misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Experience {
    /// Answered as if nothing were.
    Unaffected,
    /// Answered late; after so long in the worst of several attempts.
    Delayed(Duration),
    /// Not answered as long as anybody had patience.
    ShutOut,
}

/// A way to misbehave, or to ask for much.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// At the head of a column.
    pub name: &'static str,
    /// What such a client does.
    pub what: &'static str,
}

/// One design under one fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// On a server that waits for its clients for ever.
    pub without_idle_time_out: Experience,
    /// On one that closes idle connections; `None` over UDP, which has none.
    pub with_idle_time_out: Option<Experience>,
}

/// All faults of one transport against all of its designs.
#[derive(Clone, Debug, Serialize)]
pub struct FaultTable {
    /// `UDP` or `TCP`.
    pub transport: String,
    /// The columns.
    pub faults: Vec<Fault>,
    /// The rows: a design, and a cell for each fault.
    pub rows: Vec<(String, Vec<Cell>)>,
}

/// The whole matrix.
#[derive(Clone, Debug, Serialize)]
pub struct FaultMatrix {
    /// After how long idle connections were closed, where they were.
    pub idle: Duration,
    /// How long the other clients had patience.
    pub patience: Duration,
    /// Answers within this time count as unaffected.
    pub unaffected_within: Duration,
    /// A table for each transport.
    pub tables: Vec<FaultTable>,
}

impl fmt::Display for Experience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaffected => f.write_str("unaffected"),
            Self::Delayed(time) => write!(f, "delayed {}", text::time(time.as_nanos() as f64)),
            Self::ShutOut => f.write_str("shut out"),
        }
    }
}

impl Experience {
    /// The name of its colour on the page.
    fn class(self) -> &'static str {
        match self {
            Self::Unaffected => "unaffected",
            Self::Delayed(_) => "delayed",
            Self::ShutOut => "shut-out",
        }
    }
}

/// What the matrix comes to: a sentence for each fault, the worst experience first.
#[must_use]
pub fn sentences(table: &FaultTable) -> Vec<String> {
    let of = |at: usize, experience: &str| {
        let rows = table.rows.iter();
        let hit = rows.filter(|(_, cells)| cells[at].without_idle_time_out.class() == experience);
        hit.map(|(design, _)| names::idea(design)).collect::<Vec<_>>()
    };
    let all = table.rows.len();
    let sentence = |(at, fault): (usize, &Fault)| {
        let clauses: Vec<String> = [("shut-out", "shut out"), ("delayed", "delayed")]
            .into_iter()
            .map(|(class, verb)| (verb, of(at, class)))
            .filter(|(_, designs)| !designs.is_empty())
            .map(|(verb, designs)| {
                let everybody = designs.len() == all;
                let which = if everybody { "every design".to_owned() } else { designs.join(", ") };
                format!("{verb} by {which}")
            })
            .collect();
        if clauses.is_empty() {
            format!("{}: the others are unaffected, whatever the design", fault.name)
        } else {
            format!("{}: the others are {}", fault.name, clauses.join("; "))
        }
    };
    table.faults.iter().enumerate().map(sentence).collect()
}

/// The page as HTML.
#[must_use]
pub fn render(matrix: &FaultMatrix) -> String {
    let time = |duration: Duration| text::time(duration.as_nanos() as f64);
    html! {
        (DOCTYPE)
        html lang="en" {
            (head("What clients that misbehave do to the others", include_str!("faults.css")))
            body {
                main {
                    header {
                        p.question { "What do clients that misbehave do to the others?" }
                        h1 { (headline(matrix)) }
                        p.made {
                            "Real servers on this machine; while one client misbehaved, others came "
                            "one after the other, each with a request that asks for nothing. "
                            "Unaffected: answered within " (time(matrix.unaffected_within))
                            ". Shut out: not answered within " (time(matrix.patience)) "."
                        }
                    }
                    @for table in &matrix.tables { (section(table, &time(matrix.idle))) }
                }
            }
        }
    }
    .into_string()
}

/// The classic claim, with what was found.
fn headline(matrix: &FaultMatrix) -> String {
    let stopped: Vec<String> = matrix
        .tables
        .iter()
        .filter(|table| table.transport == "TCP")
        .flat_map(|table| &table.rows)
        .filter(|(_, cells)| cells.first().is_some_and(is_shut_out))
        .map(|(design, _)| names::subject(design))
        .collect();
    match stopped.as_slice() {
        [] => "One silent client stops none of these servers".to_owned(),
        designs => format!("One silent client stops {}, and no other", designs.join(" and ")),
    }
}

fn is_shut_out(cell: &Cell) -> bool {
    cell.without_idle_time_out == Experience::ShutOut
}

fn section(table: &FaultTable, idle: &str) -> Markup {
    let has_idle = table
        .rows
        .iter()
        .any(|(_, cells)| cells.iter().any(|cell| cell.with_idle_time_out.is_some()));
    html! {
        section {
            h2 { (table.transport) }
            @if has_idle {
                p { "First value: the server waits for ever. Second: it closes what has been idle for "
                    (idle) "." }
            }
            table.matrix {
                thead {
                    tr {
                        th { "design" }
                        @for fault in &table.faults { th { (fault.name) } }
                    }
                }
                tbody {
                    @for (design, cells) in &table.rows {
                        tr {
                            th { (names::idea(design)) }
                            @for (fault, cell) in table.faults.iter().zip(cells) {
                                td data-fault=(fault.name) { (experiences(cell)) }
                            }
                        }
                    }
                }
            }
            h3 { "In words" }
            ul { @for sentence in sentences(table) { li { (capital(&sentence)) } } }
            h3 { "What these clients do" }
            ul { @for fault in &table.faults { li { b { (fault.name) } ": " (fault.what) } } }
        }
    }
}

fn experiences(cell: &Cell) -> Markup {
    let shown = |experience: Experience| {
        html! { span class={ "experience " (experience.class()) } { (experience) } }
    };
    html! {
        (shown(cell.without_idle_time_out))
        @if let Some(experience) = cell.with_idle_time_out { (shown(experience)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> FaultMatrix {
        let cell = |without_idle_time_out, with| Cell {
            without_idle_time_out,
            with_idle_time_out: Some(with),
        };
        let delayed = Experience::Delayed(Duration::from_millis(310));
        FaultMatrix {
            idle: Duration::from_millis(300),
            patience: Duration::from_secs(1),
            unaffected_within: Duration::from_millis(100),
            tables: vec![FaultTable {
                transport: "TCP".to_owned(),
                faults: vec![Fault { name: "a silent client", what: "connects" }],
                rows: vec![
                    ("tcp-iterative".to_owned(), vec![cell(Experience::ShutOut, delayed)]),
                    (
                        "tcp-event-loop".to_owned(),
                        vec![cell(Experience::Unaffected, Experience::Unaffected)],
                    ),
                ],
            }],
        }
    }

    #[test]
    fn the_sentences_name_who_is_hit() {
        let told = sentences(&matrix().tables[0]);
        assert_eq!(told, ["a silent client: the others are shut out by iterative"]);
    }

    #[test]
    fn the_page_opens_with_the_claim_and_shows_both_servers() {
        let page = render(&matrix());
        assert!(
            page.contains("<h1>One silent client stops the iterative TCP server, and no other")
        );
        assert!(page.contains("shut out") && page.contains("delayed 310 ms"), "{page}");
    }
}
