//! Looking at this host's files.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;

use crate::entry::Entry;
use crate::look::beneath::{self, Anchor, Error};
use crate::look::eye::{Eye, Glanced};
use crate::look::{Look, Looked, Wanted, attributes};

/// Buffers kept for the next look; more threads than that at once make their own and drop them.
const KEPT: usize = 4;

/// Looks at this host's files, or at those of a container by `/proc/PID/root/...`. May be shared by threads.
#[derive(Debug)]
pub struct Live {
    root: Option<Anchor>,
    eyes: Mutex<Vec<Eye>>,
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Live {
    /// Holds the root of the file system.
    #[must_use]
    pub fn new() -> Self {
        Self { root: Anchor::open(Path::new("/")).ok(), eyes: Mutex::default() }
    }

    fn find(&self, eye: &mut Eye, path: &Path, wanted: &Wanted, last: Option<&Entry>) -> Result<Glanced, Error> {
        let fresh;
        let anchor = match &self.root {
            Some(root) if beneath::container_root(path).is_none() => root,
            _ => {
                fresh = Anchor::open(beneath::container_root(path).unwrap_or(Path::new("/")))?;
                &fresh
            }
        };
        let (folder, name) = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) if path != anchor.path() => (parent, attributes::name(name)?),
            _ if path == anchor.path() => (path, Default::default()),
            _ => return Err(Error::Absent),
        };
        let folder = anchor.folder(folder, OFlags::PATH)?;
        Ok(eye.look(folder.as_fd(), &name, wanted, last, &mut |_| true))
    }
}

impl Look for Live {
    fn look(&self, path: &Path, wanted: &Wanted, last: Option<&Entry>) -> Looked {
        let kept = self.eyes.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut eye = kept.unwrap_or_default();
        let looked = match self.find(&mut eye, path, wanted, last) {
            Ok(Glanced::Entry(glance)) => Looked::Entry(glance.entry),
            Ok(Glanced::Absent) | Err(Error::Absent) => Looked::Absent,
            Ok(Glanced::Failed(reason)) => Looked::Failed(reason),
            Ok(Glanced::Stopped) => Looked::Failed(rustix::io::Errno::INTR.into()),
            Err(Error::Failed(errno)) => Looked::Failed(errno.into()),
        };
        let mut eyes = self.eyes.lock().unwrap_or_else(PoisonError::into_inner);
        if eyes.len() < KEPT {
            eyes.push(eye);
        }
        looked
    }
}

#[cfg(test)]
mod tests;
