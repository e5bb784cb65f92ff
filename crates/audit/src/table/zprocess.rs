//! Constants of system call arguments: process.
//!
//! Machine-written by `cargo xtask tables` from the uapi headers of Linux 7.2.0; do not edit.

use super::flag::{Flags, Values};

/// `clone(2)`, `unshare(2)` and `setns(2)` flags.
#[rustfmt::skip]
pub static CLONE: Flags = Flags::new(&[
    (0x80, "CLONE_NEWTIME"), (0x100, "CLONE_VM"), (0x200, "CLONE_FS"), (0x400, "CLONE_FILES"),
    (0x800, "CLONE_SIGHAND"), (0x1000, "CLONE_PIDFD"), (0x2000, "CLONE_PTRACE"), (0x4000, "CLONE_VFORK"),
    (0x8000, "CLONE_PARENT"), (0x0001_0000, "CLONE_THREAD"), (0x0002_0000, "CLONE_NEWNS"),
    (0x0004_0000, "CLONE_SYSVSEM"), (0x0008_0000, "CLONE_SETTLS"), (0x0010_0000, "CLONE_PARENT_SETTID"),
    (0x0020_0000, "CLONE_CHILD_CLEARTID"), (0x0040_0000, "CLONE_DETACHED"), (0x0080_0000, "CLONE_UNTRACED"),
    (0x0100_0000, "CLONE_CHILD_SETTID"), (0x0200_0000, "CLONE_NEWCGROUP"), (0x0400_0000, "CLONE_NEWUTS"),
    (0x0800_0000, "CLONE_NEWIPC"), (0x1000_0000, "CLONE_NEWUSER"), (0x2000_0000, "CLONE_NEWPID"),
    (0x4000_0000, "CLONE_NEWNET"), (0x8000_0000, "CLONE_IO"), (0x0001_0000_0000, "CLONE_CLEAR_SIGHAND"),
    (0x0002_0000_0000, "CLONE_INTO_CGROUP"), (0x0004_0000_0000, "CLONE_AUTOREAP"), (0x0008_0000_0000, "CLONE_NNP"),
    (0x0010_0000_0000, "CLONE_PIDFD_AUTOKILL"), (0x0020_0000_0000, "CLONE_EMPTY_MNTNS"),
]);

/// `ptrace(2)` requests.
#[rustfmt::skip]
pub static PTRACE: Values = Values::new(&[
    (0x0, "PTRACE_TRACEME"), (0x1, "PTRACE_PEEKTEXT"), (0x2, "PTRACE_PEEKDATA"), (0x3, "PTRACE_PEEKUSR"),
    (0x4, "PTRACE_POKETEXT"), (0x5, "PTRACE_POKEDATA"), (0x6, "PTRACE_POKEUSR"), (0x7, "PTRACE_CONT"),
    (0x8, "PTRACE_KILL"), (0x9, "PTRACE_SINGLESTEP"), (0xc, "PTRACE_GETREGS"), (0xd, "PTRACE_SETREGS"),
    (0xe, "PTRACE_GETFPREGS"), (0xf, "PTRACE_SETFPREGS"), (0x10, "PTRACE_ATTACH"), (0x11, "PTRACE_DETACH"),
    (0x12, "PTRACE_GETFPXREGS"), (0x13, "PTRACE_SETFPXREGS"), (0x18, "PTRACE_SYSCALL"),
    (0x19, "PTRACE_GET_THREAD_AREA"), (0x1a, "PTRACE_SET_THREAD_AREA"), (0x1e, "PTRACE_ARCH_PRCTL"),
    (0x1f, "PTRACE_SYSEMU"), (0x20, "PTRACE_SYSEMU_SINGLESTEP"), (0x21, "PTRACE_SINGLEBLOCK"),
    (0x4200, "PTRACE_SETOPTIONS"), (0x4201, "PTRACE_GETEVENTMSG"), (0x4202, "PTRACE_GETSIGINFO"),
    (0x4203, "PTRACE_SETSIGINFO"), (0x4204, "PTRACE_GETREGSET"), (0x4205, "PTRACE_SETREGSET"),
    (0x4206, "PTRACE_SEIZE"), (0x4207, "PTRACE_INTERRUPT"), (0x4208, "PTRACE_LISTEN"), (0x4209, "PTRACE_PEEKSIGINFO"),
    (0x420a, "PTRACE_GETSIGMASK"), (0x420b, "PTRACE_SETSIGMASK"), (0x420c, "PTRACE_SECCOMP_GET_FILTER"),
    (0x420d, "PTRACE_SECCOMP_GET_METADATA"), (0x420e, "PTRACE_GET_SYSCALL_INFO"),
    (0x420f, "PTRACE_GET_RSEQ_CONFIGURATION"), (0x4210, "PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG"),
    (0x4211, "PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG"), (0x4212, "PTRACE_SET_SYSCALL_INFO"),
]);

