//! Reads names that people write, and suggests what they probably meant.

use servers::{CATALOGUE, Design};

/// Finds a design by its name; the error for an unknown name lists all names.
pub(crate) fn read_design(name: &str) -> Result<&'static Design, String> {
    Design::named(name).ok_or_else(|| {
        let names: Vec<&str> = CATALOGUE.iter().map(|design| design.name).collect();
        let meant = did_you_mean(name, &names);
        format!("no design is called '{name}'{meant} There are: {}", names.join(", "))
    })
}

/// The end of a message, with the known word that was probably meant, if one is similar.
pub(crate) fn did_you_mean(written: &str, known: &[&str]) -> String {
    let likeness = |word: &&&str| strsim::jaro_winkler(&written.to_lowercase(), word);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let near = nearest.filter(|word| likeness(word) > 0.85);
    near.map_or_else(|| ".".to_owned(), |word| format!("; did you mean {word}?"))
}
