//! What a collector saw: something happened to a file. It is not yet a change; the judge looks at the file and decides.

use std::path::PathBuf;

use schema::Timestamp;

use crate::change::Inside;
use crate::entry::FileId;
use crate::who::Who;

/// What happened, as bits of the kernel's fanotify masks (`linux/fanotify.h`); other collectors translate into them. Several
/// happenings of one object by one process come as one, so their order is lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Mask(pub u64);

impl Mask {
    /// Content was read.
    pub const ACCESS: Self = Self(0x1);
    /// Content was written.
    pub const MODIFY: Self = Self(0x2);
    /// Metadata changed.
    pub const ATTRIB: Self = Self(0x4);
    /// Closed after being open for writing.
    pub const CLOSE_WRITE: Self = Self(0x8);
    /// Opened.
    pub const OPEN: Self = Self(0x20);
    /// A name was made.
    pub const CREATE: Self = Self(0x100);
    /// A name was removed.
    pub const DELETE: Self = Self(0x200);
    /// Opened to be executed.
    pub const OPEN_EXEC: Self = Self(0x1000);
    /// Somebody waits for permission to open.
    pub const OPEN_PERM: Self = Self(0x1_0000);
    /// Somebody waits for permission to execute.
    pub const OPEN_EXEC_PERM: Self = Self(0x4_0000);
    /// Got another name.
    pub const RENAME: Self = Self(0x1000_0000);
    /// The object is a directory.
    pub const ONDIR: Self = Self(0x4000_0000);

    /// The words that events carry in `auditng.fim.mask`.
    pub const NAMES: [(Self, &'static str); 12] = [
        (Self::ACCESS, "access"),
        (Self::MODIFY, "modify"),
        (Self::ATTRIB, "attrib"),
        (Self::CLOSE_WRITE, "close_write"),
        (Self::OPEN, "open"),
        (Self::CREATE, "create"),
        (Self::DELETE, "delete"),
        (Self::OPEN_EXEC, "open_exec"),
        (Self::OPEN_PERM, "open_perm"),
        (Self::OPEN_EXEC_PERM, "open_exec_perm"),
        (Self::RENAME, "rename"),
        (Self::ONDIR, "ondir"),
    ];

    /// Whether any of these bits is set.
    #[must_use]
    pub const fn has(self, bits: Self) -> bool {
        self.0 & bits.0 != 0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, bits: Self) -> Self {
        Self(self.0 | bits.0)
    }

    /// The words of the bits that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| name)
    }
}

/// Which collector saw it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Collector {
    /// A fanotify notification group.
    Fanotify,
    /// A fanotify permission group: the opener waited while we looked.
    Permission,
    /// inotify: no process is named.
    Inotify,
    /// A kernel audit record.
    Audit,
    /// A scan.
    Scan,
}

impl Collector {
    /// `auditng.fim.source`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fanotify => "fanotify",
            Self::Permission => "permission",
            Self::Inotify => "inotify",
            Self::Audit => "audit",
            Self::Scan => "scan",
        }
    }
}

/// One sighting. Paths are as this host sees them, absolute, without symbolic links.
#[derive(Clone, PartialEq, Debug)]
pub struct Evidence {
    /// When it arrived; the kernel gives no time.
    pub at: Timestamp,
    /// What happened.
    pub mask: Mask,
    /// The object's path at the time of looking; of a rename the new one. `None`: moved to where nothing is watched.
    pub path: Option<PathBuf>,
    /// Of a rename the old path. `None`: no rename, or it came from where nothing is watched.
    pub old_path: Option<PathBuf>,
    /// The object itself, where the collector knows it.
    pub id: Option<FileId>,
    /// By whom.
    pub who: Who,
    /// Who says so.
    pub collector: Collector,
    /// Of a permission event: what was answered.
    pub permission: Option<crate::change::Permission>,
    /// The system call failed (audit records tell of those too): nothing changed.
    pub failed: bool,
    /// The container that has this file under a path of its own.
    pub inside: Option<Inside>,
    /// It happened in a layer below an overlay; [`Self::path`] is then the path in the merged tree.
    pub backing: Option<Backing>,
}

impl Evidence {
    /// Something at this time, of which nothing else is known yet: `Evidence { path, ..Evidence::new(at, collector, mask) }`.
    #[must_use]
    pub fn new(at: Timestamp, collector: Collector, mask: Mask) -> Self {
        Self {
            at,
            mask,
            path: None,
            old_path: None,
            id: None,
            who: Who::default(),
            collector,
            permission: None,
            failed: false,
            inside: None,
            backing: None,
        }
    }
}

/// Where a file of an overlay really lies.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Backing {
    /// Path in the upper directory, as this host sees it.
    pub path: PathBuf,
    /// What it means for the merged tree.
    pub what: Layered,
    /// The file of a lower directory that was there before, if there is one: its content is what was seen so far.
    pub lower: Option<PathBuf>,
}

/// What something in an upper directory means for the merged tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Layered {
    /// Just that.
    Same,
    /// A file of a lower directory was copied up because somebody opened it for writing or changed its attributes: no `created`.
    CopiedUp,
    /// A whiteout was put there: the file is gone.
    Whiteout,
}
