//! From events with handles to evidence with paths.
//!
//! The folders' paths come from [`super::places`]; what an event says about a folder itself (made, renamed, removed) is learnt
//! without a look at the disk. An event in a folder that is gone already waits for the event that tells where it was.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use schema::Timestamp;

use super::fanotify::parse::{Event, Handle, Record};
use super::fanotify::{Excluded, Links, folder as named};
use super::person::Person;
use super::places::{Folder, Places, join};
use crate::entry::FileId;
use crate::evidence::{Backing, Collector, Evidence, Layered, Mask};
use crate::who::Who;

/// Events that wait for the path of their folder, at most; beyond, they are lost and told.
const ORPHANS: usize = 8_192;
/// They wait at most so long.
const PATIENCE: Duration = Duration::from_secs(2);

/// An event in a folder that is gone, until its own removal tells where it was.
struct Orphan {
    at: Timestamp,
    bytes: Vec<u8>,
    person: Person,
    since: Instant,
    fsid: u64,
}

/// The way from events to evidence.
pub(crate) struct Resolver {
    pub(crate) excluded: Arc<Excluded>,
    pub(crate) links: Arc<Links>,
    orphans: HashMap<Box<[u8]>, Vec<Orphan>>,
    waiting: usize,
    /// The epoch in which the events at hand were read; [`NEVER`]: too old to say that a folder is excluded.
    pub(crate) epoch: u64,
    /// Events nobody asked for that came through.
    pub(crate) dropped: u64,
    /// Events whose folder nobody could tell, per file system.
    pub(crate) unknown: HashMap<u64, u64>,
}

/// No epoch at all.
const NEVER: u64 = u64::MAX;

/// Asks the process table.
pub(crate) type Table<'a> = &'a dyn Fn(u32, Timestamp) -> Option<Who>;

impl Resolver {
    pub(crate) fn new(excluded: Arc<Excluded>, links: Arc<Links>) -> Self {
        let (orphans, unknown) = (HashMap::new(), HashMap::new());
        Self { excluded, links, orphans, waiting: 0, epoch: NEVER, dropped: 0, unknown }
    }

    /// Tells of one event. An event may bring several pieces of evidence, or none.
    pub(crate) fn tell(
        &mut self,
        places: &mut Places,
        event: &Event<'_>,
        (at, person): (Timestamp, &Person),
        table: Table<'_>,
        each: &mut dyn FnMut(Evidence),
    ) {
        let parts = Parts::of(event);
        let mut resolved = [None, None];
        for (slot, part) in resolved.iter_mut().zip([&parts.old, &parts.new]) {
            let Some((handle, _)) = part else { continue };
            let Some(folder) = places.folder(handle) else {
                self.wait(handle, event, at, person);
                return;
            };
            if !folder.wanted && !folder.work {
                self.excluded.add(self.epoch, handle.key);
            }
            *slot = Some(folder);
        }
        let [old, new] = resolved;
        self.learn(places, event, &parts, old.as_deref(), new.as_deref());
        let who = || person.who(|pid| table(pid, at));
        let evidence = |mask| Evidence { who: who(), ..Evidence::new(at, Collector::Fanotify, Mask(mask)) };
        let id = parts.object.and_then(|object| {
            let dev = places.supers.get(&object.fsid)?.dev;
            Some(FileId { dev, inode: object.inode()? })
        });
        let wanted = |folder: &Option<Arc<Folder>>, part: &Option<(Handle<'_>, &[u8])>| {
            folder.as_ref().zip(part.as_ref()).is_some_and(|(folder, (_, name))| places.wants(folder, name))
        };
        if wanted(&old, &parts.old) || wanted(&new, &parts.new) {
            let told = Evidence { id, ..evidence(event.mask) };
            match parts.old {
                Some(_) => each(renamed(told, &parts, old.as_deref(), new.as_deref())),
                None => each(in_folder(told, &parts, new.as_deref())),
            }
        } else if old.is_none() && new.is_none() && event.mask & Mask::ATTRIB.0 == 0 {
            self.alone(places, &parts, id, evidence(event.mask), each);
        } else {
            self.linked(id, event.mask, &evidence, each);
        }
        self.flush(places, table, each);
    }

