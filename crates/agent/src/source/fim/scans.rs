//! `fim-scan` and `fim-scan-now`: looks at files without having been told to.
//!
//! The first makes the passes that may take their time, gently: a host's first, what changed while nobody watched, the metadata on
//! schedule and the bytes in rotation. The second looks at once where events were lost or something came with contents.
//!
//! What a scan finds goes to the judge's thread ([`super::held`]), which knows whether a collector tells it too; what no policy asks
//! for, and everything of the first scan of a host, goes to the baseline at once.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fim::change::ScanKind;
use fim::entry::Digest;
use fim::scan::{self, Handle, Pace, Rotation, Summary};
use fim::seen::Seen;
use fim::{Change, Entry};
use schema::Timestamp;
use tracing::warn;

use super::memory::Memory;
use super::shared::{Job, Jobs, Shared, lock};

/// A pass on schedule is looked for this often.
const LOOK: Duration = Duration::from_secs(1);

/// What scans tell the judge's thread.
pub(super) enum Found {
    /// A difference.
    Change(Box<Change>),
    /// A scan ended.
    Ended(Box<Ended>),
    /// A scan that somebody asked for ended, noted under this root.
    Asked(Box<Summary>, Digest),
    /// Somebody approved what was seen, at or below these; none: everything.
    Approved(Vec<PathBuf>),
    /// Whoever asks wants to know when everything told before is noted.
    Settle(SyncSender<()>),
}

/// A scan that ended.
pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) summary: Summary,
}

/// What a scan needs; each thread has its own.
#[derive(Clone)]
pub(super) struct Scans {
    pub(super) shared: Arc<Shared>,
    pub(super) memory: Memory,
    pub(super) tell: SyncSender<Found>,
}

/// When a pass was due last.
struct Schedule {
    every: Duration,
    next: Duration,
    meta: bool,
}

impl Scans {
    /// Passes that may take their time, until the source stops.
    pub(super) fn run(self) {
        let every = self.shared.config.scan.every.0;
        let mut schedule = Schedule { every, next: self.shared.clock.monotonic() + every, meta: true };
        let mut last = self.shared.now();
        while !self.shared.stop.is_set() {
            let job = self.shared.jobs.next(LOOK).or_else(|| self.due(&mut schedule, last));
            if let Some(job) = job {
                let began = self.shared.now();
                if job.kind != ScanKind::Rotating {
                    last = began;
                }
                self.scan(job, &self.pace(true));
            }
        }
    }

    /// What must not wait, until the source stops.
    pub(super) fn run_now(self) {
        while !self.shared.stop.is_set() {
            if let Some(job) = self.shared.urgent.next(LOOK) {
                self.scan(job, &self.pace(false));
            }
        }
    }

    /// The metadata, then a share of all bytes.
    fn due(&self, schedule: &mut Schedule, last: Timestamp) -> Option<Job> {
        if schedule.every.is_zero() || self.shared.clock.monotonic() < schedule.next {
            return None;
        }
        let rotates = !self.shared.config.scan.rehash_within.0.is_zero();
        let kind = if schedule.meta { ScanKind::Meta } else { ScanKind::Rotating };
        if schedule.meta && rotates {
            schedule.meta = false;
        } else {
            schedule.meta = true;
            schedule.next += schedule.every;
        }
        Some(Job { kind, roots: Vec::new(), why: "on schedule".to_owned(), since: last })
    }

    pub(super) fn pace(&self, gentle: bool) -> Pace {
        let scan = &self.shared.config.scan;
        let pressure = if gentle { scan.pause_on_io_pressure } else { 0 };
        Pace { rate: scan.rate.0, pressure, threads: scan.threads.max(1), gentle }
    }

    fn scan(&self, job: Job, pace: &Pace) {
        let summary = self.look(job.kind, &job.roots, None, Some(job.since), pace, &Arc::new(Handle::new()));
        if self.tell.send(Found::Ended(Box::new(Ended { job, summary }))).is_err() {
            warn!("nobody hears what the scan found");
        }
    }

    /// Scans here and now; differences go to the judge's thread.
    pub(super) fn look(
        &self,
        kind: ScanKind,
        within: &[PathBuf],
        policy: Option<&str>,
        since: Option<Timestamp>,
        pace: &Pace,
        handle: &Arc<Handle>,
    ) -> Summary {
        let policies = self.shared.policies();
        let now = self.shared.now();
        let generation = self.memory.lock().approved().map_or(0, |generation| generation.seal.generation);
        let scan = &self.shared.config.scan;
        let job = scan::Job {
            within,
            policy,
            window: since.map(|since| (since, now)),
            generation,
            pace: *pace,
            rotation: Rotation { within: scan.rehash_within.0, every: scan.every.0 },
            ..scan::Job::new(kind, &policies, now)
        };
        let held = Arc::new(Mutex::new(HashSet::new()));
        let mut seen = Behind { memory: self.memory.clone(), held: Arc::clone(&held) };
        let number = self.shared.running(Arc::clone(handle));
        let summary = scan::run(&job, &mut seen, handle, &mut |change| {
            lock(&held).insert(change.path.clone());
            // The judge's thread takes it until it has ended; then nobody is told any more.
            self.tell.send(Found::Change(Box::new(change))).ok();
        });
        self.shared.ended(number);
        summary
    }
}

/// What was last seen, as a scan works on it: what it tells is noted by the judge's thread when it is told on.
struct Behind {
    memory: Memory,
    /// Told and not noted.
    held: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Behind {
    fn is_told(&self, path: &Path) -> bool {
        lock(&self.held).remove(path)
    }
}

impl Seen for Behind {
    fn get(&self, path: &Path) -> Option<Entry> {
        self.memory.get(path)
    }

    fn set(&mut self, path: &Path, entry: Option<&Entry>) {
        if !self.is_told(path) {
            self.memory.set(path, entry);
        }
    }

    fn moved(&mut self, old: &Path, new: &Path) {
        self.memory.moved(old, new);
    }

    fn below(&self, path: &Path, each: &mut dyn FnMut(&Path, &Entry)) {
        self.memory.below(path, each);
    }

    fn names(&self, entry: &Entry, each: &mut dyn FnMut(&Path)) {
        self.memory.names(entry, each);
    }

    fn children(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Entry)) {
        self.memory.children(folder, each);
    }

    fn set_children<'a>(&mut self, folder: &Path, entries: &mut dyn Iterator<Item = (&'a OsStr, Option<&'a Entry>)>) {
        let all: Vec<_> = entries.filter(|(name, _)| !self.is_told(&folder.join(name))).collect();
        if !all.is_empty() {
            self.memory.set_children(folder, &mut all.into_iter());
        }
    }

    fn set_read(&mut self, folder: &Path, at: Timestamp) {
        self.memory.set_read(folder, at);
    }

    fn folders(&self, root: &Path, each: &mut dyn FnMut(&Path, Option<Timestamp>)) {
        self.memory.folders(root, each);
    }
}

/// Targeted scans go to the thread that makes them at once.
pub(super) fn queue_of<'a>(shared: &'a Shared, job: &Job) -> &'a Jobs {
    if job.kind == ScanKind::Targeted { &shared.urgent } else { &shared.jobs }
}
