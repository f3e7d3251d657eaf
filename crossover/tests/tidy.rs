//! House rules as tests; each message names the remedy.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use results::{PARAMETERS, Shows};
use servers::{CATALOGUE, Concurrency};

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
            (false, _) => 400,
        };
        assert!(count <= limit, "{name} has {count} lines of code, more than {limit}: divide it");
        for (first, length) in functions(&text) {
            assert!(length <= 70, "{name}:{first} a function of {length} lines: divide it");
        }
    }
}

/// The first line of each function of formatted code, and its number of lines.
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

/// Program code must not use what panics if a line cannot be written or a thread cannot be started:
/// `terminal.rs` writes, and threads are started by what returns an error.
#[test]
fn output_and_threads_are_had_without_a_panic() {
    let banned = ["println!(", "print!(", "thread::spawn(", "scope.spawn("];
    for (name, text) in rust_files().into_iter().filter(|(name, _)| name.contains("/src/")) {
        if name.starts_with("trials/") || name.starts_with("benches/") {
            continue; // not part of the program
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
        "servers/src/talk/awaiting.rs",
        "servers/src/supervisor/ending.rs",
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
        let axes = match design.concurrency {
            Concurrency::Iterative => "Iterative",
            Concurrency::Concurrent => "Concurrent",
            Concurrency::Apparent => "Apparent concurrency",
        };
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with(&format!("//! {axes}, ")),
            "{path} must open with {axes}: {first}"
        );
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
fn headers_say_which_system_calls_stand_behind_the_verbs_of_a_design() {
    for design in CATALOGUE {
        let (folder, file) = design.name.split_once('-').expect("transport and idea");
        let path = format!("servers/src/{folder}/{}.rs", file.replace('-', "_"));
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|_| panic!("{path}"));
        let (header, code) = text.split_once("\nuse ").expect("a header, and code");
        let paragraphs = header.split("\n//!\n").map(|it| it.replace("\n//! ", " "));
        let with_calls = paragraphs.into_iter().find(|it| it.contains("System calls: "));
        let calls = with_calls.unwrap_or_else(|| {
            panic!("{path}: say after `System calls: ` in its header which ones its verbs make")
        });
        let (_, calls) = calls.split_once("System calls: ").expect("found above");
        assert!(calls.contains("(2)"), "{path} names no system call");
        for verb in calls.split('`').skip(1).step_by(2) {
            let is_called = code.contains(&format!("{verb}("));
            assert!(is_called, "{path}: its header explains `{verb}`, which it does not call");
        }
    }
}

#[test]
fn a_design_and_its_twin_in_c_name_each_other() {
    let folder = root().join("benches/baselines");
    let files =
        fs::read_dir(&folder).expect("readable").map(|entry| entry.expect("readable").path());
    let twins: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|it| it == "c")).collect();
    assert!(twins.len() >= 6, "{twins:?}");
    for twin in twins {
        let name = twin.file_stem().expect("a name").to_string_lossy().replacen('_', "/", 1);
        let design =
            fs::read_to_string(root().join(format!("servers/src/{name}.rs"))).expect("a design");
        let file = twin.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(design.contains(&file), "servers/src/{name}.rs must name benches/baselines/{file}");
        let twin = fs::read_to_string(&twin).expect("text");
        assert!(twin.contains(&format!("{name}.rs")), "{file} must name servers/src/{name}.rs");
    }
}

