//! What was told a moment ago: a second collector's evidence of it makes no second event.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use schema::Timestamp;

use super::Limits;
use super::pending::plus;

/// Names remembered at most; the oldest go first.
const NAMES: usize = 16_384;

/// What was told of names within [`Limits::join_ms`].
#[derive(Debug, Default)]
pub(super) struct Recent {
    told: HashMap<PathBuf, (Timestamp, u32)>,
    order: VecDeque<(Timestamp, PathBuf)>,
}

impl Recent {
    /// Notes that something was told of this name, done by this process.
    pub(super) fn note(&mut self, path: &Path, pid: u32, now: Timestamp) {
        if self.order.len() >= NAMES
            && let Some((at, oldest)) = self.order.pop_front()
        {
            self.drop_if(&oldest, at);
        }
        self.told.insert(path.to_owned(), (now, pid));
        self.order.push_back((now, path.to_owned()));
    }

    /// Whether something was told of this name a moment ago.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.told.contains_key(path)
    }

    /// Whether it was this process.
    pub(super) fn has_part(&self, path: &Path, pid: u32) -> bool {
        self.told.get(path).is_some_and(|(_, by)| *by == pid)
    }

    /// Whether this process did something in the folder a moment ago.
    pub(super) fn has_part_in(&self, folder: &Path, pid: u32) -> bool {
        self.told.iter().any(|(path, (_, by))| *by == pid && path.parent() == Some(folder))
    }

    /// Forgets what is too old to join.
    pub(super) fn expire(&mut self, now: Timestamp, limits: &Limits) {
        while let Some((at, _)) = self.order.front()
            && plus(*at, limits.join_ms) < now
        {
            if let Some((at, path)) = self.order.pop_front() {
                self.drop_if(&path, at);
            }
        }
    }

    fn drop_if(&mut self, path: &Path, at: Timestamp) {
        if self.told.get(path).is_some_and(|(told, _)| *told == at) {
            self.told.remove(path);
        }
    }
}
