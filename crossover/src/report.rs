//! `crossover report`: the page and its figures once more, from the records alone.

use std::path::{Path, PathBuf};

use results::{Record, read_records, without_mended_failures};

use crate::cli::ReportArgs;
use crate::error::Error;

/// The file of records in the folder of a bench.
pub(crate) const RECORDS: &str = "records.jsonl";

pub(crate) fn run(arguments: &ReportArgs) -> Result<(), Error> {
    let (file, folder) = if arguments.run.is_dir() {
        (arguments.run.join(RECORDS), arguments.run.clone())
    } else {
        let folder = arguments.run.parent().map_or_else(PathBuf::new, Path::to_owned);
        (arguments.run.clone(), folder)
    };
    let records = without_mended_failures(&read(&file)?);
    let page = reports::write_report(&records, arguments.out.as_deref().unwrap_or(&folder))?;
    println!("{}", page.display());
    Ok(())
}

/// Reads records; says so where the last line was cut short.
pub(crate) fn read(file: &Path) -> Result<Vec<Record>, Error> {
    let reading = read_records(file)?;
    if reading.cut_short {
        eprintln!("note: the last line of {} has no end and was left out", file.display());
    }
    if reading.records.is_empty() {
        return Err(Error::Usage(format!("{} holds no records", file.display())));
    }
    Ok(reading.records)
}
