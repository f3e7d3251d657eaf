//! The settings that an experiment gives its subjects.

use protocol::quantity::{read_duration, read_size};
use servers::Service;

use super::file::ExperimentTable;
use super::given::{Problem, maybe};
use super::load::scalar;
use super::subjects;
use crate::cli::Pages;
use crate::setup::{Server, Workers};

fn backlog(text: &str) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count| (1..=65_535).contains(count));
    count.ok_or_else(|| format!("'{text}' is no number of connections; write 128"))
}

/// The subjects of an experiment, with the settings that it gives them.
pub(super) fn subjects_of(
    table: &ExperimentTable,
    servers: &[Server],
) -> Result<Vec<Server>, Problem> {
    let service = maybe("service", table.service.as_ref(), subjects::service)?;
    let workers: Option<Workers> = scalar("workers", &table.workers, str::parse)?;
    let idle = maybe("idle", table.idle.as_ref(), read_duration)?;
    let patience = scalar("patience", &table.patience, read_duration)?;
    let distribution = maybe("distribution", table.distribution.as_ref(), str::parse)?;
    let ballast = scalar("ballast", &table.ballast, read_size)?;
    let pages = maybe("pages", table.pages.as_ref(), Pages::read)?;
    let backlog = maybe("backlog", table.backlog.as_ref(), backlog)?;
    let receive_buffer = maybe("receive_buffer", table.receive_buffer.as_ref(), read_size)?;
    let mut subjects: Vec<Server> = Vec::new();
    for name in &table.designs {
        let mut server = subjects::named(name, servers)?;
        if subjects.iter().any(|other| other.subject().name == server.subject().name) {
            return Err(Problem::at(name.span(), "no design may be listed twice"));
        }
        match &mut server {
            // The server's own table comes before the experiment.
            Server::Design(setup) => {
                if let Some(service) = service.filter(|_| setup.service == Service::Work) {
                    setup.service = service;
                }
                setup.workers = setup.workers.or(workers);
                setup.idle = setup.idle.or(idle);
                setup.patience = setup.patience.or(patience);
                setup.distribution = setup.distribution.or(distribution);
                setup.ballast = setup.ballast.or(ballast.map(|bytes| bytes as u64));
                setup.pages = pages;
                setup.backlog = backlog;
                setup.receive_buffer = receive_buffer.map(|bytes| bytes as u64);
                if !setup.service.speaks_over(setup.design.transport()) {
                    let why = match setup.service {
                        Service::Http => "HTTP is spoken over TCP; name TCP designs",
                        _ => "next is spoken over UDP; name UDP designs",
                    };
                    return Err(Problem::at(name.span(), why));
                }
            }
            Server::Own(own) => own.workers = own.workers.or(workers),
        }
        subjects.push(server);
    }
    Ok(subjects)
}

/// The positions of the subjects that are run twice.
pub(super) fn twins(table: &ExperimentTable, subjects: &[Server]) -> Result<Vec<usize>, Problem> {
    let mut twins = Vec::new();
    for name in &table.twins {
        let position = subjects.iter().position(|one| one.subject().name == *name.get_ref());
        let position =
            position.ok_or_else(|| Problem::at(name.span(), "twins must be among the designs"))?;
        if twins.contains(&position) {
            return Err(Problem::at(name.span(), "no twin may be listed twice"));
        }
        twins.push(position);
    }
    Ok(twins)
}