    /// An object without a folder: opened by handle, or made without a name.
    fn alone(
        &mut self,
        places: &mut Places,
        parts: &Parts<'_>,
        id: Option<FileId>,
        told: Evidence,
        each: &mut dyn FnMut(Evidence),
    ) {
        let Some(object) = parts.object else { return };
        let Some(within) = places.within(&object) else { return };
        let (Some(folder), Some(name)) = (within.parent(), within.file_name()) else { return };
        let folder = places.decide(object.fsid, folder.to_owned());
        if folder.wanted {
            each(Evidence { path: Some(folder.path.join(name)), inside: folder.inside.clone(), id, ..told });
        } else {
            self.dropped += 1;
        }
    }

    /// Nobody asked for the folder; but the object may have a watched name elsewhere.
    fn linked(
        &mut self,
        id: Option<FileId>,
        mask: u64,
        evidence: &dyn Fn(u64) -> Evidence,
        each: &mut dyn FnMut(Evidence),
    ) {
        let links = self.links.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let names: Vec<PathBuf> = id.map(|id| links.of(id).to_vec()).unwrap_or_default();
        drop(links);
        if names.is_empty() {
            self.dropped += 1;
        }
        // What happens to the other name is, for the watched one, a change of the number of names.
        let named = Mask::CREATE.0 | Mask::DELETE.0 | Mask::RENAME.0;
        let mask = if mask & named == 0 { mask } else { (mask & !named) | Mask::ATTRIB.0 };
        for path in names {
            each(Evidence { path: Some(path), id, ..evidence(mask) });
        }
    }

    /// What an event about a folder tells of its path.
    fn learn(
        &mut self,
        places: &mut Places,
        event: &Event<'_>,
        parts: &Parts<'_>,
        old: Option<&Folder>,
        new: Option<&Folder>,
    ) {
        if event.mask & Mask::ONDIR.0 == 0 {
            return;
        }
        let within = |folder: Option<&Folder>, part: &Option<(Handle<'_>, &[u8])>| {
            let (_, name) = part.as_ref()?;
            Some(join(&folder?.within, name))
        };
        let (was, is) = (within(old, &parts.old), within(new, &parts.new));
        if let (Some(was), Some(is), Some(folder)) = (&was, &is, new) {
            places.renamed(folder.fsid, was, is);
        }
        if let (Some(object), Some(is)) = (parts.object, is)
            && parts.new.is_some_and(|(_, name)| name != b".")
        {
            places.learn(object.key, object.fsid, is);
        }
    }

    fn wait(&mut self, folder: &Handle<'_>, event: &Event<'_>, at: Timestamp, person: &Person) {
        if self.waiting >= ORPHANS {
            *self.unknown.entry(folder.fsid).or_default() += 1;
            return;
        }
        self.waiting += 1;
        let (bytes, person, since) = (event.bytes.to_vec(), person.clone(), Instant::now());
        let orphan = Orphan { at, bytes, person, since, fsid: folder.fsid };
        self.orphans.entry(folder.key.into()).or_default().push(orphan);
    }

    /// Tells of events whose folder is known by now.
    fn flush(&mut self, places: &mut Places, table: Table<'_>, each: &mut dyn FnMut(Evidence)) {
        if self.orphans.is_empty() {
            return;
        }
        let epoch = std::mem::replace(&mut self.epoch, NEVER);
        while let Some(key) = self.orphans.keys().find(|key| places.knows(key)).cloned() {
            for orphan in self.orphans.remove(&key).unwrap_or_default() {
                self.waiting -= 1;
                let mut events = super::fanotify::parse::events(&orphan.bytes);
                if let Some(super::fanotify::parse::Item::Event(event)) = events.next() {
                    self.tell(places, &event, (orphan.at, &orphan.person), table, each);
                }
            }
        }
        self.epoch = epoch;
    }

