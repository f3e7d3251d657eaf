//! Reasons not to trust a run, each a value whose text names the remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cause::{ShownFigure, UnansweredCause, UnsentCause};

/// One warning about a run. A clean run has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "doubt", rename_all = "kebab-case")]
pub enum Doubt {
    /// The rate achieved is more than 1 % off the plan's.
    RateMissed {
        /// Requests a second that the plan holds.
        planned_per_s: f64,
        /// Requests a second that were sent.
        achieved_per_s: f64,
    },
    /// The generator was late: its own lag makes a figure that is shown too long.
    LagHigh {
        /// 99th percentile of the lag.
        lag_p99_ns: u64,
        /// Median response time.
        response_p50_ns: u64,
        /// The figure that is too long by the greatest share; absent in old records, in which a tenth
        /// of the median decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        figure: Option<ShownFigure>,
        /// The share of that figure that the lag accounts for.
        #[serde(default)]
        share: f64,
    },
    /// The gaps between the sends do not vary as those of the plan do.
    ArrivalsOff {
        /// Squared coefficient of variation of the planned gaps.
        planned_cv2: f64,
        /// The same of the gaps between the send calls.
        sent_cv2: f64,
    },
    /// The generator's loop stood still.
    Hiccups {
        /// How many times it stood still for more than a millisecond.
        count: u64,
        /// The longest time.
        longest_ns: u64,
    },
    /// A core lost time to the hypervisor.
    Stolen {
        /// The greatest fraction of its time that a core lost to the hypervisor.
        share: f64,
    },
    /// The generator used nearly all of its core although it was not set to spin.
    GeneratorStarved {
        /// Processor time over wall time.
        share: f64,
    },
    /// Response time changed from the beginning of the window to its end.
    NotStationary {
        /// Mean response time in the last tenth of the window over that in the first.
        ratio: f64,
    },
    /// Too few requests for the tail that is printed.
    TooFewSamples {
        /// The percentile that needs more.
        percentile: f64,
        /// Requests that it needs.
        needed: u64,
        /// The effective sample size of the run.
        count: u64,
    },
    /// The mean number in flight does not equal throughput times response time.
    LittlesLaw {
        /// Mean number in flight, measured.
        in_flight: f64,
        /// Throughput times mean response time from the send.
        expected: f64,
    },
    /// Some requests never got their answer.
    Unanswered {
        /// How many.
        count: u64,
        /// What became of most of them; absent in old records.
        #[serde(default)]
        most: Option<UnansweredCause>,
        /// If most were refused by an HTTP reply, the most frequent status of these replies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    /// Replies came that were not asked for, or were not what was asked for.
    WrongReplies {
        /// How many.
        count: u64,
    },
    /// Requests could not be sent, each for a cause of [`UnsentCause`].
    Exhausted {
        /// How many requests could not be sent.
        unsent: u64,
        /// The cause for most of them; absent in old records.
        #[serde(default)]
        lack: Option<UnsentCause>,
    },
    /// The run was ended early.
    BrokenOff,
    /// The run was ended early because the server was overloaded for certain: requests arrived faster
    /// than it answered them.
    Overloaded {
        /// Requests in flight at the end.
        in_flight: u64,
        /// Requests sent until then.
        sent: u64,
    },
    /// The run was ended because the kernel refused its first requests, and nothing else came.
    NobodyListens,
    /// Some of the connections that were kept never brought a reply, while others did.
    UnservedConnections {
        /// How many.
        count: u64,
        /// Number of kept connections.
        of: u64,
    },
    /// Connections were tried again after a second or three.
    ConnectionRetries {
        /// How many.
        count: u64,
    },
    /// A queue of the kernel overflowed during the run.
    QueueOverflow {
        /// Datagrams dropped at a full receive buffer.
        datagrams: u64,
        /// Connections dropped at a full listen queue.
        connections: u64,
    },
    /// Generator and server had to share a core.
    SharedCores,
    /// The core was slower than usual during this run.
    Slow {
        /// Speed at the run's start over the median of the runs before it.
        ratio: f64,
    },
    /// Something outside the run took so much of its cores that the run does not count.
    Disturbed {
        /// Fraction of the run's time that others took of its cores.
        share: f64,
        /// The greatest such fraction with which a run of its experiment counts.
        limit: f64,
    },
}

/// The text about a lag that is too long.
fn lag_in_words(lag: &str, p50_ns: u64, figure: Option<ShownFigure>, share: f64) -> String {
    match figure {
        Some(figure) => format!(
            "{lag} accounts for {:.0} % of the {} of the response time",
            share * 100.0,
            figure.text()
        ),
        None => format!(
            "{lag} is more than a tenth of the median response time ({:.1} µs)",
            p50_ns as f64 / 1e3
        ),
    }
}

/// The text about requests without a right answer.
fn unanswered(count: u64, most: Option<UnansweredCause>, status: Option<u16>) -> String {
    let where_they_stand =
        "the percentiles count them as longer than the time-out, the mean leaves them out";
    if let Some(status) = status {
        return format!(
            "{count} requests got no right answer, most of them one with status {status}, whose \
             times are listed by status; {where_they_stand}"
        );
    }
    let text = format!("{count} requests got no answer; {where_they_stand}");
    match most {
        Some(most) => format!("{text}; all or most of them {}", most.text()),
        None => text,
    }
}

impl Doubt {
    /// The warning in a few plain words, for people.
    #[must_use]
    pub fn plain_name(&self) -> &'static str {
        match self {
            Self::RateMissed { .. } => "planned rate missed",
            Self::LagHigh { .. } => "generator ran late",
            Self::ArrivalsOff { .. } => "sends not as planned",
            Self::Hiccups { .. } => "generator was stopped",
            Self::Stolen { .. } => "hypervisor took time",
            Self::GeneratorStarved { .. } => "generator out of processor time",
            Self::NotStationary { .. } => "no steady state",
            Self::TooFewSamples { .. } => "too short for p99",
            Self::LittlesLaw { .. } => "window too short",
            Self::Unanswered { .. } => "requests without an answer",
            Self::WrongReplies { .. } => "wrong replies",
            Self::Exhausted { .. } => "requests not sent",
            Self::BrokenOff => "ended early",
            Self::Overloaded { .. } => "server overloaded",
            Self::NobodyListens => "no server listening",
            Self::UnservedConnections { .. } => "connections never served",
            Self::ConnectionRetries { .. } => "connections retried",
            Self::QueueOverflow { .. } => "kernel queue overflowed",
            Self::SharedCores => "generator and server shared a core",
            Self::Slow { .. } => "core slower than usual",
            Self::Disturbed { .. } => "disturbed from outside",
        }
    }

