//! How often the intervals of simulated benches contain the truth: a thousand benches on a quiet
//! machine and as many on disturbed ones, rounds, repeated runs and the rule to stop
//! included.

use std::process::ExitCode;

use crossover::testbed::SimulatedNoise;
use trials::Failed;
use trials::simulated_bench::{
    Answer, PLANTED, answers, bench, beside_another, partly_unseen, quiet, scenario, tally,
};

/// The least share of intervals that contain the truth.
const BAR: f64 = 0.93;

/// A machine: its name, its noise by a seed, and the least share of covered intervals.
type Machine = (&'static str, fn(u64) -> SimulatedNoise, f64);

fn main() -> ExitCode {
    trials::main(run)
}

fn run() -> Result<bool, Failed> {
    let benches = std::env::args().nth(1).map_or(Ok(1000), |count| count.parse())?;
    let machines: [Machine; 3] = [
        ("quiet", quiet, BAR),
        ("beside another program", beside_another, BAR),
        // What is not seen cannot be left out: no bar.
        ("the same, one disturbance in ten unseen", partly_unseen, 0.0),
    ];
    let mut is_met = true;
    for (name, noise, bar) in machines {
        let scenario = scenario(PLANTED)?;
        let mut found: Vec<Answer> = Vec::new();
        for seed in 0..benches {
            found.extend(answers(&bench(&scenario, noise(seed), 300)?));
        }
        let [covered, missed, undecided, wrong] = tally(&found);
        let share = covered as f64 / (covered + missed).max(1) as f64;
        let mut widths: Vec<f64> = found
            .iter()
            .filter_map(|one| if let Answer::Covered(width) = one { Some(*width) } else { None })
            .collect();
        widths.sort_by(f64::total_cmp);
        let median = widths.get(widths.len() / 2).copied().unwrap_or(0.0);
        println!(
            "{name}: {covered} of {} intervals contain the truth ({:.1} %), their median width is \
             {:.0} % of it; {undecided} undecided, {wrong} wrong",
            covered + missed,
            share * 100.0,
            median * 100.0
        );
        is_met &= share >= bar && wrong == 0;
    }
    Ok(is_met)
}
