//! What was last seen of every file, and what somebody approved: one database, a Merkle tree over it, signed.
//!
//! Two layers. *Seen* is the tree as it was last looked at; the judge and the scans compare with it and move it on. *Approved* is
//! what somebody said is right, in generations; where it is the same as *seen*, which is nearly everywhere, it takes no room. So a
//! change alerts once, and stays an open deviation until it is approved or undone.
//!
//! Every commit is signed and counted outside of the database. [`Baseline::open`] reads everything once: pages, signatures, the
//! tree from its leaves up, the chain of generations, the counter. What fails is refused and never overwritten;
//! [`Baseline::open_or_set_aside`] renames it and begins anew, unapproved. After `kill -9` at any point it holds the last commit, whole.
//!
//! Bounds: 8 MiB of cache, [`PENDING`] changes in memory before they go to the transaction under way, [`SCANS`] scans and
//! [`GENERATIONS`] generations kept. Knows no clock: `now` is handed in.

mod block;
mod check;
pub mod codec;
mod counter;
mod deviation;
mod export;
mod folder;
mod generation;
mod history;
mod memory;
mod place;
mod sign;
mod store;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use redb::{Builder, Database, DatabaseError, ReadTransaction, StorageError, WriteTransaction};
use schema::Timestamp;

pub use check::{Problem, Verified};
pub use counter::Counter;
pub use deviation::Deviation;
pub use export::Exported;
pub use generation::Generation;
pub use history::Scan;
pub use sign::{Beside, Key, Layer, Seal};

use crate::entry::Digest;
use store::{Fault, META, Patches};

/// Name of the database in the state folder.
pub const FILE: &str = "baseline.redb";
/// Name of the key.
pub const KEY: &str = "baseline.key";
/// Name of the counter.
pub const COUNTER: &str = "baseline.counter";

/// Changes that are held in memory at most; with names and records some 2 MiB.
pub const PENDING: usize = 8192;
/// Scans whose results are kept: half a year of hourly ones.
pub const SCANS: u64 = 4096;
/// Generations that are kept.
pub const GENERATIONS: u64 = 4096;

/// Version of the file's form.
const FORMAT: u64 = 1;
const CACHE: usize = 8 << 20;

/// Where it lies and whose it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// The state folder; made with mode 0700.
    pub folder: PathBuf,
    /// The counter file; `None`: [`COUNTER`] in the folder.
    pub counter: Option<PathBuf>,
    /// Who signs; `None`: whoever did so far.
    pub agent: Option<String>,
    /// Digest of the policies; `None`: as they were.
    pub policies: Option<Digest>,
}

impl Options {
    /// Everything by its default.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), counter: None, agent: None, policies: None }
    }

    /// The database.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn counter(&self) -> PathBuf {
        self.counter.clone().unwrap_or_else(|| self.folder.join(COUNTER))
    }

    fn key(&self) -> PathBuf {
        self.folder.join(KEY)
    }
}

/// Why there is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// None was made yet.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// There is one already.
    #[error("{} exists", .0.display())]
    Exists(PathBuf),
    /// Another process has it open, most likely the agent.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// Written by a newer version.
    #[error("{} has format {found}, and this version knows up to {FORMAT}: use the version that wrote it", .file.display())]
    Newer {
        /// The database.
        file: PathBuf,
        /// Its format.
        found: u64,
    },
    /// It does not pass its check.
    #[error("{} fails its check: {}", .file.display(), check::list(.why))]
    Refused {
        /// The database.
        file: PathBuf,
        /// All that is wrong.
        why: Vec<Problem>,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", .file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database could not be read or written.
    #[error("{0}")]
    Store(String),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.to_string())
    }
}

impl Error {
    fn io(file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { file, source }
    }
}

