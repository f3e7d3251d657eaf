//! The folder of a bench: starting it, resuming it, and locking it meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use jiff::Zoned;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use protocol::text::decode;
use results::{Journal, Record, is_same_file, parse_record, read_records, write_file};

use crate::bench::scenario::Source;
use crate::cli::BenchArgs;
use crate::error::Error;
use crate::terminal::say;

/// The file of records in the folder of a bench.
pub(crate) const RECORDS: &str = "records.jsonl";

/// Where benches go by default.
const RUNS: &str = "reports/runs";

/// The copy of the scenario beside its records, so that a bench can be resumed.
pub(crate) const SCENARIO: &str = "scenario.toml";

/// The start of the first line of that copy, before the scenario's name.
const NAME: &str = "# name: ";

/// How many folder names of one second are tried before giving up.
const MOST_OF_A_SECOND: u32 = 1000;

/// A folder that no other process of this program writes to while this exists.
#[derive(Debug)]
pub(crate) struct OwnFolder {
    pub(crate) path: PathBuf,
    _lock: Flock<File>,
}

impl OwnFolder {
    /// Creates the folder if it is missing, and locks it with flock(2) on the folder itself. The
    /// lock ends with the process, however the process ends.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(Error::file("create", path))?;
        let folder = File::open(path).map_err(Error::file("read", path))?;
        match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err((_, Errno::EWOULDBLOCK)) => Err(Error::Busy(path.to_owned())),
            Err((_, error)) => Err(Error::file("lock", path)(error.into())),
        }
    }

    /// Creates a folder under `reports/runs`, named after the time and `of`.
    pub(crate) fn new_run(of: &str) -> Result<Self, Error> {
        fs::create_dir_all(RUNS).map_err(Error::file("create", Path::new(RUNS)))?;
        let time = Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
        for number in 1..MOST_OF_A_SECOND {
            let further = if number == 1 { String::new() } else { format!("-{number}") };
            let path = Path::new(RUNS).join(format!("{time}-{of}{further}"));
            match fs::create_dir(&path) {
                Ok(()) => return Self::take(&path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::file("create", &path)(error)),
            }
        }
        let path = Path::new(RUNS).to_owned();
        Err(Error::file("create a folder in", &path)(io::Error::from(ErrorKind::AlreadyExists)))
    }

    /// Fails if a page or figures that this program did not write would be overwritten.
    pub(crate) fn may_hold_a_page(&self) -> Result<(), Error> {
        let page = self.path.join("index.html");
        let of_ours = page_is_ours(&page).map_err(Error::file("read", &page))?;
        if !of_ours && !begins_as_ours(&self.path.join(RECORDS)) {
            return Err(Error::Foreign(page));
        }
        let answers = self.path.join(reports::ANSWERS);
        if answers.exists() && !begins_as_ours(&answers) {
            return Err(Error::Foreign(answers));
        }
        // Figures and verdicts with neither a page nor a scenario beside them are foreign.
        let figures = self.path.join("figures");
        let has_figures = fs::read_dir(&figures).is_ok_and(|mut entries| entries.next().is_some());
        let is_alone = !page.exists() && !self.path.join(SCENARIO).exists();
        let verdicts = self.path.join(reports::CLAIMS);
        match is_alone {
            true if has_figures => return Err(Error::Foreign(figures)),
            true if verdicts.exists() => return Err(Error::Foreign(verdicts)),
            _ => {}
        }
        Ok(())
    }

    /// Fails if the folder holds the records of a bench other than the one in `folder`, because a
    /// page beside them would describe other records.
    pub(crate) fn is_nobody_elses(&self, folder: &Path) -> Result<(), Error> {
        let records = self.path.join(RECORDS);
        if records.exists() && !is_same_file(&records, &folder.join(RECORDS)) {
            return Err(Error::Foreign(records));
        }
        Ok(())
    }
}

