//! A server as a child process: started, watched, ended, and its closing line read.

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

/// How long a server may take to print its opening line, and its closing line.
const PATIENCE: Duration = Duration::from_secs(10);

/// However a bench ends, its servers end too, by themselves at the latest after this time.
const LIFETIME: &str = "3600s";

/// A running server. It is ended when dropped.
pub struct ServerProcess {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// How fast its core computes.
    pub steps_per_us: f64,
    ended: Arc<AtomicBool>,
    lines: Receiver<String>,
}

impl ServerProcess {
    /// Starts `crossover serve DESIGN` from this very executable, on these cores (all if empty).
    ///
    /// # Errors
    /// When it does not come up; with what it said.
    pub fn start(server: &ServerSetup, cores: &[usize]) -> Result<Self, Failure> {
        let did_not = |because: String| Failure::ServerDidNotStart { because };
        let program = std::env::current_exe().map_err(|error| did_not(error.to_string()))?;
        let mut command = Command::new(program);
        command.args(["serve", server.design.name, "--ends-with-parent", "--lifetime", LIFETIME]);
        command.args(server.flags());
        if !cores.is_empty() {
            let list: Vec<String> = cores.iter().map(ToString::to_string).collect();
            command.args(["--cores", &list.join(",")]);
        }
        // A group of its own: Ctrl-C is for the bench, which then ends the server in order.
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

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(SeqCst)
    }

    /// A flag that is set when it has ended by itself, for other threads.
    pub(crate) fn ended_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.ended)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Ends it by SIGTERM and reads its closing line.
    ///
    /// # Errors
    /// When it had ended before, or does not close as it should.
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

/// What a closing line says, for records.
fn cost(line: ClosingLine) -> ServerCost {
    // Taken apart by name, so that no figure can be forgotten here.
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
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A thread that passes the server's lines on and notices its end: the pipe closes with it.
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

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(Ok(signal))) => format!("killed by {signal}"),
        _ => "it vanished".to_owned(),
    }
}