/// `prctl(2)` operations.
#[rustfmt::skip]
pub static PRCTL: Values = Values::new(&[
    (0x1, "PR_SET_PDEATHSIG"), (0x2, "PR_GET_PDEATHSIG"), (0x3, "PR_GET_DUMPABLE"), (0x4, "PR_SET_DUMPABLE"),
    (0x5, "PR_GET_UNALIGN"), (0x6, "PR_SET_UNALIGN"), (0x7, "PR_GET_KEEPCAPS"), (0x8, "PR_SET_KEEPCAPS"),
    (0x9, "PR_GET_FPEMU"), (0xa, "PR_SET_FPEMU"), (0xb, "PR_GET_FPEXC"), (0xc, "PR_SET_FPEXC"), (0xd, "PR_GET_TIMING"),
    (0xe, "PR_SET_TIMING"), (0xf, "PR_SET_NAME"), (0x10, "PR_GET_NAME"), (0x13, "PR_GET_ENDIAN"),
    (0x14, "PR_SET_ENDIAN"), (0x15, "PR_GET_SECCOMP"), (0x16, "PR_SET_SECCOMP"), (0x17, "PR_CAPBSET_READ"),
    (0x18, "PR_CAPBSET_DROP"), (0x19, "PR_GET_TSC"), (0x1a, "PR_SET_TSC"), (0x1b, "PR_GET_SECUREBITS"),
    (0x1c, "PR_SET_SECUREBITS"), (0x1d, "PR_SET_TIMERSLACK"), (0x1e, "PR_GET_TIMERSLACK"),
    (0x1f, "PR_TASK_PERF_EVENTS_DISABLE"), (0x20, "PR_TASK_PERF_EVENTS_ENABLE"), (0x21, "PR_MCE_KILL"),
    (0x22, "PR_MCE_KILL_GET"), (0x23, "PR_SET_MM"), (0x24, "PR_SET_CHILD_SUBREAPER"), (0x25, "PR_GET_CHILD_SUBREAPER"),
    (0x26, "PR_SET_NO_NEW_PRIVS"), (0x27, "PR_GET_NO_NEW_PRIVS"), (0x28, "PR_GET_TID_ADDRESS"),
    (0x29, "PR_SET_THP_DISABLE"), (0x2a, "PR_GET_THP_DISABLE"), (0x2b, "PR_MPX_ENABLE_MANAGEMENT"),
    (0x2c, "PR_MPX_DISABLE_MANAGEMENT"), (0x2d, "PR_SET_FP_MODE"), (0x2e, "PR_GET_FP_MODE"), (0x2f, "PR_CAP_AMBIENT"),
    (0x32, "PR_SVE_SET_VL"), (0x33, "PR_SVE_GET_VL"), (0x34, "PR_GET_SPECULATION_CTRL"),
    (0x35, "PR_SET_SPECULATION_CTRL"), (0x36, "PR_PAC_RESET_KEYS"), (0x37, "PR_SET_TAGGED_ADDR_CTRL"),
    (0x38, "PR_GET_TAGGED_ADDR_CTRL"), (0x39, "PR_SET_IO_FLUSHER"), (0x3a, "PR_GET_IO_FLUSHER"),
    (0x3b, "PR_SET_SYSCALL_USER_DISPATCH"), (0x3c, "PR_PAC_SET_ENABLED_KEYS"), (0x3d, "PR_PAC_GET_ENABLED_KEYS"),
    (0x3e, "PR_SCHED_CORE"), (0x3f, "PR_SME_SET_VL"), (0x40, "PR_SME_GET_VL"), (0x41, "PR_SET_MDWE"),
    (0x42, "PR_GET_MDWE"), (0x43, "PR_SET_MEMORY_MERGE"), (0x44, "PR_GET_MEMORY_MERGE"),
    (0x45, "PR_RISCV_V_SET_CONTROL"), (0x46, "PR_RISCV_V_GET_CONTROL"), (0x47, "PR_RISCV_SET_ICACHE_FLUSH_CTX"),
    (0x48, "PR_PPC_GET_DEXCR"), (0x49, "PR_PPC_SET_DEXCR"), (0x4a, "PR_GET_SHADOW_STACK_STATUS"),
    (0x4b, "PR_SET_SHADOW_STACK_STATUS"), (0x4c, "PR_LOCK_SHADOW_STACK_STATUS"), (0x4d, "PR_TIMER_CREATE_RESTORE_IDS"),
    (0x4e, "PR_FUTEX_HASH"), (0x4f, "PR_RSEQ_SLICE_EXTENSION"), (0x50, "PR_GET_CFI"), (0x51, "PR_SET_CFI"),
    (0x4155_5856, "PR_GET_AUXV"), (0x5356_4d41, "PR_SET_VMA"), (0x5961_6d61, "PR_SET_PTRACER"),
]);

