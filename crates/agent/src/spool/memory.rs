//! A disk in memory that can fail in the ways real ones do: full, refusing, losing what was not synced, dying between any
//! two operations. For tests of the spool and of whoever uses one; clones share the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::Disk;

/// Linux's numbers for the two failures that matter.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// The disk. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<State>>);

/// What can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// [`Disk::create`].
    Create,
    /// [`Disk::append`].
    Append,
    /// [`Disk::sync`].
    Sync,
    /// [`Disk::rename`].
    Rename,
    /// [`Disk::remove`].
    Remove,
}

/// What survives a crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Survives {
    /// Everything that was written: the process died, the machine did not.
    Written,
    /// What was synced and nothing else: the power went.
    Synced,
    /// What was synced, and of the rest a part chosen by this number.
    Part(u64),
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    /// Names as they are on the medium, and what happened to them since.
    durable_names: BTreeMap<String, usize>,
    unsynced: Vec<Change>,
    open: BTreeSet<String>,
    unreadable: BTreeSet<String>,
    failing: BTreeMap<Operation, u32>,
    capacity: Option<u64>,
    operations: u64,
    dies_at: Option<u64>,
    dead: bool,
    place: u64,
}

#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// A failed sync has thrown the unsynced bytes away; later syncs say yes and do nothing for them.
    poisoned: bool,
}

#[derive(Debug)]
struct Change {
    folder: String,
    name: String,
    file: Option<usize>,
}

impl Memory {
    /// An empty disk without bounds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on there is room for this many bytes.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// The next `times` operations of this kind fail with an I/O error.
    pub fn fail(&self, operation: Operation, times: u32) {
        self.lock().failing.insert(operation, times);
    }

    /// Reading this file fails from now on.
    pub fn make_unreadable(&self, path: &str) {
        self.lock().unreadable.insert(path.to_owned());
    }

    /// The process dies at the n-th changing operation from now, 0 being the next one: that and all others fail.
    pub fn die_after(&self, operations: u64) {
        let mut state = self.lock();
        state.dies_at = Some(state.operations + operations);
    }

    /// Changing operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// The machine comes back after a crash; what is then there depends on `survives`.
    pub fn restart(&self, survives: Survives) {
        let mut state = self.lock();
        state.apply(survives);
        (state.dead, state.dies_at) = (false, None);
        state.open.clear();
        state.failing.clear();
    }

    /// The spool was copied, or the machine booted.
    pub fn move_elsewhere(&self) {
        self.lock().place += 1;
    }

    /// A second disk with the same content.
    #[must_use]
    pub fn copied(&self) -> Self {
        let other = Self::new();
        for path in self.paths() {
            other.put(&path, &self.bytes(&path));
        }
        other.lock().place = self.lock().place + 1;
        other
    }

