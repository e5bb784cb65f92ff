//! Where events become accepted: dedupe, log, fsync, answer.
//!
//! One lock ([`Core`]) orders everything: who is new, which sequence it gets, where it lies in the log. One thread fsyncs;
//! while it does, the next group gathers behind the lock. A body is answered after the fsync that covers everything the
//! lock had seen when the body left it. That holds for bodies of duplicates too: what they repeat may not be durable yet.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use elastic::bulk::{Action, ItemResult, Response};
use roaring::RoaringBitmap;
use schema::loss::LostRange;
use schema::search::{Query, Search};
use schema::{AgentId, Event, EventId, IngestSeq, Stream, Timestamp, field};
use store::{Accepted, Context, SearchError, Store};
use tokio::sync::oneshot;

use super::Counts;
use super::body::{self, Id, Item};
use super::dedupe::{Dedupe, NonceConflict, Verdict};
use super::hot::{Batch, Hot};
use super::wal::frame::{Frame, Origin};
use super::wal::{Hole, Place, Writer};

/// A body ready to be accepted.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// When it came.
    pub received: Timestamp,
    /// Who sent it.
    pub caller: String,
    /// From which spool.
    pub origin: Option<Origin>,
    /// Its items.
    pub items: Vec<Item<'a>>,
    /// The body as zstd.
    pub payload: Vec<u8>,
    /// Its length unpacked.
    pub unpacked: usize,
}

/// A body that waits for its fsync.
#[derive(Debug)]
pub struct Submitted {
    /// The answer, once `durable` says so.
    pub response: Vec<u8>,
    /// What became of the fsync.
    pub durable: oneshot::Receiver<Result<(), NotDurable>>,
    /// How many events are new.
    pub accepted: u64,
}

/// An fsync failed: nothing that waited for it is stored.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the log could not be made durable: {0}")]
pub struct NotDurable(pub String);

/// A body that is not taken now, or not at all.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Two spools share an identity.
    #[error(transparent)]
    Nonce(#[from] NonceConflict),
    /// The log cannot be written: full disk.
    #[error("the disk is full: {0}")]
    Full(io::Error),
    /// The log cannot be written.
    #[error("the log cannot be written: {0}")]
    Log(io::Error),
    /// Whether foreign ids are there could not be found out.
    #[error("the store could not say which documents are there: {0}")]
    Ask(SearchError),
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
}

/// What is under the lock.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) dedupe: Dedupe,
    pub(super) wal: Writer,
    /// Ids that the store may not find yet: foreign ones, and ours of epochs that are no longer kept.
    unindexed: HashMap<u128, (IngestSeq, Instant)>,
    pending: Vec<Pending>,
    /// Failed fsyncs so far. What was learnt of the state before one may hold events that are void since.
    pub(super) failures: u64,
    stopping: bool,
}

#[derive(Debug)]
struct Pending {
    batch: Option<Batch>,
    marked: Vec<EventId>,
    asked: Vec<u128>,
    done: oneshot::Sender<Result<(), NotDurable>>,
}

/// The gate through which every event goes.
#[derive(Debug)]
pub struct Gate {
    core: Mutex<Core>,
    appended: Condvar,
    pub(super) hot: Arc<Hot>,
    pub(super) counts: Arc<Counts>,
    pub(super) dir: PathBuf,
    /// Found damaged after the log was opened, to be reported.
    pub(super) damaged: Mutex<Vec<Hole>>,
    node: AgentId,
    horizon: Duration,
}

/// Ids stay this long in `unindexed` after they became searchable, so that a look-up that began before does not miss them.
const GRACE: Duration = Duration::from_secs(60);
/// Longest look-up of foreign ids.
const ASK: Duration = Duration::from_secs(10);

impl Core {
    pub(super) fn new(dedupe: Dedupe, wal: Writer) -> Self {
        Self { dedupe, wal, unindexed: HashMap::new(), pending: Vec::new(), failures: 0, stopping: false }
    }

    /// Notes ids that the store may not find yet.
    pub(super) fn remember(&mut self, entries: Vec<(u128, IngestSeq)>) {
        let now = Instant::now();
        self.unindexed.extend(entries.into_iter().map(|(digest, seq)| (digest, (seq, now))));
    }
}

/// Notes an item that lies in the log. Gives the digest of an id that only the store could tell about; `known`: the state
/// has it already.
pub(super) fn replayed(state: &mut Dedupe, item: &Item<'_>, node: AgentId, own: bool, known: bool) -> Option<u128> {
    let range = |agent| item.event.as_ref().ok().and_then(|event| explained(event, agent, own));
    match &item.id {
        Id::Ours(id) => {
            let ask = state.check(*id) == Verdict::Ask;
            if !known {
                state.mark(*id);
                range(id.agent).into_iter().for_each(|range| state.explain(range));
            }
            ask.then(|| digest(&id.to_string()))
        }
        Id::Foreign(id) => Some(digest(id)),
        Id::None => {
            if own && !known {
                range(node).into_iter().for_each(|range| state.explain(range));
            }
            None
        }
    }
}

