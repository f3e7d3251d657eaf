//! The page: one self-contained file that opens with the answer and needs no scripts: with them designs are switched on and off, points tell their values, and the
//! living picture moves. It renders a
//! [`View`] and computes nothing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::claims::{DrawnClaim, render_claims};
use crate::decisions::{render_decisions, render_rankings};
use crate::drawn::{Drawn, figure};
use crate::head::head;
use crate::living::{self, LivingPicture};
use crate::view::{ComparisonView, DoubtsView, Section, View};

/// What a page can do with scripts, and needs none for.
const SCRIPT: &str = include_str!("page.js");

/// The whole page as HTML.
#[must_use]
pub fn render(
    view: &View,
    drawn: &[Drawn],
    claims: &[DrawnClaim],
    living: Option<&LivingPicture>,
) -> String {
    // What decides, and its picture, come first.
    let (first_decision, decisions) = view.decisions.split_at(view.decisions.len().min(1));
    let (first_figure, figures) = drawn.split_at(drawn.len().min(first_decision.len()));
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&view.title, ""))
            body {
                main {
                    (answer(view))
                    (contents(view, drawn, claims, living.is_some()))
                    (render_claims(claims))
                    (render_decisions(first_decision))
                    @for one in first_figure { (figure(one)) }
                    (render_decisions(decisions))
                    @if !view.sections.is_empty() { (findings(&view.sections)) }
                    @for one in figures { (figure(one)) }
                    (render_rankings(&view.rankings))
                    @if let Some(living) = living { (living::section(living)) }
                    (comparisons(&view.comparisons))
                    (machine(&view.machine))
                    (doubts(&view.doubts))
                    (failures(&view.failures))
                    (method(view.noise.as_deref()))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn answer(view: &View) -> Markup {
    html! {
        header {
            p.question { (view.title) }
            h1 { (view.headline) }
            @if let Some(second) = &view.second { p.second { (second) } }
            @for note in &view.notes { p.made { (note) } }
        }
    }
}

/// Links to the sections, beside the page where there is room.
fn contents(view: &View, drawn: &[Drawn], claims: &[DrawnClaim], has_living: bool) -> Markup {
    let link = |id: &str, name: &str| html! { li { a href={ "#" (id) } { (name) } } };
    html! {
        nav.contents aria-label="Contents" {
            ul {
                @if claims.len() > 1 { (link("verdicts", "The verdicts")) }
                @if !view.sections.is_empty() { (link("found", "What was found")) }
                @for one in drawn { (link(&one.figure.name, &one.figure.question)) }
                @if !view.rankings.is_empty() { (link("rankings", "Rankings")) }
                @if has_living { (link("living", "Try it")) }
                @if !view.comparisons.is_empty() { (link("comparisons", "Every comparison")) }
                @if !view.machine.is_empty() { (link("machine", "The machine")) }
                (link("warnings", "Warnings"))
                (link("method", "How it was measured, data"))
            }
        }
    }
}

fn findings(sections: &[Section]) -> Markup {
    html! {
        section #found {
            h2 { "What was found" }
            @for section in sections {
                h3 { (section.question) }
                ul { @for sentence in &section.sentences { li { (sentence) } } }
            }
        }
    }
}

fn comparisons(comparisons: &[ComparisonView]) -> Markup {
    html! {
        @if !comparisons.is_empty() {
            section #comparisons {
                h2 { "Every comparison, point by point" }
                p {
                    "How much longer (+) or shorter (−) the mean response time is than on the "
                    "iterative server of the same transport (without one, on the first server "
                    "named), pair by pair under the same plan, with 95 % intervals. Grey where it "
                    "is not decided: within chance, or within what two identical runs differ."
                }
                @for comparison in comparisons {
                    details {
                        summary { (comparison.summary) }
                        (differences(comparison))
                    }
                }
            }
        }
    }
}

fn differences(comparison: &ComparisonView) -> Markup {
    html! {
        table {
            thead { tr { th { "processing" } th { "difference" } th { "interval" } } }
            tbody {
                @for row in &comparison.rows {
                    tr.undecided[!row.is_decided] {
                        td { (row.point) }
                        td { (row.difference) }
                        td { (row.interval) }
                    }
                }
            }
        }
    }
}

fn machine(rows: &[(&str, String)]) -> Markup {
    html! {
        @if !rows.is_empty() {
            section #machine {
                h2 { "The machine" }
                table.facts {
                    @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } }
                }
            }
        }
    }
}

fn doubts(view: &DoubtsView) -> Markup {
    html! {
        section #warnings {
            h2 { "Warnings" }
            @if view.doubted.is_empty() {
                p { "None of the " (view.runs) " runs has a warning." }
            } @else {
                p {
                    (view.disturbed) " of " (view.runs) " runs have a warning, and " (view.too_short)
                    " others were too short to tell all that was asked of them. A point of a figure is "
                    "hollow if at least half of its runs have a warning; one about the tail "
                    "does not make a mean or a median hollow."
                }
                ul {
                    @for (kind, count) in &view.kinds { li { (kind) ": " (count) " runs" } }
                }
                details {
                    summary { "Every run with a warning" }
                    ul.doubts {
                        @for (run, doubts) in &view.doubted {
                            li {
                                b { (run) }
                                @for doubt in doubts { br; (doubt) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn failures(failed: &[(String, String)]) -> Markup {
    html! {
        @if !failed.is_empty() {
            section {
                h2 { "Runs that failed" }
                ul { @for (run, why) in failed { li { b { (run) } ": " (why) } } }
            }
        }
    }
}

fn method(noise: Option<&str>) -> Markup {
    html! {
        section #method {
            h2 { "How it was measured" }
            ul {
                li {
                    "Response time runs from the instant at which a request was due to the last "
                    "byte of its reply, whatever the generator or the server did meanwhile. "
                    "Unanswered requests count as longer than the time-out."
                }
                li {
                    "Every design got the same requests at the same instants (the plans' hashes "
                    "are in the records). Runs were made in random order, each on a server "
                    "process of its own."
                }
                li {
                    "Computing is processor time, waiting is sleep; what was achieved is used, "
                    "not what was asked for."
                }
                @if let Some(noise) = noise { li { (noise) } }
                li {
                    "The records are in " a href="records.jsonl" { "records.jsonl" } ", one line a "
                    "run with its whole distribution. To measure again: "
                    code { "crossover bench scenario.toml" } ", the copy beside them."
                }
                li {
                    "Data: " a href="answers.json" { "answers.json" } ", "
                    a href="records.jsonl" { "records.jsonl" } ", "
                    a href="scenario.toml" { "scenario.toml" } "; each figure has its own as PNG, SVG and CSV."
                }
            }
        }
    }
}
