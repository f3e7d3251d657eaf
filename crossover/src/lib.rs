//! Crossover finds, on the machine in front of you, where concurrency pays off in a server.
//!
//! This crate is the program's edge: command line ([`cli`]), scenarios ([`scenario`]), the order
//! of runs ([`sweep`]), where a run takes place ([`testbed`]), and what is printed. Everything
//! that decides or computes lies in the crates below. It is a library so that examples and tests
//! can use its parts; the binary only calls [`main`].

mod bench;
mod bench_folder;
pub mod cli;
mod designs;
mod error;
#[doc(hidden)]
pub mod example;
mod faults;
pub mod generator;
mod interrupt;
mod json;
mod load;
mod load_advice;
mod load_capacity;
mod load_output;
mod machine;
mod names;
mod placement;
mod progress;
pub mod real_testbed;
mod report;
pub mod scenario;
mod serve;
mod server_process;
pub mod setup;
pub mod sweep;
mod tables;
mod terminal;
pub mod testbed;
mod text_file;

use std::process::ExitCode;

use clap::Parser;

pub use error::{EXIT_CODES, Error};
pub use placement::LatencyHold;
pub use server_process::ServerProcess;

use cli::{Cli, Command};
use protocol::text::harmless;

/// Parses the command line and runs the command; prints an error as one message with its remedy.
pub fn main() -> ExitCode {
    interrupt::outlive_file_limits();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let done = match cli.command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Load(arguments) => load::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Designs(arguments) => designs::run(&arguments),
        Command::Faults(arguments) => faults::run(&arguments),
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

/// Help, version, or what is wrong with the command line. What was written there is quoted in it, and
/// must not steer the terminal.
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
