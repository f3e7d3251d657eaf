//! The fault matrix: what misbehaving clients do to the other clients, for each design; as plain
//! data, as sentences and as a page.

use std::fmt;
use std::time::Duration;

use analysis::text;
use maud::{DOCTYPE, Markup, html};
use results::Subject;
use serde::{Serialize, Serializer};

use crate::head::head;
use crate::view::capital;

/// What the other clients experience while one misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Experience {
    /// Answered as if no client misbehaved.
    Unaffected,
    /// Answered late; the time is the worst of several attempts.
    Delayed(Duration),
    /// Not answered within the time-out.
    ShutOut,
}

/// A way to misbehave, or to ask for much.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// The head of a column.
    pub name: &'static str,
    /// What such a client does.
    pub what: &'static str,
}

/// One design under one fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// On a server that waits for its clients for ever.
    pub without_idle_time_out: Experience,
    /// On a server that closes idle connections; `None` over UDP, which has no connections.
    pub with_idle_time_out: Option<Experience>,
}

/// All faults of one transport, tried on all of its designs.
#[derive(Clone, Debug, Serialize)]
pub struct FaultTable {
    /// `UDP` or `TCP`.
    pub transport: String,
    /// The columns.
    pub faults: Vec<Fault>,
    /// The rows: a design, and a cell for each fault.
    #[serde(serialize_with = "by_name")]
    pub rows: Vec<(Subject, Vec<Cell>)>,
}

/// Serialises each row with the name of its design.
fn by_name<S: Serializer>(rows: &[(Subject, Vec<Cell>)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(rows.iter().map(|(subject, cells)| (&subject.name, cells)))
}

/// The whole matrix.
#[derive(Clone, Debug, Serialize)]
pub struct FaultMatrix {
    /// The idle time-out of the servers that close idle connections.
    pub idle: Duration,
    /// The time-out of the other clients.
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
    /// How bad the experience is; greater is worse.
    #[must_use]
    pub fn gravity(self) -> Duration {
        match self {
            Self::Unaffected => Duration::ZERO,
            Self::Delayed(time) => time,
            Self::ShutOut => Duration::MAX,
        }
    }

    /// The CSS class that colours the experience.
    fn class(self) -> &'static str {
        match self {
            Self::Unaffected => "unaffected",
            Self::Delayed(_) => "delayed",
            Self::ShutOut => "shut-out",
        }
    }
}

impl FaultTable {
    /// Whether the servers were also tried with an idle time-out.
    #[must_use]
    pub fn has_idle_time_outs(&self) -> bool {
        let mut cells = self.rows.iter().flat_map(|(_, cells)| cells);
        cells.any(|cell| cell.with_idle_time_out.is_some())
    }
}

/// The matrix in sentences: one for each fault, the worst experience first, and another one for
/// servers that close idle connections if that makes a difference. The sentences cover only the
/// designs that were tried.
#[must_use]
pub fn sentences(table: &FaultTable, idle: Duration) -> Vec<String> {
    let mut sentences = Vec::new();
    for (at, fault) in table.faults.iter().enumerate() {
        let without = hit(table, |cells| Some(cells[at].without_idle_time_out));
        sentences.push(format!("{}: the others are {without}", fault.name));
        let with = hit(table, |cells| cells[at].with_idle_time_out);
        if table.has_idle_time_outs() && with != without {
            let idle = text::time(idle.as_nanos() as f64);
            sentences.push(format!(
                "{}, where idle connections are closed after {idle}: the others are {with}",
                fault.name
            ));
        }
    }
    sentences
}

/// The designs under which the other clients suffer, and how.
fn hit(table: &FaultTable, of: impl Fn(&[Cell]) -> Option<Experience>) -> String {
    let classes = [("shut-out", "shut out"), ("delayed", "delayed")];
    let clauses = classes.into_iter().filter_map(|(class, verb)| {
        let is_hit = |cells: &[Cell]| of(cells).is_some_and(|it| it.class() == class);
        let rows = table.rows.iter().filter(|(_, cells)| is_hit(cells));
        let designs: Vec<String> = rows.map(|(design, _)| design.label.clone()).collect();
        let all = designs.len() == table.rows.len() && designs.len() > 1;
        let which = if all { format!("all {} designs", designs.len()) } else { designs.join(", ") };
        (!designs.is_empty()).then(|| format!("{verb} by {which}"))
    });
    let clauses: Vec<String> = clauses.collect();
    match (clauses.is_empty(), table.rows.len()) {
        (false, _) => clauses.join("; "),
        (true, 1) => "unaffected".to_owned(),
        (true, all) => format!("unaffected by all {all} designs"),
    }
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
                            ". Shut out: not answered within " (time(matrix.patience))
                            ". That they suffer is said where it was so in the middle one of three "
                            "times."
                        }
                    }
                    @for table in &matrix.tables { (section(table, matrix.idle)) }
                }
            }
        }
    }
    .into_string()
}

