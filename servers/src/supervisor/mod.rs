//! A server's beginning and its end. A design knows neither: it loops for ever.
//!
//! The beginning (`start`): bind, calibrate, make the shared counts, print the opening line. The end
//! (`ending`) comes as a signal. Both lines are types ([`lines`]), by which a server is read from outside.

mod ending;
pub mod lines;
mod start;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use crate::catalogue::Design;
use crate::limits::Limits;
use crate::serve_error::ServeError;
use crate::service::Service;
use crate::superserver::Row;
use crate::tuning::Tuning;

/// Everything a server is told at its start.
#[derive(Clone)]
pub struct Settings {
    /// What kind of server it becomes.
    pub role: Role,
    /// Where it listens; port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// Whether an address other than loopback is meant.
    pub allow_remote: bool,
    /// The server's bounds.
    pub limits: Limits,
    /// The choices that the design leaves open.
    pub tuning: Tuning,
    /// The cores it may use; all where empty.
    pub cores: Vec<usize>,
    /// When it ends by itself; a whole number of seconds, rounded up.
    pub lifetime: Option<Duration>,
    /// Whether it ends together with the process that started it.
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
    /// The name in opening and closing line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Design(design, _) => design.name,
            Self::AllServices { .. } => "all-services",
            Self::Superserver(_) => "superserver",
        }
    }
}

/// Becomes the server: prints the opening line and serves until a signal ends the process.
///
/// # Errors
/// When the server does not come up or its socket fails. It never returns otherwise.
pub fn run(mut settings: Settings) -> Result<Infallible, ServeError> {
    if !settings.allow_remote && !settings.listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback(settings.listen));
    }
    if let Role::Design(design, service) = &settings.role {
        check(design, *service)?;
    }
    if let Role::AllServices { .. } = &settings.role {
        // Each endpoint counts as a worker, so that the closing line tells them apart.
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
