//! Watched files with several names: what is written under a name outside of the policies' roots is told under the watched one.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::entry::FileId;

/// Inodes at most; further ones are not told of under outside names until a scan finds them.
pub(crate) const MOST: usize = 65_536;
/// Names of one inode at most.
const NAMES: usize = 16;

/// Inode -> watched names.
#[derive(Debug, Default)]
pub(crate) struct Known {
    names: HashMap<FileId, Vec<PathBuf>>,
    inodes: HashSet<u64>,
}

impl Known {
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether any file system has a known inode of this number: a cheap first question.
    pub(crate) fn has_inode(&self, inode: u64) -> bool {
        self.inodes.contains(&inode)
    }

    /// This watched path is one of several names of the inode. False: too many.
    pub(crate) fn add(&mut self, id: FileId, path: &Path) -> bool {
        if self.names.len() >= MOST && !self.names.contains_key(&id) {
            return false;
        }
        let names = self.names.entry(id).or_default();
        if !names.iter().any(|name| name == path) && names.len() < NAMES {
            names.push(path.to_owned());
        }
        self.inodes.insert(id.inode);
        true
    }

    /// The watched names.
    pub(crate) fn of(&self, id: FileId) -> &[PathBuf] {
        self.names.get(&id).map_or(&[], Vec::as_slice)
    }
}