/// A baseline, or a fresh one because the old one fails its check.
#[derive(Debug)]
pub enum Opened {
    /// It passed.
    Good(Baseline),
    /// It did not: it lies beside, untouched, and an empty and unapproved one takes its place.
    Refused {
        /// All that is wrong.
        why: Vec<Problem>,
        /// Where the old one is now; `None`: it was gone.
        set_aside: Option<PathBuf>,
        /// Goes on counting where the old one ended.
        fresh: Baseline,
    },
}

/// An open baseline. One process at a time.
pub struct Baseline {
    options: Options,
    db: Database,
    /// Of the last commit; taken anew at each.
    committed: Option<ReadTransaction>,
    tree: Option<redb::ReadOnlyTable<&'static [u8], &'static [u8]>>,
    /// The transaction under way.
    open: Option<WriteTransaction>,
    pending: Pending,
    key: Key,
    state: State,
    failure: OnceLock<String>,
}

impl std::fmt::Debug for Baseline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Baseline")
            .field("file", &self.options.file())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What is known of it without reading tables.
#[derive(Clone, Debug)]
struct State {
    agent: String,
    policies: Digest,
    /// The last seal of what was seen.
    seen: Seal,
    /// The last generation.
    approved: Option<Generation>,
    /// What the counter outside says for sure.
    counted: Option<Counter>,
    /// How many generations are kept.
    generations: u64,
    /// Digest of the scans that are kept.
    scans: Digest,
    /// As it is in the transaction under way.
    tree: Whole,
    /// As it is committed.
    committed: Whole,
}

/// The whole tree in two values.
#[derive(Clone, Copy, Debug)]
struct Whole {
    /// Digest of the folder `""`.
    digest: Option<Digest>,
    entries: u64,
}

/// Changes that the database does not have yet.
#[derive(Default)]
struct Pending {
    patches: Patches,
    records: usize,
    read: BTreeMap<Box<[u8]>, i64>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.patches.is_empty() && self.read.is_empty()
    }
}