/// Whether a file of records or answers begins as this program writes it.
fn begins_as_ours(records: &Path) -> bool {
    const BEGINNING: &[u8] = b"{\"format\":";
    let mut begin = [0; BEGINNING.len()];
    let read = File::open(records).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == BEGINNING
}

/// Whether a page does not exist, or was written by this program.
fn page_is_ours(page: &Path) -> io::Result<bool> {
    let mut file = match File::open(page) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut head = vec![0; 4096];
    let length = file.read(&mut head)?;
    let mark = reports::PAGE_MARK.as_bytes();
    Ok(head[..length].windows(mark.len()).any(|at| at == mark))
}

/// The folder of a bench with its contents.
pub(crate) struct BenchFolder {
    pub(crate) own: OwnFolder,
    pub(crate) source: Source,
    pub(crate) journal: Journal,
    pub(crate) records: Vec<Record>,
}

impl BenchFolder {
    /// Starts a bench: creates the folder and everything that must be writable before an hour is
    /// spent.
    pub(crate) fn begin(arguments: &BenchArgs) -> Result<Self, Error> {
        let source = Source::find(arguments.scenario())?;
        source.parse()?;
        let own = match &arguments.out {
            Some(folder) => OwnFolder::take(folder)?,
            None => OwnFolder::new_run(&source.name)?,
        };
        let records = own.path.join(RECORDS);
        if fs::metadata(&records).is_ok_and(|file| file.len() > 0) {
            return Err(Error::Usage(format!(
                "{0} already holds a bench; continue it with --resume {0}, or choose another folder",
                own.path.display()
            )));
        }
        own.may_hold_a_page()?;
        let copy = own.path.join(SCENARIO);
        let old = fs::read(&copy).unwrap_or_default();
        if !old.is_empty() && !old.starts_with(NAME.as_bytes()) {
            return Err(Error::Foreign(copy));
        }
        // The scenario is written before the records, because a bench cannot be resumed without it.
        let name = source.name.replace(char::is_control, " ");
        let text = format!("{NAME}{name}\n{}", source.text);
        write_file(&copy, text.as_bytes()).map_err(Error::file("write", &copy))?;
        let journal = Journal::open(&records)?;
        if arguments.out.is_none() {
            point_latest_to(&own.path);
        }
        Ok(Self { own, source, journal, records: Vec::new() })
    }

    /// Resumes the bench in a folder.
    pub(crate) fn resume(folder: &Path) -> Result<Self, Error> {
        if !folder.is_dir() {
            return Err(Error::Usage(format!(
                "{} is not the folder of a bench; start one with: crossover bench SCENARIO --out {0}",
                folder.display()
            )));
        }
        let own = OwnFolder::take(folder)?;
        own.may_hold_a_page()?;
        let copy = folder.join(SCENARIO);
        let bytes = match fs::read(&copy) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(without_scenario(folder));
            }
            read => read.map_err(Error::file("read", &copy))?,
        };
        let text = decode(bytes)
            .map_err(|why| Error::Usage(format!("cannot read {}: {why}", copy.display())))?;
        let named = text.lines().next().and_then(|line| line.strip_prefix(NAME));
        let name = named.unwrap_or("scenario").to_owned();
        let file = folder.join(RECORDS);
        let has_any = fs::metadata(&file).is_ok_and(|file| file.len() > 0);
        if has_any && !begins_as_ours(&file) {
            return Err(Error::Foreign(file));
        }
        // Records are read before anything is cut off, so that an unreadable file is left as it is.
        let mut records =
            if has_any { read_records(&file, Record::for_report)?.records } else { Vec::new() };
        let journal = Journal::open(&file)?;
        records.extend(settle_unfinished_line(&file).map_err(Error::file("write", &file))?);
        Ok(Self { own, source: Source { name, text }, journal, records })
    }
}

