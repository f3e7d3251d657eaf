//! The only module that writes to standard output and standard error.
//!
//! A closed pipe, a full disk or a closed terminal must not end a measurement. Text for standard
//! error is then lost. A failed write to standard output is an error of its own, reported after
//! everything worth keeping has been written to files. Text from outside is escaped so that it
//! cannot control the terminal.

pub(crate) mod json;
pub(crate) mod percentiles;
pub(crate) mod progress;
pub(crate) mod tables;

use std::io::{self, StdoutLock, Write};

use protocol::text::harmless;
use terminal_size::{Width, terminal_size_of};

use crate::error::Error;

/// The width of a paragraph on standard output, in columns, on a terminal or in a file.
const USUAL_WIDTH: usize = 80;

/// Terminals narrower than this, or of unknown width, are treated as this wide.
const LEAST_WIDTH: usize = 20;

/// Prints a text on standard error, on a line of its own. On a terminal the text is wrapped to the
/// width; elsewhere it stays on one line, so that it can be searched.
pub(crate) fn say(text: &str) {
    let text = harmless(text);
    let mut stderr = io::stderr().lock();
    let _ = match width_of_stderr() {
        Some(width) => writeln!(stderr, "{}", wrapped(&text, width, "")),
        None => writeln!(stderr, "{text}"),
    };
}

/// Returns the most serious of several errors, which ends the program, and prints the others.
pub(crate) fn end_with(errors: Vec<Error>) -> Result<(), Error> {
    let mut errors = Error::gravest_first(errors).into_iter();
    let Some(gravest) = errors.next() else { return Ok(()) };
    errors.for_each(|error| say(&format!("error: {error}")));
    Err(gravest)
}

/// Whether a line of a text is too long for the terminal on standard error.
pub(crate) fn is_too_wide(text: &str) -> bool {
    width_of_stderr().is_some_and(|width| text.lines().any(|line| line.chars().count() > width))
}

/// The width of the terminal on standard error, in columns, if it is a terminal.
fn width_of_stderr() -> Option<usize> {
    let (Width(width), _) = terminal_size_of(io::stderr())?;
    Some(usize::from(width).max(LEAST_WIDTH))
}

/// Collects text for standard output, which stays locked until [`finish`](Self::finish) writes it.
pub(crate) struct Output {
    out: StdoutLock<'static>,
    text: String,
}

impl Output {
    pub(crate) fn begin() -> Self {
        Self { out: io::stdout().lock(), text: String::new() }
    }

    /// Adds one line without wrapping it.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.text.push_str(&harmless(text.as_ref()));
        self.text.push('\n');
    }

    /// Adds a paragraph, wrapped to `USUAL_WIDTH`; lines after the first begin with `indent`.
    pub(crate) fn paragraph(&mut self, text: impl AsRef<str>, indent: &str) {
        self.line(wrapped(text.as_ref(), USUAL_WIDTH, indent));
    }

    /// Writes the collected text in a single write.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let written = self.out.write_all(self.text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(Error::Output)
    }
}

/// Writes bytes for programs to standard output in a single write.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Error::Output)
}

/// Wraps a text into lines of at most `width` bytes, at spaces where possible.
fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut words = paragraph.split(' ');
        let mut line = words.next().unwrap_or_default().to_owned();
        for word in words {
            // Counted in bytes, because a character outside ASCII may take more than one column.
            let needed = line.len() + 1 + word.len();
            if needed > width && !line.trim().is_empty() {
                lines.push(std::mem::replace(&mut line, format!("{indent}{word}")));
            } else {
                line.push(' ');
                line.push_str(word);
            }
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_divided_at_spaces() {
        let text = "one two three four five";
        assert_eq!(wrapped(text, 9, "  "), "one two\n  three\n  four\n  five");
        assert_eq!(wrapped("a\nb", 9, ""), "a\nb");
        assert_eq!(wrapped("averylongword", 5, ""), "averylongword");
        assert_eq!(wrapped("  - x", 9, ""), "  - x");
        assert_eq!(wrapped("", 9, ""), "");
    }
}
