//! Creates workers and ends them, threads and processes alike.
//!
//! A server has a bounded number of *slots*. The master takes a free slot before it takes the next
//! request or connection. At the bound, clients wait in the kernel's queue and the server does not
//! grow. A counting semaphore holds the number of free slots; it is an eventfd because a signal
//! handler may post to one.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, killpg, sigaction,
};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid};

use crate::axes::Allocation;
use crate::limits::MAX_WORKERS;
use crate::tally::{FREE, SlotTally, THREAD, Tally};

/// The stack of a worker thread, in bytes: its frames are shallow, and large buffers are on the
/// heap.
const STACK_SIZE: usize = 256 << 10;

/// Pause after the system has refused a thread or process.
const PAUSE_WITHOUT_WORKERS: Duration = Duration::from_millis(10);

/// The signals that end a server.
pub(crate) const ENDING: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGALRM];

/// The slots of a server and their occupants.
pub struct Workers {
    tally: &'static Tally,
    limit: usize,
    allocation: Allocation,
    free: EventFd,
    /// Whether the system refused the last worker that was to be created.
    refused: AtomicBool,
}

/// A worker, identified by the number of its slot. Replies carry the number, and counts are kept by
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker(u32);

impl Worker {
    /// The slot's number, counted from 0.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A slot held for the next worker; released when dropped.
pub struct Slot<'a> {
    workers: &'a Workers,
    number: u32,
}

impl Slot<'_> {
    /// The worker of this slot, for use while the slot is held.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker(self.number)
    }
}

impl Workers {
    /// `limit` free slots, at least 1 and at most [`MAX_WORKERS`].
    ///
    /// # Errors
    /// When the system has no descriptor left to count them.
    pub fn new(tally: &'static Tally, limit: u32, allocation: Allocation) -> io::Result<Self> {
        let limit = limit.clamp(1, MAX_WORKERS);
        let flags = EfdFlags::EFD_SEMAPHORE | EfdFlags::EFD_CLOEXEC;
        let free = EventFd::from_value_and_flags(limit, flags)?;
        let refused = AtomicBool::new(false);
        Ok(Self { tally, limit: limit as usize, allocation, free, refused })
    }

    /// The master as a worker, for an iterative server or an event loop.
    pub fn master(&self) -> Worker {
        let slot = self.free_slot();
        let worker = Worker(slot.number);
        std::mem::forget(slot);
        worker
    }

