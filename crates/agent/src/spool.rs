//! The durable queue of a host: what was taken here survives the process and the machine.
//!
//! Three lanes, each a row of segment files of packed `_bulk` lines. A [`Writer`] gives each event its id and gathers
//! groups in memory; the [`Committer`] thread makes them durable (at most `batch_events` events, 256 KiB or
//! `commit_interval` after the first); the [`Reader`] gives durable events to the shipper, in order, and moves the mark
//! when they are delivered.
//!
//! Promises:
//! * An event survives `kill -9` and power loss from its group commit on, and is delivered at least once with the same
//!   id each time. Before that, whoever put it counts it.
//! * Bounded: bytes on disk ([`Options::bytes`]), free space left to others ([`Options::keep_free`]), bytes waiting in
//!   memory ([`Options::memory`]). At a bound the oldest events of the lowest lane go, or nothing more is taken
//!   ([`Full`]); what goes is a [`Loss`] in lane `high` that names its counters.
//! * A damaged byte costs at most its frame. Opening never refuses because of content.
//! * No decision by the wall clock: order is by counter, timers are monotonic, nothing is dropped by age.
//!
//! Does not know what events mean, nor servers.
//!
//! ```
//! use std::time::Duration;
//! use agent::clock::Clock;
//! use agent::health::Health;
//! use agent::intake::Sink as _;
//! use agent::spool::{self, Limits, memory::Memory};
//! use schema::{AgentId, Event, Lane, Timestamp};
//!
//! let agent = AgentId::from_bytes([1; 6]);
//! let disk = Box::new(Memory::new());
//! let spool = spool::open(disk, agent, spool::Options::default(), Clock::system(), &Health::default())?;
//! let (writer, mut committer, mut reader) = (spool.writer, spool.committer, spool.reader);
//! writer.put(&mut Event::new(Timestamp::default()), Lane::Normal, Duration::ZERO)?;
//! committer.commit_all();
//! let batch = reader.next(&Limits::default()).unwrap();
//! assert_eq!(batch.parts[0].count, 1);
//! reader.acknowledge(&batch);
//! assert!(reader.next(&Limits::default()).is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod commit;
pub mod disk;
mod lane;
pub mod mark;
pub mod memory;
mod pack;
mod read;
mod recover;
pub mod segment;
mod write;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schema::loss::Unit;
use schema::{AgentId, Lane, Loss, field};

use crate::clock::Clock;
use crate::health::{Counters, Health};
use commit::Core;
use disk::Disk;
use mark::Position;
use segment::Origin;
use write::Intake;

pub use pack::Packer;
pub use read::{Batch, Limits, Part, Reader, Waker};
pub use write::{Committer, Writer};

/// Largest document, in bytes of JSON: what servers take (`ingest.event_bytes`).
pub const MAX_DOCUMENT: usize = 1 << 20;

/// Bounds and habits of a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most bytes on disk.
    pub bytes: u64,
    /// Bytes left free on the file system for others.
    pub keep_free: u64,
    /// What happens at these bounds.
    pub full: Full,
    /// A group is committed this long after its first event.
    pub commit_interval: Duration,
    /// A group is committed at this many events.
    pub batch_events: u16,
    /// Most bytes waiting in memory; beyond them events are refused.
    pub memory: usize,
}

/// What a full spool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Full {
    /// Drops its oldest events, lowest lane first, and says so.
    #[default]
    Drop,
    /// Takes no more; the sources count what they cannot hand over.
    Block,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            keep_free: 512 << 20,
            full: Full::Drop,
            commit_interval: Duration::from_millis(200),
            batch_events: 500,
            memory: 16 << 20,
        }
    }
}

impl Options {
    /// 16 MiB, or less where the whole spool is small: dropping goes by segments, and lanes are promised quarters.
    fn segment_bytes(&self) -> u64 {
        (self.bytes / 16).clamp(64 << 10, 16 << 20)
    }
}

/// A spool could not be opened. Damaged content is never a reason.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error("the spool's folder cannot be used")]
    Folder(#[source] io::Error),
    /// No memory for packing, or no random numbers.
    #[error("the spool cannot start: {0}")]
    Setup(String),
}

/// The three ends of an open spool.
#[derive(Debug)]
pub struct Spool {
    /// For sources; clones share it.
    pub writer: Writer,
    /// For the one thread that makes events durable.
    pub committer: Committer,
    /// For the one thread that ships.
    pub reader: Reader,
    /// What a person should know about what was found.
    pub notes: Vec<String>,
}

/// How full a spool is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Who counts.
    pub origin: Origin,
    /// By lane number.
    pub lanes: [LaneStats; 3],
    /// Bytes on disk, foreign files included.
    pub bytes: u64,
    /// Bytes waiting in memory for their commit.
    pub waiting_bytes: usize,
}

/// How full a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LaneStats {
    /// The oldest counter that is not delivered.
    pub first: u64,
    /// The counter that the next event gets.
    pub next: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What the three ends share. Locks are taken one at a time, but for the beginning of an epoch: intake, then core.
