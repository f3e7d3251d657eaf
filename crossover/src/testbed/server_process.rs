//! Starts, watches and stops a server as a child process, and reads its closing line.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::{Failure, ServerCost};
use servers::supervisor::lines::{ClosingLine, OpeningLine};

use crate::error::with_limit;
use crate::setup::ServerSetup;

/// The time-out for a server to print its opening line, and its closing line.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this time at the latest a server ends by itself, however the bench ended.
const LIFETIME: &str = "3600s";

/// A running server. It is killed when dropped.
pub struct ServerProcess {
    child: Child,
    /// The server's address.
    pub address: SocketAddr,
    /// The speed of the server's core, in steps per microsecond.
    pub steps_per_us: f64,
    ended: Arc<AtomicBool>,
    lines: Receiver<String>,
}

impl ServerProcess {
    /// Starts `crossover serve DESIGN` from this executable, on these cores (all if empty).
    ///
    /// # Errors
    /// If the server does not come up, with the text of its standard error.
    pub fn start(server: &ServerSetup, cores: &[usize]) -> Result<Self, Failure> {
        let did_not = |because: String| Failure::ServerDidNotStart { because };
        let program = std::env::current_exe().map_err(|error| did_not(error.to_string()))?;
        let mut command = Command::new(program);
        command.args(["serve", server.design.name, "--ends-with-parent", "--lifetime", LIFETIME]);
        command.args(server.flags(cores.len()));
        if !cores.is_empty() {
            let list: Vec<String> = cores.iter().map(ToString::to_string).collect();
            command.args(["--cores", &list.join(",")]);
        }
        // The server has a process group of its own, so that Ctrl-C reaches only the bench, which
        // then stops the server in order.
        command.process_group(0).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| did_not(with_limit(&error)))?;
        let ended = Arc::new(AtomicBool::new(false));
        let lines = match watch(&mut child, Arc::clone(&ended)) {
            Ok(lines) => lines,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(did_not(format!("no thread to watch it: {}", with_limit(&error))));
            }
        };
        match lines.recv_timeout(PATIENCE).ok().and_then(|line| serde_json::from_str(&line).ok()) {
            Some(OpeningLine { listening, steps_per_us, .. }) => {
                Ok(Self { child, address: listening, steps_per_us, ended, lines })
            }
            None => {
                let _ = child.kill();
                let _ = child.wait();
                let mut said = String::new();
                if let Some(mut stderr) = child.stderr.take() {
                    let _ = stderr.read_to_string(&mut said);
                }
                Err(did_not(said.trim().trim_start_matches("error: ").to_owned()))
            }
        }
    }

    /// Whether the server has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(SeqCst)
    }

    /// A flag for other threads that is set when the server has ended by itself.
    pub(crate) fn ended_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.ended)
    }

    /// The server's process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Ends the server with SIGTERM and reads its closing line.
    ///
    /// # Errors
    /// If the server had ended before, or does not close as it should.
    pub fn stop(mut self) -> Result<ServerCost, Failure> {
        if self.has_ended() {
            let how = self.child.wait().map_or_else(|error| error.to_string(), in_words);
            return Err(Failure::ServerDied { how });
        }
        let _ = kill(self.pid(), Signal::SIGTERM);
        let closing = match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                return Err(Failure::ServerDied { how: "it did not end when asked to".to_owned() });
            }
            Err(RecvTimeoutError::Disconnected) => String::new(),
        };
        let status = self.child.wait().map_or_else(|error| error.to_string(), in_words);
        serde_json::from_str(&closing)
            .map(cost)
            .map_err(|_| Failure::ServerDied { how: format!("{status}, without a closing line") })
    }
}

/// The values of a closing line, for records.
fn cost(line: ClosingLine) -> ServerCost {
    // Destructured by name, so that no value can be forgotten here.
    let ClosingLine {
        design,
        received,
        answered,
        refused,
        dropped,
        per_worker,
        user_ns,
        system_ns,
        children_user_ns,
        children_system_ns,
        voluntary_switches,
        involuntary_switches,
        peak_memory_bytes,
        served_ns,
    } = line;
    ServerCost {
        design,
        received,
        answered,
        refused,
        dropped,
        per_worker,
        user_ns,
        system_ns,
        children_user_ns,
        children_system_ns,
        voluntary_switches,
        involuntary_switches,
        peak_memory_bytes,
        served_ns,
        accounting: String::new(),
        in_use: None,
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a thread that passes on the server's lines and notices its end, when the pipe closes.
fn watch(child: &mut Child, ended: Arc<AtomicBool>) -> io::Result<Receiver<String>> {
    let (sender, receiver) = channel();
    if let Some(stdout) = child.stdout.take() {
        thread::Builder::new().spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
            ended.store(true, SeqCst);
        })?;
    }
    Ok(receiver)
}

pub(super) fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(Ok(signal))) => format!("killed by {signal}"),
        _ => "it vanished".to_owned(),
    }
}
