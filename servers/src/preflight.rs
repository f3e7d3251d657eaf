//! Checks, before the opening line, whether the system provides what serving one client needs.
//!
//! A limit that only keeps a server small is a warning. A limit under which no client could be
//! served is an error, reported before the opening line with the name of the limit.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::thread;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use protocol::Transport;

use crate::axes::Concurrency;
use crate::design::{Design, NeededWorkers};
use crate::limits::Limits;
use crate::worker::is_a_process_to_be_had;

/// The stack of a trial thread, in bytes: as large as that of a runtime's thread.
const STACK_SIZE: usize = 2 << 20;

/// A resource that the system does not provide.
#[derive(Debug, thiserror::Error)]
pub enum Shortage {
    /// Too few descriptors.
    #[error(
        "with its workers it needs {needed} descriptors more to serve a client, and the system gives \
         {given}; raise the limit (ulimit -n), or give it fewer --workers"
    )]
    Descriptors {
        /// How many are needed.
        needed: u32,
        /// How many the system provides.
        given: u32,
    },
    /// Too few threads or processes.
    #[error(
        "it needs {needed} threads or processes beside its own to serve a client, and the system \
         gives {given}: {source}; raise the limits of processes and memory (ulimit -u, ulimit -v), \
         or give it fewer --workers"
    )]
    Workers {
        /// How many are needed.
        needed: u32,
        /// How many the system provides.
        given: u32,
        /// The error of the system.
        source: io::Error,
    },
}

/// Checks whether a design can serve a client; `socket` is its own socket. Returns a warning, if
/// there is one.
///
/// # Errors
/// The resource that is missing.
pub(crate) fn check(
    design: &Design,
    limits: &Limits,
    socket: impl AsFd,
) -> Result<Option<String>, Shortage> {
    let needs = design.needs;
    check_descriptors(needs.descriptors + needs.descriptors_each * limits.workers, &socket)?;
    let needed = match needs.workers {
        NeededWorkers::None => 0,
        NeededWorkers::One => 1,
        NeededWorkers::All => limits.workers,
    };
    let lacking = match needed {
        0 => None,
        1 => is_a_process_to_be_had().err().map(|source| (0, source)),
        needed => missing_threads(needed),
    };
    if let Some((given, source)) = lacking {
        return Err(Shortage::Workers { needed, given, source });
    }
    Ok(few_descriptors(design, limits))
}

/// Checks whether this many descriptors can be opened.
///
/// # Errors
/// When they cannot.
pub(crate) fn check_descriptors(needed: u32, socket: &impl AsFd) -> Result<(), Shortage> {
    let given = spare_descriptors(needed, socket);
    if given < needed { Err(Shortage::Descriptors { needed, given }) } else { Ok(()) }
}

/// Checks whether a superserver can start a program.
///
/// Starting a program takes the client's connection three times, and the descriptors with which the
/// library learns whether the program has started.
///
/// # Errors
/// When it cannot.
pub(crate) fn check_superserver(socket: &impl AsFd) -> Result<(), Shortage> {
    check_descriptors(5, socket)?;
    let lacking = is_a_process_to_be_had().err();
    lacking.map_or(Ok(()), |source| Err(Shortage::Workers { needed: 1, given: 0, source }))
}

/// Raises the limit of descriptors as far as the system allows: many clients need many descriptors.
pub(crate) fn allow_many_descriptors() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// How many of the wanted descriptors can be opened.
fn spare_descriptors(wanted: u32, socket: &impl AsFd) -> u32 {
    let opened: Vec<OwnedFd> =
        (0..wanted).map_while(|_| socket.as_fd().try_clone_to_owned().ok()).collect();
    opened.len() as u32
}

/// Starts all wanted threads at once. If that fails, returns how many started, and the error.
fn missing_threads(wanted: u32) -> Option<(u32, io::Error)> {
    let gate = Mutex::new(());
    let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let mut missing = None;
        for given in 0..wanted {
            let builder = thread::Builder::new().stack_size(STACK_SIZE);
            if let Err(source) = builder.spawn_scoped(scope, || drop(gate.lock())) {
                missing = Some((given, source));
                break;
            }
        }
        drop(closed);
        missing
    })
}

/// The warning if clients would have to wait for descriptors.
fn few_descriptors(design: &Design, limits: &Limits) -> Option<String> {
    let clients = match (design.transport(), design.concurrency) {
        (Transport::Udp, _) => return None, // all clients share the socket
        (Transport::Tcp, Concurrency::Apparent) => limits.clients as u64,
        (Transport::Tcp, _) => limits.workers.into(),
    };
    let (granted, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    (granted < clients).then(|| {
        format!(
            "{granted} descriptors are fewer than the {clients} clients that may be served at once; \
             the others wait (ulimit -n)"
        )
    })
}
