//! The page of a comparison: what has changed, with intervals.

use maud::{DOCTYPE, Markup, html};

use crate::head::head;

/// The content of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparisonPage {
    /// What was compared.
    pub question: String,
    /// The answer.
    pub headline: String,
    /// Each server over all points, or each figure of a load.
    pub whole: Vec<RowView>,
    /// Each server at each point.
    pub cells: Vec<RowView>,
    /// Bounds with their verdicts, and what else differs: a sentence each.
    pub notes: Vec<String>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct RowView {
    /// What it is.
    pub name: String,
    /// Its value before; empty where several points are taken together.
    pub before: String,
    /// Its value after.
    pub after: String,
    /// After over before.
    pub ratio: String,
    /// Its 95 % interval.
    pub interval: String,
    /// What that says.
    pub verdict: String,
    /// Lower end, value and upper end of the ratio.
    pub ends: (f64, f64, f64),
    /// Whether it is worse for certain.
    pub is_worse: bool,
    /// Whether it is better for certain.
    pub is_better: bool,
}

const STYLE: &str = "\
.ratio { position: relative; display: block; width: 12em; height: 1em; border-left: 1px solid var(--rule); border-right: 1px solid var(--rule); }
.ratio i { position: absolute; top: 0; bottom: 0; border-left: 1px dashed var(--soft); }
.ratio b { position: absolute; top: 0.4em; height: 0.2em; background: var(--link); min-width: 2px; }
.ratio u { position: absolute; top: 0.15em; width: 0.7em; height: 0.7em; margin-left: -0.35em; border-radius: 50%; background: var(--link); }
";

/// The page as HTML, one file without scripts.
#[must_use]
pub fn render_comparison(page: &ComparisonPage) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&page.headline, STYLE))
            body {
                main {
                    header {
                        p.question { (page.question) }
                        h1 { (page.headline) }
                        @for note in &page.notes { p.made { (note) } }
                    }
                    section {
                        h2 { "What has changed" }
                        (table(&page.whole))
                        p.made {
                            "The ratio is after over before, with its 95 % interval; the dashed line is “as before”. A difference "
                            "counts as a change only if it exceeds chance, 5 %, and the difference between identical runs."
                        }
                    }
                    @if !page.cells.is_empty() {
                        section {
                            h2 { "Point by point" }
                            details {
                                summary { (page.cells.len()) " comparisons" }
                                (table(&page.cells))
                            }
                        }
                    }
                }
            }
        }
    }
    .into_string()
}

fn table(rows: &[RowView]) -> Markup {
    let finite =
        |of: f64| if of.is_finite() && of > 0.0 { Some(of.ln().abs().min(3.0)) } else { None };
    let ends = rows.iter().flat_map(|row| [row.ends.0, row.ends.1, row.ends.2]);
    let widest = ends.filter_map(finite).fold(0.1, f64::max);
    html! {
        div.scrolls {
            table {
                thead { tr {
                    @for name in ["", "before", "after", "ratio", "", "95 % interval", "verdict"] { th scope="col" { (name) } }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (row.name) }
                            td { (row.before) }
                            td { (row.after) }
                            td { (row.ratio) }
                            td aria-hidden="true" { (bar(row.ends, widest)) }
                            td { (row.interval) }
                            td {
                                span.verdict.corrected[row.is_worse].confirmed[row.is_better].open[!row.is_worse && !row.is_better] {
                                    (row.verdict)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The interval on a logarithmic scale of so much to either side of 1.
fn bar((low, value, high): (f64, f64, f64), widest: f64) -> Markup {
    let at = |ratio: f64| (50.0 + 50.0 * ratio.ln() / widest).clamp(0.0, 100.0);
    html! {
        span.ratio {
            i style="left: 50%" {}
            b style=(format!("left: {:.1}%; width: {:.1}%", at(low), at(high) - at(low))) {}
            u style=(format!("left: {:.1}%", at(value))) {}
        }
    }
}
