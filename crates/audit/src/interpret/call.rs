//! Which argument of which call means what (man pages, section 2).

use crate::table::{self, Flags, Values};

/// How to read an argument.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// A pointer, size or descriptor.
    Nothing,
    /// A directory descriptor or `AT_FDCWD`.
    Directory,
    /// `open(2)` flags.
    Open,
    /// A file mode.
    Mode,
    /// A file mode, if the flags in this argument make a file.
    ModeIfCreated(usize),
    /// Bits of a whole register.
    Flags(&'static Flags),
    /// Bits of an `int`.
    FlagsInt(&'static Flags),
    /// One of these.
    Values(&'static Values),
    /// `clone(2)` flags and signal.
    CloneFlags,
    /// A socket type with its flags.
    SocketType,
    /// A protocol of the family in the first argument.
    Protocol,
    /// An option of the level in the second argument.
    Option,
    /// A signal.
    Signal,
    /// A signed number: a process, a priority.
    Number,
    /// A user or group, -1 = left as it is.
    Id,
    /// `personality(2)`.
    Personality,
    /// What the `fcntl(2)` command in the second argument takes.
    OfFcntl,
    /// What the `prctl(2)` operation in the first argument takes.
    OfPrctl,
    /// `mmap(2)` flags.
    Mapping,
    /// A `quotactl(2)` command with its kind of quota in the lowest byte.
    Quota,
}

use Meaning::{CloneFlags, Directory, FlagsInt, Id, Mapping, Mode, ModeIfCreated, Nothing as N, Number, OfFcntl};
use Meaning::{OfPrctl, Open, Option as SocketOption, Personality, Protocol, Quota, Signal, SocketType};

const fn v(values: &'static Values) -> Meaning {
    Meaning::Values(values)
}

const fn f(flags: &'static Flags) -> Meaning {
    FlagsInt(flags)
}

const fn wide(flags: &'static Flags) -> Meaning {
    Meaning::Flags(flags)
}

/// The meanings of the arguments of a call.
pub(super) fn meanings(call: &str) -> Option<&'static [Meaning; 4]> {
    let at = CALLS.binary_search_by_key(&call, |(name, _)| name).ok()?;
    CALLS.get(at).map(|(_, meanings)| meanings)
}

/// In byte order of the names.
#[rustfmt::skip]
pub(super) static CALLS: &[(&str, [Meaning; 4])] = &[
    ("accept4", [N, N, N, f(&table::SOCKET_FLAGS)]),
    ("access", [N, f(&table::ACCESS), N, N]),
    ("bpf", [v(&table::BPF_COMMAND), N, N, N]),
    ("chmod", [N, Mode, N, N]),
    ("chown", [N, Id, Id, N]),
    ("chown32", [N, Id, Id, N]),
    ("clock_adjtime", [v(&table::CLOCK), N, N, N]),
    ("clock_nanosleep", [v(&table::CLOCK), N, N, N]),
    ("clock_settime", [v(&table::CLOCK), N, N, N]),
    ("clock_settime64", [v(&table::CLOCK), N, N, N]),
    ("clone", [CloneFlags, N, N, N]),
    ("creat", [N, Mode, N, N]),
    ("delete_module", [N, f(&table::DELETE_MODULE), N, N]),
    ("dup3", [N, N, Open, N]),
    ("execveat", [Directory, N, N, N]),
    ("faccessat", [Directory, N, f(&table::ACCESS), N]),
    ("faccessat2", [Directory, N, f(&table::ACCESS), f(&table::AT_ACCESS)]),
    ("fallocate", [N, f(&table::FALLOCATE), N, N]),
    ("fanotify_init", [f(&table::FANOTIFY_INIT), Open, N, N]),
    ("fanotify_mark", [N, f(&table::FANOTIFY_MARK), N, N]),
    ("fchmod", [N, Mode, N, N]),
    ("fchmodat", [Directory, N, Mode, N]),
    ("fchmodat2", [Directory, N, Mode, f(&table::AT)]),
    ("fchown", [N, Id, Id, N]),
    ("fchown32", [N, Id, Id, N]),
    ("fchownat", [Directory, N, Id, Id]),
    ("fcntl", [N, v(&table::FCNTL), OfFcntl, N]),
    ("fcntl64", [N, v(&table::FCNTL), OfFcntl, N]),
    ("finit_module", [N, N, f(&table::MODULE), N]),
    ("flock", [N, f(&table::FLOCK), N, N]),
    ("fsconfig", [N, v(&table::FSCONFIG), N, N]),
    ("fsmount", [N, f(&table::FSMOUNT), f(&table::MOUNT_ATTR), N]),
    ("fsopen", [N, f(&table::FSOPEN), N, N]),
    ("fspick", [Directory, N, f(&table::FSPICK), N]),
    ("fstatat64", [Directory, N, N, f(&table::AT)]),
    ("futimesat", [Directory, N, N, N]),
    ("getpriority", [N, Number, N, N]),
    ("getsockopt", [N, v(&table::SOCKET_LEVEL), SocketOption, N]),
    ("inotify_add_watch", [N, N, f(&table::INOTIFY), N]),
    ("io_uring_register", [N, v(&table::IO_URING_REGISTER), N, N]),
    ("ioctl", [N, v(&table::IOCTL), N, N]),
    ("ipc", [v(&table::IPC_CALL), N, N, N]),
    ("kexec_load", [N, N, N, wide(&table::KEXEC)]),
    ("keyctl", [v(&table::KEYCTL), N, N, N]),
    ("kill", [Number, Signal, N, N]),
    ("landlock_add_rule", [N, v(&table::LANDLOCK_RULE), N, N]),
    ("lchown", [N, Id, Id, N]),
    ("lchown32", [N, Id, Id, N]),
    ("linkat", [Directory, N, Directory, N]),
    ("lseek", [N, N, v(&table::SEEK), N]),
    ("madvise", [N, N, v(&table::MADVISE), N]),
    ("memfd_create", [N, f(&table::MEMFD), N, N]),
    ("mkdir", [N, Mode, N, N]),
    ("mkdirat", [Directory, N, Mode, N]),
    ("mknod", [N, Mode, N, N]),
    ("mknodat", [Directory, N, Mode, N]),
    ("mmap", [N, N, f(&table::PROT), Mapping]),
    ("mmap2", [N, N, f(&table::PROT), Mapping]),
    ("mount", [N, N, N, wide(&table::MOUNT)]),
    ("mount_setattr", [Directory, N, f(&table::AT), N]),
    ("move_mount", [Directory, N, Directory, N]),
    ("mprotect", [N, N, f(&table::PROT), N]),
    ("mq_open", [N, Open, ModeIfCreated(1), N]),
    ("mremap", [N, N, N, f(&table::MREMAP)]),
    ("msgctl", [N, v(&table::IPC), N, N]),
    ("msgget", [N, f(&table::IPC_FLAGS), N, N]),
    ("name_to_handle_at", [Directory, N, N, N]),
    ("newfstatat", [Directory, N, N, f(&table::AT)]),
    ("open", [N, Open, ModeIfCreated(1), N]),
    ("open_by_handle_at", [Directory, N, Open, N]),
    ("open_tree", [Directory, N, f(&table::OPEN_TREE), N]),
    ("open_tree_attr", [Directory, N, f(&table::OPEN_TREE), N]),
    ("openat", [Directory, N, Open, ModeIfCreated(2)]),
    ("openat2", [Directory, N, N, N]),
    ("personality", [Personality, N, N, N]),
    ("pidfd_open", [Number, N, N, N]),
    ("pidfd_send_signal", [N, Signal, N, N]),
    ("pipe2", [N, Open, N, N]),
    ("pkey_mprotect", [N, N, f(&table::PROT), N]),
    ("prctl", [v(&table::PRCTL), OfPrctl, N, N]),
    ("prlimit64", [Number, v(&table::RLIMIT), N, N]),
    ("process_madvise", [N, N, N, v(&table::MADVISE)]),
    ("process_vm_readv", [Number, N, N, N]),
    ("process_vm_writev", [Number, N, N, N]),
    ("ptrace", [v(&table::PTRACE), Number, N, N]),
    ("quotactl", [Quota, N, N, N]),
    ("quotactl_fd", [N, Quota, N, N]),
    ("readlinkat", [Directory, N, N, N]),
    ("reboot", [N, N, v(&table::REBOOT), N]),
    ("recv", [N, N, N, f(&table::MESSAGE)]),
    ("recvfrom", [N, N, N, f(&table::MESSAGE)]),
    ("recvmmsg", [N, N, N, f(&table::MESSAGE)]),
    ("recvmsg", [N, N, f(&table::MESSAGE), N]),
    ("renameat", [Directory, N, Directory, N]),
    ("renameat2", [Directory, N, Directory, N]),
    ("rt_sigaction", [Signal, N, N, N]),
    ("rt_sigqueueinfo", [Number, Signal, N, N]),
    ("rt_tgsigqueueinfo", [Number, Number, Signal, N]),
    ("sched_setaffinity", [Number, N, N, N]),
    ("sched_setattr", [Number, N, N, N]),
    ("sched_setparam", [Number, N, N, N]),
    ("sched_setscheduler", [Number, v(&table::SCHEDULER), N, N]),
    ("seccomp", [v(&table::SECCOMP_OPERATION), f(&table::SECCOMP_FLAGS), N, N]),
    ("semctl", [N, N, v(&table::IPC), N]),
    ("semget", [N, N, f(&table::IPC_FLAGS), N]),
    ("send", [N, N, N, f(&table::MESSAGE)]),
    ("sendmmsg", [N, N, N, f(&table::MESSAGE)]),
    ("sendmsg", [N, N, f(&table::MESSAGE), N]),
    ("sendto", [N, N, N, f(&table::MESSAGE)]),
    ("setfsgid", [Id, N, N, N]),
    ("setfsgid32", [Id, N, N, N]),
    ("setfsuid", [Id, N, N, N]),
    ("setfsuid32", [Id, N, N, N]),
    ("setgid", [Id, N, N, N]),
    ("setgid32", [Id, N, N, N]),
    ("setns", [N, f(&table::CLONE), N, N]),
    ("setpgid", [Number, Number, N, N]),
    ("setpriority", [N, Number, Number, N]),
    ("setregid", [Id, Id, N, N]),
    ("setregid32", [Id, Id, N, N]),
    ("setresgid", [Id, Id, Id, N]),
    ("setresgid32", [Id, Id, Id, N]),
    ("setresuid", [Id, Id, Id, N]),
    ("setresuid32", [Id, Id, Id, N]),
    ("setreuid", [Id, Id, N, N]),
    ("setreuid32", [Id, Id, N, N]),
    ("setrlimit", [v(&table::RLIMIT), N, N, N]),
    ("setsockopt", [N, v(&table::SOCKET_LEVEL), SocketOption, N]),
    ("setuid", [Id, N, N, N]),
    ("setuid32", [Id, N, N, N]),
    ("shmat", [N, N, f(&table::SHM), N]),
    ("shmctl", [N, v(&table::IPC), N, N]),
    ("shmget", [N, N, f(&table::IPC_FLAGS), N]),
    ("shutdown", [N, v(&table::SHUTDOWN), N, N]),
    ("sigaction", [Signal, N, N, N]),
    ("signal", [Signal, N, N, N]),
    ("socket", [v(&table::FAMILY), SocketType, Protocol, N]),
    ("socketcall", [v(&table::SOCKETCALL), N, N, N]),
    ("socketpair", [v(&table::FAMILY), SocketType, Protocol, N]),
    ("statx", [Directory, N, f(&table::AT), N]),
    ("symlinkat", [N, Directory, N, N]),
    ("tgkill", [Number, Number, Signal, N]),
    ("timer_create", [v(&table::CLOCK), N, N, N]),
    ("timerfd_create", [v(&table::CLOCK), N, N, N]),
    ("tkill", [Number, Signal, N, N]),
    ("umask", [Mode, N, N, N]),
    ("umount2", [N, f(&table::UMOUNT), N, N]),
    ("unlinkat", [Directory, N, f(&table::AT_UNLINK), N]),
    ("unshare", [f(&table::CLONE), N, N, N]),
    ("utimensat", [Directory, N, N, f(&table::AT)]),
    ("wait4", [Number, N, f(&table::WAIT), N]),
];
