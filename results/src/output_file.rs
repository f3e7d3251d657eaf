//! Writes files whole: beside the old file, then in its place.
//!
//! A full disk, a kill or a panic leaves the old file as it was, and no process ever reads half a
//! file.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A file that is about to be written. Once this exists, the file is known to be writable.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    to: To,
}

#[derive(Debug)]
enum To {
    /// A file beside the old one, to take its place.
    Beside(NamedTempFile),
    /// What is not a regular file, such as a pipe: it cannot be replaced, only written to.
    Into(File),
    /// The target of this program's own standard output or error: /dev/stdout, or its file by name.
    /// It is written after what was printed there.
    Printed(Standard),
}

#[derive(Clone, Copy, Debug)]
enum Standard {
    Output,
    Error,
}

impl OutputFile {
    /// Prepares to write a file; nothing is changed yet. A symbolic link stays, and the file that
    /// it leads to is written.
    ///
    /// # Errors
    /// When the folder does not exist, or no file can be created in it.
    pub fn prepare(path: &Path) -> io::Result<Self> {
        let real = led_to(path);
        let old = match fs::metadata(&real) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if old.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let to = match (&old, old.as_ref().and_then(standard)) {
            (_, Some(standard)) => To::Printed(standard),
            (Some(old), _) if !old.is_file() => {
                To::Into(OpenOptions::new().write(true).open(&real)?)
            }
            _ => To::Beside(beside(&real, old.as_ref())?),
        };
        Ok(Self { path: real, to })
    }

    /// Writes all bytes, and puts the file in its place.
    ///
    /// # Errors
    /// When the bytes cannot be written; the old file is then still there.
    pub fn write(self, bytes: &[u8]) -> io::Result<()> {
        match self.to {
            To::Into(mut file) => {
                file.write_all(bytes)?;
                file.flush()
            }
            To::Printed(Standard::Output) => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            To::Printed(Standard::Error) => io::stderr().lock().write_all(bytes),
            To::Beside(mut file) => {
                file.as_file_mut().write_all(bytes)?; // its own errors name a temporary file
                file.as_file().sync_all()?;
                file.persist(&self.path).map(drop).map_err(|error| error.error)
            }
        }
    }
}

/// Which of standard output and standard error goes to a file, if either does.
fn standard(file: &fs::Metadata) -> Option<Standard> {
    let is_at = |descriptor: u32| {
        fs::metadata(format!("/proc/self/fd/{descriptor}"))
            .is_ok_and(|its| (its.dev(), its.ino()) == (file.dev(), file.ino()))
    };
    // A device such as /dev/null may be both, and nothing could be lost there.
    match file.is_file() || file.file_type().is_fifo() {
        true if is_at(1) => Some(Standard::Output),
        true if is_at(2) => Some(Standard::Error),
        _ => None,
    }
}

/// A new file in the same folder, with the permissions of the old one, or the usual ones.
fn beside(path: &Path, old: Option<&fs::Metadata>) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let rights = old.map_or_else(|| Permissions::from_mode(0o666), fs::Metadata::permissions);
    // Opened by hand, because tempfile's own way hides the system's error.
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(rights.mode() & 0o777);
    let mut builder = Builder::new();
    builder.prefix(".crossover-");
    let file = builder.make_in(folder.unwrap_or(Path::new(".")), |path| options.open(path))?;
    if old.is_some() {
        // The umask applies only to new files.
        file.as_file().set_permissions(Permissions::from_mode(rights.mode() & 0o777))?;
    }
    Ok(file)
}

/// Where a path leads, even if its target does not exist yet: a link to a file that is still to be
/// written stays a link.
fn led_to(path: &Path) -> PathBuf {
    const MOST_LINKS: usize = 40; // as many as the kernel follows
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if fs::metadata(&path).is_ok() {
            // A pipe of /proc/self/fd has no other name than the one given.
            return fs::canonicalize(&path).unwrap_or(path);
        }
        let Ok(next) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    path
}

/// Writes a whole file.
///
/// # Errors
/// When the folder does not exist, or the file cannot be written; an old one is then still there.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OutputFile::prepare(path)?.write(bytes)
}

/// Whether two paths lead to one regular file, one of them perhaps through a link.
#[must_use]
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| {
        if let Ok(real) = fs::canonicalize(path) {
            return (!fs::metadata(&real).is_ok_and(|it| !it.is_file())).then_some(real);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(path.file_name()?))
    };
    match (real(one), real(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("page");
        fs::write(&path, "old").expect("a file");
        let prepared = OutputFile::prepare(&path).expect("it can be written");
        assert_eq!(fs::read(&path).expect("there"), b"old");
        drop(prepared);
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "nothing is left");
        write_file(&path, b"new").expect("it can be written");
        assert_eq!(fs::read(&path).expect("there"), b"new");
        let missing = OutputFile::prepare(&folder.path().join("no/page"));
        assert!(missing.is_err_and(|error| error.raw_os_error() == Some(2)), "ENOENT");
        assert!(OutputFile::prepare(folder.path()).is_err(), "a folder is no file");
    }

    #[test]
    fn a_link_to_a_file_that_is_still_to_be_written_stays_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("target", &link).expect("a link");
        write_file(&link, b"new").expect("it can be written");
        assert!(fs::symlink_metadata(&link).is_ok_and(|it| it.is_symlink()));
        assert_eq!(fs::read(folder.path().join("target")).expect("there"), b"new");
        // One that leads to itself leads nowhere.
        let round = folder.path().join("round");
        std::os::unix::fs::symlink("round", &round).expect("a link");
        assert!(write_file(&round, b"new").is_err());
        assert!(fs::symlink_metadata(&round).is_ok_and(|it| it.is_symlink()));
    }

    #[test]
    fn a_pipe_is_written_by_the_name_of_its_descriptor() {
        let (mut out, into) = io::pipe().expect("a pipe");
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&into));
        write_file(Path::new(&path), b"through").expect("it can be written");
        drop(into);
        let mut text = String::new();
        io::Read::read_to_string(&mut out, &mut text).expect("text");
        assert_eq!(text, "through");
    }

    #[test]
    fn a_file_keeps_its_rights() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "old").expect("a file");
        for mode in [0o666, 0o600, 0o640] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("rights");
            write_file(&file, b"new").expect("it can be written");
            assert_eq!(fs::metadata(&file).expect("there").mode() & 0o777, mode);
        }
    }

    #[test]
    fn a_link_and_what_is_no_file_are_written_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").expect("a file");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        write_file(&link, b"new").expect("it can be written");
        assert_eq!(fs::read(&file).expect("there"), b"new");
        assert!(link.is_symlink());
        write_file(Path::new("/dev/null"), b"gone").expect("it takes everything");
        assert!(write_file(Path::new("/dev/full"), b"x").is_err());
    }

    #[test]
    fn two_names_of_one_file_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        assert!(is_same_file(&file, &folder.path().join("./file")), "not there yet");
        fs::write(&file, "").expect("a file");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        assert!(is_same_file(&file, &link));
        assert!(!is_same_file(&file, &folder.path().join("other")));
        assert!(!is_same_file(Path::new("/dev/null"), Path::new("/dev/null")));
    }
}
