//! A server's beginning and its end. A design knows neither: it loops for ever.
//!
//! The beginning: bind, calibrate, make the shared counts, print the opening line. The end comes
//! as a signal (SIGTERM, SIGINT, or SIGALRM when the lifetime is over). Its handler ends the
//! worker processes, collects them so that their processor time is counted, prints the closing
//! line and exits. It runs in the midst of whatever the design was doing, so it only reads
//! atomics, makes system calls that are safe in a handler, and formats into a buffer on its stack.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{self, STDOUT_FILENO, c_int};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl::{set_pdeathsig, set_timerslack};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, killpg, sigaction};
use nix::sys::socket::{Shutdown, shutdown};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::wait::wait;
use nix::unistd::{Pid, alarm};
use protocol::Transport;

use crate::all_services::AllServices;
use crate::axes::Allocation;
use crate::catalogue::{Design, Serve};
use crate::clock::monotonic_ns;
use crate::context::Context;
use crate::limits::{Limits, MAX_WORKERS};
use crate::preflight;
use crate::processing::Processing;
pub use crate::serve_error::ServeError;
use crate::service::Service;
use crate::socket;
use crate::superserver::{self, Row};
use crate::tally::Tally;
use crate::tuning::Tuning;
use crate::worker::ENDING;

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

/// What the handler of the ending signals needs; set once, before they are installed.
struct Supervised {
    name: &'static str,
    context: &'static Context,
    /// The number of the listener it serves on; datagrams come to no listener.
    listener: Option<RawFd>,
    master: Pid,
    usage_at_start: Usage,
    started_at_ns: u64,
}

static SUPERVISED: OnceLock<Supervised> = OnceLock::new();
static ENDED: AtomicBool = AtomicBool::new(false);

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
        // Each door counts as a worker, so that the closing line tells them apart.
        settings.limits.workers = 2 * Service::ALL.len() as u32;
    }
    settle(&settings)?;
    let ended = match &settings.role {
        Role::Design(design, service) => run_design(&settings, design, *service),
        Role::AllServices { base } => run_all_services(&settings, *base),
        Role::Superserver(table) => run_superserver(&settings, table),
    };
    // The end has taken the listener away: it is no failure, and the handler's thread, which may
    // be another one, has the last word.
    while ENDED.load(SeqCst) {
        thread::park();
    }
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