    /// Gives up on what has waited too long. To be called when the queue is empty.
    pub(crate) fn give_up(&mut self, now: Instant) {
        if self.orphans.is_empty() {
            return;
        }
        let Self { orphans, unknown, waiting, .. } = self;
        orphans.retain(|_, list| {
            let late = list.first().is_none_or(|orphan| now.duration_since(orphan.since) > PATIENCE);
            if late {
                *waiting -= list.len();
                for orphan in list.iter() {
                    *unknown.entry(orphan.fsid).or_default() += 1;
                }
            }
            !late
        });
    }
}

/// The records of an event that matter.
#[derive(Default)]
struct Parts<'a> {
    object: Option<Handle<'a>>,
    /// Of a rename: where it was.
    old: Option<(Handle<'a>, &'a [u8])>,
    /// Where it is.
    new: Option<(Handle<'a>, &'a [u8])>,
}

impl<'a> Parts<'a> {
    fn of(event: &Event<'a>) -> Self {
        let mut parts = Self::default();
        for record in event.records() {
            match record {
                Record::Object(handle) => parts.object = Some(handle),
                Record::Old(..) => parts.old = named(&record),
                Record::Named(..) | Record::New(..) | Record::Folder(..) => parts.new = named(&record),
                _ => {}
            }
        }
        parts
    }
}

fn entry(folder: Option<&Folder>, part: &Option<(Handle<'_>, &[u8])>) -> Option<PathBuf> {
    Some(folder?.entry(part.as_ref()?.1))
}

/// Something in a folder.
fn in_folder(told: Evidence, parts: &Parts<'_>, folder: Option<&Folder>) -> Evidence {
    let (Some(folder), Some((_, name))) = (folder, parts.new.as_ref()) else { return told };
    let inside = folder.inside.clone().map(|inside| crate::change::Inside { path: join(&inside.path, name), ..inside });
    let backing = backing(folder, name, told.mask);
    let mask = layered(told.mask, backing.as_ref());
    Evidence { path: Some(folder.entry(name)), inside, backing, mask, ..told }
}

/// A rename. From or to a work directory it is an overlay's own doing: something was made, or is gone.
fn renamed(told: Evidence, parts: &Parts<'_>, old: Option<&Folder>, new: Option<&Folder>) -> Evidence {
    let without = Mask(told.mask.0 & !Mask::RENAME.0);
    match (old, new) {
        (Some(work), new) if work.work => in_folder(Evidence { mask: without.with(Mask::CREATE), ..told }, parts, new),
        (old, Some(work)) if work.work => {
            let parts = Parts { new: parts.old, ..Parts::default() };
            in_folder(Evidence { mask: without.with(Mask::DELETE), ..told }, &parts, old)
        }
        _ => {
            let old_path = entry(old, &parts.old);
            Evidence { old_path, ..in_folder(told, parts, new) }
        }
    }
}

/// What something in an upper directory is for the merged tree.
fn backing(folder: &Folder, name: &[u8], mask: Mask) -> Option<Backing> {
    let (upper, lowers) = folder.upper.as_ref()?;
    let path = join(upper, name);
    let made = mask.has(Mask::CREATE.with(Mask::RENAME));
    let lower = || lowers.iter().map(|lower| join(lower, name)).find(|lower| exists(lower));
    let (what, lower) = match () {
        () if made && is_whiteout(&path) => (Layered::Whiteout, lower()),
        () if made => lower().map_or((Layered::Same, None), |lower| (Layered::CopiedUp, Some(lower))),
        () => (Layered::Same, None),
    };
    Some(Backing { path, what, lower })
}

/// The mask as the merged tree would have it.
fn layered(mask: Mask, backing: Option<&Backing>) -> Mask {
    let without = Mask(mask.0 & !Mask::CREATE.0);
    match backing.map(|backing| backing.what) {
        Some(Layered::CopiedUp) if mask.has(Mask::CREATE) => without.with(Mask::MODIFY),
        Some(Layered::Whiteout) => without.with(Mask::DELETE),
        _ => mask,
    }
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok() && !is_whiteout(path)
}

/// A character device 0:0: overlayfs's mark that the name is gone.
fn is_whiteout(path: &Path) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    std::fs::symlink_metadata(path).is_ok_and(|stat| stat.file_type().is_char_device() && stat.rdev() == 0)
}
