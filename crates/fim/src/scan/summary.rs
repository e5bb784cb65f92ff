//! What a scan did, for people, for evidence and for the scan's event.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use schema::Timestamp;

use crate::baseline::Scan;
use crate::change::ScanKind;
use crate::entry::Digest;
use crate::look::Reason;
use crate::name;

/// So many rows are named in each list of a summary; all are counted.
pub const ROWS: usize = 256;

/// Something that could not be looked at, or whose content could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: Reason,
}

/// What a scan did.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// What was read again.
    pub kind: ScanKind,
    /// The generation that was compared with; 0: none.
    pub generation: u64,
    /// When it began.
    pub start: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// Of that, waiting because others wanted the disk.
    pub paused: Duration,
    /// Where it went.
    pub roots: Vec<PathBuf>,
    /// Objects looked at.
    pub entries: u64,
    /// Folders listed.
    pub folders: u64,
    /// Bytes of content read.
    pub hashed_bytes: u64,
    /// Differences that were told.
    pub differences: u64,
    /// What was left out, by the reason: `excluded`, `proc` ... (kernel's own file systems), `automount`, `too-deep`.
    pub skipped: BTreeMap<&'static str, u64>,
    /// What could not be read: all of it,
    pub unreadable: u64,
    /// and the first [`ROWS`].
    pub unreadable_rows: Vec<Unreadable>,
    /// File systems on which only scans see changes, by where they begin and their type; at most [`ROWS`].
    pub scan_only: Vec<(PathBuf, &'static str)>,
    /// It was stopped before its end: what is not said to differ may differ.
    pub stopped: bool,
}

impl Summary {
    pub(super) fn new(kind: ScanKind, generation: u64, start: Timestamp, roots: Vec<PathBuf>) -> Self {
        Self {
            kind,
            generation,
            start,
            duration: Duration::ZERO,
            paused: Duration::ZERO,
            roots,
            entries: 0,
            folders: 0,
            hashed_bytes: 0,
            differences: 0,
            skipped: BTreeMap::new(),
            unreadable: 0,
            unreadable_rows: Vec::new(),
            scan_only: Vec::new(),
            stopped: false,
        }
    }

    pub(super) fn skip(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
        }
    }

    pub(super) fn unreadable(&mut self, path: PathBuf, reason: Reason) {
        self.unreadable += 1;
        if self.unreadable_rows.len() < ROWS {
            self.unreadable_rows.push(Unreadable { path, reason });
        }
    }

    pub(super) fn scan_only(&mut self, path: PathBuf, kind: &'static str) {
        if self.scan_only.len() < ROWS {
            self.scan_only.push((path, kind));
        }
    }

    /// When it ended.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let duration = i64::try_from(self.duration.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.start.millis().saturating_add(duration))
    }

    /// As the baseline keeps it. `cause`: what started it, in words; `root`: of what was seen when it ended.
    #[must_use]
    pub fn record(&self, cause: &str, root: Option<Digest>) -> Scan {
        let mut skipped: BTreeMap<String, u64> =
            self.skipped.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
        if self.stopped {
            skipped.insert("stopped".to_owned(), 1);
        }
        Scan {
            kind: self.kind.name().to_owned(),
            cause: cause.to_owned(),
            start_ms: self.start.millis(),
            end_ms: self.end().millis(),
            generation: self.generation,
            root,
            roots: self.roots.iter().map(|root| name::text(root.as_os_str().as_bytes())).collect(),
            entries: self.entries,
            hashed_bytes: self.hashed_bytes,
            skipped,
            unreadable: self.unreadable,
            differences: self.differences,
        }
    }
}