/// Execution domains.
#[rustfmt::skip]
pub static PERSONALITY: Values = Values::new(&[
    (0x0, "PER_LINUX"), (0x6, "PER_BSD"), (0x8, "PER_LINUX32"), (0xc, "PER_RISCOS"), (0xf, "PER_OSF4"),
    (0x10, "PER_HPUX"), (0x0008_0000, "PER_LINUX_FDPIC"), (0x0080_0000, "PER_LINUX_32BIT"), (0x0400_0005, "PER_ISCR4"),
    (0x0400_0006, "PER_SUNOS"), (0x0400_0009, "PER_IRIX32"), (0x0400_000a, "PER_IRIXN32"), (0x0400_000b, "PER_IRIX64"),
    (0x0400_000d, "PER_SOLARIS"), (0x0410_0001, "PER_SVR4"), (0x0410_000e, "PER_UW7"), (0x0500_0002, "PER_SVR3"),
    (0x0500_0004, "PER_WYSEV386"), (0x0500_0007, "PER_XENIX"), (0x0600_0003, "PER_OSR5"), (0x0700_0003, "PER_SCOSVR3"),
    (0x0800_0008, "PER_LINUX32_3GB"),
]);

/// `personality(2)` flags beside the domain.
#[rustfmt::skip]
pub static PERSONALITY_FLAGS: Flags = Flags::new(&[
    (0x0002_0000, "UNAME26"), (0x0004_0000, "ADDR_NO_RANDOMIZE"), (0x0008_0000, "FDPIC_FUNCPTRS"),
    (0x0010_0000, "MMAP_PAGE_ZERO"), (0x0020_0000, "ADDR_COMPAT_LAYOUT"), (0x0040_0000, "READ_IMPLIES_EXEC"),
    (0x0080_0000, "ADDR_LIMIT_32BIT"), (0x0100_0000, "SHORT_INODE"), (0x0200_0000, "WHOLE_SECONDS"),
    (0x0400_0000, "STICKY_TIMEOUTS"), (0x0800_0000, "ADDR_LIMIT_3GB"),
]);

/// Scheduling policies.
#[rustfmt::skip]
pub static SCHEDULER: Values = Values::new(&[
    (0x0, "SCHED_NORMAL"), (0x1, "SCHED_FIFO"), (0x2, "SCHED_RR"), (0x3, "SCHED_BATCH"), (0x5, "SCHED_IDLE"),
    (0x6, "SCHED_DEADLINE"), (0x7, "SCHED_EXT"),
]);

/// `setrlimit(2)` resources.
#[rustfmt::skip]
pub static RLIMIT: Values = Values::new(&[
    (0x0, "RLIMIT_CPU"), (0x1, "RLIMIT_FSIZE"), (0x2, "RLIMIT_DATA"), (0x3, "RLIMIT_STACK"), (0x4, "RLIMIT_CORE"),
    (0x5, "RLIMIT_RSS"), (0x6, "RLIMIT_NPROC"), (0x7, "RLIMIT_NOFILE"), (0x8, "RLIMIT_MEMLOCK"), (0x9, "RLIMIT_AS"),
    (0xa, "RLIMIT_LOCKS"), (0xb, "RLIMIT_SIGPENDING"), (0xc, "RLIMIT_MSGQUEUE"), (0xd, "RLIMIT_NICE"),
    (0xe, "RLIMIT_RTPRIO"), (0xf, "RLIMIT_RTTIME"),
]);

