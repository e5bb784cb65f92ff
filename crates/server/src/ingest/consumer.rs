//! Who reads the log: the indexer, which must not miss anything, and the housekeeping that follows it.
//!
//! The indexer takes batches while they are hot, and reads the log where it has fallen behind. It never gives up: what the
//! store refuses is tried again until it is taken, and meanwhile the log grows until senders are told to wait.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use schema::{AgentId, IngestSeq, Timestamp};
use store::{Accepted, Store};

use super::accept::Gate;
use super::body::{self, Limits};
use super::decode::{Encoding, decode};
use super::dedupe::snapshot;
use super::hot::Next;
use super::wal::{self, frame::Frame};
use super::{Progress, snapshots};
use crate::clock;

/// How often the log is trimmed and the store asked how far it is.
const TEND: Duration = Duration::from_secs(1);
/// Between two tries of something that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Moves events from the log into the store until the gate closes. Runs on a thread of its own.
pub(super) fn index(gate: &Gate, store: &dyn Store, progress: &Progress) {
    let mut cursor = IngestSeq(progress.indexed.load(Ordering::SeqCst));
    let mut tended = Instant::now();
    let mut tender = Tender::default();
    loop {
        let wait = TEND.saturating_sub(tended.elapsed());
        match gate.hot.next(cursor, wait) {
            Next::Batch(batch) => {
                let fresh = batch.events.partition_point(|event| event.seq <= cursor);
                if !append(gate, store, progress, &batch.events[fresh..]) {
                    return;
                }
                cursor = batch.last();
            }
            Next::Behind(until) => match behind(gate, cursor, until) {
                Ok((events, reached)) => {
                    if !append(gate, store, progress, &events) {
                        return;
                    }
                    cursor = reached;
                }
                Err(error) => {
                    tracing::error!(%error, seq = cursor.0, "the log cannot be read; tried again");
                    progress.pause(PAUSE);
                }
            },
            Next::Idle => {}
            Next::Closed => break,
        }
        progress.indexed.store(cursor.0, Ordering::SeqCst);
        if tended.elapsed() >= TEND {
            tended = Instant::now();
            tender.tend(gate, store, progress);
        }
    }
    if let Err(error) = store.commit() {
        tracing::warn!(%error, "the store could not commit at the end; the log will be played again");
    }
    tender.finish(gate, store);
}

/// Gives events to the store until it takes them; false: the server stops first.
fn append(gate: &Gate, store: &dyn Store, progress: &Progress, events: &[Accepted]) -> bool {
    if events.is_empty() {
        return true;
    }
    while let Err(error) = store.append(events) {
        let failures = gate.counts.append_failures.fetch_add(1, Ordering::Relaxed);
        if failures.is_multiple_of(50) {
            tracing::error!(%error, "the store does not take events; they wait in the log");
        }
        *progress.trouble() = Some(error.to_string());
        if progress.aborted.load(Ordering::SeqCst) {
            return false;
        }
        progress.pause(PAUSE);
    }
    *progress.trouble() = None;
    gate.counts.indexed.fetch_add(events.len() as u64, Ordering::Relaxed);
    true
}

/// Events after `cursor` from the log, one frame of them, and how far that goes.
fn behind(gate: &Gate, cursor: IngestSeq, until: IngestSeq) -> io::Result<(Vec<Accepted>, IngestSeq)> {
    let place = gate.lock().wal.place_of(IngestSeq(cursor.0 + 1));
    let Some(place) = place.filter(|place| place.first <= until) else {
        // Nothing of it is left: damaged when the log was opened, and reported then.
        return Ok((Vec::new(), until));
    };
    match wal::read(&gate.dir, &place) {
        Ok(frame) => {
            let mut events = events(&frame, place.first, gate.node());
            events.retain(|event| event.seq > cursor);
            Ok((events, place.last()))
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::error!(first = place.first.0, last = place.last().0, "a frame of the log is damaged");
            gate.damaged(&place);
            Ok((Vec::new(), place.last()))
        }
        Err(error) => Err(error),
    }
}

/// The accepted events of a frame, as they were given out when it was written.
pub(super) fn events(frame: &Frame, first: IngestSeq, node: AgentId) -> Vec<Accepted> {
    let mut events = Vec::with_capacity(frame.accepted_count() as usize);
    each_accepted(frame, first, node, |item, seq| {
        if let Ok(event) = &mut item.event {
            let mut event = std::mem::take(event);
            body::finish(&mut event, &item.id, node, seq, frame.received);
            events.push(Accepted { seq, received: frame.received, event });
        }
    });
    events
}

