//! The writing end: ids, groups in memory, and the thread that makes them durable.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use schema::id::MAX_COUNTER;
use schema::{Event, EventId, Lane, Stream, Timestamp, field};

use super::commit::Stuck;
use super::pack::{Group, Packed, Packer};
use super::segment::Origin;
use super::{MAX_DOCUMENT, Shared, Stats};
use crate::health::State;
use crate::intake::{Refused, Sink};

/// A group is handed to the committer at this many bytes.
const GROUP_BYTES: usize = 256 << 10;
/// With the disk failing, it is tried again so often.
const RETRY: Duration = Duration::from_secs(1);
/// The mark is written at most so often.
const MARK_INTERVAL: Duration = Duration::from_secs(1);

/// Groups on their way to the disk.
pub(super) struct Intake {
    origin: Origin,
    lanes: [Gathering; 3],
    /// Complete groups, oldest first.
    ready: VecDeque<Group>,
    /// Bytes of `lanes`, `ready` and what the committer holds.
    waiting_bytes: usize,
    /// Oldest event time that the committer holds.
    committing: Option<Timestamp>,
    /// Somebody waits for everything to be durable.
    flush: bool,
    /// Count as this one as soon as everything taken before is durable.
    pub(super) renew: Option<Origin>,
    closed: bool,
    document: String,
    id: String,
    agent: String,
    indexes: [String; Stream::ALL.len()],
}

/// The group that a lane is gathering.
#[derive(Default)]
struct Gathering {
    next: u64,
    group: Option<Group>,
    /// Monotonic time of its first event.
    since: Duration,
    /// Memory of a group that is done.
    spare: Vec<u8>,
}

impl Intake {
    pub(super) fn new(origin: Origin, next: [u64; 3]) -> Self {
        Self {
            origin,
            lanes: next.map(|next| Gathering { next, ..Gathering::default() }),
            ready: VecDeque::new(),
            waiting_bytes: 0,
            committing: None,
            flush: false,
            renew: None,
            closed: false,
            document: String::new(),
            id: String::new(),
            agent: origin.agent.to_string(),
            indexes: Stream::ALL.map(Stream::index),
        }
    }

    pub(super) fn next(&self) -> [u64; 3] {
        [0, 1, 2].map(|i| self.lanes[i].next)
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Oldest event time that is not on disk yet.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let gathering = self.lanes.iter().filter_map(|lane| lane.group.as_ref());
        gathering.chain(&self.ready).map(|group| group.first_time).chain(self.committing).min()
    }

    /// Counts as `origin` from 0 on. Nothing may wait.
    fn begin(&mut self, origin: Origin) {
        self.origin = origin;
        self.renew = None;
        self.agent = origin.agent.to_string();
        self.lanes.iter_mut().for_each(|lane| lane.next = 0);
    }

    /// Gives the event its id and adds it to its lane's group.
    fn add(&mut self, event: &mut Event, lane: Lane, now: Duration, batch_events: u16) -> Result<(), Refused> {
        let counter = self.lanes[lane as usize].next;
        let id = EventId::new(self.origin.agent, self.origin.epoch, lane, counter);
        self.id.clear();
        id.write(&mut self.id);
        replace(event, field::AGENT_ID, &self.agent);
        replace(event, field::EVENT_ID, &self.id);
        self.document.clear();
        event.write_json(&mut self.document);
        if self.document.len() > MAX_DOCUMENT {
            return Err(Refused::TooLarge { bytes: self.document.len(), most: MAX_DOCUMENT });
        }
        let time = event.time().unwrap_or_default();
        let index = &self.indexes[event.stream() as usize];
        let gathering = &mut self.lanes[lane as usize];
        let group = gathering.group_at(self.origin.epoch, lane, time, now);
        let before = group.lines.len();
        elastic::bulk::write_create(&mut group.lines, index, &self.id, self.document.as_bytes());
        self.waiting_bytes += group.lines.len() - before;
        group.count += 1;
        group.first_time = group.first_time.min(time);
        group.last_time = group.last_time.max(time);
        let complete = group.count >= batch_events || group.lines.len() >= GROUP_BYTES;
        gathering.next += 1;
        if complete {
            self.ready.extend(gathering.group.take());
        }
        Ok(())
    }

    /// Hands over complete groups, and all others with them once one is due.
    fn take(&mut self, due: bool) -> VecDeque<Group> {
        if due {
            self.ready.extend(self.lanes.iter_mut().filter_map(|lane| lane.group.take()));
        }
        let taken = std::mem::take(&mut self.ready);
        self.committing = taken.iter().map(|group| group.first_time).chain(self.committing).min();
        taken
    }

    /// Takes back the memory of groups that are packed, and the bytes of those that could not be.
    fn recycle(&mut self, done: Vec<Group>, lost_bytes: usize) {
        self.waiting_bytes -= lost_bytes;
        for mut group in done {
            // Only memory of the usual size is kept: one large event must not hold a megabyte for ever.
            if group.lines.capacity() <= 2 * GROUP_BYTES {
                group.lines.clear();
                self.lanes[group.lane as usize].spare = group.lines;
            }
        }
    }

