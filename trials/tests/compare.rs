//! Two benches of one program show no regression, and a server that got slower by a tenth does. In simulated
//! time, on a machine with noise.

use analysis::changes::{ChangeKind, Changes, of_benches};
use trials::Failed;
use trials::simulated_bench::{bench, for_each_seed, quiet, scenario, slower};

/// Two servers at five points, with identical runs of one of them.
const WATCHED: &str = r#"
title = "Has anything changed?"
repetitions = 8
[[experiment]]
name = "watched"
designs = ["udp-iterative", "udp-thread-per-request"]
twins = ["udp-thread-per-request"]
arrivals = "burst:8"
wait = ["15us", "50us", "150us", "500us", "1500us"]
utilisation = 0.5
requests = 48
"#;

/// What has changed from a bench to another in which one server takes so many times as long.
fn changes(seed: u64, factor: f64) -> Result<Changes, Failed> {
    let scenario = scenario(WATCHED)?;
    let before = bench(&scenario, quiet(2 * seed), 200)?;
    let noise = slower(quiet(2 * seed + 1), "udp-thread-per-request", factor);
    let after = bench(&scenario, noise, 200)?;
    Ok(of_benches(&before, &after, &[]))
}

#[test]
fn benches_of_one_program_show_no_regression() {
    let benches = for_each_seed(20, |seed| changes(seed, 1.0)).expect("they run");
    let wrong = benches.iter().filter(|it| it.regressions().next().is_some()).count();
    println!("{wrong} of {} called a regression", benches.len());
    assert!(wrong <= 1, "{wrong}");
    assert!(benches.iter().all(|it| it.whole.len() == 2));
}

#[test]
fn a_server_that_is_slower_by_a_tenth_is_found_and_no_other() {
    let benches = for_each_seed(10, |seed| changes(seed + 100, 1.1)).expect("they run");
    let is_found = |it: &&Changes| {
        let kind = |name: &str| it.whole.iter().find(|one| one.subject == name).map(|one| one.kind);
        kind("udp-thread-per-request") == Some(ChangeKind::Worse)
            && kind("udp-iterative") != Some(ChangeKind::Worse)
    };
    let found = benches.iter().filter(is_found).count();
    println!("{found} of {} found", benches.len());
    assert!(found >= 9, "{found}");
}
