//! The claims of a scenario on its page: the verdicts in a table, then each claim with its pictures and
//! figures.

use analysis::claims::{ClaimAnswer, Evidence, Ruling};
use maud::{Markup, html};

use crate::drawn::{Drawn, figure};
use crate::view::capital;

/// A claim with its drawings.
pub struct DrawnClaim {
    /// The claim with its verdict.
    pub answer: ClaimAnswer,
    /// Its pictures.
    pub drawn: Vec<Drawn>,
}

/// The claims as HTML.
pub(crate) fn render_claims(claims: &[DrawnClaim]) -> Markup {
    html! {
        @if claims.len() > 1 { (summary(claims)) }
        @for claim in claims { (one(claim)) }
    }
}

fn summary(claims: &[DrawnClaim]) -> Markup {
    html! {
        section #verdicts {
            h2 { "The verdicts" }
            div.scrolls {
                table.verdicts {
                    thead { tr {
                        th scope="col" { "claim" } th scope="col" { "what it says" }
                        th scope="col" { "verdict" }
                    } }
                    tbody {
                        @for DrawnClaim { answer, .. } in claims {
                            tr {
                                th scope="row" { a href={ "#claim-" (answer.id) } { (answer.id) } }
                                td { (answer.claim) }
                                td { (verdict(answer.verdict)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A verdict, with a class for its look.
fn verdict(ruling: Ruling) -> Markup {
    let class = match ruling {
        Ruling::Confirmed => "verdict confirmed",
        Ruling::Corrected => "verdict corrected",
        Ruling::Undecided | Ruling::NotOnThisMachine => "verdict open",
    };
    html! { span class=(class) { (ruling.in_words()) } }
}

fn one(claim: &DrawnClaim) -> Markup {
    let answer = &claim.answer;
    html! {
        section.claim id={ "claim-" (answer.id) } {
            h2 { (answer.id) ": " (answer.claim) }
            @if !answer.source.is_empty() { p.made { (answer.source) } }
            p.statement { (verdict(answer.verdict)) " " (answer.statement) }
            @if !answer.why.is_empty() { p { (answer.why) } }
            @if answer.evidence.is_empty() { p { (capital(&answer.because)) "." } }
            @for one in &claim.drawn { (figure(one)) }
            @if !answer.evidence.is_empty() { (evidence(&answer.evidence)) }
            @if !answer.warnings.is_empty() {
                p.made { "Warnings of the runs behind these figures: " (answer.warnings.join("; ")) "." }
            }
        }
    }
}

fn evidence(evidence: &[Evidence]) -> Markup {
    let outcome = |one: &Evidence| match one.holds {
        Some(true) => "as expected",
        Some(false) => "not as expected",
        None if one.expected.is_empty() => "",
        None => "open",
    };
    html! {
        div.scrolls {
            table.evidence {
                thead { tr {
                    th scope="col" { "figure" } th scope="col" { "measured (95 % interval)" }
                    th scope="col" { "the claim" } th scope="col" { "outcome" }
                } }
                tbody {
                    @for one in evidence {
                        tr.undecided[one.holds.is_none() && !one.expected.is_empty()] {
                            td { (capital(&one.figure)) }
                            td { (one.text) }
                            td { (one.expected) }
                            td { (outcome(one)) }
                        }
                    }
                }
            }
        }
    }
}
