//! The runtime of the designs that use tasks, and a wait as precise as a thread's sleep.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::clock::monotonic_ns;
use crate::context::Context;
use crate::limits::{LAST_READS_FOR, MOST_LAST_READS, READ_SIZE};
use crate::socket::{PAUSE_WITHOUT_DESCRIPTORS, Scope};
use crate::worker::Worker;

/// Runs `serve` on a runtime with as many threads as the server may have workers. A task moves
/// between the threads, so all threads count as one worker.
///
/// # Errors
/// Those of `serve`, and when the system has no threads for the runtime.
pub(crate) fn start<Serving: Future<Output = io::Result<Infallible>>>(
    context: &'static Context,
    serve: impl FnOnce(Worker) -> Serving,
) -> io::Result<Infallible> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(context.workers.limit())
        .enable_all()
        .build()?;
    runtime.block_on(serve(context.workers.master()))
}

/// Waits until `due_ns` on the monotonic clock. The runtime's own timers count in milliseconds; a
/// timer descriptor counts in nanoseconds. If the system has no descriptor left, the task sleeps in
/// its thread, which delays other tasks but is correct.
pub(crate) async fn wait_until(due_ns: u64) {
    if precise_wait(due_ns).await.is_err() {
        crate::processing::wait_until(due_ns);
    }
}

/// Accepts the next connection; skips errors that affect only one client (`socket.rs`).
pub(crate) async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => return Ok(connection),
            Err(error) => match Scope::of(&error) {
                Scope::Connection => {}
                Scope::Resources => tokio::time::sleep(PAUSE_WITHOUT_DESCRIPTORS).await,
                Scope::Listener => return Err(error),
            },
        }
    }
}

/// Closes the connection so that the client can still read the last reply (see `talk/blocking.rs`).
pub(crate) async fn close(mut connection: TcpStream) -> io::Result<()> {
    connection.shutdown().await?;
    let deadline = Deadline::new(LAST_READS_FOR);
    let mut unread = vec![0; READ_SIZE];
    for _ in 0..MOST_LAST_READS {
        if deadline.keep(connection.read(&mut unread)).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Makes the close of this connection a reset (see `socket.rs`).
pub(crate) fn give_up_on(connection: &TcpStream) {
    let _ = connection.set_zero_linger();
}

/// The instant by which a client must have sent its request or taken its reply.
pub(crate) struct Deadline {
    patience: Duration,
    at: Instant,
}

impl Deadline {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, at: Instant::now() + patience }
    }

    /// Starts again, unless the client is midway through a request.
    pub(crate) fn renew_unless(&mut self, midway: bool) {
        if !midway {
            self.at = Instant::now() + self.patience;
        }
    }

    /// The result of `done`, or an error if the instant comes first.
    pub(crate) async fn keep<T>(&self, done: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        match tokio::time::timeout_at(self.at, done).await {
            Ok(outcome) => outcome,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

async fn precise_wait(due_ns: u64) -> io::Result<()> {
    if due_ns <= monotonic_ns() {
        return Ok(());
    }
    let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
    let due = TimeSpec::from(Duration::from_nanos(due_ns));
    timer.set(Expiration::OneShot(due), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
    // SAFETY: the object owns its descriptor, which stays open and the same while it lives.
    let timer = unsafe { AsyncFd::register(TimerDescriptor(timer)) }.map_err(io::Error::other)?;
    let _ready = timer.readable().await?;
    Ok(())
}

/// The runtime takes a raw descriptor, and nix provides a borrowed one.
struct TimerDescriptor(TimerFd);

impl std::os::fd::AsRawFd for TimerDescriptor {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        use std::os::fd::AsFd;
        self.0.as_fd().as_raw_fd()
    }
}
