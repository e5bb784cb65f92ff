//! How many bytes of bodies are under way, over all and of each caller, so that memory stays bounded and one caller cannot
//! starve the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The bounds and what is under way.
#[derive(Debug)]
pub struct Inflight {
    total: u64,
    per_caller: u64,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    total: u64,
    callers: HashMap<String, u64>,
}

/// Room for one body; given back when dropped.
#[derive(Debug)]
pub struct Room {
    of: Arc<Inflight>,
    caller: String,
    bytes: u64,
}

impl Inflight {
    /// Nothing under way.
    #[must_use]
    pub fn new(total: u64, per_caller: u64) -> Self {
        Self { total, per_caller, now: Mutex::default() }
    }

    /// Room for a body of about this size; `None`: too much is under way, come again. A caller's only body is let through
    /// whatever its own bound says.
    #[must_use]
    pub fn room(self: &Arc<Self>, caller: &str, bytes: u64) -> Option<Room> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = now.callers.get(caller).copied().unwrap_or(0);
        if (now.total > 0 && now.total + bytes > self.total) || (mine > 0 && mine + bytes > self.per_caller) {
            return None;
        }
        now.total += bytes;
        *now.callers.entry(caller.to_owned()).or_default() += bytes;
        Some(Room { of: Arc::clone(self), caller: caller.to_owned(), bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut now = self.of.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.total -= self.bytes;
        if let Some(mine) = now.callers.get_mut(&self.caller) {
            *mine -= self.bytes;
            if *mine == 0 {
                now.callers.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_room_comes_back() {
        let inflight = Arc::new(Inflight::new(100, 30));
        let big = inflight.room("a", 60).unwrap();
        assert!(inflight.room("a", 1).is_none(), "the caller's own bound");
        let other = inflight.room("b", 30).unwrap();
        assert!(inflight.room("c", 20).is_none(), "the bound over all");
        drop(big);
        assert!(inflight.room("c", 20).is_some());
        drop(other);
        assert!(inflight.room("d", 1000).is_some(), "alone, anything within the body's own cap");
    }
}
