//! Sockets with the options that a measured server needs, and the errors that do not stop it.

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

use crate::limits::Limits;
use crate::loops;

/// The congestion control, if the kernel has it. Loopback has no congestion, and other algorithms
/// (bbr) pace small replies at a cost.
const CONGESTION_CONTROL: &str = "cubic";

/// Pause after accept finds no descriptor for a connection. The connection stays in the queue, so
/// an immediate retry would only use the processor.
pub const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(10);

/// The longest of these pauses, for a worker that has failed several times in a row.
const LONGEST_PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(160);

/// Creates a socket, binds it, and makes it passive (the first three classic steps).
///
/// Connections inherit its options, including `limits.idle` as the time-out of each read and write.
/// Setting the time-outs on each connection would cost two more system calls for every client.
///
/// # Errors
/// When the address is in use, is not an address of this machine, or is not permitted.
pub fn listen(address: SocketAddr, limits: &Limits) -> io::Result<TcpListener> {
    listen_with(address, limits, false)
}

fn listen_with(address: SocketAddr, limits: &Limits, reuse_port: bool) -> io::Result<TcpListener> {
    let idle = limits.idle;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.set_read_timeout(Some(idle))?;
    socket.set_write_timeout(Some(idle))?;
    socket.set_tcp_nodelay(true)?; // replies leave as soon as they are written
    let _ = setsockopt(&socket, sockopt::TcpCongestion, &CONGESTION_CONTROL.into());
    socket.bind(&address.into())?;
    socket.listen(limits.backlog)?;
    Ok(socket.into())
}

/// Creates a datagram socket and binds it.
///
/// # Errors
/// When the address is in use, is not an address of this machine, or is not permitted.
pub fn bind(address: SocketAddr, limits: &Limits) -> io::Result<UdpSocket> {
    bind_with(address, limits, false)
}

fn bind_with(address: SocketAddr, limits: &Limits, reuse_port: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(limits.receive_buffer)?;
    socket.set_reuse_port(reuse_port)?;
    mark_replies(&socket, address)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Marks outgoing datagrams as a server's replies, and requests the mark of incoming ones
/// (`loops.rs`).
fn mark_replies(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    let mark = i32::from(loops::MARK);
    if address.is_ipv6() {
        setsockopt(socket, sockopt::Ipv6TClass, &mark)?;
        setsockopt(socket, sockopt::Ipv6RecvTClass, &true)?;
    }
    // An IPv6 socket may have IPv4 clients, too.
    let as_well = setsockopt(socket, sockopt::Ipv4Tos, &mark)
        .and_then(|()| setsockopt(socket, sockopt::IpRecvTos, &true));
    if address.is_ipv4() { Ok(as_well?) } else { Ok(()) }
}

/// Binds another datagram socket to the address of `socket`. From then on the kernel distributes
/// datagrams over all such sockets by a hash of the addresses (SO_REUSEPORT, socket(7)).
///
/// # Errors
/// When the kernel has no socket left.
pub fn bind_beside(socket: &UdpSocket, limits: &Limits) -> io::Result<UdpSocket> {
    SockRef::from(socket).set_reuse_port(true)?;
    bind_with(socket.local_addr()?, limits, true)
}

/// As [`bind_beside`], for a passive socket: each has its own queue of connections.
///
/// # Errors
/// When the kernel has no socket left.
pub fn listen_beside(listener: &TcpListener, limits: &Limits) -> io::Result<TcpListener> {
    SockRef::from(listener).set_reuse_port(true)?;
    listen_with(listener.local_addr()?, limits, true)
}

/// A datagram socket with its own port at the address of `socket`, connected to one peer.
///
/// # Errors
/// When the kernel has no socket or port left, or the peer cannot be reached.
pub fn connect_beside(socket: &UdpSocket, peer: SocketAddr) -> io::Result<UdpSocket> {
    let own = UdpSocket::bind((socket.local_addr()?.ip(), 0))?;
    mark_replies(&own, peer)?;
    own.connect(peer)?;
    Ok(own)
}

/// Makes the close of this connection a reset, for a client that does not take its reply. After an
/// orderly close the kernel would keep the rest and offer it for minutes.
pub fn give_up_on(connection: &TcpStream) {
    let _ = SockRef::from(connection).set_linger(Some(Duration::ZERO));
}

/// Accepts the next connection. An error of one connection (the client has already given up, a
/// network has gone) is not an error of the server: the next connection is accepted.
///
/// # Errors
/// Those of the listener itself.
pub fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let mut pause = PAUSE_WITHOUT_DESCRIPTORS;
    loop {
        match listener.accept() {
            Ok((connection, _)) => return Ok(connection),
            Err(error) => match Scope::of(&error) {
                Scope::Connection => {}
                Scope::Resources => {
                    // Hundreds of workers may wait here, so each retries less and less often.
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE_WITHOUT_DESCRIPTORS);
                }
                Scope::Listener => return after_a_pause(error),
            },
        }
    }
}

