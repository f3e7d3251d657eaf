//! The start and the end of a server. A design knows neither: it loops forever.
//!
//! The start (`start`) binds the sockets, calibrates, creates the shared counts and prints the
//! opening line. The end (`ending`) comes as a signal. Both lines are types ([`lines`]), with which
//! other programs read the output of a server.

mod ending;
pub mod lines;
mod start;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use crate::design::Design;
use crate::limits::Limits;
use crate::serve_error::ServeError;
use crate::service::Service;
use crate::superserver::Row;
use crate::tuning::Tuning;

/// The settings with which a server starts.
#[derive(Clone)]
pub struct Settings {
    /// The kind of server.
    pub role: Role,
    /// The address to listen on; with port 0 the kernel chooses the port.
    pub listen: SocketAddr,
    /// Whether the server may listen on an address other than loopback.
    pub allow_remote: bool,
    /// The server's bounds.
    pub limits: Limits,
    /// The choices that the design leaves open.
    pub tuning: Tuning,
    /// The cores that the server may use; empty means all.
    pub cores: Vec<usize>,
    /// The time after which the server ends by itself, rounded up to whole seconds.
    pub lifetime: Option<Duration>,
    /// Whether the server ends with the process that started it.
    pub ends_with_parent: bool,
}

/// The kinds of server.
#[derive(Clone)]
pub enum Role {
    /// One design, one service, one port.
    Design(&'static Design, Service),
    /// Every service over every transport, each on the base port plus its well-known number.
    AllServices {
        /// Added to each well-known port.
        base: u16,
    },
    /// A program for each connection.
    Superserver(Vec<Row>),
}

impl Role {
    /// The name in the opening and the closing line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Design(design, _) => design.name,
            Self::AllServices { .. } => "all-services",
            Self::Superserver(_) => "superserver",
        }
    }
}

/// Runs the server: prints the opening line and serves until a signal ends the process.
///
/// # Errors
/// When the server cannot start or its socket fails. Otherwise it never returns.
pub fn run(mut settings: Settings) -> Result<Infallible, ServeError> {
    if !settings.allow_remote && !settings.listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback(settings.listen));
    }
    if let Role::Design(design, service) = &settings.role {
        check(design, *service)?;
    }
    if let Role::AllServices { .. } = &settings.role {
        // Each endpoint counts as a worker, so that the closing line counts each separately.
        settings.limits.workers = 2 * Service::ALL.len() as u32;
    }
    start::settle(&settings)?;
    let ended = match &settings.role {
        Role::Design(design, service) => start::run_design(&settings, design, *service),
        Role::AllServices { base } => start::run_all_services(&settings, *base),
        Role::Superserver(table) => start::run_superserver(&settings, table),
    };
    ending::wait_if_begun();
    ended
}

fn check(design: &Design, service: Service) -> Result<(), ServeError> {
    if !service.speaks_over(design.transport()) {
        return Err(ServeError::NotSpoken { service, transport: design.transport() });
    }
    match design.obstacle() {
        Some(obstacle) => Err(ServeError::Obstacle { design: design.name, obstacle }),
        None => Ok(()),
    }
}
