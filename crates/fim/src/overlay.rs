//! Overlay file systems: which container sees a file of an upper directory, and under which path.
//!
//! A mark on the backing file system sees what containers write as paths in upper directories; the table made from mount tables
//! maps them to the merged tree and to the container. Pure: mount tables are handed in.

use std::path::{Path, PathBuf};

use crate::change::Inside;

/// A host path as the merged tree and the container have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// Path in the merged tree as this host sees it; `None` where the merged tree is mounted in other namespaces alone.
    pub host: Option<PathBuf>,
    /// The container and its path, where a container is known.
    pub inside: Option<Inside>,
}

/// Host path <-> container and path inside.
#[derive(Clone, Debug, Default)]
pub struct Table {}

impl Table {
    /// Where this host path of a backing file system lies in a merged tree; `None`: in none.
    #[must_use]
    pub fn merged(&self, _path: &Path) -> Option<Merged> {
        None
    }

    /// The container and its path of a path in a merged tree or a container's root folder, as this host sees it.
    #[must_use]
    pub fn inside(&self, _path: &Path) -> Option<Inside> {
        None
    }

    /// The path on this host of a path in the container of this process.
    #[must_use]
    pub fn host(&self, _pid: u32, _inside: &Path) -> Option<PathBuf> {
        None
    }
}
