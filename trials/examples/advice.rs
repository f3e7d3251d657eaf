//! Puts the advice to the test: for each workload in `scenarios/workloads`, every design that comes into
//! question is measured on this machine, and the one that `crossover advise` names is compared with the
//! best of them (claim S15).
//!
//! `cargo run --release -p trials --example advice` takes about twenty minutes; names (`chat`, `search`)
//! choose workloads. An advice holds if the choice is the best, is not told apart from it, or takes at
//! most a tenth longer; it exits with 1 if fewer than ten in twelve hold. `--write` puts the table into
//! `scenarios/workloads/README.md`. The costs are those of `crossover calibrate`, if they were measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use analysis::text;
use serde_json::Value;
use trials::{Failed, Table, chosen};

/// The fraction of workloads whose advice must hold.
const MUST_HOLD: f64 = 10.0 / 12.0;

fn main() -> ExitCode {
    trials::main(trial)
}

fn trial() -> Result<bool, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/workloads");
    let files = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path()));
    let mut files: Vec<PathBuf> = files.collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.extension().is_some_and(|it| it == "toml"));
    files.sort();
    let names: Vec<String> = files
        .iter()
        .filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let columns = [
        "workload",
        "advised",
        "best of those measured",
        "figure",
        "measured",
        "predicted",
        "times the best",
        "",
    ];
    let mut table = Table::default();
    table.begin("Advice, measured", &columns);
    let (mut held, mut all) = (0.0, 0.0);
    for name in chosen(&names)? {
        let row = measured(&folder.join(format!("{name}.toml")))?;
        held += f64::from(u8::from(row.holds));
        all += 1.0;
        let time = |ns: Option<f64>| ns.map_or_else(|| "–".to_owned(), text::time);
        let cells = [
            name.to_owned(),
            row.advised,
            row.best,
            row.figure,
            time(Some(row.value_ns)),
            time(row.predicted_ns),
            format!("{:.2}", row.value_ns / row.best_ns),
        ];
        // A single miss is allowed; the bar is on all of them.
        table.row(&cells, row.holds.then_some(true));
    }
    println!("\n{held} of {all} hold");
    table.write_if_asked("scenarios/workloads/README.md", "advice")?;
    Ok(held >= MUST_HOLD * all)
}

/// What was measured for one workload.
struct Row {
    advised: String,
    best: String,
    figure: String,
    value_ns: f64,
    predicted_ns: Option<f64>,
    best_ns: f64,
    holds: bool,
}

fn measured(file: &Path) -> Result<Row, Failed> {
    eprintln!("{}", file.display());
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.arg("advise").arg(file).args(["--measure", "--all", "--json"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let advised = word(&answer["choice"]["design"]);
    let found = &answer["measured"];
    let designs = found["designs"].as_array().cloned().unwrap_or_default();
    let of = |name: &str| designs.iter().find(|row| row["design"].as_str() == Some(name)).cloned();
    let best = word(&found["best"]);
    let (Some(its), Some(the_best)) = (of(&advised), of(&best)) else {
        return Err(format!("{}: {advised} was not measured", file.display()).into());
    };
    Ok(Row {
        figure: word(&found["figure"]),
        value_ns: its["value_ns"].as_f64().unwrap_or(f64::NAN),
        predicted_ns: its["predicted_ns"].as_f64(),
        best_ns: the_best["value_ns"].as_f64().unwrap_or(f64::NAN),
        holds: found["agrees"] == true,
        advised,
        best,
    })
}
