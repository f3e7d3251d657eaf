//! `crossover faults`: lets clients misbehave towards every design, and records what the other
//! clients experience.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use protocol::{HEADER_SIZE, Transport};
use reports::faults::{Cell, Experience, Fault, FaultMatrix, FaultTable, render, sentences};
use results::{Failure, write_file};
use servers::{CATALOGUE, Design};

use crate::bench::folder::OwnFolder;
use crate::cli::FaultsArgs;
use crate::error::Error;
use crate::host::interrupt::Interrupt;
use crate::misbehaviour::{CROWD, Culprits, Misbehaviour, local, request, trivial};
use crate::setup::{ServerSetup, subject};
use crate::terminal::progress::Progress;
use crate::terminal::{Output, end_with, say};
use crate::terminal::{json, tables};
use crate::testbed::ServerProcess;

/// The time-out of the other clients.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers within this time count as unaffected: it is longer than any design takes on a busy
/// machine.
const UNAFFECTED_WITHIN: Duration = Duration::from_millis(100);

/// How many other clients come over TCP, one after the other; the worst experience counts.
const OTHERS: usize = 3;

/// How many come over UDP, all at once. Where each worker has a socket of its own, the kernel chooses
/// the worker by the client's address: only with many clients is it certain that some meet a worker
/// that is busy.
const OTHERS_OVER_UDP: usize = 128;

/// The idle time-out of a server that waits for its clients for ever: longer than any cell lasts.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// How many faults a table shows side by side on the terminal.
const FAULTS_BESIDE: usize = 3;

/// How often a fault is tried before the report states that the other clients suffer.
const TIMES: usize = 3;

const OVER_TCP: [Misbehaviour; 7] = [
    Misbehaviour::Silence(1),
    Misbehaviour::Silence(CROWD),
    Misbehaviour::Trickle,
    Misbehaviour::NeverRead,
    Misbehaviour::Waits(1),
    Misbehaviour::Computes,
    Misbehaviour::Garbage,
];

const OVER_UDP: [Misbehaviour; 4] = [
    Misbehaviour::Waits(1),
    Misbehaviour::Waits(CROWD),
    Misbehaviour::Computes,
    Misbehaviour::Garbage,
];

/// A misbehaviour in the words of the page.
fn fault(misbehaviour: Misbehaviour) -> Fault {
    let (name, what) = match misbehaviour {
        Misbehaviour::Silence(1) => ("a silent client", "connects and never says anything"),
        Misbehaviour::Silence(_) => ("32 silent clients", "connect and never say anything"),
        Misbehaviour::Trickle => {
            ("one that trickles", "sends its request byte by byte, one every 20 ms, and again")
        }
        Misbehaviour::NeverRead => {
            ("one that never reads", "asks for 16 replies of 1 MiB and reads none of them")
        }
        Misbehaviour::Waits(1) => {
            ("a request that waits", "asks the server to wait for 500 ms, and stays")
        }
        Misbehaviour::Waits(_) => {
            ("32 that wait", "each ask the server to wait for 500 ms, and stay")
        }
        Misbehaviour::Computes => {
            ("one that computes", "asks for 500 ms of the server's one core, and stays")
        }
        Misbehaviour::Garbage => ("garbage", "sends 1 KiB that is not a request, a hundred times"),
    };
    Fault { name, what }
}
pub(crate) fn run(arguments: &FaultsArgs) -> Result<(), Error> {
    let folder = match &arguments.out {
        Some(folder) => OwnFolder::take(folder)?,
        None => OwnFolder::new_run("faults")?,
    };
    folder.may_hold_a_page()?;
    folder.is_nobody_elses(Path::new("/"))?;
    let designs: Vec<&'static Design> = CATALOGUE
        .iter()
        .filter(|design| {
            let chosen = &arguments.designs;
            chosen.is_empty() || chosen.iter().any(|one| one.name == design.name)
        })
        .filter(|design| {
            let obstacle = design.obstacle();
            if let Some(obstacle) = &obstacle {
                say(&format!("note: {} cannot run here: {obstacle}", design.name));
            }
            obstacle.is_none()
        })
        .collect();
    let tables = [(Transport::Udp, &OVER_UDP[..]), (Transport::Tcp, &OVER_TCP[..])]
        .map(|(transport, misbehaviours)| {
            let of_transport = |design: &&&Design| design.transport() == transport;
            let designs: Vec<&Design> = designs.iter().filter(of_transport).copied().collect();
            (transport, misbehaviours, designs)
        })
        .into_iter()
        .filter(|(.., designs)| !designs.is_empty());
    let mut matrix = FaultMatrix {
        idle: arguments.idle,
        patience: PATIENCE,
        unaffected_within: UNAFFECTED_WITHIN,
        tables: Vec::new(),
    };
    let interrupt = Interrupt::watch()?;
    for (transport, misbehaviours, designs) in tables {
        let mut progress = Progress::new(designs.len(), designs.len() as u64);
        let mut rows = Vec::new();
        for design in designs {
            if interrupt.came() {
                break; // complete rows are kept
            }
            progress.begin(design.name);
            let cells = misbehaviours
                .iter()
                .map(|misbehaviour| cell(design, *misbehaviour, arguments.idle));
            rows.push((subject(design), cells.collect::<Result<_, _>>()?));
            progress.end(1);
        }
        progress.finish();
        let faults = misbehaviours.iter().map(|misbehaviour| fault(*misbehaviour)).collect();
        let transport = transport.to_string().to_uppercase();
        if !rows.is_empty() {
            matrix.tables.push(FaultTable { transport, faults, rows });
        }
    }
    let mut errors = Vec::new();
    if interrupt.came() {
        errors.push(Error::Interrupted(format!(
            "ended by {}; the designs that were tried until then are kept",
            interrupt.name()
        )));
    }
    errors.extend(show(&matrix, arguments, &folder).err());
    end_with(errors)
}

