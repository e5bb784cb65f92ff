//! Where things are: file systems with a mark, and the way from a folder's handle to its path on this host and what that is to us.
//!
//! A handle is opened once and its folder remembered, up to [`FOLDERS`]; a renamed folder renames what is remembered below it.
//! Nothing is held open between two calls of [`Places::rest`], so that no unmount is refused because of us.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};

use super::fanotify::parse::Handle;
use super::recent::Recent;
use super::sys;
use crate::change::Inside;
use crate::mountinfo::{Mount, Mounts};
use crate::overlay::Table;
use crate::policy::{ContainerFacts, Interest, Policies};

/// Folders remembered, at most; some 8 MiB.
pub(crate) const FOLDERS: usize = 65_536;

/// A file system with a mark.
#[derive(Debug)]
pub(crate) struct Super {
    /// Device as the mount table has it.
    pub(crate) dev: u64,
    /// How it is reached.
    pub(crate) reach: Reach,
    /// Open while a batch is looked at, with the mount's root and point.
    anchor: Option<(OwnedFd, PathBuf, PathBuf)>,
}

/// How a file system is reached.
#[derive(Debug)]
pub(crate) enum Reach {
    /// By one of this host's mounts.
    Host,
    /// In a container: a process there, and where it is mounted there.
    Container { pid: u32, id: Box<str>, point: PathBuf },
    /// By a mount of its top that is mounted nowhere (btrfs).
    Detached(OwnedFd),
}

/// A folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Folder {
    /// Its file system.
    pub(crate) fsid: u64,
    /// Path within it.
    pub(crate) within: PathBuf,
    /// Path that evidence carries.
    pub(crate) path: PathBuf,
    /// Somebody may want something in it.
    pub(crate) wanted: bool,
    /// It lies above what is wanted: of its entries the ones that lead there matter alone.
    pub(crate) above: bool,
    /// The container that has it, and where.
    pub(crate) inside: Option<Inside>,
    /// Of an upper directory: its path on this host, and the same folder in the lower directories.
    pub(crate) upper: Option<(PathBuf, Vec<PathBuf>)>,
    /// In a work directory of an overlay.
    pub(crate) work: bool,
}

impl Folder {
    /// The same of an entry in it; `.` is the folder itself.
    pub(crate) fn entry(&self, name: &[u8]) -> PathBuf {
        join(&self.path, name)
    }
}

/// `folder/name`, or the folder for `.`.
pub(crate) fn join(folder: &Path, name: &[u8]) -> PathBuf {
    if name == b"." { folder.to_owned() } else { folder.join(OsStr::from_bytes(name)) }
}

/// All places.
pub(crate) struct Places {
    pub(crate) policies: Arc<Policies>,
    pub(crate) mounts: Mounts,
    pub(crate) overlays: Table,
    pub(crate) supers: HashMap<u64, Super>,
    folders: Recent<Box<[u8]>, Arc<Folder>>,
    /// Containers that policies may be about, by a process in them.
    boxes: HashMap<u32, ContainerFacts>,
}

impl Places {
    pub(crate) fn new(policies: Arc<Policies>, mounts: Mounts) -> Self {
        let overlays = Table::new(&mounts);
        let (supers, boxes) = (HashMap::new(), HashMap::new());
        Self { policies, mounts, overlays, supers, folders: Recent::new(FOLDERS), boxes }
    }

    pub(crate) fn set_policies(&mut self, policies: Arc<Policies>) {
        self.policies = policies;
        self.folders.clear();
    }

    /// Forgets all folders: mounts have changed.
    pub(crate) fn forget(&mut self) {
        self.folders.clear();
    }

    /// Closes what was opened on file systems.
    pub(crate) fn rest(&mut self) {
        self.supers.values_mut().for_each(|one| one.anchor = None);
    }

    pub(crate) fn add(&mut self, fsid: u64, dev: u64, reach: Reach) {
        self.supers.insert(fsid, Super { dev, reach, anchor: None });
    }

    /// The folder of a handle. `None`: it is gone, and nobody has told us of it.
    pub(crate) fn folder(&mut self, handle: &Handle<'_>) -> Option<Arc<Folder>> {
        if let Some(known) = self.folders.get(handle.key) {
            return Some(known);
        }
        let within = self.within(handle)?;
        Some(self.learn(handle.key, handle.fsid, within))
    }

    /// Whether the path of this folder is known.
    pub(crate) fn knows(&self, key: &[u8]) -> bool {
        self.folders.has(key)
    }

