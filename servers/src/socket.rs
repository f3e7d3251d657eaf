//! Sockets as a measuring server needs them, and the errors that are no reason to stop.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::loops;

/// Completed connections that may wait to be accepted; the kernel lowers it to `somaxconn`.
const BACKLOG: i32 = 4096;

/// Asked for as receive buffer of a UDP socket: the default holds 256 small datagrams and drops
/// the rest in silence.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The congestion control used where the kernel has it. On loopback nothing is congested, and
/// others (bbr) pace small replies at a cost.
const CONGESTION_CONTROL: &str = "cubic";

/// How long to leave the listener alone when there is no descriptor for a connection: the
/// connection stays in the queue, so trying again at once would only burn the processor.
pub const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(10);

/// The longest of these pauses, for a worker that has looked in vain several times.
const LONGEST_PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(160);

/// Creates a socket, binds it, and makes it passive (the first three classic steps). Connections
/// inherit its options, among them `idle` as the time-out of each read and write: setting them on
/// each connection would be two system calls more for every client.
///
/// # Errors
/// When the address is in use, not of this machine, or not permitted.
pub fn listen(address: SocketAddr, idle: Duration) -> io::Result<TcpListener> {
    listen_with(address, idle, false)
}

fn listen_with(address: SocketAddr, idle: Duration, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.set_read_timeout(Some(idle))?;
    socket.set_write_timeout(Some(idle))?;
    socket.set_tcp_nodelay(true)?; // replies leave when they are written
    let _ = setsockopt(&socket, sockopt::TcpCongestion, &CONGESTION_CONTROL.into());
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Creates a datagram socket and binds it.
///
/// # Errors
/// When the address is in use, not of this machine, or not permitted.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    bind_with(address, false)
}

fn bind_with(address: SocketAddr, reuse_port: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_reuse_port(reuse_port)?;
    mark_replies(&socket, address)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// What leaves is marked as a server's reply, and what comes is told with its mark (`loops.rs`).
fn mark_replies(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    let mark = i32::from(loops::MARK);
    if address.is_ipv6() {
        setsockopt(socket, sockopt::Ipv6TClass, &mark)?;
        setsockopt(socket, sockopt::Ipv6RecvTClass, &true)?;
    }
    // A socket of IPv6 may have clients of IPv4, too.
    let as_well = setsockopt(socket, sockopt::Ipv4Tos, &mark)
        .and_then(|()| setsockopt(socket, sockopt::IpRecvTos, &true));
    if address.is_ipv4() { Ok(as_well?) } else { Ok(()) }
}

/// Binds another datagram socket to the address of `socket`; from now on the kernel deals the
/// datagrams out to all of them by a hash of the addresses (SO_REUSEPORT, socket(7)).
///
/// # Errors
/// When the kernel has no socket left.
pub fn bind_beside(socket: &UdpSocket) -> io::Result<UdpSocket> {
    SockRef::from(socket).set_reuse_port(true)?;
    bind_with(socket.local_addr()?, true)
}

/// The same for a passive socket: each has its own queue of connections.
///
/// # Errors
/// When the kernel has no socket left.
pub fn listen_beside(listener: &TcpListener) -> io::Result<TcpListener> {
    let socket = SockRef::from(listener);
    socket.set_reuse_port(true)?;
    let idle = socket.read_timeout()?.unwrap_or(Duration::MAX);
    listen_with(listener.local_addr()?, idle, true)
}

/// A datagram socket with a port of its own at the address of `socket`, for one peer only.
///
/// # Errors
/// When the kernel has no socket or port left, or the peer cannot be reached.
pub fn connect_beside(socket: &UdpSocket, peer: SocketAddr) -> io::Result<UdpSocket> {
    let own = UdpSocket::bind((socket.local_addr()?.ip(), 0))?;
    mark_replies(&own, peer)?;
    own.connect(peer)?;
    Ok(own)
}

/// Arranges that closing this connection resets it. For a client that does not take its reply: an
/// orderly close would leave the rest with the kernel, which goes on offering it for minutes.
pub fn give_up_on(connection: &TcpStream) {
    let _ = SockRef::from(connection).set_linger(Some(Duration::ZERO));
}

/// Accepts the next connection. Errors of the connection that was to be accepted (a client that
/// has given up already, a network gone away) are no errors of the server: the next one is taken.
///
/// # Errors
/// Of the listener itself.
pub fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let mut pause = PAUSE_WITHOUT_DESCRIPTORS;
    loop {
        match listener.accept() {
            Ok((connection, _)) => return Ok(connection),
            Err(error) => match Scope::of(&error) {
                Scope::Connection => {}
                Scope::Resources => {
                    // Hundreds of workers may be looking; let them look less and less often.
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE_WITHOUT_DESCRIPTORS);
                }
                Scope::Listener => return after_a_pause(error),
            },
        }
    }
}

