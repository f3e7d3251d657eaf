//! The start of a server, up to the opening line.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl::{set_pdeathsig, set_timerslack};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, alarm};
use protocol::Transport;

use super::lines::{Endpoint, OpeningLine};
use super::{Role, Settings, ending};
use crate::all_services::AllServices;
use crate::axes::Allocation;
use crate::context::Context;
use crate::design::{Design, Serve};
use crate::limits::{Limits, MAX_WORKERS};
use crate::preflight;
use crate::processing::Processing;
use crate::serve_error::ServeError;
use crate::service::Service;
use crate::socket;
use crate::superserver::{self, Row};
use crate::tally::Tally;
use crate::worker::trim_heap;

pub(super) fn run_design(
    settings: &Settings,
    design: &'static Design,
    service: Service,
) -> Result<Infallible, ServeError> {
    let address = settings.listen;
    let context = |bound, tally| {
        let processing = Processing::calibrated();
        new_context(settings, service, design.allocation, processing, tally, bound)
    };
    let said = |bound| OpeningLine {
        service: Some(service.to_string()),
        ..OpeningLine::of(bound, design.name)
    };
    match design.serve {
        Serve::Udp(serve) => {
            let socket = bind_at(address, settings)?;
            let bound = socket.local_addr()?;
            let context = context(bound, Tally::shared()?)?;
            look_ahead(design, settings, &socket)?;
            open(settings, context, None, said(bound))?;
            Ok(serve(socket, context)?)
        }
        Serve::Tcp(serve) => {
            let listener = listen_at(address, settings)?;
            let bound = listener.local_addr()?;
            let context = context(bound, Tally::shared()?)?;
            look_ahead(design, settings, &listener)?;
            open(settings, context, Some(listener.as_raw_fd()), said(bound))?;
            Ok(serve(listener, context)?)
        }
    }
}

/// Refuses to start a server that could serve no client, and warns of one that could serve few.
fn look_ahead(design: &Design, settings: &Settings, socket: impl AsFd) -> Result<(), ServeError> {
    let looked = preflight::check(design, &settings.limits, socket);
    let warning =
        looked.map_err(|shortage| ServeError::Shortage { design: design.name, shortage })?;
    if let Some(warning) = warning {
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    Ok(())
}

pub(super) fn run_all_services(settings: &Settings, base: u16) -> Result<Infallible, ServeError> {
    let (processing, tally) = (Processing::calibrated(), Tally::shared()?);
    let mut server = AllServices::new()?;
    let mut services = Vec::new();
    let mut first = None;
    for service in Service::ALL {
        let port = base.checked_add(service.well_known_port());
        let port = port.ok_or(ServeError::PortTooLarge(base))?;
        let address = SocketAddr::new(settings.listen.ip(), port);
        let context = new_context(settings, service, Allocation::None, processing, tally, address)?;
        for transport in [Transport::Udp, Transport::Tcp] {
            if !service.speaks_over(transport) {
                continue;
            }
            match transport {
                Transport::Udp => server.offer_udp(bind_at(address, settings)?, context)?,
                Transport::Tcp => server.offer_tcp(listen_at(address, settings)?, context)?,
            };
            first.get_or_insert((context, address));
            services.push(Endpoint {
                service: Some(service.to_string()),
                transport: Some(transport.to_string()),
                ..Endpoint::at(address)
            });
        }
    }
    let (context, address) = first.expect("there are services");
    let opening = OpeningLine { services, ..OpeningLine::of(address, settings.role.name()) };
    preflight::check_descriptors(1, &server)
        .map_err(|shortage| ServeError::Shortage { design: "all-services", shortage })?;
    open(settings, context, None, opening)?;
    Ok(server.serve()?)
}

pub(super) fn run_superserver(
    settings: &Settings,
    table: &[Row],
) -> Result<Infallible, ServeError> {
    let each = settings.limits.workers;
    let all = each.saturating_mul(table.len().max(1) as u32);
    if all > MAX_WORKERS {
        return Err(ServeError::TooManyPrograms { rows: table.len(), each });
    }
    let settings =
        &Settings { limits: Limits { workers: all, ..settings.limits }, ..settings.clone() };
    let context = new_context(
        settings,
        Service::Work,
        Allocation::OnDemand,
        Processing::calibrated(),
        Tally::shared()?,
        settings.listen,
    )?;
    let mut listeners = Vec::new();
    let mut services = Vec::new();
    for row in table {
        let listener = listen_at(SocketAddr::new(settings.listen.ip(), row.port), settings)?;
        let bound = listener.local_addr()?;
        services.push(Endpoint { program: Some(row.program.clone()), ..Endpoint::at(bound) });
        listeners.push((listener, row.clone()));
    }
    let Some((first, _)) = listeners.first() else { return Err(ServeError::EmptyTable) };
    let opening =
        OpeningLine { services, ..OpeningLine::of(first.local_addr()?, settings.role.name()) };
    preflight::check_superserver(first)
        .map_err(|shortage| ServeError::Shortage { design: "superserver", shortage })?;
    open(settings, context, Some(first.as_raw_fd()), opening)?;
    Ok(superserver::serve(listeners, each as usize, context)?)
}

fn bind_at(address: SocketAddr, settings: &Settings) -> Result<UdpSocket, ServeError> {
    socket::bind(address, &settings.limits).map_err(|source| ServeError::Listen { address, source })
}

fn listen_at(address: SocketAddr, settings: &Settings) -> Result<TcpListener, ServeError> {
    socket::listen(address, &settings.limits)
        .map_err(|source| ServeError::Listen { address, source })
}

fn new_context(
    settings: &Settings,
    service: Service,
    allocation: Allocation,
    processing: Processing,
    tally: &'static Tally,
    address: SocketAddr,
) -> io::Result<&'static Context> {
    let (limits, tuning) = (settings.limits, settings.tuning);
    let context = Context::new(allocation, service, limits, tuning, processing, tally)?;
    Ok(Box::leak(Box::new(context.at(address))))
}

