//! Which events are there already: exact, and cheap enough to ask for every event.
//!
//! An agent numbers the events of a lane from 0 without holes. So all that must be known of a lane is the first counter
//! that is not accounted for ([`Counters::next`]), a bitmap of what arrived beyond it, and the ranges below it that never
//! came (lost at the agent and said so, or reported by us as `unexplained-gap`). An event of such a range that comes after
//! all is taken and closes that part of the hole.
//!
//! Of each agent the newest four epochs are kept; for older ones, and for epochs whose state was lost, the answer is
//! [`Verdict::Ask`]: the store knows.
//!
//! Bounds: [`MAX_BEYOND`] counters in a bitmap (then the agent is told to wait), [`MAX_ABSENT`] ranges (then the oldest hole
//! is final: its loss was reported, and late events of it count as duplicates).
//!
//! What this does not do: clocks and disks. Times are passed in; [`snapshot`] turns the state into bytes and back.

pub mod snapshot;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use roaring::RoaringTreemap;
use schema::id::MAX_COUNTER;
use schema::loss::LostRange;
use schema::{AgentId, EventId, Lane};

/// Epochs kept of each agent.
pub const EPOCHS: usize = 4;
/// Counters that may wait beyond a hole.
pub const MAX_BEYOND: u64 = 1_000_000;
/// Ranges of a lane that never came.
pub const MAX_ABSENT: usize = 4096;

/// Whether an event is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is not.
    New,
    /// It is.
    Duplicate,
    /// Only the store can tell.
    Ask,
    /// Too much waits beyond a hole of this agent.
    Full,
}

/// A spool that says it is another one: a cloned disk, or a clock that was set back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("agent {agent} has used epoch {epoch} with another nonce: two spools share one identity; start a new epoch")]
pub struct NonceConflict {
    /// Whose.
    pub agent: AgentId,
    /// Which epoch.
    pub epoch: u32,
}

/// The state of all agents.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Dedupe {
    agents: HashMap<AgentId, Agent>,
    /// The state was lost: what an unknown epoch sent before is known only to the store.
    forgetful: bool,
}

#[derive(Clone, PartialEq, Debug, Default)]
struct Agent {
    /// Ascending by number, at most [`EPOCHS`].
    epochs: Vec<Epoch>,
    /// Epochs up to here are no longer kept.
    dropped: Option<u32>,
}

#[derive(Clone, PartialEq, Debug)]
struct Epoch {
    number: u32,
    nonce: Option<u128>,
    forgetful: bool,
    lanes: [Counters; Lane::ALL.len()],
}

/// What of a lane is there.
#[derive(Clone, PartialEq, Debug, Default)]
struct Counters {
    /// All below are accounted for: there, or in `absent`.
    next: u64,
    /// What is there from `next` on.
    beyond: RoaringTreemap,
    /// Disjoint ascending ranges that are accounted for without being there.
    absent: Vec<(u64, u64)>,
    /// The agent says that it has nothing below this any more.
    floor: u64,
    /// Holes below the counter were there at the instant.
    watch: Option<(u64, Instant)>,
}

impl Dedupe {
    /// Part of the state was lost: what is not known to be there is asked for in the store.
    pub fn forget(&mut self) {
        self.forgetful = true;
        self.agents.values_mut().flat_map(|agent| &mut agent.epochs).for_each(|epoch| epoch.forgetful = true);
    }

    /// Whether an event is there.
    #[must_use]
    pub fn check(&self, id: EventId) -> Verdict {
        let Some(agent) = self.agents.get(&id.agent) else { return self.unknown() };
        let Some(epoch) = agent.epochs.iter().rfind(|epoch| epoch.number == id.epoch) else {
            return if agent.dropped.is_some_and(|dropped| id.epoch <= dropped) {
                Verdict::Ask
            } else {
                self.unknown()
            };
        };
        // No lane of ours; the reader of bodies refuses such ids.
        let Some(counters) = epoch.lanes.get(usize::from(id.lane_number())) else { return Verdict::Ask };
        match counters.check(id.counter()) {
            Verdict::New if epoch.forgetful => Verdict::Ask,
            verdict => verdict,
        }
    }

