//! The generator on real sockets: its threads, and what the machine did meanwhile.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use loadgen::driver::{
    Connections, Datagrams, MOST_REFUSALS, Pacing, TcpTransport, UdpTransport, monotonic_ns,
};
use loadgen::judge::{Conditions, measurement};
use loadgen::{DriveError, Exchange, Progress, drive};
use nix::time::{ClockId, clock_gettime};
use protocol::Transport;
use results::{Measurement, Notes, Placement};
use workload::{Plan, Shard};

use crate::machine::KernelCounters;
use crate::placement::stay_on;

/// Several generators begin together so long after the last of them is ready.
const TOGETHER_NS: u64 = 5_000_000;

/// A server as the generator sees it.
#[derive(Clone, Debug)]
pub struct Aim {
    /// How to reach it.
    pub transport: Transport,
    /// Where it is; of several addresses the first at which somebody is counts.
    pub addresses: Vec<SocketAddr>,
    /// What is said.
    pub exchange: Exchange,
    /// UDP: whether replies may come from another port.
    pub unconnected: bool,
    /// UDP: whether the kernel's receive stamps are taken.
    pub kernel_stamps: bool,
    /// UDP: whether datagrams go and come in trains.
    pub offload: bool,
}

impl Aim {
    /// A server of the work protocol.
    #[must_use]
    pub fn work(transport: Transport, address: SocketAddr) -> Self {
        Self {
            transport,
            addresses: vec![address],
            exchange: Exchange::Work,
            unconnected: false,
            kernel_stamps: false,
            offload: false,
        }
    }
}

/// How the generator runs.
#[derive(Clone)]
pub struct Engine {
    /// Its cores, and what is recorded of them.
    pub placement: Placement,
    /// How it waits.
    pub pacing: Pacing,
    /// How each of its threads goes; as many threads as there are of these.
    pub progress: Vec<Arc<Progress>>,
}

impl Engine {
    /// One thread that spins if the placement says so.
    #[must_use]
    pub fn single(placement: Placement) -> Self {
        let pacing = if placement.generator_spins { Pacing::Spin } else { Pacing::Sleep };
        Self { placement, pacing, progress: vec![Arc::default()] }
    }
}

/// Drives a plan against a real server and judges the run. The calling thread is the first of the
/// generator's.
pub(crate) fn measure(
    plan: &Plan,
    aim: &Aim,
    engine: &Engine,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Measurement, DriveError> {
    observe(plan, aim, engine, stop).map(|(notes, seen)| measurement(plan, notes, &seen))
}

/// Drives a plan against a real server: what the generator noted, and under which conditions.
pub(crate) fn observe(
    plan: &Plan,
    aim: &Aim,
    engine: &Engine,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(Notes, Conditions), DriveError> {
    let before = KernelCounters::read();
    let notes = drive_where_somebody_is(plan, aim, engine, stop)?;
    let placement = &engine.placement;
    // Where a foreign server runs is not known: then every core may be its own.
    let cores = match placement.server_cores.is_empty() {
        true => Vec::new(),
        false => [&placement.generator_cores[..], &placement.server_cores].concat(),
    };
    let events = KernelCounters::read().since(&before, &cores);
    let conditions = Conditions {
        transport: aim.transport,
        placement: engine.placement.clone(),
        generators: engine.progress.len(),
        stolen_share: events.stolen_share,
        datagrams_dropped: events.datagrams_dropped,
        connections_dropped: events.connections_dropped,
        ..Conditions::default()
    };
    Ok((notes, conditions))
}

/// Drives the load to the first address at which anything listens, as other clients do: a name such
/// as localhost may have one that the server does not use.
fn drive_where_somebody_is(
    plan: &Plan,
    aim: &Aim,
    engine: &Engine,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Notes, DriveError> {
    let (last, others) = aim.addresses.split_last().expect("a server has an address");
    for address in others {
        match drive_all(plan, Reached { aim, address: *address, most_refusals: 1 }, engine, stop) {
            Err(DriveError::Connect { .. } | DriveError::Socket(_)) => {}
            Ok(notes) if notes.events.nobody_listens => {}
            driven => return driven,
        }
    }
    let reached = Reached { aim, address: *last, most_refusals: MOST_REFUSALS };
    drive_all(plan, reached, engine, stop)
}

/// A server at one of its addresses.
#[derive(Clone, Copy)]
struct Reached<'a> {
    aim: &'a Aim,
    address: SocketAddr,
    most_refusals: u64,
}

fn drive_all(
    plan: &Plan,
    reached: Reached<'_>,
    engine: &Engine,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Notes, DriveError> {
    let of = engine.progress.len() as u32;
    let together = Together::new(of);
    let run = |index: u32| {
        let cores = &engine.placement.generator_cores;
        if of > 1 && cores.len() >= of as usize {
            stay_on(&cores[index as usize..=index as usize]);
        }
        // Timers of the generator are to be as precise as the server's.
        let _ = nix::sys::prctl::set_timerslack(1);
        let progress = &engine.progress[index as usize];
        let shard = Shard { index, of };
        Part { plan, shard, together: &together, progress, stop }.drive(reached, engine.pacing)
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

    /// Nobody begins.
    fn call_off(&self) {
        self.meeting.lock().unwrap_or_else(PoisonError::into_inner).is_off = true;
        self.changed.notify_all();
    }

    /// When all begin, once each has said whether it can; `None` where one cannot.
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

/// One thread's part of a plan.
struct Part<'a> {
    plan: &'a Plan,
    shard: Shard,
    together: &'a Together,
    progress: &'a Progress,
    stop: &'a dyn Fn() -> bool,
}

impl Part<'_> {
    fn drive(&self, reached: Reached<'_>, pacing: Pacing) -> Result<Notes, DriveError> {
        let Reached { aim, address, most_refusals } = reached;
        let (spec, exchange) = (&self.plan.spec, aim.exchange.clone());
        match aim.transport {
            Transport::Udp => self.drive_over(UdpTransport::new(Datagrams {
                connected: !aim.unconnected,
                kernel_stamps: aim.kernel_stamps,
                offload: aim.offload,
                most_refusals,
                ..Datagrams::of(spec, self.shard, address, exchange, pacing)
            })),
            Transport::Tcp => {
                let all = Connections::of(spec, self.shard, address, exchange, pacing);
                self.drive_over(TcpTransport::new(Connections { most_refusals, ..all }, self.stop))
            }
        }
    }

    fn drive_over(
        &self,
        made: Result<impl loadgen::driver::Transport, DriveError>,
    ) -> Result<Notes, DriveError> {
        let start_ns = self.together.start_ns(made.is_ok());
        let mut transport = made?;
        // Another thread tells why there is no load.
        let Some(start_ns) = start_ns else { return Ok(Notes::default()) };
        let Self { plan, shard, progress, stop, .. } = self;
        let before_ns = processor_ns();
        let mut notes = drive(plan, *shard, start_ns, &mut transport, progress, stop);
        notes.generator_ns = processor_ns() - before_ns;
        Ok(notes)
    }
}

/// Processor time of this thread until now.
fn processor_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(0, |time| Duration::from(time).as_nanos() as u64)
}
