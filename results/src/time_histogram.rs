//! A distribution of times, kept whole, that includes the unanswered requests.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use crate::packed::Packed;

/// The longest time that is recorded, in nanoseconds: an hour. Longer times count as an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Significant decimal digits that are kept of each value.
const DIGITS: u8 = 3;

/// A histogram of times in nanoseconds, and the requests whose time has only a lower bound: one
/// that was given up after a second took longer than a second.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(into = "Stored", try_from = "Stored")]
pub struct TimeHistogram {
    values: Values,
    sum_ns: u128,
    unanswered: u64,
    above_ns: u64,
}

/// The recorded times, in one of two equivalent forms.
#[derive(Clone, Debug)]
enum Values {
    /// A counter for each possible time, 270 KB: used for recording.
    Dense(Box<Histogram<u64>>),
    /// Only the times that occur, a few KB: used for keeping. An empty one needs no heap memory.
    Packed(Packed),
}

impl PartialEq for TimeHistogram {
    fn eq(&self, other: &Self) -> bool {
        let rest = |it: &Self| (it.sum_ns, it.unanswered, it.above_ns);
        rest(self) == rest(other) && self.packed() == other.packed()
    }
}

/// What is known of a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// Its value in nanoseconds.
    At(u64),
    /// It lies among the unanswered requests, and exceeds this bound in nanoseconds.
    Above(u64),
    /// There are no requests.
    Empty,
}

impl Percentile {
    /// The value, where it is known.
    #[must_use]
    pub fn known_ns(self) -> Option<u64> {
        match self {
            Self::At(value) => Some(value),
            Self::Above(_) | Self::Empty => None,
        }
    }

    /// A lower limit of the percentile: its value, or the bound that it exceeds.
    #[must_use]
    pub fn at_least_ns(self) -> Option<u64> {
        match self {
            Self::At(value) | Self::Above(value) => Some(value),
            Self::Empty => None,
        }
    }
}

/// The statistics of a distribution for programs, named as they are in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Number of recorded times, without the unanswered requests.
    pub count: u64,
    /// Requests whose time has only a lower bound.
    pub unanswered: u64,
    /// Mean of the recorded times, without the unanswered requests.
    pub mean_ns: Option<f64>,
    /// Median; like every percentile, null where it lies among the unanswered requests.
    pub p50_ns: Option<u64>,
    /// 90th percentile.
    pub p90_ns: Option<u64>,
    /// 99th percentile.
    pub p99_ns: Option<u64>,
    /// 99.9th percentile.
    pub p99_9_ns: Option<u64>,
    /// The longest time; null if any request is unanswered.
    pub max_ns: Option<u64>,
    /// The bound that a null percentile exceeds; absent if no request is unanswered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub above_ns: Option<u64>,
}

impl Default for TimeHistogram {
    fn default() -> Self {
        Self::new()
    }
}

impl TimeHistogram {
    /// An empty distribution.
    #[must_use]
    pub fn new() -> Self {
        Self { values: Values::Packed(Packed::default()), sum_ns: 0, unanswered: 0, above_ns: 0 }
    }

    /// The distribution of values that were counted elsewhere, each with its count. Their exact sum
    /// is given separately, because the values may have been rounded below three digits.
    #[must_use]
    pub fn of_counts(values: impl Iterator<Item = (u64, u64)>, sum_ns: u128) -> Self {
        let mut histogram = empty();
        values.for_each(|(ns, count)| histogram.saturating_record_n(ns, count));
        let values = Values::Packed(Packed::of(&histogram));
        Self { values, sum_ns, unanswered: 0, above_ns: 0 }
    }

    /// Records a time. Neither locks nor allocates, except the first time.
    pub fn record(&mut self, ns: u64) {
        self.dense().saturating_record(ns);
        self.sum_ns += u128::from(ns);
    }

    /// The counters; packed values are unpacked first.
    fn dense(&mut self) -> &mut Histogram<u64> {
        if let Values::Packed(packed) = &self.values {
            self.values = Values::Dense(Box::new(unpacked(packed)));
        }
        match &mut self.values {
            Values::Dense(histogram) => histogram,
            Values::Packed(_) => unreachable!("it was unpacked above"),
        }
    }

