//! Records of one event brought together: same node, time and serial.
//!
//! The kernel interleaves events, and a record stream does not say reliably when an event is whole. A group closes by the
//! first of these that holds, each counted by the clock that is handed in:
//!
//! 1. its EOE came (live; auditd's files have none);
//! 2. its type always stands alone (USER, 1100-1299, 2100-2999): at once;
//! 3. its PROCTITLE came, which the kernel writes last, and then 128 further records or 100 ms;
//! 4. it holds only SECCOMP, ANOM_*, INTEGRITY_* or KERNEL records so far: 250 ms;
//! 5. all else: 2 s;
//! 6. a bound is reached: the group that is next to close anyway is closed early.
//!
//! Promises: memory stays under [`Limits::bytes`] plus [`Limits::groups`] slots whatever comes in, with or without EOE; a
//! record of a closed group becomes a group of its own, marked late; serials that never came are counted ([`Gap`]).
//! Does not: read fields, know the time, emit in the order of serials.
//!
//! ```
//! use audit::{reassemble::{Limits, Reassembler}, record::parse_line};
//! use schema::Timestamp;
//!
//! let mut reassembler = Reassembler::new(Limits::default());
//! let now = Timestamp::from_millis(0);
//! for line in ["type=SYSCALL msg=audit(1.000:7): syscall=59", "type=EOE msg=audit(1.000:7): "] {
//!     reassembler.push(&parse_line(line.as_bytes())?, now);
//! }
//! assert_eq!(reassembler.next_closed().map(|group| group.stamp().serial), Some(7));
//! # Ok::<(), audit::record::Malformed>(())
//! ```

mod gap;
mod group;
mod queue;

use std::collections::{HashMap, VecDeque};

use schema::Timestamp;

pub use gap::Gap;
pub use group::{Group, Part};

use crate::record::{Record, Stamp, kind};
use gap::Gaps;
pub(crate) use queue::KeyHasher;
use queue::{Clock, List, Slots};

/// Bounds and waiting times. What happens at each bound stands beside it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open groups; beyond it the next one to close is closed, incomplete unless its PROCTITLE was there.
    pub groups: usize,
    /// Memory of open groups in bytes; at it as above.
    pub bytes: usize,
    /// Text of one group in bytes; beyond it EXECVE and PATH records are dropped and the group says so.
    pub group_bytes: usize,
    /// Records of one group; at it as above.
    pub group_records: usize,
    /// Records that may follow a PROCTITLE before its group closes.
    pub grace_records: u64,
    /// Milliseconds after a PROCTITLE.
    pub grace_ms: i64,
    /// Milliseconds for groups of types that mostly stand alone.
    pub short_ms: i64,
    /// Milliseconds for all other groups.
    pub timeout_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            groups: 8192,
            bytes: 16 << 20,
            group_bytes: 8 << 20,
            group_records: 65_536,
            grace_records: 128,
            grace_ms: 100,
            short_ms: 250,
            timeout_ms: 2000,
        }
    }
}

/// What happened so far.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    /// Records taken, EOE included.
    pub records: u64,
    /// Groups given out.
    pub groups: u64,
    /// Records that came after their group was closed.
    pub late: u64,
    /// EOE records without an open group.
    pub stray_eoe: u64,
    /// Groups closed early at a bound.
    pub overflow: u64,
    /// Records dropped because their group had reached its own bound.
    pub dropped: u64,
    /// Serials that never came.
    pub lost: u64,
    /// Times that a stream's serials started anew.
    pub boots: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    node: u32,
    stamp: Stamp,
}

#[derive(Clone, Copy)]
enum State {
    Open(u32),
    Closed,
}

/// How many closed keys are remembered.
const CLOSED_KEYS: usize = 4096;
/// Nodes told apart; all beyond share one serial window with records that name none.
const NODES: usize = 1024;
/// Of a record without `node=`.
const NO_NODE: u32 = 0;
/// Empty groups kept for use again.
const POOL: usize = 256;
/// A group that grew larger than this is not kept for use again.
const POOLED_BYTES: usize = 16 << 10;

/// See the [module](self).
pub struct Reassembler {
    limits: Limits,
    counters: Counters,
    clock: Clock,
    slots: Slots,
    known: HashMap<Key, State, KeyHasher>,
    /// Keys of closed groups, oldest first; at most [`CLOSED_KEYS`].
    ring: VecDeque<Key>,
    /// The key of the record before and its slot: three records of four belong to the same group as theirs.
    last: Option<(Key, u32)>,
    closed: VecDeque<Group>,
    pool: Vec<Group>,
    nodes: HashMap<Box<[u8]>, u32>,
    gaps: Vec<Gaps>,
    reports: Vec<Gap>,
}

