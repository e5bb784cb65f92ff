//! The baseline, shared by the judge, the scans and whoever asks from outside. Each call is short; nobody holds it for
//! a scan, and nobody is called back while it is held.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fim::Entry;
use fim::baseline::Baseline;
use fim::seen::Seen;
use schema::Timestamp;

/// A handle; clones are handles to the same.
#[derive(Clone)]
pub(super) struct Memory(Arc<Mutex<Baseline>>);

impl Memory {
    pub(super) fn new(baseline: Baseline) -> Self {
        Self(Arc::new(Mutex::new(baseline)))
    }

    /// A thread that panicked in the middle of a change leaves a baseline that its next commit still signs as a whole.
    pub(super) fn lock(&self) -> MutexGuard<'_, Baseline> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen for Memory {
    fn get(&self, path: &Path) -> Option<Entry> {
        self.lock().get(path)
    }

    fn set(&mut self, path: &Path, entry: Option<&Entry>) {
        self.lock().set(path, entry);
    }

    fn moved(&mut self, old: &Path, new: &Path) {
        self.lock().moved(old, new);
    }

    fn below(&self, path: &Path, each: &mut dyn FnMut(&Path, &Entry)) {
        let mut all = Vec::new();
        self.lock().below(path, &mut |path, entry| all.push((path.to_owned(), entry.clone())));
        all.iter().for_each(|(path, entry)| each(path, entry));
    }

    fn names(&self, entry: &Entry, each: &mut dyn FnMut(&Path)) {
        let mut all = Vec::new();
        self.lock().names(entry, &mut |path| all.push(path.to_owned()));
        all.iter().for_each(|path| each(path));
    }

    fn children(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Entry)) {
        let mut all = Vec::new();
        self.lock().children(folder, &mut |name, entry| all.push((name.to_owned(), entry)));
        all.into_iter().for_each(|(name, entry)| each(&name, entry));
    }

    fn set_children<'a>(&mut self, folder: &Path, entries: &mut dyn Iterator<Item = (&'a OsStr, Option<&'a Entry>)>) {
        self.lock().set_children(folder, entries);
    }

    fn set_read(&mut self, folder: &Path, at: Timestamp) {
        self.lock().set_read(folder, at);
    }

    fn folders(&self, root: &Path, each: &mut dyn FnMut(&Path, Option<Timestamp>)) {
        let mut all = Vec::new();
        self.lock().folders(root, &mut |folder, at| all.push((folder.to_owned(), at)));
        all.iter().for_each(|(folder, at)| each(folder, *at));
    }
}