#[test]
fn crates_import_downwards_only() {
    let allowed: [(&str, &[&str]); 10] = [
        ("protocol", &[]),
        ("results", &["protocol"]),
        ("workload", &["protocol"]),
        ("model", &["workload"]),
        ("servers", &["protocol"]),
        ("loadgen", &["protocol", "results", "workload"]),
        ("analysis", &["model", "protocol", "results"]),
        ("advice", &["analysis", "model", "protocol", "servers", "workload"]),
        ("reports", &["analysis", "protocol", "results"]),
        (
            "crossover",
            &[
                "advice", "analysis", "loadgen", "model", "protocol", "reports", "results",
                "servers", "workload",
            ],
        ),
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
fn no_imports_go_in_a_circle() {
    for (name, text) in rust_files() {
        let Some((folder, _)) = name.split_once("/src/lib.rs") else { continue };
        drop(text);
        let imports = imports_of_crate(folder);
        for start in imports.keys() {
            let circle = way_back(start, &imports);
            assert!(
                circle.is_none(),
                "{folder}: imports go in a circle: {}; move what both need below them",
                circle.unwrap_or_default().join(" -> ")
            );
        }
    }
}

/// The modules of the same crate that each module imports, by paths such as `tcp::iterative`.
/// Imports from a module's parents do not count, because they are one thing in several files.
fn imports_of_crate(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let prefix = format!("{folder}/src/");
    let files = rust_files().into_iter().filter_map(|(name, text)| {
        let path = name.strip_prefix(&prefix)?.strip_suffix(".rs")?.to_owned();
        let path = path.strip_suffix("/mod").unwrap_or(&path).replace('/', "::");
        (!["lib", "main"].contains(&path.as_str())).then_some((path, text))
    });
    let files: Vec<(String, String)> = files.collect();
    let modules: BTreeSet<String> = files.iter().map(|(path, _)| path.clone()).collect();
    let owner = |mut path: &str| loop {
        if let Some(module) = modules.get(path) {
            return Some(module.clone());
        }
        path = path.rsplit_once("::")?.0;
    };
    let imports = files.iter().map(|(path, text)| {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let used = paths_used(code).into_iter().filter_map(|used| owner(&absolute(&used, path)?));
        let is_other = |used: &String| used != path && !path.starts_with(&format!("{used}::"));
        (path.clone(), used.filter(is_other).collect())
    });
    imports.collect()
}

/// The paths in the `use` lines of a file, with groups expanded.
fn paths_used(code: &str) -> Vec<String> {
    let uses = code.split(';').filter_map(|statement| {
        let mut lines = statement.lines();
        let line = lines.find(|line| {
            line.starts_with("use ") || line.starts_with("pub") && line.contains(" use ")
        })?;
        let from = statement.find(line)? + line.find("use ")? + "use ".len();
        Some(statement[from..].split_whitespace().collect::<String>())
    });
    uses.flat_map(|path| taken_apart(&path)).collect()
}

/// Expands `a::{b, c::{d, e}}` to `a::b`, `a::c::d`, `a::c::e`.
fn taken_apart(path: &str) -> Vec<String> {
    let Some((before, group)) = path.split_once('{') else { return vec![path.to_owned()] };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for letter in group.chars() {
        match letter {
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                part.push(letter);
            }
        }
    }
    parts.push(part);
    let whole = parts.iter().filter(|part| !part.is_empty());
    whole.flat_map(|part| taken_apart(&format!("{before}{part}"))).collect()
}

/// The path from the top of the crate, for a path that a module writes.
fn absolute(used: &str, module: &str) -> Option<String> {
    if let Some(path) = used.strip_prefix("crate::") {
        return Some(path.to_owned());
    }
    if !used.starts_with("super::") {
        return Some(format!("{module}::{used}")); // a child module's, or another crate's
    }
    let (mut rest, mut at) = (used, module);
    while let Some(path) = rest.strip_prefix("super::") {
        at = at.rsplit_once("::").map_or("", |(parent, _)| parent);
        rest = path;
    }
    Some(if at.is_empty() { rest.to_owned() } else { format!("{at}::{rest}") })
}

/// The shortest way along imports from a module back to itself.
fn way_back(start: &str, imports: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![start.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in imports.get(way.last()?).into_iter().flatten() {
            let longer = [&way[..], std::slice::from_ref(next)].concat();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                ways.push_back(longer);
            }
        }
    }
    None
}

#[test]
fn imports_are_read_as_they_are_written() {
    let code =
        "use crate::{ring, tcp::{self, a}};\nfn f() {}\npub use super::job::{\n    Answer,\n};\n";
    let read = ["crate::ring", "crate::tcp::self", "crate::tcp::a", "super::job::Answer"];
    assert_eq!(paths_used(code), read);
    assert_eq!(
        absolute("super::job::Answer", "service::echo").as_deref(),
        Some("service::job::Answer")
    );
    let circle = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")];
    let imports = circle.map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()])));
    let imports = BTreeMap::from(imports);
    assert_eq!(way_back("a", &imports).map(|way| way.join("")).as_deref(), Some("abca"));
    assert_eq!(way_back("d", &imports), None);
}

