//! The tables that decide: at each point which subject is the best, by how much, and how sure. Where
//! nothing is varied, all subjects in their order.

use std::collections::BTreeMap;

use analysis::answers::{PointAnswer, Ranked};

use analysis::{ExperimentFindings, Findings, text};
use maud::{Markup, html};
use protocol::Transport;
use results::{Parameter, Shows, Subject};

use crate::drawing::digits;
use crate::style;

/// A table over one or two axes: a column for each value of the first, a row for each transport and
/// value of the second. Over two axes it is the pay-off map.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The question of the experiment.
    pub question: String,
    /// What the columns and, over two axes, the rows vary.
    pub corner: String,
    /// The values of the first axis, as configured.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<DecisionRow>,
    /// What was not measured.
    pub beyond: String,
}

/// The best subjects of one transport, over two axes at one value of the second.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRow {
    /// `UDP` or `TCP`, or the value of the second axis.
    pub name: String,
    /// The answer at each point; `None` where it was not measured.
    pub cells: Vec<Option<DecisionCell>>,
}

/// The answer at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionCell {
    /// The best subject, or those that are not told apart.
    pub best: String,
    /// By how much it is better than the next, with the interval.
    pub factor: String,
    /// Whether it is certain.
    pub is_decided: bool,
    /// The subject whose colour the cell has; `None` unless there is a single best.
    pub winner: Option<Subject>,
}

/// A table of all subjects at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct RankingView {
    /// The question of the experiment, and the point.
    pub title: String,
    /// The rows, the best first: a cell for each of [`RANKING_COLUMNS`].
    pub rows: Vec<Vec<String>>,
    /// Whether the best is certain, and why not if it is not.
    pub note: String,
}

/// The columns of a ranking.
pub const RANKING_COLUMNS: [&str; 11] = [
    "server",
    "answered",
    "mean",
    "p50",
    "p90",
    "p99",
    "processor time",
    "memory",
    "descriptors",
    "threads",
    "compared with the best",
];

/// The decision tables of the experiments that vary something.
#[must_use]
pub fn decisions(findings: &Findings<'_>) -> Vec<Decision> {
    let asks = |found: &&ExperimentFindings<'_>| {
        let experiment = &found.experiment;
        let shows = |kinds: &[Shows]| kinds.iter().any(|kind| experiment.shows(*kind));
        match experiment.points().first().map_or(0, BTreeMap::len) {
            0 => false,
            1 => shows(&[Shows::Crossover, Shows::Ranking]),
            _ => shows(&[Shows::Map, Shows::Ranking]),
        }
    };
    findings.experiments.iter().filter(asks).map(decision).collect()
}

