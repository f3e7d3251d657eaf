//! What is measured of a cell, and where it stands in the measurement of a run.

use std::fmt;
use std::str::FromStr;

use results::{Doubt, InUse, Measurement, TimeHistogram};

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
    /// 90th percentile of the response time.
    P90,
    /// 95th percentile of the response time.
    P95,
    /// 99.9th percentile of the response time.
    P999,
    /// The fraction of the planned requests that got no answer.
    Unanswered,
    /// Wrong replies for each planned request.
    Wrong,
    /// The fraction of the requests whose connection was only established after its SYN had been
    /// repeated.
    Retried,
    /// Sockets of the server at the end of the load, kept connections included.
    Sockets,
    /// Processes of the server at the end of the load.
    Processes,
    /// Threads of these processes.
    Threads,
    /// The largest resident set of the server or of one of its workers.
    Memory,
    /// How evenly requests were spread over the workers: Jain's index, from 1/k (one of k workers
    /// served all) to 1 (Jain, Chiu and Hawe, DEC-TR-301, 1984).
    Evenness,
    /// Mean response time in mean service times.
    Stretch,
    /// The mean response time over what Comer's rule N/2 + 1 makes of the mean service time and the
    /// mean number of requests in the system.
    OverHalf,
    /// The mean response time over (N + 1) mean service times, N as before.
    OverWhole,
}

/// All metrics with their names in scenarios and answers.
const NAMES: [(Metric, &str); 21] = [
    (Metric::Mean, "mean"),
    (Metric::P50, "p50"),
    (Metric::P90, "p90"),
    (Metric::P95, "p95"),
    (Metric::P999, "p99.9"),
    (Metric::P99, "p99"),
    (Metric::ShortP50, "short-p50"),
    (Metric::ShortP99, "short-p99"),
    (Metric::ProcessorTime, "processor-time"),
    (Metric::Throughput, "throughput"),
    (Metric::Unanswered, "unanswered"),
    (Metric::Wrong, "wrong"),
    (Metric::Retried, "retried"),
    (Metric::Sockets, "sockets"),
    (Metric::Processes, "processes"),
    (Metric::Threads, "threads"),
    (Metric::Memory, "memory"),
    (Metric::Evenness, "evenness"),
    (Metric::Stretch, "stretch"),
    (Metric::OverHalf, "over-half"),
    (Metric::OverWhole, "over-whole"),
];

/// What the values of a metric are, which decides how they are written and drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// Nanoseconds.
    Time,
    /// Requests a second.
    Rate,
    /// Bytes.
    Size,
    /// A number of things.
    Count,
    /// A fraction, 0 to 1.
    Share,
    /// A plain number.
    Number,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(metric, _)| metric == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(_, name)| *name == text).map(|(metric, _)| *metric);
        found.ok_or_else(|| {
            let names = NAMES.map(|(_, name)| name).join(", ");
            format!("'{text}' is nothing that is measured; there are: {names}")
        })
    }
}

impl Metric {
    /// What its values are.
    #[must_use]
    pub fn unit(self) -> MetricUnit {
        match self {
            Self::Throughput => MetricUnit::Rate,
            Self::Unanswered | Self::Wrong | Self::Retried => MetricUnit::Share,
            Self::Sockets | Self::Processes | Self::Threads => MetricUnit::Count,
            Self::Memory => MetricUnit::Size,
            Self::Evenness | Self::Stretch | Self::OverHalf | Self::OverWhole => MetricUnit::Number,
            _ => MetricUnit::Time,
        }
    }

