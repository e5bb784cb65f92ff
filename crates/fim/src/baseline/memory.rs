//! What was last seen: reading and noting entries, writing them out, and the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use redb::{ReadTransaction, ReadableTable as _, Table, WriteTransaction};
use schema::Timestamp;

use super::counter::Counter;
use super::folder::{Children, Folder, Patch};
use super::generation::Generation;
use super::sign::{Beside, Layer, Seal};
use super::store::{APPROVED, Changed, Fault, GENERATION, INODE, META, READ, TREE};
use super::{Baseline, Error, GENERATIONS, PENDING, Pending, block, check, codec, place, store, tree};
use crate::entry::{Digest, Entry, FileId, Kind};
use crate::seen::Seen;

impl Baseline {
    pub(super) fn committed(&self) -> Result<&ReadTransaction, Fault> {
        self.committed
            .as_ref()
            .ok_or_else(|| Fault::Row("it could not be opened again after the last commit".to_owned()))
    }

    /// The transaction under way, begun when there is none.
    pub(super) fn transaction(&mut self) -> Result<&WriteTransaction, Fault> {
        if self.open.is_none() {
            self.open = Some(self.db.begin_write()?);
        }
        self.open.as_ref().ok_or_else(|| Fault::Row("no transaction".to_owned()))
    }

    /// The first fault stays until a commit tells it: nothing can be trusted that was read behind it.
    pub(super) fn fail<T: Default>(&self, fault: &Fault) -> T {
        let _first = self.failure.get_or_init(|| fault.to_string());
        T::default()
    }

    pub(super) fn failed(&self) -> Result<(), Error> {
        self.failure.get().map_or(Ok(()), |why| Err(Error::Store(why.clone())))
    }

    fn with_tree<T>(&self, read: impl FnOnce(&dyn Tree) -> Result<T, Fault>) -> Result<T, Fault> {
        match (&self.open, &self.tree) {
            (Some(open), _) => read(&open.open_table(TREE)?),
            (None, Some(committed)) => read(committed),
            (None, None) => read(&self.committed()?.open_table(TREE)?),
        }
    }

    /// The record that the database has, without what is pending.
    fn stored(&self, folder: &[u8], name: &[u8]) -> Result<Option<Box<[u8]>>, Fault> {
        self.with_tree(|tree| {
            let Some(piece) = tree.piece(folder, name)? else { return Ok(None) };
            for child in Children::of(&piece) {
                let child = child?;
                if child.name == name {
                    return Ok(child.record.map(Into::into));
                }
            }
            Ok(None)
        })
    }

    fn record(&self, path: &[u8]) -> Result<Option<Box<[u8]>>, Fault> {
        let Some((folder, name)) = place::split(path) else { return Ok(None) };
        if let Some(Patch { record: Some(record), .. }) =
            self.pending.patches.get(folder).and_then(|names| names.get(name))
        {
            return Ok(record.clone());
        }
        self.stored(folder, name)
    }

    /// All children of a folder that have an entry.
    fn list(&self, folder: &[u8]) -> Result<Vec<Named>, Fault> {
        let pending = self.pending.patches.get(folder);
        let mut found = Vec::new();
        self.with_tree(|tree| {
            tree.pieces(folder, &mut |piece| {
                for child in Children::of(piece) {
                    let child = child?;
                    let changed =
                        pending.and_then(|names| names.get(child.name)).is_some_and(|patch| patch.record.is_some());
                    if let Some(record) = child.record.filter(|_| !changed) {
                        found.push((child.name.into(), codec::decode(record)?));
                    }
                }
                Ok(())
            })
        })?;
        if let Some(names) = pending {
            for (name, patch) in names {
                if let Some(Some(record)) = &patch.record {
                    found.push((name.clone(), codec::decode(record)?));
                }
            }
            found.sort_by(|one, other| one.0.cmp(&other.0));
        }
        Ok(found)
    }

    /// All folders that have children, at `root` or below.
    fn holding(&self, root: &[u8]) -> Result<BTreeSet<Box<[u8]>>, Fault> {
        let mut found = BTreeSet::new();
        self.with_tree(|tree| {
            for range in [place::inside(root), place::underneath(root)] {
                tree.keys(&range, &mut |key| {
                    if let Some((folder, _)) = place::of_key(key)
                        && !found.contains(folder)
                    {
                        found.insert(folder.into());
                    }
                })?;
            }
            Ok(())
        })?;
        found.extend(self.pending.patches.keys().filter(|folder| place::is_within(folder, root)).cloned());
        Ok(found)
    }