    /// The most workers that there may be.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A descriptor that is readable while a slot is free.
    #[must_use]
    pub fn vacancy(&self) -> BorrowedFd<'_> {
        self.free.as_fd()
    }

    /// The slots that are free now, for a preallocated pool. The iterator ends early if the system
    /// refuses a worker. Only the master takes slots, so that no slot is lost between looking and
    /// taking.
    pub fn free_slots(&self) -> impl Iterator<Item = Slot<'_>> {
        self.refused.store(false, Relaxed);
        std::iter::from_fn(|| {
            if self.refused.load(Relaxed) {
                return None;
            }
            let mut vacancy = [PollFd::new(self.vacancy(), PollFlags::POLLIN)];
            let any = poll(&mut vacancy, PollTimeout::ZERO).is_ok_and(|count| count > 0);
            any.then(|| self.free_slot())
        })
    }

    /// Takes the lowest free slot; waits for one if all are taken.
    pub fn free_slot(&self) -> Slot<'_> {
        while self.free.read().is_err() {}
        let number = self
            .slots()
            .iter()
            .position(|slot| slot.occupant.compare_exchange(FREE, THREAD, AcqRel, Relaxed).is_ok())
            .expect("the semaphore counts the free slots");
        Slot { workers: self, number: number as u32 }
    }

    /// Frees the slots of worker processes that have ended; called from the SIGCHLD handler. One
    /// signal may stand for several ended workers, so the call repeats until there are no more.
    pub(crate) fn reap(&self) {
        let any = Pid::from_raw(-1);
        loop {
            match waitpid(any, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => {
                    self.vacate_place_of(pid);
                }
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn vacate_place_of(&self, process: Pid) {
        let of_process = |slot: &&SlotTally| slot.occupant.load(Acquire) == process.as_raw();
        if let Some(slot) = self.slots().iter().find(of_process) {
            self.vacate(slot);
        }
    }

    /// The worker processes that are alive.
    pub(crate) fn processes(&self) -> impl Iterator<Item = Pid> {
        self.slots()
            .iter()
            .map(|slot| slot.occupant.load(Acquire))
            .filter(|occupant| *occupant > FREE)
            .map(Pid::from_raw)
    }

    fn slots(&self) -> &[SlotTally] {
        &self.tally.slots()[..self.limit]
    }

    /// Handles a refused worker: counts the request of an on-demand worker as dropped, as if by a
    /// full queue, and pauses before the next attempt.
    fn no_worker_to_be_had(&self) {
        if self.allocation == Allocation::OnDemand {
            self.tally.count_dropped();
        }
        self.refused.store(true, Relaxed);
        thread::sleep(PAUSE_WITHOUT_WORKERS);
    }

    fn vacate(&self, slot: &SlotTally) {
        slot.occupant.store(FREE, Release);
        // The counter is at most MAX_WORKERS, far too small for a write to block.
        let _ = self.free.write(1);
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.workers.vacate(&self.workers.slots()[self.number as usize]);
    }
}

/// Starts a thread that runs `serve` in this slot. If the system has no thread left, what `serve`
/// owns is dropped, its request is counted as dropped, and the server goes on.
///
/// The thread is created by the C library. The standard library would also map and unmap a stack
/// for signals, which costs a server with a thread for each connection a quarter of its time.
pub fn spawn_worker(slot: Slot<'static>, serve: impl FnOnce(Worker) + Send + 'static) {
    let workers = slot.workers;
    let worker: Box<dyn FnOnce() + Send> = Box::new(move || {
        let slot = slot;
        serve(Worker(slot.number));
    });
    if start_thread(worker).is_err() {
        workers.no_worker_to_be_had();
    }
}

/// The argument of a new thread: it must fit one pointer, so the closure is boxed twice.
type Start = Box<dyn FnOnce() + Send>;

fn start_thread(start: Start) -> Result<(), Errno> {
    let argument = Box::into_raw(Box::new(start));
    let mut thread = 0;
    // SAFETY: the attributes are initialised before they are set and used, and destroyed
    // afterwards; `run` takes over the argument, which no other code owns.
    let error = unsafe {
        let mut attributes = std::mem::zeroed();
        libc::pthread_attr_init(&raw mut attributes);
        libc::pthread_attr_setstacksize(&raw mut attributes, STACK_SIZE);
        libc::pthread_attr_setdetachstate(&raw mut attributes, libc::PTHREAD_CREATE_DETACHED);
        let error =
            libc::pthread_create(&raw mut thread, &raw const attributes, run, argument.cast());
        libc::pthread_attr_destroy(&raw mut attributes);
        error
    };
    if error == 0 {
        return Ok(());
    }
    // SAFETY: no thread was created, so this function still owns the argument.
    drop(unsafe { Box::from_raw(argument) });
    Err(Errno::from_raw(error))
}

extern "C" fn run(argument: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: `start_thread` made the argument from a box and passed it to this thread alone.
    let start = unsafe { Box::from_raw(argument.cast::<Start>()) };
    // A fault in one client's conversation ends its thread, not the server; unwinding releases the
    // slot.
    let _ = catch_unwind(AssertUnwindSafe(start));
    std::ptr::null_mut()
}

/// Runs the conversation of one client on a pool's worker: a fault in it ends the conversation, and
/// the worker goes on with the next.
pub fn guarded(conversation: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(conversation));
}

/// A pool of as many threads as there may be workers. Each thread has its own queue and steals from
/// the others.
///
/// # Errors
/// When the system has no threads for it.
pub fn stealing_pool(workers: &Workers) -> io::Result<StealingPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(workers.limit)
        .stack_size(STACK_SIZE)
        // A fault in one client's task does not end the server.
        .panic_handler(|_| {})
        .build()
        .map(StealingPool)
        .map_err(io::Error::other)
}

/// The pool of [`stealing_pool`].
pub struct StealingPool(rayon::ThreadPool);

impl StealingPool {
    /// Passes a task to the pool; the thread that runs it is the worker.
    pub fn spawn(&self, task: impl FnOnce(Worker) + Send + 'static) {
        self.0.spawn(|| task(Worker(rayon::current_thread_index().unwrap_or(0) as u32)));
    }
}

/// The side of a fork that the caller is on.
pub enum Side {
    /// The process that forked; it goes on.
    Master,
    /// The new process. It serves, and then calls [`WorkerProcess::exit`].
    Worker(WorkerProcess),
}

/// A worker process, seen from inside.
pub struct WorkerProcess(Worker);

impl WorkerProcess {
    /// Its slot.
    #[must_use]
    pub fn worker(&self) -> Worker {
        self.0
    }

    /// Ends the process at once, as a forked child must: the exit handlers that the master
    /// registered are not for the child to run.
    pub fn exit(self) -> ! {
        // SAFETY: `_exit` only ends the process; nothing of it is used afterwards.
        unsafe { libc::_exit(0) }
    }
}

/// Forks a worker process in this slot; its master must have only one thread. If the system has no
/// process left, a request in progress is counted as dropped and the server goes on.
///
/// # Errors
/// When signals cannot be blocked, which no running system refuses.
pub fn fork_worker(slot: Slot<'_>) -> io::Result<Side> {
    let workers = slot.workers;
    let before = hold_signals_back()?;
    let master = Pid::this();
    // SAFETY: the process has one thread (a rule of the designs that fork), so the child may go on
    // like any single-threaded program: no lock can be held by a thread that it does not have.
    match unsafe { fork() } {
        Ok(ForkResult::Parent { child }) => {
            workers.slots()[slot.number as usize].occupant.store(child.as_raw(), Release);
            std::mem::forget(slot); // released by `reap`
            before.thread_set_mask()?;
            Ok(Side::Master)
        }
        Ok(ForkResult::Child) => {
            let worker = WorkerProcess(Worker(slot.number));
            std::mem::forget(slot);
            leave_the_masters_ways(master);
            before.thread_set_mask()?;
            Ok(Side::Worker(worker))
        }
        Err(_) => {
            drop(slot);
            before.thread_set_mask()?;
            workers.no_worker_to_be_had();
            Ok(Side::Master)
        }
    }
}

