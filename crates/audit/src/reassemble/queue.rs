//! Open groups in slots, each in one of three waiting lines.
//!
//! All groups of a line wait equally long, so a line is in order of its deadlines and only its head must be looked at:
//! closing what is due costs nothing per open group. The lines are linked through the slots; nothing is allocated for them.

use std::hash::{BuildHasherDefault, Hasher};

use schema::Timestamp;

use super::{Group, Key, Limits};
use crate::record::Record;

/// A clock that only goes forward. Steps back of the given time are taken as standing still, so a stepped clock closes
/// groups neither late nor early.
#[derive(Default)]
pub(super) struct Clock {
    given: Option<i64>,
    ms: i64,
}

impl Clock {
    pub(super) fn advance(&mut self, now: Timestamp) -> i64 {
        let now = now.millis();
        if let Some(given) = self.given {
            self.ms = self.ms.saturating_add(now.saturating_sub(given).max(0));
        }
        self.given = Some(now);
        self.ms
    }
}

/// Which line a group waits in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum List {
    Grace = 0,
    Short = 1,
    Long = 2,
}

const LISTS: [List; 3] = [List::Grace, List::Short, List::Long];
const NONE: u32 = u32::MAX;

struct Slot {
    group: Group,
    key: Option<Key>,
    list: List,
    previous: u32,
    next: u32,
    due_ms: i64,
    due_record: u64,
    opened: u64,
}

#[derive(Clone, Copy)]
struct Ends {
    head: u32,
    tail: u32,
}

pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    lists: [Ends; 3],
    opened: u64,
    /// Memory of all open groups.
    pub(super) bytes: usize,
}

impl Default for Slots {
    fn default() -> Self {
        let lists = [Ends { head: NONE, tail: NONE }; 3];
        Self { slots: Vec::new(), free: Vec::new(), lists, opened: 0, bytes: 0 }
    }
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn open(&mut self, key: Key, group: Group, list: List, due_ms: i64, due_record: u64) -> u32 {
        self.opened += 1;
        self.bytes += group.memory();
        let (previous, next) = (NONE, NONE);
        let slot = Slot { group, key: Some(key), list, previous, next, due_ms, due_record, opened: self.opened };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                // `Limits::groups` bounds the slots far below `u32::MAX`.
                u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
            }
        };
        self.link(at);
        at
    }

    /// Adds to an open group; `false`: the group is full.
    pub(super) fn push(&mut self, at: u32, record: &Record<'_>, limits: &Limits) -> bool {
        let group = &mut self.slots[at as usize].group;
        let before = group.memory();
        let kept = group.push(record, limits.group_bytes, limits.group_records);
        self.bytes += group.memory() - before;
        kept
    }

    pub(super) fn requeue(&mut self, at: u32, list: List, due_ms: i64, due_record: u64) {
        self.unlink(at);
        let slot = &mut self.slots[at as usize];
        (slot.list, slot.due_ms, slot.due_record) = (list, due_ms, due_record);
        self.link(at);
    }

    pub(super) fn take(&mut self, at: u32) -> (Key, Group) {
        self.unlink(at);
        let slot = &mut self.slots[at as usize];
        let group = std::mem::take(&mut slot.group);
        self.bytes -= group.memory();
        self.free.push(at);
        let key = slot.key.take().expect("a slot is taken once: its place is in the free list from then on");
        (key, group)
    }

    pub(super) fn key(&self, at: u32) -> Key {
        self.slots[at as usize].key.expect("only open slots are asked for")
    }

    pub(super) fn list(&self, at: u32) -> List {
        self.slots[at as usize].list
    }

    pub(super) fn group_mut(&mut self, at: u32) -> &mut Group {
        &mut self.slots[at as usize].group
    }

    /// A group whose time has come.
    pub(super) fn due(&self, now: i64, records: u64) -> Option<u32> {
        LISTS.into_iter().find_map(|list| {
            let head = self.lists[list as usize].head;
            let slot = self.slots.get(head as usize)?;
            let due = slot.due_ms <= now || (list == List::Grace && slot.due_record < records);
            due.then_some(head)
        })
    }

    /// The group that would close next: a finished one if there is one, else the one waiting longest.
    pub(super) fn nearest(&self) -> Option<(u32, List)> {
        LISTS.into_iter().map(|list| (self.lists[list as usize].head, list)).find(|&(head, _)| head != NONE)
    }

    /// Order of opening and place of every open group.
    pub(super) fn opened(&self) -> impl Iterator<Item = (u64, u32)> {
        let places = 0..u32::try_from(self.slots.len()).unwrap_or(NONE);
        self.slots.iter().zip(places).filter(|(slot, _)| slot.key.is_some()).map(|(slot, at)| (slot.opened, at))
    }

    fn link(&mut self, at: u32) {
        let list = self.slots[at as usize].list as usize;
        let tail = self.lists[list].tail;
        (self.slots[at as usize].previous, self.slots[at as usize].next) = (tail, NONE);
        match self.slots.get_mut(tail as usize) {
            Some(before) => before.next = at,
            None => self.lists[list].head = at,
        }
        self.lists[list].tail = at;
    }

    fn unlink(&mut self, at: u32) {
        let Slot { list, previous, next, .. } = self.slots[at as usize];
        match self.slots.get_mut(previous as usize) {
            Some(before) => before.next = next,
            None => self.lists[list as usize].head = next,
        }
        match self.slots.get_mut(next as usize) {
            Some(behind) => behind.previous = previous,
            None => self.lists[list as usize].tail = previous,
        }
    }
}

/// Hashes a key by one multiplication a word. Keys of an attacker's making can at worst make all lookups walk the
/// [`Limits::groups`] + 4,096 keys that there are.
#[derive(Default)]
pub(crate) struct Mix(u64);

pub(crate) type KeyHasher = BuildHasherDefault<Mix>;

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value.cast_unsigned());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}
