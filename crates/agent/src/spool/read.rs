//! The reading end: durable events for the shipper, in order, and what became of them.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use elastic::bulk::Items;
use schema::{Event, Lane, Loss, Timestamp, field};

use super::commit::Core;
use super::lane::Taken;
use super::pack::Packer;
use super::segment::{Frame, Origin};
use super::{OpenError, Shared, Stats, new_origin};
use crate::intake::Sink as _;

/// Under backlog, lanes share a body in these proportions.
const SHARES: [u64; 3] = [8, 4, 1];
/// Which lane decides whose events a body carries, in turn: 8 : 4 : 1 as well.
const TURNS: [Lane; 13] = {
    use Lane::{High as H, Low as L, Normal as N};
    [H, N, H, H, N, H, L, H, N, H, H, N, H]
};
/// How long a refused epoch's event waits for room under its new id.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bounds of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most events.
    pub events: u64,
    /// Most unpacked bytes; a single frame may be larger.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events: 5_000, bytes: 8 << 20 }
    }
}

/// Durable events of one origin, most important lane first.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose.
    pub origin: Origin,
    /// Each a run of consecutive counters.
    pub parts: Vec<Part>,
    /// The oldest event time that is in no batch yet; the time now if all are.
    pub watermark: Timestamp,
}

/// A run of events with consecutive counters, packed.
#[derive(Clone, Debug)]
pub struct Part {
    /// Their lane.
    pub lane: Lane,
    /// Counter of the first.
    pub first: u64,
    /// How many.
    pub count: u16,
    /// Unpacked bytes.
    pub raw_len: u32,
    /// Time of the oldest.
    pub first_time: Timestamp,
    /// One zstd frame of `_bulk` lines.
    pub payload: Vec<u8>,
}

impl Part {
    fn new(Taken { frame, payload }: Taken) -> Self {
        let Frame { lane, first, count, raw_len, first_time, .. } = frame;
        Self { lane, first, count, raw_len, first_time, payload }
    }

    /// Counter of the last.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }
}

/// The reading end of a spool. There is one.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    packer: Packer,
    turn: usize,
    /// Origins that a server refused: their events get new ids.
    refused: BTreeSet<Origin>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, packer: Packer) -> Self {
        Self { shared, packer, turn: 0, refused: BTreeSet::new() }
    }

    /// The next events to ship; `None`: all durable ones are taken.
    pub fn next(&mut self, limits: &Limits) -> Option<Batch> {
        // Read before the disk: an event on its way from here to there must not be in neither.
        let waiting = self.shared.intake().oldest();
        self.turn = (self.turn + 1) % TURNS.len();
        let (batch, losses) = {
            let mut core = self.shared.core();
            let mut filling = Filling { core: &mut core, limits, refused: &self.refused, losses: Vec::new() };
            let batch = filling.fill(TURNS[self.turn]).map(|(origin, parts)| {
                let watermark = filling.oldest().into_iter().chain(waiting).min();
                Batch { origin, parts, watermark: watermark.unwrap_or_else(|| self.shared.clock.wall()) }
            });
            let losses = filling.losses;
            core.losses.extend(losses);
            (batch, core.take_losses())
        };
        self.shared.say(losses);
        let batch = batch?;
        if self.refused.contains(&batch.origin) {
            self.renumber(batch);
            return None;
        }
        self.shared.counters.passed(batch.parts.iter().map(|part| u64::from(part.count)).sum());
        Some(batch)
    }

    /// Every event of the batch is delivered.
    pub fn acknowledge(&mut self, batch: &Batch) {
        let mut core = self.shared.core();
        for part in &batch.parts {
            core.lanes[part.lane as usize].acknowledge(batch.origin.epoch, part.first, part.last());
        }
    }

    /// The events `first..=last` of a lane are delivered, or given up for good.
    pub fn acknowledge_range(&mut self, epoch: u32, lane: Lane, first: u64, last: u64) {
        self.shared.core().lanes[lane as usize].acknowledge(epoch, first, last);
    }

    /// Waits at most this long for durable events that are not taken yet.
    pub fn wait(&self, patience: Duration) {
        let mut core = self.shared.core();
        let something = {
            let Core { lanes, disk, losses, .. } = &mut *core;
            lanes.iter_mut().any(|lane| lane.peek(disk.as_mut(), losses).is_some())
        };
        let losses = core.take_losses();
        if !something && !std::mem::take(&mut core.woken) {
            let (mut core, _) =
                self.shared.arrived.wait_timeout(core, patience).unwrap_or_else(PoisonError::into_inner);
            core.woken = false;
        } else {
            drop(core);
        }
        self.shared.say(losses);
    }

    /// Ends a [`Self::wait`] of another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker { shared: Arc::clone(&self.shared) }
    }

    /// The packer of this end.
    pub fn packer(&mut self) -> &mut Packer {
        &mut self.packer
    }

    /// Puts loss events of the shipper into lane `high`.
    pub fn say(&self, losses: Vec<Loss>) {
        let now = self.shared.clock.wall();
        for loss in super::merged(losses) {
            if let Err(error) = self.shared.take(&mut loss.to_event(now), Lane::High, usize::MAX) {
                tracing::error!(%error, "a loss cannot be reported");
            }
        }
    }

    /// How full the spool is.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// A server knows this agent and epoch with another nonce: somebody else counts as we do (a copied disk). New events
    /// soon get ids of a new epoch; those that lie here under `origin` get new ids when their turn comes. Everything
    /// handed out and not acknowledged is handed out again.
    ///
    /// # Errors
    /// No random numbers for a new epoch.
    pub fn refuse(&mut self, origin: Origin) -> Result<(), OpenError> {
        let current = self.shared.core().origin;
        if current == origin {
            let new = new_origin(origin.agent, origin.epoch, &self.shared.clock)?;
            self.shared.intake().renew.get_or_insert(new);
            self.shared.work.notify_one();
        }
        self.refused.insert(origin);
        self.rewind();
        Ok(())
    }

    /// Hands out again what is not acknowledged.
    pub fn rewind(&mut self) {
        self.shared.core().lanes.iter_mut().for_each(super::lane::Lane::rewind);
    }

    /// Puts the events of a refused origin in again under new ids. They are given up under the old ones only when they
    /// are durable under the new ones.
    fn renumber(&mut self, batch: Batch) {
        let writer = super::Writer::new(Arc::clone(&self.shared));
        for part in &batch.parts {
            let lines = self.packer.unpack(&part.payload, part.raw_len).unwrap_or_default();
            for item in Items::new(&lines).filter_map(Result::ok) {
                let document = item.document.and_then(|document| str::from_utf8(document).ok());
                let Some(mut event) = document.and_then(|document| Event::from_json(document).ok()) else { continue };
                event.remove(field::EVENT_ID);
                if let Err(error) = writer.put(&mut event, part.lane, PATIENCE) {
                    tracing::warn!(%error, "an event of a refused epoch must wait");
                    return self.rewind();
                }
            }
        }
        if writer.flush(PATIENCE) {
            self.acknowledge(&batch);
        } else {
            // What was put in again is put in once more: better twice than not at all.
            self.rewind();
        }
    }
}

