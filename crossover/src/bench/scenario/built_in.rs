//! The scenarios that come with the program.

use super::Source;

const QUICK: &str = include_str!("../../../../scenarios/quick.toml");
const SMOKE: &str = include_str!("../../../../scenarios/smoke.toml");

/// What the names of scenarios of single claims begin with.
const CLAIMS: &str = "claims/";

/// A claim and its text.
macro_rules! of_claim {
    ($id:literal) => {
        ($id, include_str!(concat!("../../../../scenarios/claims/", $id, ".toml")))
    };
}

/// A claim about servers that people run, and its text behind that of the example that starts them.
macro_rules! of_witness {
    ($id:literal) => {
        (
            $id,
            concat!(
                include_str!(concat!("../../../../scenarios/examples/", $id, ".toml")),
                "\n",
                include_str!(concat!("../../../../scenarios/claims/", $id, ".toml"))
            ),
        )
    };
}

/// The claims, in the order of a bench of all of them. The text of all together is that of each
/// behind the other, so none of them has keys outside its tables.
const EACH_CLAIM: [(&str, &str); 37] = [
    of_claim!("S3"),
    of_claim!("S4"),
    of_claim!("S5"),
    of_claim!("S6"),
    of_claim!("S7"),
    of_claim!("S8"),
    of_claim!("S10"),
    of_claim!("S11"),
    of_claim!("S12"),
    of_claim!("S13"),
    of_claim!("S14"),
    of_claim!("S15"),
    of_claim!("S16"),
    of_claim!("S17"),
    of_claim!("S18"),
    of_claim!("S19"),
    of_claim!("S20"),
    of_claim!("S21"),
    of_claim!("S22"),
    of_claim!("U-a"),
    of_claim!("U-b"),
    of_claim!("U-c"),
    of_claim!("U-d"),
    of_claim!("U-e"),
    of_claim!("U-f"),
    of_claim!("fork-memory"),
    of_claim!("open-closed"),
    of_claim!("queues"),
    of_claim!("pool-size"),
    of_claim!("idle-connections"),
    of_claim!("ports"),
    of_witness!("apache"),
    of_witness!("gunicorn"),
    of_witness!("nginx"),
    of_witness!("puma"),
    of_witness!("key-value"),
    of_witness!("names"),
];

/// The keys of a bench of all claims.
const OF_ALL: &str =
    "title = \"Which claims about servers hold on this machine?\"\nbudget = \"44m\"\n";

/// The scenarios that come with the program.
#[must_use]
pub fn built_in() -> Vec<Source> {
    let source = |name: &str, text: String| Source { name: name.to_owned(), text };
    let all: String = EACH_CLAIM.iter().map(|(_, text)| format!("\n{text}")).collect();
    let mut sources = vec![
        source("quick", QUICK.to_owned()),
        source("smoke", SMOKE.to_owned()),
        source("claims", format!("{OF_ALL}{all}")),
    ];
    sources.extend(EACH_CLAIM.iter().map(|(id, text)| {
        let keys =
            format!("title = \"Does claim {id} hold on this machine?\"\nbudget = \"150s\"\n");
        source(&format!("claims-{id}"), format!("{keys}\n{text}"))
    }));
    sources
}

impl Source {
    /// Its name on the command line. As the name of a folder, that of a claim has a hyphen.
    pub(crate) fn on_command_line(&self) -> String {
        match self.name.strip_prefix("claims-") {
            Some(id) => format!("{CLAIMS}{id}"),
            None => self.name.clone(),
        }
    }

    /// Whether it is meant by a name on the command line.
    pub(super) fn asked_for(&self, name: &str) -> bool {
        self.on_command_line().eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_claim_in_the_folder_comes_with_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/claims");
        let files = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable"));
        let in_folder: BTreeSet<String> = files
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
            .collect();
        let listed = EACH_CLAIM.map(|(id, _)| id.to_owned());
        assert_eq!(in_folder, BTreeSet::from(listed));
        for (id, text) in EACH_CLAIM {
            assert!(text.contains(&format!("id = \"{id}\"")), "{id} is called otherwise inside");
        }
    }
}
