//! `fim-scan`: looks at files without having been told to, at the lowest priority.
//!
//! What it finds goes to the judge's thread, which knows whether a collector tells it too; what no policy asks for and everything
//! of the first scan of a host goes to the baseline at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use fim::change::{Action, Cause, ScanKind};
use fim::entry::Kind;
use fim::evidence::Collector;
use fim::look::{Live, Look as _, Looked, Wanted};
use fim::policy::{Interest, Policies};
use fim::seen::Seen as _;
use fim::who::Reason;
use fim::{Change, Who};
use schema::Timestamp;
use tracing::warn;

use super::memory::Memory;
use super::shared::{Job, Shared};

/// A pass on schedule is looked for this often.
const LOOK: Duration = Duration::from_secs(1);

/// What this thread tells the judge's.
pub(super) enum Found {
    /// A difference.
    Change(Box<Change>),
    /// A scan ended.
    Ended(Box<Ended>),
}

/// A scan that ended.
pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) scan: fim::baseline::Scan,
    pub(super) whole: bool,
}

pub(super) struct Scans {
    pub(super) shared: Arc<Shared>,
    pub(super) memory: Memory,
    pub(super) tell: SyncSender<Found>,
}

impl Scans {
    /// Until the source stops.
    pub(super) fn run(self) {
        // Of this thread alone.
        rustix::process::setpriority_process(None, 19).ok();
        let every = i64::try_from(self.shared.config.scan.every.0.as_millis()).unwrap_or(i64::MAX);
        let mut next_meta = self.shared.clock.monotonic() + self.shared.config.scan.every.0;
        while !self.shared.stop.is_set() {
            let job = self.shared.jobs.next(LOOK);
            let job = job.or_else(|| {
                (self.shared.clock.monotonic() >= next_meta && every > 0).then(|| Job {
                    kind: ScanKind::Meta,
                    roots: Vec::new(),
                    why: "on schedule".to_owned(),
                    since: Timestamp::from_millis(self.shared.now().millis() - every),
                })
            });
            if let Some(job) = job {
                if job.roots.is_empty() {
                    next_meta = self.shared.clock.monotonic() + self.shared.config.scan.every.0;
                }
                self.scan(job);
            }
        }
    }

    fn scan(&self, job: Job) {
        let policies = self.shared.policies();
        let start = self.shared.now();
        let mut walk = Walk {
            scans: self,
            policies: &policies,
            job: &job,
            window: (job.since, start),
            look: Live::new(),
            scan: fim::baseline::Scan::default(),
        };
        let roots: Vec<PathBuf> = match job.roots.is_empty() {
            true => policies.roots().iter().map(|root| root.path.clone()).collect(),
            false => job.roots.clone(),
        };
        for root in &roots {
            walk.object(root);
            walk.folder(root);
        }
        let scan = fim::baseline::Scan {
            kind: job.kind.name().to_owned(),
            cause: job.why.clone(),
            start_ms: start.millis(),
            end_ms: self.shared.now().millis(),
            roots: roots.iter().map(|root| fim::name::text(root.as_os_str().as_encoded_bytes())).collect(),
            skipped: BTreeMap::new(),
            ..walk.scan
        };
        let whole = !self.shared.stop.is_set();
        if self.tell.send(Found::Ended(Box::new(Ended { job, scan, whole }))).is_err() {
            warn!("nobody hears what the scan found");
        }
    }
}

struct Walk<'a> {
    scans: &'a Scans,
    policies: &'a Policies,
    job: &'a Job,
    window: (Timestamp, Timestamp),
    look: Live,
    scan: fim::baseline::Scan,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) {
        if self.scans.shared.stop.is_set() || self.policies.interest(folder) == Interest::Nothing {
            return;
        }
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        let mut names: Vec<_> = entries
            .flatten()
            .map(|entry| (entry.file_name(), entry.file_type().is_ok_and(|kind| kind.is_dir())))
            .collect();
        names.sort();
        let mut known = Vec::new();
        self.scans.memory.children(folder, &mut |name, _| known.push(name.to_owned()));
        for (name, is_folder) in &names {
            let path = folder.join(name);
            self.object(&path);
            if *is_folder {
                self.folder(&path);
            }
        }
        for name in known.iter().filter(|name| names.binary_search_by(|(have, _)| have.cmp(name)).is_err()) {
            self.object(&folder.join(name));
        }
    }

    fn object(&mut self, path: &Path) {
        let policies = self.policies.of(path);
        if policies.is_empty() {
            return;
        }
        self.scan.entries += 1;
        let before = self.scans.memory.get(path);
        let last = before.as_ref().filter(|_| !matches!(self.job.kind, ScanKind::Full | ScanKind::Rotating));
        let after = match self.look.look(path, &Wanted::of(&policies), last) {
            Looked::Absent => None,
            Looked::Entry(entry) => Some(entry),
            Looked::Failed(_) => {
                self.scan.unreadable += 1;
                return;
            }
        };
        if before == after {
            return;
        }
        if self.job.kind == ScanKind::Baseline {
            self.scans.memory.clone().set(path, after.as_ref());
            return;
        }
        let action = match (&before, &after) {
            (None, _) => Action::Created,
            (_, None) => Action::Deleted,
            (Some(before), Some(after)) if before.id != after.id => Action::Replaced,
            (Some(before), Some(after))
                if before.size != after.size || before.hashes != after.hashes || before.target != after.target =>
            {
                Action::Updated
            }
            (Some(_), Some(_)) => Action::AttributesModified,
        };
        let folder_only = matches!((&before, &after), (Some(before), Some(after)) if before.kind == Kind::Directory && before.id == after.id && before.mode == after.mode && before.uid == after.uid && before.gid == after.gid && before.xattrs == after.xattrs);
        if folder_only {
            self.scans.memory.clone().set(path, after.as_ref());
            return;
        }
        self.scan.differences += 1;
        let change = Change {
            before,
            after,
            collector: Collector::Scan,
            cause: Cause::Scan(self.job.kind),
            window: Some(self.window),
            who: Who::unknown(Reason::FoundByScan),
            policies,
            ..Change::new(self.scans.shared.now(), action, path.to_owned())
        };
        self.scans.tell.send(Found::Change(Box::new(change))).ok();
    }
}
