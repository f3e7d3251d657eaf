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
//! program, which a table names for each port: it reads its client on standard input, answers on
//! standard output, and need not know what a socket is. A service can be changed while the
//! superserver runs.
//!
//! # When it pays
//!
//! For services that are seldom asked, so that none of them has to run; for programs that know
//! nothing of networks. Starting a program costs several times a fork.
//!
//! # Where it is described
//!
//! Comer & Stevens vol. III, "Multiservice Servers", on super servers; Stevens, *UNIX Network
//! Programming* vol. 1 (3rd ed.), ch. 13, "inetd Daemon"; inetd(8), `nowait`.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::str::FromStr;

use crate::context::Context;
use crate::socket::{accept_now, readable};
use crate::worker::{Place, Worker, start_program};

/// One line of the table: which program answers at which port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The port; 0 lets the kernel choose.
    pub port: u16,
    /// The program's path.
    pub program: String,
    /// What it is given beside its name.
    pub arguments: Vec<String>,
}

impl FromStr for Row {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let port = words.next().and_then(|word| word.parse().ok());
        match (port, words.next()) {
            (Some(port), Some(program)) => Ok(Self { port, program, arguments: words.collect() }),
            _ => Err(format!("'{line}' is no row; write a port and a program: 7777 /bin/cat")),
        }
    }
}

/// Reads a table: a row a line; empty lines and what follows a `#` do not count.
///
/// # Errors
/// The first line that is no row.
pub fn read_table(text: &str) -> Result<Vec<Row>, String> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .map(str::parse)
        .collect()
}

/// Serves on passive sockets, each with the program that answers there.
pub(crate) fn serve(
    doors: &[(TcpListener, Row)],
    context: &'static Context,
) -> io::Result<Infallible> {
    doors.iter().try_for_each(|(listener, _)| listener.set_nonblocking(true))?;
    loop {
        let ready = readable(doors.iter().map(|(listener, _)| listener.as_fd()))?;
        for ((listener, row), _) in doors.iter().zip(ready).filter(|(_, ready)| *ready) {
            let place = context.workers.free_place();
            let Some(connection) = accept_now(listener)? else { continue };
            context.take_up();
            match start(row, connection, place) {
                Ok(worker) => context.tally.count_answered(worker.number()),
                Err(error) => {
                    context.count_dropped();
                    eprintln!("{}: {error}{}", row.program, remedy(&error));
                }
            }
        }
    }
}

/// The program, with the connection as its standard input and output. A program waits for its
/// input as long as it likes: it need not know that it reads from a socket.
fn start(row: &Row, connection: TcpStream, place: Place<'_>) -> io::Result<Worker> {
    connection.set_read_timeout(None)?;
    connection.set_write_timeout(None)?;
    let connection = OwnedFd::from(connection);
    let mut program = Command::new(&row.program);
    program.args(&row.arguments).stdin(connection.try_clone()?).stdout(connection);
    start_program(place, &mut program)
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
