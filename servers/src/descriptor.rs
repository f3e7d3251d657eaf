//! Passes an open socket to another process (unix(7), SCM_RIGHTS).
//!
//! The descriptor travels with one byte over a local socket, and arrives as a new descriptor of the
//! same connection. This file also reads what only the kernel knows of a connection that another
//! process uses (tcp(7), TCP_INFO).
#![allow(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};

/// Passes `connection` to the process at the other end of `channel`. The caller keeps its own
/// descriptor, and must close it if the client is to see the end of the connection.
///
/// # Errors
/// When the other end is closed.
pub fn pass(connection: &TcpStream, channel: &UnixStream) -> io::Result<()> {
    let rights = [connection.as_raw_fd()];
    let beside = [ControlMessage::ScmRights(&rights)];
    let byte = [IoSlice::new(&[0])];
    sendmsg::<UnixAddr>(channel.as_raw_fd(), &byte, &beside, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Waits for a connection that the other end of `channel` passes.
///
/// # Errors
/// When the other end is closed, or this process has no descriptor left.
pub fn take(channel: &UnixStream) -> io::Result<TcpStream> {
    let mut byte = [0];
    let mut slices = [IoSliceMut::new(&mut byte)];
    let mut space = cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<UnixAddr>(channel.as_raw_fd(), &mut slices, Some(&mut space), flags)?;
    for beside in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = beside
            && let Some(descriptor) = descriptors.first()
        {
            // SAFETY: the kernel has just created this descriptor for this process, and no other
            // code owns it. It is the only one: `pass` sends no more.
            return Ok(unsafe { OwnedFd::from_raw_fd(*descriptor) }.into());
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Whether no data has been received or sent on a connection for `idle`; `false` if the kernel does
/// not report it.
#[must_use]
pub fn is_silent_for(connection: &TcpStream, idle: Duration) -> bool {
    // SAFETY: the structure holds integers only, of which all zeros are valid.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the pointer and length are those of `info`, which outlives the call.
    let told = unsafe {
        libc::getsockopt(
            connection.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    let silent_ms = info.tcpi_last_data_recv.min(info.tcpi_last_data_sent);
    told == 0 && Duration::from_millis(silent_ms.into()) >= idle
}
