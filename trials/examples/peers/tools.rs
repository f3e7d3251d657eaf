//! Foreign generators: how each is called, and how its output is read.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;
use serde_json::Value;
use trials::{self, Failed};

/// The core of the server; the generator has the other one.
pub const SERVER_CORE: &str = "1";
const GENERATOR_CORE: &str = "0";

/// The compiled C programs with which generators are compared.
pub struct Programs {
    folder: tempfile::TempDir,
}

impl Programs {
    pub fn compile() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers");
        for name in ["server", "closed_loop", "paced"] {
            let source = sources.join(format!("{name}.c"));
            let done = Command::new("cc")
                .arg("-O2")
                .arg("-o")
                .arg(folder.path().join(name))
                .arg(source)
                .arg("-lm")
                .status()?;
            if !done.success() {
                return Err(format!("cc could not compile {name}.c").into());
            }
        }
        Ok(Self { folder })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the server; the head of its source explains `arguments`.
    pub fn serve(&self, arguments: &[&str]) -> Result<Server, Failed> {
        Server::start(&self.path("server"), arguments)
    }
}

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    pub port: u16,
}

impl Server {
    fn start(program: &Path, arguments: &[&str]) -> Result<Self, Failed> {
        let mut command = on_core(SERVER_CORE, program);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("its output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        Ok(Self { child, output, port: line.trim().parse()? })
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Processor time used so far, in seconds; the clock ticks every 10 ms.
    pub fn processor_s(&self) -> Result<f64, Failed> {
        let stat = procfs::process::Process::new(self.pid().as_raw())?.stat()?;
        Ok((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
    }

    /// Ends the server and returns what it saw: arrivals, and C² of the gaps between them.
    pub fn stop(mut self) -> Result<String, Failed> {
        kill(self.pid(), Signal::SIGTERM)?;
        let mut said = String::new();
        self.output.read_to_string(&mut said)?;
        self.child.wait()?;
        Ok(said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_core(core: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// What a program printed, and the processor time that it used.
pub struct Ran {
    pub text: String,
    pub processor_s: f64,
}

impl Ran {
    /// The number after a label.
    pub fn number(&self, label: &str) -> Option<f64> {
        number_after(&self.text, label)
    }
}

pub fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = &text[text.find(label)? + label.len()..];
    let is_part = |letter: char| letter.is_ascii_digit() || letter == '.';
    let rest = &rest[rest.find(is_part)?..];
    let end = rest.find(|letter: char| !is_part(letter)).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Runs a program on the generator's core, for a minute at most.
pub fn run(program: &str, arguments: &[impl AsRef<OsStr>]) -> Result<Ran, Failed> {
    let mut command = on_core(GENERATOR_CORE, Path::new("timeout"));
    finish(command.args(["60", program]).args(arguments))
}

fn finish(command: &mut Command) -> Result<Ran, Failed> {
    let used_s = || -> Result<f64, Failed> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let both = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Ok(both as f64 / 1e6)
    };
    let before = used_s()?;
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    Ok(Ran { text, processor_s: used_s()? - before })
}

/// Runs `crossover load` on the generator's core; returns its JSON, and how it ran.
pub fn ours(target: &str, arguments: &[&str]) -> Result<(Value, Ran), Failed> {
    let ran = finish(trials::load(target, GENERATOR_CORE)?.args(arguments))?;
    let said = serde_json::from_str(&ran.text);
    Ok((said.map_err(|_| format!("crossover load: {}", ran.text))?, ran))
}

/// Whether a program is installed.
pub fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The installed ones of these programs; the names of the others are printed.
pub fn installed(programs: &[&'static str]) -> Vec<&'static str> {
    let (there, missing): (Vec<_>, Vec<_>) =
        programs.iter().copied().partition(|program| is_there(program));
    if !missing.is_empty() {
        println!("not installed, left out: {}", missing.join(", "));
    }
    there
}
