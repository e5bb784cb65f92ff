//! Receiving events: unpacked under a cap, read, deduplicated, written to the log, fsynced, answered; then indexed.
//!
//! ```text
//! body -> decode -> body::read -> accept (dedupe, log, fsync) -> answer
//!                                    '-> hot -> indexer -> store, and live tail
//! ```
//!
//! **Promises.** 201 and 409 are said only of events that are fsynced. Each event is given to the store in the order of its
//! sequence, and again from the last committed one after a crash, so it is indexed exactly once. A hole in an agent's
//! counters is reported as a loss. Memory is bounded: bodies under way by [`inflight`], hot batches by [`HOT_BYTES`],
//! everything else waits in the log or at the sender.
//!
//! What this does not do: HTTP (`api::bulk`), searching, judging.

pub mod accept;
pub mod body;
pub mod consumer;
pub mod counts;
pub mod decode;
pub mod dedupe;
mod holes;
pub mod hot;
pub mod inflight;
mod snapshots;
pub mod wal;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use schema::loss::Unit;
use schema::{AgentId, IngestSeq, Lane, Loss, Timestamp};
use store::Store;

use accept::{Arrival, Core, Gate, SubmitError, Submitted};
use body::{BodyError, Limits};
use decode::{DecodeError, Encoding};
use dedupe::Dedupe;
use hot::Hot;
use inflight::Inflight;
use wal::disk::Disk;
use wal::frame::Origin;

pub use counts::Counts;

/// Memory for batches that consumers have not read yet.
pub const HOT_BYTES: usize = 64 << 20;
/// The name of the server itself as a caller.
pub(crate) const OWN: &str = "server";

/// How events are received.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the log.
    pub dir: PathBuf,
    /// This server's own agent id.
    pub node: AgentId,
    /// Bounds of bodies.
    pub ingest: crate::config::Ingest,
    /// Bounds of the log.
    pub wal: crate::config::Wal,
    /// Where the log is written.
    pub disk: Arc<dyn Disk>,
}

/// The receiving side of a server.
pub struct Ingest {
    gate: Arc<Gate>,
    store: Arc<dyn Store>,
    progress: Arc<Progress>,
    options: Options,
    inflight: Arc<Inflight>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    begun: Instant,
}

/// Nobody is told to wait longer, whatever the pace of the indexer.
const LONGEST_WAIT_S: u64 = 600;

/// How far the indexer is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    indexed: AtomicU64,
    committed: AtomicU64,
    aborted: AtomicBool,
    trouble: Mutex<Option<String>>,
    woken: (Mutex<()>, Condvar),
}

impl Progress {
    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass, unless the server stops.
    fn pause(&self, wait: Duration) {
        let guard = self.woken.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stay = |_: &mut ()| !self.aborted.load(Ordering::SeqCst);
        drop(self.woken.1.wait_timeout_while(guard, wait, stay));
    }

    fn abort(&self) {
        self.aborted.store(true, Ordering::SeqCst);
        self.woken.1.notify_all();
    }
}

/// Why a body is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It cannot be unpacked.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It cannot be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It cannot be stored.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// It could not be packed for the log.
    #[error("the body cannot be packed: {0}")]
    Pack(io::Error),
}

/// A body as it came.
#[derive(Debug)]
pub struct Received<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// How they are packed.
    pub encoding: Encoding,
    /// Who sent it.
    pub caller: &'a str,
    /// The agent that sends it, if it says so.
    pub sender: Option<AgentId>,
    /// The sender's spool, if it says so.
    pub origin: Option<Origin>,
    /// When it came.
    pub received: Timestamp,
}

/// How the log and its consumers stand.
#[derive(Clone, PartialEq, Debug)]
pub struct Standing {
    /// Bytes of the log.
    pub wal_bytes: u64,
    /// Oldest sequence in it.
    pub first: IngestSeq,
    /// The sequence that comes next.
    pub next: IngestSeq,
    /// Durable and not indexed yet.
    pub lag_events: u64,
    /// Age of the oldest event that the store has not committed.
    pub lag: Duration,
    /// Why the store does not take events, if it does not.
    pub trouble: Option<String>,
}

impl Ingest {
    /// Opens the log, rebuilds what is known of agents, and starts to index.
    ///
    /// # Errors
    /// The folder cannot be read or written. Damaged content is no error: it is reported as a loss.
    pub fn open(options: Options, store: Arc<dyn Store>) -> io::Result<Self> {
        std::fs::create_dir_all(&options.dir)?;
        let committed = store.committed_through();
        let opened = open_log(&options, &*store, committed)?;
        let durable = IngestSeq(opened.core.wal.next().0 - 1);
        let counts = Arc::new(Counts::default());
        let hot = Arc::new(Hot::new(HOT_BYTES, durable));
        let horizon = options.ingest.dedupe_horizon;
        let gate = Arc::new(Gate::new(opened.core, hot, counts, options.dir.clone(), options.node, horizon));
        let progress = Arc::new(Progress::default());
        progress.indexed.store(committed.0, Ordering::SeqCst);
        progress.committed.store(committed.0, Ordering::SeqCst);
        let inflight = Arc::new(Inflight::new(options.ingest.inflight_bytes, options.ingest.caller_bytes));
        let ingest =
            Self { gate, store, progress, options, inflight, threads: Mutex::default(), begun: Instant::now() };
        ingest.start()?;
        ingest.report(&opened.losses, crate::clock::now());
        Ok(ingest)
    }

