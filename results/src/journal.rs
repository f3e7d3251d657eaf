//! The file of records. Each run is appended as it ends, so that a later failure loses nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::format_1::Record1;
use crate::{FORMAT, Outcome, Record};

/// Why records cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened, written or read.
    #[error("cannot use {path}: {source}; make it accessible, or make room", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A newer program wrote the file.
    #[error(
        "{path}, line {line}: record format {found} is newer than this program's ({FORMAT}); read \
         it with the version that wrote it, or a later one",
        path = path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// The version found.
        found: u32,
    },
    /// A record contradicts itself.
    #[error("{path}, line {line}: {what}; remove the line to read the rest", path = path.display())]
    Contradictory {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// The contradiction.
        what: &'static str,
    },
    /// A complete line is not a record.
    #[error(
        "{path}, line {line}: not a record: {source}; remove the line to read the others",
        path = path.display()
    )]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// An open file of records.
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the file for appending, and creates it if it is missing, so that a path that cannot be
    /// written is noticed before anything is measured.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|source| JournalError::File { path: path.into(), source })?;
        Ok(Self { path: path.into(), file })
    }

    /// Appends one record as one line, in one write, and flushes it to the file.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(record).expect("a record is plain data");
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.flush())
            .map_err(|source| JournalError::File { path: self.path.clone(), source })
    }
}

/// What a file of records held.
#[derive(Debug, Default)]
pub struct Reading {
    /// The records, in the order of the file.
    pub records: Vec<Record>,
    /// Whether an incomplete last line was left out: a program was killed while writing it.
    pub cut_short: bool,
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// The longest line that is read, in bytes; a file without line ends is not a file of records.
const LONGEST_LINE: u64 = 64 << 20;

/// Reads every complete line of a file, and keeps what `keep` makes of each record.
///
/// # Errors
/// When the file cannot be read, a line is not a record, or a newer program wrote it.
pub fn read_records(path: &Path, keep: impl Fn(Record) -> Record) -> Result<Reading, JournalError> {
    let of_file = |source| JournalError::File { path: path.into(), source };
    let mut lines = BufReader::new(File::open(path).map_err(of_file)?);
    let mut reading = Reading::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(of_file)?;
        if line.is_empty() {
            break;
        }
        if !line.ends_with(b"\n") && (line.len() as u64) < LONGEST_LINE {
            reading.cut_short = true;
            break;
        }
        reading.records.push(keep(read_line(&line, path, number)?));
    }
    Ok(reading)
}

fn read_line(bytes: &[u8], path: &Path, line: usize) -> Result<Record, JournalError> {
    let path = PathBuf::from(path);
    parse_record(bytes).map_err(|problem| match problem {
        LineError::Malformed(source) => JournalError::Malformed { path, line, source },
        LineError::Newer(found) => JournalError::Newer { path, line, found },
        LineError::Contradictory(what) => JournalError::Contradictory { path, line, what },
    })
}

/// What is wrong with a line.
#[derive(Debug)]
pub enum LineError {
    /// It is not a record.
    Malformed(serde_json::Error),
    /// A newer program wrote it, in this version of the format.
    Newer(u32),
    /// It contradicts itself.
    Contradictory(&'static str),
}

/// Reads one line.
///
/// # Errors
/// When it is not a record, or a newer program wrote it.
pub fn parse_record(line: &[u8]) -> Result<Record, LineError> {
    let Version { format } = serde_json::from_slice(line).map_err(LineError::Malformed)?;
    if format > FORMAT {
        return Err(LineError::Newer(format));
    }
    let record: Record = match format {
        1 => serde_json::from_slice::<Record1>(line).map(Record::from),
        _ => serde_json::from_slice(line),
    }
    .map_err(LineError::Malformed)?;
    contradiction(&record).map_or(Ok(record), |what| Err(LineError::Contradictory(what)))
}

/// The contradiction in a record, if any. The accounting of every record is checked as it is read.
fn contradiction(record: &Record) -> Option<&'static str> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if !record.experiment.chars().all(is_name) {
        return Some("an experiment's name has letters, digits and hyphens only");
    }
    let shown = [&record.title, &record.question, &record.scenario, &record.cell.subject.name];
    if shown.into_iter().any(|text| text.chars().any(char::is_control)) {
        return Some("a name or question holds a control character");
    }
    let Outcome::Measured(measured) = &record.outcome else { return None };
    if !measured.counts.balance() {
        return Some("the counts do not add up");
    }
    if measured.times.response_time.count() != measured.counts.answered {
        return Some("there are not as many response times as answers");
    }
    None
}
