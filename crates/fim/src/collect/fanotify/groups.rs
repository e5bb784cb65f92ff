//! The notification groups: one for all file systems, as the kernel's queue has no bound; where it has one, a group for each file
//! system, so that a queue that ran over says which one has to be scanned.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::collect::sys;

/// Groups of their own, at most (`fs.fanotify.max_user_groups` is 128); further file systems share the first one.
const MOST: usize = 32;

/// A group, and the file system that it is for.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) fd: Arc<OwnedFd>,
    /// `None`: for any.
    pub(crate) fsid: Option<u64>,
}

/// All groups.
#[derive(Debug)]
pub(crate) struct Groups {
    capped: bool,
    list: Mutex<Vec<Group>>,
    /// Readable when the list has grown.
    pub(super) grown: OwnedFd,
}

impl Groups {
    /// Opens the first one.
    pub(crate) fn open(capped: bool) -> io::Result<Self> {
        let first = Group { fd: Arc::new(open(capped)?), fsid: None };
        Ok(Self { capped, list: Mutex::new(vec![first]), grown: sys::flag()? })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Group>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group for a file system.
    pub(crate) fn of(&self, fsid: u64) -> io::Result<Arc<OwnedFd>> {
        let mut list = self.lock();
        if let Some(known) = list.iter().find(|group| group.fsid == Some(fsid)) {
            return Ok(Arc::clone(&known.fd));
        }
        if self.capped
            && list.len() < MOST
            && let Ok(new) = open(true)
        {
            let fd = Arc::new(new);
            list.push(Group { fd: Arc::clone(&fd), fsid: Some(fsid) });
            sys::raise(&self.grown);
            return Ok(fd);
        }
        list.first().map(|first| Arc::clone(&first.fd)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The one for any file system.
    pub(crate) fn first(&self) -> io::Result<Arc<OwnedFd>> {
        self.lock().first().map(|first| Arc::clone(&first.fd)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// All of them now.
    pub(super) fn all(&self) -> Vec<Group> {
        sys::lower(&self.grown);
        self.lock().clone()
    }
}

/// `FAN_REPORT_DFID_NAME_TARGET` with pidfds where the kernel gives them (5.15, privileged).
fn open(capped: bool) -> io::Result<OwnedFd> {
    let queue = if capped { 0 } else { libc::FAN_UNLIMITED_QUEUE };
    let flags = libc::FAN_CLASS_NOTIF | libc::FAN_REPORT_DFID_NAME_TARGET | queue;
    sys::init(flags | libc::FAN_REPORT_PIDFD | libc::FAN_UNLIMITED_MARKS)
        .or_else(|_| sys::init(flags | libc::FAN_UNLIMITED_MARKS))
}