    fn note_patch(&mut self, folder: &[u8], name: &[u8], record: Option<Box<[u8]>>) {
        let names = match self.pending.patches.get_mut(folder) {
            Some(names) => names,
            None => self.pending.patches.entry(folder.into()).or_default(),
        };
        if names.insert(name.into(), Patch { record: Some(record), below: None }).is_none() {
            self.pending.records += 1;
        }
        if self.pending.records >= PENDING
            && let Err(fault) = self.write_pending()
        {
            self.fail(&fault)
        }
    }

    /// Brings what is pending into the transaction under way.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.failed()?;
        Ok(self.write_pending()?)
    }

    fn write_pending(&mut self) -> Result<(), Fault> {
        let Pending { patches, read, .. } = std::mem::take(&mut self.pending);
        let approved = self.state.approved.is_some();
        let open = self.transaction()?;
        let mut times = open.open_table(READ)?;
        for (folder, at) in read {
            times.insert(folder.as_ref(), at)?;
        }
        drop(times);
        let tables = std::cell::RefCell::new(Tables {
            tree: open.open_table(TREE)?,
            approved: open.open_table(APPROVED)?,
            inode: open.open_table(INODE)?,
            keeps_approved: approved,
            entries: 0,
            before: Vec::new(),
            rows: block::Rows::new(),
        });
        let load = &mut |folder: &[u8]| tables.borrow_mut().folder(folder);
        let store = &mut |folder: &[u8], children: &Folder, changed: Vec<Changed>| {
            tables.borrow_mut().write(folder, children, changed)
        };
        let digest = store::propagate(patches, load, store)?;
        let mut tables = tables.into_inner();
        block::write(&mut tables.tree, std::mem::take(&mut tables.rows))?;
        let more = tables.entries;
        drop(tables);
        if let Some(digest) = digest {
            self.state.tree.digest = digest;
        }
        self.state.tree.entries = self.state.tree.entries.saturating_add_signed(more);
        Ok(())
    }

    /// Signs, commits and counts; a generation goes into the same transaction.
    pub(super) fn finish(&mut self, now: Timestamp, approve: Option<&str>) -> Result<(), Error> {
        self.failed()?;
        let counted = self.state.counted;
        let (generation, seal) = self.seals(now, approve)?;
        let open = self.transaction()?;
        let write = || -> Result<(), Fault> {
            if let Some(generation) = &generation {
                super::generation::write(open, generation)?;
            }
            let mut meta = open.open_table(META)?;
            check::write_seal(&mut meta, &seal, counted)
        };
        write()?;
        let Some(open) = self.open.take() else { return Ok(()) };
        (self.committed, self.tree) = (None, None);
        let done = open.commit().map_err(Fault::from);
        self.reload();
        done?;
        self.state.committed = self.state.tree;
        self.state.generations = seal.beside.generations;
        self.state.seen = seal;
        if generation.is_some() {
            self.state.approved = generation;
        }
        self.count()
    }

    /// The counter follows the commit; when it cannot be written the next commit tries again.
    fn count(&mut self) -> Result<(), Error> {
        let Seal { sequence, generation, root, .. } = self.state.seen;
        let counter = Counter { sequence, generation, root };
        let path = self.options.counter();
        counter.write(&path).map_err(Error::io(&path))?;
        self.state.counted = Some(counter);
        Ok(())
    }

    fn seals(&self, now: Timestamp, approve: Option<&str>) -> Result<(Option<Generation>, Seal), Error> {
        let state = &self.state;
        let seal = |layer, generation, sequence, previous, root, reason: &str, beside| {
            self.key.sign(Seal {
                layer,
                agent: state.agent.clone(),
                generation,
                sequence,
                time_ms: now.millis(),
                previous,
                root,
                policies: state.policies,
                reason: reason.to_owned(),
                beside,
                signature: String::new(),
            })
        };
        let mut sequence = state.seen.sequence;
        let mut number = state.seen.generation;
        let mut generation = None;
        if let Some(reason) = approve {
            sequence += 1;
            number += 1;
            let previous = state.approved.as_ref().map_or(Digest([0; 32]), |last| last.seal.root);
            let root = tree::root(&state.policies, self.approved_digest()?);
            let seal = seal(Layer::Approved, number, sequence, previous, root, reason, Beside::default());
            generation = Some(Generation { seal, entries: state.tree.entries });
        }
        let root = tree::root(&state.policies, state.tree.digest);
        let last = generation.as_ref().or(state.approved.as_ref());
        let beside = Beside {
            generations: (state.generations + u64::from(generation.is_some())).min(GENERATIONS),
            approved: last.map_or(Digest::default(), |last| last.seal.root),
            scans: state.scans,
        };
        Ok((generation, seal(Layer::Seen, number, sequence + 1, state.seen.root, root, "", beside)))
    }

    /// After a commit or an abandoned transaction: what is read from now on is what is committed.
    pub(super) fn reload(&mut self) {
        (self.committed, self.tree) = (None, None);
        match store::committed(&self.db) {
            Ok(committed) => {
                self.tree = committed.open_table(TREE).ok();
                self.committed = Some(committed);
            }
            Err(fault) => self.fail(&fault),
        }
    }

    fn other_names(&self, entry: &Entry) -> Result<BTreeSet<PathBuf>, Fault> {
        let (from, to) = inode_range(entry.id);
        let mut found = BTreeSet::new();
        let inodes = store::view(self.open.as_ref(), self.committed()?, INODE)?;
        for row in inodes.range(Bound::Included(&from), Bound::Excluded(&to))? {
            let key = row?.0;
            found.extend(key.value().get(16..).map(|path| PathBuf::from(OsStr::from_bytes(path))));
        }
        drop(inodes);
        for (folder, names) in &self.pending.patches {
            for (name, patch) in names {
                if let Some(Some(record)) = &patch.record
                    && codec::identity(record)?.1 == entry.id
                {
                    found.insert(PathBuf::from(OsStr::from_bytes(&place::join(folder, name))));
                }
            }
        }
        Ok(found)
    }
}

