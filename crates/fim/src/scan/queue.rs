//! Folders that wait to be scanned, shared by the threads of a scan.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// So many folders wait at most; of a folder with more folders in it the rest is listed again later.
pub const QUEUE: usize = 4096;
/// Folders deeper than this are left out, counted and named.
pub const DEPTH: u32 = 4096;

/// One folder to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Task {
    /// Which start it belongs to.
    pub(super) start: usize,
    pub(super) path: PathBuf,
    pub(super) depth: u32,
    /// Its device, where it is known.
    pub(super) dev: Option<u64>,
    /// Another file system begins here, as far as is known.
    pub(super) mounted: bool,
    /// A start, of which is not known yet what is there.
    pub(super) begin: bool,
    /// Go on to the folders in it.
    pub(super) deeper: bool,
    /// Not its entries again, only the folders in it that come behind this name.
    pub(super) behind: Option<OsString>,
}

#[derive(Debug, Default)]
struct Inner {
    stack: Vec<Task>,
    busy: usize,
    waiting: usize,
    over: bool,
}

/// The last that came is the next to go, so that the queue stays short.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    bell: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something to begin with, not bounded.
    pub(super) fn start(&self, task: Task) {
        self.lock().stack.push(task);
    }

    /// The next task; `None`: all is done. [`Queue::done`] follows each.
    pub(super) fn next(&self) -> Option<Task> {
        let mut inner = self.lock();
        loop {
            if inner.over {
                return None;
            }
            if let Some(task) = inner.stack.pop() {
                inner.busy += 1;
                return Some(task);
            }
            if inner.busy == 0 {
                return None;
            }
            inner.waiting += 1;
            inner = self.bell.wait(inner).unwrap_or_else(PoisonError::into_inner);
            inner.waiting -= 1;
        }
    }

    /// `task` is done, and has these folders in it, in order. What does not fit is left to a task that lists the folder again.
    pub(super) fn done(&self, task: &Task, folders: Vec<Task>) {
        let mut inner = self.lock();
        inner.busy -= 1;
        let room = QUEUE.saturating_sub(inner.stack.len()).max(1);
        if folders.len() > room {
            let behind = folders[room - 1].path.file_name().map(ToOwned::to_owned);
            inner.stack.push(Task { behind, ..task.clone() });
        }
        let first = folders.into_iter().take(room).collect::<Vec<_>>();
        inner.stack.extend(first.into_iter().rev());
        let waiting = inner.waiting > 0;
        drop(inner);
        if waiting {
            self.bell.notify_all();
        }
    }

    /// Nothing more is given out.
    pub(super) fn stop(&self) {
        self.lock().over = true;
        self.bell.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(path: PathBuf) -> Task {
        Task { start: 0, path, depth: 0, dev: None, mounted: false, begin: false, deeper: true, behind: None }
    }

    #[test]
    fn a_folder_with_more_folders_than_fit_is_listed_again() {
        let queue = Queue::default();
        queue.start(task("/".into()));
        let (mut got, mut longest) = (Vec::new(), 0);
        let all: Vec<String> = (0..3 * QUEUE + 5).map(|n| format!("{n:06}")).collect();
        while let Some(next) = queue.next() {
            let mut inside = Vec::new();
            if next.path == std::path::Path::new("/") {
                let behind = next.behind.clone().unwrap_or_default();
                inside = all
                    .iter()
                    .filter(|name| name.as_str() > behind.to_str().unwrap())
                    .map(|name| task(format!("/{name}").into()))
                    .collect();
            } else {
                got.push(next.path.file_name().unwrap().to_str().unwrap().to_owned());
            }
            queue.done(&next, inside);
            longest = longest.max(queue.lock().stack.len());
        }
        assert_eq!(got, all);
        assert!(longest <= QUEUE + 1, "{longest}");
    }
}
