//! The program `crossover`.

use std::process::ExitCode;

fn main() -> ExitCode {
    crossover::main()
}