fn inode_key(id: FileId, path: &[u8]) -> Vec<u8> {
    [id.dev.to_be_bytes().as_slice(), &id.inode.to_be_bytes(), path].concat()
}

fn inode_range(id: FileId) -> (Vec<u8>, Vec<u8>) {
    let number = (u128::from(id.dev) << 64 | u128::from(id.inode)).saturating_add(1);
    (inode_key(id, b""), number.to_be_bytes().to_vec())
}

/// A name and its entry.
type Named = (Box<[u8]>, Entry);

/// The tables that a changed folder concerns.
struct Tables<'t> {
    tree: Table<'t, &'static [u8], &'static [u8]>,
    approved: Table<'t, &'static [u8], &'static [u8]>,
    inode: Table<'t, &'static [u8], ()>,
    /// Something is approved, so what it was is kept where it changes.
    keeps_approved: bool,
    entries: i64,
    /// The pieces of the folder that was read last.
    before: Vec<(Vec<u8>, Vec<u8>)>,
    /// What becomes of the tree.
    rows: block::Rows,
}

impl Tables<'_> {
    fn folder(&mut self, folder: &[u8]) -> Result<Folder, Fault> {
        let mut found = Folder::default();
        let (from, to) = place::inside(folder);
        self.before.clear();
        let before = &mut self.before;
        block::between(&self.tree, (&from, &to), &mut |key, piece| {
            before.push((key.to_vec(), piece.to_vec()));
            Ok(found.add(piece)?)
        })?;
        Ok(found)
    }

    fn write(&mut self, folder: &[u8], children: &Folder, changed: Vec<Changed>) -> Result<(), Fault> {
        store::folder_rows(folder, &self.before, children, &mut self.rows);
        for (name, before) in changed {
            let after = children.0.get(&name).and_then(|child| child.0.as_deref());
            self.entries += i64::from(after.is_some()) - i64::from(before.is_some());
            self.index(folder, &name, before.as_deref(), after)?;
            if self.keeps_approved {
                self.keep_approved(&place::key(folder, &name), before.as_deref(), after)?;
            }
        }
        Ok(())
    }

    fn index(&mut self, folder: &[u8], name: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) -> Result<(), Fault> {
        let linked = |record: Option<&[u8]>| -> Result<Option<FileId>, Fault> {
            let Some(record) = record else { return Ok(None) };
            let (kind, id, nlink) = codec::identity(record)?;
            Ok((nlink > 1 && kind != Kind::Directory).then_some(id))
        };
        let (before, after) = (linked(before)?, linked(after)?);
        if before != after {
            let path = place::join(folder, name);
            if let Some(id) = before {
                self.inode.remove(inode_key(id, &path).as_slice())?;
            }
            if let Some(id) = after {
                self.inode.insert(inode_key(id, &path).as_slice(), ())?;
            }
        }
        Ok(())
    }

    /// The first change keeps what was approved; a change back to it is none any more.
    fn keep_approved(&mut self, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) -> Result<(), Fault> {
        let kept = self.approved.get(key)?.map(|row| row.value() == after.unwrap_or_default());
        match kept {
            None => drop(self.approved.insert(key, before.unwrap_or_default())?),
            Some(true) => drop(self.approved.remove(key)?),
            Some(false) => {}
        }
        Ok(())
    }
}