/// The same for a listener that does not block; `None` where nobody has come, or there is no
/// descriptor, which is waited out a little.
///
/// # Errors
/// Of the listener itself.
pub fn accept_now(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((connection, _)) => Ok(Some(connection)),
        Err(error) => match Scope::of(&error) {
            Scope::Connection => Ok(None),
            Scope::Resources => {
                thread::sleep(PAUSE_WITHOUT_DESCRIPTORS);
                Ok(None)
            }
            Scope::Listener => Err(error),
        },
    }
}

/// A datagram that lies in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Its length.
    pub length: usize,
    /// Who sent it, as it says.
    pub sender: SocketAddr,
    /// Whether it is marked as some server's reply.
    pub is_marked: bool,
}

/// Receives the next datagram into `buffer`.
///
/// # Errors
/// Of the socket itself, not of what a client did; and its read time-out, where it has one.
pub fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    loop {
        match receive_from(socket, buffer, MsgFlags::empty()) {
            Ok(received) => return Ok(received),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(error) => match Scope::of(&error) {
                Scope::Connection => {}
                Scope::Resources => thread::sleep(PAUSE_WITHOUT_DESCRIPTORS),
                Scope::Listener => return after_a_pause(error),
            },
        }
    }
}

/// The same for a socket that does not block; `None` where nothing has come.
///
/// # Errors
/// Of the socket itself, not of what a client did.
pub fn receive_now(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    loop {
        match receive_from(socket, buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(received) => return Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => match Scope::of(&error) {
                // No memory just now is no reason to forget that something has come.
                Scope::Connection | Scope::Resources => {}
                Scope::Listener => return Err(error),
            },
        }
    }
}

/// Room for what the kernel tells beside a datagram, aligned as it writes it.
#[repr(align(8))]
struct Notes([u8; 64]);

/// One call of recvmsg(2): like recvfrom(2), and with the mark.
///
/// # Errors
/// The kernel's.
pub fn receive_from(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
    flags: MsgFlags,
) -> io::Result<Received> {
    let mut notes = Notes([0; 64]);
    let mut slices = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut notes.0[..]), flags)?;
    let is_marked = message.cmsgs()?.any(|note| match note {
        ControlMessageOwned::Ipv4Tos(class) => loops::is_marked(class),
        ControlMessageOwned::Ipv6TClass(class) => loops::is_marked(class as u8),
        _ => false,
    });
    // A datagram without a sender is what a socket that is shut down gives.
    let sender = message.address.as_ref().and_then(address_of).ok_or(Errno::ESHUTDOWN)?;
    Ok(Received { length: message.bytes, sender, is_marked })
}

fn address_of(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|it| SocketAddr::from((it.ip(), it.port())));
    v4.or_else(|| {
        let it = address.as_sockaddr_in6()?;
        let (port, flow, scope) = (it.port(), it.flowinfo(), it.scope_id());
        Some(SocketAddr::V6(SocketAddrV6::new(it.ip(), port, flow, scope)))
    })
}

