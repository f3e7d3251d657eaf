//! House rules as tests; each message names the remedy.

use std::fs;
use std::path::{Path, PathBuf};

use servers::CATALOGUE;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn rust_files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable")) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && !["target", ".git", "runs"].contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let relative = path.strip_prefix(root()).expect("below it").display().to_string();
                found.push((relative, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(found.len() > 50, "the whole tree is looked at");
    found
}

#[test]
fn every_file_says_first_what_it_is() {
    for (name, text) in rust_files() {
        assert!(text.starts_with("//! "), "{name} must open with a //! line that says what it is");
    }
}

#[test]
fn files_and_functions_stay_readable() {
    for (name, text) in rust_files() {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with("//")
        });
        let count = lines.count();
        let in_a_designs_folder =
            name.starts_with("servers/src/tcp/") || name.starts_with("servers/src/udp/");
        let design = in_a_designs_folder && !name.ends_with("/mod.rs");
        let is_a_loop = ["loop", "async"].iter().any(|word| name.contains(word));
        let limit = match (design, is_a_loop) {
            (true, true) => 200,
            (true, false) => 55,
            (false, _) => 480,
        };
        assert!(count <= limit, "{name} has {count} lines of code, more than {limit}: divide it");
        for (first, length) in functions(&text) {
            assert!(length <= 70, "{name}:{first} a function of {length} lines: divide it");
        }
    }
}

/// Where each function of formatted code begins, and how many lines it has.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let is_function = |line: &str| {
        let line = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        line.starts_with("fn ") || line.starts_with("extern \"C\" fn ")
    };
    (0..lines.len())
        .filter(|at| is_function(lines[*at]) && !lines[*at].ends_with([';', '}']))
        .filter_map(|at| {
            let indent = lines[at].len() - lines[at].trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            lines[at..].iter().position(|line| *line == end).map(|length| (at + 1, length + 1))
        })
        .collect()
}

#[test]
fn names_say_what_is_inside() {
    for (name, _) in rust_files() {
        for banned in ["util", "helper", "misc", "manager", "handler"] {
            assert!(!name.contains(banned), "{name}: name the file for what is in it");
        }
    }
}

/// What panics where a line cannot be written or a thread cannot be had stands in no program code:
/// `terminal.rs` writes, and threads are made by what returns an error.
#[test]
fn output_and_threads_are_had_without_a_panic() {
    let banned = ["println!(", "print!(", "thread::spawn(", "scope.spawn("];
    for (name, text) in rust_files().into_iter().filter(|(name, _)| name.contains("/src/")) {
        if name.starts_with("crossover/src/example") || name.starts_with("benches/") {
            continue; // no part of the program
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let used = banned.iter().find(|word| line.contains(**word));
            assert!(used.is_none(), "{name}: {line}: write by terminal.rs, spawn by a Builder");
        }
    }
}

#[test]
fn unsafe_code_is_where_it_is_named() {
    const NAMED: [&str; 6] = [
        "servers/src/descriptor.rs",
        "servers/src/ring.rs",
        "servers/src/runtime.rs",
        "servers/src/supervisor.rs",
        "servers/src/tally.rs",
        "servers/src/worker.rs",
    ];
    let allow = format!("#![allow({})]", "unsafe_code");
    for (name, text) in rust_files() {
        assert_eq!(
            text.contains(&allow),
            NAMED.contains(&name.as_str()),
            "{name}: unsafe code belongs in {NAMED:?} only"
        );
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("text");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
}

#[test]
fn designs_follow_the_rules_of_the_catalogue() {
    let readme = fs::read_to_string(root().join("servers/README.md")).expect("servers/README.md");
    for (index, design) in CATALOGUE.iter().enumerate() {
        let (folder, file) = design.name.split_once('-').expect("transport and idea");
        let path = format!("servers/src/{folder}/{}.rs", file.replace('-', "_"));
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|_| panic!("{path}"));
        assert_eq!(folder, design.transport().to_string());
        for part in ["# Picture", "# What changed", "# When it pays", "# Where it is described"] {
            assert!(text.contains(&format!("//! {part}")), "{path} lacks the header part '{part}'");
        }
        assert!(readme.contains(design.name), "servers/README.md lacks a row for {}", design.name);
        assert!(CATALOGUE[..index].iter().all(|other| other.name != design.name));
        let others = CATALOGUE.iter().filter(|other| other.name != design.name);
        for other in others {
            let module = other.name.split_once('-').expect("two parts").1.replace('-', "_");
            let imports = text.lines().filter(|line| line.trim_start().starts_with("use "));
            let used = imports.filter(|line| line.contains(&format!("::{module}"))).count();
            assert_eq!(used, 0, "{path} imports {}: a design stands alone", other.name);
        }
    }
    for folder in ["tcp", "udp"] {
        let files = fs::read_dir(root().join("servers/src").join(folder)).expect("readable");
        let count = files.count() - 1; // mod.rs
        let rows = CATALOGUE.iter().filter(|design| design.name.starts_with(folder)).count();
        assert_eq!(count, rows, "every file in servers/src/{folder} needs a row in the catalogue");
    }
}

