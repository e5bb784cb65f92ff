//! A record type: the number that the kernel or a program gave a record.

use core::fmt;

/// The type of a record. Any number is allowed; [`RecordType::name`] knows the ones that a table knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordType(pub u16);

impl RecordType {
    /// The login uid of a task changed. Stands inside the command range, and is an event all the same.
    pub const LOGIN: Self = Self(1006);
    /// A system call with its number, arguments and actor.
    pub const SYSCALL: Self = Self(1300);
    /// A file name that a call touched.
    pub const PATH: Self = Self(1302);
    /// A socket address given to a call.
    pub const SOCKADDR: Self = Self(1306);
    /// The working directory at the call.
    pub const CWD: Self = Self(1307);
    /// The argument vector of an exec.
    pub const EXECVE: Self = Self(1309);
    /// End of the records of one event.
    pub const EOE: Self = Self(1320);
    /// A rule, or a value of the audit system, was changed.
    pub const CONFIG_CHANGE: Self = Self(1305);
    /// A message queue that a call opened.
    pub const MQ_OPEN: Self = Self(1312);
    /// Capabilities of a program file and of the process that runs it.
    pub const BPRM_FCAPS: Self = Self(1321);
    /// Capabilities that a process gave itself.
    pub const CAPSET: Self = Self(1322);
    /// The flags of a memory mapping.
    pub const MMAP: Self = Self(1323);
    /// A packet filter was changed.
    pub const NETFILTER_CFG: Self = Self(1325);
    /// A seccomp filter refused or logged a call.
    pub const SECCOMP: Self = Self(1326);
    /// The title of the calling process.
    pub const PROCTITLE: Self = Self(1327);
    /// A fanotify listener decided on an access.
    pub const FANOTIFY: Self = Self(1331);
    /// How `openat2` was asked to open.
    pub const OPENAT2: Self = Self(1337);
    /// A process ended by a signal.
    pub const ANOM_ABEND: Self = Self(1701);
    /// A packet that a filter rule reported.
    pub const NETFILTER_PKT: Self = Self(1324);
    /// The clock was steered.
    pub const TIME_ADJNTPVAL: Self = Self(1333);
    /// What an io_uring worker did.
    pub const URINGOP: Self = Self(1336);
    /// SELinux decided on an access.
    pub const AVC: Self = Self(1400);
    /// SELinux was switched.
    pub const MAC_STATUS: Self = Self(1404);
    /// The kernel asks the registered daemon whether it still lives. Not an event.
    pub const REPLACE: Self = Self(1329);

    /// The name as logs spell it, if a table knows the number.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        super::record_type_name(self.0)
    }

    /// Whether a record of this type is an event, as opposed to a command, a reply or a ping.
    #[must_use]
    pub fn is_event(self) -> bool {
        self == Self::LOGIN || self.0 == 1005 || (self.0 >= 1100 && self != Self::REPLACE)
    }
}

/// The name, else `UNKNOWN[n]` as auditd writes it.
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "UNKNOWN[{}]", self.0),
        }
    }
}
