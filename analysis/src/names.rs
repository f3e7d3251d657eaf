//! Designs in words. A design's name says its transport and what it does for each client.

/// `UDP` or `TCP`, from the name's first part.
#[must_use]
pub fn transport(design: &str) -> String {
    design.split('-').next().unwrap_or_default().to_uppercase()
}

/// The name without its transport: `thread per request`.
#[must_use]
pub fn idea(design: &str) -> String {
    design.split('-').skip(1).collect::<Vec<_>>().join(" ")
}

/// Whether the design serves one request at a time.
#[must_use]
pub fn is_iterative(design: &str) -> bool {
    idea(design) == "iterative"
}

/// Transport and idea, as a label: `UDP thread per request`.
#[must_use]
pub fn label(design: &str) -> String {
    format!("{} {}", transport(design), idea(design))
}

/// The design as the subject of a sentence.
#[must_use]
pub fn subject(design: &str) -> String {
    if is_iterative(design) {
        format!("the iterative {} server", transport(design))
    } else {
        let idea = idea(design);
        let article = if idea.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
        format!("{article} {idea}")
    }
}