/// `clock_settime(2)` clocks.
#[rustfmt::skip]
pub static CLOCK: Values = Values::new(&[
    (0x0, "CLOCK_REALTIME"), (0x1, "CLOCK_MONOTONIC"), (0x2, "CLOCK_PROCESS_CPUTIME_ID"),
    (0x3, "CLOCK_THREAD_CPUTIME_ID"), (0x4, "CLOCK_MONOTONIC_RAW"), (0x5, "CLOCK_REALTIME_COARSE"),
    (0x6, "CLOCK_MONOTONIC_COARSE"), (0x7, "CLOCK_BOOTTIME"), (0x8, "CLOCK_REALTIME_ALARM"),
    (0x9, "CLOCK_BOOTTIME_ALARM"), (0xa, "CLOCK_SGI_CYCLE"), (0xb, "CLOCK_TAI"),
]);

/// `wait4(2)` options.
#[rustfmt::skip]
pub static WAIT: Flags = Flags::new(&[
    (0x1, "WNOHANG"), (0x2, "WUNTRACED"), (0x4, "WEXITED"), (0x8, "WCONTINUED"), (0x0100_0000, "WNOWAIT"),
    (0x2000_0000, "__WNOTHREAD"), (0x4000_0000, "__WALL"), (0x8000_0000, "__WCLONE"),
]);

/// `seccomp(2)` operations.
#[rustfmt::skip]
pub static SECCOMP_OPERATION: Values = Values::new(&[
    (0x0, "SECCOMP_SET_MODE_STRICT"), (0x1, "SECCOMP_SET_MODE_FILTER"), (0x2, "SECCOMP_GET_ACTION_AVAIL"),
    (0x3, "SECCOMP_GET_NOTIF_SIZES"),
]);