impl Baseline {
    /// Opens one and checks all of it.
    ///
    /// # Errors
    /// When there is none, it is in use, it fails its check, or it cannot be read.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let file = options.file();
        let counter = Counter::read(&options.counter()).map_err(Error::io(&options.counter()))?;
        match file.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(file, counter)),
            Err(error) => return Err(Error::io(&file)(error)),
            Ok(_) => {}
        }
        let refused = |why| Error::Refused { file: file.clone(), why: vec![why] };
        let key = Key::open(&options.key(), false).map_err(|error| refused(Problem::Key(error.to_string())))?;
        let db = builder().set_check_integrity_on_open(true).open(&file).map_err(|error| not_opened(&file, error))?;
        Self::of(options.clone(), db, key, counter)
    }

    /// Opens one; one that fails its check is renamed, never overwritten, and a fresh one begun.
    ///
    /// # Errors
    /// As [`Baseline::open`] for all else: none there, in use, from a newer version, files that cannot be read or written.
    pub fn open_or_set_aside(options: &Options, now: Timestamp) -> Result<Opened, Error> {
        let why = match Self::open(options) {
            Ok(baseline) => return Ok(Opened::Good(baseline)),
            Err(Error::Refused { why, .. }) => why,
            Err(other) => return Err(other),
        };
        let set_aside = set_aside(&options.file(), now)?;
        let fresh = Self::create(options, now)?;
        Ok(Opened::Refused { why, set_aside, fresh })
    }

    /// Opens one, or makes an empty one where there is none.
    ///
    /// # Errors
    /// As [`Baseline::open_or_set_aside`] and [`Baseline::create`].
    pub fn open_or_create(options: &Options, now: Timestamp) -> Result<Opened, Error> {
        match Self::open_or_set_aside(options, now) {
            Err(Error::Missing(_)) => Self::create(options, now).map(Opened::Good),
            other => other,
        }
    }

    /// Makes an empty one, with nothing approved. Where a counter says that there was one before, it goes on counting.
    ///
    /// # Errors
    /// When there is one, or files cannot be written.
    pub fn create(options: &Options, now: Timestamp) -> Result<Self, Error> {
        let file = options.file();
        if file.exists() {
            return Err(Error::Exists(file));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&options.folder).map_err(Error::io(&options.folder))?;
        let key = Key::open(&options.key(), true).map_err(Error::io(&options.key()))?;
        let counter = Counter::read(&options.counter()).map_err(Error::io(&options.counter()))?;
        let seal = first_seal(options, &key, counter, now);
        let beside = options.folder.join(format!("{FILE}.new"));
        make(&beside, &seal, counter, &key)?;
        Counter { sequence: seal.sequence, generation: seal.generation, root: seal.root }
            .write(&options.counter())
            .map_err(Error::io(&options.counter()))?;
        fs::rename(&beside, &file).map_err(Error::io(&file))?;
        Self::open(options)
    }

    /// The rest of opening: everything is read once.
    fn of(options: Options, db: Database, key: Key, counter: Option<Counter>) -> Result<Self, Error> {
        let file = options.file();
        let committed = store::committed(&db).map_err(|fault| refused(&file, fault))?;
        let meta = check::meta(&committed, &file)?;
        let verified =
            check::all(&committed, &meta, &key.public(), counter, None).map_err(|fault| refused(&file, fault))?;
        if !verified.problems.is_empty() {
            return Err(Error::Refused { file, why: verified.problems });
        }
        let seen = meta.seal;
        let whole = Whole { digest: verified.tree, entries: verified.entries };
        let state = State {
            agent: options.agent.clone().unwrap_or_else(|| seen.agent.clone()),
            policies: options.policies.unwrap_or(seen.policies),
            approved: verified.generations.last().cloned(),
            counted: counter,
            generations: verified.generations.len() as u64,
            scans: verified.scans,
            tree: whole,
            committed: whole,
            seen,
        };
        let tree = committed.open_table(store::TREE).map_err(|error| refused(&file, error.into()))?;
        let (committed, tree) = (Some(committed), Some(tree));
        let (pending, failure) = (Pending::default(), OnceLock::new());
        Ok(Self { options, db, committed, tree, open: None, pending, key, state, failure })
    }

    /// Makes everything that was noted durable, signs it and counts it. Nothing noted: nothing happens.
    ///
    /// # Errors
    /// When the database or the counter cannot be written, or could not be read since the last commit. What was noted is then lost
    /// with the transaction unless it was the counter alone.
    pub fn commit(&mut self, now: Timestamp) -> Result<(), Error> {
        if self.pending.is_empty() && self.open.is_none() && self.state.policies == self.state.seen.policies {
            return self.failed();
        }
        self.seal(now)
    }

    /// Signs what is seen now, whether or not something changed: at the end of a scan.
    ///
    /// # Errors
    /// As [`Baseline::commit`].
    pub fn seal(&mut self, now: Timestamp) -> Result<(), Error> {
        self.flush()?;
        self.finish(now, None)
    }

    /// Gives up everything that was noted since the last commit.
    pub fn abandon(&mut self) {
        self.pending = Pending::default();
        self.open = None;
        self.failure = OnceLock::new();
        self.state.tree = self.state.committed;
        self.state.scans = self.state.seen.beside.scans;
        self.reload();
    }

    /// Where it lies.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The last seal over what was seen.
    #[must_use]
    pub fn last_seal(&self) -> &Seal {
        &self.state.seen
    }

    /// The last generation; `None`: nothing is approved.
    #[must_use]
    pub fn approved(&self) -> Option<&Generation> {
        self.state.approved.as_ref()
    }

    /// Number of entries, as of the last commit or beyond it.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.state.tree.entries
    }

    /// The public half of the key, 64 hex digits.
    #[must_use]
    pub fn public_key(&self) -> String {
        self.key.public()
    }

    /// From the next commit on the tree is signed under these policies.
    pub fn set_policies(&mut self, policies: Digest) {
        self.state.policies = policies;
    }

    /// What another room keeps here under a name of its own (`room/...`).
    #[must_use]
    pub fn note(&self, name: &[u8]) -> Option<Vec<u8>> {
        let found = || -> Result<_, Fault> {
            let notes = store::view(self.open.as_ref(), self.committed()?, store::NOTE)?;
            Ok(notes.get(name)?.map(|value| value.value().to_vec()))
        };
        found().unwrap_or_else(|fault| self.fail(&fault))
    }

    /// Keeps something for another room; `None`: no longer. It is durable with the next commit, and its bounds are that room's.
    pub fn set_note(&mut self, name: &[u8], value: Option<&[u8]>) {
        let mut kept = || -> Result<(), Fault> {
            let mut notes = self.transaction()?.open_table(store::NOTE)?;
            match value {
                Some(value) => drop(notes.insert(name, value)?),
                None => drop(notes.remove(name)?),
            }
            Ok(())
        };
        kept().unwrap_or_else(|fault| self.fail(&fault));
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

/// A counter that tells of a generation says that a missing database was taken away.
fn missing(file: PathBuf, counter: Option<Counter>) -> Error {
    match counter {
        Some(counter) if counter.generation > 0 => {
            Error::Refused { file, why: vec![Problem::Gone { generation: counter.generation }] }
        }
        _ => Error::Missing(file),
    }
}

fn refused(file: &Path, fault: Fault) -> Error {
    Error::Refused { file: file.to_owned(), why: vec![Problem::Unreadable(fault.to_string())] }
}

fn not_opened(file: &Path, error: DatabaseError) -> Error {
    match error {
        DatabaseError::DatabaseAlreadyOpen => Error::Locked(file.to_owned()),
        DatabaseError::Storage(StorageError::Io(source))
            if !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            Error::Io { file: file.to_owned(), source }
        }
        error => refused(file, error.into()),
    }
}

