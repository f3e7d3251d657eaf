//! Reasons not to trust a run, each a value whose text names the remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One reason to doubt a run. The list of a clean run is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "doubt", rename_all = "kebab-case")]
pub enum Doubt {
    /// The rate achieved is more than 1 % off the plan's.
    RateMissed {
        /// Requests a second that the plan holds.
        planned_per_s: f64,
        /// Requests a second that were sent.
        achieved_per_s: f64,
    },
    /// The generator was late: its own lag is not small beside what it measured.
    LagHigh {
        /// 99th percentile of the lag.
        lag_p99_ns: u64,
        /// Median response time.
        response_p50_ns: u64,
    },
    /// The gaps between the sends do not vary as those of the plan do.
    ArrivalsOff {
        /// Squared coefficient of variation of the planned gaps.
        planned_cv2: f64,
        /// The same of the gaps at the send calls.
        sent_cv2: f64,
    },
    /// The generator's loop stood still.
    Hiccups {
        /// How many times it stood still for more than a millisecond.
        count: u64,
        /// The longest time.
        longest_ns: u64,
    },
    /// The hypervisor gave processor time to others.
    Stolen {
        /// Share of the time of the core that was robbed most.
        share: f64,
    },
    /// The generator used nearly all of its core without being told to spin.
    GeneratorStarved {
        /// Processor time over wall time.
        share: f64,
    },
    /// Response time grew from the beginning of the window to its end.
    NotStationary {
        /// Mean of the last tenth of the requests over that of the first.
        ratio: f64,
    },
    /// Too few requests for the tail that is printed.
    TooFewSamples {
        /// The percentile that needs more.
        percentile: f64,
        /// Requests that it needs.
        needed: u64,
        /// Independent requests there were as good as.
        count: u64,
    },
    /// The mean number in flight is not throughput times response time.
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
        /// What became of most of them; records of old do not tell.
        #[serde(default)]
        most: Option<UnansweredCause>,
        /// Where most were refused by a reply of HTTP, the status that most of these had.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    /// Replies came that were not asked for, or not so.
    WrongReplies {
        /// How many.
        count: u64,
    },
    /// The generator lacked something that a request needs.
    Exhausted {
        /// How many requests could not be sent for it.
        unsent: u64,
        /// What most of them lacked; records of old do not tell.
        #[serde(default)]
        lack: Option<UnsentCause>,
    },
    /// The run was ended before its time.
    BrokenOff,
    /// The run was ended because the kernel refused its first requests, and nothing else came.
    NobodyListens,
    /// Some of the connections that were kept never brought a reply, while others did.
    UnservedConnections {
        /// How many.
        count: u64,
        /// Of how many.
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
}

/// What a request that could not be sent was in want of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnsentCause {
    /// The run was over before it could leave.
    Time,
    /// As many as may be were in flight.
    Places,
    /// The kernel had no port left for a connection.
    Ports,
    /// The process may open no more descriptors.
    Descriptors,
    /// It fits no datagram, or too much waits on its connection already.
    Room,
    /// Anything else that the kernel would not give.
    Other,
}

impl UnsentCause {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Time, Self::Places, Self::Ports, Self::Descriptors, Self::Room, Self::Other];

    fn text(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Places => "places in flight",
            Self::Ports => "ports",
            Self::Descriptors => "descriptors",
            Self::Room => "room in a datagram or on its connection",
            Self::Other => "something that the kernel would not give",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Time => "lower the rate",
            Self::Places => "lower the rate, or raise --max-in-flight",
            Self::Ports => "keep connections, or end them by reset",
            Self::Descriptors => "raise the limit (ulimit -n), or use fewer connections",
            Self::Room => "send smaller requests, or fewer on a connection",
            Self::Other => "look at the kernel's bounds on sockets and their memory",
        }
    }
}

/// How a request ended that has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnansweredCause {
    /// It never left.
    Unsent,
    /// The server, or the kernel for it, refused.
    Refused,
    /// Its connection ended first.
    Reset,
    /// What came was not what was asked.
    Wrong,
    /// Nothing came in time.
    TimedOut,
    /// The run was broken off first.
    InFlight,
}

impl UnansweredCause {
    fn text(self) -> &'static str {
        match self {
            Self::Unsent => "never left",
            Self::Refused => "were refused",
            Self::Reset => "lost their connection",
            Self::Wrong => "got something else",
            Self::TimedOut => "got nothing in time",
            Self::InFlight => "were on their way when the run was broken off",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Unsent => "lower the rate",
            Self::Refused => {
                "see that the server listens there and has what is asked for; if it is overloaded, lower the rate"
            }
            Self::Reset => {
                "see whether the server died or keeps no connections (--connection per-request, or per:N)"
            }
            Self::Wrong => {
                "see that the server speaks what the load does (--service, --send, --reply-until, --reply-length)"
            }
            Self::TimedOut => "lower the rate, or wait for longer (--timeout)",
            Self::InFlight => "repeat the run to its end",
        }
    }
}

/// What is said of requests without a right answer.
fn unanswered(count: u64, most: Option<UnansweredCause>, status: Option<u16>) -> String {
    let where_they_stand =
        "they stand in the percentiles as longer than the time-out, in the mean not at all";
    if let Some(status) = status {
        return format!(
            "{count} requests got no right answer, most of them one with status {status}, whose \
             times stand by themselves; {where_they_stand}"
        );
    }
    let text = format!("{count} requests never got their answer; {where_they_stand}");
    match most {
        Some(most) => format!("{text}; all or most of them {}", most.text()),
        None => text,
    }
}

