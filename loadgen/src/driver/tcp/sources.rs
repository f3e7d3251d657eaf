//! Sockets for connections, and their source addresses.
//!
//! After a FIN of the generator a port cannot be used for a minute, and one source address has a
//! limited number of ports towards one server. Loopback has more addresses. They are used only once
//! the ports of the usual address become scarce, because a server may accept 127.0.0.1 and no other
//! address.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use workload::Close;

/// Time-out for each connection that is made before a persistent load.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Milliseconds between checks of `stop` during the wait for a connection.
const CONNECT_LOOK_MS: u8 = 50;

/// The congestion control, the same as in the server's `socket.rs`; the reason is given there.
const CONGESTION_CONTROL: &str = "cubic";

/// Connections made from the usual address, by all threads together, before others are used. It is
/// a little less than half of the 28,232 ports: beyond that half connect(2) searches for
/// milliseconds.
const FROM_THE_USUAL: u32 = 12_000;

/// Number of other source addresses; each has all ports again.
const OTHERS: u32 = 1 << 12;

/// Makes the sockets of one shard of a load.
pub(super) struct Sources {
    target: SocketAddr,
    close: Close,
    /// Whether the port of an ended connection stays taken.
    ports_rest: bool,
    /// Connections that may still come from the usual address; `usual` is their number at first.
    usual_left: u32,
    usual: u32,
    made: u32,
}

impl Sources {
    /// Sockets for connections to `target`, made by one of `threads`. `kept` means that the
    /// connections stay until the end of the load.
    pub(super) fn new(target: SocketAddr, close: Close, kept: bool, threads: u32) -> Self {
        Self {
            target,
            close,
            ports_rest: kept || close == Close::Finish,
            usual_left: FROM_THE_USUAL / threads.max(1),
            usual: FROM_THE_USUAL / threads.max(1),
            made: 0,
        }
    }

    /// Opens a non-blocking socket that is ready to be connected.
    pub(super) fn open(&mut self) -> io::Result<Socket> {
        let domain = Domain::for_address(self.target);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if self.close == Close::Reset {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        let _ = setsockopt(&socket, sockopt::TcpCongestion, &CONGESTION_CONTROL.into());
        if let Some(source) = self.next() {
            setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        Ok(socket)
    }

    /// Notes that a connection has ended; after a reset its port is free at once.
    pub(super) fn closed(&mut self) {
        if self.close == Close::Reset && self.usual_left < self.usual {
            self.usual_left += 1;
        }
    }

    /// Whether a connection that failed because no port was left may be tried from another address.
    pub(super) fn has_another(&mut self, error: &io::Error) -> bool {
        let no_port = error.raw_os_error() == Some(Errno::EADDRNOTAVAIL as i32);
        let again = no_port && self.is_local() && self.usual_left > 0;
        if again {
            (self.usual_left, self.usual, self.ports_rest) = (0, 0, true);
        }
        again
    }

    fn is_local(&self) -> bool {
        matches!(self.target.ip(), IpAddr::V4(address) if address.is_loopback())
    }

    /// The source address of the next connection; `None` if the kernel chooses it.
    fn next(&mut self) -> Option<Ipv4Addr> {
        if !self.is_local() || !self.ports_rest {
            return None;
        }
        if self.usual_left > 0 {
            self.usual_left -= 1;
            return None;
        }
        self.made = self.made.wrapping_add(1);
        Some(Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + self.made % OTHERS))
    }
}

/// Connects a non-blocking socket and waits until it is connected; returns false if `stop` ended
/// the wait.
pub(super) fn connect_now(
    socket: &Socket,
    target: SocketAddr,
    stop: &dyn Fn() -> bool,
) -> io::Result<bool> {
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        done => return done.map(|()| true),
    }
    let begun = Instant::now();
    while begun.elapsed() < CONNECT_PATIENCE {
        if stop() {
            return Ok(false);
        }
        let mut sockets = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut sockets, CONNECT_LOOK_MS) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return socket.take_error()?.map_or(Ok(true), Err),
            Err(error) => return Err(error.into()),
        }
    }
    Err(ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of so many connections that does not come from the usual address.
    fn first_from_elsewhere(mut sources: Sources) -> Option<u32> {
        (0..40_000).find(|_| sources.next().is_some())
    }

    #[test]
    fn others_are_used_only_once_ports_become_scarce() {
        let local = "127.0.0.1:80".parse().expect("an address");
        let made =
            |close, kept, threads| first_from_elsewhere(Sources::new(local, close, kept, threads));
        assert_eq!(made(Close::Reset, false, 1), None, "a reset frees its port at once");
        assert_eq!(made(Close::Finish, false, 1), Some(FROM_THE_USUAL));
        assert_eq!(made(Close::Reset, true, 1), Some(FROM_THE_USUAL));
        assert_eq!(made(Close::Finish, false, 8), Some(FROM_THE_USUAL / 8), "they share the ports");
        // Connections that are made again after a reset take no port for longer than they last.
        let mut again = Sources::new(local, Close::Reset, true, 1);
        assert!((0..40_000).all(|_| {
            let usual = again.next().is_none();
            again.closed();
            usual
        }));
        // Elsewhere there is one address to come from.
        let remote = "192.0.2.1:80".parse().expect("an address");
        assert_eq!(first_from_elsewhere(Sources::new(remote, Close::Finish, true, 1)), None);
    }

    #[test]
    fn a_connection_without_a_port_is_tried_from_elsewhere_once() {
        let local = "127.0.0.1:80".parse().expect("an address");
        let mut sources = Sources::new(local, Close::Reset, false, 1);
        let none_left = io::Error::from_raw_os_error(Errno::EADDRNOTAVAIL as i32);
        assert!(!sources.has_another(&io::Error::other("something else")));
        assert!(sources.has_another(&none_left) && sources.next().is_some());
        assert!(!sources.has_another(&none_left));
    }
}
