//! What collectors tell.

use std::path::PathBuf;

use schema::Timestamp;

use crate::evidence::Evidence;
use crate::who::Who;

/// One thing that collectors tell.
#[derive(Clone, PartialEq, Debug)]
pub enum Sight {
    /// Something happened to a file.
    Evidence(Evidence),
    /// Events are lost: scan these roots.
    Lost(Lost),
    /// Something was mounted over a covered path, or is gone from there.
    Mount(MountChange),
    /// A root is covered in another way than before.
    Coverage(Coverage),
}

/// Events that will not come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lost {
    /// When it was noticed.
    pub at: Timestamp,
    /// What has to be scanned: the policies' roots on the file system in question, in their order.
    pub roots: Vec<PathBuf>,
    /// How many are lost; `None`: the kernel does not say.
    pub count: Option<u64>,
    /// Why.
    pub why: LostBy,
}

/// Why events are lost or late.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LostBy {
    /// The kernel's queue was full.
    KernelQueue,
    /// Our queue between the reader and the judge was full.
    HandOver,
    /// The reader came more than a second late: nothing is lost, but short-lived processes are not known.
    Late,
    /// Something that the kernel gave could not be read.
    Unreadable,
}

impl LostBy {
    /// The word in health events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KernelQueue => "kernel-queue",
            Self::HandOver => "queue",
            Self::Late => "late",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Something was mounted or unmounted over a path that policies ask for.
#[derive(Clone, PartialEq, Debug)]
pub struct MountChange {
    /// When it was noticed.
    pub at: Timestamp,
    /// The mount point.
    pub path: PathBuf,
    /// True: mounted over it; false: what was mounted is gone.
    pub mounted: bool,
    /// Kernel's number of the mount.
    pub id: u64,
    /// File system type.
    pub fstype: String,
    /// What is mounted there: device, or the folder of a bind mount within its file system.
    pub source: PathBuf,
    /// By whom.
    pub who: Who,
}

/// How a root is covered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coverage {
    /// The policies' root, or a mount point below one.
    pub root: PathBuf,
    /// By what.
    pub how: How,
    /// Why not better; empty where nothing better exists.
    pub reason: String,
}

/// By what a root is covered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum How {
    /// One fanotify mark on its file system.
    Fanotify,
    /// inotify watches on its folders: no process is named.
    Inotify,
    /// Scans alone.
    ScanOnly,
}

impl How {
    /// The word in health events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fanotify => "fanotify",
            Self::Inotify => "inotify",
            Self::ScanOnly => "scan-only",
        }
    }
}

/// What went through since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Events read from the kernel.
    pub read: u64,
    /// Of our own process: dropped.
    pub own: u64,
    /// In folders that nobody asked for: dropped after one look-up.
    pub excluded: u64,
    /// Given out as evidence.
    pub told: u64,
    /// Lost, as far as it can be counted.
    pub lost: u64,
    /// Evidence with a process that is `certain` or `strong`.
    pub attributed: u64,
}
