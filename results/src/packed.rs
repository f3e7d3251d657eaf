//! A histogram in few bytes.

use hdrhistogram::Histogram;

/// The values of a histogram in ascending order, each with its count: pairs of variable-length
/// integers (LEB128), the difference from the previous value and the count.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Packed {
    bytes: Box<[u8]>,
    count: u64,
    deviation: f64,
}

impl Packed {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let mut bytes = Vec::new();
        let mut before = 0;
        for step in histogram.iter_recorded() {
            write(step.value_iterated_to() - before, &mut bytes);
            write(step.count_at_value(), &mut bytes);
            before = step.value_iterated_to();
        }
        let (count, deviation) = (histogram.len(), histogram.stdev());
        Self { bytes: bytes.into_boxed_slice(), count, deviation }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Standard deviation; each value counts as the middle of those rounded to it.
    pub(crate) fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Each value, the greatest of those rounded to it, with its count.
    pub(crate) fn values(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let (mut rest, mut value) = (&self.bytes[..], 0);
        std::iter::from_fn(move || {
            value += read(&mut rest)?;
            Some((value, read(&mut rest)?))
        })
    }

    /// The value of this rank, from 1; for a rank beyond the last, the greatest value.
    pub(crate) fn at_rank(&self, rank: u64) -> u64 {
        let mut seen = 0;
        let mut last = 0;
        for (value, count) in self.values() {
            (seen, last) = (seen + count, value);
            if seen >= rank {
                break;
            }
        }
        last
    }
}

fn write(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_of_any_length_come_back(numbers in proptest::collection::vec(any::<u64>(), 0..50)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| write(*number, &mut bytes));
            let mut rest = &bytes[..];
            let read: Vec<u64> = std::iter::from_fn(|| read(&mut rest)).collect();
            prop_assert_eq!(read, numbers);
        }
    }
}