/// Visits the accepted items of a frame with their sequences.
pub(super) fn each_accepted(
    frame: &Frame,
    first: IngestSeq,
    node: AgentId,
    mut visit: impl FnMut(&mut body::Item<'_>, IngestSeq),
) {
    let Ok(text) = decode(&frame.payload, Encoding::Zstd, frame.unpacked as usize) else { return };
    // What was accepted once is accepted again, whatever the limits are by now.
    let limits = Limits { event_bytes: usize::MAX, items: usize::MAX, alerts: true };
    let Ok(mut items) = body::read(&text, limits, None, node, frame.received) else { return };
    let mut seq = first;
    for (at, item) in items.iter_mut().enumerate() {
        if u32::try_from(at).is_ok_and(|at| frame.is_accepted(at)) {
            visit(item, seq);
            seq = IngestSeq(seq.0 + 1);
        }
    }
}

/// Trims the log behind the store, and keeps the snapshots that make it trimmable.
#[derive(Default)]
struct Tender {
    snapshot: Option<Held>,
    retained: Option<Instant>,
    failed: bool,
}

/// A snapshot that waits until everything it holds is durable.
struct Held {
    as_of: IngestSeq,
    failures: u64,
    bytes: Vec<u8>,
}

impl Held {
    fn take(gate: &Gate) -> Self {
        let core = gate.lock();
        let as_of = IngestSeq(core.wal.next().0 - 1);
        Self { as_of, failures: core.failures, bytes: snapshot::write(&core.dedupe, as_of) }
    }

    /// After a failed fsync, other events may have its sequences: then it says that some are there which are not.
    fn is_void(&self, gate: &Gate) -> bool {
        gate.lock().failures != self.failures
    }
}

/// Retention is looked at this often.
const RETAIN: Duration = Duration::from_secs(60);

impl Tender {
    fn tend(&mut self, gate: &Gate, store: &dyn Store, progress: &Progress) {
        let now = Instant::now();
        gate.forget_indexed(store.searchable_through(), now);
        let committed = store.committed_through();
        progress.committed.store(committed.0, Ordering::SeqCst);
        if self.worth_it(gate, committed) {
            self.trim(gate, committed);
        }
        if self.retained.is_none_or(|last| now.saturating_duration_since(last) >= RETAIN) {
            self.retained = Some(now);
            for window in store.enforce_retention(clock::now()) {
                tracing::info!(stream = %window.stream, window = window.name, events = window.events, "window deleted by retention");
            }
        }
    }

    /// Only whole segments go, so there is nothing to do while the first one is still needed.
    fn worth_it(&self, gate: &Gate, committed: IngestSeq) -> bool {
        let core = gate.lock();
        let segments = core.wal.segments();
        self.snapshot.is_some() || (segments.len() > 1 && segments[1].first.0 <= committed.0 + 1)
    }

    /// A snapshot taken in one round is written in a later one, when everything it holds is durable.
    fn trim(&mut self, gate: &Gate, committed: IngestSeq) {
        let Some(held) = self.snapshot.take().filter(|held| !held.is_void(gate)) else {
            self.snapshot = Some(Held::take(gate));
            return;
        };
        if held.as_of > gate.hot.durable() {
            self.snapshot = Some(held);
        } else {
            self.save(gate, committed, &held.bytes);
        }
    }

    fn save(&mut self, gate: &Gate, committed: IngestSeq, bytes: &[u8]) {
        let saved = snapshots::save(&gate.dir, bytes).and_then(|covered| {
            // The older of the two snapshots must be able to go on from what is left.
            gate.lock().wal.trim(IngestSeq(covered.0.min(committed.0)))
        });
        match saved {
            Ok(()) => self.failed = false,
            Err(error) if !std::mem::replace(&mut self.failed, true) => {
                tracing::warn!(%error, "the log cannot be trimmed; it grows until this works");
            }
            Err(_) => {}
        }
    }

    /// Once more at the end, so that the next start has nothing to play.
    fn finish(&mut self, gate: &Gate, store: &dyn Store) {
        let held = Held::take(gate);
        if held.as_of <= gate.hot.durable() {
            self.save(gate, store.committed_through(), &held.bytes);
        }
    }
}

/// How old the oldest event is that the store has not committed yet.
pub(super) fn lag(gate: &Gate, committed: IngestSeq, now: Timestamp) -> Duration {
    let oldest = gate.lock().wal.place_of(IngestSeq(committed.0 + 1));
    let ms = oldest.map_or(0, |place| now.millis().saturating_sub(place.received.millis()));
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