    const fn unknown(&self) -> Verdict {
        if self.forgetful { Verdict::Ask } else { Verdict::New }
    }

    /// Notes that an event is there now.
    pub fn mark(&mut self, id: EventId) {
        if let Some(counters) = self.counters(id) {
            counters.mark(id.counter());
        }
    }

    /// Takes a [`Self::mark`] back: the event could not be stored.
    pub fn unmark(&mut self, id: EventId) {
        if let Some(counters) = self.counters(id) {
            counters.unmark(id.counter());
        }
    }

    /// Notes counters that will not come, or came to harm.
    pub fn explain(&mut self, range: LostRange) {
        let first = EventId::new(range.agent, range.epoch, range.lane, range.first);
        if let Some(counters) = self.counters(first) {
            counters.explain(range.first, range.last.min(MAX_COUNTER));
        }
    }

    /// Checks the nonce of an agent's epoch, and keeps it if the epoch is new.
    ///
    /// # Errors
    /// The epoch is known with another nonce.
    pub fn admit(&mut self, agent: AgentId, epoch: u32, nonce: u128) -> Result<(), NonceConflict> {
        let Some(known) = self.epoch(agent, epoch) else { return Ok(()) };
        match known.nonce {
            Some(other) if other != nonce => Err(NonceConflict { agent, epoch }),
            _ => {
                known.nonce = Some(nonce);
                Ok(())
            }
        }
    }

    /// Notes that an agent holds nothing below `floor` any more: what is not here by now is missing.
    pub fn floor(&mut self, agent: AgentId, epoch: u32, lane: Lane, floor: u64) {
        let Some(known) = self.agents.get_mut(&agent) else { return };
        if let Some(epoch) = known.epochs.iter_mut().find(|known| known.number == epoch) {
            let counters = &mut epoch.lanes[lane as usize];
            counters.floor = counters.floor.max(floor.min(MAX_COUNTER));
        }
    }

    /// Holes that were seen at least `after` ago and are still open. They count as reported from now on.
    pub fn overdue(&mut self, now: Instant, after: Duration) -> Vec<LostRange> {
        let mut found = Vec::new();
        for (&agent, state) in &mut self.agents {
            for epoch in &mut state.epochs {
                for lane in Lane::ALL {
                    let holes = epoch.lanes[lane as usize].overdue(now, after);
                    let named = |(first, last)| LostRange { agent, epoch: epoch.number, lane, first, last };
                    found.extend(holes.into_iter().map(named));
                }
            }
        }
        found
    }

    /// Events in holes that nobody has explained yet.
    #[must_use]
    pub fn open_holes(&self) -> u64 {
        let lanes = self.agents.values().flat_map(|agent| &agent.epochs).flat_map(|epoch| &epoch.lanes);
        lanes.map(|counters| counters.first_hole().map_or(0, |(first, last)| last - first + 1)).sum()
    }

    /// How many agents are known.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.agents.len()
    }

    fn counters(&mut self, id: EventId) -> Option<&mut Counters> {
        let lane = usize::from(id.lane_number());
        self.epoch(id.agent, id.epoch)?.lanes.get_mut(lane)
    }

    /// The state of an epoch, made if it is new; `None` if it is older than those kept.
    fn epoch(&mut self, agent: AgentId, number: u32) -> Option<&mut Epoch> {
        let forgetful = self.forgetful;
        let state = self.agents.entry(agent).or_default();
        if state.dropped.is_some_and(|dropped| number <= dropped) {
            return None;
        }
        let at = match state.epochs.binary_search_by_key(&number, |epoch| epoch.number) {
            Ok(at) => at,
            Err(at) if state.epochs.len() < EPOCHS => state.insert(at, number, forgetful),
            // All four kept ones are newer.
            Err(0) => {
                state.dropped = Some(number);
                return None;
            }
            Err(at) => {
                state.dropped = Some(state.epochs.remove(0).number);
                state.insert(at - 1, number, forgetful)
            }
        };
        state.epochs.get_mut(at)
    }
}

impl Agent {
    fn insert(&mut self, at: usize, number: u32, forgetful: bool) -> usize {
        self.epochs.insert(at, Epoch { number, nonce: None, forgetful, lanes: Default::default() });
        at
    }
}