/// The values that these points have on an axis, ascending.
fn values(points: &[BTreeMap<Parameter, f64>], axis: Parameter) -> Vec<f64> {
    let mut values: Vec<f64> =
        points.iter().filter_map(|point| point.get(&axis)).copied().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

fn decision(found: &ExperimentFindings<'_>) -> Decision {
    let points = found.experiment.points();
    let axes: Vec<Parameter> = points.first().map_or(Vec::new(), |it| it.keys().copied().collect());
    let columns = axes.first().map_or(Vec::new(), |axis| values(points, *axis));
    let second: Vec<Option<(Parameter, f64)>> = match axes.get(1) {
        Some(axis) => values(points, *axis).into_iter().map(|value| Some((*axis, value))).collect(),
        None => vec![None],
    };
    let mut transports: Vec<Transport> =
        found.experiment.subjects().iter().map(|subject| subject.transport).collect();
    transports.dedup();
    let row = |transport: Transport, second: Option<(Parameter, f64)>| {
        let point =
            |x: f64| axes.first().map(|axis| (*axis, x)).into_iter().chain(second).collect();
        let name = transport.to_string().to_uppercase();
        DecisionRow {
            name: match second.map(|(axis, value)| text::value(axis, value)) {
                Some(value) if transports.len() == 1 => value,
                Some(value) => format!("{name}, {value}"),
                None => name,
            },
            cells: columns.iter().map(|x| answer_at(found, transport, &point(*x))).collect(),
        }
    };
    let rows: Vec<DecisionRow> = transports
        .iter()
        .flat_map(|transport| second.iter().map(|second| row(*transport, *second)))
        .collect();
    // Points at which no transport is ranked as a whole have no column.
    let is_shown = |at: usize| rows.iter().any(|row| row.cells[at].is_some());
    let shown: Vec<usize> = (0..columns.len()).filter(|at| is_shown(*at)).collect();
    let rows = rows
        .iter()
        .map(|row| DecisionRow {
            name: row.name.clone(),
            cells: shown.iter().map(|at| row.cells[*at].clone()).collect(),
        })
        .collect();
    let column = |at: &usize| axes.first().map(|axis| text::value(*axis, columns[*at]));
    Decision {
        question: found.experiment.question.to_owned(),
        corner: match &axes[..] {
            [first, second, ..] => format!("{first} → / {second} ↓"),
            _ => "the best".to_owned(),
        },
        columns: shown.iter().filter_map(column).collect(),
        rows,
        beyond: beyond(found),
    }
}

/// The answer for a transport at a point; `None` if not all of its subjects were measured there.
fn answer_at(
    found: &ExperimentFindings<'_>,
    transport: Transport,
    point: &BTreeMap<Parameter, f64>,
) -> Option<DecisionCell> {
    let is_it = |answer: &&PointAnswer| {
        answer.configured == *point && answer.transport == transport.to_string()
    };
    let answer = found.points.iter().find(is_it)?;
    found.experiment.tried_all_at(transport, point).then(|| cell(found, answer))
}

/// What lies outside the points that were measured.
fn beyond(found: &ExperimentFindings<'_>) -> String {
    let points = found.experiment.points();
    let ends = points.first().zip(points.last());
    ends.map_or_else(String::new, |(first, last)| {
        format!(
            "Measured from {} to {}, as configured; sentences give what was achieved. Under another load it \
             may be otherwise.",
            text::place(first),
            text::place(last)
        )
    })
}

fn cell(found: &ExperimentFindings<'_>, answer: &PointAnswer) -> DecisionCell {
    let label = |name: &String| {
        let subjects = found.experiment.subjects();
        let subject = subjects.iter().find(|subject| subject.name == *name);
        subject.map_or_else(|| name.clone(), |subject| subject.label.clone())
    };
    let all: Vec<String> = answer.best.iter().chain(&answer.tied).map(label).collect();
    let best = match (answer.decided, all.is_empty()) {
        (_, true) => answer.why.clone().unwrap_or_default(),
        (true, false) => text::list(&all),
        (false, false) => format!("undecided: {}", all.join(" or ")),
    };
    let is_all = all.len() >= answer.ranking.len();
    let factor = match (answer.factor, answer.low, answer.high) {
        (Some(factor), Some(low), Some(high)) if answer.decided && !is_all => {
            format!("{}× ({}–{})", digits(factor), digits(low), digits(high))
        }
        _ => String::new(),
    };
    let is_alone = answer.decided && answer.tied.is_empty();
    let all = found.experiment.subjects();
    let winner = all.into_iter().find(|it| is_alone && answer.best.as_ref() == Some(&it.name));
    DecisionCell { best, factor, is_decided: answer.decided, winner: winner.cloned() }
}

/// The rankings of the experiments that show them.
#[must_use]
pub fn rankings(findings: &Findings<'_>) -> Vec<RankingView> {
    let asks = |found: &&ExperimentFindings<'_>| found.experiment.shows(Shows::Ranking);
    let of = |found: &ExperimentFindings<'_>| {
        found.points.iter().map(|answer| ranking(found, answer)).collect::<Vec<_>>()
    };
    findings.experiments.iter().filter(asks).flat_map(of).collect()
}

