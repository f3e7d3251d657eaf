//! Requests whose bytes hold the demands of the plan.

use protocol::Request;

/// The bytes of a request, with places where the demands of each request are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Bytes(Vec<u8>),
    Field(Field),
}

/// What can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    WaitUs,
    WaitNs,
    ComputeUs,
    ComputeNs,
    ReplyBytes,
}

/// The names of the placeholders of a request.
pub const PLACEHOLDERS: [&str; 5] =
    ["{wait_us}", "{wait_ns}", "{compute_us}", "{compute_ns}", "{reply_bytes}"];

/// The placeholders of a request.
const FIELDS: [(&str, Field); 5] = [
    (PLACEHOLDERS[0], Field::WaitUs),
    (PLACEHOLDERS[1], Field::WaitNs),
    (PLACEHOLDERS[2], Field::ComputeUs),
    (PLACEHOLDERS[3], Field::ComputeNs),
    (PLACEHOLDERS[4], Field::ReplyBytes),
];

impl Template {
    /// Finds the placeholders `{wait_us}`, `{wait_ns}`, `{compute_us}`, `{compute_ns}` and
    /// `{reply_bytes}` in these bytes. Microseconds are rounded to the nearest.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut pieces = Vec::new();
        let mut rest = bytes;
        while let Some((at, length, field)) = first_field(rest) {
            if at > 0 {
                pieces.push(Piece::Bytes(rest[..at].to_vec()));
            }
            pieces.push(Piece::Field(field));
            rest = &rest[at + length..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Bytes(rest.to_vec()));
        }
        Self { pieces }
    }

    /// Whether every request has the same bytes.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Bytes(_)))
    }

    /// Whether the placeholders of waiting, computing and the size of the reply are there.
    #[must_use]
    pub fn carries(&self) -> Demands {
        let has = |wanted: [Field; 2]| {
            let is_wanted =
                |piece: &Piece| matches!(piece, Piece::Field(it) if wanted.contains(it));
            self.pieces.iter().any(is_wanted)
        };
        Demands {
            wait: has([Field::WaitUs, Field::WaitNs]),
            compute: has([Field::ComputeUs, Field::ComputeNs]),
            reply_size: has([Field::ReplyBytes; 2]),
        }
    }

    /// Appends the bytes of a request.
    pub(super) fn encode(&self, request: &Request, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Field(field) => write_number(field.value(request), out),
            }
        }
    }
}

/// Which demands of a plan reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demands {
    /// Waiting.
    pub wait: bool,
    /// Processor time.
    pub compute: bool,
    /// The size of the reply.
    pub reply_size: bool,
}

impl Field {
    fn value(self, request: &Request) -> u64 {
        let to_us = |ns: u128| ((ns + 500) / 1000) as u64;
        match self {
            Self::WaitUs => to_us(request.work.wait.as_nanos()),
            Self::WaitNs => request.work.wait.as_nanos() as u64,
            Self::ComputeUs => to_us(request.work.compute.as_nanos()),
            Self::ComputeNs => request.work.compute.as_nanos() as u64,
            Self::ReplyBytes => u64::from(request.reply_size),
        }
    }
}

/// Where the first placeholder begins, its length, and what it stands for.
fn first_field(bytes: &[u8]) -> Option<(usize, usize, Field)> {
    let found = FIELDS.iter().filter_map(|(name, field)| {
        let at = bytes.windows(name.len()).position(|window| window == name.as_bytes())?;
        Some((at, name.len(), *field))
    });
    found.min_by_key(|(at, ..)| *at)
}

/// Appends a number in decimal digits, without allocating.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[start..].reverse();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::Work;

    use super::*;

    #[test]
    fn demands_are_filled_in_request_by_request() {
        let work =
            Work { wait: Duration::from_nanos(20_500), compute: Duration::from_nanos(1_499) };
        let request = Request { id: 1, work, request_size: 64, reply_size: 70 };
        let filled = |text: &str| {
            let mut bytes = Vec::new();
            Template::of(text.as_bytes()).encode(&request, &mut bytes);
            String::from_utf8(bytes).expect("text")
        };
        assert_eq!(filled("/?w={wait_us}&c={compute_us}&r={reply_bytes}!"), "/?w=21&c=1&r=70!");
        assert_eq!(filled("{wait_ns}{compute_ns}"), "205001499");
        assert_eq!(filled("/{port}"), "/{port}", "not a placeholder of a request");
        assert!(Template::of(b"GET /").is_fixed() && !Template::of(b"{wait_us}").is_fixed());
        let carried = Template::of(b"{wait_us}").carries();
        assert!(carried.wait && !carried.compute && !carried.reply_size);
    }
}
