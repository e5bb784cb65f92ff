//! Collectors: how this host learns at once that something happened to a file, and by whom.
//!
//! [`Collectors::open`] marks what the policies ask for, starts the threads `fim-read`, `fim-perm` and `fim-mount`, and says for
//! each root how it is covered. [`Collectors::take`] then gives [`Sight`]s: evidence, losses, changes of mounts and of coverage.
//!
//! Promises: what is lost is told, with the roots that have to be scanned again; somebody who waits for permission is always
//! answered; our own process is never told of; a folder that nobody asked for costs one look-up and no open.
//! Does not look at files, decide what changed, know containers' runtimes, or keep anything on disk.

mod running;
mod sight;

pub mod fanotify;

mod btrfs;
mod cover;
mod inotify;
mod links;
mod mount;
mod permission;
mod person;
mod places;
mod queue;
mod recent;
mod resolve;
mod sys;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schema::Timestamp;

pub use self::running::Collectors;
pub use self::sight::{Counters, Coverage, How, Lost, LostBy, MountChange, Sight};
use crate::change::Access;
use crate::evidence::Mask;
use crate::who::Who;

/// A clock that threads may ask.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

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
    pub now: Now,
}

impl Options {
    /// The defaults, with this clock.
    #[must_use]
    pub fn new(now: Now) -> Self {
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
