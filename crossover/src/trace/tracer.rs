//! Follows the system calls of a running server and of all threads and processes that it creates, by
//! ptrace(2). It is done from one thread, because only the thread that traces may ask.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::Sender;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::registers::{number_of, result_of};

/// A system call of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The thread, by its id.
    pub(super) task: i32,
    /// The number of the call.
    pub(super) number: i64,
    /// When it began, in nanoseconds from the start.
    pub(super) from_ns: u64,
    /// When it returned; `None` if it never did.
    pub(super) to_ns: Option<u64>,
    /// What it returned.
    pub(super) result: i64,
}

/// A thread or a process that was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    /// Which.
    pub(super) task: i32,
    /// By whom.
    pub(super) parent: i32,
    /// When.
    pub(super) at_ns: u64,
    /// Whether it is a process.
    pub(super) is_process: bool,
}

/// What was followed.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    /// In the order in which they began.
    pub(super) calls: Vec<Call>,
    /// Threads and processes that were created.
    pub(super) births: Vec<Birth>,
    /// When threads and processes ended.
    pub(super) ends: Vec<(i32, u64)>,
    /// Those that there were at the beginning; the first is the server's main thread.
    pub(super) first: Vec<i32>,
}

/// Follows a server until `is_over` and a signal wake it. Sends once when all of its threads are followed.
pub(super) fn follow(
    server: Pid,
    begun: Instant,
    is_over: &AtomicBool,
    ready: &Sender<()>,
) -> io::Result<Trace> {
    let mut tracer = Tracer { begun, trace: Trace::default(), open: BTreeMap::new() };
    // A thread that is followed creates none that is not; others may have created some meanwhile.
    loop {
        let new: Vec<Pid> = tasks_of(server)?
            .into_iter()
            .filter(|it| !tracer.open.contains_key(&it.as_raw()))
            .collect();
        if new.is_empty() {
            break;
        }
        for task in new {
            tracer.seize(task)?;
        }
    }
    let _ = ready.send(());
    while !tracer.open.is_empty() {
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(status) => tracer.happened(status, is_over.load(SeqCst)),
            Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => break,
            Err(error) => return Err(error.into()),
        }
        if is_over.load(SeqCst) {
            // Those that sleep in the kernel have to stop before they can be let go.
            tracer.open.keys().for_each(|task| {
                let _ = ptrace::interrupt(Pid::from_raw(*task));
            });
        }
    }
    Ok(tracer.trace)
}

/// All threads of a process and of its children.
fn tasks_of(process: Pid) -> io::Result<Vec<Pid>> {
    let mut tasks = Vec::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        let name = entry?.file_name();
        let Some(task) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        tasks.push(Pid::from_raw(task));
        let children = fs::read_to_string(format!("/proc/{process}/task/{task}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            if let Ok(child) = child.parse() {
                tasks.extend(tasks_of(Pid::from_raw(child))?);
            }
        }
    }
    tasks.sort();
    Ok(tasks)
}

/// Whether the calling thread follows a thread already.
fn is_followed(task: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{task}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.and_then(|id| id.trim().parse().ok()) == Some(nix::unistd::gettid().as_raw())
}

struct Tracer {
    begun: Instant,
    trace: Trace,
    /// The threads that are followed, each with the position of the call that it is in.
    open: BTreeMap<i32, Option<usize>>,
}

impl Tracer {
    fn seize(&mut self, task: Pid) -> io::Result<()> {
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK;
        match ptrace::seize(task, options) {
            Ok(()) => {}
            Err(Errno::ESRCH) => return Ok(()), // it has ended
            // Created by one that is followed already.
            Err(Errno::EPERM) if is_followed(task) => {
                self.open.insert(task.as_raw(), None);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        ptrace::interrupt(task)?;
        self.open.insert(task.as_raw(), None);
        self.trace.first.push(task.as_raw());
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        self.begun.elapsed().as_nanos() as u64
    }

    fn happened(&mut self, status: WaitStatus, is_over: bool) {
        let now_ns = self.now_ns();
        let Some(task) = status.pid() else { return };
        let mut signal = None;
        match status {
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {
                self.open.remove(&task.as_raw());
                self.trace.ends.push((task.as_raw(), now_ns));
                return;
            }
            WaitStatus::PtraceSyscall(_) => self.crossed(task, now_ns),
            // Once it is over, a new child may have been let go before its creation is told.
            WaitStatus::PtraceEvent(_, _, event) if !is_over => self.event(task, event, now_ns),
            // What it gets is passed on, but for what only wakes this thread.
            WaitStatus::Stopped(_, its) if its != super::WAKE => signal = Some(its),
            _ => {}
        }
        self.open.entry(task.as_raw()).or_insert(None);
        let went_on = match is_over {
            true => ptrace::detach(task, signal),
            false => ptrace::syscall(task, signal),
        };
        if is_over || went_on == Err(Errno::ESRCH) {
            self.open.remove(&task.as_raw());
        }
    }

    /// A thread enters a system call, or returns from it.
    fn crossed(&mut self, task: Pid, now_ns: u64) {
        let Ok(registers) = ptrace::getregs(task) else { return };
        let open = self.open.entry(task.as_raw()).or_insert(None);
        match open.take() {
            Some(position) => {
                let call = &mut self.trace.calls[position];
                (call.to_ns, call.result) = (Some(now_ns), result_of(&registers));
            }
            None => {
                *open = Some(self.trace.calls.len());
                self.trace.calls.push(Call {
                    task: task.as_raw(),
                    number: number_of(&registers),
                    from_ns: now_ns,
                    to_ns: None,
                    result: 0,
                });
            }
        }
    }

    fn event(&mut self, task: Pid, event: i32, now_ns: u64) {
        use nix::libc::{PTRACE_EVENT_CLONE, PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK};
        if ![PTRACE_EVENT_CLONE, PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK].contains(&event) {
            return;
        }
        let Ok(child) = ptrace::getevent(task) else { return };
        self.trace.births.push(Birth {
            task: child as i32,
            parent: task.as_raw(),
            at_ns: now_ns,
            is_process: event != PTRACE_EVENT_CLONE,
        });
        self.open.entry(child as i32).or_insert(None);
    }
}
