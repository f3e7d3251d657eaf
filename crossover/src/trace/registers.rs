//! Where a processor has the number of a system call and its result (syscall(2)), and the names of the calls.

use nix::libc::{self, user_regs_struct};

#[cfg(target_arch = "x86_64")]
pub(super) fn number_of(registers: &user_regs_struct) -> i64 {
    registers.orig_rax as i64
}

#[cfg(target_arch = "x86_64")]
pub(super) fn result_of(registers: &user_regs_struct) -> i64 {
    registers.rax as i64
}

#[cfg(target_arch = "aarch64")]
pub(super) fn number_of(registers: &user_regs_struct) -> i64 {
    registers.regs[8] as i64
}

#[cfg(target_arch = "aarch64")]
pub(super) fn result_of(registers: &user_regs_struct) -> i64 {
    registers.regs[0] as i64
}

/// What a call is for, in a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// Takes a connection.
    Accept,
    /// Takes bytes or a datagram.
    Receive,
    /// Sends a reply.
    Send,
    /// Creates a thread or a process.
    Create,
    /// The waiting that a request asks for.
    Sleep,
    /// Waits until something can be done.
    Block,
    /// Ends a thread or a process.
    End,
    /// Collects a child that has ended.
    Collect,
    /// Ends a connection.
    Close,
    /// Asks for memory, and everything else.
    Other,
}

macro_rules! calls {
    ($($purpose:ident: $($name:ident = $number:ident),+;)+) => {
        /// The name of a system call, and what it is for.
        pub(super) fn named(number: i64) -> (&'static str, Purpose) {
            $($(if number == libc::$number { return (stringify!($name), Purpose::$purpose); })+)+
            ("another call", Purpose::Other)
        }
    };
}

calls! {
    Accept: accept = SYS_accept, accept4 = SYS_accept4;
    Receive: recvfrom = SYS_recvfrom, recvmsg = SYS_recvmsg, recvmmsg = SYS_recvmmsg, read = SYS_read,
        readv = SYS_readv;
    Send: sendto = SYS_sendto, sendmsg = SYS_sendmsg, sendmmsg = SYS_sendmmsg, write = SYS_write,
        writev = SYS_writev;
    Create: clone = SYS_clone, clone3 = SYS_clone3;
    Sleep: clock_nanosleep = SYS_clock_nanosleep, nanosleep = SYS_nanosleep;
    Block: futex = SYS_futex, epoll_wait = SYS_epoll_pwait, epoll_pwait2 = SYS_epoll_pwait2, ppoll = SYS_ppoll,
        pselect6 = SYS_pselect6, io_uring_enter = SYS_io_uring_enter, restart_syscall = SYS_restart_syscall;
    End: exit = SYS_exit, exit_group = SYS_exit_group;
    Collect: wait4 = SYS_wait4, waitid = SYS_waitid;
    Close: close = SYS_close, shutdown = SYS_shutdown;
    Other: mmap = SYS_mmap, munmap = SYS_munmap, mprotect = SYS_mprotect, madvise = SYS_madvise, brk = SYS_brk,
        rt_sigprocmask = SYS_rt_sigprocmask, rt_sigaction = SYS_rt_sigaction, sigaltstack = SYS_sigaltstack,
        sched_yield = SYS_sched_yield, sched_getaffinity = SYS_sched_getaffinity,
        set_robust_list = SYS_set_robust_list, rseq = SYS_rseq, prctl = SYS_prctl, getpid = SYS_getpid,
        gettid = SYS_gettid, fcntl = SYS_fcntl, setsockopt = SYS_setsockopt, getsockopt = SYS_getsockopt,
        getsockname = SYS_getsockname, getpeername = SYS_getpeername, socket = SYS_socket,
        connect = SYS_connect, bind = SYS_bind, listen = SYS_listen, epoll_ctl = SYS_epoll_ctl,
        timerfd_settime = SYS_timerfd_settime, clock_gettime = SYS_clock_gettime, getrusage = SYS_getrusage,
        prlimit64 = SYS_prlimit64, kill = SYS_kill, tgkill = SYS_tgkill, rt_sigreturn = SYS_rt_sigreturn,
        set_tid_address = SYS_set_tid_address, eventfd2 = SYS_eventfd2, flock = SYS_flock,
        ioctl = SYS_ioctl, dup = SYS_dup, getrandom = SYS_getrandom, sched_setaffinity = SYS_sched_setaffinity,
        times = SYS_times, getppid = SYS_getppid, getuid = SYS_getuid, openat = SYS_openat, pipe2 = SYS_pipe2;
}

/// The calls that only x86-64 still has.
#[cfg(target_arch = "x86_64")]
pub(super) fn of_old(number: i64) -> Option<(&'static str, Purpose)> {
    const OLD: [(i64, &str, Purpose); 5] = [
        (libc::SYS_fork, "fork", Purpose::Create),
        (libc::SYS_vfork, "vfork", Purpose::Create),
        (libc::SYS_epoll_wait, "epoll_wait", Purpose::Block),
        (libc::SYS_poll, "poll", Purpose::Block),
        (libc::SYS_select, "select", Purpose::Block),
    ];
    OLD.iter().find(|(its, ..)| *its == number).map(|(_, name, purpose)| (*name, *purpose))
}

/// The calls that only x86-64 still has.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn of_old(_number: i64) -> Option<(&'static str, Purpose)> {
    None
}

/// The name of a system call, and what it is for.
pub(super) fn name_of(number: i64) -> (&'static str, Purpose) {
    of_old(number).unwrap_or_else(|| named(number))
}