fn run_design(
    settings: &Settings,
    design: &'static Design,
    service: Service,
) -> Result<Infallible, ServeError> {
    let address = settings.listen;
    let context = |bound, tally| {
        let processing = Processing::calibrated();
        new_context(settings, service, design.allocation, processing, tally, bound)
    };
    let said = |bound| {
        format!(r#""listening":"{bound}","design":"{}","service":"{service}""#, design.name)
    };
    match design.serve {
        Serve::Udp(serve) => {
            let socket = bind_at(address)?;
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

/// Refuses a server that could serve nobody, and warns of one that could serve few.
fn look_ahead(design: &Design, settings: &Settings, socket: impl AsFd) -> Result<(), ServeError> {
    let looked = preflight::check(design, &settings.limits, socket);
    let warning =
        looked.map_err(|shortage| ServeError::Shortage { design: design.name, shortage })?;
    if let Some(warning) = warning {
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    Ok(())
}

fn run_all_services(settings: &Settings, base: u16) -> Result<Infallible, ServeError> {
    let (processing, tally) = (Processing::calibrated(), Tally::shared()?);
    let mut server = AllServices::new()?;
    let mut said = Vec::new();
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
                Transport::Udp => server.offer_udp(bind_at(address)?, context)?,
                Transport::Tcp => server.offer_tcp(listen_at(address, settings)?, context)?,
            };
            first.get_or_insert((context, address));
            said.push(format!(
                r#"{{"service":"{service}","transport":"{transport}","listening":"{address}"}}"#
            ));
        }
    }
    let (context, address) = first.expect("there are services");
    let text = format!(
        r#""listening":"{address}","design":"all-services","services":[{}]"#,
        said.join(",")
    );
    preflight::check_descriptors(1, &server)
        .map_err(|shortage| ServeError::Shortage { design: "all-services", shortage })?;
    open(settings, context, None, text)?;
    Ok(server.serve()?)
}

fn run_superserver(settings: &Settings, table: &[Row]) -> Result<Infallible, ServeError> {
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
    let mut doors = Vec::new();
    let mut said = Vec::new();
    for row in table {
        let listener = listen_at(SocketAddr::new(settings.listen.ip(), row.port), settings)?;
        let bound = listener.local_addr()?;
        let program = json_string(&row.program);
        said.push(format!(r#"{{"listening":"{bound}","program":{program}}}"#));
        doors.push((listener, row.clone()));
    }
    let Some((first, _)) = doors.first() else { return Err(ServeError::EmptyTable) };
    let text = format!(
        r#""listening":"{}","design":"superserver","services":[{}]"#,
        first.local_addr()?,
        said.join(",")
    );
    preflight::check_superserver(first)
        .map_err(|shortage| ServeError::Shortage { design: "superserver", shortage })?;
    open(settings, context, Some(first.as_raw_fd()), text)?;
    Ok(superserver::serve(doors, each as usize, context)?)
}

/// A text as a string of JSON (RFC 8259, section 7).
fn json_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

fn bind_at(address: SocketAddr) -> Result<UdpSocket, ServeError> {
    socket::bind(address).map_err(|source| ServeError::Listen { address, source })
}

fn listen_at(address: SocketAddr, settings: &Settings) -> Result<TcpListener, ServeError> {
    socket::listen(address, settings.limits.idle)
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

/// Sets what the process and all its workers inherit: precise sleeps, cores, an end.
fn settle(settings: &Settings) -> Result<(), ServeError> {
    if !matches!(settings.role, Role::Superserver(_)) {
        // Its programs would inherit it, and some count on a small number.
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

/// Gives back what the start has used of the heap. A process forked from this one would copy
/// each page on which it first has to sort what was freed there, a quarter of what it costs.
fn tidy_up() {
    // SAFETY: it only gives free memory back to the system.
    unsafe { libc::malloc_trim(0) };
}

/// Arranges for the end, and prints the opening line: what it says of this server, `opening`, and
/// what it says of every one.
fn open(
    settings: &Settings,
    context: &'static Context,
    listener: Option<RawFd>,
    opening: String,
) -> Result<(), ServeError> {
    let supervised = Supervised {
        name: settings.role.name(),
        context,
        listener,
        master: Pid::this(),
        usage_at_start: Usage::of(UsageWho::RUSAGE_SELF),
        started_at_ns: monotonic_ns(),
    };
    if SUPERVISED.set(supervised).is_err() {
        return Err(io::Error::other("one process holds one server").into());
    }
    for signal in ENDING {
        install(signal, on_end)?;
    }
    install(Signal::SIGCHLD, on_child_end)?;
    if let Some(lifetime) = settings.lifetime {
        let seconds = lifetime.as_secs() + u64::from(lifetime.subsec_nanos() > 0);
        alarm::set(u32::try_from(seconds).unwrap_or(u32::MAX).max(1));
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        r#"{{{},"workers":{},"pid":{},"steps_per_us":{:.1}}}"#,
        opening,
        settings.limits.workers,
        Pid::this(),
        context.processing.steps_per_us(),
    )?;
    out.flush()?;
    tidy_up();
    Ok(())
}

fn install(signal: Signal, handler: extern "C" fn(c_int)) -> io::Result<()> {
    // SA_RESTART: a system call that the signal interrupts goes on as if nothing had been.
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::SA_RESTART, SigSet::all());
    // SAFETY: both handlers only do what is safe in one, as said at the head of this file.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

/// SIGCHLD: collects the workers that have ended. The interrupted code finds `errno` unchanged.
extern "C" fn on_child_end(_: c_int) {
    let errno = Errno::last_raw();
    if let Some(supervised) = SUPERVISED.get() {
        supervised.context.workers.reap();
    }
    Errno::set_raw(errno);
}

/// The end: workers first, then the closing line, then this process.
extern "C" fn on_end(_: c_int) {
    let Some(supervised) = SUPERVISED.get() else { exit(1) };
    if Pid::this() != supervised.master || ENDED.swap(true, SeqCst) {
        return; // a worker just born, or a second signal on another thread
    }
    // Nobody is let in any more. The kernel lets go of a ring's socket only some time after the
    // process has ended; this frees the port at once. (A datagram socket stays as it is: receivers
    // would be woken with a datagram that has no sender, over which the standard library panics.)
    if let Some(listener) = supervised.listener {
        let _ = shutdown(listener, Shutdown::Both);
    }
    for worker in supervised.context.workers.processes() {
        let _ = kill(worker, Signal::SIGKILL);
        let _ = killpg(worker, Signal::SIGKILL); // what a program of the superserver has started
    }
    while wait().is_ok() {}
    let _ = supervised.print_closing_line();
    exit(0);
}

fn exit(code: c_int) -> ! {
    // SAFETY: `_exit` only ends the process; nothing of it is used afterwards.
    unsafe { libc::_exit(code) }
}

/// What a process has used of the machine.
#[derive(Clone, Copy)]
struct Usage {
    user_ns: i64,
    system_ns: i64,
    voluntary_switches: i64,
    involuntary_switches: i64,
    peak_memory_bytes: i64,
}

impl Usage {
    fn of(who: UsageWho) -> Self {
        let nanos = |time: TimeVal| time.num_nanoseconds();
        getrusage(who).map_or(
            Self {
                user_ns: 0,
                system_ns: 0,
                voluntary_switches: 0,
                involuntary_switches: 0,
                peak_memory_bytes: 0,
            },
            |usage| Self {
                user_ns: nanos(usage.user_time()),
                system_ns: nanos(usage.system_time()),
                voluntary_switches: usage.voluntary_context_switches(),
                involuntary_switches: usage.involuntary_context_switches(),
                peak_memory_bytes: usage.max_rss() * 1024,
            },
        )
    }
}

impl Supervised {
    fn print_closing_line(&self) -> fmt::Result {
        let own = Usage::of(UsageWho::RUSAGE_SELF);
        let children = Usage::of(UsageWho::RUSAGE_CHILDREN);
        let start = self.usage_at_start;
        let tally = self.context.tally;
        let mut out = Unbuffered::default();
        write!(out, r#"{{"design":"{}""#, self.name)?;
        write!(out, r#","received":{}"#, tally.received())?;
        write!(out, r#","answered":{}"#, tally.answered())?;
        write!(out, r#","refused":{}"#, tally.refused())?;
        write!(out, r#","dropped":{}"#, tally.dropped())?;
        write!(out, r#","per_worker":["#)?;
        for (place, answered) in tally.answered_by_place().enumerate() {
            write!(out, "{}{answered}", if place == 0 { "" } else { "," })?;
        }
        write!(out, r#"],"user_ns":{}"#, own.user_ns - start.user_ns)?;
        write!(out, r#","system_ns":{}"#, own.system_ns - start.system_ns)?;
        write!(out, r#","children_user_ns":{}"#, children.user_ns)?;
        write!(out, r#","children_system_ns":{}"#, children.system_ns)?;
        let voluntary =
            own.voluntary_switches - start.voluntary_switches + children.voluntary_switches;
        let involuntary =
            own.involuntary_switches - start.involuntary_switches + children.involuntary_switches;
        write!(out, r#","voluntary_switches":{voluntary}"#)?;
        write!(out, r#","involuntary_switches":{involuntary}"#)?;
        let peak = own.peak_memory_bytes.max(children.peak_memory_bytes);
        write!(out, r#","peak_memory_bytes":{peak}"#)?;
        let served_ns = monotonic_ns().saturating_sub(self.started_at_ns);
        writeln!(out, r#","served_ns":{served_ns}}}"#)?;
        out.flush();
        Ok(())
    }
}

/// Standard output without the library's lock and heap, neither of which a handler may touch.
struct Unbuffered {
    bytes: [u8; 512],
    length: usize,
}

impl Default for Unbuffered {
    fn default() -> Self {
        Self { bytes: [0; 512], length: 0 }
    }
}

impl Unbuffered {
    fn flush(&mut self) {
        let mut rest = &self.bytes[..self.length];
        while !rest.is_empty() {
            // SAFETY: the pointer and length are those of a live slice; write(2) is safe in a
            // handler.
            let wrote = unsafe { libc::write(STDOUT_FILENO, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(wrote) {
                Ok(count) if count > 0 => rest = &rest[count..],
                _ if Errno::last() == Errno::EINTR => {}
                _ => break, // nobody reads any more
            }
        }
        self.length = 0;
    }
}

impl fmt::Write for Unbuffered {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.length == self.bytes.len() {
                self.flush();
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}
