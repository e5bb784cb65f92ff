//! What policies need to know of the host they are made for: asked when they are loaded and when something is replaced, never
//! while somebody waits.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::entry::{Digest, FileId};

/// A host, or the root of a container.
pub trait Ground {
    /// The path without symbolic links; `None`: nothing is there, or it cannot be told.
    fn resolve(&self, path: &Path) -> Option<PathBuf>;

    /// What this path leads to, links followed.
    fn identify(&self, path: &Path) -> Option<FileId>;

    /// SHA-256 of a file's content.
    fn sha256(&self, path: &Path) -> Option<Digest>;

    /// A user's number.
    fn uid(&self, name: &str) -> Option<u32>;

    /// Mount points and the types of their file systems; of several at one place the last.
    fn mounts(&self) -> Vec<(PathBuf, Box<str>)>;

    /// The clock on the wall.
    fn zone(&self) -> TimeZone;
}

/// Knows nothing: paths are what they say, no application has an identity, and the wall's clock is UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Ground for Nowhere {
    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        Some(path.to_owned())
    }

    fn identify(&self, _: &Path) -> Option<FileId> {
        None
    }

    fn sha256(&self, _: &Path) -> Option<Digest> {
        None
    }

    fn uid(&self, _: &str) -> Option<u32> {
        None
    }

    fn mounts(&self) -> Vec<(PathBuf, Box<str>)> {
        Vec::new()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}
