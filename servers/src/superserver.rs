//! A superserver: starts a program for each connection, as inetd does.
//!
//! # Picture
//!
//! ```text
//!   port 7007 ──► ┐                          ┌─► /bin/cat            ⇄ client 1
//!   port 7013 ──► ├─ poll ─► accept ─► start ┼─► /bin/date           ⇄ client 2
//!   port 7080 ──► ┘                          └─► any other program   ⇄ client 3
//!                 connection = the program's standard input and output
//! ```
//!
//! # What changed from the one before
//!
//! `tcp/process_per_connection.rs` forks a copy of itself. Here the new process becomes another
//! program, which a table names for each port. The program reads its client's input on standard
//! input, answers on standard output, and need not know what a socket is. A service can be changed
//! while the superserver runs.
//!
//! # When it pays
//!
//! It pays for services that are seldom used, because none of them has to run all the time, and for
//! programs that know nothing of networks. Starting a program costs several times as much as a
//! fork.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Multiservice Servers", on super servers; Stevens, *UNIX Network
//! Programming* vol. 1 (3rd ed.), ch. 13, "inetd Daemon"; inetd(8), `nowait`.

use std::convert::Infallible;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use protocol::text::harmless;

use crate::context::Context;
use crate::descriptor::is_silent_for;
use crate::socket::{accept_now, readable_within};
use crate::worker::{Process, Slot, start_program};

/// The longest pause between two checks of the running programs.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// How long a program may take to end after its connection is shut down, and again after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(1);

/// One line of the table: a port, and the program that answers there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The port; 0 lets the kernel choose.
    pub port: u16,
    /// The program's path.
    pub program: String,
    /// The program's arguments.
    pub arguments: Vec<String>,
}

impl FromStr for Row {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let port = words.next().and_then(|word| word.parse().ok());
        match (port, words.next()) {
            (Some(port), Some(program)) if !line.contains('\0') => {
                Ok(Self { port, program, arguments: words.collect() })
            }
            _ => Err(format!("'{line}' is no row; write a port and a program: 7777 /bin/cat")),
        }
    }
}

/// Reads a table with one row per line; empty lines and text after a `#` do not count.
///
/// # Errors
/// For the first line that is not a row.
pub fn read_table(text: &str) -> Result<Vec<Row>, String> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .map(str::parse)
        .collect()
}

/// A port with its program, and the instances of the program that are running.
struct Endpoint {
    listener: TcpListener,
    row: Row,
    running: Vec<Program>,
}

/// A program that was started for a client.
struct Program {
    process: Process,
    /// The program's connection, to find out when it was last used.
    connection: TcpStream,
    /// When the program started. What a client sent while it waited to be accepted is older, and
    /// that time does not count as silence.
    started: Instant,
    end: End,
}

/// How far the server has gone in ending a program.
#[derive(Clone, Copy)]
enum End {
    /// It may go on.
    NotYet,
    /// Its connection was shut down at this instant.
    Disconnected(Instant),
    /// It was sent a signal to end at this instant.
    Asked(Instant),
}

/// Serves on passive sockets, each with its program, and with at most `each` instances of it at
/// once.
pub(crate) fn serve(
    listeners: Vec<(TcpListener, Row)>,
    each: usize,
    context: &'static Context,
) -> io::Result<Infallible> {
    listeners.iter().try_for_each(|(listener, _)| listener.set_nonblocking(true))?;
    let mut endpoints: Vec<Endpoint> = listeners
        .into_iter()
        .map(|(listener, row)| Endpoint { listener, row, running: Vec::new() })
        .collect();
    loop {
        for endpoint in &mut endpoints {
            endpoint.look_after_programs(context);
        }
        // A port at its bound is not watched: its clients wait in the kernel's queue.
        let open: Vec<usize> =
            (0..endpoints.len()).filter(|at| endpoints[*at].running.len() < each).collect();
        let listeners = open.iter().map(|at| endpoints[*at].listener.as_fd());
        let rest = endpoints.iter().any(|it| !it.running.is_empty()).then_some(LONGEST_REST);
        let ready = readable_within(listeners, rest)?;
        for (at, _) in open.into_iter().zip(ready).filter(|(_, ready)| *ready) {
            endpoints[at].take_client(context)?;
        }
    }
}

impl Endpoint {
    fn take_client(&mut self, context: &'static Context) -> io::Result<()> {
        let slot = context.workers.free_slot();
        let Some(connection) = accept_now(&self.listener)? else { return Ok(()) };
        context.take_up();
        match start(&self.row, connection, slot) {
            Ok(program) => {
                context.tally.count_answered(program.process.worker().number());
                self.running.push(program);
            }
            Err(error) => {
                context.count_dropped();
                complain(&format!("{}: {error}{}", harmless(&self.row.program), remedy(&error)));
            }
        }
        Ok(())
    }

    /// Removes programs that have ended, and ends those whose clients have been silent for too
    /// long.
    fn look_after_programs(&mut self, context: &'static Context) {
        self.running.retain(|program| program.process.is_running(&context.workers));
        for program in &mut self.running {
            program.end_if_idle(context);
        }
    }
}

impl Program {
    fn end_if_idle(&mut self, context: &'static Context) {
        self.end = match self.end {
            End::NotYet
                if self.started.elapsed() >= context.limits.idle
                    && is_silent_for(&self.connection, context.limits.idle) =>
            {
                let _ = self.connection.shutdown(Shutdown::Both);
                End::Disconnected(Instant::now())
            }
            End::Disconnected(since) if since.elapsed() > PATIENCE => {
                self.process.signal(Signal::SIGTERM, &context.workers);
                End::Asked(Instant::now())
            }
            End::Asked(since) if since.elapsed() > PATIENCE => {
                self.process.signal(Signal::SIGKILL, &context.workers);
                End::Asked(Instant::now())
            }
            end => end,
        }
    }
}

/// Starts the program, with the connection as its standard input and output. The socket loses its
/// time-outs: a program need not know that it reads from a socket.
fn start(row: &Row, connection: TcpStream, slot: Slot<'_>) -> io::Result<Program> {
    connection.set_read_timeout(None)?;
    connection.set_write_timeout(None)?;
    let [input, output] = [connection.try_clone()?, connection.try_clone()?].map(OwnedFd::from);
    let mut program = Command::new(&row.program);
    program.args(&row.arguments).stdin(input).stdout(output);
    let process = start_program(slot, &mut program)?;
    Ok(Program { process, connection, started: Instant::now(), end: End::NotYet })
}

/// Writes to standard error, unless that is closed, or a full pipe that no process reads: neither
/// may keep a server from serving.
fn complain(text: &str) {
    let errors = io::stderr();
    let mut set = [PollFd::new(errors.as_fd(), PollFlags::POLLOUT)];
    let takes_more = poll(&mut set, PollTimeout::ZERO).is_ok_and(|count| count > 0);
    if takes_more && set[0].any().unwrap_or(false) {
        let _ = writeln!(errors.lock(), "{text}");
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied => "; correct the superserver's table",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_a_line() {
        let text = "# port program\n7007 /bin/cat\n\n7013 /bin/date -u # in UTC\n";
        let table = read_table(text).expect("a table");
        let ports: Vec<u16> = table.iter().map(|row| row.port).collect();
        assert_eq!(
            (ports, table[1].arguments.as_slice()),
            (vec![7007, 7013], &["-u".to_owned()][..])
        );
        for line in ["echo /bin/cat", "7007", "70000 /bin/cat"] {
            assert!(read_table(line).is_err_and(|error| error.contains("7777 /bin/cat")), "{line}");
        }
    }
}
