//! inotify: the fall-back where fanotify has no handles or we no privilege. Names no process.
//!
//! A folder is watched first and listed then, so that what was made in between is found; what is found in a folder that is new, or
//! was moved in, is told as created. At the bound the rest of a root is left to scans, which is told once. A queue that ran over
//! is told, and all roots are watched and listed again.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::fanotify::wait;
use super::queue::{Hole, Item, Of, Queue};
use super::{Coverage, How, LostBy, sys};
use crate::evidence::{Collector, Evidence, Mask};
use crate::policy::{Interest, Policies};
use crate::who::{Reason, Who};

/// What a watch tells of.
const WANTED: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::DONT_FOLLOW);
/// A name that left waits so long for its new one.
const PAIR: Duration = Duration::from_millis(20);

/// The watches.
pub(crate) struct Watches {
    group: OwnedFd,
    /// Readable when the thread is to end.
    end: OwnedFd,
    state: Mutex<State>,
}

struct State {
    policies: Arc<Policies>,
    folders: HashMap<i32, PathBuf>,
    roots: Vec<PathBuf>,
    most: usize,
    /// The roots of which a part is not watched, told already.
    cut: Vec<PathBuf>,
}

/// What a walk has found.
#[derive(Default)]
struct Walk {
    /// Objects below folders that were not known.
    found: Vec<(PathBuf, bool)>,
    /// Something could not be watched, and why.
    left: Option<Errno>,
}

impl Watches {
    /// At most `percent` of what the kernel allows a user.
    pub(crate) fn open(policies: Arc<Policies>, percent: u64) -> std::io::Result<Self> {
        let group = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let allowed = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").unwrap_or_default();
        let allowed: u64 = allowed.trim().parse().unwrap_or(8192);
        let most = usize::try_from(allowed.saturating_mul(percent) / 100).unwrap_or(usize::MAX);
        let state = State { policies, folders: HashMap::new(), roots: Vec::new(), most, cut: Vec::new() };
        Ok(Self { group, end: sys::flag()?, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a root: a folder with all below, or the folder of a file. `Err`: nothing of it, and why.
    pub(crate) fn cover(&self, root: &Path) -> Result<Coverage, String> {
        let mut state = self.lock();
        let folder = if root.is_dir() { root } else { root.parent().unwrap_or(root) };
        let mut walk = Walk::default();
        state.walk(&self.group, folder, &mut walk);
        if !state.folders.values().any(|known| known == folder) {
            return Err(walk.left.map_or_else(|| "no such folder".to_owned(), |errno| reason(errno, state.most)));
        }
        if !state.roots.iter().any(|known| known == folder) {
            state.roots.push(folder.to_owned());
        }
        let reason = walk.left.map(|errno| format!("a part is left to scans: {}", reason(errno, state.most)));
        if reason.is_some() {
            state.cut.push(folder.to_owned());
        }
        Ok(Coverage { root: root.to_owned(), how: How::Inotify, reason: reason.unwrap_or_default() })
    }

    /// Ends the thread; the watches go with the last who knows them.
    pub(crate) fn stop(&self) {
        sys::raise(&self.end);
    }

    /// The roots, for a scan after a loss.
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        self.lock().roots.clone()
    }
}

fn reason(errno: Errno, most: usize) -> String {
    match errno {
        Errno::NOSPC => format!("out of inotify watches: {most} of ours, or fs.inotify.max_user_watches"),
        errno => format!("inotify: {errno}"),
    }
}

impl State {
    /// Watches a folder and then lists it, and so on below. Symbolic links and other file systems' kinds are for the caller.
    fn walk(&mut self, group: &OwnedFd, top: &Path, walk: &mut Walk) {
        let mut folders = vec![(top.to_owned(), true)];
        while let Some((folder, known)) = folders.pop() {
            if self.policies.interest(&folder) == Interest::Nothing {
                continue;
            }
            let new = match self.watch(group, &folder) {
                Ok(new) => new,
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                Err(errno) => {
                    walk.left = Some(errno);
                    continue;
                }
            };
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if !known || new {
                    walk.found.push((entry.path(), folder));
                }
                if folder {
                    folders.push((entry.path(), !new));
                }
            }
        }
    }

    /// Whether it is new.
    fn watch(&mut self, group: &OwnedFd, folder: &Path) -> Result<bool, Errno> {
        if self.folders.len() >= self.most {
            return Err(Errno::NOSPC);
        }
        let watch = inotify::add_watch(group, folder, WANTED)?;
        Ok(self.folders.insert(watch, folder.to_owned()).is_none())
    }

    /// A folder has another name.
    fn renamed(&mut self, old: &Path, new: &Path) {
        for path in self.folders.values_mut() {
            if let Ok(rest) = path.strip_prefix(old) {
                *path = if rest.as_os_str().is_empty() { new.to_owned() } else { new.join(rest) };
            }
        }
    }

    /// A folder has left with all below.
    fn left(&mut self, group: &OwnedFd, old: &Path) {
        let gone = self.folders.iter().filter(|(_, path)| path.starts_with(old)).map(|(watch, _)| *watch);
        for watch in gone.collect::<Vec<_>>() {
            self.folders.remove(&watch);
            // It may be gone by itself.
            inotify::remove_watch(group, watch).ok();
        }
    }
}

/// The thread `fim-inotify`.
pub(crate) struct Watcher {
    pub(crate) watches: Arc<Watches>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) now: super::Now,
}