    /// A folder by what an event about itself says: no look at the disk.
    pub(crate) fn learn(&mut self, key: &[u8], fsid: u64, within: PathBuf) -> Arc<Folder> {
        let folder = Arc::new(self.decide(fsid, within));
        self.folders.put(key.into(), Arc::clone(&folder));
        folder
    }

    /// Path of an object within its file system, by its handle.
    pub(crate) fn within(&mut self, handle: &Handle<'_>) -> Option<PathBuf> {
        let mounts = &self.mounts;
        let known = self.supers.get_mut(&handle.fsid)?;
        if let Reach::Detached(mount) = &known.reach {
            return opened(mount.as_fd(), handle).map(|(_, path)| path);
        }
        if known.anchor.is_none() {
            known.anchor = anchor(known, mounts);
        }
        let (mount, root, point) = known.anchor.as_ref()?;
        let (object, path) = opened(mount.as_fd(), handle)?;
        let Ok(rest) = path.strip_prefix(point) else { return Some(path) };
        // Of a bind mount, a path from outside of it may look like one from inside.
        if root != Path::new("/") && !is(&object, &path) {
            return Some(path);
        }
        Some(if rest.as_os_str().is_empty() { root.clone() } else { root.join(rest) })
    }

    /// What a folder is to us. Of several mounts the first one that a policy asks for names it.
    pub(crate) fn decide(&self, fsid: u64, within: PathBuf) -> Folder {
        let plain = |path: PathBuf, within: PathBuf, wanted| Folder {
            fsid,
            within,
            path,
            wanted,
            above: false,
            inside: None,
            upper: None,
            work: false,
        };
        let Some(known) = self.supers.get(&fsid) else { return plain(within.clone(), within, false) };
        if let Reach::Container { pid, id, point } = &known.reach {
            let path = point.join(within.strip_prefix("/").unwrap_or(&within));
            let host = under(Path::new(&format!("/proc/{pid}/root")), &path);
            let inside = Some(Inside { container: id.clone(), pid: *pid, path });
            let wanted = self.asked(&host) || self.asked_inside(inside.as_ref());
            return Folder { inside, ..plain(host, within, wanted) };
        }
        let mut first = None;
        for path in self.mounts.outside(known.dev, &within) {
            let folder = self.host_folder(path, plain(PathBuf::new(), within.clone(), false));
            if folder.wanted || folder.work {
                return folder;
            }
            first.get_or_insert(folder);
        }
        first.unwrap_or_else(|| plain(within.clone(), within, false))
    }

    fn host_folder(&self, path: PathBuf, folder: Folder) -> Folder {
        if self.overlays.is_work(&path) {
            return Folder { path, work: true, ..folder };
        }
        if let Some(merged) = self.overlays.merged(&path) {
            let inside = merged.inside;
            let asked = merged.host.as_ref().is_some_and(|host| self.asked(host)) || self.asked_inside(inside.as_ref());
            if asked {
                let there = |inside: &Inside| under(Path::new(&format!("/proc/{}/root", inside.pid)), &inside.path);
                let told = merged.host.or_else(|| inside.as_ref().map(there)).unwrap_or_else(|| path.clone());
                return Folder { path: told, wanted: true, inside, upper: Some((path, merged.lowers)), ..folder };
            }
        }
        let inside = self.overlays.inside(&path);
        let (asked, asked_inside) = (self.asked(&path), self.asked_inside(inside.as_ref()));
        let wanted = asked || asked_inside;
        // Who binds a folder of this host into a container does not make it the container's: a policy of the host asks for it by
        // its own name.
        let inside = inside.filter(|_| asked_inside || !asked || self.overlays.in_own_root(&path));
        let above =
            wanted && inside.is_none() && !self.policies.roots().iter().any(|root| path.starts_with(&root.path));
        Folder { path, wanted, above, inside, ..folder }
    }

    /// Whether somebody may want this entry of a folder.
    pub(crate) fn wants(&self, folder: &Folder, name: &[u8]) -> bool {
        let leads = || {
            let path = folder.entry(name);
            self.policies.roots().iter().any(|root| root.path.starts_with(&path) || path.starts_with(&root.path))
        };
        folder.wanted && (!folder.above || leads())
    }

    fn asked(&self, folder: &Path) -> bool {
        self.policies.interest(folder) == Interest::Some
    }