    /// When the oldest group is due, if any waits.
    fn due_at(&self, interval: Duration) -> Option<Duration> {
        self.lanes.iter().filter(|lane| lane.group.is_some()).map(|lane| lane.since + interval).min()
    }
}

impl Gathering {
    fn group_at(&mut self, epoch: u32, lane: Lane, time: Timestamp, now: Duration) -> &mut Group {
        let Self { next, group, since, spare } = self;
        group.get_or_insert_with(|| {
            *since = now;
            let lines = std::mem::take(spare);
            Group { lane, epoch, first: *next, count: 0, first_time: time, last_time: time, lines }
        })
    }
}

fn replace(event: &mut Event, field: schema::Field, text: &str) {
    if event.get(field).is_some() {
        event.remove(field);
    }
    event.push_str(field, text);
}

impl Shared {
    /// Takes an event if less than `most` bytes wait.
    pub(super) fn take(&self, event: &mut Event, lane: Lane, most: usize) -> Result<(), Refused> {
        let now = self.clock.monotonic();
        let mut intake = self.intake();
        if intake.closed {
            return Err(Refused::Closed);
        }
        if intake.waiting_bytes >= most || intake.lanes[lane as usize].next >= MAX_COUNTER - u64::from(u16::MAX) {
            return Err(Refused::Full);
        }
        // Only the first event of a group starts a timer, and only a complete one is work at once.
        let idle = intake.lanes.iter().all(|lane| lane.group.is_none());
        intake.add(event, lane, now, self.options.batch_events)?;
        self.counters.taken(1);
        let wake = idle || !intake.ready.is_empty();
        drop(intake);
        if wake {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Lower lanes are refused earlier, so that they cannot fill the memory that higher ones need.
    fn most_waiting(&self, lane: Lane) -> usize {
        match lane {
            Lane::High => self.options.memory,
            Lane::Normal => self.options.memory / 4 * 3,
            Lane::Low => self.options.memory / 2,
        }
    }
}

/// The writing end of a spool; clones share it.
#[derive(Clone, Debug)]
pub struct Writer {
    shared: Arc<Shared>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Waits until everything taken so far is durable; false: it was not within `patience`.
    pub fn flush(&self, patience: Duration) -> bool {
        let mut intake = self.shared.intake();
        intake.flush = true;
        self.shared.work.notify_one();
        let waited = self.shared.room.wait_timeout_while(intake, patience, |intake| intake.waiting_bytes > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.waiting_bytes == 0
    }

    /// Takes no more events from now on.
    pub fn close(&self) {
        let mut intake = self.shared.intake();
        (intake.closed, intake.flush) = (true, true);
        drop(intake);
        self.shared.work.notify_one();
        self.shared.room.notify_all();
    }

    /// How full the spool is.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    fn wait_for_room(&self, lane: Lane, patience: Duration) {
        let most = self.shared.most_waiting(lane);
        let full = |intake: &mut Intake| intake.waiting_bytes >= most && !intake.closed;
        drop(self.shared.room.wait_timeout_while(self.shared.intake(), patience, full));
    }
}

impl Sink for Writer {
    fn put(&self, event: &mut Event, lane: Lane, patience: Duration) -> Result<(), Refused> {
        let most = self.shared.most_waiting(lane);
        let mut taken = self.shared.take(event, lane, most);
        if taken == Err(Refused::Full) && !patience.is_zero() {
            self.wait_for_room(lane, patience);
            taken = self.shared.take(event, lane, most);
        }
        taken
    }
}

/// Makes groups durable. One thread calls [`Self::run`]; tests call [`Self::commit_due`] and [`Self::commit_all`].
#[derive(Debug)]
pub struct Committer {
    shared: Arc<Shared>,
    packer: Packer,
    /// Packed and not durable yet.
    packed: VecDeque<Packed>,
    /// Not before this, after a failure.
    retry_at: Option<Duration>,
    /// The last try failed.
    failing: bool,
    marked_at: Duration,
}

impl Committer {
    pub(super) fn new(shared: Arc<Shared>, packer: Packer) -> Self {
        Self { shared, packer, packed: VecDeque::new(), retry_at: None, failing: false, marked_at: Duration::ZERO }
    }

    /// Commits until the spool is closed and everything is durable, or could not be made so at the last try.
    pub fn run(mut self) {
        while !self.wait() {
            self.step(false);
        }
        self.commit_all();
    }

    /// Commits what is due now: one round of [`Self::run`], for whoever turns the clock by hand.
    pub fn commit_due(&mut self) {
        self.step(false);
    }

    /// Commits everything that waits, and writes the mark.
    pub fn commit_all(&mut self) {
        self.retry_at = None;
        self.step(true);
        // Losses noticed on the way are events of their own.
        self.step(true);
        if let Err(error) = self.shared.core().write_mark() {
            tracing::warn!(%error, "the spool's mark cannot be written");
        }
    }

    /// Waits until there is something to do; true: the spool is closed.
    fn wait(&self) -> bool {
        let clock = &self.shared.clock;
        let mut intake = self.shared.intake();
        loop {
            let now = clock.monotonic();
            let tidy_at = self.marked_at + MARK_INTERVAL;
            let work_at =
                if intake.flush || intake.renew.is_some() || !intake.ready.is_empty() || !self.packed.is_empty() {
                    Some(Duration::ZERO)
                } else {
                    intake.due_at(self.shared.options.commit_interval)
                };
            let work_at = work_at.map(|at| at.max(self.retry_at.unwrap_or_default()));
            let at = work_at.map_or(tidy_at, |at| at.min(tidy_at));
            if intake.closed || at <= now {
                return intake.closed;
            }
            let waited = self.shared.work.wait_timeout(intake, at - now);
            intake = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// One round: take, pack, write, tidy.
    fn step(&mut self, all: bool) {
        let now = self.shared.clock.monotonic();
        if self.retry_at.is_none_or(|at| at <= now) {
            let (groups, flush) = {
                let mut intake = self.shared.intake();
                let flush = std::mem::take(&mut intake.flush);
                let due = intake.due_at(self.shared.options.commit_interval).is_some_and(|at| at <= now);
                (intake.take(all || flush || due), flush)
            };
            if !groups.is_empty() {
                let (done, lost_bytes) = pack(&mut self.packer, groups, &mut self.packed);
                self.shared.intake().recycle(done, lost_bytes);
            }
            self.write(now, flush);
            self.renew();
        }
        if now.saturating_sub(self.marked_at) >= MARK_INTERVAL {
            self.tidy(now);
        }
    }

    fn write(&mut self, now: Duration, flush: bool) {
        if self.packed.is_empty() {
            if flush {
                self.shared.room.notify_all();
            }
            return;
        }
        let before = waiting(&self.packed);
        let (result, losses) = {
            let mut core = self.shared.core();
            (core.commit(&mut self.packed), core.take_losses())
        };
        let after = waiting(&self.packed);
        self.judge(result, now);
        {
            let mut intake = self.shared.intake();
            intake.waiting_bytes -= before - after;
            intake.committing = self.packed.iter().map(|packed| packed.frame.first_time).min();
        }
        self.shared.room.notify_all();
        self.shared.arrived.notify_all();
        self.shared.say(losses);
    }

    /// Goes over to the epoch that was asked for, once nothing waits that has ids of the old one.
    fn renew(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut intake = shared.intake();
        let Some(origin) = intake.renew.filter(|_| self.packed.is_empty()) else { return };
        let groups = intake.take(true);
        let (done, lost_bytes) = pack(&mut self.packer, groups, &mut self.packed);
        intake.recycle(done, lost_bytes);
        let before = waiting(&self.packed);
        let mut core = shared.core();
        let renewed = core.commit(&mut self.packed).is_ok();
        if renewed {
            core.begin_epoch(origin);
        }
        drop(core);
        intake.waiting_bytes -= before - waiting(&self.packed);
        intake.committing = self.packed.iter().map(|packed| packed.frame.first_time).min();
        if renewed {
            tracing::warn!(old = intake.origin.epoch, new = origin.epoch, "the spool counts in a new epoch");
            intake.begin(origin);
        } else {
            self.retry_at = Some(shared.clock.monotonic() + RETRY);
        }
        drop(intake);
        shared.room.notify_all();
        shared.arrived.notify_all();
    }

    fn judge(&mut self, result: Result<(), Stuck>, now: Duration) {
        match result {
            Ok(()) => {
                self.retry_at = None;
                if std::mem::take(&mut self.failing) {
                    self.shared.health.set(State::On, "");
                    tracing::info!("the spool writes again");
                }
            }
            Err(stuck) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(error = %stuck, cause = ?std::error::Error::source(&stuck), "the spool cannot write");
                }
                let cause = std::error::Error::source(&stuck).map(|cause| format!(" ({cause})")).unwrap_or_default();
                self.shared.health.set(State::Degraded, format!("{stuck}{cause}; events wait in memory"));
                self.retry_at = Some(now + RETRY);
            }
        }
    }

    fn tidy(&mut self, now: Duration) {
        self.marked_at = now;
        let mut core = self.shared.core();
        core.tidy();
        if let Err(error) = core.write_mark() {
            tracing::warn!(%error, "the spool's mark cannot be written");
        }
    }
}

/// Packs groups to the end of `packed`. Returns the groups for their memory, and the bytes of those that are lost.
fn pack(packer: &mut Packer, groups: VecDeque<Group>, packed: &mut VecDeque<Packed>) -> (Vec<Group>, usize) {
    let mut lost_bytes = 0;
    for group in &groups {
        match packer.group(group) {
            Ok(done) => packed.push_back(done),
            Err(error) => {
                // zstd fails only for lack of memory; the reader finds the hole in the counters and reports it.
                tracing::error!(%error, events = group.count, "a group cannot be packed and is lost");
                lost_bytes += group.lines.len();
            }
        }
    }
    (groups.into(), lost_bytes)
}

/// Unpacked bytes.
fn waiting(packed: &VecDeque<Packed>) -> usize {
    packed.iter().map(|packed| packed.frame.raw_len as usize).sum()
}