fn ranking(found: &ExperimentFindings<'_>, answer: &PointAnswer) -> RankingView {
    let point = text::place(&answer.configured);
    let at = if point.is_empty() { String::new() } else { format!(", at {point}") };
    let subjects = found.experiment.subjects();
    let row = |ranked: &Ranked| {
        let subject = subjects.iter().find(|subject| subject.name == ranked.name);
        let label = subject.map_or_else(|| ranked.name.clone(), |subject| subject.full_label());
        let none = || "–".to_owned();
        let time = |ns: Option<f64>| ns.map_or_else(none, text::time);
        vec![
            label,
            format!("{:.1} %", ranked.answered * 100.0),
            time(ranked.mean_ns),
            time(ranked.p50_ns),
            time(ranked.p90_ns),
            time(ranked.p99_ns),
            time(ranked.processor_ns),
            ranked.memory_bytes.map_or_else(none, |bytes| text::size(bytes as f64)),
            ranked.descriptors.map_or_else(none, |count| format!("{count:.0}")),
            ranked.threads.map_or_else(none, |count| format!("{count:.0}")),
            compared(ranked, answer),
        ]
    };
    RankingView {
        title: format!("{} ({}{at})", found.experiment.question, answer.transport.to_uppercase()),
        rows: answer.ranking.iter().map(row).collect(),
        note: match &answer.why {
            Some(why) => format!("The best is not certain: {why}."),
            None => String::new(),
        },
    }
}

fn compared(ranked: &Ranked, answer: &PointAnswer) -> String {
    match (answer.best.as_ref() == Some(&ranked.name), ranked.factor, ranked.decided) {
        (true, ..) => "the best".to_owned(),
        (false, Some(factor), true) => format!("{}×", digits(factor)),
        (false, Some(factor), false) => format!("{}×, undecided", digits(factor)),
        (false, None, _) => "–".to_owned(),
    }
}

/// The decision tables as HTML.
pub(crate) fn render_decisions(decisions: &[Decision]) -> Markup {
    html! {
        @for decision in decisions {
            section.decision {
                h2 { (decision.question) }
                div.scrolls {
                    table {
                        thead { tr {
                            th scope="col" { (decision.corner) }
                            @for column in &decision.columns { th scope="col" { (column) } }
                        } }
                        tbody {
                            @for row in &decision.rows {
                                tr {
                                    th scope="row" { (row.name) }
                                    @for cell in &row.cells { (render_cell(cell.as_ref())) }
                                }
                            }
                        }
                    }
                }
                p.made { (decision.beyond) " Behind the name: how many times as good as the next, with the 95 % interval." }
            }
        }
    }
}

/// The colour of the winner at the edge of its cell, as in the figures.
fn edge(winner: &Subject) -> String {
    let colour = style::of_subject(winner).colour;
    format!("border-left: 5px solid {}; padding-left: 0.5em", style::hex(colour))
}

fn render_cell(cell: Option<&DecisionCell>) -> Markup {
    html! {
        @match cell {
            None => td { "not measured" },
            Some(cell) => td.undecided[!cell.is_decided] style=[cell.winner.as_ref().map(edge)] {
                (cell.best)
                @if !cell.factor.is_empty() { br; span.factor { (cell.factor) } }
            },
        }
    }
}

/// The rankings as HTML.
pub(crate) fn render_rankings(rankings: &[RankingView]) -> Markup {
    html! {
        @if !rankings.is_empty() {
            section #rankings {
                h2 { "Rankings" }
                @for ranking in rankings {
                    details open[rankings.len() <= 2] {
                        summary { (ranking.title) }
                        div.scrolls {
                            table {
                                thead { tr {
                                    @for column in RANKING_COLUMNS { th scope="col" { (column) } }
                                } }
                                tbody {
                                    @for row in &ranking.rows {
                                        tr { @for cell in row { td { (cell) } } }
                                    }
                                }
                            }
                        }
                        @if !ranking.note.is_empty() { p.made { (ranking.note) } }
                    }
                }
            }
        }
    }
}
