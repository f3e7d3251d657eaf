//! Prints JSON on standard output, for `--json`.

use std::io;

use serde::Serialize;

use crate::error::Error;
use crate::terminal::print_bytes;

/// Prints a value, one field per line, in a single write. Standard output is line-buffered, so a
/// thousand lines would otherwise take a thousand calls.
pub(crate) fn print(value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    text.push(b'\n');
    print_bytes(&text)
}