/// Sets what the process and its workers inherit: precise sleeps, cores, and the end with the
/// parent.
pub(super) fn settle(settings: &Settings) -> Result<(), ServeError> {
    if !matches!(settings.role, Role::Superserver(_)) {
        // A superserver's programs would inherit the limit, and some rely on a small one.
        preflight::allow_many_descriptors();
    }
    // The default lets the kernel lengthen every sleep by 50 µs to save wake-ups.
    set_timerslack(1).map_err(io::Error::from)?;
    if settings.ends_with_parent {
        set_pdeathsig(Signal::SIGTERM).map_err(io::Error::from)?;
    }
    if !settings.cores.is_empty() {
        let cannot = |source| ServeError::Cores { cores: settings.cores.clone(), source };
        let mut set = CpuSet::new();
        settings.cores.iter().try_for_each(|core| set.set(*core)).map_err(cannot)?;
        sched_setaffinity(Pid::from_raw(0), &set).map_err(cannot)?;
    }
    Ok(())
}

/// Prepares the end of the server, and prints the opening line.
fn open(
    settings: &Settings,
    context: &'static Context,
    listener: Option<RawFd>,
    opening: OpeningLine,
) -> Result<(), ServeError> {
    ending::arrange(settings.role.name(), context, listener)?;
    if let Some(lifetime) = settings.lifetime {
        let seconds = lifetime.as_secs() + u64::from(lifetime.subsec_nanos() > 0);
        alarm::set(u32::try_from(seconds).unwrap_or(u32::MAX).max(1));
    }
    let opening = OpeningLine {
        workers: settings.limits.workers,
        pid: Pid::this().as_raw(),
        steps_per_us: (context.processing.steps_per_us() * 10.0).round() / 10.0,
        ..opening
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&opening).map_err(io::Error::from)?)?;
    out.flush()?;
    trim_heap();
    Ok(())
}