#[test]
fn pure_code_touches_neither_files_nor_clocks() {
    let pure = |name: &str| {
        ["protocol/src", "workload/src", "model/src", "analysis/src"]
            .iter()
            .any(|top| name.starts_with(top))
            || ["recorder", "judge", "bursts", "capacity", "cut", "expectation", "fast_histogram"]
                .iter()
                .any(|file| name == format!("loadgen/src/{file}.rs"))
            || name.ends_with("driver/simulated.rs")
            || name.starts_with("reports/src/drawing")
            || ["view", "page", "csv", "style"]
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
fn documents_name_every_parameter_question_and_warning() {
    let document = |name: &str| fs::read_to_string(root().join(name)).expect("a document");
    let (scenarios, method) = (document("scenarios/README.md"), document("METHOD.md"));
    for row in PARAMETERS {
        let name = format!("`{}`", row.name);
        assert!(scenarios.contains(&name), "scenarios/README.md lacks the parameter {name}");
    }
    for question in Shows::ALL {
        let name = serde_json::to_string(&question).expect("plain data").replace('"', "`");
        assert!(scenarios.contains(&name), "scenarios/README.md lacks what is shown by {name}");
    }
    let doubts = document("results/src/doubt.rs");
    let names = doubts.split("pub fn name(&self)").nth(1).expect("the names of warnings");
    let names = names.split("\n    }\n").next().unwrap_or_default();
    let names: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
    assert!(names.len() >= 19, "{names:?}");
    for name in names {
        assert!(method.contains(&format!("\n| {name} |")), "METHOD.md lacks the warning {name}");
    }
}

/// The functions of the C library round differently on a processor with fused multiply-add.
#[test]
fn what_is_drawn_is_the_same_on_every_processor() {
    let banned =
        [".ln()", ".ln_1p()", ".exp()", ".exp_m1()", ".powf(", ".powi(", ".sin()", ".cos()"];
    for (name, text) in rust_files() {
        if name.starts_with("workload/src") {
            let used = banned.iter().find(|word| text.contains(**word));
            assert!(used.is_none(), "{name}: {used:?}: use the function of libm");
        }
    }
}

#[test]
fn invariants_name_tests_that_exist() {
    let sources: String = rust_files().into_iter().map(|(_, text)| text).collect();
    let text = |name: &str| fs::read_to_string(root().join(name)).expect("a document");
    let architecture = text("ARCHITECTURE.md");
    let invariants = architecture.split("## Invariants").nth(1).expect("a section 'Invariants'");
    let invariants = invariants.split("\n## ").next().unwrap_or_default();
    let contributing = text("CONTRIBUTING.md");
    // Of the guide, what stands behind these words.
    let complaints: String = contributing
        .split("*Tests that complain:*")
        .skip(1)
        .map(|rest| rest.split("\n\n").next().unwrap_or_default())
        .collect();
    for (document, text) in
        [("ARCHITECTURE.md", invariants), ("CONTRIBUTING.md", complaints.as_str())]
    {
        let names: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
        let is_test = |name: &&&str| name.matches('_').count() >= 3 && !name.contains('/');
        let tests: Vec<&&str> = names.iter().filter(is_test).collect();
        assert!(tests.len() >= 10, "{document} names tests: {tests:?}");
        for name in tests {
            assert!(
                sources.contains(&format!("fn {name}")),
                "{document} names {name}, which is gone"
            );
        }
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
    for document in ["README.md", "CONTRIBUTING.md", "servers/README.md"] {
        let text = fs::read_to_string(root().join(document)).expect("text");
        let folder = root().join(document).parent().expect("a folder").to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(folder.join(link).exists(), "{document} links to {link}, which is not there");
        }
    }
    let just = fs::read_to_string(root().join("justfile")).expect("justfile");
    for recipe in
        ["bench", "test", "serve", "report", "microbench", "fuzz", "mutants", "lint", "ci"]
    {
        assert!(just.lines().any(|line| line.starts_with(recipe)), "justfile lacks '{recipe}'");
    }
}
