//! Digests by which lists of numbers are told apart.

use sha2::{Digest, Sha256};

/// Eight hexadecimal digits of the SHA-256 of these bytes: numbers, or a text.
pub fn eight_digits<Bytes: AsRef<[u8]>>(parts: impl IntoIterator<Item = Bytes>) -> String {
    let mut hasher = Sha256::new();
    parts.into_iter().for_each(|bytes| hasher.update(bytes));
    hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
