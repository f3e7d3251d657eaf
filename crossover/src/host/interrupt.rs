//! Signals that end the program, as a flag that long work looks at.

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

/// Signals that come within this time are one wish to end.
const TOGETHER: Duration = Duration::from_secs(1);

/// Whether the program was asked to end, and how.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Notices SIGINT, SIGTERM and SIGHUP from now on. Another SIGINT or SIGTERM ends the program at
    /// once, for the impatient, if it comes a second later or more: timeout(1) and others send two of
    /// them together. A SIGHUP that whoever started the program has it ignore (nohup(1)) stays ignored.
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

    /// Whether it was asked to end.
    pub(crate) fn came(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    /// What asked for it, as people say it.
    pub(crate) fn name(&self) -> &'static str {
        match Signal::try_from(self.0.load(Relaxed) as i32) {
            Ok(Signal::SIGINT) | Err(_) => "Ctrl-C",
            Ok(signal) => signal.as_str(),
        }
    }
}

/// A file that may not grow any more (ulimit -f) is an error of the write, as a full disk is, and not
/// the end of the program.
pub(crate) fn outlive_file_limits() {
    let _ = flag::register(Signal::SIGXFSZ as i32, Arc::new(AtomicBool::new(false)));
}

/// Whether the kernel drops this signal for us, by the mask SigIgn of proc(5).
fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (signal - 1) & 1 == 1)
}