    fn packed(&self) -> Cow<'_, Packed> {
        match &self.values {
            Values::Dense(histogram) => Cow::Owned(Packed::of(histogram)),
            Values::Packed(packed) => Cow::Borrowed(packed),
        }
    }

    /// The same distribution in its packed form.
    #[must_use]
    pub fn compact(mut self) -> Self {
        self.values = Values::Packed(self.packed().into_owned());
        self
    }

    /// Records a request that was given up: its time is greater than `above_ns`. The least of
    /// several such bounds is kept, because only that bound is true of all of them.
    pub fn record_unanswered(&mut self, above_ns: u64) {
        self.record_many_unanswered(above_ns, 1);
    }

    /// Records `count` such requests with one bound.
    pub fn record_many_unanswered(&mut self, above_ns: u64, count: u64) {
        self.above_ns = if self.unanswered == 0 { above_ns } else { self.above_ns.min(above_ns) };
        self.unanswered += count;
    }

    /// Adds another distribution of the same quantity and run.
    pub fn add(&mut self, other: &Self) {
        let its = match &other.values {
            Values::Dense(histogram) => Cow::Borrowed(histogram.as_ref()),
            Values::Packed(packed) => Cow::Owned(unpacked(packed)),
        };
        self.dense().add(its.as_ref()).expect("all spectra have the same bounds");
        self.sum_ns += other.sum_ns;
        self.copy_unanswered(other);
    }

    /// Adds the unanswered requests of another distribution.
    pub fn copy_unanswered(&mut self, other: &Self) {
        if other.unanswered > 0 {
            self.record_many_unanswered(other.above_ns, other.unanswered);
        }
    }

    /// Number of recorded times, without the unanswered requests.
    #[must_use]
    pub fn count(&self) -> u64 {
        match &self.values {
            Values::Dense(histogram) => histogram.len(),
            Values::Packed(packed) => packed.count(),
        }
    }

    /// Number of requests whose time has only a lower bound.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// Exact mean of the recorded times.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum_ns as f64 / self.count() as f64)
    }

    /// A lower limit of the mean of all requests: each unanswered one counts as the bound that it
    /// exceeds.
    #[must_use]
    pub fn mean_at_least_ns(&self) -> Option<f64> {
        let all = self.count() + self.unanswered;
        let sum_ns = self.sum_ns as f64 + self.above_ns as f64 * self.unanswered as f64;
        (all > 0).then(|| sum_ns / all as f64)
    }

    /// Squared coefficient of variation of the recorded times: 0 if all are equal, 1 for an
    /// exponential distribution.
    #[must_use]
    pub fn squared_variation(&self) -> Option<f64> {
        let mean = self.mean_ns().filter(|mean| *mean > 0.0)?;
        let deviation = match &self.values {
            Values::Dense(histogram) => histogram.stdev(),
            Values::Packed(packed) => packed.deviation(),
        };
        Some((deviation / mean).powi(2))
    }

    /// The value that a fraction `quantile` (0 to 1) of all requests does not exceed. Unanswered
    /// requests count as the longest of all. Exact to three digits.
    #[must_use]
    pub fn percentile(&self, quantile: f64) -> Percentile {
        let (known, all) = (self.count(), self.count() + self.unanswered);
        if all == 0 {
            return Percentile::Empty;
        }
        // A tiny amount is subtracted so that 0.99 of 100 is rank 99 and not, by rounding, rank
        // 100.
        let rank = ((quantile * all as f64 - 1e-9).ceil() as u64).clamp(1, all);
        if rank > known {
            return Percentile::Above(self.above_ns);
        }
        Percentile::At(match &self.values {
            // Half a rank is subtracted, so that rounding cannot lift it to the next rank.
            Values::Dense(histogram) => {
                histogram.value_at_quantile((rank as f64 - 0.5) / known as f64)
            }
            Values::Packed(packed) => packed.at_rank(rank),
        })
    }

    /// The times that were recorded, in ascending order and each with its count; times that differ
    /// in the fourth digit may count as one.
    #[must_use]
    pub fn values(&self) -> Vec<(u64, u64)> {
        self.packed().values().collect()
    }

    /// The longest time; known only if every request was answered.
    #[must_use]
    pub fn max(&self) -> Percentile {
        match (self.unanswered, self.count()) {
            (0, 0) => Percentile::Empty,
            (0, count) => match &self.values {
                Values::Dense(histogram) => Percentile::At(histogram.max()),
                Values::Packed(packed) => Percentile::At(packed.at_rank(count)),
            },
            _ => Percentile::Above(self.above_ns),
        }
    }

    /// The statistics for programs.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let percentile = |quantile| self.percentile(quantile).known_ns();
        Summary {
            count: self.count(),
            unanswered: self.unanswered,
            mean_ns: self.mean_ns(),
            p50_ns: percentile(0.5),
            p90_ns: percentile(0.9),
            p99_ns: percentile(0.99),
            p99_9_ns: percentile(0.999),
            max_ns: self.max().known_ns(),
            above_ns: (self.unanswered > 0).then_some(self.above_ns),
        }
    }

    /// A histogram for HdrHistogram's own formats. These have no unanswered requests, so each is
    /// recorded as the bound that it exceeds.
    #[must_use]
    pub fn hdr_histogram(&self) -> Histogram<u64> {
        let mut histogram = self.clone();
        let histogram = histogram.dense();
        histogram.saturating_record_n(self.above_ns.max(1), self.unanswered);
        histogram.clone()
    }
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, DIGITS)
        .expect("the bounds are constants that the library accepts")
}

fn unpacked(packed: &Packed) -> Histogram<u64> {
    let mut histogram = empty();
    packed.values().for_each(|(ns, count)| histogram.saturating_record_n(ns, count));
    histogram
}

