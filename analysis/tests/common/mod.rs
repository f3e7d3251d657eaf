//! Records of runs whose outcome is given.
#![allow(dead_code, reason = "each test file uses its own part")]

use protocol::Transport;
use results::{
    Allocation, Cell, Concurrency, Counts, Doubt, Events, FORMAT, GeneratorCost, Host, Load,
    Machine, Measurement, Outcome, Parameter, Placement, Program, Record, ServerCost, ServerSetup,
    Setup, Shows, Subject, TestbedKind, TimeHistogram, Times, Wins, WorkUnit, point,
};

fn subject(label: &str, phrase: &str, transport: Transport, unit: WorkUnit) -> Subject {
    let is_iterative = unit == WorkUnit::Master;
    Subject {
        name: format!("{transport}-{}", label.replace(' ', "-")),
        label: label.to_owned(),
        phrase: phrase.to_owned(),
        transport,
        concurrency: if is_iterative { Concurrency::Iterative } else { Concurrency::Concurrent },
        allocation: if is_iterative { Allocation::None } else { Allocation::OnDemand },
        unit,
    }
}

pub fn iterative() -> Subject {
    subject("iterative", "the iterative UDP server", Transport::Udp, WorkUnit::Master)
}

pub fn tcp_iterative() -> Subject {
    subject("iterative", "the iterative TCP server", Transport::Tcp, WorkUnit::Master)
}

pub fn thread() -> Subject {
    subject("thread per request", "a thread per request", Transport::Udp, WorkUnit::Thread)
}

pub fn tcp_thread() -> Subject {
    subject("thread per connection", "a thread per connection", Transport::Tcp, WorkUnit::Thread)
}

pub fn process() -> Subject {
    subject("process per request", "a process per request", Transport::Udp, WorkUnit::Process)
}

/// What one run measured.
#[derive(Clone, Default)]
pub struct Answer {
    responses_ns: Vec<u64>,
    unanswered: u64,
    burst_means_ns: Option<Vec<u64>>,
    short_ns: Option<Vec<u64>>,
    short_unanswered: u64,
    service_ns: f64,
    rate: f64,
    cost_ns: f64,
    doubts: Vec<Doubt>,
    plan: &'static str,
    effective: Option<f64>,
}

/// So many quantiles of an exponential distribution.
fn exponential(count: u32, mean: f64) -> Vec<u64> {
    let quantile = |number: u32| (f64::from(number) + 0.5) / f64::from(count);
    (0..count).map(|number| (-mean * (1.0 - quantile(number)).ln()) as u64).collect()
}

impl Answer {
    /// Every request has this response time.
    pub fn mean(response: f64, service_ns: f64) -> Self {
        Self { responses_ns: vec![response as u64; 100], service_ns, ..Self::default() }
    }

    /// The same, in bursts; one burst in ten met a stall.
    pub fn bursts(response: f64, service_ns: f64) -> Self {
        let means = (0..10).map(|burst| if burst == 0 { 9e7 } else { response } as u64).collect();
        Self { burst_means_ns: Some(means), ..Self::mean(response, service_ns) }
    }

    /// Response times are exponential.
    pub fn exponential(mean: f64, service_ns: f64) -> Self {
        Self { responses_ns: exponential(2000, mean), service_ns, ..Self::default() }
    }

    /// One request in ten is long.
    pub fn mixed(short: f64, service_ns: f64) -> Self {
        let short_ns = exponential(1800, short);
        let responses_ns = [&short_ns[..], &[50_000_000; 200]].concat();
        Self { responses_ns, short_ns: Some(short_ns), service_ns, ..Self::default() }
    }

    /// The same of so many requests.
    pub fn mixed_of(count: usize, short: f64) -> Self {
        let short_ns = vec![short as u64; count * 9 / 10];
        let responses_ns = [&short_ns[..], &vec![50_000_000; count - short_ns.len()]].concat();
        Self { responses_ns, short_ns: Some(short_ns), service_ns: 1e6, ..Self::default() }
    }

    /// So many requests with this response time.
    pub fn times(count: usize, response: f64) -> Self {
        let responses_ns = vec![response as u64; count];
        Self { responses_ns, service_ns: response, ..Self::default() }
    }

    /// So many further requests go unanswered.
    pub fn leaving(self, unanswered: u64) -> Self {
        Self { unanswered, ..self }
    }

    pub fn effective(self, effective: f64) -> Self {
        Self { effective: Some(effective), ..self }
    }

    /// So many further requests go unanswered, which are short.
    pub fn leaving_short(self, unanswered: u64) -> Self {
        Self { unanswered, short_unanswered: unanswered, ..self }
    }

    /// The run had another plan than those of its cell.
    pub fn of_plan(self, plan: &'static str) -> Self {
        Self { plan, ..self }
    }