impl Gate {
    pub(super) fn new(
        core: Core,
        hot: Arc<Hot>,
        counts: Arc<Counts>,
        dir: PathBuf,
        node: AgentId,
        horizon: Duration,
    ) -> Self {
        let damaged = Mutex::default();
        Self { core: Mutex::new(core), appended: Condvar::new(), hot, counts, dir, damaged, node, horizon }
    }

    /// This server's own agent id.
    #[must_use]
    pub const fn node(&self) -> AgentId {
        self.node
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Dedupes a body, writes what is new to the log and gives the answer that holds once it is durable.
    ///
    /// # Errors
    /// See [`SubmitError`]; then nothing of the body is taken.
    pub fn submit(&self, arrival: Arrival<'_>, store: &dyn Store) -> Result<Submitted, SubmitError> {
        let Arrival { received, caller, origin, mut items, payload, unpacked } = arrival;
        let there = self.ask(&items, store, received)?;
        let mut core = self.lock();
        if core.stopping {
            return Err(SubmitError::Stopping);
        }
        if let Some(origin) = origin {
            core.dedupe.admit(origin.agent, origin.epoch, origin.nonce)?;
        }
        let sorted = self.sort(&mut core, &items, &there);
        let batch =
            match self.write(&mut core, &mut items, &sorted, Sent { received, caller, origin, payload, unpacked }) {
                Ok(batch) => batch,
                Err(error) => {
                    take_back(&mut core, &sorted.marked, &sorted.asked);
                    return Err(error);
                }
            };
        let (done, durable) = oneshot::channel();
        let first = batch.as_ref().map_or(IngestSeq(0), Batch::first);
        let accepted = batch.as_ref().map_or(0, |batch| batch.events.len() as u64);
        core.pending.push(Pending { batch, marked: sorted.marked, asked: sorted.asked, done });
        drop(core);
        self.appended.notify_one();
        self.counts.took(&items, &sorted.outcomes);
        let response = answer(&items, &sorted.outcomes, first, self.node);
        Ok(Submitted { response, durable, accepted })
    }

    /// Which of the items' ids the store has, where only the store can tell.
    fn ask(&self, items: &[Item<'_>], store: &dyn Store, now: Timestamp) -> Result<HashSet<String>, SubmitError> {
        let mut ids = Vec::new();
        let core = self.lock();
        for item in items.iter().filter(|item| item.event.is_ok()) {
            match &item.id {
                Id::Ours(id) if core.dedupe.check(*id) == Verdict::Ask => ids.push(id.to_string()),
                Id::Foreign(id) if !core.unindexed.contains_key(&digest(id)) => ids.push(id.clone().into_owned()),
                _ => {}
            }
        }
        drop(core);
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let (ours, foreign): (Vec<String>, Vec<String>) = ids.into_iter().partition(|id| id.parse::<EventId>().is_ok());
        let context = Context::until(Instant::now() + ASK);
        let ours: Vec<EventId> = ours.iter().filter_map(|id| id.parse().ok()).collect();
        let mut there = HashSet::new();
        if !ours.is_empty() {
            let found = store.get(&ours, &context).map_err(SubmitError::Ask)?;
            there.extend(found.iter().filter_map(|event| event.str(field::EVENT_ID)).map(str::to_owned));
        }
        if !foreign.is_empty() {
            let search = known(foreign, now, self.horizon);
            let found = store.search(&search, &context).map_err(SubmitError::Ask)?;
            there.extend(found.hits.into_iter().map(|hit| hit.id));
        }
        Ok(there)
    }

    /// Decides item by item and marks what is new.
    fn sort(&self, core: &mut Core, items: &[Item<'_>], there: &HashSet<String>) -> Sorted {
        let mut sorted = Sorted::with_capacity(items.len());
        for item in items {
            let outcome = match (&item.event, &item.id) {
                (Err(_), _) => Outcome::Refused,
                (Ok(_), Id::None) => Outcome::New,
                (Ok(_), Id::Foreign(id)) => sorted.ask(core, id, there),
                (Ok(event), Id::Ours(id)) => match core.dedupe.check(*id) {
                    Verdict::Duplicate => Outcome::Duplicate,
                    Verdict::Full => Outcome::Later,
                    Verdict::Ask => match sorted.ask(core, &id.to_string(), there) {
                        Outcome::New => sorted.mark(core, *id, event),
                        outcome => outcome,
                    },
                    Verdict::New => sorted.mark(core, *id, event),
                },
            };
            sorted.outcomes.push(outcome);
        }
        sorted
    }

    fn write(
        &self,
        core: &mut Core,
        items: &mut [Item<'_>],
        sorted: &Sorted,
        sent: Sent,
    ) -> Result<Option<Batch>, SubmitError> {
        let new = sorted.outcomes.iter().filter(|&&outcome| outcome == Outcome::New).count();
        if new == 0 {
            return Ok(None);
        }
        let Sent { received, caller, origin, payload, unpacked } = sent;
        let frame = Frame {
            received,
            caller,
            origin,
            items: index(items.len()),
            accepted: (new < items.len()).then(|| sorted.bitmap()),
            unpacked: index(unpacked),
            payload,
        };
        let place = core.wal.append(&frame).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SubmitError::Full(error),
            _ => SubmitError::Log(error),
        })?;
        for digest in &sorted.asked {
            core.unindexed.insert(*digest, (place.last(), Instant::now()));
        }
        Ok(Some(self.batch(items, sorted, &place, unpacked)))
    }

    fn batch(&self, items: &mut [Item<'_>], sorted: &Sorted, place: &Place, unpacked: usize) -> Batch {
        let mut seq = place.first;
        let mut events = Vec::with_capacity(place.accepted as usize);
        for (item, outcome) in items.iter_mut().zip(&sorted.outcomes) {
            if *outcome != Outcome::New {
                continue;
            }
            let Ok(event) = &mut item.event else { continue };
            let mut event = std::mem::take(event);
            body::finish(&mut event, &item.id, self.node, seq, place.received);
            events.push(Accepted { seq, received: place.received, event });
            seq = IngestSeq(seq.0 + 1);
        }
        Batch { events, bytes: unpacked * 2 }
    }

    /// Fsyncs what was appended, again and again, until the server stops. Runs on a thread of its own.
    pub(super) fn sync(&self) {
        let mut durable = self.hot.durable();
        loop {
            let mut core = self.lock();
            while core.pending.is_empty() && !core.stopping {
                core = self.appended.wait(core).unwrap_or_else(PoisonError::into_inner);
            }
            if core.pending.is_empty() {
                self.hot.close();
                return;
            }
            let group = std::mem::take(&mut core.pending);
            let through = IngestSeq(core.wal.next().0 - 1);
            let files = if through > durable { core.wal.unsynced() } else { Vec::new() };
            drop(core);
            let start = Instant::now();
            match files.iter().try_for_each(|file| file.sync()) {
                Ok(()) => {
                    if !files.is_empty() {
                        self.counts.synced(start.elapsed());
                    }
                    durable = through;
                    self.release(group);
                }
                Err(error) => self.fail(group, durable, &error),
            }
        }
    }

    fn release(&self, group: Vec<Pending>) {
        for Pending { batch, done, .. } in group {
            if let Some(batch) = batch {
                self.hot.push(Arc::new(batch));
            }
            // The caller may have gone; the events are stored all the same.
            drop(done.send(Ok(())));
        }
    }

    /// Nothing after `durable` is stored, neither the group nor what was appended to the same file meanwhile.
    fn fail(&self, mut group: Vec<Pending>, durable: IngestSeq, error: &io::Error) {
        tracing::error!(%error, "fsync of the log failed; the bodies that waited for it are refused");
        self.counts.sync_failures.fetch_add(1, Ordering::Relaxed);
        let mut core = self.lock();
        core.failures += 1;
        group.append(&mut core.pending);
        for pending in &group {
            take_back(&mut core, &pending.marked, &pending.asked);
        }
        if let Err(error) = core.wal.abandon(durable) {
            tracing::error!(%error, "no new segment of the log can be begun; tried again at the next body");
        }
        drop(core);
        for Pending { done, .. } in group {
            drop(done.send(Err(NotDurable(error.to_string()))));
        }
    }

    /// Takes nothing new; [`Self::sync`] ends after what is under way.
    pub(super) fn stop(&self) {
        self.lock().stopping = true;
        self.appended.notify_all();
    }

    /// Notes a frame that could be read when the log was opened and cannot be read now.
    pub(super) fn damaged(&self, place: &Place) {
        let hole = Hole { segment: place.segment, offset: place.offset, first: place.first, last: Some(place.last()) };
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).push(hole);
    }

    /// Forgets ids that the store finds by now.
    pub(super) fn forget_indexed(&self, searchable: IngestSeq, now: Instant) {
        let keep =
            |&(seq, since): &(IngestSeq, Instant)| seq > searchable || now.saturating_duration_since(since) < GRACE;
        self.lock().unindexed.retain(|_, entry| keep(entry));
    }
}

/// What comes with a body beside its items.
struct Sent {
    received: Timestamp,
    caller: String,
    origin: Option<Origin>,
    payload: Vec<u8>,
    unpacked: usize,
}

/// What becomes of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    New,
    Duplicate,
    Later,
    Refused,
}

struct Sorted {
    outcomes: Vec<Outcome>,
    marked: Vec<EventId>,
    asked: Vec<u128>,
    asked_here: HashSet<u128>,
}

impl Sorted {
    fn with_capacity(items: usize) -> Self {
        Self {
            outcomes: Vec::with_capacity(items),
            marked: Vec::with_capacity(items),
            asked: Vec::new(),
            asked_here: HashSet::new(),
        }
    }

