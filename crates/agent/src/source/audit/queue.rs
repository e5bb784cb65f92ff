//! The bounded byte queue between `audit-recv` and `audit-parse`.
//!
//! One writer appends datagrams to a buffer, one reader swaps that buffer for the one it has finished. Bytes that the reader
//! still holds count against the bound, so the queue never keeps more than its capacity. At the bound [`Queue::push`] says so
//! and the writer decides: drop and count, or wait ([`Queue::wait_for_room`]).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schema::Timestamp;

use super::Origin;

/// Arrival (8 bytes), origin (1), length (4), then the datagram.
const HEADER_BYTES: usize = 13;
/// A buffer that grew beyond this is given back to the system when the next batches are small again.
const KEEP_BYTES: usize = 1 << 20;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct State {
    filling: Vec<u8>,
    /// Bytes of the batch that the reader has not given back yet.
    held: usize,
    closed: bool,
}

/// Datagrams in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
}

/// One datagram of a [`Batch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Item<'a> {
    /// When it was received.
    pub(super) at: Timestamp,
    /// On which socket.
    pub(super) origin: Origin,
    /// As received.
    pub(super) frame: &'a [u8],
}

/// What [`Queue::take`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// The batch has something.
    Some,
    /// Nothing came in time.
    Nothing,
    /// Closed, and everything was taken.
    Closed,
}

impl Queue {
    /// A queue of at most `capacity` bytes.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new(), capacity }
    }

    /// Appends datagrams as long as there is room. Gives how many were taken; the rest has to be dropped or tried again.
    pub(super) fn push<'a>(&self, at: Timestamp, origin: Origin, frames: impl Iterator<Item = &'a [u8]>) -> usize {
        let mut state = self.lock();
        let mut taken = 0;
        for frame in frames {
            let Ok(length) = u32::try_from(frame.len()) else { break };
            if state.filling.len() + state.held + HEADER_BYTES + frame.len() > self.capacity {
                break;
            }
            state.filling.extend_from_slice(&at.millis().to_ne_bytes());
            state.filling.push(origin as u8);
            state.filling.extend_from_slice(&length.to_ne_bytes());
            state.filling.extend_from_slice(frame);
            taken += 1;
        }
        if taken > 0 {
            self.filled.notify_one();
        }
        taken
    }

    /// Waits until the reader has taken or given back something; at most `timeout`.
    pub(super) fn wait_for_room(&self, timeout: Duration) {
        let state = self.lock();
        let before = state.filling.len() + state.held;
        let full = |state: &mut State| state.filling.len() + state.held >= before && !state.closed;
        drop(self.emptied.wait_timeout_while(state, timeout, full));
    }

    /// Gives `batch` back and fills it with everything that has come since.
    pub(super) fn take(&self, batch: &mut Batch, timeout: Duration) -> Taken {
        batch.reuse();
        let mut state = self.lock();
        if state.held > 0 {
            state.held = 0;
            self.emptied.notify_one();
        }
        let empty = |state: &mut State| state.filling.is_empty() && !state.closed;
        let waited = self.filled.wait_timeout_while(state, timeout, empty);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.filling.is_empty() {
            return if state.closed { Taken::Closed } else { Taken::Nothing };
        }
        std::mem::swap(&mut state.filling, &mut batch.bytes);
        state.held = batch.bytes.len();
        Taken::Some
    }

    /// No more will come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    /// Bytes waiting or being read.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let state = self.lock();
        state.filling.len() + state.held
    }

    /// A reader or writer that panicked leaves whole datagrams behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// All datagrams in order.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (at, tail) = rest.split_first_chunk::<8>()?;
            let (&[origin], tail) = tail.split_first_chunk::<1>()?;
            let (length, tail) = tail.split_first_chunk::<4>()?;
            let (frame, tail) = tail.split_at_checked(u32::from_ne_bytes(*length) as usize)?;
            rest = tail;
            Some(Item { at: Timestamp::from_millis(i64::from_ne_bytes(*at)), origin: Origin::of(origin), frame })
        })
    }

    fn reuse(&mut self) {
        if self.bytes.capacity() > KEEP_BYTES && self.bytes.len() < KEEP_BYTES / 2 {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::sync::Arc;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn what_the_reader_holds_counts_against_the_bound() {
        let queue = Queue::new(2 * (HEADER_BYTES + 10));
        let frame = [0; 10];
        let three = || [&frame[..]; 3].into_iter();
        let mut batch = Batch::default();
        assert_eq!(queue.push(at(1), Origin::Unicast, three()), 2);
        assert_eq!(queue.take(&mut batch, Duration::ZERO), Taken::Some);
        assert_eq!(queue.push(at(1), Origin::Unicast, three()), 0);
        assert_eq!(queue.take(&mut batch, Duration::ZERO), Taken::Nothing);
        assert_eq!(queue.push(at(1), Origin::Unicast, three()), 2);
    }

    #[test]
    fn closing_lets_the_reader_finish() {
        let queue = Queue::new(100);
        queue.push(at(1), Origin::Multicast, [&b"x"[..]].into_iter());
        queue.close();
        let mut batch = Batch::default();
        assert_eq!(queue.take(&mut batch, Duration::from_secs(60)), Taken::Some);
        assert_eq!(queue.take(&mut batch, Duration::from_secs(60)), Taken::Closed);
    }

    #[test]
    fn a_writer_waits_for_room() {
        let queue = Arc::new(Queue::new(HEADER_BYTES + 1));
        assert_eq!(queue.push(at(1), Origin::Unicast, [&b"x"[..]].into_iter()), 1);
        let reader = Arc::clone(&queue);
        let thread = std::thread::spawn(move || {
            let mut batch = Batch::default();
            assert_eq!(reader.take(&mut batch, Duration::from_secs(60)), Taken::Some);
            assert_eq!(reader.take(&mut batch, Duration::ZERO), Taken::Nothing);
        });
        while queue.push(at(2), Origin::Unicast, [&b"y"[..]].into_iter()) == 0 {
            queue.wait_for_room(Duration::from_millis(100));
        }
        thread.join().unwrap();
    }

    proptest! {
        /// Against a model: order and contents are kept, and the bound holds.
        #[test]
        fn behaves_like_a_list_with_a_bound(steps in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), 0..60)) {
            let queue = Queue::new(200);
            let mut model: VecDeque<Vec<u8>> = VecDeque::new();
            let mut batch = Batch::default();
            for step in steps {
                match step {
                    Some(frame) => {
                        if queue.push(at(7), Origin::Unicast, [&frame[..]].into_iter()) == 1 {
                            model.push_back(frame);
                        }
                    }
                    None => {
                        if queue.take(&mut batch, Duration::ZERO) == Taken::Some {
                            for item in batch.items() {
                                let expect = model.pop_front();
                                prop_assert_eq!(Some(item.frame), expect.as_deref());
                                prop_assert_eq!((item.at, item.origin), (at(7), Origin::Unicast));
                            }
                        }
                        prop_assert!(model.is_empty());
                    }
                }
                prop_assert!(queue.bytes() <= 200);
            }
        }
    }
}
