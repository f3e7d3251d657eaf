//! `crossover trace`: what a real server did with a few requests, as a time line from its system calls.

mod clients;
mod registers;
mod story;
mod table;
mod tracer;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use protocol::Work;
use results::OutputFile;
use servers::{Allocation, Concurrency, Design};

use crate::cli::TraceArgs;
use crate::error::Error;
use crate::host::placement::cores;
use crate::setup::{ServerSetup, Workers};
use crate::terminal::Output;
use crate::testbed::ServerProcess;
use clients::{Asked, Load, ask};
use tracer::{Trace, follow};

/// A signal that a server ignores, which wakes the thread that follows it.
const WAKE: Signal = Signal::SIGWINCH;

/// How long the server is followed after the last reply, so that workers are seen to end.
const AFTER: Duration = Duration::from_millis(2);

/// What was seen of a server.
struct Seen {
    trace: Trace,
    asked: Vec<Asked>,
}

pub(crate) fn run(arguments: &TraceArgs) -> Result<(), Error> {
    if arguments.table {
        return table::run(arguments);
    }
    let design = arguments.design.ok_or_else(|| {
        Error::Usage("name a design (`crossover designs` lists them), or give --table".to_owned())
    })?;
    let out = match &arguments.out {
        Some(path) => Some((path, OutputFile::prepare(path).map_err(Error::file("write", path))?)),
        None => None,
    };
    let load = Load {
        clients: arguments.clients,
        apart: arguments.apart,
        work: Work { wait: arguments.wait, compute: arguments.compute },
    };
    let seen = see(design, arguments.clients, &load)?;
    if let Some(number) = seen.asked.iter().position(|it| it.answered_ns.is_none()) {
        return Err(Error::Server(format!(
            "{} did not answer client {}; see whether it holds so many clients",
            design.name,
            number + 1
        )));
    }
    let story = story::of(design, &seen, &load);
    let mut printed = Output::begin();
    story.lines().into_iter().for_each(|line| printed.paragraph(line, "  "));
    if let Some((path, file)) = out {
        let svg = reports::sequence::svg(&story.picture());
        file.write(svg.as_bytes()).map_err(Error::file("write", path))?;
        printed.line(path.display().to_string());
    }
    printed.finish()
}

/// The design with so many workers, if it creates them beforehand.
fn setup(design: &'static Design, workers: u32) -> ServerSetup {
    let is_pool = design.allocation == Allocation::Preallocated
        && design.concurrency != Concurrency::Apparent;
    ServerSetup {
        workers: is_pool.then(|| Workers::Count(workers.max(1))),
        ..ServerSetup::usual(design)
    }
}

/// The last core is the server's; this program follows it from the others.
fn server_cores() -> Vec<usize> {
    cores().into_iter().next_back().into_iter().collect()
}

/// Starts a server, follows it while clients ask, and ends it.
fn see(design: &'static Design, workers: u32, load: &Load) -> Result<Seen, Error> {
    if let Some(obstacle) = design.obstacle() {
        return Err(Error::Usage(format!("{} cannot run here: {obstacle}", design.name)));
    }
    let failed = |failure: results::Failure| Error::Server(failure.to_string());
    let server = ServerProcess::start(&setup(design, workers), &server_cores()).map_err(failed)?;
    let (pid, begun, is_over) = (server.pid(), Instant::now(), AtomicBool::new(false));
    let (ready, is_ready) = channel();
    let (followed, asked) = thread::scope(|scope| -> io::Result<_> {
        let follower =
            thread::Builder::new().spawn_scoped(scope, || follow(pid, begun, &is_over, &ready))?;
        let asked = match is_ready.recv_timeout(Duration::from_secs(5)) {
            Ok(()) => {
                thread::sleep(AFTER); // until every worker waits for a request
                let asked = ask(server.address, design.transport(), load, begun);
                thread::sleep(AFTER);
                asked
            }
            Err(_) => Ok(Vec::new()),
        };
        is_over.store(true, SeqCst);
        let _ = kill(pid, WAKE);
        Ok((follower.join().expect("the follower never panics"), asked))
    })?;
    let asked = asked?;
    let trace = followed.map_err(|error| {
        Error::Server(format!(
            "the system calls of the server cannot be followed: {error}; allow ptrace(2): \
             /proc/sys/kernel/yama/ptrace_scope must be 0 or 1, and a container needs the capability SYS_PTRACE"
        ))
    })?;
    server.stop().map_err(failed)?;
    Ok(Seen { trace, asked })
}
