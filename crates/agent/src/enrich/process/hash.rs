//! SHA-256 of executables, computed beside the stream.
//!
//! A file is known by device, inode, time of change and size; its hash is computed once and kept. An event never waits: where
//! the cache knows the file it carries `process.hash.sha256`, else it says `auditng.process.hash: pending`, and when the hash
//! is there, an event of its own (`event.action: executable-hashed`) names it for each process that waited.
//!
//! Bounds: [`Config`] for size and rate, [`QUEUE`] files waiting, [`WAITING`] processes each, [`KNOWN`] files remembered. Beyond
//! the queue an event says `busy`, and the next one of that file asks again.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use schema::{Event, Timestamp, field};
use sha2::{Digest as _, Sha256};

use super::Text;
use super::life::Life;
use crate::intake::Stop;
use crate::sys::proc::Proc;

/// Files waiting to be read.
pub const QUEUE: usize = 64;
/// Processes remembered that wait for the same file.
pub const WAITING: usize = 16;
/// Files whose hash is remembered; the one not asked for the longest goes first.
pub const KNOWN: usize = 4096;
/// Read at a time; between two the rate is held.
const CHUNK: usize = 256 << 10;

/// What may be read, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether at all.
    pub on: bool,
    /// A larger file is not read.
    pub most_bytes: u64,
    /// Bytes read in a second; 0: as fast as it goes.
    pub bytes_per_second: u64,
}

/// One version of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FileId {
    device: u64,
    inode: u64,
    changed_ns: i64,
    size: u64,
}

impl FileId {
    /// Device and inode.
    #[must_use]
    pub fn place(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Of a regular file.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Option<Self> {
        metadata.is_file().then(|| Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
            size: metadata.size(),
        })
    }
}