impl Counters {
    fn check(&self, counter: u64) -> Verdict {
        if counter < self.next {
            return if self.is_absent(counter) { Verdict::New } else { Verdict::Duplicate };
        }
        if self.beyond.contains(counter) {
            Verdict::Duplicate
        } else if counter > self.next && self.beyond.len() >= MAX_BEYOND {
            Verdict::Full
        } else {
            Verdict::New
        }
    }

    fn mark(&mut self, counter: u64) {
        if counter < self.next {
            self.cut(counter);
        } else if counter == self.next && self.beyond.is_empty() && self.absent.is_empty() {
            self.next += 1;
        } else {
            self.beyond.insert(counter);
            self.advance();
        }
    }

    fn unmark(&mut self, counter: u64) {
        if counter < self.next {
            if counter + 1 < self.next {
                self.beyond.insert_range(counter + 1..self.next);
            }
            let absent: Vec<(u64, u64)> = self.absent.iter().copied().filter(|&(_, last)| last > counter).collect();
            for (first, last) in absent {
                self.beyond.remove_range(first..last.saturating_add(1).min(self.next));
            }
            self.next = counter;
        } else {
            self.beyond.remove(counter);
        }
    }

    /// Moves `next` over all that is accounted for.
    fn advance(&mut self) {
        loop {
            if self.beyond.remove(self.next) {
                self.cut(self.next);
                self.next += 1;
            } else if let Some(at) = self.range_of(self.next) {
                let end = self.absent[at].1 + 1;
                self.next = self.beyond.min().map_or(end, |there| there.min(end));
            } else {
                return;
            }
        }
    }

    fn explain(&mut self, first: u64, last: u64) {
        // Below `next` all is accounted for already.
        let first = first.max(self.next);
        if first > last {
            return;
        }
        let (mut first, mut last) = (first, last);
        self.absent.retain(|&(from, to)| {
            let touches = from <= last.saturating_add(1) && first <= to.saturating_add(1);
            if touches {
                (first, last) = (first.min(from), last.max(to));
            }
            !touches
        });
        let at = self.absent.partition_point(|&(from, _)| from < first);
        self.absent.insert(at, (first, last));
        self.bound();
        self.advance();
    }

    fn is_absent(&self, counter: u64) -> bool {
        self.range_of(counter).is_some()
    }

    fn range_of(&self, counter: u64) -> Option<usize> {
        let at = self.absent.partition_point(|&(first, _)| first <= counter).checked_sub(1)?;
        (counter <= self.absent[at].1).then_some(at)
    }

    /// Takes one counter out of the absent ranges.
    fn cut(&mut self, counter: u64) {
        let Some(at) = self.range_of(counter) else { return };
        let (first, last) = self.absent.remove(at);
        if counter < last {
            self.absent.insert(at, (counter + 1, last));
        }
        if first < counter {
            self.absent.insert(at, (first, counter - 1));
        }
        self.bound();
    }

    fn bound(&mut self) {
        if self.absent.len() > MAX_ABSENT {
            self.absent.remove(0);
        }
    }

    /// The first range that nobody has explained: something beyond it is there, or the agent says it is gone.
    fn first_hole(&self) -> Option<(u64, u64)> {
        let beyond = self.beyond.min().unwrap_or(0);
        let end = if beyond > self.next { beyond } else { self.floor };
        let explained = self.absent.iter().map(|&(first, _)| first).find(|&first| first > self.next);
        let end = explained.map_or(end, |first| first.min(end));
        (end > self.next).then(|| (self.next, end - 1))
    }

    fn overdue(&mut self, now: Instant, after: Duration) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        if self.first_hole().is_none() {
            self.watch = None;
            return found;
        }
        let Some((high, since)) = self.watch else {
            self.watch = Some((self.high(), now));
            return found;
        };
        if now.saturating_duration_since(since) < after {
            return found;
        }
        while let Some((first, last)) = self.first_hole().filter(|&(first, _)| first < high) {
            found.push((first, last));
            self.explain(first, last);
        }
        self.watch = Some((self.high(), now));
        found
    }

    fn high(&self) -> u64 {
        self.beyond.max().unwrap_or(0).max(self.floor)
    }
}

#[cfg(test)]
mod tests;