    /// The warning's name in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RateMissed { .. } => "rate-missed",
            Self::LagHigh { .. } => "lag-high",
            Self::ArrivalsOff { .. } => "arrivals-off",
            Self::Hiccups { .. } => "hiccups",
            Self::Stolen { .. } => "stolen",
            Self::GeneratorStarved { .. } => "generator-starved",
            Self::NotStationary { .. } => "not-stationary",
            Self::TooFewSamples { .. } => "too-few-samples",
            Self::LittlesLaw { .. } => "littles-law",
            Self::Unanswered { .. } => "unanswered",
            Self::WrongReplies { .. } => "wrong-replies",
            Self::Exhausted { .. } => "exhausted",
            Self::BrokenOff => "broken-off",
            Self::Overloaded { .. } => "overloaded",
            Self::NobodyListens => "nobody-listens",
            Self::UnservedConnections { .. } => "unserved-connections",
            Self::ConnectionRetries { .. } => "connection-retries",
            Self::QueueOverflow { .. } => "queue-overflow",
            Self::SharedCores => "shared-cores",
            Self::Slow { .. } => "slow",
            Self::Disturbed { .. } => "disturbed",
        }
    }

    /// Whether it says that the run was too short to tell, as opposed to disturbed.
    #[must_use]
    pub fn is_too_short(&self) -> bool {
        matches!(self, Self::TooFewSamples { .. } | Self::LittlesLaw { .. })
    }

    /// Whether it tells what the server did, and not what disturbed the measurement.
    #[must_use]
    pub fn is_about_the_server(&self) -> bool {
        matches!(
            self,
            Self::Unanswered { .. }
                | Self::WrongReplies { .. }
                | Self::UnservedConnections { .. }
                | Self::ConnectionRetries { .. }
                | Self::QueueOverflow { .. }
                | Self::Overloaded { .. }
        )
    }

    /// Whether the warning concerns only the tail; means and medians stay valid.
    #[must_use]
    pub fn concerns_tail_only(&self) -> bool {
        match self {
            Self::TooFewSamples { .. } => true,
            Self::LagHigh { figure, .. } => *figure == Some(ShownFigure::P99),
            _ => false,
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.observation(), self.remedy())
    }
}

const NOBODY_LISTENS: &str =
    "the kernel refused the first requests and no reply came, so the run was ended";

const SHARED_CORES: &str = "generator and server shared a core and disturbed each other";

