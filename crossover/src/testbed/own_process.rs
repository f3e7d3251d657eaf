//! Starts a server of the user's own, waits until it is ready, and ends it with all its processes.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use loadgen::Target;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use protocol::Transport;
use results::{Failure, ServerCost};
use tempfile::TempDir;

use crate::error::with_limit;
use crate::host::cgroup::{Cgroup, CgroupUsage};
use crate::host::placement::{cores, stay_on};
use crate::host::process_tree::{Tree, TreeUsage, collected_children_ns};
use crate::setup::{Filling, OwnServerSpec, Readiness};
use crate::testbed::server_process::in_words;

/// How many lines of a server's output are kept for messages.
const LINES_KEPT: usize = 20;

/// The longest line that is kept, in bytes.
const LONGEST_LINE: u64 = 4096;

/// How long a server may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(5);

/// The time between two looks at a server that is starting or ending.
const PAUSE: Duration = Duration::from_millis(5);

/// A server of the user's own that is running. It ends with all its processes when dropped.
pub(crate) struct OwnProcess {
    child: Option<Child>,
    output: Arc<Output>,
    /// The folder of this run, if its command or files name one; it is removed at the end.
    folder: Option<TempDir>,
    /// A server that ran already: its process, if that is known.
    attached: Option<i32>,
    collected_before_ns: u64,
    /// The server's control group, where one may be made.
    group: Option<Cgroup>,
    begun: Option<Begun>,
}

/// What was used when the load began.
struct Begun {
    at: Instant,
    usage: TreeUsage,
    /// What the control group had used, if it holds the whole server.
    of_group: Option<CgroupUsage>,
}

/// A folder for a run, with the files that the server is given; `None` if it needs none.
fn folder_of(spec: &OwnServerSpec, filling: Filling) -> io::Result<Option<TempDir>> {
    let values = spec.command.iter().chain(spec.env.values());
    if spec.files.is_empty() && !values.into_iter().any(|text| text.contains(FOLDER)) {
        return Ok(None);
    }
    let folder = tempfile::Builder::new().prefix("crossover-").tempdir()?;
    let path = folder.path().display().to_string();
    for (name, text) in &spec.files {
        fs::write(folder.path().join(name), with_folder(&filling.fill(text), Some(&path)))?;
    }
    Ok(Some(folder))
}

/// What stands for the folder of a run.
const FOLDER: &str = "{folder}";

fn with_folder(text: &str, folder: Option<&str>) -> String {
    folder.map_or_else(|| text.to_owned(), |folder| text.replace(FOLDER, folder))
}

/// The last lines that a server printed, and whether one said that it is ready.
#[derive(Default)]
struct Output {
    lines: Mutex<VecDeque<String>>,
    is_ready: AtomicBool,
}

