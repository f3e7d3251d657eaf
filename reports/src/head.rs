//! The head of every page.

use maud::{Markup, PreEscaped, html};

/// The style sheet of every page.
const STYLE: &str = include_str!("page.css");

/// The head of every page: its title, the common style, and `further_style`.
pub(crate) fn head(title: &str, further_style: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            (PreEscaped(crate::PAGE_MARK))
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { (title) }
            style { (PreEscaped(STYLE)) (PreEscaped(further_style)) }
        }
    }
}
