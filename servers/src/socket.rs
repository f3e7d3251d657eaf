//! Sockets as a measuring server needs them, and the errors that are no reason to stop.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

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
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(10);

/// Creates a socket, binds it, and makes it passive (the first three classic steps).
///
/// # Errors
/// When the address is in use, not of this machine, or not permitted.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Replies leave when they are written; the option is inherited by accepted connections.
    socket.set_tcp_nodelay(true)?;
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
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Accepts the next connection. Errors of the connection that was to be accepted (a client that
/// has given up already, a network gone away) are no errors of the server: the next one is taken.
///
/// # Errors
/// Of the listener itself.
pub fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    loop {
        match listener.accept() {
            Ok((connection, _)) => return Ok(connection),
            Err(error) if out_of_resources(&error) => thread::sleep(PAUSE_WITHOUT_DESCRIPTORS),
            Err(error) if of_one_client(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Receives the next datagram into `buffer`; its length, and who sent it.
///
/// # Errors
/// Of the socket itself, not of what a client did.
pub fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    loop {
        match socket.recv_from(buffer) {
            Ok(received) => return Ok(received),
            Err(error) if of_one_client(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// accept(2): "Linux accept() passes already-pending network errors on the new socket as an error
/// code"; these must be treated like `EAGAIN`.
fn of_one_client(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
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
                | Errno::ENETUNREACH
        )
    ) || error.kind() == ErrorKind::ConnectionAborted
}

fn out_of_resources(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
    )
}