impl Output {
    fn keep(&self, line: &str, ready: Option<&regex_lite::Regex>) {
        if ready.is_some_and(|pattern| pattern.is_match(line)) {
            self.is_ready.store(true, SeqCst);
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The last lines, for messages.
    fn last_lines(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() {
            return "; it printed nothing".to_owned();
        }
        let lines: Vec<String> = lines.iter().map(|line| format!("\n  | {line}")).collect();
        format!("; its last lines of output:{}", lines.concat())
    }
}

impl OwnProcess {
    /// Starts the server on these cores, or looks for it where it runs already, and waits until it
    /// is ready.
    pub(crate) fn start(
        spec: &OwnServerSpec,
        filling: Filling,
        server_cores: &[usize],
    ) -> Result<(Self, Target), Failure> {
        let did_not = |because: String| Failure::ServerDidNotStart { because };
        let target = spec.target(filling).map_err(did_not)?;
        let mut process = Self {
            child: None,
            output: Arc::default(),
            folder: None,
            attached: spec.pid,
            collected_before_ns: collected_children_ns(),
            group: None,
            begun: None,
        };
        if !spec.command.is_empty() {
            process.spawn(spec, filling, server_cores)?;
        }
        process.wait_until_ready(spec, &target)?;
        Ok((process, target))
    }

    fn spawn(
        &mut self,
        spec: &OwnServerSpec,
        filling: Filling,
        server_cores: &[usize],
    ) -> Result<(), Failure> {
        let did_not = |because: String| Failure::ServerDidNotStart { because };
        // Processes whose parent ends become children of this one, so that none is lost.
        let _ = prctl::set_child_subreaper(true);
        let folder = folder_of(spec, filling).map_err(|error| {
            did_not(format!("its folder cannot be made: {}", with_limit(&error)))
        })?;
        let path = folder.as_ref().map(|folder| folder.path().display().to_string());
        let fill = |text: &str| with_folder(&filling.fill(text), path.as_deref());
        let words: Vec<String> = spec.command.iter().map(|word| fill(word)).collect();
        self.folder = folder;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).process_group(0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(spec.env.iter().map(|(name, value)| (name, fill(value))));
        if let Some(folder) = &spec.cwd {
            command.current_dir(folder);
        }
        // The child has the cores of the thread that starts it.
        let mine = cores();
        stay_on(server_cores);
        let spawned = command.spawn();
        stay_on(&mine);
        let mut child = spawned.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                did_not(format!("'{}' is not found; install it, or write its whole path", words[0]))
            }
            _ => did_not(format!("'{}': {}", words[0], with_limit(&error))),
        })?;
        let pattern = match &spec.ready {
            Readiness::Line(pattern) => regex_lite::Regex::new(pattern).ok(),
            Readiness::Connect | Readiness::Http => None,
        };
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|it| Box::new(it) as Box<dyn Read + Send>),
            child.stderr.take().map(|it| Box::new(it) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            let (output, pattern) = (Arc::clone(&self.output), pattern.clone());
            let read = move || keep_lines(stream, &output, pattern.as_ref());
            if let Err(error) = thread::Builder::new().spawn(read) {
                let _ = child.kill();
                let _ = child.wait();
                return Err(did_not(format!(
                    "no thread to read its output: {}",
                    with_limit(&error)
                )));
            }
        }
        self.group = Cgroup::make();
        if let Some(group) = &self.group {
            group.hold(&BTreeSet::from([child.id() as i32]));
        }
        self.child = Some(child);
        Ok(())
    }

    fn wait_until_ready(&mut self, spec: &OwnServerSpec, target: &Target) -> Result<(), Failure> {
        let deadline = Instant::now() + spec.start_timeout;
        loop {
            if self.is_ready(spec, target) {
                return Ok(());
            }
            if let Some(status) = self.has_failed() {
                thread::sleep(PAUSE); // its last lines may still be on the way
                let because = format!("{}{}", in_words(status), self.output.last_lines());
                return Err(Failure::ServerDidNotStart { because });
            }
            if Instant::now() >= deadline {
                let address = target.addresses[0];
                let because = format!(
                    "it was not ready at {address} within {} s{}",
                    spec.start_timeout.as_secs_f64(),
                    self.output.last_lines()
                );
                return Err(Failure::ServerDidNotStart { because });
            }
            thread::sleep(PAUSE);
        }
    }

    fn is_ready(&self, spec: &OwnServerSpec, target: &Target) -> bool {
        match spec.ready {
            Readiness::Line(_) => self.output.is_ready.load(SeqCst),
            Readiness::Http => target.addresses.iter().any(|address| answers_http(*address)),
            Readiness::Connect if target.transport == Transport::Udp => {
                target.addresses.iter().any(|address| holds_port(*address))
            }
            Readiness::Connect => {
                let connects = |address: &SocketAddr| {
                    TcpStream::connect_timeout(address, Duration::from_millis(200)).is_ok()
                };
                target.addresses.iter().any(connects)
            }
        }
    }

    /// How the server ended, if it did. A program that puts itself into the background ends with
    /// status 0 and leaves others behind.
    fn has_failed(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        (!status.success() || self.tree().pids.is_empty()).then_some(status)
    }

    /// The processes of the server.
    pub(crate) fn tree(&self) -> Tree {
        match (self.attached, &self.child) {
            (Some(pid), _) => Tree::below(pid, true),
            (None, Some(_)) => Tree::below(std::process::id() as i32, false),
            (None, None) => Tree::default(),
        }
    }

    /// Notes that the load begins.
    pub(crate) fn begin(&mut self) {
        let tree = self.tree();
        let group = self.group.as_ref().filter(|group| group.hold(&tree.pids));
        let of_group = group.and_then(Cgroup::usage);
        self.begun = Some(Begun { at: Instant::now(), usage: tree.usage(), of_group });
    }

    /// Ends the server with all its processes; returns what it used since the load began.
    ///
    /// # Errors
    /// If it had ended before.
    pub(crate) fn stop(mut self, answered: u64) -> Result<Option<ServerCost>, Failure> {
        if let Some(status) = self.has_failed() {
            let how = format!("{}{}", in_words(status), self.output.last_lines());
            return Err(Failure::ServerDied { how });
        }
        let has_processes = self.child.is_some() || self.attached.is_some();
        let (Some(begun), true) = (self.begun.take(), has_processes) else { return Ok(None) };
        let (before, served) = (begun.usage, begun.at.elapsed());
        let of_group = begun.of_group.zip(self.group.as_ref().and_then(Cgroup::usage));
        let after = self.tree().usage();
        let ended_meanwhile = after.collected_ns > before.collected_ns;
        self.end();
        let living = after.living_ns.saturating_sub(before.living_ns);
        let used_ns = match ended_meanwhile && self.attached.is_none() {
            // The clocks of ended processes are gone. What this process has collected is exact.
            true => (collected_children_ns() - self.collected_before_ns)
                .saturating_sub(before.living_ns + before.collected_ns),
            false => living + after.collected_ns - before.collected_ns,
        };
        let system_ns = (used_ns as f64 * after.system_share) as u64;
        let (user_ns, system_ns, accounting) = match of_group {
            Some((before, after)) => (
                after.user_ns.saturating_sub(before.user_ns),
                after.system_ns.saturating_sub(before.system_ns),
                "cgroup",
            ),
            None => (used_ns - system_ns, system_ns, "process-tree"),
        };
        Ok(Some(ServerCost {
            answered,
            user_ns,
            system_ns,
            voluntary_switches: after.switches.0.saturating_sub(before.switches.0),
            involuntary_switches: after.switches.1.saturating_sub(before.switches.1),
            peak_memory_bytes: after.memory_bytes,
            served_ns: served.as_nanos() as u64,
            accounting: accounting.to_owned(),
            ..ServerCost::default()
        }))
    }

    /// Ends all processes that were started: by SIGTERM, and by SIGKILL if that does not help.
    fn end(&mut self) {
        let Some(child) = &mut self.child else { return };
        let own = std::process::id() as i32;
        for (signal, patience) in [(Signal::SIGTERM, PATIENCE), (Signal::SIGKILL, PATIENCE)] {
            let tree = Tree::below(own, false);
            tree.pids.iter().for_each(|pid| {
                let _ = kill(Pid::from_raw(*pid), signal);
            });
            let deadline = Instant::now() + patience;
            while Instant::now() < deadline {
                let _ = child.try_wait();
                collect(&Tree::below(own, false), child.id() as i32);
                if Tree::below(own, false).pids.is_empty() {
                    break;
                }
                thread::sleep(PAUSE);
            }
            if Tree::below(own, false).pids.is_empty() {
                break;
            }
        }
        let _ = child.wait();
        self.child = None;
    }
}

