//! The tables that decide: at each point which subject is the best, by how much, and how sure. Where
//! nothing is varied, all subjects in their order.

use std::collections::BTreeMap;

use analysis::answers::{PointAnswer, Ranked};
use analysis::{ExperimentFindings, Findings, text};
use maud::{Markup, html};
use protocol::Transport;
use results::{Parameter, Shows};

/// A table over one axis: a row for each transport, a column for each point.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The question of the experiment.
    pub question: String,
    /// The points, as configured.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<DecisionRow>,
    /// What was not measured.
    pub beyond: String,
}

/// The best subjects of one transport.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRow {
    /// `UDP` or `TCP`.
    pub transport: String,
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
pub const RANKING_COLUMNS: [&str; 8] =
    ["server", "answered", "mean", "p50", "p90", "p99", "processor time", "compared with the best"];

/// The decision tables of the experiments that vary one quantity.
#[must_use]
pub fn decisions(findings: &Findings<'_>) -> Vec<Decision> {
    let asks = |found: &&ExperimentFindings<'_>| {
        let one_axis = found.experiment.points().first().is_some_and(|point| point.len() == 1);
        one_axis && found.experiment.shows(Shows::Crossover)
    };
    findings.experiments.iter().filter(asks).map(decision).collect()
}

fn decision(found: &ExperimentFindings<'_>) -> Decision {
    let points = found.experiment.points();
    let mut transports: Vec<Transport> =
        found.experiment.subjects().iter().map(|subject| subject.transport).collect();
    transports.dedup();
    let row = |transport: &Transport| DecisionRow {
        transport: transport.to_string().to_uppercase(),
        cells: points
            .iter()
            .map(|point| {
                let is_it = |answer: &&PointAnswer| {
                    answer.configured == *point && answer.transport == transport.to_string()
                };
                let answer = found.points.iter().find(is_it)?;
                // A point that was added for one pair ranks nobody else.
                let all = found.experiment.subjects();
                let rivals = all.iter().filter(|it| it.transport == *transport).count();
                (answer.ranking.len() == rivals).then(|| cell(found, answer))
            })
            .collect(),
    };
    let rows: Vec<DecisionRow> = transports.iter().map(row).collect();
    // Points at which no transport is ranked as a whole have no column.
    let is_shown = |at: usize| rows.iter().any(|row| row.cells[at].is_some());
    let shown: Vec<usize> = (0..points.len()).filter(|at| is_shown(*at)).collect();
    let rows = rows
        .iter()
        .map(|row| DecisionRow {
            transport: row.transport.clone(),
            cells: shown.iter().map(|at| row.cells[*at].clone()).collect(),
        })
        .collect();
    Decision {
        question: found.experiment.question.to_owned(),
        columns: shown.iter().map(|at| point_in_words(&points[*at])).collect(),
        rows,
        beyond: beyond(found),
    }
}

/// What lies outside the points that were measured.
fn beyond(found: &ExperimentFindings<'_>) -> String {
    let points = found.experiment.points();
    let ends = points.first().zip(points.last());
    ends.map_or_else(String::new, |(first, last)| {
        format!(
            "Measured from {} to {}; beyond that, and under another load, it may be otherwise.",
            point_in_words(first),
            point_in_words(last)
        )
    })
}

fn point_in_words(point: &BTreeMap<Parameter, f64>) -> String {
    let values = point.iter().map(|(axis, x)| text::value(*axis, *x));
    values.collect::<Vec<_>>().join(", ")
}

fn cell(found: &ExperimentFindings<'_>, answer: &PointAnswer) -> DecisionCell {
    let label = |name: &String| {
        let subjects = found.experiment.subjects();
        let subject = subjects.iter().find(|subject| subject.name == *name);
        subject.map_or_else(|| name.clone(), |subject| subject.label.clone())
    };
    let all: Vec<String> = answer.best.iter().chain(&answer.tied).map(label).collect();
    let best = match (answer.decided, all.is_empty()) {
        (_, true) => "none answered 99 %".to_owned(),
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
    DecisionCell { best, factor, is_decided: answer.decided }
}

/// Two digits, and a third where the first is 1: an interval of a tenth needs no more.
fn digits(value: f64) -> String {
    if value >= 9.95 { format!("{value:.0}") } else { format!("{value:.1}") }
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
    let point = point_in_words(&answer.configured);
    let at = if point.is_empty() { String::new() } else { format!(", at {point}") };
    let subjects = found.experiment.subjects();
    let row = |ranked: &Ranked| {
        let subject = subjects.iter().find(|subject| subject.name == ranked.name);
        let label = subject.map_or_else(|| ranked.name.clone(), |subject| subject.full_label());
        let time = |ns: Option<f64>| ns.map_or_else(|| "–".to_owned(), text::time);
        vec![
            label,
            format!("{:.1} %", ranked.answered * 100.0),
            time(ranked.mean_ns),
            time(ranked.p50_ns),
            time(ranked.p90_ns),
            time(ranked.p99_ns),
            time(ranked.processor_ns),
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
                            th scope="col" { "the best" }
                            @for column in &decision.columns { th scope="col" { (column) } }
                        } }
                        tbody {
                            @for row in &decision.rows {
                                tr {
                                    th scope="row" { (row.transport) }
                                    @for cell in &row.cells { (render_cell(cell.as_ref())) }
                                }
                            }
                        }
                    }
                }
                p.made { (decision.beyond) " Behind the name: how many times as fast as the next, with the 95 % interval." }
            }
        }
    }
}

fn render_cell(cell: Option<&DecisionCell>) -> Markup {
    html! {
        @match cell {
            None => td { "not measured" },
            Some(cell) => td.undecided[!cell.is_decided] {
                (cell.best)
                @if !cell.factor.is_empty() { br; (cell.factor) }
            },
        }
    }
}

/// The rankings as HTML.
pub(crate) fn render_rankings(rankings: &[RankingView]) -> Markup {
    html! {
        @if !rankings.is_empty() {
            section {
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