    /// The label of its axis.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Mean => "mean response time",
            Self::P50 => "response time, p50",
            Self::P90 => "response time, p90",
            Self::P95 => "response time, p95",
            Self::P999 => "response time, p99.9",
            Self::P99 => "response time, p99",
            Self::ShortP50 => "response time of short requests, p50",
            Self::ShortP99 => "response time of short requests, p99",
            Self::ProcessorTime => "processor time per request",
            Self::Throughput => "requests answered",
            Self::Unanswered => "requests without an answer, %",
            Self::Wrong => "wrong replies, % of requests",
            Self::Retried => "connections that needed a second SYN, %",
            Self::Sockets => "sockets of the server",
            Self::Processes => "processes of the server",
            Self::Threads => "threads of the server",
            Self::Memory => "memory of the server",
            Self::Evenness => "evenness over workers (Jain's index)",
            Self::Stretch => "mean response time in service times",
            Self::OverHalf => "response time over (N/2 + 1) service times",
            Self::OverWhole => "response time over (N + 1) service times",
        }
    }

    /// Whether its values are response times.
    #[must_use]
    pub fn is_time(self) -> bool {
        self.unit() == MetricUnit::Time && self != Self::ProcessorTime
    }

    /// Whether it changes if something outside disturbs a run. How many sockets a server has, or which
    /// replies are wrong, does not.
    #[must_use]
    pub fn depends_on_time(self) -> bool {
        !matches!(
            self,
            Self::Wrong | Self::Sockets | Self::Processes | Self::Threads | Self::Memory
        )
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn more_is_better(self) -> bool {
        self == Self::Throughput
    }

    /// The percentile (0 to 1) that it is by its name.
    pub(crate) fn share(self) -> Option<f64> {
        match self {
            Self::P50 | Self::ShortP50 => Some(0.5),
            Self::P90 => Some(0.9),
            Self::P95 => Some(0.95),
            Self::P99 | Self::ShortP99 => Some(0.99),
            Self::P999 => Some(0.999),
            _ => None,
        }
    }

    /// The percentile (0 to 1) of [`Metric::histogram`] that it is in these runs; `None` if it is a
    /// ratio of sums.
    pub(crate) fn quantile(self, runs: &[Run<'_>]) -> Option<f64> {
        let has_bursts = |run: &Run<'_>| run.measured.times.burst_means.is_some();
        match self {
            Self::Mean if !runs.is_empty() && runs.iter().all(has_bursts) => Some(0.5),
            _ => self.share(),
        }
    }

    /// The times of a run from which the percentile is taken.
    pub(crate) fn histogram<'a>(self, run: &Run<'a>) -> Option<&'a TimeHistogram> {
        let times = &run.measured.times;
        match self {
            Self::P50 | Self::P90 | Self::P95 | Self::P99 | Self::P999 => {
                Some(&times.response_time)
            }
            Self::ShortP50 | Self::ShortP99 => times.response_time_short.as_ref(),
            Self::Mean => times.burst_means.as_ref(),
            _ => None,
        }
    }

    /// The two sums of a run whose totals over all runs are divided. In a mean each unanswered
    /// request counts as the time-out that it exceeded, so the mean is a lower bound.
    pub(crate) fn sums(self, run: &Run<'_>) -> Option<(f64, f64)> {
        let measured = run.measured;
        let planned = measured.counts.planned as f64;
        let in_use = |of: fn(&InUse) -> u64| {
            let in_use = measured.server.as_ref()?.in_use.as_ref()?;
            Some((of(in_use) as f64, 1.0))
        };
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
            Self::Unanswered => Some((measured.counts.unanswered() as f64, planned)),
            Self::Wrong => Some((measured.events.wrong_replies as f64, planned)),
            Self::Retried => Some((measured.events.connect_retries as f64, planned)),
            Self::Sockets => in_use(|it| it.sockets),
            Self::Processes => in_use(|it| it.processes),
            Self::Threads => in_use(|it| it.threads),
            Self::Memory => Some((measured.server.as_ref()?.peak_memory_bytes as f64, 1.0)),
            Self::Evenness => Some((evenness(&measured.server.as_ref()?.per_worker)?, 1.0)),
            Self::Stretch => over_service_times(measured, |_| 1.0),
            Self::OverHalf => over_service_times(measured, |found| found / 2.0 + 1.0),
            Self::OverWhole => over_service_times(measured, |found| found + 1.0),
            Self::P50
            | Self::P90
            | Self::P95
            | Self::P99
            | Self::P999
            | Self::ShortP50
            | Self::ShortP99 => None,
        }
    }

    /// The warnings of a run that concern this metric.
    pub fn doubts_in<'a>(self, run: &Run<'a>) -> impl Iterator<Item = &'a Doubt> {
        let tail = matches!(self, Self::P99 | Self::P999 | Self::ShortP99);
        let is_counted = matches!(
            self.unit(),
            MetricUnit::Count | MetricUnit::Size | MetricUnit::Share | MetricUnit::Number
        );
        let concerns = move |doubt: &&Doubt| match is_counted {
            // What is counted does not depend on when it happened, and may be what a warning says.
            true => {
                matches!(doubt, Doubt::BrokenOff | Doubt::NobodyListens | Doubt::Disturbed { .. })
            }
            false => tail || !doubt.concerns_tail_only(),
        };
        run.measured.doubts.iter().filter(concerns)
    }
}

/// Jain's index of these counts; `None` where nothing was counted.
fn evenness(counts: &[u64]) -> Option<f64> {
    let sum: f64 = counts.iter().map(|count| *count as f64).sum();
    let squares: f64 = counts.iter().map(|count| (*count as f64).powi(2)).sum();
    (squares > 0.0).then(|| sum * sum / (counts.len() as f64 * squares))
}

/// The mean response time, and the mean service time times what `rule` makes of the mean number of
/// requests in the system; both times the number of requests.
fn over_service_times(measured: &Measurement, rule: fn(f64) -> f64) -> Option<(f64, f64)> {
    let times = &measured.times.response_time;
    let all = times.count() as f64;
    let service = measured.times.service_time.mean_ns()?;
    let expected = service * rule(measured.generator.mean_in_flight);
    Some((times.mean_at_least_ns()? * all, expected * all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (metric, name) in NAMES {
            assert_eq!(name.parse(), Ok(metric));
            assert_eq!(metric.to_string(), name);
        }
        assert!("speed".parse::<Metric>().is_err_and(|error| error.contains("short-p99")));
    }

    #[test]
    fn an_even_distribution_has_index_one_and_a_single_worker_one_in_k() {
        assert_eq!(evenness(&[5, 5, 5, 5]), Some(1.0));
        assert_eq!(evenness(&[20, 0, 0, 0]), Some(0.25));
        assert_eq!(evenness(&[]), None);
        assert_eq!(evenness(&[0, 0]), None);
    }
}