fn show(matrix: &FaultMatrix, arguments: &FaultsArgs, folder: &OwnFolder) -> Result<(), Error> {
    let page = folder.path.join("index.html");
    let written = write_file(&page, render(matrix).as_bytes()).map_err(Error::file("write", &page));
    if arguments.json {
        return json::print(matrix).and(written);
    }
    let mut out = Output::begin();
    for table in &matrix.tables {
        for first in (0..table.faults.len()).step_by(FAULTS_BESIDE) {
            out.line(format!("{}\n", columns(table, first)));
        }
        for sentence in sentences(table, matrix.idle) {
            out.paragraph(sentence, "  ");
        }
        out.line("");
    }
    if matrix.tables.iter().any(|table| table.has_idle_time_outs()) {
        let idle = protocol::quantity::write_duration(matrix.idle);
        out.line(format!("Over TCP, first line: no idle time-out; second line: one of {idle}."));
    }
    out.line(page.display().to_string());
    out.finish().and(written)
}

/// The columns of a matrix from `first` on, as many as fit on a terminal.
fn columns(table: &FaultTable, first: usize) -> comfy_table::Table {
    let last = table.faults.len().min(first + FAULTS_BESIDE);
    let mut header = vec![table.transport.as_str()];
    header.extend(table.faults[first..last].iter().map(|fault| fault.name));
    let mut shown = tables::table(&header);
    for (design, cells) in &table.rows {
        let mut row = vec![design.name.clone()];
        row.extend(cells[first..last].iter().map(|cell| match cell.with_idle_time_out {
            Some(with) => format!("{}\n{with}", cell.without_idle_time_out),
            None => cell.without_idle_time_out.to_string(),
        }));
        shown.add_row(row);
    }
    shown
}

fn cell(
    design: &'static Design,
    misbehaviour: Misbehaviour,
    idle: Duration,
) -> Result<Cell, Error> {
    let without_idle_time_out = usual_experience(design, misbehaviour, FOR_EVER)?;
    let with_idle_time_out = match design.transport() {
        Transport::Udp => None,
        Transport::Tcp => Some(usual_experience(design, misbehaviour, idle)?),
    };
    Ok(Cell { without_idle_time_out, with_idle_time_out })
}

/// What the other clients experience. One try is enough to show that they may be unaffected.
/// Otherwise the median of three tries counts, because a stall of the machine delays any client.
fn usual_experience(
    design: &'static Design,
    misbehaviour: Misbehaviour,
    idle: Duration,
) -> Result<Experience, Error> {
    let mut seen = vec![experience(design, misbehaviour, idle)?];
    while seen[0] != Experience::Unaffected && seen.len() < TIMES {
        seen.push(experience(design, misbehaviour, idle)?);
    }
    seen.sort_by_key(|experience| experience.gravity());
    Ok(seen[seen.len() / 2])
}

fn experience(
    design: &'static Design,
    misbehaviour: Misbehaviour,
    idle: Duration,
) -> Result<Experience, Error> {
    let setup = ServerSetup { idle: Some(idle), ..ServerSetup::usual(design) };
    let cores = crate::host::placement::apart(&crate::host::placement::cores()).server_cores;
    let server = ServerProcess::start(&setup, &cores[..1])
        .map_err(|failure: Failure| Error::Server(failure.to_string()))?;
    let misbehaving = Culprits::misbehave(misbehaviour, design.transport(), server.address)?;
    let answered = match design.transport() {
        Transport::Udp => ask_at_once(server.address),
        Transport::Tcp => ask_in_turn(server.address),
    };
    drop(misbehaving);
    Ok(match answered {
        Err(_) => Experience::ShutOut,
        Ok(worst) if worst > UNAFFECTED_WITHIN => Experience::Delayed(worst),
        Ok(_) => Experience::Unaffected,
    })
}

/// The longest time of clients that come one after the other; an error if one is not answered in time.
fn ask_in_turn(server: SocketAddr) -> io::Result<Duration> {
    let mut worst = Duration::ZERO;
    for id in 0..OTHERS as u64 {
        let before = Instant::now();
        ask(server, id)?;
        worst = worst.max(before.elapsed());
    }
    Ok(worst)
}

/// The same of clients that come at once over UDP.
fn ask_at_once(server: SocketAddr) -> io::Result<Duration> {
    let before = Instant::now();
    let sockets: Vec<UdpSocket> = (0..OTHERS_OVER_UDP as u64)
        .map(|id| {
            let socket = UdpSocket::bind(local(server))?;
            socket.send_to(&request(&trivial(id)), server)?;
            Ok(socket)
        })
        .collect::<io::Result<_>>()?;
    let mut reply = [0; HEADER_SIZE];
    for socket in sockets {
        socket.set_read_timeout(Some(left_until(before + PATIENCE)?))?;
        socket.recv_from(&mut reply)?;
    }
    Ok(before.elapsed())
}

/// One correct exchange over TCP; an error if it is not finished in time.
fn ask(server: SocketAddr, id: u64) -> io::Result<()> {
    let due = Instant::now() + PATIENCE;
    let mut reply = [0; HEADER_SIZE];
    let mut stream = TcpStream::connect_timeout(&server, left_until(due)?)?;
    stream.write_all(&request(&trivial(id)))?;
    stream.set_read_timeout(Some(left_until(due)?))?;
    stream.read_exact(&mut reply)
}

/// The time that is left; an error if there is none.
fn left_until(due: Instant) -> io::Result<Duration> {
    let left = due.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::Error::from(io::ErrorKind::TimedOut)) } else { Ok(left) }
}
