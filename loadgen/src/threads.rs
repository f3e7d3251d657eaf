//! Several generators in one process, each a thread with its shard of the plan; all start together.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use protocol::Transport;
use results::Notes;
use workload::{Plan, Shard};

use crate::driver::{
    self, Connections, Datagrams, DriveError, Impaired, MOST_REFUSALS, Pacing, TcpTransport,
    UdpTransport, drive, monotonic_ns,
};
use crate::progress::Progress;
use crate::target::Target;

/// Nanoseconds from the moment when the last thread is ready until all start.
const TOGETHER_NS: u64 = 5_000_000;

/// The threads of a generator.
pub struct Threads<'a> {
    /// How each waits for the next instant.
    pub pacing: Pacing,
    /// The progress of each; there are as many threads as entries.
    pub progress: &'a [Arc<Progress>],
    /// Called first by each thread, with its number, to move it to its core.
    pub begin: &'a (dyn Fn(u32) + Sync),
    /// Called last by each thread, when its load is over and its kept connections still stand.
    pub end: &'a (dyn Fn() + Sync),
}

/// Drives the load to the first address where a server listens, as other clients do: a name such as
/// localhost may have an address that the server does not use. The calling thread is the first.
///
/// # Errors
/// When no address can be reached, or the system has no threads or sockets left.
pub fn drive_where_somebody_is(
    plan: &Plan,
    target: &Target,
    threads: &Threads<'_>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Notes, DriveError> {
    let (last, others) = target.addresses.split_last().expect("a server has an address");
    for address in others {
        match drive_all(
            plan,
            Reached { target, address: *address, most_refusals: 1 },
            threads,
            stop,
        ) {
            Err(DriveError::Connect { .. } | DriveError::Socket(_)) => {}
            Ok(notes) if notes.events.nobody_listens => {}
            driven => return driven,
        }
    }
    let reached = Reached { target, address: *last, most_refusals: MOST_REFUSALS };
    drive_all(plan, reached, threads, stop)
}

/// A server at one of its addresses.
#[derive(Clone, Copy)]
struct Reached<'a> {
    target: &'a Target,
    address: SocketAddr,
    most_refusals: u64,
}

fn drive_all(
    plan: &Plan,
    reached: Reached<'_>,
    threads: &Threads<'_>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Notes, DriveError> {
    let of = threads.progress.len() as u32;
    let together = Together::new(of);
    let run = |index: u32| {
        (threads.begin)(index);
        // The generator's timers must be as precise as the server's.
        let _ = nix::sys::prctl::set_timerslack(1);
        let progress = &threads.progress[index as usize];
        let shard = Shard { index, of };
        let part = Part { plan, shard, together: &together, progress, stop, end: threads.end };
        part.drive(reached, threads.pacing)
    };
    let mut all: Vec<Result<Notes, DriveError>> = thread::scope(|scope| {
        let mut others = Vec::new();
        let mut none_left = None;
        for index in 1..of {
            match thread::Builder::new().spawn_scoped(scope, move || run(index)) {
                Ok(other) => others.push(other),
                Err(source) => {
                    together.call_off();
                    none_left = Some(Err(DriveError::Threads { asked: of, source }));
                    break;
                }
            }
        }
        let first = none_left.unwrap_or_else(|| run(0));
        let joined = others.into_iter().map(|other| other.join().expect("a generator panicked"));
        std::iter::once(first).chain(joined).collect()
    });
    let mut notes = all.swap_remove(0)?;
    for driven in all {
        notes.add(&driven?);
    }
    Ok(notes)
}

/// Where generators wait for each other.
struct Together {
    of: u32,
    meeting: Mutex<Meeting>,
    changed: Condvar,
}

#[derive(Default)]
struct Meeting {
    ready: u32,
    start_ns: u64,
    /// Whether one of them cannot take part.
    is_off: bool,
}

impl Together {
    fn new(of: u32) -> Self {
        Self { of, meeting: Mutex::default(), changed: Condvar::new() }
    }

    /// Cancels the start of all threads.
    fn call_off(&self) {
        self.meeting.lock().unwrap_or_else(PoisonError::into_inner).is_off = true;
        self.changed.notify_all();
    }

    /// When all start, once each has reported whether it can; `None` if one cannot.
    fn start_ns(&self, can: bool) -> Option<u64> {
        if !can {
            self.call_off();
        }
        let mut meeting = self.meeting.lock().unwrap_or_else(PoisonError::into_inner);
        meeting.ready += 1;
        if meeting.ready == self.of {
            meeting.start_ns = monotonic_ns() + TOGETHER_NS;
            self.changed.notify_all();
        }
        let waits = |meeting: &mut Meeting| meeting.ready < self.of && !meeting.is_off;
        let waited = self.changed.wait_while(meeting, waits);
        let meeting = waited.unwrap_or_else(PoisonError::into_inner);
        (!meeting.is_off).then_some(meeting.start_ns)
    }
}

/// One thread's shard of a plan, with what it needs to drive it.
struct Part<'a> {
    plan: &'a Plan,
    shard: Shard,
    together: &'a Together,
    progress: &'a Progress,
    stop: &'a dyn Fn() -> bool,
    end: &'a dyn Fn(),
}

impl Part<'_> {
    fn drive(&self, reached: Reached<'_>, pacing: Pacing) -> Result<Notes, DriveError> {
        let Reached { target, address, most_refusals } = reached;
        let (spec, exchange) = (&self.plan.spec, target.exchange.clone());
        match target.transport {
            Transport::Udp => {
                let made = UdpTransport::new(Datagrams {
                    connected: !target.unconnected,
                    kernel_stamps: target.kernel_stamps,
                    offload: target.offload,
                    most_refusals,
                    ..Datagrams::of(spec, self.shard, address, exchange, pacing)
                });
                if target.network.is_perfect() {
                    return self.drive_over(made);
                }
                let fates = target.network.fates(spec.seed, self.shard.index);
                self.drive_over(made.map(|transport| Impaired::new(transport, fates)))
            }
            Transport::Tcp => {
                let all = Connections::of(spec, self.shard, address, exchange, pacing);
                self.drive_over(TcpTransport::new(Connections { most_refusals, ..all }, self.stop))
            }
        }
    }

    fn drive_over(
        &self,
        made: Result<impl driver::Transport, DriveError>,
    ) -> Result<Notes, DriveError> {
        let start_ns = self.together.start_ns(made.is_ok());
        let mut transport = made?;
        // Another thread reports why there is no load.
        let Some(start_ns) = start_ns else { return Ok(Notes::default()) };
        let Self { plan, shard, progress, stop, .. } = self;
        let before_ns = processor_ns();
        let mut notes = drive(plan, *shard, start_ns, &mut transport, progress, stop);
        notes.generator_ns = processor_ns() - before_ns;
        (self.end)();
        Ok(notes)
    }
}

/// Processor time of this thread until now.
fn processor_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(0, |time| Duration::from(time).as_nanos() as u64)
}