/// A program that was started in a slot.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    worker: Worker,
    id: Pid,
}

impl Process {
    /// Its slot.
    #[must_use]
    pub fn worker(&self) -> Worker {
        self.worker
    }

    /// Whether the program has not been collected yet.
    #[must_use]
    pub fn is_running(&self, workers: &Workers) -> bool {
        let slot = &workers.slots()[self.worker.0 as usize];
        slot.occupant.load(Acquire) == self.id.as_raw()
    }

    /// Sends a signal to the program and its process group, unless the program has ended.
    pub fn signal(&self, signal: Signal, workers: &Workers) {
        if self.is_running(workers) {
            let _ = killpg(self.id, signal);
        }
    }
}

/// Starts a program in this slot; it is collected like any other worker, and ends with its master
/// (prctl(2), PR_SET_PDEATHSIG).
///
/// # Errors
/// When the program cannot be started.
pub fn start_program(slot: Slot<'_>, program: &mut Command) -> io::Result<Process> {
    let workers = slot.workers;
    let before = hold_signals_back()?;
    let master = Pid::this();
    program.process_group(0);
    // A program inherits the blocked signals of its parent.
    // SAFETY: the closure makes system calls only, which are safe between fork and exec.
    unsafe {
        program.pre_exec(move || {
            set_pdeathsig(Signal::SIGKILL)?;
            if getppid() != master {
                return Err(Errno::ESRCH.into()); // the master ended first
            }
            Ok(before.thread_set_mask()?)
        })
    };
    let worker = Worker(slot.number);
    let started = program.spawn();
    if let Ok(child) = &started {
        workers.slots()[slot.number as usize].occupant.store(child.id() as i32, Release);
        std::mem::forget(slot); // released by `reap`
    }
    before.thread_set_mask()?;
    started.map(|child| Process { worker, id: Pid::from_raw(child.id() as i32) })
}

/// Checks whether the system provides another process, and so another thread. The caller must have
/// only one thread.
///
/// # Errors
/// The error of the system, if it does not.
pub(crate) fn is_a_process_to_be_had() -> io::Result<()> {
    // SAFETY: the process has one thread, and the child does nothing but end.
    match unsafe { fork() }? {
        ForkResult::Child => WorkerProcess(Worker(0)).exit(),
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            Ok(())
        }
    }
}

/// Blocks the ending signals and SIGCHLD until a child's id is in its slot.
fn hold_signals_back() -> io::Result<SigSet> {
    let held_back: SigSet = ENDING.into_iter().chain([Signal::SIGCHLD]).collect();
    Ok(held_back.thread_swap_mask(SigmaskHow::SIG_BLOCK)?)
}

/// Waits for one worker process to end and frees its slot; for measuring the cost of creating a
/// worker without a SIGCHLD handler.
pub fn collect_worker(workers: &Workers) {
    let ended = waitpid(Pid::from_raw(-1), None);
    if let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) = ended {
        workers.vacate_place_of(pid);
    }
}

/// Makes a child end on SIGTERM and with its master. The other handlers that it inherits do nothing
/// in a process that is not the master, and it has no children.
fn leave_the_masters_ways(master: Pid) {
    let ordinary = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of ours.
    let _: Result<_, Errno> = unsafe { sigaction(Signal::SIGTERM, &ordinary) };
    let _ = set_pdeathsig(Signal::SIGKILL);
    if getppid() != master {
        WorkerProcess(Worker(0)).exit();
    }
}

/// Releases the heap memory that the start has used. Otherwise a forked process would copy each
/// page on which it first sorts what was freed there, a quarter of its cost.
pub(crate) fn trim_heap() {
    // SAFETY: the call only returns free memory to the system.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_of_a_pool_outlives_a_fault_in_a_conversation() {
        let (told, heard) = std::sync::mpsc::channel();
        let worker = thread::spawn(move || {
            for number in 0..3 {
                guarded(|| {
                    assert_ne!(number, 1, "a planted fault");
                    told.send(number).expect("somebody listens");
                });
            }
        });
        worker.join().expect("it has gone on");
        assert_eq!(heard.iter().collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn a_place_given_back_is_taken_again() {
        let tally = Tally::shared().expect("memory for a tally");
        let workers = Workers::new(tally, 2, Allocation::OnDemand).expect("a descriptor");
        let first = workers.free_slot();
        let second = workers.free_slot();
        assert_eq!((first.number, second.number), (0, 1));
        drop(first);
        assert_eq!(workers.free_slot().number, 0, "the lowest free slot comes first");
    }
}