/// What is read of the tree; two kinds of tables can be.
trait Tree {
    /// The piece that holds this name, if any does.
    fn piece(&self, folder: &[u8], name: &[u8]) -> Result<Option<Vec<u8>>, Fault>;
    fn pieces(&self, folder: &[u8], each: &mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault>;
    fn keys(&self, range: &(Vec<u8>, Vec<u8>), each: &mut dyn FnMut(&[u8])) -> Result<(), Fault>;
}

macro_rules! tree {
    ($($table:ty)*) => {$(
        impl Tree for $table {
            fn piece(&self, folder: &[u8], name: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
                block::last(self, &place::key(folder, b""), &place::key(folder, name))
            }

            fn pieces(&self, folder: &[u8], each: &mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
                let (from, to) = place::inside(folder);
                block::between(self, (&from, &to), &mut |_, piece| each(piece))
            }

            fn keys(&self, range: &(Vec<u8>, Vec<u8>), each: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
                block::between(self, (&range.0, &range.1), &mut |key, _| {
                    each(key);
                    Ok(())
                })
            }
        }
    )*};
}
tree!(redb::ReadOnlyTable<&'static [u8], &'static [u8]> Table<'_, &'static [u8], &'static [u8]>);

/// A fault while reading gives nothing back and fails the next commit.
impl Seen for Baseline {
    fn get(&self, path: &Path) -> Option<Entry> {
        let found = self.record(path.as_os_str().as_bytes());
        let entry = found.and_then(|record| Ok(record.as_deref().map(codec::decode).transpose()?));
        entry.unwrap_or_else(|fault| self.fail(&fault))
    }

    fn set(&mut self, path: &Path, entry: Option<&Entry>) {
        if let Some((folder, name)) = place::split(path.as_os_str().as_bytes()) {
            self.note_patch(folder, name, entry.map(|entry| codec::encoded(entry).into()));
        }
    }

    fn moved(&mut self, old: &Path, new: &Path) {
        let mut found: Vec<(PathBuf, Entry)> = Vec::new();
        found.extend(self.get(old).map(|entry| (old.to_owned(), entry)));
        self.below(old, &mut |path, entry| found.push((path.to_owned(), entry.clone())));
        for (path, _) in &found {
            self.set(path, None);
        }
        for (path, entry) in &found {
            if let Ok(rest) = path.strip_prefix(old) {
                let to = if rest.as_os_str().is_empty() { new.to_owned() } else { new.join(rest) };
                self.set(&to, Some(entry));
            }
        }
    }

    /// Folder by folder, each before those below it.
    fn below(&self, path: &Path, each: &mut dyn FnMut(&Path, &Entry)) {
        let folders = self.holding(path.as_os_str().as_bytes()).unwrap_or_else(|fault| self.fail(&fault));
        for folder in folders {
            for (name, entry) in self.list(&folder).unwrap_or_else(|fault| self.fail(&fault)) {
                each(Path::new(OsStr::from_bytes(&place::join(&folder, &name))), &entry);
            }
        }
    }

    fn names(&self, entry: &Entry, each: &mut dyn FnMut(&Path)) {
        if entry.nlink < 2 || entry.kind == Kind::Directory {
            return;
        }
        for path in self.other_names(entry).unwrap_or_else(|fault| self.fail(&fault)) {
            if self.get(&path).is_some_and(|known| known.id == entry.id) {
                each(&path);
            }
        }
    }

    fn children(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Entry)) {
        let found = self.list(folder.as_os_str().as_bytes()).unwrap_or_else(|fault| self.fail(&fault));
        found.into_iter().for_each(|(name, entry)| each(OsStr::from_bytes(&name), entry));
    }

    fn set_read(&mut self, folder: &Path, at: Timestamp) {
        self.pending.read.insert(folder.as_os_str().as_bytes().into(), at.millis());
        if self.pending.read.len() >= PENDING
            && let Err(fault) = self.write_pending()
        {
            self.fail(&fault)
        }
    }

    fn folders(&self, root: &Path, each: &mut dyn FnMut(&Path, Option<Timestamp>)) {
        let root = root.as_os_str().as_bytes();
        for (folder, at) in self.read_times(root).unwrap_or_else(|fault| self.fail(&fault)) {
            each(Path::new(OsStr::from_bytes(&folder)), at.map(Timestamp::from_millis));
        }
    }
}

impl Baseline {
    /// All folders at or below `root` that hold something, and when the bytes in them were last read.
    fn read_times(&self, root: &[u8]) -> Result<BTreeMap<Box<[u8]>, Option<i64>>, Fault> {
        let mut found: BTreeMap<Box<[u8]>, Option<i64>> =
            self.holding(root)?.into_iter().map(|folder| (folder, None)).collect();
        found.entry(root.into()).or_default();
        let times = store::view(self.open.as_ref(), self.committed()?, READ)?;
        for (folder, at) in &mut found {
            *at = times.get(folder)?.map(|row| row.value());
            *at = self.pending.read.get(folder).copied().or(*at);
        }
        Ok(found)
    }

