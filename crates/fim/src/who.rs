//! Who did it, from where we know, and how sure that is. Never a silent guess.

use crate::entry::FileId;

/// From where we know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Source {
    /// Nobody told.
    #[default]
    None,
    /// The process was held by a permission event while we looked.
    Permission,
    /// The event's own pidfd.
    Pidfd,
    /// The process table of this host.
    ProcessTable,
    /// A kernel audit record.
    Audit,
    /// An eBPF program.
    Ebpf,
}

impl Source {
    /// `auditng.fim.who.source`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Permission => "permission",
            Self::Pidfd => "pidfd",
            Self::ProcessTable => "process-table",
            Self::Audit => "audit",
            Self::Ebpf => "ebpf",
        }
    }
}

/// How sure it is; the order is that of trust.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Confidence {
    /// Nobody is named; [`Who::reason`] says why.
    #[default]
    Unknown,
    /// Several could have done it; [`Who::candidates`] lists up to four.
    Ambiguous,
    /// One audit or eBPF record for the same file, class and pid within the window.
    Merged,
    /// The process was gone, and the table has exactly one with this pid alive at that time, with no loss in between.
    Strong,
    /// Read while the process was held, or with the pidfd still alive afterwards.
    Certain,
}

impl Confidence {
    /// `auditng.fim.who.confidence`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ambiguous => "ambiguous",
            Self::Merged => "merged",
            Self::Strong => "strong",
            Self::Certain => "certain",
        }
    }
}

/// Why nobody is named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// The process was gone before we read of it, and no table knows it.
    ReaderLate,
    /// Events were lost at that time.
    SourceLoss,
    /// A scan found the change.
    FoundByScan,
    /// The process is in a pid namespace that we do not see.
    OtherPidNamespace,
    /// The collector names no process (inotify).
    NotTold,
}

impl Reason {
    /// `auditng.fim.who.reason`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReaderLate => "reader_late",
            Self::SourceLoss => "source_loss",
            Self::FoundByScan => "found_by_scan",
            Self::OtherPidNamespace => "other_pid_namespace",
            Self::NotTold => "not_told",
        }
    }
}

/// Who did it. `Who::default()` knows nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Who {
    /// Process (thread group) as this host numbers it; 0: unknown.
    pub pid: u32,
    /// Its start, nanoseconds since boot, which with the pid names one life.
    pub start_ns: Option<i64>,
    /// Its parent.
    pub ppid: Option<u32>,
    /// Its executable as the kernel says; bytes.
    pub exe: Option<Box<[u8]>>,
    /// The executable itself.
    pub exe_id: Option<FileId>,
    /// Real user.
    pub uid: Option<u32>,
    /// Effective user.
    pub euid: Option<u32>,
    /// Login user and session, which only audit records tell.
    pub auid: Option<u32>,
    /// Audit session.
    pub session: Option<u32>,
    /// From where we know.
    pub source: Source,
    /// How sure it is.
    pub confidence: Confidence,
    /// Why nobody is named.
    pub reason: Option<Reason>,
    /// Others who could have done it: pids, at most four.
    pub candidates: Vec<u32>,
}

impl Who {
    /// Nobody, and why.
    #[must_use]
    pub fn unknown(reason: Reason) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }
}
