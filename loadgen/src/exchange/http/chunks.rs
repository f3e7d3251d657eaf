//! Reads a chunked body (RFC 9112, section 7.1).

use crate::exchange::NoReply;

/// A position in a chunked body, with the size of the chunk where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Before the first digit of a size.
    Start,
    /// After at least one digit.
    Size(u64),
    /// In the blanks after a size.
    Blank(u64),
    /// In an extension, which this client ignores.
    Extension(u64),
    /// After the CR of the line that has the size.
    SizeEnd(u64),
    /// This many bytes of data are still to come.
    Data(u64),
    /// After the data, where its line ends.
    DataEnd,
    /// After the CR of that line end.
    DataFeed,
    /// In the lines after the last chunk; whether the current one is empty so far.
    Trailer(bool),
}

impl Chunk {
    /// Where every chunked body begins.
    pub(super) const START: Self = Self::Start;

    /// Reads on in `bytes`; returns how many were used, and the new position, or `None` at the end.
    pub(super) fn advance(self, bytes: &[u8]) -> Result<(usize, Option<Self>), NoReply> {
        let (mut at, mut used) = (self, 0);
        while let Some(byte) = bytes.get(used) {
            if let Self::Data(left) = at {
                let more = left.min((bytes.len() - used) as u64);
                used += more as usize;
                at = if left == more { Self::DataEnd } else { Self::Data(left - more) };
                continue;
            }
            used += 1;
            if (at, *byte) == (Self::Trailer(true), b'\n') {
                return Ok((used, None));
            }
            at = at.after(*byte)?;
        }
        Ok((used, Some(at)))
    }

    /// The position after one more byte that is not data.
    fn after(self, byte: u8) -> Result<Self, NoReply> {
        let digit = (byte as char).to_digit(16).map(u64::from);
        Ok(match (self, byte) {
            (Self::Start, _) => Self::Size(digit.ok_or(NoReply::Chunk)?),
            (Self::Size(size), _) if digit.is_some() && size < 1 << 56 => {
                Self::Size(size * 16 + digit.unwrap_or(0))
            }
            (Self::Size(size) | Self::Blank(size), b' ' | b'\t') => Self::Blank(size),
            (Self::Size(size) | Self::Blank(size), b';') => Self::Extension(size),
            (Self::Size(size) | Self::Blank(size) | Self::Extension(size), b'\r') => {
                Self::SizeEnd(size)
            }
            (
                Self::Size(size) | Self::Blank(size) | Self::Extension(size) | Self::SizeEnd(size),
                b'\n',
            ) => match size {
                0 => Self::Trailer(true),
                _ => Self::Data(size),
            },
            (Self::Extension(size), _) => Self::Extension(size),
            (Self::DataEnd, b'\r') => Self::DataFeed,
            (Self::DataEnd | Self::DataFeed, b'\n') => Self::Start,
            (Self::Trailer(_), b'\n') => Self::Trailer(true),
            (Self::Trailer(empty), _) => Self::Trailer(empty && byte == b'\r'),
            _ => return Err(NoReply::Chunk),
        })
    }
}