    fn start(&self) -> io::Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = Arc::clone(&self.gate);
        threads.push(std::thread::Builder::new().name("wal-sync".to_owned()).spawn(move || gate.sync())?);
        let (gate, store, progress) = (Arc::clone(&self.gate), Arc::clone(&self.store), Arc::clone(&self.progress));
        let index = move || consumer::index(&gate, &*store, &progress);
        threads.push(std::thread::Builder::new().name("indexer".to_owned()).spawn(index)?);
        Ok(())
    }

    /// Takes a body: everything but waiting for the fsync. Blocks on the CPU and, rarely, on the store.
    ///
    /// # Errors
    /// See [`ReceiveError`]; then nothing of the body is taken.
    pub fn receive(&self, body: &Received<'_>) -> Result<Submitted, ReceiveError> {
        self.take(body, self.limits())
    }

    fn take(&self, body: &Received<'_>, limits: Limits) -> Result<Submitted, ReceiveError> {
        let cap = usize::try_from(self.options.ingest.unpacked_bytes).unwrap_or(usize::MAX);
        let text = decode::decode(body.bytes, body.encoding, cap)?;
        let items = body::read(&text, limits, body.sender, self.options.node, body.received)?;
        let payload = match body.encoding {
            Encoding::Zstd => body.bytes.to_vec(),
            _ => zstd::bulk::compress(&text, 1).map_err(ReceiveError::Pack)?,
        };
        let arrival = Arrival {
            received: body.received,
            caller: body.caller.to_owned(),
            origin: body.origin,
            items,
            payload,
            unpacked: text.len(),
        };
        self.counts().bytes.fetch_add(body.bytes.len() as u64, Ordering::Relaxed);
        Ok(self.gate.submit(arrival, &*self.store)?)
    }

    fn limits(&self) -> Limits {
        let limit = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Limits {
            event_bytes: limit(self.options.ingest.event_bytes),
            items: limit(self.options.ingest.items),
            alerts: false,
        }
    }

    /// Stores losses that the server itself noticed. Where that fails they are logged; nobody waits for them.
    pub fn report(&self, losses: &[Loss], now: Timestamp) {
        let events: Vec<_> = losses.iter().map(|loss| loss.to_event(now)).collect();
        // Nobody waits for losses: the next start finds again what was not stored.
        drop(self.store_own(&events, now));
    }

    /// Stores events that the server itself makes, alerts among them, and gives what waits for their fsync; fewer than
    /// there are bodies: the others were not taken, which is logged.
    pub fn store_own(&self, events: &[schema::Event], now: Timestamp) -> Vec<Submitted> {
        let mut submitted = Vec::new();
        for chunk in events.chunks(1000) {
            let mut text = String::new();
            for event in chunk {
                text.push_str("{\"create\":{}}\n");
                event.write_json(&mut text);
                text.push('\n');
            }
            let body = Received {
                bytes: text.as_bytes(),
                encoding: Encoding::Identity,
                caller: OWN,
                sender: None,
                origin: None,
                received: now,
            };
            match self.take(&body, Limits { alerts: true, ..self.limits() }) {
                Ok(taken) => submitted.push(taken),
                Err(error) => {
                    tracing::error!(%error, events = chunk.len(), "the server's own events could not be stored");
                }
            }
        }
        submitted
    }

    /// Reports holes that have waited long enough, and frames that came to harm. To be called every few seconds.
    pub fn tend(&self, now: Timestamp) {
        let overdue = self.gate.lock().dedupe.overdue(Instant::now(), self.options.ingest.gap_after);
        let mut losses: Vec<Loss> = overdue.into_iter().map(|range| unexplained(range, now)).collect();
        let damaged = std::mem::take(&mut *self.gate.damaged.lock().unwrap_or_else(PoisonError::into_inner));
        losses.extend(damaged.iter().map(|hole| holes::loss(hole, 0, self.options.node, now)));
        if !losses.is_empty() {
            tracing::warn!(losses = losses.len(), "losses noticed; they are events in stream health");
            self.report(&losses, now);
        }
    }

    /// Notes what an agent's spool still has: what is missing below it is a hole.
    pub fn spool_begins(&self, agent: AgentId, epoch: u32, lane: Lane, first: u64) {
        self.gate.lock().dedupe.floor(agent, epoch, lane, first);
    }

    /// Whether senders must wait, and how long: until what waits is indexed, at the pace since start.
    #[must_use]
    pub fn pressure(&self, now: Timestamp) -> Option<(Duration, String)> {
        let standing = self.standing(now);
        let wal = &self.options.wal;
        let reason = if standing.wal_bytes > wal.max_bytes.saturating_add(wal.segment_bytes) {
            format!("{} MiB wait to be indexed", standing.wal_bytes >> 20)
        } else if standing.lag > wal.max_lag {
            format!("indexing is {} s behind", standing.lag.as_secs())
        } else {
            return None;
        };
        let seconds = self.begun.elapsed().as_secs().max(1);
        let pace = (self.counts().indexed.load(Ordering::Relaxed) / seconds).max(1);
        let wait = Duration::from_secs((standing.lag_events / pace).clamp(1, LONGEST_WAIT_S));
        Some((wait, standing.trouble.unwrap_or(reason)))
    }

    /// How the log and its consumers stand.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        let committed = IngestSeq(self.progress.committed.load(Ordering::SeqCst));
        let lag = consumer::lag(&self.gate, committed, now);
        let core = self.gate.lock();
        let indexed = self.progress.indexed.load(Ordering::SeqCst);
        Standing {
            wal_bytes: core.wal.bytes(),
            first: core.wal.first(),
            next: core.wal.next(),
            lag_events: self.gate.hot.durable().0.saturating_sub(indexed),
            lag,
            trouble: self.progress.trouble().clone(),
        }
    }

    /// Events in holes that nobody has explained yet. Looks at every agent.
    #[must_use]
    pub fn open_holes(&self) -> u64 {
        self.gate.lock().dedupe.open_holes()
    }

    /// Counters since start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.gate.counts
    }

    /// Durable batches as they come.
    #[must_use]
    pub fn hot(&self) -> Arc<Hot> {
        Arc::clone(&self.gate.hot)
    }

    /// Room for bodies under way.
    #[must_use]
    pub fn inflight(&self) -> &Arc<Inflight> {
        &self.inflight
    }

    /// This server's own agent id.
    #[must_use]
    pub fn node(&self) -> AgentId {
        self.options.node
    }

    /// Takes nothing new, makes durable and indexes what is under way. False: not within the deadline; what is durable is
    /// indexed at the next start.
    pub fn stop(&self, deadline: Instant) -> bool {
        self.gate.stop();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let finished = || threads.iter().all(JoinHandle::is_finished);
        while !finished() && Instant::now() < deadline {
            self.progress.pause(Duration::from_millis(5));
        }
        let in_time = finished();
        self.progress.abort();
        if in_time {
            threads.into_iter().for_each(|thread| drop(thread.join()));
        }
        in_time
    }
}

