//! The server of a run: one of the designs with its settings, or one of the user's own.

use std::net::SocketAddr;
use std::time::Duration;

use loadgen::{Demands, Exchange, HttpRequest, Target};
use protocol::Transport;
use protocol::quantity::write_duration;
use results::Subject;
use servers::{Design, Dispatch, Service};

use super::counts::Workers;
use super::own::{Filling, OwnServer};
use super::subject;
use crate::cli::Pages;

/// What serves in a run.
#[derive(Clone, Debug)]
pub enum Server {
    /// One of the designs.
    Design(ServerSetup),
    /// A server of the user's own.
    Own(OwnServer),
}

/// A server design with its settings; a setting that is `None` has its usual value.
#[derive(Clone, Debug)]
pub struct ServerSetup {
    /// The design.
    pub design: &'static Design,
    /// What it is called and labelled, if it is not the design with its usual settings.
    pub called: Option<Called>,
    /// What it replies.
    pub service: Service,
    /// Workers.
    pub workers: Option<Workers>,
    /// How long a connection may be silent.
    pub idle: Option<Duration>,
    /// Delayed allocation: how long a receiver serves a request itself.
    pub patience: Option<Duration>,
    /// Several event loops: how connections reach them.
    pub distribution: Option<Dispatch>,
    /// Memory in bytes that it touches before it serves.
    pub ballast: Option<u64>,
    /// Pages that the kernel may use.
    pub pages: Option<Pages>,
    /// Connections that may wait in the kernel.
    pub backlog: Option<u32>,
    /// Receive buffer of a UDP socket in bytes.
    pub receive_buffer: Option<u64>,
}

/// The name of a design with settings of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// Its name, unique in a scenario.
    pub name: String,
    /// In legends and sentences.
    pub label: String,
}

impl ServerSetup {
    /// A design with its usual settings.
    #[must_use]
    pub fn usual(design: &'static Design) -> Self {
        Self {
            design,
            called: None,
            service: Service::Work,
            workers: None,
            idle: None,
            patience: None,
            distribution: None,
            ballast: None,
            pages: None,
            backlog: None,
            receive_buffer: None,
        }
    }

    /// The settings as flags of `crossover serve DESIGN`, on so many cores.
    #[must_use]
    pub fn flags(&self, cores: usize) -> Vec<String> {
        self.flags_with(self.workers.map(|workers| workers.on(cores).to_string()))
    }

    fn flags_with(&self, workers: Option<String>) -> Vec<String> {
        // Destructured by name, so that a new setting cannot be forgotten here.
        let Self {
            design: _,
            called: _,
            service,
            workers: _,
            idle,
            patience,
            distribution,
            ballast,
            pages,
            backlog,
            receive_buffer,
        } = self;
        let service = (*service != Service::Work).then(|| service.name().to_owned());
        let settings = [
            ("--service", service),
            ("--workers", workers),
            ("--idle", idle.map(write_duration)),
            ("--patience", patience.map(write_duration)),
            ("--distribution", distribution.map(|how| how.to_string())),
            ("--pages", pages.map(|pages| pages.name().to_owned())),
            ("--ballast", ballast.map(|bytes| format!("{bytes}B"))),
            ("--backlog", backlog.map(|count| count.to_string())),
            ("--receive-buffer", receive_buffer.map(|bytes| format!("{bytes}B"))),
        ];
        let given =
            settings.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value?]));
        given.flatten().collect()
    }

    /// The settings as they are written in records.
    fn in_words(&self) -> Vec<String> {
        let workers = self.workers.map(|workers| match workers {
            Workers::Count(count) => count.to_string(),
            Workers::Cores => "cores".to_owned(),
        });
        self.flags_with(workers)
    }

    fn subject(&self) -> Subject {
        let usual = subject(self.design);
        match &self.called {
            None => usual,
            Some(called) => Subject {
                name: called.name.clone(),
                label: called.label.clone(),
                phrase: called.label.clone(),
                ..usual
            },
        }
    }

    /// The server at this address as the generator sees it.
    ///
    /// # Errors
    /// If the service is none that a load can be put on.
    pub fn target(&self, address: SocketAddr) -> Result<Target, String> {
        let exchange = match self.service {
            Service::Work => Exchange::Work,
            Service::Echo => Exchange::Echo,
            Service::Next => Exchange::Next,
            Service::Http => {
                let path = "/?wait={wait_ns}ns&compute={compute_ns}ns&reply={reply_bytes}B";
                let host = address.to_string();
                Exchange::Http(HttpRequest::new("GET", &host, path, &[], b"")?)
            }
            Service::Daytime | Service::Time => {
                return Err("service is work, echo, next or http in a scenario".to_owned());
            }
        };
        Ok(Target {
            exchange,
            unconnected: self.design.answers_from_another_port,
            ..Target::work(self.design.transport(), address)
        })
    }
}

impl Server {
    /// The subject of comparisons.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Design(setup) => setup.subject(),
            Self::Own(server) => server.spec.subject(),
        }
    }

    /// What carries its requests.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self {
            Self::Design(setup) => setup.design.transport(),
            Self::Own(server) => server.spec.transport(),
        }
    }

    /// Which demands of a plan reach it.
    ///
    /// # Errors
    /// If it is no server that a load can be put on.
    pub fn carries(&self) -> Result<Demands, String> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let filling = Filling { port: 1, workers: 1, cores: 1 };
        let target = match self {
            Self::Design(setup) => setup.target(nowhere),
            Self::Own(server) => server.spec.target(filling),
        };
        target.map(|target| target.exchange.carries())
    }

    pub(super) fn set_workers(&mut self, workers: Workers) {
        match self {
            Self::Design(setup) => setup.workers = Some(workers),
            Self::Own(server) => server.workers = Some(workers),
        }
    }

    /// The settings, if it is one of the designs.
    pub(super) fn of_ours(&mut self, setting: &str) -> Result<&mut ServerSetup, String> {
        match self {
            Self::Design(setup) => Ok(setup),
            Self::Own(server) => Err(format!(
                "{setting} is a setting of the designs, and '{}' is none",
                server.spec.name
            )),
        }
    }

    pub(super) fn in_words(&self) -> results::ServerSetup {
        match self {
            Self::Design(setup) => {
                results::ServerSetup { flags: setup.in_words(), ..results::ServerSetup::default() }
            }
            Self::Own(server) => server.in_words(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use servers::CATALOGUE;

    use super::*;

    #[test]
    fn settings_are_flags_that_serve_understands() {
        let all = ServerSetup {
            called: None,
            service: Service::Http,
            workers: Some(Workers::Cores),
            idle: Some(Duration::from_millis(300)),
            patience: Some(Duration::from_micros(50)),
            distribution: Some(Dispatch::RoundRobin),
            ballast: Some(4096),
            pages: Some(Pages::Small),
            backlog: Some(5),
            receive_buffer: Some(4096),
            ..ServerSetup::usual(&CATALOGUE[0])
        };
        let flags = all.flags(3);
        assert_eq!(flags.len(), 18);
        assert!(flags.windows(2).any(|pair| pair == ["--workers", "3"]), "{flags:?}");
        let line = ["crossover", "serve", all.design.name].map(str::to_owned).into_iter();
        crate::cli::Cli::try_parse_from(line.chain(flags)).expect("it understands them");
    }
}