impl Doubt {
    /// What was observed.
    fn observation(&self) -> String {
        let us = |ns: &u64| *ns as f64 / 1e3;
        let percent = |share: &f64| share * 100.0;
        match self {
            Self::RateMissed { planned_per_s, achieved_per_s } => {
                format!("{achieved_per_s:.1}/s were sent instead of {planned_per_s:.1}/s")
            }
            Self::LagHigh { lag_p99_ns, response_p50_ns, figure, share } => {
                let lag = format!("the generator's lag (p99 {:.1} µs)", us(lag_p99_ns));
                lag_in_words(&lag, *response_p50_ns, *figure, *share)
            }
            Self::ArrivalsOff { planned_cv2, sent_cv2 } => format!(
                "the gaps between sends vary differently from the plan (C² {sent_cv2:.2} instead of \
                 {planned_cv2:.2})"
            ),
            Self::Hiccups { count, longest_ns } => format!(
                "the generator was stopped for more than 1 ms {count} time(s), at most for {:.1} ms",
                us(longest_ns) / 1e3
            ),
            Self::Stolen { share } => {
                format!("the hypervisor took {:.1} % of a core's time", percent(share))
            }
            Self::GeneratorStarved { share } => {
                format!("the generator used {:.0} % of its core", percent(share))
            }
            Self::NotStationary { ratio } => format!(
                "the response time changed by a factor of {ratio:.1} during the run: there is no steady \
                 state"
            ),
            Self::TooFewSamples { percentile, needed, count } => {
                format!("p{percentile} needs about {needed} independent requests and had {count}")
            }
            Self::LittlesLaw { in_flight, expected } => format!(
                "{in_flight:.3} requests were in flight on average, but throughput × response time is \
                 {expected:.3}"
            ),
            Self::Unanswered { count, most, status } => unanswered(*count, *most, *status),
            Self::WrongReplies { count } => format!(
                "{count} replies were wrong or unsolicited; over TCP each that names no request \
                 costs its connection"
            ),
            Self::Exhausted { unsent, lack } => format!(
                "{unsent} requests could not be sent for lack of {}",
                lack.map_or("ports, descriptors, slots in flight, or time", UnsentCause::text)
            ),
            Self::BrokenOff => "the run was ended early".to_owned(),
            Self::Overloaded { in_flight, sent } => format!(
                "requests arrived faster than the server answered them: {in_flight} of {sent} were \
                 in flight when the run was ended early"
            ),
            Self::NobodyListens => NOBODY_LISTENS.to_owned(),
            Self::UnservedConnections { count, of } => {
                format!("{count} of the {of} kept connections never brought a reply")
            }
            Self::ConnectionRetries { count } => format!(
                "{count} connections got no answer to their first SYN; the kernel tried again after \
                 1 s or 3 s"
            ),
            Self::QueueOverflow { datagrams, connections } => format!(
                "the kernel dropped {datagrams} datagrams and {connections} connections because queues \
                 were full"
            ),
            Self::SharedCores => SHARED_CORES.to_owned(),
            Self::Slow { .. } | Self::Disturbed { .. } => self.observation_of_cores(),
        }
    }

    /// What was observed of the cores of a run.
    fn observation_of_cores(&self) -> String {
        let percent = |share: &f64| share * 100.0;
        match self {
            Self::Disturbed { share, limit } => format!(
                "other programs took {:.1} % of the run's time on its cores (the limit is {:.0} %), \
                 so the run does not count",
                percent(share),
                percent(limit)
            ),
            Self::Slow { ratio } => {
                format!("the core ran at {:.0} % of its usual speed", percent(ratio))
            }
            _ => String::new(),
        }
    }

    /// What helps, or what the warning means.
    fn remedy(&self) -> &'static str {
        match self {
            Self::RateMissed { .. } => "lower the rate, or give the generator a core of its own",
            Self::LagHigh { .. } => {
                "stop other programs, give the generator a core of its own, or use longer requests"
            }
            Self::ArrivalsOff { .. } => "lower the rate, or stop other programs",
            Self::Hiccups { .. } => "stop other programs and repeat the run",
            Self::Stolen { .. } => "repeat when the host is less busy",
            Self::GeneratorStarved { .. } => "lower the rate",
            Self::NotStationary { ratio } if *ratio < 1.0 => {
                "the first requests were slower: use a longer warm-up"
            }
            Self::NotStationary { .. } => {
                "the load is near or beyond the server's capacity: lower the rate"
            }
            Self::TooFewSamples { .. } => "measure for longer",
            Self::LittlesLaw { .. } => "the window is too short for this load: measure for longer",
            Self::Unanswered { status: Some(_), .. } => {
                "request what the server has, or say which statuses are right (--ok); if it is \
                 overloaded, lower the rate"
            }
            Self::Unanswered { most, .. } => most.unwrap_or(UnansweredCause::TimedOut).remedy(),
            Self::WrongReplies { .. } => UnansweredCause::Wrong.remedy(),
            Self::Exhausted { lack, .. } => {
                lack.map_or("lower the rate, or keep connections", UnsentCause::remedy)
            }
            Self::Overloaded { .. } => "the server cannot serve this load",
            Self::BrokenOff => "the results cover the time until then; repeat the whole run",
            Self::NobodyListens => "check that the server runs and listens there",
            Self::UnservedConnections { .. } => {
                "a server with a worker for each connection serves only as many as it has workers: \
                 give it more workers, use fewer --clients, or --connection per-request"
            }
            Self::ConnectionRetries { .. } => {
                "the server's listen queue is too short or it accepts too slowly: give it a longer one, or keep connections"
            }
            Self::QueueOverflow { .. } => {
                "the load is beyond the server's capacity: lower the rate"
            }
            Self::SharedCores => {
                "give the generator cores that the server does not use (--cores), on a machine with at least two"
            }
            Self::Slow { .. } => "repeat the run",
            Self::Disturbed { .. } => "stop other programs, or continue the bench with --resume",
        }
    }
}