/// The form of a histogram in a file: the lossless histogram in HdrHistogram's own encoding.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Stored {
    histogram: String,
    count: u64,
    sum_ns: f64,
    unanswered: u64,
    above_ns: u64,
}

impl From<TimeHistogram> for Stored {
    fn from(histogram: TimeHistogram) -> Self {
        let mut bytes = Vec::new();
        let count = histogram.count();
        let mut whole = histogram.clone();
        V2DeflateSerializer::new()
            .serialize(whole.dense(), &mut bytes)
            .expect("memory takes every byte written to it");
        Self {
            histogram: BASE64.encode(bytes),
            count,
            sum_ns: histogram.sum_ns as f64,
            unanswered: histogram.unanswered,
            above_ns: histogram.above_ns,
        }
    }
}

impl TryFrom<Stored> for TimeHistogram {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let bytes = BASE64.decode(&stored.histogram).map_err(|error| error.to_string())?;
        let decoded: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|_| "not a histogram of HdrHistogram's format V2".to_owned())?;
        if decoded.len() != stored.count {
            return Err(format!("{} values where {} are named", decoded.len(), stored.count));
        }
        if (decoded.low(), decoded.sigfig()) != (1, DIGITS) || decoded.max() > 2 * LONGEST_NS {
            return Err("a histogram with other bounds than ours".to_owned());
        }
        Ok(Self {
            values: Values::Packed(Packed::of(&decoded)),
            sum_ns: stored.sum_ns as u128,
            unanswered: stored.unanswered,
            above_ns: stored.above_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(values: &[u64], unanswered: u64) -> TimeHistogram {
        let mut histogram = TimeHistogram::new();
        values.iter().for_each(|value| histogram.record(*value));
        (0..unanswered).for_each(|_| histogram.record_unanswered(1_000_000_000));
        histogram
    }

    #[test]
    fn two_unanswered_in_a_hundred_make_p97_a_number_and_p99_a_bound() {
        let histogram = histogram(&(1..=98).collect::<Vec<_>>(), 2);
        assert_eq!(histogram.percentile(0.97), Percentile::At(97));
        assert_eq!(histogram.percentile(0.98), Percentile::At(98));
        assert_eq!(histogram.percentile(0.99), Percentile::Above(1_000_000_000));
        let summary = histogram.summary();
        assert_eq!((summary.p99_ns, summary.above_ns), (None, Some(1_000_000_000)));
        assert_eq!(summary.max_ns, None);
        let least = histogram.mean_at_least_ns().expect("there are some");
        assert!((least - (4_851.0 + 2e9) / 100.0).abs() < 1.0, "{least}");
    }

    #[test]
    fn an_empty_spectrum_has_no_figures() {
        let summary = TimeHistogram::new().summary();
        assert_eq!((summary.count, summary.mean_ns, summary.p50_ns), (0, None, None));
        assert_eq!(TimeHistogram::new().percentile(0.5), Percentile::Empty);
    }

    #[test]
    fn the_least_bound_is_kept() {
        let mut histogram = TimeHistogram::new();
        histogram.record_unanswered(500);
        histogram.record_unanswered(300);
        histogram.record_unanswered(400);
        assert_eq!(histogram.percentile(0.5), Percentile::Above(300));
    }

    proptest! {
        #[test]
        fn a_percentile_is_that_of_the_sorted_values(
            mut values in proptest::collection::vec(1..1_000u64, 1..300),
            quantile in 0.0..1.0f64,
        ) {
            let histogram = histogram(&values, 0);
            values.sort_unstable();
            let rank = ((quantile * values.len() as f64).ceil() as usize).clamp(1, values.len());
            prop_assert_eq!(histogram.percentile(quantile), Percentile::At(values[rank - 1]));
        }

        #[test]
        fn what_is_stored_is_read_again(
            values in proptest::collection::vec(0..10_000_000_000u64, 0..100),
            unanswered in 0..5u64,
        ) {
            let before = histogram(&values, unanswered);
            let text = serde_json::to_string(&before).expect("a histogram is data");
            let after: TimeHistogram = serde_json::from_str(&text).expect("what was written");
            prop_assert_eq!(before.summary(), after.summary());
            prop_assert_eq!(&before, &after);
            let spread = (before.squared_variation(), after.squared_variation());
            prop_assert!(spread.0 == spread.1 || (spread.0.unwrap_or(0.0) - spread.1.unwrap_or(0.0)).abs() < 1e-9);
            prop_assert_eq!(before.clone().compact().summary(), before.summary());
        }

        #[test]
        fn merging_is_recording_everything_in_one(
            left in proptest::collection::vec(1..1_000_000u64, 0..50),
            right in proptest::collection::vec(1..1_000_000u64, 0..50),
            lost in (0..3u64, 0..3u64),
        ) {
            let mut merged = histogram(&left, lost.0);
            merged.add(&histogram(&right, lost.1));
            let whole = histogram(&[left, right].concat(), lost.0 + lost.1);
            prop_assert_eq!(merged.summary(), whole.summary());
        }
    }
}