/// What is known of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Known {
    Sha256(Box<str>),
    Not(&'static str),
    Pending(Vec<Waiter>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Waiter {
    pid: u32,
    entity: String,
    executable: Option<Text>,
}

type Done = Arc<Mutex<Vec<(FileId, Result<String, &'static str>)>>>;

/// The cache and the thread that fills it.
#[derive(Debug)]
pub struct Hashes {
    config: Config,
    known: HashMap<FileId, (Known, u64)>,
    asks: SyncSender<(FileId, File)>,
    done: Done,
    clock: u64,
    evicted: u64,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Hashes {
    /// Starts the thread. Without one, or switched off, events say nothing of hashes.
    #[must_use]
    pub fn start(config: Config) -> Self {
        let (asks, files) = sync_channel(QUEUE);
        let (done, stop) = (Done::default(), Arc::new(Stop::default()));
        let work = Work { files, done: Arc::clone(&done), stop: Arc::clone(&stop), rate: config.bytes_per_second };
        let builder = std::thread::Builder::new().name("exe-hash".to_owned());
        let thread = if config.on { builder.spawn(move || work.run()).ok() } else { None };
        Self { config, known: HashMap::new(), asks, done, clock: 0, evicted: 0, stop, thread }
    }

    /// Adds the hash of what `life` runs, or says why there is none (yet).
    pub fn apply(&mut self, life: &Life, proc: &Proc, event: &mut Event) {
        if self.thread.is_none() || event.get(field::PROCESS_HASH_SHA256).is_some() {
            return;
        }
        let Some(file) = life.file.as_deref().copied() else { return };
        self.clock += 1;
        let clock = self.clock;
        if let Some((known, used)) = self.known.get_mut(&file) {
            *used = clock;
            match known {
                Known::Sha256(hash) => say(event, hash),
                Known::Not(reason) => event.push_str(field::AUDITNG_PROCESS_HASH, reason),
                Known::Pending(waiting) => {
                    event.push_str(field::AUDITNG_PROCESS_HASH, "pending");
                    wait(waiting, life);
                }
            }
            return;
        }
        event.push_str(field::AUDITNG_PROCESS_HASH, self.ask(file, life, proc));
    }

    /// Has a file read.
    fn ask(&mut self, file: FileId, life: &Life, proc: &Proc) -> &'static str {
        if file.size > self.config.most_bytes {
            self.remember(file, Known::Not("too-large"));
            return "too-large";
        }
        let Some(opened) = open(file, life, proc) else { return "gone" };
        match self.asks.try_send((file, opened)) {
            Ok(()) => {
                let mut waiting = Vec::new();
                wait(&mut waiting, life);
                self.remember(file, Known::Pending(waiting));
                "pending"
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => "busy",
        }
    }

    fn remember(&mut self, file: FileId, known: Known) {
        if self.known.len() >= KNOWN && !self.known.contains_key(&file) {
            // A walk per new file beyond the bound; executables change far slower than that costs.
            let oldest = self.known.iter().min_by_key(|(_, (_, used))| *used).map(|(file, _)| *file);
            if let Some(oldest) = oldest {
                self.known.remove(&oldest);
                self.evicted += 1;
            }
        }
        self.known.insert(file, (known, self.clock));
    }

    /// Hashes that came since the last call, as events for those who waited.
    pub fn tick(&mut self, now: Timestamp, late: &mut Vec<Event>) {
        let done = std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner));
        for (file, result) in done {
            let waiting = match self.known.remove(&file) {
                Some((Known::Pending(waiting), _)) => waiting,
                Some(_) | None => Vec::new(),
            };
            if let Ok(hash) = &result {
                late.extend(waiting.iter().map(|waiter| waiter.event(hash, now)));
            }
            match result {
                Ok(hash) => self.remember(file, Known::Sha256(hash.into())),
                // The next one that runs it is another version and asks itself.
                Err("changed") => {}
                Err(reason) => self.remember(file, Known::Not(reason)),
            }
        }
    }

    /// Files forgotten at the bound.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

impl Drop for Hashes {
    fn drop(&mut self) {
        self.stop.set();
        // Ends the wait for more files.
        let (asks, _) = sync_channel(1);
        self.asks = asks;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Waiter {
    fn event(&self, hash: &str, now: Timestamp) -> Event {
        let mut event = Event::new(now);
        event.push_str(field::EVENT_ACTION, "executable-hashed");
        event.push_str(field::EVENT_CATEGORY, "process");
        event.push_str(field::EVENT_DATASET, schema::Stream::Audit.dataset());
        event.push_str(field::EVENT_KIND, "state");
        event.push_str(field::EVENT_TYPE, "info");
        event.push_long(field::PROCESS_PID, i64::from(self.pid));
        event.push_str(field::PROCESS_ENTITY_ID, &self.entity);
        if let Some(executable) = &self.executable {
            executable.push(field::PROCESS_EXECUTABLE, &mut event);
        }
        say(&mut event, hash);
        event
    }
}

fn say(event: &mut Event, hash: &str) {
    event.push_str(field::PROCESS_HASH_SHA256, hash);
    event.push_str(field::RELATED_HASH, hash);
}

fn wait(waiting: &mut Vec<Waiter>, life: &Life) {
    if waiting.len() < WAITING {
        waiting.push(Waiter { pid: life.pid, entity: life.entity_id(), executable: life.image.exe.clone() });
    }
}

/// By the process itself or, if it is gone, by its path: what is opened is the same version of the same file, or nothing.
fn open(file: FileId, life: &Life, proc: &Proc) -> Option<File> {
    let same = |metadata: std::io::Result<Metadata>| metadata.ok().as_ref().and_then(FileId::of) == Some(file);
    let own = proc.executable(life.pid).filter(|opened| same(opened.metadata()));
    own.or_else(|| {
        let path = life.image.exe.as_ref().map(Text::as_str)?;
        if !same(std::fs::metadata(path)) {
            return None;
        }
        let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
        let opened = OpenOptions::new().read(true).custom_flags(nonblock).open(path).ok()?;
        same(opened.metadata()).then_some(opened)
    })
}

/// The thread's part.
struct Work {
    files: Receiver<(FileId, File)>,
    done: Done,
    stop: Arc<Stop>,
    rate: u64,
}

impl Work {
    fn run(self) {
        while let Ok((id, file)) = self.files.recv() {
            if self.stop.is_set() {
                return;
            }
            let result = self.read(id, file);
            // At most as many results as questions are open.
            self.done.lock().unwrap_or_else(PoisonError::into_inner).push((id, result));
        }
    }

    fn read(&self, id: FileId, mut file: File) -> Result<String, &'static str> {
        let (mut hash, mut chunk, mut total) = (Sha256::new(), vec![0; CHUNK], 0);
        loop {
            let got = file.read(&mut chunk).map_err(|_| "unreadable")?;
            if got == 0 {
                break;
            }
            hash.update(&chunk[..got]);
            total += got as u64;
            if total > id.size {
                return Err("changed");
            }
            let micros = (got as u64).saturating_mul(1_000_000).checked_div(self.rate).unwrap_or(0);
            if self.stop.wait(Duration::from_micros(micros)) {
                return Err("changed");
            }
        }
        let after = file.metadata().ok().as_ref().and_then(FileId::of);
        if after != Some(id) {
            return Err("changed");
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
