//! What can go wrong, with the message for the user and the exit code for scripts.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// Every exit code and its meaning; the README shows this table.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "all went well"),
    (1, "a file or socket could not be used"),
    (2, "the command line or a scenario is wrong"),
    (3, "a server could not be started or reached, or died, or answered nothing"),
    (4, "the bench is complete but for some runs that failed; the report says which"),
    (5, "a bound is not met (`load --expect`)"),
    (6, "the run does not tell whether a bound is met (`load --expect`)"),
    (130, "ended by Ctrl-C or another signal; what was measured until then is kept"),
];

/// Why a command did not do what was asked. The text names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user asked for something that does not exist or makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be used.
    #[error("cannot {what} {path}: {source}; {hint}", path = path.display(), hint = file_remedy(source))]
    File {
        /// What was tried: `read`, `write`, `create`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another bench or report is writing to the folder.
    #[error(
        "another crossover is writing to {path}; wait until it has ended, or choose another folder",
        path = .0.display()
    )]
    Busy(PathBuf),
    /// The output would overwrite something that this program did not write.
    #[error(
        "{path} was not written by this program and would be overwritten; choose another folder, or move it",
        path = .0.display()
    )]
    Foreign(PathBuf),
    /// Records cannot be written or read.
    #[error(transparent)]
    Journal(#[from] results::JournalError),
    /// The server could not serve.
    #[error(transparent)]
    Serve(#[from] servers::ServeError),
    /// A server that this program started did not come up, or died.
    #[error("{0}")]
    Server(String),
    /// The load could not start.
    #[error(transparent)]
    Drive(#[from] loadgen::DriveError),
    /// The load makes no sense.
    #[error(transparent)]
    Plan(#[from] workload::PlanError),
    /// A report could not be written.
    #[error(transparent)]
    Report(#[from] reports::ReportError),
    /// The system refused something that every run needs.
    #[error("the system refused: {}", with_limit(.0))]
    Io(#[from] io::Error),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}; free some space, or redirect it")]
    Output(io::Error),
    /// A load got no right answer at all.
    #[error("{0}")]
    NoAnswer(String),
    /// Some runs of a bench failed.
    #[error("{failed} of {all} runs failed; the report was made from the others and names them")]
    SomeRunsFailed {
        /// How many failed.
        failed: usize,
        /// How many there were.
        all: usize,
    },
    /// A run does not meet an expectation.
    #[error("{0}")]
    NotMet(String),
    /// A run does not show whether it meets an expectation.
    #[error("the run cannot tell: {0}")]
    NotValid(String),
    /// Two benches or loads cannot be compared.
    #[error("not comparable: {0}; compare them --anyway if that is meant")]
    NotComparable(String),
    /// A signal ended the work.
    #[error("{0}")]
    Interrupted(String),
}

impl Error {
    /// Names the file in an I/O error.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }

    /// The exit code; it is decided only here.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        use servers::ServeError;
        match self {
            Self::Usage(_) | Self::Plan(_) => 2,
            Self::Serve(
                ServeError::NotLoopback(_)
                | ServeError::Cores { .. }
                | ServeError::TooManyPrograms { .. },
            ) => 2,
            Self::Drive(loadgen::DriveError::NotLoopback(_)) => 2,
            Self::Server(_) | Self::NoAnswer(_) => 3,
            Self::Drive(loadgen::DriveError::Connect { .. }) => 3,
            Self::SomeRunsFailed { .. } => 4,
            Self::NotMet(_) => 5,
            Self::NotValid(_) | Self::NotComparable(_) => 6,
            Self::Interrupted(_) => 130,
            Self::File { .. }
            | Self::Busy(_)
            | Self::Foreign(_)
            | Self::Journal(_)
            | Self::Serve(_)
            | Self::Drive(_)
            | Self::Report(_)
            | Self::Output(_)
            | Self::Io(_) => 1,
        }
    }

    /// Sorts errors so that the first one decides the exit code. The order is: a signal, wrong
    /// usage, a server, a file, an undecided bound, an unmet bound, failed runs.
    pub(crate) fn gravest_first(mut errors: Vec<Self>) -> Vec<Self> {
        const ORDER: [u8; 8] = [130, 2, 3, 1, 6, 5, 4, 0];
        let rank = |error: &Self| ORDER.iter().position(|code| *code == error.exit_code());
        errors.sort_by_key(rank); // stable: errors with the same code keep their order
        errors
    }

    /// Whether the reader of our output has gone, as `head` does; that is not a failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) | Self::Output(error)
            if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The limit to raise when the system has run out of a resource.
fn limit_to_raise(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error().map(Errno::from_raw)? {
        Errno::EMFILE => Some("raise the limit of descriptors (ulimit -n)"),
        Errno::ENFILE => Some("raise the system's limit of descriptors (sysctl fs.file-max)"),
        Errno::EAGAIN => Some("raise the limit of processes (ulimit -u)"),
        Errno::ENOMEM => Some("raise the limit of memory (ulimit -v)"),
        Errno::EFBIG => Some("raise the limit of a file's size (ulimit -f)"),
        _ => None,
    }
}

/// The system's error, with the limit to raise if there is one.
pub(crate) fn with_limit(error: &io::Error) -> String {
    limit_to_raise(error).map_or_else(|| error.to_string(), |limit| format!("{error}; {limit}"))
}

/// The remedy for a file that cannot be used.
fn file_remedy(error: &io::Error) -> &'static str {
    // `EAGAIN` on a file means that it would block, so more processes would not help.
    let limit = limit_to_raise(error).filter(|_| error.kind() != io::ErrorKind::WouldBlock);
    limit.unwrap_or_else(|| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space there, or choose another path"
        }
        io::ErrorKind::NotFound => "correct the path, or choose another one",
        _ => "choose another path, or make this one accessible",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_has_no_more_of_is_named_with_its_limit() {
        for (errno, limit) in [
            (Errno::EMFILE, "ulimit -n"),
            (Errno::EAGAIN, "ulimit -u"),
            (Errno::ENOMEM, "ulimit -v"),
            (Errno::EFBIG, "ulimit -f"),
        ] {
            let source = || io::Error::from_raw_os_error(errno as i32);
            let file = Error::File { what: "read", path: "a".into(), source: source() };
            assert!(Error::Io(source()).to_string().contains(limit), "{errno}");
            let is_of_files = errno != Errno::EAGAIN;
            assert_eq!(file.to_string().contains(limit), is_of_files, "{file}");
        }
    }

    #[test]
    fn every_error_has_a_documented_exit_code() {
        let errors = [
            Error::Usage(String::new()),
            Error::Server(String::new()),
            Error::Io(io::Error::other("x")),
            Error::SomeRunsFailed { failed: 1, all: 2 },
            Error::Interrupted(String::new()),
            Error::NotMet(String::new()),
            Error::NotValid(String::new()),
            Error::NoAnswer(String::new()),
            Error::Output(io::Error::other("x")),
        ];
        for error in errors {
            assert!(EXIT_CODES.iter().any(|(code, _)| *code == error.exit_code()), "{error:?}");
        }
    }

    #[test]
    fn of_several_errors_the_gravest_is_the_exit_code() {
        let text = String::new;
        let all = || {
            [
                Error::NotMet(text()),
                Error::NotValid(text()),
                Error::Io(io::Error::other("x")),
                Error::NoAnswer(text()),
                Error::Interrupted(text()),
            ]
        };
        let code = |errors| Error::gravest_first(errors).first().map(Error::exit_code);
        for (count, expected) in [(1, 5), (2, 6), (3, 1), (4, 3), (5, 130)] {
            assert_eq!(code(all().into_iter().take(count).collect()), Some(expected));
            assert_eq!(code(all().into_iter().take(count).rev().collect()), Some(expected));
        }
        assert_eq!(code(Vec::new()), None);
    }
}