/// Wakes a waiting [`Reader`].
#[derive(Clone, Debug)]
pub struct Waker {
    shared: Arc<Shared>,
}

impl Waker {
    /// Ends its wait.
    pub fn wake(&self) {
        self.shared.core().woken = true;
        self.shared.arrived.notify_all();
    }
}

/// Fills one batch.
struct Filling<'a> {
    core: &'a mut Core,
    limits: &'a Limits,
    refused: &'a BTreeSet<Origin>,
    losses: Vec<Loss>,
}

impl Filling<'_> {
    /// Damaged frames are stepped over until there is one to give, or none is left.
    fn fill(&mut self, turn: Lane) -> Option<(Origin, Vec<Part>)> {
        loop {
            let (origin, parts) = self.try_fill(turn)?;
            if !parts.is_empty() {
                return Some((origin, parts));
            }
        }
    }

    /// `None`: nothing is left. No parts: what was there was damaged.
    fn try_fill(&mut self, turn: Lane) -> Option<(Origin, Vec<Part>)> {
        let lanes = [turn].into_iter().chain(Lane::ALL);
        let origin = lanes.into_iter().find_map(|lane| self.peek(lane)).map(|(_, origin)| origin)?;
        if origin == self.core.origin && self.refused.contains(&origin) {
            // New ids cannot be given before the new epoch has begun.
            return None;
        }
        let open: Vec<Lane> = Lane::ALL.into_iter().filter(|&lane| self.is_of(lane, origin)).collect();
        let shares: u64 = open.iter().map(|&lane| SHARES[lane as usize]).sum();
        let mut parts: [Vec<Part>; 3] = Default::default();
        let mut used = Limits { events: 0, bytes: 0 };
        for &lane in &open {
            let share = |of: u64| (of / shares.max(1)).saturating_mul(SHARES[lane as usize]);
            let room = Limits {
                events: used.events.saturating_add(share(self.limits.events)),
                bytes: used.bytes.saturating_add(share(self.limits.bytes)),
            };
            self.fill_from(lane, origin, &room, &mut used, &mut parts[lane as usize]);
        }
        // What one lane left of its share, the others may have.
        for &lane in &open {
            let room = *self.limits;
            self.fill_from(lane, origin, &room, &mut used, &mut parts[lane as usize]);
        }
        Some((origin, parts.into_iter().flatten().collect()))
    }

    fn fill_from(&mut self, lane: Lane, origin: Origin, room: &Limits, used: &mut Limits, parts: &mut Vec<Part>) {
        while let Some((frame, _)) = self.peek(lane).filter(|(_, from)| *from == origin) {
            let (events, bytes) = (used.events + u64::from(frame.count), used.bytes + u64::from(frame.raw_len));
            let first = used.events == 0;
            if !first && (events > room.events || bytes > room.bytes) {
                return;
            }
            let Core { lanes, disk, .. } = &mut *self.core;
            if let Some(taken) = lanes[lane as usize].take(disk.as_mut(), frame, &mut self.losses) {
                *used = Limits { events, bytes };
                parts.push(Part::new(taken));
            }
        }
    }

    fn peek(&mut self, lane: Lane) -> Option<(Frame, Origin)> {
        let Core { lanes, disk, .. } = &mut *self.core;
        lanes[lane as usize].peek(disk.as_mut(), &mut self.losses)
    }

    fn is_of(&mut self, lane: Lane, origin: Origin) -> bool {
        self.peek(lane).is_some_and(|(_, from)| from == origin)
    }

    /// Oldest event time among the next frames of all lanes. Event times nearly follow the order of events within a lane.
    fn oldest(&mut self) -> Option<Timestamp> {
        Lane::ALL.into_iter().filter_map(|lane| self.peek(lane)).map(|(frame, _)| frame.first_time).min()
    }
}
