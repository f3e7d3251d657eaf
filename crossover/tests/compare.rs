//! `crossover compare`: of saved loads and of benches, its exit codes, and what it prints.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Server, crossover};
use serde_json::Value;

fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// Saves a load of a server whose requests wait for so long.
fn saved(folder: &Path, name: &str, server: &Server, flags: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let mut command = crossover();
    command.arg("load").arg(format!("udp://{}", server.address));
    command.args(["--rate", "400/s", "--for", "2s", "--warmup", "100ms", "--save"]).arg(&path);
    let (code, _, said) = run(command.args(flags));
    assert_eq!(code, 0, "{said}");
    path
}

fn compare(before: &Path, after: &Path, flags: &[&str]) -> (i32, String, String) {
    run(crossover().arg("compare").arg(before).arg(after).args(flags))
}

/// Changes the response times in a saved load as a server that is so many times as slow would.
fn with(path: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let text = fs::read_to_string(path).expect("it was saved");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut record);
    let changed = path.with_file_name(name);
    fs::write(&changed, format!("{record}\n")).expect("it can be written");
    changed
}

#[test]
fn saved_loads_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start("udp-thread-per-request", &[]);
    let before = saved(folder.path(), "before", &server, &["--wait", "5ms"]);
    let (code, said, error) = compare(&before, &before, &[]);
    assert_eq!(code, 0, "{error}");
    assert!(said.starts_with("No regression"), "{said}");

    // The same load on a server that waits four times as long: what the record says of the load is put
    // back, as if the server had become slower.
    let slow = saved(folder.path(), "slow", &server, &["--wait", "20ms"]);
    let slow = with(&slow, "slower", |record| record["setup"]["load"]["wait"] = "5ms".into());
    let (code, said, error) = compare(&before, &slow, &[]);
    assert_eq!(code, 5, "{said} {error}");
    assert!(said.starts_with("Regression") && error.contains("mean is"), "{said} {error}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert_eq!(compare(&slow, &before, &[]).0, 0, "better is no regression");
    assert_eq!(compare(&before, &slow, &["--fail-if", "p90 > +10%"]).0, 5);
    let (code, said, error) = compare(&before, &slow, &["--fail-if", "p99.9 > +10%"]);
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("unknown") && error.contains("measure for longer"), "{said} {error}");
    assert_eq!(compare(&before, &slow, &["--fail-if", "throughput < -50%"]).0, 0);
    assert_eq!(compare(&before, &slow, &["--fail-if", "p99 > 10"]).0, 2);

    let (_, said, _) = compare(&before, &slow, &["--json", "--fail-if", "p50 > +10%"]);
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (&said["regression"], &said["bounds"][0]["verdict"]),
        (&true.into(), &"broken".into())
    );
    let page = folder.path().join("page.html");
    let flags = ["--markdown", "--page", page.to_str().expect("a path")];
    let (_, said, _) = compare(&before, &slow, &flags);
    assert!(said.contains("|---|") && said.contains("| p50 |"), "{said}");
    assert!(fs::read_to_string(page).expect("the page").contains("<h1>Regression"));
}

#[test]
fn what_differs_makes_loads_incomparable_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start("udp-iterative", &[]);
    let one = saved(folder.path(), "one", &server, &[]);
    let host = |record: &mut Value, key: &str, field: &str, value: Value| {
        record["hosts"][0][key][field] = value;
    };
    let others = [
        ("load", with(&one, "a", |it| it["setup"]["load"]["wait"] = "9ms".into())),
        ("seed", with(&one, "b", |it| it["seed"] = 7.into())),
        ("kernel", with(&one, "c", |it| host(it, "machine", "kernel", "1.0".into()))),
        ("machine", with(&one, "d", |it| host(it, "machine", "cores", 99.into()))),
        ("placement", with(&one, "e", |it| host(it, "placement", "server_cores", vec![9].into()))),
        ("scenario", with(&one, "f", |it| it["scenario"] = "another".into())),
        ("testbed", with(&one, "g", |it| it["testbed"] = "simulated".into())),
    ];
    for (what, other) in others {
        let (code, said, error) = compare(&one, &other, &[]);
        assert_eq!(code, 6, "{what}: {said} {error}");
        assert!(
            error.contains(&format!("{what}: ")) && error.contains("--anyway"),
            "{what}: {error}"
        );
    }
    let target = with(&one, "h", |it| it["setup"]["server"]["target"] = "udp://[::1]:9".into());
    let (code, said, _) = compare(&one, &target, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("target"), "it is named: {said}");
}

#[test]
fn benches_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = folder.path().join("small.toml");
    let text = "seed = 3\nrepetitions = 6\n[[experiment]]\nname = \"e\"\n\
                designs = [\"udp-iterative\", \"udp-thread-per-request\"]\nwait = [\"1ms\", \"2ms\"]\n\
                rate = \"100/s\"\nrequests = 20\n";
    fs::write(&scenario, text).expect("it can be written");
    let simulated = |name: &str, costs: &str| {
        let out = folder.path().join(name);
        let mut command = crossover();
        command.arg("simulate").arg(&scenario).args(["--costs", costs, "--out"]).arg(&out);
        let (code, _, said) = run(&mut command);
        assert_eq!(code, 0, "{said}");
        out
    };
    let (one, same) = (simulated("one", "zero"), simulated("same", "zero"));
    let (code, said, error) = compare(&one, &same, &[]);
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("No regression") && said.contains("udp-iterative"), "{said}");
    let (code, _, error) = compare(&one, folder.path(), &[]);
    assert_eq!(code, 1, "there are no records: {error}");
    let (code, _, error) = compare(&one, &scenario, &[]);
    assert_ne!(code, 0, "no records: {error}");
}
