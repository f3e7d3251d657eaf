//! Claims, tried on real servers: their verdicts, and that a false server is found out.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use common::crossover;
use crossover::bench::scenario::Source;
use crossover::bench::sweep::runs;
use crossover::setup::Server;
use reports::style::{Look, of_subject};
use serde_json::Value;

/// One datagram in ten is doubled. Which answers are wrong then depends on no time, so that runs which
/// a loaded machine disturbs count too.
const CLAIM: &str = r#"
repeat_disturbed = false
[[claim]]
id = "memory"
claim = "A server that counts requests answers wrongly when datagrams are doubled."
confirmed = "{wrong} of its answers are wrong."
corrected = "It does not: {wrong} of its answers are wrong."
[[claim.check]]
name = "wrong"
says = "wrong answers"
experiment = "memory"
metric = "wrong"
of = "server"
at_least = 0.1
[[claim.check]]
name = "sockets"
says = "sockets of the server"
experiment = "memory"
metric = "sockets"
of = "server"
at_most = 1
[[server]]
name = "server"
design = "udp-iterative"
service = "SERVICE"
[[experiment]]
name = "memory"
designs = ["server"]
duplicate = "10%"
rate = "1000/s"
requests = 100
"#;

fn bench(folder: &Path, text: &str) -> Output {
    let file = folder.join("claim.toml");
    fs::write(&file, text).expect("writable");
    crossover().arg("bench").arg(file).arg("--out").arg(folder).output().expect("it starts")
}

fn verdicts(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("claims.json")).expect("it is there");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_claim_holds_for_the_server_that_it_is_about_and_not_for_another_under_its_name() {
    for (service, verdict, ends) in [
        ("next", "confirmed", " of its answers are wrong."),
        ("echo", "corrected", "It does not: 0 % of its answers are wrong."),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = bench(folder.path(), &CLAIM.replace("SERVICE", service));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains(verdict), "{service}: {said}");
        let found = verdicts(folder.path());
        let claim = &found[0];
        assert_eq!(
            (claim["id"].as_str(), claim["verdict"].as_str()),
            (Some("memory"), Some(verdict))
        );
        assert!(claim["statement"].as_str().is_some_and(|it| it.ends_with(ends)), "{claim}");
        assert!(claim["because"].as_str().is_some_and(|it| it.contains("wrong answers")));
        let evidence = claim["evidence"].as_array().expect("figures");
        assert_eq!(evidence.len(), 2);
        assert_eq!(evidence[0]["experiment"].as_str(), Some("memory"));
        assert!(evidence[0]["value"].is_f64() && evidence[0]["high"].is_f64(), "{claim}");
        let page = fs::read_to_string(folder.path().join("index.html")).expect("a page");
        assert!(page.contains(&format!("<h1>memory is {verdict}.</h1>")), "{service}");
        assert!(
            page.contains("id=\"memory-wrong\"") && page.contains("when datagrams are doubled")
        );
        for extension in ["png", "svg", "csv"] {
            let figure = folder.path().join(format!("figures/memory-wrong.{extension}"));
            assert!(fs::metadata(figure).is_ok_and(|file| file.len() > 0));
        }
        // The records alone give the same verdicts again.
        let before = fs::read(folder.path().join("claims.json")).expect("it is there");
        let report = crossover().arg("report").arg(folder.path()).output().expect("it starts");
        assert!(report.status.success());
        assert_eq!(fs::read(folder.path().join("claims.json")).expect("it is there"), before);
    }
}

#[test]
fn trouble_that_a_server_cannot_have_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let experiment = |designs: &str, key: &str| {
        format!(
            "[[experiment]]\nname = \"e\"\ndesigns = [\"{designs}\"]\nrate = \"9/s\"\nfor = \"1s\"\n{key}\n"
        )
    };
    for (text, expected) in [
        (experiment("tcp-iterative", "drop = \"1%\""), "for UDP"),
        (experiment("udp-iterative", "drop = 0.7\nreorder = 0.7"), "together at most 1"),
        (experiment("udp-iterative", "misbehaving = \"silent\""), "needs a connection"),
        (experiment("tcp-iterative", "misbehaving = \"rude\""), "no misbehaviour"),
        (experiment("tcp-iterative", "service = \"next\""), "next is spoken over UDP"),
        (experiment("udp-iterative", "backlog = 0"), "write 128"),
        (experiment("udp-iterative", "pages = \"big\""), "not any or small"),
        (
            experiment("udp-iterative", "wait = \"two-point:1ms,2ms,0.5\"\nvariation = 3"),
            "is not possible",
        ),
    ] {
        let output = bench(folder.path(), &text);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}: {said}");
        assert!(said.contains(expected) && said.contains("line "), "{text}: {said}");
    }
}

#[test]
fn every_claim_is_listed_and_has_a_bench_of_its_own_of_less_than_three_minutes() {
    let list = crossover().args(["bench", "--list", "--json"]).output().expect("it starts");
    let rows: Value = serde_json::from_slice(&list.stdout).expect("JSON");
    let rows = rows.as_array().expect("rows");
    let time = |row: &Value| row["duration_ns"].as_u64().expect("a time") / 1_000_000_000;
    let named = |name: &str| rows.iter().find(|row| row["name"].as_str() == Some(name));
    assert!(named("claims").is_some_and(|row| time(row) <= 45 * 60));
    for id in ["S3", "S4", "S5", "S6", "S7", "S8", "S10", "S11", "S12", "S13", "S14", "S16", "S17"]
        .into_iter()
        .chain(["S18", "S19", "S20", "S21", "S22"])
    {
        let row = named(&format!("claims/{id}")).unwrap_or_else(|| panic!("claims/{id}"));
        assert!(time(row) <= 180, "{row}");
        let listed = ["bench", &format!("claims/{id}"), "--dry-run", "--json"];
        let planned = crossover().args(listed).output().expect("it starts");
        let planned: Value = serde_json::from_slice(&planned.stdout).expect("JSON");
        assert!(time(&planned) <= 150, "{id}: {} s", time(&planned));
    }
}

#[test]
fn no_two_subjects_of_a_figure_look_alike() {
    for name in ["claims", "quick"] {
        let scenario = Source::find(name).and_then(|source| source.parse()).expect("it is sound");
        let runs = runs(&scenario).expect("it was checked");
        let mut looks: BTreeMap<(String, String), Vec<(String, Look)>> = BTreeMap::new();
        for run in &runs {
            let subject = run.setup.server.subject();
            let panel = (run.experiment.name.clone(), subject.transport.to_string());
            let seen = looks.entry(panel).or_default();
            if seen.iter().all(|(other, _)| *other != subject.name) {
                let look = of_subject(&subject);
                let is_own = matches!(run.setup.server, Server::Own(_));
                // Two servers of the user's own are told apart when the figure is drawn.
                let twin = seen.iter().find(|(_, its)| *its == look && !is_own);

                assert!(twin.is_none(), "{}: {subject:?} looks like {twin:?}", run.experiment.name);
                seen.push((subject.name.clone(), look));
            }
        }
        assert!(looks.len() > 4, "{name}");
    }
}
