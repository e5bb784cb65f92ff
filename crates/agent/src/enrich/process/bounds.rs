//! What the table forgets, and when.
//!
//! The dead: the oldest beyond 60 s, or beyond their number. The living: beyond their number the leaf (no living children)
//! that was silent for the longest time. Beyond the bytes first the dead, then leaves. Evictions at a bound are counted.

use std::cmp::Reverse;

use super::Table;
use super::life::NEVER;
use super::lives::Key;

impl Table {
    /// Notes an end. Later news of the same are nothing new.
    pub(super) fn end(&mut self, key: Key, at_ns: i64, inferred: bool) {
        let Some(life) = self.lives.get_mut(key).filter(|life| life.lives()) else { return };
        life.ended_ns = at_ns.max(life.start_ns).min(NEVER - 1);
        life.end_inferred = inferred;
        self.living = self.living.saturating_sub(1);
        self.dead.push_back((life.ended_ns, key));
        let parent = life.parent;
        self.lost_child(parent);
        while self.dead.len() > self.limits.dead {
            self.evicted_dead += u64::from(self.bury());
        }
    }

    /// Forgets the dead of long ago.
    pub(super) fn expire(&mut self, now_ns: i64) {
        let kept = self.limits.dead_ms.saturating_mul(super::timeline::MS);
        while self.dead.front().is_some_and(|(at, _)| now_ns.saturating_sub(*at) >= kept) {
            self.bury();
        }
    }

    /// Forgets the one that is dead for the longest time.
    fn bury(&mut self) -> bool {
        self.dead.pop_front().is_some_and(|(_, key)| self.forget(key))
    }

    pub(super) fn has_child(&mut self, parent: Option<Key>) {
        if let Some(parent) = parent.and_then(|parent| self.lives.get_mut(parent)) {
            parent.children += 1;
        }
    }

    pub(super) fn lost_child(&mut self, parent: Option<Key>) {
        let Some(key) = parent else { return };
        if let Some(parent) = self.lives.get_mut(key) {
            parent.children = parent.children.saturating_sub(1);
            if parent.children == 0 && parent.lives() {
                self.queue(key);
            }
        }
    }

    /// A candidate for eviction; at most one place in the queue each.
    pub(super) fn queue(&mut self, key: Key) {
        if let Some(life) = self.lives.get_mut(key).filter(|life| !life.queued) {
            life.queued = true;
            self.idle.push(Reverse((life.seen_ns, key)));
        }
    }

    /// Until all bounds hold. `keep` is the life at hand, which stays.
    pub(super) fn hold_bounds(&mut self, keep: Key) {
        while self.living > self.limits.live && self.evict(keep) {}
        while self.lives.bytes() > self.limits.bytes {
            let dead = self.dead.front().is_some_and(|(_, key)| *key != keep);
            if dead {
                self.evicted_dead += u64::from(self.bury());
            } else if !self.evict(keep) {
                return;
            }
        }
    }

    /// The queue orders by when somebody was put there; whoever was heard of since goes back with the newer time, so what is
    /// taken out is the longest silent leaf. Somebody with children leaves the queue until the last of them is gone.
    fn evict(&mut self, keep: Key) -> bool {
        while let Some(Reverse((queued_ns, key))) = self.idle.pop() {
            let Some(life) = self.lives.get_mut(key) else { continue };
            life.queued = false;
            if !life.lives() || life.children > 0 {
                continue;
            }
            if life.seen_ns > queued_ns {
                self.queue(key);
                continue;
            }
            if key == keep {
                // The newest of all is the only leaf left but for those of the same moment.
                let next = self.evict_other(keep);
                self.queue(keep);
                return next;
            }
            self.forget(key);
            self.evicted_live += 1;
            return true;
        }
        false
    }

    fn evict_other(&mut self, keep: Key) -> bool {
        match self.idle.peek() {
            Some(Reverse((_, key))) if *key != keep => self.evict(keep),
            _ => false,
        }
    }

    fn forget(&mut self, key: Key) -> bool {
        let Some(life) = self.lives.get(key) else { return false };
        let (pid, previous, parent, lives) = (life.pid, life.previous, life.parent, life.lives());
        if lives {
            self.living = self.living.saturating_sub(1);
            self.lost_child(parent);
        }
        match self.newest.get(&pid).copied() {
            Some(newest) if newest == key => {
                match previous.filter(|&previous| self.lives.get(previous).is_some()) {
                    Some(previous) => self.newest.insert(pid, previous),
                    None => self.newest.remove(&pid),
                };
            }
            Some(newest) => self.unlink(newest, key, previous),
            None => {}
        }
        self.lives.remove(key);
        true
    }

    /// Whoever had the pid after this one now follows the one before.
    fn unlink(&mut self, newest: Key, key: Key, previous: Option<Key>) {
        let mut at = Some(newest);
        while let Some(life) = at.and_then(|at| self.lives.get_mut(at)) {
            if life.previous == Some(key) {
                life.previous = previous;
                return;
            }
            at = life.previous;
        }
    }
}