    pub fn none(service_ns: f64) -> Self {
        Self { unanswered: 100, service_ns, ..Self::default() }
    }

    pub fn half(service_ns: f64) -> Self {
        Self { unanswered: 100, ..Self::mean(3e6, service_ns) }
    }

    pub fn few(count: usize, service_ns: f64) -> Self {
        Self {
            responses_ns: vec![7_000_000; count],
            unanswered: 100,
            service_ns,
            ..Self::default()
        }
    }

    pub fn sent(self, rate: f64) -> Self {
        Self { rate, ..self }
    }

    pub fn costing(self, cost_ns: f64) -> Self {
        Self { cost_ns, ..self }
    }

    pub fn doubted(mut self, doubt: Doubt) -> Self {
        self.doubts.push(doubt);
        self
    }

    fn measurement(&self, plan: String) -> Measurement {
        let histogram = |values: &Vec<u64>, unanswered: u64| {
            let mut times = TimeHistogram::new();
            values.iter().for_each(|value| times.record(*value));
            (0..unanswered).for_each(|_| times.record_unanswered(1_000_000_000));
            times
        };
        let answered = self.responses_ns.len() as u64;
        let sent = answered + self.unanswered;
        Measurement {
            plan_hash: format!("{plan}{}", self.plan),
            counts: Counts {
                planned: sent,
                sent,
                answered,
                timed_out: self.unanswered,
                ..Counts::default()
            },
            events: Events::default(),
            requests_lost: None,
            replies_lost: None,
            rate_planned: None,
            rate_achieved: self.rate,
            times: Times {
                response_time: histogram(&self.responses_ns, self.unanswered),
                response_time_short: self
                    .short_ns
                    .as_ref()
                    .map(|values| histogram(values, self.short_unanswered)),
                burst_means: self.burst_means_ns.as_ref().map(|values| histogram(values, 0)),
                service_time: histogram(&vec![self.service_ns as u64; 10], 0),
                ..Times::default()
            },
            window_ns: 1_000_000_000,
            statuses_by_code: Default::default(),
            parts: None,
            series: None,
            effective_samples: self.effective.unwrap_or(sent as f64),
            waited_mean_ns: 0.0,
            computed_mean_ns: 0.0,
            doubts: self.doubts.clone(),
            server: (self.cost_ns > 0.0).then(|| ServerCost {
                answered,
                user_ns: (self.cost_ns * answered as f64) as u64,
                ..ServerCost::default()
            }),
            generator: GeneratorCost::default(),
        }
    }
}

/// The records of one experiment.
pub struct Bench {
    pub records: Vec<Record>,
    pub axis: Option<Parameter>,
    pub arrivals: &'static str,
    pub cores: usize,
    pub repetitions: u32,
    pub wins: Wins,
    name: String,
    shows: Vec<Shows>,
}

impl Bench {
    pub fn new(name: &str, shows: &[Shows], axis: Option<Parameter>) -> Self {
        Self {
            records: Vec::new(),
            axis,
            arrivals: "poisson",
            cores: 1,
            repetitions: 6,
            wins: Wins::Mean,
            name: name.to_owned(),
            shows: shows.to_vec(),
        }
    }

    /// Adds the repetitions of a cell.
    pub fn cell(&mut self, subject: &Subject, x: f64, answer: impl Fn(u32) -> Answer) {
        self.add(subject, x, false, answer);
    }

    /// Adds the second run of each repetition of a cell.
    pub fn twins(&mut self, subject: &Subject, x: f64, answer: impl Fn(u32) -> Answer) {
        self.add(subject, x, true, answer);
    }

    fn add(&mut self, subject: &Subject, x: f64, twin: bool, answer: impl Fn(u32) -> Answer) {
        for repetition in 0..self.repetitions {
            let placement =
                Placement { server_cores: (1..=self.cores).collect(), ..Placement::default() };
            let plan = format!("{x} {repetition}");
            self.records.push(Record {
                format: FORMAT,
                program: Program::default(),
                testbed: TestbedKind::Simulated,
                scenario: "synthetic".to_owned(),
                title: "What do known numbers say?".to_owned(),
                experiment: self.name.clone(),
                position: 0,
                question: format!("What about {}?", self.name),
                shows: self.shows.clone(),
                wins: self.wins,
                bound: None,
                listed: 0,
                cell: Cell { subject: subject.clone(), point: point(self.axis, x) },
                setup: Setup {
                    load: Load { arrivals: self.arrivals.to_owned(), ..Load::default() },
                    server: ServerSetup::default(),
                },
                repetition,
                twin,
                order: self.records.len() as u32,
                seed: 1,
                started_unix_ms: 0,
                hosts: vec![Host { machine: Machine::default(), placement }],
                outcome: Outcome::Measured(Box::new(answer(repetition).measurement(plan))),
            });
        }
    }
}
