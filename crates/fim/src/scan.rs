//! Scans: walking what the policies name, and comparing each folder with what was last seen of it.
//!
//! ```text
//! starts ─► queue of folders ─► list ─ statx each ─ read what is new or has another stat ─► compare ─► Change, Seen
//!              ▲                                                                              │
//!              └───────────────────────────── folders in it ──────────────────────────────────┘
//! ```
//!
//! One folder is one range of what was seen, so what has gone is found without a second pass. A kind of scan decides what is read
//! again: `meta`, `targeted` and `while-down` read where (inode, size, mtime, ctime) moved; `full` reads every byte; `rotating` reads,
//! past the page cache, the folders whose bytes were read longest ago; `baseline` tells nothing and notes everything.
//!
//! Promises: never leaves a start by a symbolic link, whatever is renamed meanwhile; opens no folder that nothing is wanted of, no
//! kernel's own file system (`proc`, `sysfs` ...) and no automount; what cannot be read is counted and named, and nothing is
//! concluded from it; a change that somebody else noted meanwhile is not told twice; it can be stopped between any two reads.
//!
//! Bounds: [`QUEUE`] folders wait (of a folder with more of them the rest is listed again later), [`DEPTH`] folders deep, one
//! folder's entries per thread in memory (some 500 bytes each), [`ROWS`] named rows of a summary.
//!
//! Does not schedule itself, commit what was seen, or decide what a difference means (that is [`crate::judge`]'s).

mod compare;
mod filesystem;
mod list;
mod log;
mod pace;
mod queue;
mod rotate;
mod summary;
#[cfg(test)]
mod tests;
mod walk;

use std::path::PathBuf;
use std::time::Duration;

use schema::Timestamp;

use crate::change::{Change, ScanKind};
use crate::policy::Policies;
use crate::seen::Seen;

pub use filesystem::{Nature, nature};
pub use pace::Handle;
pub use queue::{DEPTH, QUEUE};
pub use rotate::FOLDERS;
pub use summary::{ROWS, Summary, Unreadable};

/// What to scan, and how.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// What is read again.
    pub kind: ScanKind,
    /// What is wanted.
    pub policies: &'a Policies,
    /// Only at or below these absolute paths; none: everything that the policies name.
    pub within: &'a [PathBuf],
    /// Only what this policy asks for.
    pub policy: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
    /// Changes happened between these: since the last scan, or since nobody watched.
    pub window: Option<(Timestamp, Timestamp)>,
    /// The generation that is compared with, for the summary; 0: none.
    pub generation: u64,
    /// How fast.
    pub pace: Pace,
    /// Of a rotating scan: how much of everything is its share.
    pub rotation: Rotation,
}

impl<'a> Job<'a> {
    /// Of everything, as fast as it goes.
    #[must_use]
    pub fn new(kind: ScanKind, policies: &'a Policies, now: Timestamp) -> Self {
        Self {
            kind,
            policies,
            within: &[],
            policy: None,
            now,
            window: None,
            generation: 0,
            pace: Pace::default(),
            rotation: Rotation::default(),
        }
    }
}

/// How fast a scan may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Most bytes of content read in a second; 0: as fast as it goes.
    pub rate: u64,
    /// Waits while tasks wait for a disk more than so many percent of the time (PSI `some avg10`), a minute at most at a time; 0: never.
    pub pressure: u8,
    /// Threads that look and read.
    pub threads: u8,
    /// Gives way to everybody else: nice 19, and the disk when nobody else wants it.
    pub gentle: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rate: 0, pressure: 0, threads: 1, gentle: false }
    }
}

/// How much of everything a rotating scan reads: every folder once within `within`, if one is made each `every`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotation {
    /// All bytes are read within this time.
    pub within: Duration,
    /// Time between two rotating scans.
    pub every: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { within: Duration::from_secs(7 * 24 * 3600), every: Duration::from_secs(3600) }
    }
}

/// Scans. Each change goes to `tell`, and `seen` moves on with it; committing is the caller's. `handle` shows how far it is, and stops it.
pub fn run(
    job: &Job<'_>,
    seen: &mut (dyn Seen + Send),
    handle: &Handle,
    tell: &mut (dyn FnMut(Change) + Send),
) -> Summary {
    walk::run(job, seen, handle, tell)
}