impl Reassembler {
    /// Nothing open.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            counters: Counters::default(),
            clock: Clock::default(),
            slots: Slots::default(),
            known: HashMap::default(),
            ring: VecDeque::new(),
            last: None,
            closed: VecDeque::new(),
            pool: Vec::new(),
            nodes: HashMap::new(),
            gaps: vec![Gaps::default()],
            reports: Vec::new(),
        }
    }

    /// Takes one record that was received at `now`. Groups that closed by it are fetched with [`Self::next_closed`].
    pub fn push(&mut self, record: &Record<'_>, now: Timestamp) {
        let now = self.clock.advance(now);
        self.counters.records += 1;
        self.expire(now);
        let key = Key { node: self.node(record.node), stamp: record.stamp };
        if self.last.is_none_or(|(last, _)| last != key) {
            self.note_serial(key, record.kind, now);
        }
        match self.state(key) {
            Some(State::Open(slot)) => self.add(slot, record, now),
            Some(State::Closed) if record.kind == kind::EOE => self.counters.stray_eoe += 1,
            Some(State::Closed) => self.late(record),
            None if record.kind == kind::EOE => self.counters.stray_eoe += 1,
            None => self.open(key, record, now),
        }
        self.hold_bounds();
    }

    /// Takes a record that has no serial: a group of its own.
    pub fn push_unnumbered(&mut self, record: &Record<'_>) {
        self.counters.records += 1;
        let mut group = self.pool.pop().unwrap_or_default();
        group.begin(record);
        group.mark_unnumbered();
        self.give(group);
    }

    /// What was pushed last had an end that is known from elsewhere: closes all that is open.
    pub fn close_open(&mut self) {
        let mut open: Vec<(u64, u32)> = self.slots.opened().collect();
        open.sort_unstable();
        for (_, slot) in open {
            self.close(slot);
        }
    }

    /// Closes what is due at `now`.
    pub fn tick(&mut self, now: Timestamp) {
        let now = self.clock.advance(now);
        self.expire(now);
        for gaps in &mut self.gaps {
            gaps.settle(now, &mut self.reports);
        }
    }

    /// The input has ended: closes everything and counts every serial still missing.
    pub fn finish(&mut self) {
        self.close_open();
        for gaps in &mut self.gaps {
            gaps.finish(&mut self.reports);
        }
    }

    /// Gives out the groups that are still open, oldest first, for a successor that reads on: it pushes their records again.
    /// Serials still missing are counted.
    pub fn take_open(&mut self) -> Vec<Group> {
        let mut open: Vec<(u64, u32)> = self.slots.opened().collect();
        open.sort_unstable();
        self.last = None;
        for gaps in &mut self.gaps {
            gaps.finish(&mut self.reports);
        }
        open.into_iter().map(|(_, slot)| self.slots.take(slot).1).collect()
    }

    /// The newest serial of a stream without node names.
    #[must_use]
    pub fn newest(&self) -> Option<Stamp> {
        self.gaps.get(NO_NODE as usize)?.newest()
    }

    /// Goes on where a predecessor ended: the next serial of a stream without node names is the one after `newest`.
    pub fn resume(&mut self, newest: Stamp) {
        if let Some(gaps) = self.gaps.get_mut(NO_NODE as usize) {
            gaps.resume(newest);
        }
    }

    /// The next closed group, in the order of closing.
    pub fn next_closed(&mut self) -> Option<Group> {
        self.closed.pop_front()
    }

    /// Gives a group's memory back.
    pub fn recycle(&mut self, mut group: Group) {
        if self.pool.len() < POOL && group.memory() <= POOLED_BYTES {
            group.clear();
            self.pool.push(group);
        }
    }

    /// Takes the reports of missing serials that were settled since the last call.
    pub fn gaps(&mut self) -> std::vec::Drain<'_, Gap> {
        self.reports.drain(..)
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let lost = self.gaps.iter().map(Gaps::lost).sum();
        let boots = self.gaps.iter().map(Gaps::boots).sum();
        Counters { lost, boots, ..self.counters }
    }

    /// Groups open now.
    #[must_use]
    pub fn open_groups(&self) -> usize {
        self.slots.len()
    }

    /// Memory of open groups in bytes, as bounded by [`Limits::bytes`].
    #[must_use]
    pub fn open_bytes(&self) -> usize {
        self.slots.bytes
    }

    /// The number of a node, its place in [`Self::gaps`].
    fn node(&mut self, node: Option<&[u8]>) -> u32 {
        let Some(name) = node else { return NO_NODE };
        match self.nodes.get(name) {
            Some(&id) => id,
            None if self.nodes.len() < NODES => {
                let id = u32::try_from(self.gaps.len()).unwrap_or(NO_NODE);
                self.nodes.insert(name.into(), id);
                self.gaps.push(Gaps::default());
                id
            }
            None => NO_NODE,
        }
    }

    fn note_serial(&mut self, key: Key, kind: u16, now: i64) {
        // Auditd numbers its own records by a counter of its own. An end tells nothing: if all else of its event is lost, its
        // serial must not pass for seen.
        if !matches!(kind, kind::DAEMON_FIRST..=kind::DAEMON_LAST | kind::EOE)
            && let Some(gaps) = self.gaps.get_mut(key.node as usize)
        {
            gaps.note(key.stamp, now, &mut self.reports);
        }
    }

    fn state(&self, key: Key) -> Option<State> {
        match self.last {
            Some((last, slot)) if last == key => Some(State::Open(slot)),
            _ => self.known.get(&key).copied(),
        }
    }

    fn open(&mut self, key: Key, record: &Record<'_>, now: i64) {
        let mut group = self.pool.pop().unwrap_or_default();
        group.begin(record);
        if is_alone(record.kind) {
            self.remember_closed(key);
            return self.give(group);
        }
        let (list, wait) = match record.kind {
            kind::PROCTITLE => (List::Grace, self.limits.grace_ms),
            kind if is_mostly_alone(kind) => (List::Short, self.limits.short_ms),
            _ => (List::Long, self.limits.timeout_ms),
        };
        let due_record = self.counters.records + self.limits.grace_records;
        let slot = self.slots.open(key, group, list, now + wait, due_record);
        self.known.insert(key, State::Open(slot));
        self.last = Some((key, slot));
    }

    fn add(&mut self, slot: u32, record: &Record<'_>, now: i64) {
        if record.kind == kind::EOE {
            return self.close(slot);
        }
        if !self.slots.push(slot, record, &self.limits) {
            self.counters.dropped += 1;
        }
        let due_record = self.counters.records + self.limits.grace_records;
        match (self.slots.list(slot), record.kind) {
            (List::Short | List::Long, kind::PROCTITLE) => {
                self.slots.requeue(slot, List::Grace, now + self.limits.grace_ms, due_record);
            }
            (List::Short, kind) if !is_mostly_alone(kind) => {
                self.slots.requeue(slot, List::Long, now + self.limits.timeout_ms, due_record);
            }
            _ => {}
        }
        self.last = Some((self.slots.key(slot), slot));
    }

    fn late(&mut self, record: &Record<'_>) {
        self.counters.late += 1;
        let mut group = self.pool.pop().unwrap_or_default();
        group.begin(record);
        group.mark_late();
        self.give(group);
    }

    fn expire(&mut self, now: i64) {
        while let Some(slot) = self.slots.due(now, self.counters.records) {
            self.close(slot);
        }
    }

    fn hold_bounds(&mut self) {
        while self.slots.len() > self.limits.groups || self.slots.bytes > self.limits.bytes {
            let Some((slot, list)) = self.slots.nearest() else { return };
            self.counters.overflow += 1;
            if list != List::Grace {
                self.slots.group_mut(slot).mark_cut_short();
            }
            self.close(slot);
        }
    }

    fn close(&mut self, slot: u32) {
        let (key, group) = self.slots.take(slot);
        if self.last.is_some_and(|(_, last)| last == slot) {
            self.last = None;
        }
        self.remember_closed(key);
        self.give(group);
    }

    fn give(&mut self, group: Group) {
        self.counters.groups += 1;
        self.closed.push_back(group);
    }

    fn remember_closed(&mut self, key: Key) {
        self.known.insert(key, State::Closed);
        self.ring.push_back(key);
        if self.ring.len() > CLOSED_KEYS
            && let Some(oldest) = self.ring.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

fn is_alone(kind: u16) -> bool {
    matches!(kind, kind::USER | kind::USER_FIRST..=kind::DAEMON_LAST | kind::USER2_FIRST..=kind::USER2_LAST)
}

fn is_mostly_alone(kind: u16) -> bool {
    matches!(
        kind,
        kind::SECCOMP
            | kind::ANOM_FIRST..=kind::ANOM_LAST
            | kind::INTEGRITY_FIRST..=kind::INTEGRITY_LAST
            | kind::KERNEL
    )
}

#[cfg(test)]
mod tests;
