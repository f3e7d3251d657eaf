//! What is measured of a cell, and where it stands in the measurement of a run.

use results::{Doubt, TimeHistogram};

use crate::experiment::Run;

/// What a curve shows of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Mean response time. If requests come in bursts, the median over a run's bursts of each
    /// burst's mean.
    Mean,
    /// Median response time.
    P50,
    /// 99th percentile of the response time.
    P99,
    /// Median response time of the short requests of a mix, which are the common ones.
    ShortP50,
    /// 99th percentile of the response time of the short requests.
    ShortP99,
    /// The server's processor time per request.
    ProcessorTime,
    /// Requests answered per second.
    Throughput,
}

impl Metric {
    /// Whether its values are response times.
    #[must_use]
    pub fn is_time(self) -> bool {
        !matches!(self, Self::Throughput | Self::ProcessorTime)
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn more_is_better(self) -> bool {
        self == Self::Throughput
    }

    /// The percentile (0 to 1) of [`Metric::histogram`] that it is in these runs; `None` if it is a
    /// ratio of sums.
    pub(crate) fn quantile(self, runs: &[Run<'_>]) -> Option<f64> {
        let has_bursts = |run: &Run<'_>| run.measured.times.burst_means.is_some();
        match self {
            Self::P50 | Self::ShortP50 => Some(0.5),
            Self::P99 | Self::ShortP99 => Some(0.99),
            Self::Mean if !runs.is_empty() && runs.iter().all(has_bursts) => Some(0.5),
            Self::Mean | Self::ProcessorTime | Self::Throughput => None,
        }
    }

    /// The times of a run from which the percentile is taken.
    pub(crate) fn histogram<'a>(self, run: &Run<'a>) -> Option<&'a TimeHistogram> {
        let times = &run.measured.times;
        match self {
            Self::P50 | Self::P99 => Some(&times.response_time),
            Self::ShortP50 | Self::ShortP99 => times.response_time_short.as_ref(),
            Self::Mean => times.burst_means.as_ref(),
            Self::ProcessorTime | Self::Throughput => None,
        }
    }

    /// The two sums of a run whose totals over all runs are divided. In a mean each unanswered
    /// request counts as the time-out that it exceeded, so the mean is a lower bound.
    pub(crate) fn sums(self, run: &Run<'_>) -> Option<(f64, f64)> {
        let measured = run.measured;
        match self {
            Self::Mean => {
                let times = &measured.times.response_time;
                let all = (times.count() + times.unanswered()) as f64;
                Some((times.mean_at_least_ns()? * all, all))
            }
            Self::ProcessorTime => {
                let server = measured.server.as_ref()?;
                Some((server.processor_ns() as f64, server.answered as f64))
            }
            Self::Throughput => {
                let answered = measured.events.answered_in_window as f64;
                Some((answered, measured.window_ns as f64 / 1e9))
            }
            Self::P50 | Self::P99 | Self::ShortP50 | Self::ShortP99 => None,
        }
    }

    /// The warnings of a run that concern this metric.
    pub fn doubts_in<'a>(self, run: &Run<'a>) -> impl Iterator<Item = &'a Doubt> {
        let tail = matches!(self, Self::P99 | Self::ShortP99);
        run.measured.doubts.iter().filter(move |doubt| tail || !doubt.concerns_tail_only())
    }
}
