//! The page of an advice: the answer, the decision tree with this machine's thresholds, and what every
//! design is predicted to do.

use analysis::text;
use maud::{DOCTYPE, Markup, html};

use crate::head::head;

/// The content of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct AdvicePage {
    /// The command that asked.
    pub question: String,
    /// The answer.
    pub headline: String,
    /// What to set, what is predicted, and how sure it is: a sentence each.
    pub sentences: Vec<String>,
    /// The questions of the decision tree.
    pub steps: Vec<StepView>,
    /// The rules that fired: name, text and source.
    pub because: Vec<(String, String, String)>,
    /// Reasons to measure.
    pub measure: Vec<String>,
    /// The command that measures.
    pub test_command: String,
    /// Every design, the simplest first.
    pub designs: Vec<DesignView>,
    /// Servers that people run, and the setting that gives this design.
    pub servers: Vec<(String, String)>,
    /// The costs behind the thresholds: names and nanoseconds.
    pub costs: Vec<(&'static str, f64)>,
    /// What is assumed, and where the costs come from.
    pub notes: Vec<String>,
}

/// A question of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct StepView {
    /// The question.
    pub question: String,
    /// Where the line lies on this machine.
    pub here: String,
    /// What the workload has.
    pub yours: String,
    /// The answer.
    pub is_yes: bool,
    /// What follows.
    pub leads_to: String,
    /// Whether the way to the choice leads through it.
    pub is_on_the_way: bool,
}

/// What a design is predicted to do.
#[derive(Clone, Debug, PartialEq)]
pub struct DesignView {
    /// Its name.
    pub name: String,
    /// Its workers.
    pub workers: u32,
    /// Mean and p99 in nanoseconds; `None` if it does not carry the load.
    pub times_ns: Option<(f64, f64)>,
    /// Load over capacity.
    pub utilisation: Option<f64>,
    /// Why it cannot be taken.
    pub obstacle: Option<&'static str>,
    /// Whether it is the choice.
    pub is_choice: bool,
}

/// The style of the tree and of the bars.
const STYLE: &str = "\
.tree { list-style: none; counter-reset: step; padding: 0; margin: 0; }
.tree li { counter-increment: step; margin: 0 0 10px; padding: 10px 14px; border: 1px solid var(--edge); border-radius: 6px; color: var(--soft); }
.tree li::before { content: counter(step) \". \"; font-weight: 700; }
.tree li.way { border: 2px solid var(--link); color: inherit; }
.tree b.q { font-weight: 600; }
.tree dl { display: grid; grid-template-columns: 6em 1fr; gap: 2px 10px; margin: 6px 0 0; }
.tree dt { color: var(--soft); } .tree dd { margin: 0; }
.bar { display: inline-block; height: 0.7em; background: var(--link); margin-right: 6px; vertical-align: baseline; }
tr.choice td, tr.choice th { font-weight: 700; }
@media screen and (max-width: 760px) { .tree dl { grid-template-columns: 4em 1fr; } }
";

/// The page as HTML, one file without scripts.
#[must_use]
pub fn render_advice(page: &AdvicePage) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&page.headline, STYLE))
            body {
                main {
                    header {
                        p.question { code { (page.question) } }
                        h1 { (page.headline) }
                        @for sentence in &page.sentences { p { (sentence) } }
                    }
                                        @if !page.steps.is_empty() { (tree(&page.steps)) }
                    (reasons(page))
                    (designs(&page.designs))
                    (servers(&page.servers))
                    section {
                        h2 { "What the steps cost" }
                        table.facts {
                            @for (name, ns) in &page.costs {
                                tr { th scope="row" { (name) } td { (text::time(*ns)) } }
                            }
                        }
                        @for note in &page.notes { p.made { (note) } }
                    }
                }
            }
        }
    }
    .into_string()
}

fn tree(steps: &[StepView]) -> Markup {
    html! {
        section {
            h2 { "The decision" }
            p.made {
                "The thresholds are those of this machine for this workload. Questions in a blue frame lead to \
                 the answer. The predictions below decide; the tree explains the decision."
            }
            ol.tree {
                @for step in steps {
                    li.way[step.is_on_the_way] {
                        b.q { (step.question) }
                        dl {
                            dt { "machine" } dd { (step.here) }
                            dt { "workload" } dd { (step.yours) }
                            dt { b { (if step.is_yes { "yes" } else { "no" }) } } dd { (step.leads_to) }
                        }
                    }
                }
            }
        }
    }
}

fn reasons(page: &AdvicePage) -> Markup {
    html! {
        section {
            h2 { "Why" }
            ul {
                @for (rule, text, source) in &page.because {
                    li { b { (rule) } ": " (text) " " span.made { "[" (source) "]" } }
                }
            }
            @if !page.measure.is_empty() {
                h3 { "Measure it, because" }
                ul { @for reason in &page.measure { li { (reason) } } }
            }
            p { "To measure it here: " code { (page.test_command) } }
        }
    }
}

fn designs(designs: &[DesignView]) -> Markup {
    let longest =
        designs.iter().filter_map(|it| it.times_ns).map(|(_, p99)| p99).fold(0.0, f64::max);
    let width = |ns: f64| format!("width: {:.1}em", 10.0 * ns / longest.max(1.0));
    html! {
        section {
            h2 { "What each design is predicted to do" }
            div.scrolls {
                table {
                    thead { tr {
                        th scope="col" { "design" } th scope="col" { "workers" } th scope="col" { "mean" }
                        th scope="col" { "p99" } th scope="col" { "busy" } th scope="col" { "not taken, because" }
                    } }
                    tbody {
                        @for it in designs {
                            tr.choice[it.is_choice] {
                                th scope="row" { (it.name) }
                                td { (it.workers) }
                                @match it.times_ns {
                                    Some((mean, p99)) => {
                                        td { (text::time(mean)) }
                                        td { span.bar style=(width(p99)) {} (text::time(p99)) }
                                    }
                                    None => { td { "–" } td { "it does not carry the load" } }
                                }
                                td { (it.utilisation.map_or_else(|| "–".to_owned(), |share| format!("{} %", text::three_digits(100.0 * share)))) }
                                td { (it.obstacle.unwrap_or_default()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn servers(servers: &[(String, String)]) -> Markup {
    html! {
        @if !servers.is_empty() {
            section {
                h2 { "In servers that people run" }
                table.facts {
                    @for (server, setting) in servers {
                        tr { th scope="row" { (server) } td { (setting) } }
                    }
                }
            }
        }
    }
}