/// Waits until at least one of these descriptors is readable or has come to its end; which they
/// are, in the order given. An interruption by a signal is an answer too, with none of them ready.
///
/// # Errors
/// When the kernel has no memory for the call.
pub fn readable<'a>(descriptors: impl Iterator<Item = BorrowedFd<'a>>) -> io::Result<Vec<bool>> {
    readable_within(descriptors, None)
}

/// The same, for no longer than `rest`.
///
/// # Errors
/// When the kernel has no memory for the call.
pub fn readable_within<'a>(
    descriptors: impl Iterator<Item = BorrowedFd<'a>>,
    rest: Option<Duration>,
) -> io::Result<Vec<bool>> {
    let rest = rest
        .map_or(PollTimeout::NONE, |rest| PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX));
    let mut set: Vec<PollFd<'a>> =
        descriptors.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)).collect();
    match poll(&mut set, rest) {
        Err(Errno::EINTR) => Ok(vec![false; set.len()]),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(set.iter().map(|entry| entry.any().unwrap_or(true)).collect()),
    }
}

/// A worker that ends because of its socket is replaced in some designs; not at once again and
/// again.
fn after_a_pause<T>(error: io::Error) -> io::Result<T> {
    thread::sleep(PAUSE_WITHOUT_DESCRIPTORS);
    Err(error)
}

/// Whose trouble an error of accept or receive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One client's, or an interruption: take the next.
    Connection,
    /// No descriptor or memory just now: what waits stays in the kernel's queue, so look again
    /// after [`PAUSE_WITHOUT_DESCRIPTORS`].
    Resources,
    /// The socket's own: it cannot go on.
    Listener,
}

impl Scope {
    /// Tells from an error whose trouble it is. accept(2): "Linux accept() passes already-pending
    /// network errors on the new socket as an error code"; they must be treated like `EAGAIN`.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(
                Errno::EAGAIN
                | Errno::EINTR
                | Errno::ECONNABORTED
                | Errno::ECONNRESET
                | Errno::ECONNREFUSED
                | Errno::EPERM
                | Errno::EPROTO
                | Errno::ENETDOWN
                | Errno::ENOPROTOOPT
                | Errno::EHOSTDOWN
                | Errno::ENONET
                | Errno::EHOSTUNREACH
                | Errno::EOPNOTSUPP
                | Errno::ENETUNREACH,
            ) => Self::Connection,
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => Self::Resources,
            _ => Self::Listener,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_apart_by_whose_trouble_it_is() {
        let of = |errno: Errno| Scope::of(&io::Error::from(errno));
        assert_eq!(of(Errno::ECONNABORTED), Scope::Connection);
        assert_eq!(of(Errno::EMFILE), Scope::Resources);
        assert_eq!(of(Errno::EBADF), Scope::Listener);
    }

    #[test]
    fn sockets_beside_each_other_have_one_address() {
        let first = bind("127.0.0.1:0".parse().expect("an address")).expect("a socket");
        let second = bind_beside(&first).expect("a second socket on the same port");
        assert_eq!(first.local_addr().ok(), second.local_addr().ok());
        let first = listen("127.0.0.1:0".parse().expect("an address"), Duration::from_secs(1))
            .expect("a socket");
        let second = listen_beside(&first).expect("a second socket on the same port");
        assert_eq!(first.local_addr().ok(), second.local_addr().ok());
    }

    #[test]
    fn a_connection_has_the_listeners_time_outs() {
        let idle = Duration::from_secs(7);
        let address = "127.0.0.1:0".parse().expect("an address");
        let listener = listen(address, idle).expect("a socket");
        let _client =
            TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let connection = accept(&listener).expect("a client");
        assert_eq!(connection.read_timeout().ok(), Some(Some(idle)));
        assert_eq!(connection.write_timeout().ok(), Some(Some(idle)));
    }
}
