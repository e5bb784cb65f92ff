//! A file system in memory: what is done to it makes evidence, as a fanotify group would tell it; it can be looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schema::Timestamp;

use crate::entry::{Content, Digest, Entry, FileId, Flags, Hashes, Kind};
use crate::evidence::{Collector, Evidence, Mask};
use crate::look::{Look, Looked, Wanted};
use crate::seen::Seen;
use crate::who::{Confidence, Source, Who};

/// Names and objects.
#[derive(Clone, Default)]
pub(super) struct World {
    pub(super) names: BTreeMap<PathBuf, u64>,
    objects: BTreeMap<u64, Entry>,
    pub(super) now: i64,
    free: Vec<u64>,
    next: u64,
    pub(super) pid: u32,
    /// What was told since it was last taken.
    pub(super) told: Vec<Evidence>,
    /// Of each in [`World::told`], the folders that its names lie in: those are told by handles.
    folders: Vec<[Option<u64>; 2]>,
}

pub(super) fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self { next: 10, now: 1_000, pid: 100, ..Self::default() };
        for folder in ["/w", "/out"] {
            world.make(folder, Kind::Directory);
        }
        world.forget();
        world
    }

    /// As if nothing had been told.
    pub(super) fn forget(&mut self) {
        self.told.clear();
        self.folders.clear();
    }

    pub(super) fn who(&self) -> Who {
        Who {
            pid: self.pid,
            exe: Some((*b"/bin/x").into()),
            uid: Some(0),
            source: Source::Pidfd,
            confidence: Confidence::Certain,
            ..Who::default()
        }
    }

    fn tick(&mut self) -> i64 {
        self.now += 1;
        self.now * 1_000_000
    }

    fn tell(&mut self, mask: Mask, old: Option<&Path>, new: Option<&Path>, inode: u64) {
        let folder = self.objects.get(&inode).is_some_and(|entry| entry.kind == Kind::Directory);
        let mask = if folder { mask.with(Mask::ONDIR) } else { mask };
        let parent = |path: Option<&Path>| self.names.get(path?.parent()?).copied();
        self.folders.push([parent(old), parent(new)]);
        self.told.push(Evidence {
            path: new.map(Path::to_owned),
            old_path: old.map(Path::to_owned),
            id: Some(FileId { dev: 1, inode }),
            who: self.who(),
            ..Evidence::new(Timestamp::from_millis(self.now), Collector::Fanotify, mask)
        });
    }

    /// The next that was told, arriving now: its names are looked up where their folders are by now.
    pub(super) fn read(&mut self) -> Option<Evidence> {
        if self.told.is_empty() {
            self.folders.clear();
            return None;
        }
        let mut evidence = self.told.remove(0);
        let folders = if self.folders.is_empty() { [None; 2] } else { self.folders.remove(0) };
        for (path, folder) in [&mut evidence.old_path, &mut evidence.path].into_iter().zip(folders) {
            let now = self.names.iter().find(|(_, inode)| Some(**inode) == folder).map(|(path, _)| path);
            if let (Some(path), Some(now)) = (path, now) {
                *path = now.join(path.file_name().unwrap());
            }
        }
        evidence.at = Timestamp::from_millis(self.now);
        Some(evidence)
    }

    pub(super) fn at(&self, path: &str) -> Option<&Entry> {
        self.objects.get(self.names.get(Path::new(path))?)
    }

    pub(super) fn is_free(&self, path: &str) -> bool {
        let parent = Path::new(path).parent().and_then(Path::to_str).unwrap_or_default();
        self.at(path).is_none() && self.at(parent).is_some_and(|entry| entry.kind == Kind::Directory)
    }

    /// A new object, with the inode number that was freed last if there is one: as ext4 does.
    pub(super) fn make(&mut self, name: &str, kind: Kind) {
        let now = self.tick();
        self.next += 1;
        let inode = self.free.pop().unwrap_or(self.next);
        let entry = Entry {
            kind,
            id: FileId { dev: 1, inode },
            mode: 0o644,
            uid: 0,
            gid: 0,
            nlink: 1,
            size: 0,
            mtime_ns: now,
            ctime_ns: now,
            btime_ns: Some(now),
            rdev: 0,
            flags: Flags(0),
            target: None,
            xattrs: Vec::new(),
            hashes: Hashes::default(),
            content: Content::None,
        };
        self.objects.insert(inode, entry);
        self.names.insert(path(name), inode);
        if kind == Kind::File {
            self.fill(inode, b"");
        }
        self.tell(Mask::CREATE, None, Some(Path::new(name)), inode);
    }

    fn fill(&mut self, inode: u64, content: &[u8]) {
        let now = self.now * 1_000_000;
        if let Some(entry) = self.objects.get_mut(&inode) {
            entry.size = content.len() as u64;
            entry.hashes.blake3 = Some(Digest(*blake3::hash(content).as_bytes()));
            entry.content = Content::Whole;
            (entry.mtime_ns, entry.ctime_ns) = (now, now);
        }
    }

    /// Writes and closes; makes the file if it is not there.
    pub(super) fn write(&mut self, name: &str, content: &str) {
        if self.at(name).is_none() {
            self.make(name, Kind::File);
        }
        self.tick();
        let inode = self.names[Path::new(name)];
        self.fill(inode, content.as_bytes());
        self.tell(Mask::MODIFY.with(Mask::CLOSE_WRITE), None, Some(Path::new(name)), inode);
    }

    pub(super) fn symlink(&mut self, name: &str, target: &str) {
        self.make(name, Kind::Symlink);
        let inode = self.names[Path::new(name)];
        if let Some(entry) = self.objects.get_mut(&inode) {
            entry.target = Some(target.as_bytes().into());
        }
    }

    /// Changes attributes.
    pub(super) fn attrib(&mut self, name: &str, change: impl FnOnce(&mut Entry)) {
        let now = self.tick();
        let inode = self.names[Path::new(name)];
        if let Some(entry) = self.objects.get_mut(&inode) {
            change(entry);
            entry.ctime_ns = now;
        }
        self.tell(Mask::ATTRIB, None, Some(Path::new(name)), inode);
    }

    pub(super) fn link(&mut self, name: &str, new: &str) {
        self.attrib(name, |entry| entry.nlink += 1);
        let inode = self.names[Path::new(name)];
        self.names.insert(path(new), inode);
        self.tell(Mask::CREATE, None, Some(Path::new(new)), inode);
    }

    fn drop_name(&mut self, name: &Path) -> Option<u64> {
        let inode = self.names.remove(name)?;
        let now = self.now * 1_000_000;
        if let Some(entry) = self.objects.get_mut(&inode) {
            entry.nlink -= 1;
            entry.ctime_ns = now;
        }
        Some(inode)
    }

    fn free(&mut self, inode: u64) {
        if !self.names.values().any(|other| *other == inode) {
            self.objects.remove(&inode);
            self.free.push(inode);
        }
    }

    /// Removes a name; of a folder all below first, as `rm -r` does.
    pub(super) fn remove(&mut self, name: &str) {
        let below: Vec<PathBuf> = self.names.keys().filter(|path| path.starts_with(name)).cloned().collect();
        for path in below.into_iter().rev() {
            self.tick();
            if let Some(inode) = self.drop_name(&path) {
                self.tell(Mask::DELETE, None, Some(&path), inode);
                self.free(inode);
            }
        }
    }

    pub(super) fn rename(&mut self, old: &str, new: &str) {
        let now = self.tick();
        let inode = self.names[Path::new(old)];
        if let Some(gone) = self.drop_name(Path::new(new)) {
            self.free(gone);
        }
        let moved: Vec<(PathBuf, u64)> = self
            .names
            .iter()
            .filter(|(path, _)| path.starts_with(old))
            .map(|(path, inode)| (path.clone(), *inode))
            .collect();
        for (path, _) in &moved {
            self.names.remove(path);
        }
        for (path, inode) in moved {
            let rest = path.strip_prefix(old).unwrap();
            let to = if rest.as_os_str().is_empty() { PathBuf::from(new) } else { Path::new(new).join(rest) };
            self.names.insert(to, inode);
        }
        if let Some(entry) = self.objects.get_mut(&inode) {
            entry.ctime_ns = now;
        }
        self.tell(Mask::RENAME, Some(Path::new(old)), Some(Path::new(new)), inode);
    }

    /// RENAME_EXCHANGE of two files.
    pub(super) fn exchange(&mut self, one: &str, other: &str) {
        self.tick();
        let (first, second) = (self.names[Path::new(one)], self.names[Path::new(other)]);
        self.names.insert(path(one), second);
        self.names.insert(path(other), first);
        self.tell(Mask::RENAME, Some(Path::new(one)), Some(Path::new(other)), first);
        self.tell(Mask::RENAME, Some(Path::new(other)), Some(Path::new(one)), second);
    }

    /// What a scan of everything at or below would note.
    pub(super) fn scan(&self, below: &Path, seen: &mut Memory) {
        seen.0.retain(|path, _| !path.starts_with(below) || self.names.contains_key(path));
        for (path, inode) in self.names.iter().filter(|(path, _)| path.starts_with(below)) {
            seen.0.insert(path.clone(), self.objects[inode].clone());
        }
    }
}

