//! The embedded engine: tantivy, one index for each stream and stretch of time.
//!
//! ```text
//! Accepted -> split -> writer -> window ... sealed: one segment, never written again
//!                                   |
//! Search --> query (which documents) -> hits (which first) -> source (whole events)
//!                                   \-> aggregate
//! ```
//! * A keyword is postings and a column, a number only a column, an id neither; the document itself is not stored but
//!   rebuilt from the columns and a blob of what has no column ([`schema`] has the table, `source` the way back).
//! * Windows are searched newest first, left out by the times they really hold, and deleted whole.
//! * An event is searchable within two seconds in every case in which somebody looks: commits come each second while
//!   anybody searches, each ten seconds otherwise, and a search that finds older uncommitted events asks for a commit.
//!
//! Not here: what a query means for one event ([`crate::memory`] says that, and is asked for values that are not in
//! columns), durability before a commit (the write-ahead log), and documents that are replaced by id.

mod aggregate;
mod hits;
mod keeper;
mod merge;
mod query;
mod rest;
mod retention;
mod schema;
mod search;
mod segment;
mod sheet;
mod source;
mod split;
mod values;
mod window;
mod words;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ::schema::search::{Answer, Search};
use ::schema::{Event, EventId, IngestSeq, Stream, Timestamp};

use self::keeper::Keeper;
use self::window::{Name, Summary, Window};
use self::writer::Writers;
use crate::{Accepted, AppendError, Context, SearchError, Store};

pub use self::retention::{Keep, Retention};
pub use self::window::is_suspect;

/// A window takes no more beyond either.
const MOST_WINDOW_EVENTS: u64 = 10_000_000;
const MOST_WINDOW_BYTES: u64 = 2 << 30;

/// What can be chosen.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What to keep for how long.
    pub retention: Retention,
}

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the store at {path}: {source}")]
pub struct OpenError {
    /// Where.
    pub path: String,
    /// Why.
    pub source: io::Error,
}

/// Events in windows under one folder. Dropping it commits what is pending.
pub struct Engine {
    shared: Arc<Shared>,
    keeper: Keeper,
}

/// What the engine, its keeper and its searches share.
struct Shared {
    root: PathBuf,
    options: Options,
    windows: RwLock<BTreeMap<Name, Arc<Window>>>,
    writers: Mutex<Writers>,
    progress: keeper::Progress,
    /// Counts uses of windows, to find the least recently used.
    uses: AtomicU64,
    /// Events that would not have been rebuilt as they were accepted.
    rebuild_errors: AtomicU64,
    graveyard: Mutex<Vec<retention::Grave>>,
}

impl Engine {
    /// Opens the store under `root`, which is made if it is not there. Windows that cannot be read are named in
    /// [`Store::windows`]; the rest works.
    ///
    /// # Errors
    /// The folder cannot be made or listed.
    pub fn open(root: &Path, options: Options) -> Result<Self, OpenError> {
        let failed = |source| OpenError { path: root.display().to_string(), source };
        let windows = find_windows(root).map_err(failed)?;
        let through = windows.values().map(|window| window.summary().through).max().unwrap_or(0);
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            options,
            writers: Mutex::new(Writers::new(&windows, through)),
            windows: RwLock::new(windows),
            progress: keeper::Progress::new(through),
            uses: AtomicU64::new(0),
            rebuild_errors: AtomicU64::new(0),
            graveyard: Mutex::new(Vec::new()),
        });
        let keeper = Keeper::start(shared.clone()).map_err(failed)?;
        Ok(Self { shared, keeper })
    }

    /// Events that the self-check could not rebuild since start; anything but 0 is a fault of ours.
    #[must_use]
    pub fn rebuild_errors(&self) -> u64 {
        self.shared.rebuild_errors.load(Ordering::Relaxed)
    }

    /// Commits, and joins every window to one segment, however young it is. For measurements and archives; windows that
    /// go on growing get a new part.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn seal_all(&self) -> Result<(), AppendError> {
        self.commit()?;
        self.shared.writers().tell_time(Timestamp::from_millis(i64::MAX));
        self.shared.seal_finished().map_err(AppendError::Failed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Err(error) = self.commit() {
            // The log still has what is lost here.
            tracing::warn!(%error, "could not commit while stopping");
        }
        self.keeper.stop(&self.shared);
    }
}

