//! Collectors: how this host learns at once that something happened to a file, and by whom.
//!
//! [`Collectors::open`] marks what the policies ask for, starts the threads `fim-read`, `fim-perm` and `fim-mount`, and says for
//! each root how it is covered. [`Collectors::take`] then gives [`Sight`]s: evidence, losses, changes of mounts and of coverage.
//!
//! Promises: what is lost is told, with the roots that have to be scanned again; somebody who waits for permission is always
//! answered; our own process is never told of; a folder that nobody asked for costs one look-up and no open.
//! Does not look at files, decide what changed, know containers' runtimes, or keep anything on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schema::Timestamp;

use crate::change::Access;
use crate::evidence::{Evidence, Mask};
use crate::policy::Policies;
use crate::who::Who;

/// The process table of this host, asked when an event's own pidfd did not tell. Called by the thread that calls
/// [`Collectors::take`].
pub trait Identity: Send + Sync {
    /// The one process that had this pid at that time, as sure as the table is; `None`: not known.
    fn of(&self, pid: u32, at: Timestamp) -> Option<Who>;
}

/// Nobody knows anybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoIdentity;

impl Identity for NoIdentity {
    fn of(&self, _: u32, _: Timestamp) -> Option<Who> {
        None
    }
}

/// Decides on opens of guarded files. Called by `fim-perm` while somebody waits: answer from a table that is ready, open nothing.
pub trait Decide: Send + Sync {
    /// What becomes of this open.
    fn decide(&self, ask: &Ask<'_>) -> Verdict;
}

/// Somebody waits to open or execute a guarded file.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The guarded file, as the policies name it.
    pub path: &'a Path,
    /// Who waits: `pid`, `exe`, `exe_id`, `uid`, `euid` as far as they could be read.
    pub who: &'a Who,
    /// `OPEN_PERM`, or `OPEN_EXEC_PERM`.
    pub mask: Mask,
}

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// How the application stands to the allow-list.
    pub access: Access,
    /// Refuse the open with EPERM (`action = "enforce"` alone may say so).
    pub refuse: bool,
}

/// Lets everybody in: for policies without an allow-list.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Decide for AllowAll {
    fn decide(&self, _: &Ask<'_>) -> Verdict {
        Verdict { access: Access::Allowed, refuse: false }
    }
}

/// Which collectors may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// fanotify, and inotify where it cannot be had.
    #[default]
    Auto,
    /// fanotify alone.
    Fanotify,
    /// inotify alone.
    Inotify,
    /// None: scans find everything.
    Scan,
}

/// How to collect.
#[derive(Clone)]
pub struct Options {
    /// Which collectors.
    pub mode: Mode,
    /// The kernel's queue holds at most 16,384 events, so that its memory has a bound; beyond, events are lost and told.
    pub capped_queue: bool,
    /// Bytes of events between `fim-read` and [`Collectors::take`]; beyond, events are counted, dropped, and their roots dirty.
    pub queue_bytes: usize,
    /// Inotify watches at most, in percent of `fs.inotify.max_user_watches`.
    pub watches_percent: u64,
    /// A waiting open is let through after this.
    pub perm_deadline: Duration,
    /// Who decides on guarded files.
    pub decide: Arc<dyn Decide>,
    /// The wall clock: evidence carries its arrival.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Options {
    /// The defaults, with this clock.
    #[must_use]
    pub fn new(now: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self {
            mode: Mode::Auto,
            capped_queue: false,
            queue_bytes: 64 << 20,
            watches_percent: 80,
            perm_deadline: Duration::from_millis(50),
            decide: Arc::new(AllowAll),
            now,
        }
    }
}

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

/// All collectors of this host. Dropping them ends the threads and lets everybody go who waits for permission.
pub struct Collectors {
    policies: Arc<Policies>,
    #[expect(dead_code, reason = "asked by the readers")]
    identity: Arc<dyn Identity>,
    coverage: Vec<Coverage>,
    counters: Counters,
}

impl Collectors {
    /// Marks what the policies ask for and starts the threads. What cannot be covered is told with its reason and never an error:
    /// scans find it.
    #[must_use]
    pub fn open(policies: Arc<Policies>, _options: Options, identity: Arc<dyn Identity>) -> (Self, Vec<Coverage>) {
        let scan_only = |root: &crate::policy::Root| Coverage {
            root: root.path.clone(),
            how: How::ScanOnly,
            reason: "collectors are not there yet".to_owned(),
        };
        let coverage: Vec<_> = policies.roots().iter().map(scan_only).collect();
        (Self { policies, identity, coverage: coverage.clone(), counters: Counters::default() }, coverage)
    }

    /// Waits at most `timeout` for something to tell, then tells what there is, at most some thousand sights at once. Returns how many.
    pub fn take(&mut self, timeout: Duration, _each: &mut dyn FnMut(Sight)) -> usize {
        std::thread::park_timeout(timeout);
        0
    }

    /// Other policies from now on. Returns how all roots are covered now.
    pub fn set_policies(&mut self, policies: Arc<Policies>) -> Vec<Coverage> {
        self.policies = policies;
        self.coverage.clone()
    }

    /// A container runs; `pid` is a process in it, `id` its id where it is known. Its own file systems (tmpfs, volumes) get marks,
    /// and its root is known to the overlay table. Returns what could not be covered.
    pub fn mark_container(&mut self, _pid: u32, _id: &str) -> Vec<Coverage> {
        Vec::new()
    }

    /// The container of this process is gone.
    pub fn forget_container(&mut self, _pid: u32) {}

    /// How all roots are covered now.
    #[must_use]
    pub fn coverage(&self) -> &[Coverage] {
        &self.coverage
    }

    /// What went through.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