    fn mark(&mut self, core: &mut Core, id: EventId, event: &Event) -> Outcome {
        core.dedupe.mark(id);
        self.marked.push(id);
        if let Some(range) = explained(event, id.agent, false) {
            core.dedupe.explain(range);
        }
        Outcome::New
    }

    fn ask(&mut self, core: &Core, id: &str, there: &HashSet<String>) -> Outcome {
        let digest = digest(id);
        if there.contains(id) || core.unindexed.contains_key(&digest) || !self.asked_here.insert(digest) {
            return Outcome::Duplicate;
        }
        self.asked.push(digest);
        Outcome::New
    }

    fn bitmap(&self) -> RoaringBitmap {
        let new = self.outcomes.iter().enumerate().filter(|(_, outcome)| **outcome == Outcome::New);
        new.map(|(at, _)| index(at)).collect()
    }
}

fn take_back(core: &mut Core, marked: &[EventId], asked: &[u128]) {
    marked.iter().for_each(|&id| core.dedupe.unmark(id));
    for digest in asked {
        core.unindexed.remove(digest);
    }
}

/// The counters that a loss event explains. An agent speaks for itself only, the server for all.
pub(super) fn explained(event: &Event, agent: AgentId, by_server: bool) -> Option<LostRange> {
    let loss = event.get(field::AUDITNG_LOSS_FIRST).is_some() && event.stream() == Stream::Health;
    loss.then(|| LostRange::of_event(event)).flatten().filter(|range| by_server || range.agent == agent)
}

/// Items and lengths of a body: bounded by the limits, far below 2^32.
fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// 128 bits of a foreign id; two ids that share them would count as one.
fn digest(id: &str) -> u128 {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(id.as_bytes());
    hash.iter().take(16).fold(0, |value, &byte| value << 8 | u128::from(byte))
}

/// Finds the documents with these ids that came within the horizon.
fn known(ids: Vec<String>, now: Timestamp, horizon: Duration) -> Search {
    use schema::search::{Bound, FieldRef, Range, Scalar};
    let since = now.millis().saturating_sub(i64::try_from(horizon.as_millis()).unwrap_or(i64::MAX));
    let arrived = Range {
        field: FieldRef::Known(field::EVENT_INGESTED),
        lower: Bound::Included(Scalar::Date(Timestamp::from_millis(since))),
        upper: Bound::Open,
    };
    let size = ids.len();
    Search {
        query: Query::all(vec![Query::Ids(ids), Query::Range(arrived)]),
        size,
        track_total: 0,
        ..Search::default()
    }
}

fn answer(items: &[Item<'_>], outcomes: &[Outcome], first: IngestSeq, node: AgentId) -> Vec<u8> {
    let mut seq = first;
    let results = items.iter().zip(outcomes).map(|(item, outcome)| {
        let result = result(item, *outcome, seq, node);
        if *outcome == Outcome::New {
            seq = IngestSeq(seq.0 + 1);
        }
        result
    });
    let response = Response { took_ms: 0, items: results.collect() };
    let mut out = Vec::new();
    response.write(&mut out);
    out
}

fn result<'a>(item: &'a Item<'_>, outcome: Outcome, seq: IngestSeq, node: AgentId) -> ItemResult<'a> {
    let index = item.index.as_deref().unwrap_or("logs-auditng");
    let action: Action = item.action;
    let id = match outcome {
        Outcome::New => body::name(&item.id, node, seq),
        _ => match &item.id {
            Id::None => String::new(),
            id => body::name(id, node, seq),
        },
    };
    match (outcome, &item.event) {
        (Outcome::New, _) => ItemResult::created(action, index, id, seq.0),
        (Outcome::Duplicate, _) => ItemResult::duplicate(action, index, id),
        (Outcome::Refused, Err(refused)) => {
            ItemResult::refused(action, index, id, 400, refused.kind, refused.reason.clone())
        }
        (Outcome::Later | Outcome::Refused, _) => {
            let reason = "too many events wait beyond a hole in this agent's counters; send the missing ones first";
            ItemResult::refused(action, index, id, 429, "es_rejected_execution_exception", reason)
        }
    }
}