/// `seccomp(2)` filter flags.
#[rustfmt::skip]
pub static SECCOMP_FLAGS: Flags = Flags::new(&[
    (0x1, "SECCOMP_FILTER_FLAG_TSYNC"), (0x2, "SECCOMP_FILTER_FLAG_LOG"), (0x4, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
    (0x8, "SECCOMP_FILTER_FLAG_NEW_LISTENER"), (0x10, "SECCOMP_FILTER_FLAG_TSYNC_ESRCH"),
    (0x20, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
]);

/// What a seccomp filter said, upper 16 bits of `code=`.
#[rustfmt::skip]
pub static SECCOMP_ACTION: Values = Values::new(&[
    (0x0, "SECCOMP_RET_KILL_THREAD"), (0x0003_0000, "SECCOMP_RET_TRAP"), (0x0005_0000, "SECCOMP_RET_ERRNO"),
    (0x7fc0_0000, "SECCOMP_RET_USER_NOTIF"), (0x7ff0_0000, "SECCOMP_RET_TRACE"), (0x7ffc_0000, "SECCOMP_RET_LOG"),
    (0x7fff_0000, "SECCOMP_RET_ALLOW"), (0x8000_0000, "SECCOMP_RET_KILL_PROCESS"),
]);

/// Signals (mips and sparc number some of them otherwise).
#[rustfmt::skip]
pub static SIGNAL: Values = Values::new(&[
    (0x1, "SIGHUP"), (0x2, "SIGINT"), (0x3, "SIGQUIT"), (0x4, "SIGILL"), (0x5, "SIGTRAP"), (0x6, "SIGABRT"),
    (0x7, "SIGBUS"), (0x8, "SIGFPE"), (0x9, "SIGKILL"), (0xa, "SIGUSR1"), (0xb, "SIGSEGV"), (0xc, "SIGUSR2"),
    (0xd, "SIGPIPE"), (0xe, "SIGALRM"), (0xf, "SIGTERM"), (0x10, "SIGSTKFLT"), (0x11, "SIGCHLD"), (0x12, "SIGCONT"),
    (0x13, "SIGSTOP"), (0x14, "SIGTSTP"), (0x15, "SIGTTIN"), (0x16, "SIGTTOU"), (0x17, "SIGURG"), (0x18, "SIGXCPU"),
    (0x19, "SIGXFSZ"), (0x1a, "SIGVTALRM"), (0x1b, "SIGPROF"), (0x1c, "SIGWINCH"), (0x1d, "SIGIO"), (0x1e, "SIGPWR"),
    (0x1f, "SIGSYS"),
]);

/// `keyctl(2)` operations.
#[rustfmt::skip]
pub static KEYCTL: Values = Values::new(&[
    (0x0, "KEYCTL_GET_KEYRING_ID"), (0x1, "KEYCTL_JOIN_SESSION_KEYRING"), (0x2, "KEYCTL_UPDATE"),
    (0x3, "KEYCTL_REVOKE"), (0x4, "KEYCTL_CHOWN"), (0x5, "KEYCTL_SETPERM"), (0x6, "KEYCTL_DESCRIBE"),
    (0x7, "KEYCTL_CLEAR"), (0x8, "KEYCTL_LINK"), (0x9, "KEYCTL_UNLINK"), (0xa, "KEYCTL_SEARCH"), (0xb, "KEYCTL_READ"),
    (0xc, "KEYCTL_INSTANTIATE"), (0xd, "KEYCTL_NEGATE"), (0xe, "KEYCTL_SET_REQKEY_KEYRING"),
    (0xf, "KEYCTL_SET_TIMEOUT"), (0x10, "KEYCTL_ASSUME_AUTHORITY"), (0x11, "KEYCTL_GET_SECURITY"),
    (0x12, "KEYCTL_SESSION_TO_PARENT"), (0x13, "KEYCTL_REJECT"), (0x14, "KEYCTL_INSTANTIATE_IOV"),
    (0x15, "KEYCTL_INVALIDATE"), (0x16, "KEYCTL_GET_PERSISTENT"), (0x17, "KEYCTL_DH_COMPUTE"),
    (0x18, "KEYCTL_PKEY_QUERY"), (0x19, "KEYCTL_PKEY_ENCRYPT"), (0x1a, "KEYCTL_PKEY_DECRYPT"),
    (0x1b, "KEYCTL_PKEY_SIGN"), (0x1c, "KEYCTL_PKEY_VERIFY"), (0x1d, "KEYCTL_RESTRICT_KEYRING"), (0x1e, "KEYCTL_MOVE"),
    (0x1f, "KEYCTL_CAPABILITIES"), (0x20, "KEYCTL_WATCH_KEY"),
]);

/// Capabilities.
#[rustfmt::skip]
pub static CAPABILITY: Values = Values::new(&[
    (0x0, "CAP_CHOWN"), (0x1, "CAP_DAC_OVERRIDE"), (0x2, "CAP_DAC_READ_SEARCH"), (0x3, "CAP_FOWNER"),
    (0x4, "CAP_FSETID"), (0x5, "CAP_KILL"), (0x6, "CAP_SETGID"), (0x7, "CAP_SETUID"), (0x8, "CAP_SETPCAP"),
    (0x9, "CAP_LINUX_IMMUTABLE"), (0xa, "CAP_NET_BIND_SERVICE"), (0xb, "CAP_NET_BROADCAST"), (0xc, "CAP_NET_ADMIN"),
    (0xd, "CAP_NET_RAW"), (0xe, "CAP_IPC_LOCK"), (0xf, "CAP_IPC_OWNER"), (0x10, "CAP_SYS_MODULE"),
    (0x11, "CAP_SYS_RAWIO"), (0x12, "CAP_SYS_CHROOT"), (0x13, "CAP_SYS_PTRACE"), (0x14, "CAP_SYS_PACCT"),
    (0x15, "CAP_SYS_ADMIN"), (0x16, "CAP_SYS_BOOT"), (0x17, "CAP_SYS_NICE"), (0x18, "CAP_SYS_RESOURCE"),
    (0x19, "CAP_SYS_TIME"), (0x1a, "CAP_SYS_TTY_CONFIG"), (0x1b, "CAP_MKNOD"), (0x1c, "CAP_LEASE"),
    (0x1d, "CAP_AUDIT_WRITE"), (0x1e, "CAP_AUDIT_CONTROL"), (0x1f, "CAP_SETFCAP"), (0x20, "CAP_MAC_OVERRIDE"),
    (0x21, "CAP_MAC_ADMIN"), (0x22, "CAP_SYSLOG"), (0x23, "CAP_WAKE_ALARM"), (0x24, "CAP_BLOCK_SUSPEND"),
    (0x25, "CAP_AUDIT_READ"), (0x26, "CAP_PERFMON"), (0x27, "CAP_BPF"), (0x28, "CAP_CHECKPOINT_RESTORE"),
]);

/// `mmap(2)` and `mprotect(2)` protection.
#[rustfmt::skip]
pub static PROT: Flags = Flags::new(&[
    (0x1, "PROT_READ"), (0x2, "PROT_WRITE"), (0x4, "PROT_EXEC"), (0x8, "PROT_SEM"), (0x0100_0000, "PROT_GROWSDOWN"),
    (0x0200_0000, "PROT_GROWSUP"), (0x0, "PROT_NONE"),
]);

/// `mmap(2)` flags of x86, arm, s390, riscv and loongarch.
#[rustfmt::skip]
pub static MAP: Flags = Flags::new(&[
    (0x3, "MAP_SHARED_VALIDATE"), (0x1, "MAP_SHARED"), (0x2, "MAP_PRIVATE"), (0x8, "MAP_DROPPABLE"),
    (0x10, "MAP_FIXED"), (0x20, "MAP_ANONYMOUS"), (0x40, "MAP_32BIT"), (0x100, "MAP_GROWSDOWN"),
    (0x800, "MAP_DENYWRITE"), (0x1000, "MAP_EXECUTABLE"), (0x2000, "MAP_LOCKED"), (0x4000, "MAP_NORESERVE"),
    (0x8000, "MAP_POPULATE"), (0x0001_0000, "MAP_NONBLOCK"), (0x0002_0000, "MAP_STACK"), (0x0004_0000, "MAP_HUGETLB"),
    (0x0008_0000, "MAP_SYNC"), (0x0010_0000, "MAP_FIXED_NOREPLACE"), (0x0400_0000, "MAP_UNINITIALIZED"),
]);

/// `madvise(2)` advice.
#[rustfmt::skip]
pub static MADVISE: Values = Values::new(&[
    (0x0, "MADV_NORMAL"), (0x1, "MADV_RANDOM"), (0x2, "MADV_SEQUENTIAL"), (0x3, "MADV_WILLNEED"),
    (0x4, "MADV_DONTNEED"), (0x8, "MADV_FREE"), (0x9, "MADV_REMOVE"), (0xa, "MADV_DONTFORK"), (0xb, "MADV_DOFORK"),
    (0xc, "MADV_MERGEABLE"), (0xd, "MADV_UNMERGEABLE"), (0xe, "MADV_HUGEPAGE"), (0xf, "MADV_NOHUGEPAGE"),
    (0x10, "MADV_DONTDUMP"), (0x11, "MADV_DODUMP"), (0x12, "MADV_WIPEONFORK"), (0x13, "MADV_KEEPONFORK"),
    (0x14, "MADV_COLD"), (0x15, "MADV_PAGEOUT"), (0x16, "MADV_POPULATE_READ"), (0x17, "MADV_POPULATE_WRITE"),
    (0x18, "MADV_DONTNEED_LOCKED"), (0x19, "MADV_COLLAPSE"), (0x64, "MADV_HWPOISON"), (0x65, "MADV_SOFT_OFFLINE"),
    (0x66, "MADV_GUARD_INSTALL"), (0x67, "MADV_GUARD_REMOVE"),
]);

/// `mremap(2)` flags.
#[rustfmt::skip]
pub static MREMAP: Flags = Flags::new(&[
    (0x1, "MREMAP_MAYMOVE"), (0x2, "MREMAP_FIXED"), (0x4, "MREMAP_DONTUNMAP"),
]);

/// The call behind `ipc(2)`.
#[rustfmt::skip]
pub static IPC_CALL: Values = Values::new(&[
    (0x1, "SEMOP"), (0x2, "SEMGET"), (0x3, "SEMCTL"), (0x4, "SEMTIMEDOP"), (0xb, "MSGSND"), (0xc, "MSGRCV"),
    (0xd, "MSGGET"), (0xe, "MSGCTL"), (0x15, "SHMAT"), (0x16, "SHMDT"), (0x17, "SHMGET"), (0x18, "SHMCTL"),
]);

/// `*ctl` commands of System V IPC.
#[rustfmt::skip]
pub static IPC: Values = Values::new(&[
    (0x0, "IPC_RMID"), (0x1, "IPC_SET"), (0x2, "IPC_STAT"), (0x3, "IPC_INFO"),
]);

/// `*get` flags of System V IPC.
#[rustfmt::skip]
pub static IPC_FLAGS: Flags = Flags::new(&[
    (0x200, "IPC_CREAT"), (0x400, "IPC_EXCL"), (0x800, "IPC_NOWAIT"),
]);

/// `shmat(2)` flags.
#[rustfmt::skip]
pub static SHM: Flags = Flags::new(&[
    (0x1000, "SHM_RDONLY"), (0x2000, "SHM_RND"), (0x4000, "SHM_REMAP"), (0x8000, "SHM_EXEC"),
]);
