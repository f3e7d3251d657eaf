//! The intervals of simulated benches contain the truth, and noise makes no answer wrong.

use trials::simulated_bench::{
    Answer, PLANTED, answers, bench, beside_another, partly_unseen, quiet, scenario, tally,
};

/// The answers of so many benches.
fn all(count: u64, noise: fn(u64) -> crossover::testbed::SimulatedNoise) -> Vec<Answer> {
    let scenario = scenario(PLANTED).expect("it makes sense");
    let bench = |seed: u64| bench(&scenario, noise(seed), 300).expect("it makes sense");
    (0..count).flat_map(|seed| answers(&bench(seed))).collect()
}

/// 24 benches with two crossings each: `cargo run --release --example coverage` counts a thousand.
#[test]
fn a_planted_crossing_is_in_the_interval() {
    let found = all(24, quiet);
    let [covered, missed, undecided, wrong] = tally(&found);
    assert_eq!((undecided, wrong), (0, 0), "{found:?}");
    // 95 % of 48 are 45.6; fewer than 40 come by chance once in a thousand times.
    assert!(covered >= 40, "{covered} covered, {missed} missed");
}

#[test]
fn a_disturbed_machine_makes_answers_wider_or_undecided_but_not_wrong() {
    for noise in [beside_another, partly_unseen] {
        let found = all(12, noise);
        let [covered, missed, _, wrong] = tally(&found);
        assert_eq!(wrong, 0, "{found:?}");
        assert!(covered >= 2 * missed, "{covered} covered, {missed} missed");
    }
}
