//! Whether the answers of simulated benches survive doubt: rounds, repeated runs and the rule to stop
//! included. `just coverage [PART…]`: `crossings` (1,000 benches on each machine), `twice`, `tail`,
//! `quick` (200 benches). With `--write` the tables are written into METHOD.

use std::process::ExitCode;

use crossover::testbed::SimulatedNoise;
use trials::simulated_bench::{
    Answer, PLANTED, Reference, TAIL, TWICE, answers, bench, beside_another, for_each_seed,
    in_quick, partly_unseen, quick, quiet, scenario, slower, tally, tells_apart, told_apart,
};
use trials::{Failed, Table, chosen};

/// A machine: its name, its noise by a seed, and whether its intervals have a bar.
type Machine = (&'static str, fn(u64) -> SimulatedNoise, bool);

const MACHINES: [Machine; 3] = [
    ("quiet", quiet, true),
    ("beside another program", beside_another, true),
    // What is not seen cannot be left out.
    ("the same, one disturbance in ten unseen", partly_unseen, false),
];

/// The least share of intervals that contain the truth.
const COVERED: f64 = 0.93;
/// The largest share of cells in which a server is told apart from itself.
const TOLD_APART: f64 = 0.05;
/// The least share of benches that find a 99th percentile 10 % longer.
const FOUND: f64 = 0.9;

const BENCHES: u64 = 1000;
const BENCHES_OF_QUICK: u64 = 200;

fn main() -> ExitCode {
    trials::main(run)
}

fn run() -> Result<bool, Failed> {
    let mut table = Table::default();
    for part in chosen(&["crossings", "twice", "tail", "quick"])? {
        match part {
            "crossings" => crossings(&mut table)?,
            "twice" => twice(&mut table)?,
            "tail" => tail(&mut table)?,
            _ => quick_disturbed(&mut table)?,
        }
    }
    table.write_if_asked("METHOD.md", "coverage")?;
    Ok(table.all_hold())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// How often the interval of a crossing contains the truth.
fn crossings(table: &mut Table) -> Result<(), Failed> {
    let title = format!("{BENCHES} simulated benches with two crossings each");
    let columns = ["machine", "contain the truth", "median width", "undecided", "wrong", ""];
    table.begin(&title, &columns);
    let scenario = scenario(PLANTED)?;
    for (name, noise, has_bar) in MACHINES {
        let one = |seed| Ok(answers(&bench(&scenario, noise(seed), 300)?));
        let found: Vec<Answer> = for_each_seed(BENCHES, one)?.concat();
        let [covered, missed, undecided, wrong] = tally(&found);
        let share = covered as f64 / (covered + missed).max(1) as f64;
        let widths = found.iter().filter_map(|one| match one {
            Answer::Covered(width) => Some(*width),
            _ => None,
        });
        let width = trials::median(widths);
        let cells = [
            name.to_owned(),
            format!("{covered} of {} ({})", covered + missed, percent(share)),
            percent(width),
            undecided.to_string(),
            wrong.to_string(),
        ];
        table.row(&cells, has_bar.then_some(share >= COVERED && wrong == 0));
    }
    Ok(())
}

/// How often a server is told apart from itself.
fn twice(table: &mut Table) -> Result<(), Failed> {
    table.begin(
        &format!("{} simulated benches of one server under two names", BENCHES / 5),
        &["machine", "cells in which it is told apart from itself", ""],
    );
    let scenario = scenario(TWICE)?;
    for (name, noise, has_bar) in MACHINES {
        let one = |seed| Ok(told_apart(&bench(&scenario, noise(seed), 300)?));
        let found = for_each_seed(BENCHES / 5, one)?;
        let (apart, cells) = found.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let share = apart as f64 / cells as f64;
        let row = [name.to_owned(), format!("{apart} of {cells} ({})", percent(share))];
        table.row(&row, has_bar.then_some(share <= TOLD_APART));
    }
    Ok(())
}

/// How often a 99th percentile that is 10 % longer is found.
fn tail(table: &mut Table) -> Result<(), Failed> {
    let benches = BENCHES / 10;
    table.begin(
        &format!("{benches} simulated benches of a server and one whose p99 is 10 % longer"),
        &["machine", "find it", ""],
    );
    let scenario = scenario(TAIL)?;
    for (name, noise, _) in MACHINES {
        let one = |seed| {
            let noise = slower(noise(seed), "again", 1.1);
            Ok(tells_apart(&bench(&scenario, noise, 200)?, "udp-thread-per-request"))
        };
        let found = for_each_seed(benches, one)?.into_iter().filter(|found| *found).count();
        let share = found as f64 / benches as f64;
        let row = [name.to_owned(), format!("{found} of {benches}")];
        // Beside another program a tenth of the requests take four times as long: the tail is theirs.
        table.row(&row, (name == "quiet").then_some(share >= FOUND));
    }
    Ok(())
}

/// Whether a disturbed machine ever gives `quick` another answer than a quiet one.
fn quick_disturbed(table: &mut Table) -> Result<(), Failed> {
    let scenario = quick()?;
    let reference = Reference::of(&for_each_seed(5, |seed| in_quick(&scenario, quiet(seed)))?);
    table.begin(
        &format!("{BENCHES_OF_QUICK} simulated benches of `quick` on a disturbed machine"),
        &["machine", "the quiet machine's answer", "undecided", "another", ""],
    );
    for (name, noise, has_bar) in &MACHINES[1..] {
        let one = |seed| Ok(reference.tally(&in_quick(&scenario, noise(seed))?));
        let found = for_each_seed(BENCHES_OF_QUICK, one)?;
        let sum = |of: usize| found.iter().map(|one| one[of]).sum::<usize>();
        let row = [name.to_string(), sum(0).to_string(), sum(1).to_string(), sum(2).to_string()];
        table.row(&row, has_bar.then_some(sum(2) == 0));
    }
    Ok(())
}
