//! TIME (RFC 868): the seconds since 1900 as 32 bits, to every client that connects or sends a
//! datagram.

use std::time::{SystemTime, UNIX_EPOCH};

use super::job::{Answer, Job};

/// Bytes of the reply.
pub(super) const LENGTH: usize = 4;

/// Seconds from 1 January 1900 to 1 January 1970, as RFC 868 gives them.
const FROM_1900_TO_1970: u64 = 2_208_988_800;

/// The job that sends the time.
pub(super) fn job() -> Job {
    Job::final_reply(Answer::Time)
}

/// Appends the current time.
pub(crate) fn reply(out: &mut Vec<u8>) {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    out.extend_from_slice(&number(since_1970.as_secs()).to_be_bytes());
}

/// Whether a datagram has the form of this service's reply: a time within a day of the current one.
pub(crate) fn is_reply(datagram: &[u8]) -> bool {
    const DAY: u32 = 86_400;
    let Ok(bytes) = datagram.try_into() else { return false };
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ahead = number(since_1970.as_secs()).wrapping_sub(u32::from_be_bytes(bytes));
    ahead <= DAY || ahead.wrapping_neg() <= DAY
}

/// The number that the protocol sends; it wraps in 2036.
fn number(seconds_since_1970: u64) -> u32 {
    (seconds_since_1970 + FROM_1900_TO_1970) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_rfc() {
        assert_eq!(number(0), 2_208_988_800);
        assert_eq!(number(189_302_400), 2_398_291_200, "1 January 1976");
        assert_eq!(number(315_532_800), 2_524_521_600, "1 January 1980");
        assert_eq!(number(420_595_200), 2_629_584_000, "1 May 1983");
        assert_eq!(number((1 << 32) - FROM_1900_TO_1970), 0, "it wraps in 2036");
    }
}