/// Renames to a name that is not taken; `None`: it was gone.
fn set_aside(file: &Path, now: Timestamp) -> Result<Option<PathBuf>, Error> {
    for attempt in 0..1000 {
        let beside = file.with_extension(format!("refused-{}-{attempt}", now.millis()));
        if beside.exists() {
            continue;
        }
        return match fs::rename(file, &beside) {
            Ok(()) => Ok(Some(beside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(file)(error)),
        };
    }
    Err(Error::io(file)(io::Error::other("a thousand refused ones of this moment lie beside it")))
}

fn first_seal(options: &Options, key: &Key, counter: Option<Counter>, now: Timestamp) -> Seal {
    let policies = options.policies.unwrap_or(Digest([0; 32]));
    key.sign(Seal {
        layer: Layer::Seen,
        agent: options.agent.clone().unwrap_or_default(),
        generation: counter.map_or(0, |counter| counter.generation),
        sequence: counter.map_or(1, |counter| counter.sequence.saturating_add(1)),
        time_ms: now.millis(),
        previous: counter.map_or(Digest([0; 32]), |counter| counter.root),
        root: tree::root(&policies, None),
        policies,
        reason: String::new(),
        beside: Beside::default(),
        signature: String::new(),
    })
}

/// An empty database in a file of its own.
fn make(file: &Path, seal: &Seal, counter: Option<Counter>, key: &Key) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io(file)(error)),
        _ => {}
    }
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(Error::io(file))?;
    let filled = || -> Result<(), Fault> {
        let db = builder().create(file)?;
        let open = db.begin_write()?;
        open.open_table(store::TREE)?;
        open.open_table(store::APPROVED)?;
        open.open_table(store::INODE)?;
        open.open_table(store::GENERATION)?;
        open.open_table(store::SCAN)?;
        open.open_table(store::READ)?;
        open.open_table(store::NOTE)?;
        {
            let mut meta = open.open_table(META)?;
            meta.insert("format", FORMAT.to_be_bytes().as_slice())?;
            meta.insert("public_key", key.public().as_bytes())?;
            check::write_seal(&mut meta, seal, counter)?;
        }
        open.commit()?;
        Ok(())
    };
    filled().map_err(Error::from)
}