    /// Names of all files.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    /// What is in a file; empty if there is none.
    #[must_use]
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        let state = self.lock();
        state.names.get(path).map(|&file| state.files[file].now.clone()).unwrap_or_default()
    }

    /// Puts a file there, durably, as somebody else would.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let mut state = self.lock();
        state.files.push(Content { now: bytes.to_vec(), durable: bytes.to_vec(), poisoned: false });
        let file = state.files.len() - 1;
        state.names.insert(path.to_owned(), file);
        state.durable_names.insert(path.to_owned(), file);
    }

    /// Takes a file away, as somebody else would.
    pub fn take(&self, path: &str) {
        let mut state = self.lock();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a changing operation and says whether it may happen.
    fn step(&mut self, operation: Option<Operation>) -> io::Result<()> {
        if self.dies_at == Some(self.operations) {
            self.dead = true;
        }
        self.operations += 1;
        self.alive()?;
        match operation.and_then(|operation| self.failing.get_mut(&operation)) {
            Some(times) if *times > 0 => {
                *times -= 1;
                Err(io::Error::from_raw_os_error(EIO))
            }
            _ => Ok(()),
        }
    }

    fn alive(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the process is dead")) } else { Ok(()) }
    }

    fn file(&self, path: &str) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn opened(&self, path: &str) -> io::Result<usize> {
        if self.open.contains(path) { self.file(path) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn used(&self) -> u64 {
        self.names.values().map(|&file| self.files[file].now.len() as u64).sum()
    }

    fn name(&mut self, path: &str, file: Option<usize>) {
        match file {
            Some(file) => self.names.insert(path.to_owned(), file),
            None => self.names.remove(path),
        };
        let folder = folder_of(path).to_owned();
        self.unsynced.push(Change { folder, name: path.to_owned(), file });
    }

    fn make_durable(&mut self, change: Change) {
        match change.file {
            Some(file) => self.durable_names.insert(change.name, file),
            None => self.durable_names.remove(&change.name),
        };
    }

    fn apply(&mut self, survives: Survives) {
        let mut random = match survives {
            Survives::Written => {
                self.files.iter_mut().for_each(|content| content.durable.clone_from(&content.now));
                self.durable_names = self.names.clone();
                self.unsynced.clear();
                return;
            }
            Survives::Synced => None,
            Survives::Part(seed) => Some(seed),
        };
        let mut below = |bound: usize| random.as_mut().map_or(0, |seed| next(seed) % (bound + 1));
        let kept = below(self.unsynced.len());
        let changes: Vec<Change> = self.unsynced.drain(..).take(kept).collect();
        changes.into_iter().for_each(|change| self.make_durable(change));
        for content in &mut self.files {
            let unsynced = content.now.len().saturating_sub(content.durable.len());
            let kept = content.durable.len() + below(unsynced);
            if !content.poisoned && content.now.starts_with(&content.durable) {
                content.durable = content.now[..kept].to_vec();
            }
            content.now.clone_from(&content.durable);
        }
        self.names = self.durable_names.clone();
    }
}

/// A small generator (Knuth's MMIX constants); only variety is asked of it.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap_or(0)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Disk for Memory {
    fn make_folder(&mut self, _folder: &str) -> io::Result<()> {
        self.lock().alive()
    }

    fn list(&mut self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        let state = self.lock();
        state.alive()?;
        let here = state.names.iter().filter(|(path, _)| folder_of(path) == folder);
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(here.map(|(path, &file)| (name(path), state.files[file].now.len() as u64)).collect())
    }

    fn read(&mut self, path: &str, at: u64, buf: &mut [u8]) -> io::Result<usize> {
        let state = self.lock();
        state.alive()?;
        if state.unreadable.contains(path) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let bytes = &state.files[state.file(path)?].now;
        let rest = bytes.get(usize::try_from(at).unwrap_or(usize::MAX)..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn create(&mut self, path: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.step(Some(Operation::Create))?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if state.capacity.is_some_and(|capacity| state.used() >= capacity) {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        state.files.push(Content::default());
        let file = state.files.len() - 1;
        state.name(path, Some(file));
        state.open.insert(path.to_owned());
        Ok(())
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        let stepped = state.step(Some(Operation::Append));
        let file = state.opened(path)?;
        let room = state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.used()));
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        // Dying or failing in the middle leaves the first half, a full disk what fitted.
        let kept = if stepped.is_err() { bytes.len() / 2 } else { bytes.len().min(room) };
        state.files[file].now.extend_from_slice(&bytes[..kept]);
        stepped?;
        if kept < bytes.len() { Err(io::Error::from_raw_os_error(ENOSPC)) } else { Ok(()) }
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        let mut state = self.lock();
        let stepped = state.step(Some(Operation::Sync));
        let file = state.opened(path)?;
        let content = &mut state.files[file];
        match &stepped {
            Ok(()) if !content.poisoned => content.durable.clone_from(&content.now),
            Ok(()) => {}
            Err(_) => content.poisoned = true,
        }
        stepped
    }

    fn sync_folder(&mut self, folder: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.step(None)?;
        let (synced, rest) = state.unsynced.drain(..).partition(|change| change.folder == folder);
        state.unsynced = rest;
        let synced: Vec<Change> = synced;
        synced.into_iter().for_each(|change| state.make_durable(change));
        Ok(())
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        let mut state = self.lock();
        state.step(None)?;
        let file = state.opened(path)?;
        state.files[file].now.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }

    fn close(&mut self, path: &str) {
        self.lock().open.remove(path);
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.step(Some(Operation::Rename))?;
        let file = state.file(from)?;
        state.name(from, None);
        state.name(to, Some(file));
        Ok(())
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.alive()?;
        state.file(path)?;
        state.step(Some(Operation::Remove))?;
        state.name(path, None);
        Ok(())
    }

    fn free(&mut self) -> io::Result<u64> {
        let state = self.lock();
        Ok(state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.used())))
    }

    fn place(&mut self) -> u64 {
        self.lock().place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Memory {
        let disk = Memory::new();
        let mut hand = disk.clone();
        hand.create("high/a").unwrap();
        hand.append("high/a", b"synced").unwrap();
        hand.sync("high/a").unwrap();
        hand.sync_folder("high").unwrap();
        hand.append("high/a", b" and not").unwrap();
        hand.create("high/b").unwrap();
        disk
    }

    #[test]
    fn a_dead_process_leaves_what_it_wrote() {
        let disk = written();
        disk.restart(Survives::Written);
        assert_eq!(disk.bytes("high/a"), b"synced and not");
        assert_eq!(disk.paths(), ["high/a", "high/b"]);
    }

    #[test]
    fn a_power_cut_leaves_what_was_synced() {
        let disk = written();
        disk.restart(Survives::Synced);
        assert_eq!(disk.bytes("high/a"), b"synced");
        assert_eq!(disk.paths(), ["high/a"]);
    }

    #[test]
    fn bytes_after_a_failed_sync_are_gone_even_if_a_later_one_succeeds() {
        let disk = written();
        disk.fail(Operation::Sync, 1);
        let mut hand = disk.clone();
        assert!(hand.sync("high/a").is_err());
        hand.sync("high/a").unwrap();
        disk.restart(Survives::Synced);
        assert_eq!(disk.bytes("high/a"), b"synced");
    }

    #[test]
    fn a_full_disk_takes_what_fits() {
        let disk = written();
        disk.set_capacity(Some(16));
        let error = disk.clone().append("high/a", b"0123456789").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.bytes("high/a"), b"synced and not01");
    }
}
