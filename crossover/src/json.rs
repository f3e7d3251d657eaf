//! What `--json` prints, on standard output.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::Error;

/// Prints it with a line for each value, in one piece: standard output is written line by line,
/// which for a thousand lines is a thousand calls.
pub(crate) fn print(value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    text.push(b'\n');
    Ok(io::stdout().lock().write_all(&text)?)
}