impl Store for Engine {
    fn append(&self, batch: &[Accepted]) -> Result<(), AppendError> {
        let mut writers = self.shared.writers();
        let taken = writers.append(&self.shared, batch);
        self.shared.note(&writers);
        taken
    }

    fn commit(&self) -> Result<(), AppendError> {
        self.shared.commit()
    }

    fn committed_through(&self) -> IngestSeq {
        IngestSeq(self.shared.progress.committed())
    }

    fn searchable_through(&self) -> IngestSeq {
        self.committed_through()
    }

    fn search(&self, search: &Search, context: &Context) -> Result<Answer, SearchError> {
        self.shared.freshen(context);
        search::answer(&self.shared, search, context)
    }

    fn get(&self, ids: &[EventId], context: &Context) -> Result<Vec<Event>, SearchError> {
        self.shared.freshen(context);
        search::get(&self.shared, ids, context)
    }

    fn scan(
        &self,
        search: &Search,
        context: &Context,
        sink: &mut dyn FnMut(Vec<Event>) -> bool,
    ) -> Result<(), SearchError> {
        self.shared.freshen(context);
        search::scan(&self.shared, search, context, sink)
    }

    fn fields(&self, streams: &[Stream]) -> Vec<String> {
        search::fields(&self.shared, streams)
    }

    fn windows(&self) -> Vec<crate::Window> {
        self.shared.windows().values().map(|window| window.describe()).collect()
    }

    fn enforce_retention(&self, now: Timestamp) -> Vec<crate::Window> {
        retention::enforce(&self.shared, now)
    }
}

impl Shared {
    fn windows(&self) -> RwLockReadGuard<'_, BTreeMap<Name, Arc<Window>>> {
        // Every change under these locks is one insert or remove, so what a panic leaves behind is whole.
        self.windows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn windows_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Name, Arc<Window>>> {
        self.windows.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn writers(&self) -> MutexGuard<'_, Writers> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_full(&self, summary: &Summary, window: &Window) -> bool {
        summary.events >= MOST_WINDOW_EVENTS || window.describe().bytes >= MOST_WINDOW_BYTES
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }

    /// What a failed write means: a full disk is told apart by trying to write a little.
    fn failure(&self, folder: &Path, reason: String) -> AppendError {
        let full = reason.contains("No space left") || !has_room(&self.root);
        if full { AppendError::Full { path: folder.display().to_string() } } else { AppendError::Failed(reason) }
    }
}

fn has_room(root: &Path) -> bool {
    let probe = root.join("room.tmp");
    let written = fs::write(&probe, [1_u8; 64 * 1024]).is_ok();
    // It is only a probe: what stays behind is overwritten next time.
    written & fs::remove_file(&probe).is_ok()
}

fn find_windows(root: &Path) -> io::Result<BTreeMap<Name, Arc<Window>>> {
    let mut windows = BTreeMap::new();
    for stream in Stream::ALL {
        let folder = root.join(stream.name());
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if file_name.ends_with(".deleted") {
                fs::remove_dir_all(&path)?;
            } else if let Some(name) = Name::parse(stream, file_name) {
                if path.join("meta.json").exists() {
                    windows.insert(name, Arc::new(Window::found(name, path)));
                } else if !path.join("window.json").exists() {
                    // The process ended while making it: nothing was ever committed here.
                    fs::remove_dir_all(&path)?;
                } else {
                    windows.insert(name, Arc::new(Window::failed(name, path, "meta.json is missing".to_owned())));
                }
            }
        }
    }
    Ok(windows)
}

impl From<tantivy::TantivyError> for SearchError {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<io::Error> for SearchError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
