//! A figure with its drawings, and how it stands on a page.

use analysis::figure::Figure;
use maud::{Markup, PreEscaped, html};

/// A figure with its drawings for two page widths.
pub struct Drawn {
    /// The figure.
    pub figure: Figure,
    /// SVG with the panels side by side.
    pub wide: String,
    /// SVG with the panels one above the other.
    pub narrow: String,
}

/// The figure as HTML.
pub(crate) fn figure(drawn: &Drawn) -> Markup {
    let name = &drawn.figure.name;
    html! {
        figure id=(name) {
            h2 { (drawn.figure.question) }
            div.wide { (PreEscaped(labelled(&drawn.wide, &drawn.figure.question))) }
            div.narrow { (PreEscaped(labelled(&drawn.narrow, &drawn.figure.question))) }
            figcaption {
                (drawn.figure.caption) " "
                span.files {
                    a href={ "figures/" (name) ".png" } { "PNG" } " "
                    a href={ "figures/" (name) ".svg" } { "SVG" } " "
                    a href={ "figures/" (name) ".csv" } { "data (CSV)" }
                }
            }
        }
    }
}

/// The drawing with a label for screen readers.
fn labelled(svg: &str, question: &str) -> String {
    let label = question.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{label}\" "), 1)
}