/// A name that left and has no new one yet.
struct Left {
    cookie: u32,
    path: PathBuf,
    folder: bool,
}

/// One event, owned.
struct Told {
    watch: i32,
    flags: ReadFlags,
    cookie: u32,
    name: Vec<u8>,
}

impl Watcher {
    /// Reads until told to end.
    pub(crate) fn run(self) {
        let mut buffer = vec![MaybeUninit::uninit(); 32 << 10];
        let mut left: Option<Left> = None;
        loop {
            let patience = if left.is_some() { PAIR } else { Duration::from_secs(60) };
            match wait(&self.watches.group, &self.watches.end, patience) {
                Ok(None) | Err(_) => return,
                Ok(Some(false)) => self.forget(left.take()),
                Ok(Some(true)) => {
                    let mut events = Reader::new(self.watches.group.as_fd(), &mut buffer);
                    while let Ok(event) = events.next() {
                        let name = event.file_name().map_or(Vec::new(), |name| name.to_bytes().to_vec());
                        let told = Told { watch: event.wd(), flags: event.events(), cookie: event.cookie(), name };
                        self.one(&told, &mut left);
                    }
                }
            }
        }
    }

    /// What left has not come back: it is somewhere where nobody watches.
    fn forget(&self, left: Option<Left>) {
        let Some(left) = left else { return };
        if left.folder {
            self.watches.lock().left(&self.watches.group, &left.path);
        }
        self.tell(mask(Mask::RENAME, left.folder), None, Some(left.path));
    }

    fn one(&self, event: &Told, left: &mut Option<Left>) {
        let flags = event.flags;
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.queue.lost(Hole { of: Of::Watched, why: LostBy::KernelQueue }, 0);
            self.again();
            return;
        }
        let mut state = self.watches.lock();
        if flags.contains(ReadFlags::IGNORED) {
            state.folders.remove(&event.watch);
            return;
        }
        let Some(folder) = state.folders.get(&event.watch) else { return };
        let path = if event.name.is_empty() { folder.clone() } else { folder.join(OsStr::from_bytes(&event.name)) };
        drop(state);
        let is_folder = flags.contains(ReadFlags::ISDIR);
        // A pair stands side by side mostly; whatever is not the other half ends the waiting.
        let old = left.take_if(|left| flags.contains(ReadFlags::MOVED_TO) && left.cookie == event.cookie);
        if !flags.contains(ReadFlags::MOVED_FROM) && old.is_none() && flags.contains(ReadFlags::MOVED_TO) {
            self.forget(left.take());
        }
        if flags.contains(ReadFlags::MOVED_FROM) {
            self.forget(left.replace(Left { cookie: event.cookie, path, folder: is_folder }));
        } else if flags.contains(ReadFlags::MOVED_TO) {
            if let Some(old) = old.as_ref().filter(|old| old.folder) {
                self.watches.lock().renamed(&old.path, &path);
            }
            self.tell(mask(Mask::RENAME, is_folder), Some(path.clone()), old.map(|old| old.path));
            self.enter(&path, is_folder);
        } else {
            let bits = u64::from(flags.bits()) & (Mask::MODIFY.0 | Mask::ATTRIB.0 | Mask::CLOSE_WRITE.0);
            let name = if flags.contains(ReadFlags::CREATE) { Mask::CREATE.0 } else { 0 };
            let gone = if flags.contains(ReadFlags::DELETE) { Mask::DELETE.0 } else { 0 };
            if bits | name | gone != 0 {
                self.tell(mask(Mask(bits | name | gone), is_folder), Some(path.clone()), None);
            }
            if name != 0 {
                self.enter(&path, is_folder);
            }
        }
    }

    /// A folder is there that was not: watches it, and tells of all that is in it already.
    fn enter(&self, folder: &Path, is_folder: bool) {
        if is_folder {
            let mut walk = Walk::default();
            self.watches.lock().walk(&self.watches.group, folder, &mut walk);
            self.walked(folder, walk);
        }
    }

    /// Watches what may have been missed.
    fn again(&self) {
        for root in self.watches.roots() {
            self.enter(&root, true);
        }
    }

    fn walked(&self, top: &Path, walk: Walk) {
        for (path, is_folder) in walk.found {
            self.tell(mask(Mask::CREATE, is_folder), Some(path), None);
        }
        let Some(errno) = walk.left else { return };
        let mut state = self.watches.lock();
        let Some(root) = state.roots.iter().find(|root| top.starts_with(root)).cloned() else { return };
        if state.cut.contains(&root) {
            return;
        }
        state.cut.push(root.clone());
        let reason = format!("a part is left to scans: {}", reason(errno, state.most));
        drop(state);
        let coverage = Coverage { root, how: How::Inotify, reason };
        if self.queue.push(Item::Coverage(coverage)).is_err() {
            self.queue.lost(Hole { of: Of::Watched, why: LostBy::HandOver }, 0);
        }
    }

    fn tell(&self, mask: Mask, path: Option<PathBuf>, old_path: Option<PathBuf>) {
        let who = Who::unknown(Reason::NotTold);
        let evidence = Evidence { path, old_path, who, ..Evidence::new((self.now)(), Collector::Inotify, mask) };
        if self.queue.push(Item::Inotify(Box::new(evidence))).is_err() {
            self.queue.lost(Hole { of: Of::Watched, why: LostBy::HandOver }, 1);
        }
    }
}

fn mask(mask: Mask, folder: bool) -> Mask {
    if folder { mask.with(Mask::ONDIR) } else { mask }
}
