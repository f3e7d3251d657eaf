//! A lock between processes, for the design that lets one worker at a time wait in accept.
//!
//! It is a record lock on a file in memory (fcntl(2)). The kernel keeps it for a process, so a
//! worker that is killed while it holds the lock releases it.

use std::ffi::c_short;
use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{self, SEEK_SET};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A lock shared by a process and all processes forked from it.
pub struct ProcessLock(OwnedFd);

/// The lock, held until dropped.
pub struct Held<'a>(&'a ProcessLock);

impl ProcessLock {
    /// A lock that no process holds.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(memfd_create("lock", MFdFlags::MFD_CLOEXEC)?))
    }

    /// Waits until no other process holds the lock, then takes it. The lock does not exclude
    /// threads of the same process.
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