impl Look for World {
    fn look(&self, path: &Path, _: &Wanted, _: Option<&Entry>) -> Looked {
        let entry = self.names.get(path).and_then(|inode| self.objects.get(inode));
        entry.map_or(Looked::Absent, |entry| Looked::Entry(entry.clone()))
    }
}

/// What was seen.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Memory(pub(super) BTreeMap<PathBuf, Entry>);

impl Seen for Memory {
    fn get(&self, path: &Path) -> Option<Entry> {
        self.0.get(path).cloned()
    }

    fn set(&mut self, path: &Path, entry: Option<&Entry>) {
        match entry {
            Some(entry) => _ = self.0.insert(path.to_owned(), entry.clone()),
            None => _ = self.0.remove(path),
        }
    }

    fn moved(&mut self, old: &Path, new: &Path) {
        let moved: Vec<(PathBuf, Entry)> = self
            .0
            .iter()
            .filter(|(path, _)| path.starts_with(old))
            .map(|(path, entry)| (path.clone(), entry.clone()))
            .collect();
        for (path, _) in &moved {
            self.0.remove(path);
        }
        for (path, entry) in moved {
            let rest = path.strip_prefix(old).unwrap();
            let to = if rest.as_os_str().is_empty() { new.to_owned() } else { new.join(rest) };
            self.0.insert(to, entry);
        }
    }

    fn below(&self, path: &Path, each: &mut dyn FnMut(&Path, &Entry)) {
        for (known, entry) in self.0.iter().filter(|(known, _)| known.starts_with(path) && *known != path) {
            each(known, entry);
        }
    }

    fn names(&self, entry: &Entry, each: &mut dyn FnMut(&Path)) {
        for (path, _) in self.0.iter().filter(|(_, known)| known.id == entry.id && known.nlink > 1) {
            each(path);
        }
    }
}
