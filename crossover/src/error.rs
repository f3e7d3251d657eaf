//! What can go wrong, as the user is told it, and the exit code that scripts see.

use std::io;
use std::path::{Path, PathBuf};

/// Every exit code and its meaning; the README shows this table.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "all went well"),
    (1, "a file or socket could not be used; of `load --expect`: not met"),
    (2, "the command line or a scenario is wrong; of `load --expect`: the run is not valid"),
    (3, "a server could not be started or reached, or it died"),
    (4, "the bench is complete but for some runs that failed; the report says which"),
    (130, "ended by Ctrl-C; what was measured until then is kept"),
];

/// Why a command did not do what was asked. The text names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user asked for something that does not exist or makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be used.
    #[error("cannot {what} {path}: {source}; choose another place, or make it accessible", path = path.display())]
    File {
        /// What was tried: `read`, `write`, `create`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Records cannot be written or read.
    #[error(transparent)]
    Journal(#[from] results::JournalError),
    /// The server could not serve.
    #[error(transparent)]
    Serve(#[from] servers::supervisor::ServeError),
    /// A server that this program started did not come up, or died.
    #[error("{0}")]
    Server(String),
    /// The load could not begin.
    #[error(transparent)]
    Drive(#[from] loadgen::DriveError),
    /// The load makes no sense.
    #[error(transparent)]
    Plan(#[from] loadgen::PlanError),
    /// A report could not be written.
    #[error(transparent)]
    Report(#[from] reports::ReportError),
    /// The system refused something that every run needs.
    #[error("the system refused: {0}")]
    Io(#[from] io::Error),
    /// Some runs of a bench failed.
    #[error("{failed} of {all} runs failed; the report was made from the others and names them")]
    SomeRunsFailed {
        /// How many failed.
        failed: usize,
        /// How many there were.
        all: usize,
    },
    /// A run is not as was expected of it.
    #[error("{0}")]
    NotMet(String),
    /// A run does not tell whether it is as was expected.
    #[error("the run is not valid: {0}")]
    NotValid(String),
    /// Ctrl-C.
    #[error("{0}")]
    Interrupted(String),
}

impl Error {
    /// Names the file in an I/O error.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }

    /// The exit code; one place decides.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        use servers::supervisor::ServeError;
        match self {
            Self::Usage(_) | Self::Plan(_) | Self::NotValid(_) => 2,
            Self::Serve(ServeError::NotLoopback(_) | ServeError::Cores { .. }) => 2,
            Self::Drive(loadgen::DriveError::NotLoopback(_)) => 2,
            Self::Server(_) | Self::Drive(loadgen::DriveError::Connect { .. }) => 3,
            Self::SomeRunsFailed { .. } => 4,
            Self::Interrupted(_) => 130,
            Self::File { .. }
            | Self::Journal(_)
            | Self::Serve(_)
            | Self::Drive(_)
            | Self::Report(_)
            | Self::NotMet(_)
            | Self::Io(_) => 1,
        }
    }

    /// Whether the reader of our output has gone, as `head` does; that is no failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ];
        for error in errors {
            assert!(EXIT_CODES.iter().any(|(code, _)| *code == error.exit_code()), "{error:?}");
        }
    }
}
