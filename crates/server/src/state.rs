//! What people change: users, sessions, tokens, saved searches, the journal, and what agents last said of themselves.
//!
//! SQLite in WAL mode, `synchronous = FULL`, one thread that owns the connection; everybody else sends it closures. Secrets
//! are stored hashed. Tokens and sessions are looked up in memory (`Keys`), so a request costs no query, and what is
//! revoked is revoked at once.
//!
//! A database that is damaged is set aside at start, and the nightly copy takes its place.

mod baselines;
mod journal;
mod people;
mod secret;
mod tokens;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::oneshot;

use crate::clock;

pub use baselines::{Followed, Generation, Standing};
pub use journal::{Entry, Saved};
pub use people::{Session, User, UserError};
pub use tokens::{NewToken, Token};

use people::{Link, Sessions};
use tokens::Tokens;

/// What a person or program may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Search and look.
    Viewer,
    /// And label, acknowledge, save searches.
    Analyst,
    /// And everything else.
    Admin,
    /// Only write events.
    Ingest,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Analyst, Self::Admin, Self::Ingest];

    /// The word in the interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
            Self::Ingest => "ingest",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// The state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Too much to do.
    #[error("the state is busy; try again")]
    Busy,
    /// The thread that owns the database is gone.
    #[error("the state is closed")]
    Closed,
    /// SQLite says no.
    #[error("the state cannot be read or written: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file system says no.
    #[error("the state's file cannot be used: {0}")]
    Io(#[from] io::Error),
    /// There is no randomness.
    #[error("the system gives no random bytes")]
    Random,
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The state of one server.
pub struct State {
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    tokens: RwLock<Tokens>,
    sessions: Mutex<Sessions>,
    links: Mutex<Vec<Link>>,
    path: PathBuf,
}

/// Jobs that may wait for the database; beyond it: [`StateError::Busy`].
const QUEUE: usize = 256;

const SCHEMA: &str = "
CREATE TABLE users (name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT, created INTEGER NOT NULL);
CREATE TABLE sessions (hash BLOB PRIMARY KEY, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL, csrf TEXT NOT NULL,
    created INTEGER NOT NULL, last_seen INTEGER NOT NULL, address TEXT NOT NULL);
CREATE TABLE tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash BLOB NOT NULL,
    created INTEGER NOT NULL, created_by TEXT NOT NULL, expires INTEGER);
CREATE TABLE saved (name TEXT PRIMARY KEY, owner TEXT NOT NULL, query TEXT NOT NULL, columns TEXT NOT NULL,
    from_time TEXT NOT NULL, to_time TEXT NOT NULL);
CREATE TABLE journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, who TEXT NOT NULL,
    origin TEXT NOT NULL, what TEXT NOT NULL, before TEXT, after TEXT);
CREATE TABLE agents (id TEXT PRIMARY KEY, last_seen INTEGER NOT NULL, said TEXT NOT NULL);
";
/// The schema's version; each change adds a step to [`migrate`].
const VERSION: i64 = 2;
/// Version 2: generations of baselines as agents told of them, and how far events were followed.
const BASELINES: &str = "
CREATE TABLE baselines (agent TEXT NOT NULL, seq INTEGER NOT NULL, generation INTEGER NOT NULL, root TEXT NOT NULL,
    previous TEXT NOT NULL, key TEXT NOT NULL, signature TEXT NOT NULL, policies TEXT NOT NULL, reason TEXT NOT NULL,
    host TEXT NOT NULL, event TEXT NOT NULL, time INTEGER NOT NULL, seen INTEGER NOT NULL, standing TEXT NOT NULL,
    told INTEGER NOT NULL, PRIMARY KEY (agent, seq)) WITHOUT ROWID;
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
";

impl State {
    /// Opens or creates the database.
    ///
    /// # Errors
    /// It cannot be created, or it and its copy are damaged beyond use.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let mut connection = connect(path)?;
        let now = clock::now();
        let tokens = Tokens::load(&connection)?;
        let sessions = Sessions::load(&connection)?;
        let (jobs, queue) = sync_channel::<Job>(QUEUE);
        let run = move || {
            for job in queue {
                job(&mut connection);
            }
        };
        let thread = std::thread::Builder::new().name("state".to_owned()).spawn(run)?;
        tracing::debug!(%now, "state opened");
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            tokens: RwLock::new(tokens),
            sessions: Mutex::new(sessions),
            links: Mutex::default(),
            path: path.to_owned(),
        })
    }

    /// Runs a closure on the database's thread.
    async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<R, StateError> + Send + 'static,
    ) -> Result<R, StateError> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| drop(done.send(job(connection))));
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        jobs.ok_or(StateError::Closed)?.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StateError::Busy,
            TrySendError::Disconnected(_) => StateError::Closed,
        })?;
        answer.await.map_err(|_| StateError::Closed)?
    }

    /// Writes a copy beside the database, which takes its place if it comes to harm.
    ///
    /// # Errors
    /// The copy cannot be written; the one before stays.
    pub async fn back_up(&self) -> Result<(), StateError> {
        let (temporary, copy) = (self.path.with_extension("db.tmp"), copy_of(&self.path));
        self.run(move |connection| {
            match std::fs::remove_file(&temporary) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            connection.execute("VACUUM INTO ?1", [temporary.to_string_lossy()])?;
            Ok(std::fs::rename(&temporary, &copy)?)
        })
        .await
    }

    /// Finishes what waits and closes the database.
    pub fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(thread.join());
        }
    }
}

fn copy_of(path: &Path) -> PathBuf {
    path.with_extension("db.bak")
}

fn connect(path: &Path) -> Result<Connection, StateError> {
    match prepared(path) {
        Ok(connection) => Ok(connection),
        Err(StateError::Sqlite(error)) if damaged(&error) => {
            let aside = path.with_extension(format!("db.damaged-{}", clock::now().millis()));
            tracing::error!(%error, aside = %aside.display(), "state.db is damaged and set aside; the last copy takes its place");
            std::fs::rename(path, &aside)?;
            for companion in ["db-wal", "db-shm"] {
                drop(std::fs::remove_file(path.with_extension(companion)));
            }
            if copy_of(path).exists() {
                std::fs::copy(copy_of(path), path)?;
            }
            prepared(path)
        }
        Err(error) => Err(error),
    }
}

fn damaged(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

fn prepared(path: &Path) -> Result<Connection, StateError> {
    create_private(path)?;
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let check: Option<String> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).optional()?;
    if check.as_deref() != Some("ok") {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(code, check).into());
    }
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Password and token hashes are nobody else's business.
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::File::options().create(true).append(true).mode(0o600).open(path).map(drop)
}

/// Forward only, with a copy before.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StateError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > VERSION {
        return Err(StateError::Io(io::Error::other(format!(
            "state.db has version {version}, this program knows {VERSION}"
        ))));
    }
    if version == VERSION {
        return Ok(());
    }
    if version > 0 {
        std::fs::copy(path, path.with_extension(format!("db.v{version}")))?;
    }
    let change = connection.transaction()?;
    if version < 1 {
        change.execute_batch(SCHEMA)?;
    }
    if version < 2 {
        change.execute_batch(BASELINES)?;
    }
    change.pragma_update(None, "user_version", VERSION)?;
    Ok(change.commit()?)
}

#[cfg(test)]
mod tests;
