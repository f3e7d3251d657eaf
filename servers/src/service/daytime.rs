//! DAYTIME (RFC 867): a line of text with date and time, to every client that connects or sends a
//! datagram.

use std::io::Write;

use jiff::Timestamp;

use super::job::{Answer, Job};

/// Bytes of the longest line: `Wednesday, September 30, 2026 23:59:59-UTC` and its end.
pub(super) const LONGEST: usize = 44;

/// The job that sends the date and time.
pub(super) fn job() -> Job {
    Job::final_reply(Answer::Daytime)
}

/// Appends the line for the current time.
pub(crate) fn reply(out: &mut Vec<u8>) {
    write_line(Timestamp::now(), out);
}

/// Whether a datagram has the form of this service's reply.
pub(crate) fn is_reply(datagram: &[u8]) -> bool {
    const WEEKDAYS: [&[u8]; 7] = [
        b"Monday,",
        b"Tuesday,",
        b"Wednesday,",
        b"Thursday,",
        b"Friday,",
        b"Saturday,",
        b"Sunday,",
    ];
    datagram.len() <= LONGEST
        && datagram.ends_with(b"-UTC\r\n")
        && WEEKDAYS.iter().any(|weekday| datagram.starts_with(weekday))
}

/// Writes a line in the syntax that RFC 867 calls popular: "Weekday, Month Day, Year Time-Zone".
fn write_line(at: Timestamp, out: &mut Vec<u8>) {
    let line = at.strftime("%A, %B %-d, %Y %H:%M:%S-UTC");
    write!(out, "{line}\r\n").expect("a vector takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_that_of_the_rfc() {
        let mut out = Vec::new();
        // The example of RFC 867, "Tuesday, February 22, 1982 17:37:43-PST", calls a Monday a
        // Tuesday.
        write_line(Timestamp::from_second(383_247_463).expect("a time"), &mut out);
        assert_eq!(out, b"Monday, February 22, 1982 17:37:43-UTC\r\n");
    }

    #[test]
    fn no_line_is_longer_than_the_longest() {
        let mut longest = 0;
        for day in 0..366 {
            let mut out = Vec::new();
            let at = Timestamp::from_second(1_800_000_000 + day * 86_400).expect("a time");
            write_line(at, &mut out);
            longest = longest.max(out.len());
        }
        assert_eq!(longest, LONGEST);
    }
}
