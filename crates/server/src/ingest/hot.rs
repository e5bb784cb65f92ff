//! Batches that were just made durable, for consumers that keep up.
//!
//! Bounded by bytes: the oldest batches leave when newer ones need the room, whether or not they were read. A consumer that
//! falls behind reads the log instead ([`Next::Behind`]), or says how much it missed.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schema::IngestSeq;
use store::Accepted;

/// Events that were accepted together.
#[derive(Debug)]
pub struct Batch {
    /// In order of their sequence, without gaps.
    pub events: Vec<Accepted>,
    /// About how much memory they take.
    pub bytes: usize,
}

impl Batch {
    /// Sequence of the first event.
    #[must_use]
    pub fn first(&self) -> IngestSeq {
        self.events.first().map_or(IngestSeq(0), |event| event.seq)
    }

    /// Sequence of the last event.
    #[must_use]
    pub fn last(&self) -> IngestSeq {
        self.events.last().map_or(IngestSeq(0), |event| event.seq)
    }
}

/// What comes after a consumer's place.
#[derive(Debug)]
pub enum Next {
    /// This.
    Batch(Arc<Batch>),
    /// Something that is not held any more: read the log up to here.
    Behind(IngestSeq),
    /// Nothing yet.
    Idle,
    /// Nothing any more: the server stops.
    Closed,
}

/// The newest durable batches.
#[derive(Debug)]
pub struct Hot {
    state: Mutex<State>,
    arrived: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
    durable: IngestSeq,
    closed: bool,
}

impl Hot {
    /// Nothing yet; everything up to `durable` lies in the log.
    #[must_use]
    pub fn new(capacity: usize, durable: IngestSeq) -> Self {
        let state = State { batches: VecDeque::new(), bytes: 0, durable, closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new(), capacity }
    }

    /// Takes a durable batch in.
    pub fn push(&self, batch: Arc<Batch>) {
        let mut state = self.lock();
        state.durable = batch.last();
        state.bytes += batch.bytes;
        state.batches.push_back(batch);
        while state.bytes > self.capacity && state.batches.len() > 1 {
            let gone = state.batches.pop_front().map_or(0, |batch| batch.bytes);
            state.bytes -= gone;
        }
        drop(state);
        self.arrived.notify_all();
    }

    /// Everything up to here is durable.
    #[must_use]
    pub fn durable(&self) -> IngestSeq {
        self.lock().durable
    }

    /// No more will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// What follows `after`; waits for it at most so long.
    #[must_use]
    pub fn next(&self, after: IngestSeq, wait: Duration) -> Next {
        let state = self.lock();
        let idle = |state: &mut State| state.durable <= after && !state.closed;
        let (state, _) = self.arrived.wait_timeout_while(state, wait, idle).unwrap_or_else(PoisonError::into_inner);
        if state.durable <= after {
            return if state.closed { Next::Closed } else { Next::Idle };
        }
        let at = state.batches.partition_point(|batch| batch.last() <= after);
        match state.batches.get(at) {
            Some(batch) if batch.first().0 <= after.0 + 1 => Next::Batch(Arc::clone(batch)),
            Some(batch) => Next::Behind(IngestSeq(batch.first().0 - 1)),
            None => Next::Behind(state.durable),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::{Event, Timestamp};

    const NOW: Duration = Duration::ZERO;

    fn batch(first: u64, count: u64) -> Arc<Batch> {
        let event = |seq| Accepted { seq: IngestSeq(seq), received: Timestamp::default(), event: Event::default() };
        Arc::new(Batch { events: (first..first + count).map(event).collect(), bytes: 100 })
    }

    #[test]
    fn consumers_go_on_from_their_place() {
        let hot = Hot::new(250, IngestSeq(4));
        assert!(matches!(hot.next(IngestSeq(4), NOW), Next::Idle));
        assert!(matches!(hot.next(IngestSeq(2), NOW), Next::Behind(IngestSeq(4))));
        hot.push(batch(5, 2));
        hot.push(batch(7, 3));
        assert!(matches!(hot.next(IngestSeq(4), NOW), Next::Batch(b) if b.first() == IngestSeq(5)));
        assert!(matches!(hot.next(IngestSeq(6), NOW), Next::Batch(b) if b.first() == IngestSeq(7)));
        hot.push(batch(10, 1));
        assert!(matches!(hot.next(IngestSeq(4), NOW), Next::Behind(IngestSeq(6))));
        hot.close();
        assert!(matches!(hot.next(IngestSeq(9), NOW), Next::Batch(_)));
        assert!(matches!(hot.next(IngestSeq(10), NOW), Next::Closed));
    }
}
