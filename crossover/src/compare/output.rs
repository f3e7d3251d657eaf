//! Tells what has changed: as a table, as Markdown, as JSON, and as the content of a page.

use analysis::changes::{Change, ChangeKind};
use analysis::{Estimate, Metric, MetricUnit, text};
use reports::compare::{ComparisonPage, RowView};
use serde::Serialize;

use super::{Compared, Judged};
use crate::error::Error;
use crate::terminal::{Output, json, tables};

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    regression: bool,
    because: Option<String>,
    differences: Vec<PrintedDifference<'a>>,
    whole: Vec<PrintedChange<'a>>,
    cells: Vec<PrintedChange<'a>>,
    bounds: Vec<PrintedBound>,
    left_out: &'a [String],
}

#[derive(Serialize)]
struct PrintedDifference<'a> {
    what: &'a str,
    text: &'a str,
    forbids: bool,
}

#[derive(Serialize)]
struct PrintedChange<'a> {
    experiment: &'a str,
    subject: &'a str,
    /// The point in words; empty for all points together.
    point: String,
    metric: String,
    before: Option<f64>,
    after: Option<f64>,
    /// After over before.
    ratio: f64,
    low: f64,
    high: f64,
    /// By which factor identical runs differ.
    floor: f64,
    verdict: &'static str,
}

#[derive(Serialize)]
struct PrintedBound {
    bound: String,
    verdict: &'static str,
}

fn verdict(judged: &Judged<'_>, compared: &Compared<'_>) -> &'static str {
    if !compared.changes.whole.iter().any(|change| change.metric == judged.bound.metric) {
        return "unknown";
    }
    match (judged.broken.is_empty(), judged.open.is_empty()) {
        (false, _) => "broken",
        (true, false) => "undecided",
        (true, true) => "kept",
    }
}

/// A change in words: `mean of udp-iterative in waiting is 1.12 times as long (1.08 to 1.16)`.
pub(super) fn in_words(change: &Change) -> String {
    let whose = match change.experiment.is_empty() {
        true => change.metric.to_string(),
        false => format!("{} of {} in {}", change.metric, change.subject, change.experiment),
    };
    let Estimate { value, low, high } = change.ratio;
    format!("{whose} is {} times what it was ({} to {})", factor(value), factor(low), factor(high))
}

fn factor(ratio: f64) -> String {
    match ratio {
        ratio if ratio > 1e5 => "over 100,000".to_owned(),
        ratio if ratio < 1e-5 => "under 0.00001".to_owned(),
        ratio => text::three_digits(ratio),
    }
}

/// One sentence that says it all.
fn headline(compared: &Compared<'_>) -> String {
    let count = |kind| compared.changes.whole.iter().filter(|it| it.kind == kind).count();
    let all = compared.changes.whole.len();
    let (worse, better) = (count(ChangeKind::Worse), count(ChangeKind::Better));
    let (open, same) = (count(ChangeKind::Undecided), count(ChangeKind::None));
    match compared.regression() {
        Some(_) if compared.bounds.is_empty() => {
            format!(
                "Regression: {worse} of {all} figures are worse, {better} better, {open} undecided."
            )
        }
        Some(_) => "Regression: a bound is broken.".to_owned(),
        None if better > 0 => {
            format!(
                "No regression: {better} of {all} figures are better, {same} unchanged, {open} undecided."
            )
        }
        None => format!("No regression: of {all} figures {same} are unchanged, {open} undecided."),
    }
}

/// The sentences beside the table.
fn notes(compared: &Compared<'_>) -> Vec<String> {
    let mut notes: Vec<String> = compared
        .bounds
        .iter()
        .map(|judged| format!("{}: {}", judged.bound, verdict(judged, compared)))
        .collect();
    for it in &compared.differences {
        let what = if it.forbids { "differs (compared anyway)" } else { "differs" };
        notes.push(format!("{} {what}: {}", it.what, it.text));
    }
    notes.extend(compared.changes.left_out.iter().cloned());
    notes
}

