//! What a scan found, until it is known that no collector tells it too: with a process, and without being said twice.
//!
//! A scan sees a change before its evidence is judged, which takes the debounce. So what it found waits [`WAIT_MS`]. If by then the
//! judge has noted the same state, or waits for that path himself, the scan's word is not needed.
//!
//! Bound: [`MOST`] changes; beyond, the oldest is let go at once.

use std::collections::VecDeque;

use fim::Change;
use fim::seen::Seen;
use schema::Timestamp;

/// Longer than the judge waits for quiet; a file that is written on and on is his at the latest after that.
const WAIT_MS: i64 = 1_500;
/// Changes that wait.
const MOST: usize = 65_536;

/// See the module.
#[derive(Default)]
pub(super) struct Held {
    waiting: VecDeque<(i64, Change)>,
}

impl Held {
    /// Takes a change that a scan found at `now`.
    pub(super) fn take(&mut self, change: Change, now: Timestamp) {
        self.waiting.push_back((now.millis().saturating_add(WAIT_MS), change));
    }

    /// Gives out what is to be told by the scan after all, and notes it.
    pub(super) fn run(&mut self, now: Timestamp, all: bool, seen: &mut dyn Seen, each: &mut dyn FnMut(Change)) {
        while let Some((at, _)) = self.waiting.front() {
            if !all && *at > now.millis() && self.waiting.len() <= MOST {
                return;
            }
            let Some((_, change)) = self.waiting.pop_front() else { return };
            let noted = seen.get(&change.path);
            // The judge was here since: what there was to be told is told.
            if noted == change.after || noted != change.before {
                continue;
            }
            seen.set(&change.path, change.after.as_ref());
            each(change);
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