/// The error for a folder that has no scenario to resume, with the remedy.
fn without_scenario(folder: &Path) -> Error {
    let has_records = fs::metadata(folder.join(RECORDS)).is_ok_and(|file| file.len() > 0);
    let folder = folder.display();
    Error::Usage(if has_records {
        format!(
            "{folder} holds records but no {SCENARIO}; put the scenario there that it was started \
             with, or choose another folder"
        )
    } else {
        format!(
            "{folder} holds no bench yet; start one with: crossover bench SCENARIO --out {folder}"
        )
    })
}

/// Points `reports/runs/latest` to the newest bench. If that fails, the bench goes on with a note.
fn point_latest_to(folder: &Path) {
    let latest = Path::new(RUNS).join("latest");
    let name = folder.file_name().map_or_else(PathBuf::new, PathBuf::from);
    // A new link is renamed over the old one, so that two benches at once leave one link and no
    // gap.
    let beside = Path::new(RUNS).join(format!(".latest-{}", std::process::id()));
    let _ = fs::remove_file(&beside);
    if let Err(error) = symlink(name, &beside).and_then(|()| fs::rename(&beside, &latest)) {
        let _ = fs::remove_file(&beside);
        say(&format!("note: {} does not lead to this bench: {error}", latest.display()));
    }
}

/// Settles the last line after the program was killed while writing. Half a line is cut off, so
/// that the next record begins a new line. A whole record without its line end is kept.
fn settle_unfinished_line(path: &Path) -> io::Result<Option<Record>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let (mut end, mut tail) = (length, Vec::new());
    let mut block = vec![0; 1 << 16];
    while end > 0 {
        let begin = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        let at = part.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        tail.splice(0..0, part[at.unwrap_or(0)..].iter().copied());
        end = begin + at.unwrap_or(0) as u64;
        if at.is_some() {
            break;
        }
    }
    if tail.is_empty() {
        return Ok(None);
    }
    if let Ok(record) = parse_record(&tail) {
        file.seek(SeekFrom::End(0))?;
        file.write_all(b"\n")?;
        return Ok(Some(record.for_report()));
    }
    say(&format!("note: the last line of {} had no end and was cut off", path.display()));
    file.set_len(end)?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_benchs_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = OwnFolder::take(folder.path()).expect("nobody has it");
        assert!(matches!(OwnFolder::take(folder.path()), Err(Error::Busy(_))));
        drop(own);
        assert!(OwnFolder::take(folder.path()).is_ok());
    }

    #[test]
    fn half_a_line_is_cut_off_however_long_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("records");
        for (before, after) in [
            ("one\ntwo\nthr".to_owned(), "one\ntwo\n"),
            ("one\n".to_owned(), "one\n"),
            (format!("one\n{}", "x".repeat(200_000)), "one\n"),
            ("never ended".to_owned(), ""),
            (String::new(), ""),
        ] {
            fs::write(&path, &before).expect("writable");
            settle_unfinished_line(&path).expect("readable");
            assert_eq!(fs::read_to_string(&path).expect("text"), after);
        }
    }

    #[test]
    fn a_foreign_page_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = OwnFolder::take(folder.path()).expect("nobody has it");
        assert!(own.may_hold_a_page().is_ok(), "there is none");
        let page = folder.path().join("index.html");
        fs::write(&page, "<html>somebody's</html>").expect("writable");
        assert!(matches!(own.may_hold_a_page(), Err(Error::Foreign(_))));
        fs::write(&page, format!("<html><head>{}</head></html>", reports::PAGE_MARK)).expect("ok");
        assert!(own.may_hold_a_page().is_ok(), "it is ours");
        let answers = folder.path().join("answers.json");
        fs::write(&answers, "{\"mine\": 42}").expect("writable");
        assert!(matches!(own.may_hold_a_page(), Err(Error::Foreign(_))));
        fs::write(&answers, "{\"format\":1}").expect("writable");
        assert!(own.may_hold_a_page().is_ok(), "they are ours");
    }
}