pub(super) fn print(compared: &Compared<'_>) -> Result<(), Error> {
    if compared.arguments.json {
        return json::print(&printed(compared));
    }
    let mut out = Output::begin();
    if compared.arguments.markdown {
        markdown(compared, &mut out);
        return out.finish();
    }
    out.paragraph(headline(compared), "");
    let mut table = tables::table(&["", "before", "after", "ratio", "95 % interval", ""]);
    for row in rows(&compared.changes.whole) {
        table.add_row(vec![row.name, row.before, row.after, row.ratio, row.interval, row.verdict]);
    }
    out.line(format!("\n{table}\n"));
    for note in notes(compared) {
        out.paragraph(note, "  ");
    }
    out.finish()
}

fn markdown(compared: &Compared<'_>, out: &mut Output) {
    let cell = |text: &str| text.replace('|', "\\|");
    out.line(format!("**{}**\n", headline(compared)));
    out.line("| | before | after | ratio | 95 % interval | |");
    out.line("|---|---|---|---|---|---|");
    for row in rows(&compared.changes.whole) {
        let cells = [&row.name, &row.before, &row.after, &row.ratio, &row.interval, &row.verdict];
        let cells: Vec<String> = cells.into_iter().map(|text| cell(text)).collect();
        out.line(format!("| {} |", cells.join(" | ")));
    }
    let notes = notes(compared);
    if !notes.is_empty() {
        out.line("");
    }
    notes.iter().for_each(|note| out.line(format!("* {note}")));
}

fn printed<'a>(compared: &'a Compared<'_>) -> Printed<'a> {
    let because = compared.regression();
    Printed {
        regression: because.is_some(),
        because,
        differences: compared
            .differences
            .iter()
            .map(|it| PrintedDifference { what: it.what, text: &it.text, forbids: it.forbids })
            .collect(),
        whole: compared.changes.whole.iter().map(change).collect(),
        cells: compared.changes.cells.iter().map(change).collect(),
        bounds: compared
            .bounds
            .iter()
            .map(|it| PrintedBound { bound: it.bound.to_string(), verdict: verdict(it, compared) })
            .collect(),
        left_out: &compared.changes.left_out,
    }
}

fn change(it: &Change) -> PrintedChange<'_> {
    PrintedChange {
        experiment: &it.experiment,
        subject: &it.subject,
        point: it.point.as_ref().map_or_else(String::new, text::place),
        metric: it.metric.to_string(),
        before: it.values.map(|(before, _)| before),
        after: it.values.map(|(_, after)| after),
        ratio: it.ratio.value,
        low: it.ratio.low,
        high: it.ratio.high,
        floor: it.floor,
        verdict: it.kind.in_words(),
    }
}

fn rows(changes: &[Change]) -> Vec<RowView> {
    changes.iter().map(row).collect()
}

fn row(it: &Change) -> RowView {
    let name = match (it.experiment.is_empty(), &it.point) {
        (true, _) => it.metric.to_string(),
        (false, None) => format!("{} · {} · {}", it.experiment, it.subject, it.metric),
        (false, Some(point)) => {
            let point = text::place(point);
            format!("{} · {} · {} at {point}", it.experiment, it.subject, it.metric)
        }
    };
    let shown =
        |value: Option<f64>| value.map_or_else(String::new, |value| shown(it.metric, value));
    let Estimate { value, low, high } = it.ratio;
    RowView {
        name,
        before: shown(it.values.map(|(before, _)| before)),
        after: shown(it.values.map(|(_, after)| after)),
        ratio: format!("{}×", factor(value)),
        interval: format!("{} to {}", factor(low), factor(high)),
        verdict: it.kind.in_words().to_owned(),
        ends: (low, value, high),
        is_worse: it.kind == ChangeKind::Worse,
        is_better: it.kind == ChangeKind::Better,
    }
}

/// A value with its unit.
fn shown(metric: Metric, value: f64) -> String {
    match metric.unit() {
        MetricUnit::Time => text::time(value),
        MetricUnit::Rate => text::rate(value),
        MetricUnit::Share => format!("{} %", text::three_digits(100.0 * value)),
        MetricUnit::Size => format!("{} MiB", text::three_digits(value / 1_048_576.0)),
        MetricUnit::Count | MetricUnit::Number => text::three_digits(value),
    }
}

/// The content of the page.
pub(super) fn page(compared: &Compared<'_>) -> ComparisonPage {
    let arguments = compared.arguments;
    ComparisonPage {
        question: format!("{} and {}", arguments.before.display(), arguments.after.display()),
        headline: headline(compared),
        whole: rows(&compared.changes.whole),
        cells: rows(&compared.changes.cells),
        notes: notes(compared),
    }
}
