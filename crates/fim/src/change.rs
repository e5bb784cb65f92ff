//! A judged change: what events, reports and the baseline are made of.

use std::path::PathBuf;
use std::sync::Arc;

use schema::Timestamp;

use crate::entry::{Digest, Entry, FileId};
use crate::evidence::{Collector, Mask};
use crate::policy::Policy;
use crate::who::Who;

/// `event.action`, Auditbeat's words first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// A name that was not there.
    Created,
    /// The same inode with other content.
    Updated,
    /// Another inode under the name.
    Replaced,
    /// The name is gone.
    Deleted,
    /// The same object under another name.
    Moved,
    /// The same content with other attributes.
    AttributesModified,
    /// Opened for reading (policies with `access`).
    Opened,
    /// Executed.
    Executed,
    /// An append-only file got shorter.
    Truncated,
    /// Old bytes of an append-only file changed.
    Rewritten,
    /// Something was mounted over it.
    MountedOver,
    /// What was mounted over it is gone.
    Unmounted,
    /// Recorded by the first scan.
    InitialScan,
}

impl Action {
    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
            Self::Moved => "moved",
            Self::AttributesModified => "attributes_modified",
            Self::Opened => "opened",
            Self::Executed => "executed",
            Self::Truncated => "truncated",
            Self::Rewritten => "rewritten",
            Self::MountedOver => "mounted_over",
            Self::Unmounted => "unmounted",
            Self::InitialScan => "initial_scan",
        }
    }
}

/// What made us look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cause {
    /// A collector told at once.
    Event,
    /// Found by a scan of this kind.
    Scan(ScanKind),
}

/// Kinds of scans.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ScanKind {
    /// Makes the first baseline.
    Baseline,
    /// Compares metadata and reads again what it says changed.
    Meta,
    /// Reads every byte.
    Full,
    /// Reads the folders whose bytes were read longest ago.
    Rotating,
    /// A part that events were lost of.
    Targeted,
    /// At start: what changed while nobody watched.
    WhileDown,
}

impl ScanKind {
    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Meta => "meta",
            Self::Full => "full",
            Self::Rotating => "rotating",
            Self::Targeted => "targeted",
            Self::WhileDown => "while-down",
        }
    }
}

/// How an application stands to a file's allow-list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Access {
    /// On the list.
    Allowed,
    /// On the grey list: an editor, a pager.
    Grey,
    /// On neither.
    Denied,
}

impl Access {
    /// `auditng.fim.access`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Grey => "grey",
            Self::Denied => "denied",
        }
    }
}

/// What became of somebody who waited for permission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permission {
    /// How the application stands to the allow-list.
    pub access: Access,
    /// The open was refused (enforce mode).
    pub refused: bool,
    /// The answer came in time; false: the deadline passed and the open was let through.
    pub in_time: bool,
}

/// One attribute that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Its name: `size mode uid gid mtime ctime inode nlink target flags sha256 blake3 xattr:NAME acl capabilities selinux type` ...
    pub attribute: String,
    /// What it was, for people; `None`: there was none.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// The difference of a text file's content, or why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Diff {
    /// Unified, secrets redacted.
    Text {
        /// The lines.
        unified: String,
        /// Cut at the policy's bound.
        truncated: bool,
    },
    /// None, because of: `binary too-large denied quota deadline no-previous`.
    Missing(&'static str),
}

/// One or many changes, judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// When it was seen, or a scan found it.
    pub time: Timestamp,
    /// What it is.
    pub action: Action,
    /// Absolute path on this host.
    pub path: PathBuf,
    /// Of a move or a replacement: the other path, inside or outside of what is watched.
    pub old_path: Option<PathBuf>,
    /// Further known names of the same inode.
    pub names: Vec<PathBuf>,
    /// What was last seen.
    pub before: Option<Entry>,
    /// What is there now.
    pub after: Option<Entry>,
    /// The object, where it is known without an entry.
    pub id: Option<FileId>,
    /// What the collectors said.
    pub mask: Mask,
    /// Which collector told.
    pub collector: Collector,
    /// What made us look.
    pub cause: Cause,
    /// Of a scan: the change happened between these.
    pub window: Option<(Timestamp, Timestamp)>,
    /// By whom.
    pub who: Who,
    /// The policies that it concerns, never empty; the severest first.
    pub policies: Vec<Arc<Policy>>,
    /// Came and went before we could look.
    pub transient: bool,
    /// We looked at the file ourselves (not so in replayed audit records).
    pub verified: bool,
    /// The call failed: nothing changed, but somebody tried.
    pub failed: bool,
    /// Of an access to a file with an allow-list.
    pub permission: Option<Permission>,
    /// Content before and after.
    pub diff: Option<Diff>,
    /// What it belongs to: a package's version, a log's rotation.
    pub provenance: Option<Provenance>,
    /// A declared change window that it fell into: its reason.
    pub change_window: Option<Arc<str>>,
    /// So many changes are summarised in this one (1: itself alone).
    pub count: u64,
    /// Of a summary: the root of a Merkle tree over what it stands for, in the order in which it came.
    pub summary: Option<Digest>,
    /// Of an append-only file: the first byte that changed.
    pub offset: Option<u64>,
    /// The container in which this file has a path of its own, and that path.
    pub inside: Option<Inside>,
}

impl Change {
    /// A change of which nothing else is known yet, told by an event that we looked after ourselves:
    /// `Change { before, after, ..Change::new(time, action, path) }`.
    #[must_use]
    pub fn new(time: Timestamp, action: Action, path: PathBuf) -> Self {
        Self {
            time,
            action,
            path,
            old_path: None,
            names: Vec::new(),
            before: None,
            after: None,
            id: None,
            mask: Mask::default(),
            collector: Collector::Fanotify,
            cause: Cause::Event,
            window: None,
            who: Who::default(),
            policies: Vec::new(),
            transient: false,
            verified: true,
            failed: false,
            permission: None,
            diff: None,
            provenance: None,
            change_window: None,
            count: 1,
            summary: None,
            offset: None,
            inside: None,
        }
    }
}

/// Where a change comes from when it is expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provenance {
    /// `dpkg`, `rpm`, `rotation`.
    pub by: &'static str,
    /// Package names.
    pub packages: Vec<String>,
    /// Their versions, in the same order.
    pub versions: Vec<String>,
}

/// A file as a container sees it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Inside {
    /// The container's id, empty where only a process of it is known.
    pub container: Box<str>,
    /// A process in it, by which others can learn more; 0: none known.
    pub pid: u32,
    /// The path in its root.
    pub path: PathBuf,
}
