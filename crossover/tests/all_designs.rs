//! Every design of the catalogue in a report: its sentences, its look in figures, and the page.

use std::collections::BTreeSet;

use analysis::Findings;
use crossover::bench::scenario::Source;
use crossover::bench::sweep::{record, runs};
use crossover::setup::subject;
use crossover::testbed::SimulatedTestbed;
use reports::style::of_subject;
use reports::view::View;
use results::{Record, Settled, Shows};
use servers::CATALOGUE;

/// Every kind of question, put to every design.
fn scenario() -> String {
    let designs: Vec<String> = CATALOGUE.iter().map(|it| format!("\"{}\"", it.name)).collect();
    let designs = format!("designs = [{}]", designs.join(", "));
    let experiment = |name: &str, shows: &str, rest: &str| {
        format!(
            "[[experiment]]\nname = \"{name}\"\nquestion = \"What about {name}?\"\n\
             shows = [{shows}]\n{designs}\n{rest}\n"
        )
    };
    let head = "title = \"Do all designs have their sentences?\"\nseed = 7\nrepetitions = 6\n";
    let over = |axis: &str| {
        format!(
            "twins = [\"udp-iterative\"]\naxis = \"{axis}\"\n\
             points = [\"0\", \"20us\", \"100us\", \"1ms\"]\narrivals = \"burst:8\"\n\
             utilisation = 0.4\nrequests = 400"
        )
    };
    let loads = "axis = \"rate\"\npoints = [\"200/s\", \"800/s\", \"1500/s\"]\nwait = \"exp:500us\"\n\
                 requests = 1000";
    let mixed = "wait = \"two-point:100us,20ms,0.01\"\nrate = \"500/s\"\nrequests = 1000";
    let plain = "wait = \"exp:500us\"\nrate = \"500/s\"\nrequests = 1000";
    [
        head.to_owned(),
        experiment("waiting", "\"crossover\"", &over("wait")),
        experiment("computing", "\"crossover\"", &over("compute")),
        experiment("load", "\"load\"", loads),
        experiment("short", "\"short-among-long\"", mixed),
        experiment("plain", "\"percentiles\", \"cost\"", plain),
    ]
    .concat()
}

fn simulated() -> Vec<Record> {
    let source = Source { name: "all-designs".to_owned(), text: scenario() };
    let scenario = source.parse().expect("it is sound");
    let mut testbed = SimulatedTestbed::default();
    let runs = runs(&scenario).expect("it was checked");
    let made = (0..).zip(&runs).map(|(order, run)| {
        record(run, (&source.name, &scenario.title), order, 0, &mut testbed, &|| false)
    });
    made.collect()
}

#[test]
fn every_design_has_its_sentences_and_they_are_english() {
    let records = simulated();
    let findings = Findings::of(&records);
    let verdict = &findings.verdict;
    let mut lines = vec![verdict.headline.clone()];
    lines.extend(verdict.second.clone());
    lines.extend(verdict.terms.clone());
    for finding in &verdict.findings {
        lines.push(format!("{}: {}", finding.experiment, finding.text));
    }
    for line in &lines {
        assert!(line.ends_with('.'), "{line}");
        assert!(!line.contains("  ") && !line.contains("NaN") && !line.contains("inf"), "{line}");
        let words: Vec<&str> = line.split(' ').collect();
        for pair in words.windows(2) {
            let vowel = pair[1].starts_with(['a', 'e', 'i', 'o']);
            assert!(pair[0] != "a" || !vowel, "{line}");
            assert!(pair[0] != "an" || vowel, "{line}");
            assert_ne!(pair[0], pair[1], "{line}");
        }
    }
    for design in CATALOGUE {
        let (one, is_iterative) = (subject(design), design.name.ends_with("-iterative"));
        let said = |experiment: &str, words: &str| {
            let mut of_it = verdict.findings.iter().filter(|it| it.experiment == experiment);
            of_it.any(|finding| finding.text.contains(words))
        };
        for experiment in ["waiting", "computing", "short"] {
            assert!(is_iterative || said(experiment, &one.phrase), "{}: {experiment}", one.name);
        }
        assert!(said("load", &one.phrase) && said("plain", &one.in_a_sentence()), "{}", one.name);
    }
    insta::assert_snapshot!("sentences", lines.join("\n"));
}

#[test]
fn no_two_designs_of_a_transport_look_alike() {
    for (index, design) in CATALOGUE.iter().enumerate() {
        let look = of_subject(&subject(design));
        let others = CATALOGUE[..index].iter().map(subject);
        let mut of_transport = others.filter(|other| other.transport == design.transport());
        assert!(of_transport.all(|other| of_subject(&other) != look), "{}", design.name);
    }
}

#[test]
fn figures_are_named_after_their_experiment_and_kind() {
    let records = simulated();
    for figure in Findings::of(&records).figures() {
        let mut suffixes = Shows::ALL.into_iter().flat_map(Shows::suffixes);
        let named = ["waiting", "computing", "load", "short", "plain"];
        let is_named =
            |suffix: &&str| named.iter().any(|it| format!("{it}{suffix}") == figure.name);
        assert!(suffixes.any(is_named), "{}", figure.name);
    }
}

#[test]
fn the_skeleton_of_the_page_is_as_it_was() {
    let records = simulated();
    let settled = Settled::of(records);
    let findings = Findings::of(&settled.records);
    let page = reports::page::render(&View::of(&settled, &findings), &[], &[], None);
    // Elements and classes in their order, each shape of a list or table once.
    let mut skeleton = Vec::new();
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let name = tag.split(' ').next().unwrap_or_default();
        if ["br", "b", "code", "span"].contains(&name) || name.starts_with('/') {
            continue;
        }
        if skeleton.last().map(String::as_str) != Some(tag) {
            skeleton.push(tag.to_owned());
        }
    }
    let repeated = ["td", "tr", "li", "details", "summary", "table", "thead", "tbody", "th", "ul"];
    let mut seen = BTreeSet::new();
    skeleton.retain(|tag| {
        let name = tag.split(' ').next().unwrap_or_default().to_owned();
        !repeated.contains(&name.as_str()) || seen.insert(tag.clone())
    });
    insta::assert_snapshot!("page_skeleton", skeleton.join("\n"));
}