#[test]
fn crates_import_downwards_only() {
    let allowed: [(&str, &[&str]); 8] = [
        ("protocol", &[]),
        ("results", &[]),
        ("model", &[]),
        ("servers", &["protocol"]),
        ("loadgen", &["protocol", "results"]),
        ("analysis", &["results"]),
        ("reports", &["analysis", "model", "results"]),
        ("crossover", &["analysis", "loadgen", "protocol", "reports", "results", "servers"]),
    ];
    let crates = allowed.map(|(name, _)| name);
    for (name, may_import) in allowed {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).expect("text");
        let section = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        for other in crates {
            let imports = section.lines().any(|line| line.starts_with(&format!("{other}.")));
            assert!(
                !imports || may_import.contains(&other),
                "{name} must not import {other}; see the arrows in ARCHITECTURE.md"
            );
        }
        for (library, owner) in [("clap", "crossover"), ("plotters", "reports")] {
            let imports = section.lines().any(|line| line.starts_with(&format!("{library}.")));
            assert!(!imports || name == owner, "{library} belongs in {owner} only, not in {name}");
        }
    }
}

#[test]
fn pure_code_touches_neither_files_nor_clocks() {
    let pure = |name: &str| {
        ["protocol/src", "model/src", "analysis/src"].iter().any(|top| name.starts_with(top))
            || ["plan", "schedule", "recorder", "judge", "quantity"]
                .iter()
                .any(|file| name == format!("loadgen/src/{file}.rs"))
            || name.ends_with("driver/simulated.rs")
            || ["figure", "figures", "page", "csv"]
                .iter()
                .any(|file| name == format!("reports/src/{file}.rs"))
    };
    let banned = [
        "std::net",
        "std::fs",
        "std::env",
        "std::process",
        "std::thread",
        "Instant::now",
        "SystemTime",
    ];
    let mut looked_at = 0;
    for (name, text) in rust_files().into_iter().filter(|(name, _)| pure(name)) {
        looked_at += 1;
        for word in banned {
            assert!(!text.contains(word), "{name} is called pure and must not use {word}");
        }
    }
    assert!(looked_at >= 20);
}

#[test]
fn invariants_name_tests_that_exist() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let sources: String = rust_files().into_iter().map(|(_, text)| text).collect();
    let invariants = text.split("## Invariants").nth(1).expect("a section 'Invariants'");
    let invariants = invariants.split("\n## ").next().unwrap_or_default();
    let names: Vec<&str> = invariants.split('`').skip(1).step_by(2).collect();
    let tests: Vec<&&str> = names.iter().filter(|name| name.matches('_').count() >= 3).collect();
    assert!(tests.len() >= 10, "each invariant names its test: {tests:?}");
    for name in tests {
        assert!(
            sources.contains(&format!("fn {name}")),
            "ARCHITECTURE.md names {name}, which is gone"
        );
    }
}

#[test]
fn documents_show_what_the_program_does() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    for (code, meaning) in crossover::EXIT_CODES {
        assert!(
            readme.contains(&format!("| {code} | {meaning} |")),
            "README lacks exit code {code}"
        );
    }
    for command in ["cargo run --release -- bench", "cargo test --workspace"] {
        assert!(readme.contains(command), "README lacks '{command}'");
    }
    for document in ["README.md", "servers/README.md"] {
        let text = fs::read_to_string(root().join(document)).expect("text");
        let folder = root().join(document).parent().expect("a folder").to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(folder.join(link).exists(), "{document} links to {link}, which is not there");
        }
    }
    let just = fs::read_to_string(root().join("justfile")).expect("justfile");
    for recipe in ["bench", "test", "serve", "report", "microbench", "fuzz", "lint", "ci"] {
        assert!(just.lines().any(|line| line.starts_with(recipe)), "justfile lacks '{recipe}'");
    }
}
