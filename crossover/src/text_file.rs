//! Reads files that the user names: scenarios, lists of times, tables, request bodies.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use protocol::text::decode;

use crate::error::Error;

/// The largest file that is read, in bytes: a trace of some ten million instants fits, and a device
/// that never ends is refused.
const MOST_BYTES: u64 = 256 << 20;

/// The text of a file, without a byte order mark.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    decode(read_bytes(path)?)
        .map_err(|why| Error::Usage(format!("cannot read {}: {why}", path.display())))
}

/// All bytes of a file.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(Error::file("read", path))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::Usage(format!(
            "cannot read {}: it is larger than {} MiB; name a smaller file",
            path.display(),
            MOST_BYTES >> 20
        )));
    }
    Ok(bytes)
}
