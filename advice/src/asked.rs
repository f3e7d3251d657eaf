//! What the user says of a workload, and whether it can be true.

use model::simulate::Costs;
use protocol::Transport;
use protocol::quantity::Nanoseconds;
use workload::{Distribution, Rate, SessionLength};

/// The longest pause, and the longest processing, that is simulated: an hour.
const LONGEST_PAUSE_NS: f64 = 3_600e9;

/// A workload, the machine for it, and what the server must do besides answering.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How requests come.
    pub traffic: Traffic,
    /// How long a request waits for something outside the server.
    pub wait: Distribution<Nanoseconds>,
    /// Processor time of a request.
    pub compute: Distribution<Nanoseconds>,
    /// Whether it is known how processing divides into waiting and computing.
    pub share_is_known: bool,
    /// What carries requests.
    pub transport: Transport,
    /// Cores for the server.
    pub cores: u32,
    /// Memory of one worker process in bytes.
    pub memory_bytes: f64,
    /// Bytes of a reply.
    pub reply_bytes: f64,
    /// What the server must do besides.
    pub needs: Needs,
    /// What is to be met, if anything.
    pub target: Option<Target>,
}

/// How requests come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Traffic {
    /// Independent requests.
    Requests {
        /// Requests a second.
        rate: Rate,
        /// Connections that are kept and carry them in turn; `None` if every request has its own.
        kept: Option<u32>,
    },
    /// Clients that come, make some requests one after the other, and go.
    Sessions {
        /// Sessions a second.
        rate: Rate,
        /// Requests of one.
        length: SessionLength,
        /// The pause between a reply and the next request.
        think: Distribution<Nanoseconds>,
        /// Connections that are kept at least, besides.
        kept: Option<u32>,
    },
    /// A number of clients that each wait for a reply, pause, and ask again.
    Closed {
        /// How many.
        clients: u32,
        /// The pause.
        think: Distribution<Nanoseconds>,
    },
}

/// What the server must do besides answering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// A fault or a privilege of one client must not reach another: processes.
    pub isolation: bool,
    /// Clients change common state in memory: one address space.
    pub shared_state: bool,
    /// Requests use libraries that block: no event loop may call them.
    pub blocking_libraries: bool,
}

/// A bound on the response times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Which statistic.
    pub statistic: Statistic,
    /// It must be below this.
    pub below_ns: f64,
}

/// A statistic of the response times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The mean.
    Mean,
    /// A percentile, in percent.
    Percentile(f64),
}

impl Asked {
    /// Mean processing time in nanoseconds, p.
    #[must_use]
    pub fn processing_ns(&self) -> f64 {
        self.wait.mean() + self.compute.mean()
    }

    /// The share of processing that waits, f; 0 without processing.
    #[must_use]
    pub fn waiting_share(&self) -> f64 {
        let all = self.processing_ns();
        if all > 0.0 { self.wait.mean() / all } else { 0.0 }
    }

    /// The squared coefficient of variation of the processing time, C².
    #[must_use]
    pub fn squared_variation(&self) -> f64 {
        let (wait, compute) = (times(&self.wait), times(&self.compute));
        // Of independent times the variances add up.
        let variance = |of: &model::ServiceTimes| of.second_moment() - of.mean() * of.mean();
        let mean = wait.mean() + compute.mean();
        if mean > 0.0 {
            ((variance(&wait) + variance(&compute)) / (mean * mean)).max(0.0)
        } else {
            0.0
        }
    }

    /// Requests a second, as they would come if every reply were immediate.
    #[must_use]
    pub fn requests_per_s(&self) -> f64 {
        match self.traffic {
            Traffic::Requests { rate, .. } => rate.get(),
            Traffic::Sessions { rate, length, .. } => rate.get() * length.mean(),
            Traffic::Closed { clients, think } => {
                f64::from(clients) / ((think.mean() + self.processing_ns()).max(1.0) / 1e9)
            }
        }
    }

    /// Sessions a second; 0 without sessions.
    #[must_use]
    pub fn sessions_per_s(&self) -> f64 {
        match self.traffic {
            Traffic::Sessions { rate, .. } => rate.get(),
            Traffic::Requests { .. } | Traffic::Closed { .. } => 0.0,
        }
    }

    /// How long a session holds its connection at least, in nanoseconds: its requests and pauses.
    #[must_use]
    pub fn session_ns(&self) -> Option<f64> {
        let Traffic::Sessions { length, think, .. } = self.traffic else { return None };
        let requests = length.mean();
        Some(requests * self.processing_ns() + (requests - 1.0).max(0.0) * think.mean())
    }

