//! The walk: where it starts, which folders it enters, and the threads that do it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use rustix::fs::OFlags;

use crate::change::{Change, ScanKind};
use crate::look::{Anchor, BeneathError, Eye};
use crate::policy::Interest;
use crate::scan::compare::Shared;
use crate::scan::filesystem::{Nature, nature};
use crate::scan::list::List;
use crate::scan::pace::{self, Throttle};
use crate::scan::queue::{DEPTH, Queue, Task};
use crate::scan::rotate;
use crate::scan::{Handle, Job, Summary};
use crate::seen::Seen;

/// Where a scan begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Start {
    pub(super) path: PathBuf,
    /// With all below, or only itself and what lies directly in it.
    pub(super) deeper: bool,
}

/// What the threads of a scan share.
pub(super) struct Walk<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) handle: &'a Handle,
    pub(super) throttle: Throttle<'a>,
    starts: Vec<Start>,
    anchors: Vec<OnceLock<Anchor>>,
    queue: Queue,
    shared: Mutex<Shared<'a>>,
}

pub(super) fn run<'a>(
    job: &'a Job<'a>,
    seen: &'a mut (dyn Seen + Send),
    handle: &'a Handle,
    tell: &'a mut (dyn FnMut(Change) + Send),
) -> Summary {
    let began = Instant::now();
    let starts = starts(job);
    let queue = Queue::default();
    if job.kind == ScanKind::Rotating {
        rotate::choose(job, &starts, seen).into_iter().for_each(|task| queue.start(task));
    } else {
        for (start, Start { path, deeper }) in starts.iter().enumerate().rev() {
            let task = Task { begin: true, ..Task::of(start, path.clone(), *deeper) };
            queue.start(task);
        }
    }
    let roots = starts.iter().map(|start| start.path.clone()).collect();
    let summary = Summary::new(job.kind, job.generation, job.now, roots);
    let walk = Walk {
        job,
        handle,
        throttle: Throttle::new(job.pace, handle),
        anchors: starts.iter().map(|_| OnceLock::new()).collect(),
        starts,
        queue,
        shared: Mutex::new(Shared { job, began, seen, tell, summary }),
    };
    std::thread::scope(|scope| {
        for _ in 0..job.pace.threads.max(1) {
            scope.spawn(|| Worker::new(&walk).work());
        }
    });
    let paused = walk.throttle.paused();
    let mut summary = walk.shared.into_inner().unwrap_or_else(PoisonError::into_inner).summary;
    summary.duration = began.elapsed();
    summary.paused = paused;
    summary.hashed_bytes = handle.bytes();
    summary.stopped = handle.stopped();
    summary
}

/// The roots of the policies as far as they are wanted, in order, none below another.
pub(super) fn starts(job: &Job<'_>) -> Vec<Start> {
    let roots = match job.policy {
        Some(id) => job.policies.roots_where(|policy| &*policy.id == id),
        None => job.policies.roots().to_vec(),
    };
    let all = roots.iter().map(|root| Start { path: root.path.clone(), deeper: root.recursive });
    let mut found: Vec<Start> = if job.within.is_empty() {
        all.collect()
    } else {
        all.flat_map(|root| job.within.iter().filter_map(move |path| part(&root, path))).collect()
    };
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found.dedup_by(|next, before| {
        let covered = next.path == before.path || before.deeper && next.path.starts_with(&before.path);
        before.deeper |= covered && next.path == before.path && next.deeper;
        covered
    });
    found
}

/// What of a root lies at or below a path.
fn part(root: &Start, path: &Path) -> Option<Start> {
    if root.path.starts_with(path) {
        return Some(root.clone());
    }
    let below = path.starts_with(&root.path) && (root.deeper || path.parent() == Some(&root.path));
    below.then(|| Start { path: path.to_owned(), deeper: root.deeper })
}

impl Task {
    pub(super) fn of(start: usize, path: PathBuf, deeper: bool) -> Self {
        Self { start, path, depth: 0, dev: None, mounted: true, begin: false, deeper, behind: None }
    }
}

impl<'a> Walk<'a> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Shared<'a>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn anchor(&self, start: usize) -> Result<&Anchor, BeneathError> {
        if let Some(anchor) = self.anchors[start].get() {
            return Ok(anchor);
        }
        let anchor = Anchor::open(&self.starts[start].path)?;
        Ok(self.anchors[start].get_or_init(|| anchor))
    }
}

/// One thread, with its buffers.
pub(super) struct Worker<'w, 'a> {
    pub(super) walk: &'w Walk<'a>,
    pub(super) eye: Eye,
    pub(super) list: List,
}

