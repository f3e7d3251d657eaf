//! Names that people write, and what they probably meant.

use servers::{CATALOGUE, Design};

/// Finds a design; the message for an unknown one names those there are.
pub(crate) fn read_design(name: &str) -> Result<&'static Design, String> {
    Design::named(name).ok_or_else(|| {
        let names: Vec<&str> = CATALOGUE.iter().map(|design| design.name).collect();
        let meant = did_you_mean(name, &names);
        format!("no design is called '{name}'{meant} There are: {}", names.join(", "))
    })
}

/// Words for a message that name what was probably meant, if anything is like it.
pub(crate) fn did_you_mean(written: &str, known: &[&str]) -> String {
    let likeness = |word: &&&str| strsim::jaro_winkler(&written.to_lowercase(), word);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let near = nearest.filter(|word| likeness(word) > 0.85);
    near.map_or_else(|| ".".to_owned(), |word| format!("; did you mean {word}?"))
}
