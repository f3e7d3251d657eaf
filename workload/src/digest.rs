//! Digests by which lists of numbers are told apart.

use sha2::{Digest, Sha256};

/// Eight hexadecimal digits of the SHA-256 of numbers, each as its bytes.
pub(crate) fn eight_digits<const N: usize>(numbers: impl Iterator<Item = [u8; N]>) -> String {
    let mut hasher = Sha256::new();
    numbers.for_each(|bytes| hasher.update(bytes));
    hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