    /// Connections that are open at a time, by Little's law where they come and go.
    #[must_use]
    pub fn connections(&self) -> f64 {
        match self.traffic {
            Traffic::Requests { rate, kept } => {
                kept.map_or(rate.get() * self.processing_ns() / 1e9, f64::from)
            }
            Traffic::Sessions { rate, kept, .. } => {
                let open = rate.get() * self.session_ns().unwrap_or(0.0) / 1e9;
                open.max(kept.map_or(0.0, f64::from))
            }
            Traffic::Closed { clients, .. } => f64::from(clients),
        }
    }

    /// Mean number of requests that a connection carries; infinite if it is kept for ever.
    #[must_use]
    pub fn requests_per_connection(&self) -> f64 {
        match self.traffic {
            Traffic::Requests { kept: None, .. } => 1.0,
            Traffic::Sessions { length, .. } => length.mean(),
            Traffic::Requests { .. } | Traffic::Closed { .. } => f64::INFINITY,
        }
    }

    /// Whether a connection carries more than one request.
    #[must_use]
    pub fn keeps_connections(&self) -> bool {
        match self.traffic {
            Traffic::Requests { kept, .. } => kept.is_some(),
            Traffic::Sessions { length, .. } => length.mean() > 1.0,
            Traffic::Closed { .. } => true,
        }
    }

    /// How long a request holds the receiver's port under delayed allocation, on average: until it is
    /// served, or for the patience and the creation of the next receiver.
    pub(crate) fn at_the_port_ns(&self, request_ns: f64, patience_ns: f64, costs: &Costs) -> f64 {
        let service = times(&self.wait).plus(&times(&self.compute)).longer(request_ns);
        service.mean_of(|time| {
            if time <= patience_ns {
                time
            } else {
                patience_ns + costs.creation_ns + costs.start_ns
            }
        })
    }

    /// The same workload with every processing time multiplied by `factor`. For measured times a
    /// lognormal distribution of the same mean and variation stands.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let scale = |of: Distribution<Nanoseconds>| match of {
            Distribution::Empirical(_) if of.mean() > 0.0 => {
                let squared_variation = times(&of).squared_variation().max(1e-6);
                Distribution::Lognormal { mean: factor * of.mean(), squared_variation }
            }
            _ => of.scaled(factor),
        };
        Self { wait: scale(self.wait), compute: scale(self.compute), ..self.clone() }
    }

    /// Why the workload cannot be true, with the remedy; `Ok` if it can.
    ///
    /// # Errors
    /// A text for the user.
    pub fn check(&self) -> Result<(), String> {
        for (flag, of) in [("--wait", &self.wait), ("--compute", &self.compute)] {
            if !of.mean().is_finite() || of.mean() < 0.0 {
                return Err(format!("{flag}: '{of}' has no finite mean; give it an upper bound"));
            }
        }
        if let Traffic::Closed { think, .. } = self.traffic
            && think.mean() + self.processing_ns() <= 0.0
        {
            return Err(
                "clients that neither pause nor wait for anything would ask without end; give \
                        --think, --wait or --compute"
                    .to_owned(),
            );
        }
        let pauses_ns = match self.traffic {
            Traffic::Requests { .. } => 0.0,
            Traffic::Sessions { think, .. } | Traffic::Closed { think, .. } => think.mean(),
        };
        if pauses_ns > LONGEST_PAUSE_NS || self.processing_ns() > LONGEST_PAUSE_NS {
            return Err("pauses and processing of more than an hour are not simulated; if they are so long, \
                        requests hardly ever meet, and the iterative server is enough"
                .to_owned());
        }
        if self.cores == 0 {
            return Err("--cores: a server needs at least one core".to_owned());
        }
        Ok(())
    }
}

/// The times of a distribution, for the model.
fn times(of: &Distribution<Nanoseconds>) -> model::ServiceTimes {
    model::ServiceTimes::of(|greater| of.draw(greater).value)
}

/// Rate, clients and pause as three numbers that must fit each other: a client that pauses for
/// `think_ns` between a reply and its next request, each of which takes `processing_ns` at least,
/// sends a request every `think_ns + processing_ns` at most.
///
/// # Errors
/// If the clients cannot send so much, or would send more than twice as much.
pub fn check_closed(
    rate: Rate,
    clients: u32,
    think_ns: f64,
    processing_ns: f64,
) -> Result<(), String> {
    let most = f64::from(clients) / ((think_ns + processing_ns).max(1.0) / 1e9);
    if (most / 2.0..=most * 1.05).contains(&rate.get()) {
        return Ok(());
    }
    Err(format!(
        "--rate {rate}, --clients {clients} and --think contradict each other: {clients} clients \
         that pause between a reply and the next request send {} at most; leave one of the three out",
        analysis::text::rate(most)
    ))
}