struct Shared {
    options: Options,
    clock: Clock,
    counters: Arc<Counters>,
    health: Arc<crate::health::Source>,
    intake: Mutex<Intake>,
    /// Told when the intake has work for the committer.
    work: Condvar,
    /// Told when the intake has room again, or nothing waits.
    room: Condvar,
    core: Mutex<Core>,
    /// Told when there are new durable events.
    arrived: Condvar,
}

/// Opens the spool on `disk` for `agent`, whatever state it is in.
///
/// # Errors
/// The folder cannot be used at all.
pub fn open(
    mut disk: Box<dyn Disk>,
    agent: AgentId,
    options: Options,
    clock: Clock,
    health: &Health,
) -> Result<Spool, OpenError> {
    let mut found = recover::recover(disk.as_mut(), agent).map_err(OpenError::Folder)?;
    let notes = std::mem::take(&mut found.notes);
    let continued = found.epoch.filter(|(origin, _)| origin.agent == agent);
    let last_epoch = found.last_epoch;
    let (origin, next) = match continued {
        Some(continued) => continued,
        None => (new_origin(agent, last_epoch, &clock)?, [0; 3]),
    };
    let mut core = Core::new(disk, options.clone(), origin, next, found);
    if continued.is_none() {
        core.begin_epoch(origin);
        tracing::info!(epoch = origin.epoch, "the spool begins a new epoch");
    }
    let losses = core.take_losses();
    let source = health.source("spool");
    source.set(crate::health::State::On, "");
    let shared = Arc::new(Shared {
        intake: Mutex::new(Intake::new(origin, next)),
        options,
        clock,
        counters: health.stage("spool"),
        health: source,
        work: Condvar::new(),
        room: Condvar::new(),
        core: Mutex::new(core),
        arrived: Condvar::new(),
    });
    shared.say(losses);
    let packer = || Packer::new().map_err(|error| OpenError::Setup(error.to_string()));
    Ok(Spool {
        writer: Writer::new(Arc::clone(&shared)),
        committer: Committer::new(Arc::clone(&shared), packer()?),
        reader: Reader::new(shared, packer()?),
        notes,
    })
}

/// An epoch that nobody used before, as far as anybody here can know; the nonce settles the rest.
fn new_origin(agent: AgentId, last_epoch: u32, clock: &Clock) -> Result<Origin, OpenError> {
    let seconds = u32::try_from(clock.wall().millis().div_euclid(1000)).unwrap_or(0);
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| OpenError::Setup(error.to_string()))?;
    // After u32::MAX epochs the number stays; the nonce still differs.
    Ok(Origin { agent, epoch: seconds.max(last_epoch.saturating_add(1)), nonce })
}

impl Shared {
    fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts losses and puts their events into lane `high`, past the memory bound: there are at most as many as
    /// segments and damaged places.
    fn say(&self, losses: Vec<Loss>) {
        let now = self.clock.wall();
        for loss in merged(losses) {
            let count = loss.count.unwrap_or(1);
            self.counters.lost_and_said(
                loss.reason,
                if loss.count.is_some() { Unit::Events } else { Unit::Reports },
                count,
            );
            tracing::warn!(reason = loss.reason, count, range = ?loss.range, "events of the spool are lost");
            let mut event = loss.to_event(now);
            let taken = self.take(&mut event, Lane::High, usize::MAX);
            if let Err(error) = taken {
                tracing::error!(%error, "a loss cannot be reported");
            }
            if let Some(range) = loss.range {
                let id = event.str(field::EVENT_ID).and_then(|id| id.parse().ok());
                self.core().said(range, id.filter(|_| taken.is_ok()));
            }
        }
    }

    fn stats(&self) -> Stats {
        let (next, waiting_bytes) = {
            let intake = self.intake();
            (intake.next(), intake.waiting_bytes())
        };
        let core = self.core();
        let lane = |i: usize| {
            let Position { epoch, counter } = core.lanes[i].position();
            // What is older than this epoch has counters of its own; here the lane then begins at 0.
            let first = if epoch == core.origin.epoch { counter } else { 0 };
            LaneStats { first, next: next[i], bytes: core.lanes[i].bytes() }
        };
        Stats { origin: core.origin, lanes: [lane(0), lane(1), lane(2)], bytes: core.bytes(), waiting_bytes }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Joins losses that continue each other, so that a storm of drops is few events.
fn merged(losses: Vec<Loss>) -> Vec<Loss> {
    let mut out: Vec<Loss> = Vec::new();
    for loss in losses {
        match out.iter_mut().find(|before| continues(before, &loss)) {
            Some(before) => {
                if let (Some(range), Some(next)) = (&mut before.range, loss.range) {
                    range.last = next.last;
                }
                before.count = before.count.zip(loss.count).map(|(a, b)| a + b);
                before.window_start = before.window_start.min(loss.window_start);
                before.window_end = before.window_end.max(loss.window_end);
            }
            None => out.push(loss),
        }
    }
    out
}

fn continues(before: &Loss, loss: &Loss) -> bool {
    let Some((a, b)) = before.range.zip(loss.range) else { return false };
    before.reason == loss.reason && (a.agent, a.epoch, a.lane, a.last + 1) == (b.agent, b.epoch, b.lane, b.first)
}

#[cfg(test)]
mod tests;