/// As [`accept`], for a non-blocking listener. Returns `None` if no client has connected, or, after
/// a pause, if no descriptor is left.
///
/// # Errors
/// Those of the listener itself.
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

/// A datagram in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Its length in bytes.
    pub length: usize,
    /// The sender's address, as the datagram states it.
    pub sender: SocketAddr,
    /// Whether it carries the mark of a server's reply.
    pub is_marked: bool,
}

/// Receives the next datagram into `buffer`.
///
/// # Errors
/// Those of the socket itself, not of a client; also the read time-out, if the socket has one.
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

/// As [`receive`], for a non-blocking socket; `None` if nothing has arrived.
///
/// # Errors
/// Those of the socket itself, not of a client.
pub fn receive_now(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    loop {
        match receive_from(socket, buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(received) => return Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => match Scope::of(&error) {
                // A temporary shortage of memory must not hide a datagram that has arrived.
                Scope::Connection | Scope::Resources => {}
                Scope::Listener => return Err(error),
            },
        }
    }
}

/// A buffer for the ancillary data of a datagram, aligned as the kernel writes it.
#[repr(align(8))]
struct Notes([u8; 64]);

/// Calls recvmsg(2) once: like recvfrom(2), but with the mark.
///
/// # Errors
/// Those of the kernel.
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
    // A socket that is shut down returns a datagram without a sender.
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

/// Waits until at least one of these descriptors is readable or at its end. Returns which are, in
/// the order given. A signal may end the wait with none of them ready.
///
/// # Errors
/// When the kernel has no memory for the call.
pub fn readable<'a>(descriptors: impl Iterator<Item = BorrowedFd<'a>>) -> io::Result<Vec<bool>> {
    readable_within(descriptors, None)
}

/// As [`readable`], but for no longer than `rest`.
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

/// Returns the error after a pause: some designs replace a worker that ends because of its socket,
/// and must not do so without a pause.
fn after_a_pause<T>(error: io::Error) -> io::Result<T> {
    thread::sleep(PAUSE_WITHOUT_DESCRIPTORS);
    Err(error)
}

/// What an error of accept or receive affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One client only, or it is an interruption: take the next.
    Connection,
    /// No descriptor or memory is available. What waits stays in the kernel's queue, so retry after
    /// [`PAUSE_WITHOUT_DESCRIPTORS`].
    Resources,
    /// The socket itself, which cannot go on.
    Listener,
}

impl Scope {
    /// Classifies an error. accept(2): "Linux accept() passes already-pending network errors on the
    /// new socket as an error code"; such errors must be treated like `EAGAIN`.
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
        let limits = Limits::default();
        let address = "127.0.0.1:0".parse().expect("an address");
        let first = bind(address, &limits).expect("a socket");
        let second = bind_beside(&first, &limits).expect("a second socket on the same port");
        assert_eq!(first.local_addr().ok(), second.local_addr().ok());
        let first = listen(address, &limits).expect("a socket");
        let second = listen_beside(&first, &limits).expect("a second socket on the same port");
        assert_eq!(first.local_addr().ok(), second.local_addr().ok());
    }

    #[test]
    fn a_connection_has_the_listeners_time_outs() {
        let idle = Duration::from_secs(7);
        let address = "127.0.0.1:0".parse().expect("an address");
        let listener = listen(address, &Limits { idle, ..Limits::default() }).expect("a socket");
        let _client =
            TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let connection = accept(&listener).expect("a client");
        assert_eq!(connection.read_timeout().ok(), Some(Some(idle)));
        assert_eq!(connection.write_timeout().ok(), Some(Some(idle)));
    }
}
