//! Signals that end the program, as a flag that long work checks.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procfs::process::Process;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;

/// Signals within this time count as one request to end.
const TOGETHER: Duration = Duration::from_secs(1);

/// Whether the program was asked to end, and by which signal.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Catches SIGINT, SIGTERM and SIGHUP from now on. Another SIGINT or SIGTERM ends the program
    /// at once if it comes a second later or more: timeout(1) and other programs send two of them
    /// together. If the parent process has SIGHUP ignored (nohup(1)), it stays ignored.
    pub(crate) fn watch() -> io::Result<Self> {
        let came = Arc::new(AtomicUsize::new(0));
        let impatient = Arc::new(AtomicBool::new(false));
        let (mut woken, wake) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if signal == SIGHUP && is_ignored(signal) {
                continue;
            }
            if signal != SIGHUP {
                flag::register_conditional_shutdown(signal, 130, Arc::clone(&impatient))?;
            }
            flag::register_usize(signal, Arc::clone(&came), signal as usize)?;
            pipe::register(signal, wake.try_clone()?)?;
        }
        let later = Arc::clone(&impatient);
        let waiting = thread::Builder::new().spawn(move || {
            let _ = woken.read(&mut [0]);
            thread::sleep(TOGETHER);
            later.store(true, Relaxed);
        });
        if waiting.is_err() {
            impatient.store(true, Relaxed); // without a thread the next signal ends the program
        }
        Ok(Self(came))
    }

    /// Whether the program was asked to end.
    pub(crate) fn came(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    /// The signal's name, as users know it.
    pub(crate) fn name(&self) -> &'static str {
        match Signal::try_from(self.0.load(Relaxed) as i32) {
            Ok(Signal::SIGINT) | Err(_) => "Ctrl-C",
            Ok(signal) => signal.as_str(),
        }
    }
}

/// Makes a write that exceeds the limit on file size (ulimit -f) fail, as on a full disk, instead
/// of ending the program.
pub(crate) fn outlive_file_limits() {
    let _ = flag::register(Signal::SIGXFSZ as i32, Arc::new(AtomicBool::new(false)));
}

/// Whether this process ignores a signal, by the mask SigIgn of proc(5).
fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (signal - 1) & 1 == 1)
}