impl<'w, 'a> Worker<'w, 'a> {
    fn new(walk: &'w Walk<'a>) -> Self {
        Self { walk, eye: Eye::default(), list: List::default() }
    }

    fn work(mut self) {
        if self.walk.job.pace.gentle {
            pace::gentle();
        }
        while let Some(task) = self.walk.queue.next() {
            let folders = if task.begin { self.begin(&task) } else { self.folder(&task) };
            self.walk.queue.done(&task, folders);
            if self.walk.handle.stopped() {
                self.walk.queue.stop();
            }
        }
    }

    /// Looks at a start itself, and goes into it where it is a folder.
    fn begin(&mut self, task: &Task) -> Vec<Task> {
        let goes_in = self.start(&task.path);
        let wanted = self.walk.job.policies.interest(&task.path) == Interest::Some;
        if goes_in && wanted { vec![Task { begin: false, ..task.clone() }] } else { Vec::new() }
    }

    fn folder(&mut self, task: &Task) -> Vec<Task> {
        let open = self.walk.anchor(task.start).and_then(|anchor| anchor.folder(&task.path, OFlags::RDONLY));
        let folder = match open {
            Ok(folder) => folder,
            Err(BeneathError::Absent) => {
                self.walk.lock().summary.skip("vanished", 1);
                return Vec::new();
            }
            Err(BeneathError::Failed(errno)) => {
                self.walk.lock().summary.unreadable(task.path.clone(), errno.into());
                return Vec::new();
            }
        };
        if task.mounted && !self.enters(task, &folder) {
            return Vec::new();
        }
        if let Err(errno) = self.list.read(&folder) {
            self.walk.lock().summary.unreadable(task.path.clone(), errno.into());
            return Vec::new();
        }
        if let Some(behind) = &task.behind {
            return self.rest(task, behind, folder);
        }
        let folders = self.compare(task, folder.as_fd());
        self.deeper(task, folders)
    }

    /// Whether we go into what is mounted here.
    fn enters(&self, task: &Task, folder: &OwnedFd) -> bool {
        let kind = match rustix::fs::fstatfs(folder) {
            Ok(stat) => nature(stat.f_type as u64),
            Err(errno) => {
                self.walk.lock().summary.unreadable(task.path.clone(), errno.into());
                return false;
            }
        };
        match kind {
            Nature::Local => true,
            Nature::Remote(kind) => {
                self.walk.lock().summary.scan_only(task.path.clone(), kind);
                true
            }
            Nature::Pseudo(kind) => {
                self.walk.lock().summary.skip(kind, 1);
                false
            }
        }
    }

    /// The folders that did not fit into the queue when their folder was compared.
    fn rest(&mut self, task: &Task, behind: &std::ffi::OsStr, folder: OwnedFd) -> Vec<Task> {
        let mut found = Vec::new();
        for at in 0..self.list.len() {
            if self.list.name(at) > behind && self.list.is_folder(at) {
                let stat = crate::look::stat(folder.as_fd(), self.list.c_name(at));
                let path = task.path.join(self.list.name(at));
                if let (Ok(stat), Interest::Some) = (stat, self.walk.job.policies.interest(&path)) {
                    found.push(Inner::of(path, &stat));
                }
            }
        }
        self.deeper(task, found)
    }

    fn deeper(&self, task: &Task, folders: Vec<Inner>) -> Vec<Task> {
        if !task.deeper {
            return Vec::new();
        }
        if task.depth >= DEPTH {
            self.walk.lock().summary.skip("too-deep", folders.len() as u64);
            return Vec::new();
        }
        let automounts = folders.iter().filter(|inner| inner.automount).count();
        self.walk.lock().summary.skip("automount", automounts as u64);
        let enterable = folders.into_iter().filter(|inner| !inner.automount);
        let tasks = enterable.map(|inner| Task {
            start: task.start,
            mounted: inner.mounted || task.dev.is_some_and(|dev| dev != inner.dev),
            path: inner.path,
            depth: task.depth + 1,
            dev: Some(inner.dev),
            begin: false,
            deeper: true,
            behind: None,
        });
        tasks.collect()
    }

    /// Bytes were read: counts and waits. False: stop.
    pub(super) fn counted(&self, entries: u64) {
        self.walk.handle.entries.fetch_add(entries, Relaxed);
    }
}

/// A folder in a folder.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) path: PathBuf,
    dev: u64,
    mounted: bool,
    automount: bool,
}

impl Inner {
    pub(super) fn of(path: PathBuf, stat: &rustix::fs::Statx) -> Self {
        Self {
            path,
            dev: crate::look::id(stat).dev,
            mounted: crate::look::mounted_on(stat),
            automount: stat.stx_attributes.contains(rustix::fs::StatxAttributes::AUTOMOUNT),
        }
    }
}
