//! Text files that people wrote: scenarios, lists of times, tables.

use std::fs;
use std::path::Path;

use protocol::text::decode;

use crate::error::Error;

/// The text of a file, without a byte order mark.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(Error::file("read", path))?;
    decode(bytes).map_err(|why| Error::Usage(format!("cannot read {}: {why}", path.display())))
}