/// The classic claim about a silent client, with what was found.
fn headline(matrix: &FaultMatrix) -> String {
    let over_tcp = matrix.tables.iter().filter(|table| table.transport == "TCP");
    let rows: Vec<_> = over_tcp.flat_map(|table| &table.rows).collect();
    let tried = rows.len();
    let stopped: Vec<String> = rows
        .into_iter()
        .filter(|(_, cells)| cells.first().is_some_and(is_shut_out))
        .map(|(design, _)| design.phrase.clone())
        .collect();
    match stopped.as_slice() {
        [] if tried == 0 => "What clients that misbehave do to the others".to_owned(),
        [] if tried == 1 => "One silent client does not stop this server".to_owned(),
        [] => format!("One silent client stops none of these {tried} TCP servers"),
        designs => {
            let others = match tried - designs.len() {
                0 => String::new(),
                1 => ", and not the other one that was tried".to_owned(),
                others => format!(", and none of the {others} others that were tried"),
            };
            format!("One silent client stops {}{others}", designs.join(" and "))
        }
    }
}

fn is_shut_out(cell: &Cell) -> bool {
    cell.without_idle_time_out == Experience::ShutOut
}

fn section(table: &FaultTable, idle: Duration) -> Markup {
    let time = text::time(idle.as_nanos() as f64);
    html! {
        section {
            h2 { (table.transport) }
            @if table.has_idle_time_outs() {
                p { "First value: the server waits for ever. Second: it closes what has been idle for "
                    (time) "." }
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
                            th { (design.label) }
                            @for (fault, cell) in table.faults.iter().zip(cells) {
                                td data-fault=(fault.name) { (experiences(cell)) }
                            }
                        }
                    }
                }
            }
            h3 { "In words" }
            ul { @for sentence in sentences(table, idle) { li { (capital(&sentence)) } } }
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
    use protocol::Transport;
    use results::{Allocation, Concurrency, WorkUnit};

    use super::*;

    fn subject(label: &str, phrase: &str) -> Subject {
        Subject {
            name: format!("tcp-{label}"),
            label: label.to_owned(),
            phrase: phrase.to_owned(),
            transport: Transport::Tcp,
            concurrency: Concurrency::Apparent,
            allocation: Allocation::None,
            unit: WorkUnit::Loop,
        }
    }

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
                    (
                        subject("iterative", "the iterative TCP server"),
                        vec![cell(Experience::ShutOut, delayed)],
                    ),
                    (
                        subject("event loop", "an event loop"),
                        vec![cell(Experience::Unaffected, Experience::Unaffected)],
                    ),
                ],
            }],
        }
    }

    #[test]
    fn the_sentences_name_who_is_hit_with_and_without_an_idle_time_out() {
        let matrix = matrix();
        let said = sentences(&matrix.tables[0], matrix.idle);
        assert_eq!(
            said,
            [
                "a silent client: the others are shut out by iterative",
                "a silent client, where idle connections are closed after 300 ms: the others are \
             delayed by iterative"
            ]
        );
        let mut one = matrix.tables[0].clone();
        one.rows.truncate(1);
        let said = sentences(&one, matrix.idle);
        assert!(said[0].ends_with("shut out by iterative"), "not of every design: {said:?}");
        one.rows = matrix.tables[0].rows[1..].to_vec();
        assert_eq!(sentences(&one, matrix.idle), ["a silent client: the others are unaffected"]);
    }

    #[test]
    fn the_page_opens_with_what_was_tried_and_shows_both_servers() {
        let mut matrix = matrix();
        let page = render(&matrix);
        let stops = "<h1>One silent client stops the iterative TCP server";
        assert!(page.contains(&format!("{stops}, and not the other one that was tried</h1>")));
        assert!(page.contains("shut out") && page.contains("delayed 310 ms"), "{page}");
        matrix.tables[0].rows.truncate(1);
        assert!(render(&matrix).contains(&format!("{stops}</h1>")), "no other was tried");
    }
}