fn unexplained(range: schema::loss::LostRange, now: Timestamp) -> Loss {
    Loss {
        stage: "ingest",
        reason: "unexplained-gap",
        count: Some(range.last - range.first + 1),
        unit: Unit::Events,
        window_start: now,
        window_end: now,
        range: Some(range),
    }
}

struct Opened {
    core: Core,
    losses: Vec<Loss>,
}

fn open_log(options: &Options, store: &dyn Store, committed: IngestSeq) -> io::Result<Opened> {
    let (state, as_of) = snapshots::load(&options.dir).unwrap_or_default();
    let mut rebuilt = Rebuilt { state, as_of, committed, node: options.node, entries: Vec::new(), begun: false };
    let after = IngestSeq(committed.0.max(as_of.0));
    let disk = Arc::clone(&options.disk);
    let (wal, recovered) = wal::Writer::open(&options.dir, disk, options.wal.segment_bytes, after, |place, frame| {
        rebuilt.visit(place, frame);
    })?;
    if !rebuilt.begun && committed > as_of {
        rebuilt.state.forget();
    }
    for name in &recovered.foreign {
        tracing::warn!(name, "a file in the log's folder is not ours; left alone");
    }
    let fresh = holes::fresh(&options.dir, &recovered.holes)?;
    let now = crate::clock::now();
    let node = options.node;
    let settle = |hole| holes::settle(hole, store, committed, &mut rebuilt.state, node, now);
    let losses = fresh.iter().filter_map(settle).collect();
    let mut core = Core::new(rebuilt.state, wal);
    core.remember(rebuilt.entries);
    Ok(Opened { core, losses })
}

/// What is learnt from the log when it is opened.
struct Rebuilt {
    state: Dedupe,
    as_of: IngestSeq,
    committed: IngestSeq,
    node: AgentId,
    /// Ids that the store may not find yet.
    entries: Vec<(u128, IngestSeq)>,
    begun: bool,
}

impl Rebuilt {
    fn visit(&mut self, place: &wal::Place, frame: &wal::frame::Frame) {
        if !std::mem::replace(&mut self.begun, true) && place.first.0 > self.as_of.0 + 1 {
            self.state.forget();
        }
        if place.last() <= self.as_of.min(self.committed) {
            return;
        }
        let known = place.last() <= self.as_of;
        if let Some(origin) = frame.origin.filter(|_| !known) {
            // A conflict was refused when it came, so there is none here.
            let _known = self.state.admit(origin.agent, origin.epoch, origin.nonce);
        }
        let (node, committed) = (self.node, self.committed);
        let own = frame.caller == OWN;
        consumer::each_accepted(frame, place.first, node, |item, seq| {
            let entry = accept::replayed(&mut self.state, item, node, own, known);
            self.entries.extend(entry.filter(|_| seq > committed).map(|digest| (digest, seq)));
        });
    }
}

#[cfg(test)]
mod tests;
