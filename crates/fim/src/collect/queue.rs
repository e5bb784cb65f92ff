//! What reader threads hand to [`super::Collectors::take`]: a queue bounded by bytes.
//!
//! When it is full the item is refused, and what was in it is counted per file system; the counts wait here until they are taken,
//! so that a loss is told even when nothing else is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schema::Timestamp;

use super::mount::Moves;
use super::person::Person;
use super::{Coverage, LostBy};
use crate::evidence::Evidence;

/// What a thread hands over.
#[derive(Debug)]
pub(crate) enum Item {
    /// Events of the notification group.
    Batch(Batch),
    /// Somebody was let through or refused.
    Permission(Box<Evidence>),
    /// inotify saw something.
    Inotify(Box<Evidence>),
    /// Mounts have moved.
    Mounts(Moves),
    /// A folder is covered in another way than before.
    Coverage(Coverage),
}

/// Events as the kernel gave them, one behind the other, with who did them.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// When they were read.
    pub(crate) at: Timestamp,
    /// The epoch of exclusions before the first of them.
    pub(crate) epoch: u64,
    /// Their bytes.
    pub(crate) bytes: Vec<u8>,
    /// For each event, its place in `people`.
    pub(crate) who: Vec<u16>,
    /// Those who did them.
    pub(crate) people: Vec<Person>,
}

impl Item {
    /// Bytes that it takes, about.
    fn size(&self) -> usize {
        match self {
            Self::Batch(batch) => {
                batch.bytes.len() + batch.who.len() * 2 + batch.people.len() * (size_of::<Person>() + 32) + 128
            }
            Self::Permission(_) | Self::Inotify(_) => size_of::<Evidence>() + 256,
            Self::Mounts(_) | Self::Coverage(_) => 256,
        }
    }
}

/// Events that did not get in, or that the kernel dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Hole {
    /// Where.
    pub(crate) of: Of,
    /// Why.
    pub(crate) why: LostBy,
}

/// Where events are lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Of {
    /// On a file system (`f_fsid`).
    FileSystem(u64),
    /// On any file system with a mark: the kernel does not say which.
    Marked,
    /// Below folders with inotify watches.
    Watched,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    /// At most one a file system and reason.
    holes: BTreeMap<Hole, u64>,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    bound: usize,
}

impl Queue {
    pub(crate) fn new(bound: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), bound }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the item, or gives it back because the queue is full.
    pub(crate) fn push(&self, item: Item) -> Result<(), Item> {
        let size = item.size();
        let mut state = self.lock();
        if state.bytes + size > self.bound && !state.items.is_empty() {
            return Err(item);
        }
        state.bytes += size;
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Notes that so many events are lost; 0: nobody knows how many.
    pub(crate) fn lost(&self, hole: Hole, count: u64) {
        *self.lock().holes.entry(hole).or_default() += count;
        self.filled.notify_one();
    }

    /// The next item, waiting at most so long for one.
    pub(crate) fn pop(&self, wait: Duration) -> Option<Item> {
        let empty = |state: &mut State| state.items.is_empty() && state.holes.is_empty();
        let (mut state, _) =
            self.filled.wait_timeout_while(self.lock(), wait, empty).unwrap_or_else(PoisonError::into_inner);
        let item = state.items.pop_front()?;
        state.bytes = state.bytes.saturating_sub(item.size());
        Some(item)
    }

    /// What was lost since the last call.
    pub(crate) fn holes(&self) -> BTreeMap<Hole, u64> {
        std::mem::take(&mut self.lock().holes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bytes: usize) -> Item {
        Item::Batch(Batch { bytes: vec![0; bytes], ..Batch::default() })
    }

    #[test]
    fn full_is_refused_and_counted_and_one_item_always_fits() {
        let queue = Queue::new(1000);
        queue.push(batch(5000)).unwrap();
        assert!(queue.push(batch(1)).is_err());
        let hole = Hole { of: Of::FileSystem(7), why: LostBy::HandOver };
        queue.lost(hole, 3);
        queue.lost(hole, 4);
        assert!(queue.pop(Duration::ZERO).is_some());
        assert_eq!(queue.holes(), BTreeMap::from([(hole, 7)]));
        assert!(queue.holes().is_empty());
        queue.push(batch(1)).unwrap();
        assert!(queue.pop(Duration::ZERO).is_some());
        assert!(queue.pop(Duration::ZERO).is_none());
    }
}