    fn asked_inside(&self, inside: Option<&Inside>) -> bool {
        let Some(inside) = inside else { return false };
        let facts = self.boxes.get(&inside.pid);
        facts.is_some_and(|facts| self.policies.interest_inside(&inside.path, facts) == Interest::Some)
    }

    /// This process is in a container that policies may be about.
    pub(crate) fn add_container(&mut self, pid: u32, facts: ContainerFacts) {
        self.boxes.insert(pid, facts);
    }

    /// A folder has another name: what is remembered below it follows.
    pub(crate) fn renamed(&mut self, fsid: u64, old: &Path, new: &Path) {
        // Each is decided anew: another name may be another policy. `decide` needs the rest of `self`.
        let mut folders = std::mem::replace(&mut self.folders, Recent::new(0));
        folders.change(|folder| {
            let rest = folder.within.strip_prefix(old).ok().filter(|_| folder.fsid == fsid)?;
            let within = if rest.as_os_str().is_empty() { new.to_owned() } else { new.join(rest) };
            Some(Arc::new(self.decide(fsid, within)))
        });
        self.folders = folders;
    }

    /// Drops the file systems that are reached through this process.
    pub(crate) fn drop_container(&mut self, gone: u32) {
        self.boxes.remove(&gone);
        self.supers.retain(|_, one| !matches!(one.reach, Reach::Container { pid, .. } if pid == gone));
    }

    /// Drops file systems that are mounted nowhere any more; their roots' paths are the caller's business.
    pub(crate) fn drop_unmounted(&mut self) {
        let mounts = &self.mounts;
        let mounted = |one: &Super| mounts.of_dev(one.dev).next().is_some();
        self.supers.retain(|_, one| matches!(one.reach, Reach::Container { .. }) || mounted(one));
    }
}

/// `root` + an absolute path.
pub(crate) fn under(root: &Path, path: &Path) -> PathBuf {
    match path.strip_prefix("/") {
        Ok(rest) if rest.as_os_str().is_empty() => root.to_owned(),
        Ok(rest) => root.join(rest),
        Err(_) => root.join(path),
    }
}

/// An open folder on the file system, with the root and the point of the mount that it was opened by.
fn anchor(known: &Super, mounts: &Mounts) -> Option<(OwnedFd, PathBuf, PathBuf)> {
    match &known.reach {
        Reach::Host => {
            let mut all: Vec<&Mount> = mounts.of_dev(known.dev).collect();
            all.sort_by_key(|mount| mount.root.components().count());
            all.iter().find_map(|mount| Some((open_mount(mount)?, mount.root.clone(), mount.point.clone())))
        }
        Reach::Container { pid, point, .. } => {
            let path = under(Path::new(&format!("/proc/{pid}/root")), point);
            Some((open_folder(&path)?, PathBuf::from("/"), point.clone()))
        }
        Reach::Detached(_) => None,
    }
}

/// Opens a mount's point, if it is not hidden by another mount.
pub(crate) fn open_mount(mount: &Mount) -> Option<OwnedFd> {
    let folder = open_folder(&mount.point)?;
    let seen = rustix::fs::statx(&folder, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    (seen.stx_mnt_id == mount.id).then_some(folder)
}

fn open_folder(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::open(path, flags | OFlags::DIRECTORY, Mode::empty()).ok()
}

/// What a handle names, and the path that the kernel has for it. `None`: it is gone.
fn opened(mount: BorrowedFd<'_>, handle: &Handle<'_>) -> Option<(OwnedFd, PathBuf)> {
    use std::os::fd::AsRawFd;
    let object = sys::open_handle(mount, handle.kind, handle.bytes).ok()?;
    let link = format!("/proc/self/fd/{}", object.as_raw_fd());
    let mut path = rustix::fs::readlink(link, Vec::new()).ok()?.into_bytes();
    // Deleted while somebody has it open: the kernel adds a word to the path that it had.
    if path.ends_with(b" (deleted)") && rustix::fs::fstat(&object).is_ok_and(|stat| stat.st_nlink == 0) {
        path.truncate(path.len() - b" (deleted)".len());
    }
    let path = PathBuf::from(std::ffi::OsString::from_vec(path));
    path.is_absolute().then_some((object, path))
}

/// Whether the path leads to this very object.
fn is(object: &OwnedFd, path: &Path) -> bool {
    match (rustix::fs::fstat(object), rustix::fs::lstat(path)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

/// A path as system calls want it; `None`: it holds a NUL.
pub(crate) fn c_path(path: &Path) -> Option<CString> {
    CString::new(path.as_os_str().as_bytes()).ok()
}