    /// The digest of the approved tree as it is now.
    fn approved_digest(&self) -> Result<Option<Digest>, Fault> {
        let mut patches = store::Patches::new();
        let Some(open) = &self.open else { return Ok(self.state.tree.digest) };
        for row in open.open_table(APPROVED)?.iter()? {
            let (key, record) = row?;
            let Some((folder, name)) = place::of_key(key.value()) else { continue };
            let record = Some(record.value()).filter(|record| !record.is_empty()).map(Into::into);
            let patch = Patch { record: Some(record), below: None };
            patches.entry(folder.into()).or_default().insert(name.into(), patch);
        }
        let tree = open.open_table(TREE)?;
        check::digest_with(&tree, patches, self.state.tree.digest)
    }

    /// Takes from what is kept as approved whatever lies at or below these paths; all of it without any.
    pub(super) fn forget_approved(&mut self, paths: &[PathBuf]) -> Result<u64, Error> {
        let open = self.transaction()?;
        let mut count = 0;
        let forget = |within: &dyn Fn(&[u8]) -> bool| -> Result<u64, Fault> {
            let mut approved = open.open_table(APPROVED)?;
            let before = redb::ReadableTableMetadata::len(&approved)?;
            approved.retain(|key, _| !within(key))?;
            Ok(before - redb::ReadableTableMetadata::len(&approved)?)
        };
        if paths.is_empty() {
            return Ok(forget(&|_| true)?);
        }
        for path in paths {
            let path = path.as_os_str().as_bytes();
            count += forget(&|key| {
                place::of_key(key)
                    .is_some_and(|(folder, name)| place::is_within(folder, path) || place::join(folder, name) == path)
            })?;
        }
        Ok(count)
    }
}

/// Keeps the number of rows of a table within its bound, the oldest go.
pub(super) fn bound(table: &mut Table<'_, u64, &'static [u8]>, most: u64) -> Result<(), Fault> {
    while redb::ReadableTableMetadata::len(table)? > most {
        table.pop_first()?;
    }
    Ok(())
}

/// A generation's table, for whoever writes one.
pub(super) fn generations(open: &WriteTransaction) -> Result<Table<'_, u64, &'static [u8]>, Fault> {
    Ok(open.open_table(GENERATION)?)
}