impl Drop for OwnProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// Collects ended processes that became children of this one, so that none stays as a zombie.
fn collect(tree: &Tree, child: i32) {
    for pid in tree.pids.iter().filter(|pid| **pid != child) {
        match waitpid(Pid::from_raw(*pid), Some(WaitPidFlag::WNOHANG)) {
            Ok(_) | Err(Errno::ECHILD) => {}
            Err(_) => break,
        }
    }
}

/// Reads lines until the stream ends. A line without an end is cut, so that memory is bounded.
fn keep_lines(stream: Box<dyn Read + Send>, output: &Output, ready: Option<&regex_lite::Regex>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => output.keep(String::from_utf8_lossy(&line).trim_end(), ready),
        }
    }
}

/// Whether a server answers a request at this address, whatever the status.
fn answers_http(address: SocketAddr) -> bool {
    let wait = Duration::from_secs(1);
    let Ok(mut stream) = TcpStream::connect_timeout(&address, wait) else { return false };
    let _ = stream.set_read_timeout(Some(wait));
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut begin = [0; 7];
    std::io::Write::write_all(&mut stream, request.as_bytes()).is_ok()
        && stream.read_exact(&mut begin).is_ok()
        && begin == *b"HTTP/1."
}

/// Whether somebody holds this UDP port: binding to it fails.
fn holds_port(address: SocketAddr) -> bool {
    UdpSocket::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

/// A port that nobody holds at the moment, for TCP and UDP.
pub(crate) fn free_port() -> Option<u16> {
    (0..100).find_map(|_| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).ok()?;
        let address = listener.local_addr().ok()?;
        UdpSocket::bind(address).ok().map(|_| address.port())
    })
}
