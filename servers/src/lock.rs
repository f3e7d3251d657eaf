//! A lock between processes, for the design that lets one worker at a time wait in accept.
//!
//! A record lock on a file in memory (fcntl(2)): it belongs to a process, so a worker that is
//! killed while it holds the lock gives it back by dying.

use std::ffi::c_short;
use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{self, SEEK_SET};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// One lock, shared by a process and all that are forked from it.
pub struct ProcessLock(OwnedFd);

/// The lock, held until dropped.
pub struct Held<'a>(&'a ProcessLock);

impl ProcessLock {
    /// A lock that nobody holds.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(memfd_create("lock", MFdFlags::MFD_CLOEXEC)?))
    }

    /// Waits until no other process holds it. Threads of one process are no others.
    ///
    /// # Errors
    /// When the kernel cannot keep another lock.
    pub fn hold(&self) -> io::Result<Held<'_>> {
        loop {
            match self.set(libc::F_WRLCK as c_short) {
                Ok(()) => return Ok(Held(self)),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn set(&self, kind: c_short) -> Result<(), Errno> {
        let whole_file = libc::flock {
            l_type: kind,
            l_whence: SEEK_SET as c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(&self.0, FcntlArg::F_SETLKW(&whole_file)).map(|_| ())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let _ = self.0.set(libc::F_UNLCK as c_short);
    }
}