impl Doubt {
    /// The doubt's name in JSON.
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
            Self::NobodyListens => "nobody-listens",
            Self::UnservedConnections { .. } => "unserved-connections",
            Self::ConnectionRetries { .. } => "connection-retries",
            Self::QueueOverflow { .. } => "queue-overflow",
            Self::SharedCores => "shared-cores",
            Self::Slow { .. } => "slow",
        }
    }

    /// Whether the doubt concerns only the tail of the distribution; means and medians stand.
    #[must_use]
    pub fn concerns_tail_only(&self) -> bool {
        matches!(self, Self::TooFewSamples { .. })
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.observation(), self.remedy())
    }
}

const NOBODY_LISTENS: &str =
    "the kernel refused the first requests, and nothing else came, so that the run was ended";

const SHARED_CORES: &str = "generator and server shared a core and disturbed each other";

impl Doubt {
    /// What was seen.
    fn observation(&self) -> String {
        let us = |ns: &u64| *ns as f64 / 1e3;
        let percent = |share: &f64| share * 100.0;
        match self {
            Self::RateMissed { planned_per_s, achieved_per_s } => {
                format!("sent {achieved_per_s:.1}/s instead of {planned_per_s:.1}/s")
            }
            Self::LagHigh { lag_p99_ns, response_p50_ns } => format!(
                "the generator's own lag (p99 {:.1} µs) is above a tenth of the median response \
                 time ({:.1} µs)",
                us(lag_p99_ns),
                us(response_p50_ns)
            ),
            Self::ArrivalsOff { planned_cv2, sent_cv2 } => format!(
                "the gaps between sends vary otherwise than planned (C² {sent_cv2:.2} instead of \
                 {planned_cv2:.2})"
            ),
            Self::Hiccups { count, longest_ns } => format!(
                "the generator stood still for more than 1 ms, {count} time(s), {:.1} ms at the longest",
                us(longest_ns) / 1e3
            ),
            Self::Stolen { share } => {
                format!("the hypervisor took {:.1} % of a core's time", percent(share))
            }
            Self::GeneratorStarved { share } => {
                format!("the generator used {:.0} % of its core", percent(share))
            }
            Self::NotStationary { ratio } => format!(
                "response time changed by a factor {ratio:.1} within the run: there is no steady \
                 state"
            ),
            Self::TooFewSamples { percentile, needed, count } => {
                format!("p{percentile} needs about {needed} independent requests and had {count}")
            }
            Self::LittlesLaw { in_flight, expected } => format!(
                "{in_flight:.3} requests were in flight on average, but throughput times response \
                 time gives {expected:.3}"
            ),
            Self::Unanswered { count, most, status } => unanswered(*count, *most, *status),
            Self::WrongReplies { count } => format!(
                "{count} replies were not what was asked for, or nobody had asked; over TCP each \
                 that named no request cost its connection"
            ),
            Self::Exhausted { unsent, lack } => format!(
                "{unsent} requests could not be sent for want of {}",
                lack.map_or("ports, descriptors, places in flight, or time", UnsentCause::text)
            ),
            Self::BrokenOff => "the run was ended before its time".to_owned(),
            Self::NobodyListens => NOBODY_LISTENS.to_owned(),
            Self::UnservedConnections { count, of } => {
                format!("{count} of the {of} kept connections never brought a reply")
            }
            Self::ConnectionRetries { count } => format!(
                "{count} connections got no answer to their first SYN and were tried again after \
                 1 s or 3 s"
            ),
            Self::QueueOverflow { datagrams, connections } => format!(
                "the kernel dropped {datagrams} datagrams and {connections} connections at full \
                 queues"
            ),
            Self::SharedCores => SHARED_CORES.to_owned(),
            Self::Slow { ratio } => {
                format!("the core ran at {:.0} % of its usual speed", percent(ratio))
            }
        }
    }

    /// What would help, or what it means.
    fn remedy(&self) -> &'static str {
        match self {
            Self::RateMissed { .. } => "lower the rate, or give the generator a core of its own",
            Self::LagHigh { .. } => {
                "quieten the machine, give the generator a core of its own, or trust longer requests only"
            }
            Self::ArrivalsOff { .. } => "lower the rate or quieten the machine",
            Self::Hiccups { .. } => "quieten the machine and repeat",
            Self::Stolen { .. } => "repeat at a quieter hour",
            Self::GeneratorStarved { .. } => "lower the rate",
            Self::NotStationary { ratio } if *ratio < 1.0 => {
                "the first requests were slower: warm up for longer"
            }
            Self::NotStationary { .. } => {
                "the load is near or beyond the server's capacity: lower the rate"
            }
            Self::TooFewSamples { .. } => "measure for longer",
            Self::LittlesLaw { .. } => "the window is too short for this load: measure for longer",
            Self::Unanswered { status: Some(_), .. } => {
                "ask for what the server has, or say which statuses are right (--ok); if it is \
                 overloaded, lower the rate"
            }
            Self::Unanswered { most, .. } => most.unwrap_or(UnansweredCause::TimedOut).remedy(),
            Self::WrongReplies { .. } => UnansweredCause::Wrong.remedy(),
            Self::Exhausted { lack, .. } => {
                lack.map_or("lower the rate, or keep connections", UnsentCause::remedy)
            }
            Self::BrokenOff => {
                "the figures are of what there was until then; repeat the run to its end"
            }
            Self::NobodyListens => "see that the server runs and listens there",
            Self::UnservedConnections { .. } => {
                "a server with a worker for each connection serves as many as it has workers: give \
                 it more of them, use fewer --clients, or --connection per-request"
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
        }
    }
}
