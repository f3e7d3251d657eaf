//! Crossover finds, on the machine in front of you, where concurrency pays off in a server.
//!
//! This crate is the edge of the program: the command line ([`cli`]), scenarios, runs and their
//! order ([`mod@bench`]), what a run is given ([`setup`]) and where it takes place ([`testbed`]),
//! the machine (`host`), and the output (`terminal`). Everything that decides or computes is in the
//! crates below. The crate is a library so that trials and tests can use its modules; the binary
//! only calls [`main`].

mod advise;
pub mod bench;
mod calibrate;
pub mod cli;
mod compare;

mod costs;
mod designs;
mod error;
mod explain;

mod faults;
mod host;
mod load;
mod manual;
pub mod misbehaviour;
mod names;
mod serve;
pub mod setup;
mod simulate;
mod terminal;
pub mod testbed;
mod text_file;
mod trace;

use std::process::ExitCode;

use clap::Parser;

pub use error::{EXIT_CODES, Error};
pub use host::placement::LatencyHold;

use cli::{Cli, Command};
use protocol::text::harmless;

/// Parses the command line and runs the command; prints an error as one message with its remedy.
pub fn main() -> ExitCode {
    host::interrupt::outlive_file_limits();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let done = match cli.command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Load(arguments) => load::run(&arguments),
        Command::Report(arguments) => bench::report::run(&arguments),
        Command::Designs(arguments) => designs::run(&arguments),
        Command::Faults(arguments) => faults::run(&arguments),
        Command::Advise(arguments) => advise::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments),
        Command::Man(arguments) => manual::man(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            terminal::say(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints the help, the version, or what is wrong with the command line. The message may quote the
/// command line, which must not control the terminal.
fn explain(error: &clap::Error) -> ExitCode {
    let plain = error.to_string();
    let (is_harmless, code) = (harmless(&plain) == plain, error.exit_code());
    if !error.use_stderr() || is_harmless && !terminal::is_too_wide(&plain) {
        let _ = error.print();
    } else {
        terminal::say(plain.trim_end());
    }
    ExitCode::from(u8::try_from(code).unwrap_or(2))
}
