//! What `--json` prints, on standard output.

use std::io;

use serde::Serialize;

use crate::error::Error;
use crate::terminal::print_bytes;

/// Prints it with a line for each value, in one piece: standard output is written line by line,
/// which for a thousand lines is a thousand calls.
pub(crate) fn print(value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    text.push(b'\n');
    print_bytes(&text)
}
