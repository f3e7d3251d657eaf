//! Compares this generator with others, on the same server, in turns on this machine.
//!
//! `cargo run --release --example peers` compares it with those of wrk, wrk2, ab, oha, hey, h2load
//! and sockperf that are installed; the others are named and left out. Names of parts (speed,
//! datagrams, evenness, truth) choose; `--write` writes each part's tables into
//! `benches/peers/README.md`. It exits with 1 if a bar is not met. Everything takes about a quarter
//! of an hour.

mod datagrams;
mod evenness;
mod speed;
mod tools;
mod truth;

use std::process::ExitCode;

use tools::Programs;
use trials::{self, Failed, Table};

fn main() -> ExitCode {
    trials::main(run)
}

fn run() -> Result<bool, Failed> {
    let programs = Programs::compile()?;
    type Comparison = fn(&Programs, &mut Table) -> Result<(), Failed>;
    let parts: [(&str, &[Comparison]); 4] = [
        ("speed", &[speed::http, speed::pipelined, speed::single, speed::echo]),
        ("datagrams", &[datagrams::compare]),
        ("evenness", &[evenness::lag, evenness::arrivals, evenness::cost]),
        ("truth", &[truth::freezes, truth::constant]),
    ];
    let mut all_hold = true;
    let chosen = trials::chosen(&parts.map(|(name, _)| name))?;
    for (name, part) in parts.iter().filter(|(name, _)| chosen.contains(name)) {
        let mut table = Table::default();
        for compare in *part {
            compare(&programs, &mut table)?;
        }
        table.write_if_asked("benches/peers/README.md", name)?;
        all_hold &= table.all_hold();
    }
    Ok(all_hold)
}
