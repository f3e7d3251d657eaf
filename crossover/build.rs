//! Hands the commit that is built to the program, which writes it into each record.

use std::path::Path;
use std::process::Command;

fn main() {
    // Outside a clone there is no commit to be known, and nothing that would change it.
    println!("cargo::rerun-if-changed=build.rs");
    let log = "../.git/logs/HEAD";
    if !Path::new(log).exists() {
        return;
    }
    println!("cargo::rerun-if-changed={log}");
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    if let Ok(output) = git
        && output.status.success()
    {
        let commit = String::from_utf8_lossy(&output.stdout);
        println!("cargo::rustc-env=CROSSOVER_COMMIT={}", commit.trim());
    }
}
