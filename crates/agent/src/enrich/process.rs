//! The process table: lives of processes, keyed by pid **and** start.
//!
//! A pid alone means little: with the default `pid_max` it comes back within minutes. A [`Life`] is one process from its start
//! to its end, with parent, executable, arguments and container, and an `entity_id` that never changes once given. It is
//! found by pid and the event's own time, so an event that arrives after the exit, or after the pid came back, still finds
//! its process.
//!
//! Feeds, in order of trust: exec, fork and exit events of the stream; any event with pid, parent, name and executable;
//! `/proc` at start and on first sight. When an event does not fit the life at hand (another executable, another parent, an
//! exec, a minute of silence), `/proc/PID/stat` decides whether the pid has come back.
//!
//! Bounds: [`Limits`]. Beyond them the life not seen for the longest time is forgotten and counted. Does not: listen to the
//! process connector (the kernel's own fork and exit events); it would be one more caller of [`Table::observe`].

use std::collections::{HashMap, VecDeque};

use schema::{Event, Timestamp};

mod apply;
mod entity;
mod facts;
mod life;
mod lookup;
#[cfg(test)]
mod tests;

pub use apply::Present;
pub use facts::{Facts, Text};
pub use life::{Key, Life};

use super::container::{Containers, Place};
use crate::sys::proc::Proc;
use entity::Host;
use life::Lives;

/// Bounds of the table.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Lives kept, ended ones among them.
    pub lives: usize,
    /// Bytes of their strings.
    pub bytes: usize,
    /// Bytes of arguments kept for one.
    pub args_bytes: usize,
    /// How long an ended life is kept.
    pub ended_ms: i64,
    /// A life silent for so long is checked before it is believed.
    pub silence_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lives: 65_536, bytes: 16 << 20, args_bytes: 1024, ended_ms: 60_000, silence_ms: 60_000 }
    }
}

/// Silent lives looked up per [`Table::tick`].
const LOOKS: usize = 16;

/// See the [module](self).
#[derive(Debug)]
pub struct Table {
    limits: Limits,
    proc: Proc,
    containers: Containers,
    host: Host,
    lives: Lives,
    /// The newest life of each pid, ended or not.
    newest: HashMap<u32, Key>,
    /// Ended lives in the order of their end.
    ended: VecDeque<(i64, Key)>,
    /// Candidates for eviction, oldest first, with the time at which they were put there.
    queue: VecDeque<(i64, Key)>,
    /// Wall clock at boot in ms.
    boot_ms: i64,
    evicted: u64,
}

impl Table {
    /// A table that knows nobody.
    #[must_use]
    pub fn new(proc: Proc, containers: Containers, host_id: &str, boot_id: &str) -> Self {
        Self {
            limits: Limits::default(),
            proc,
            containers,
            host: Host::new(host_id, boot_id),
            lives: Lives::default(),
            newest: HashMap::new(),
            ended: VecDeque::new(),
            queue: VecDeque::new(),
            boot_ms: 0,
            evicted: 0,
        }
    }

    /// With other bounds.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Learns the wall clock at boot, which turns start ticks into dates.
    pub fn set_clock(&mut self, now: Timestamp) {
        if let Some(uptime) = self.proc.uptime_ms() {
            self.boot_ms = now.millis() - uptime;
        }
    }

    /// Learns every process that lives now.
    pub fn scan(&mut self, now: Timestamp) {
        let pids: Vec<u32> = self.proc.pids().collect();
        for pid in pids {
            if !self.newest.contains_key(&pid) {
                self.look_up(pid, now.millis(), 0);
            }
        }
    }

    /// Forgets lives that ended long enough ago.
    pub fn tick(&mut self, now: Timestamp) {
        while let Some(&(at, key)) = self.ended.front() {
            if now.millis() - at < self.limits.ended_ms {
                break;
            }
            self.ended.pop_front();
            self.forget(key);
        }
        (0..LOOKS).for_each(|_| self.look_at_oldest(now.millis()));
    }

    /// Ends that nobody told us of: a life silent for long is looked up.
    fn look_at_oldest(&mut self, now: i64) {
        let Some((queued, key)) = self.queue.pop_front() else { return };
        let Some(life) = self.lives.get(key) else { return };
        if life.ended.is_some() {
            return;
        }
        let silent = now - life.seen > self.limits.silence_ms;
        let same = |stat: crate::sys::proc::Stat| life.start_ticks.is_none_or(|start| start == stat.start_ticks);
        let over = silent && !self.proc.stat(life.pid).is_some_and(same);
        self.queue.push_back((queued, key));
        if over {
            self.end(key, now);
        }
    }

    /// Learns from one event and gives the life that it belongs to.
    pub fn observe(&mut self, facts: &Facts) -> Key {
        let key = self.find(facts);
        self.reparent(key, facts);
        self.learn(key, facts);
        if facts.is_end && !facts.failed {
            self.end(key, facts.time.millis());
        }
        if let Some(child) = facts.child.filter(|_| !facts.failed) {
            self.forked(key, child, facts.time.millis());
        }
        key
    }

    /// Adds what the table knows of a life and its parents; see [`super`] for what is added to which events.
    pub fn apply(&self, key: Key, present: Present, event: &mut Event) {
        apply::apply(self, key, present, event);
    }

    /// A life by its key.
    #[must_use]
    pub fn life(&self, key: Key) -> Option<&Life> {
        self.lives.get(key)
    }

    /// Lives known now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lives.len()
    }

    /// Whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lives forgotten at a bound.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The containers that lives are in.
    #[must_use]
    pub fn containers(&self) -> &Containers {
        &self.containers
    }

    /// The same, to look after them.
    pub fn containers_mut(&mut self) -> &mut Containers {
        &mut self.containers
    }

    /// What the event says of its process.
    fn learn(&mut self, key: Key, facts: &Facts) {
        let Some(life) = self.lives.get_mut(key) else { return };
        let before = life.bytes();
        life.learn(facts, self.limits.args_bytes);
        let after = life.bytes();
        self.lives.resized(before, after);
        if after > before {
            self.hold_bounds(key);
        }
        if facts.is_exec && !facts.failed {
            self.settle(key);
        }
    }

    /// A process was seen to be forked: it begins as a copy of its parent.
    fn forked(&mut self, parent: Key, pid: u32, at: i64) {
        let Some(creator) = self.lives.get(parent) else { return };
        let copy = creator.copy_for_child(pid, parent, at);
        if self
            .newest
            .get(&pid)
            .and_then(|&key| self.lives.get(key))
            .is_some_and(|life| life.ended.is_none() && life.seen >= at)
        {
            return;
        }
        self.begin(copy);
    }

    /// Gives a new life its entity and place in the table.
    fn begin(&mut self, mut life: Life) -> Key {
        life.entity = self.host.entity(life.pid, life.start_ticks, life.first_serial);
        life.previous = self.newest.get(&life.pid).copied();
        if let Some(previous) = life.previous {
            self.end(previous, life.start_ms.unwrap_or(life.seen));
        }
        let (pid, seen) = (life.pid, life.seen);
        let key = self.lives.insert(life);
        self.newest.insert(pid, key);
        self.queue.push_back((seen, key));
        self.hold_bounds(key);
        key
    }

    fn end(&mut self, key: Key, at: i64) {
        if let Some(life) = self.lives.get_mut(key)
            && life.ended.is_none()
        {
            life.ended = Some(at);
            self.ended.push_back((at, key));
        }
    }

    fn forget(&mut self, key: Key) {
        let Some(life) = self.lives.remove(key) else { return };
        if self.newest.get(&life.pid) == Some(&key) {
            self.newest.remove(&life.pid);
        }
    }

    /// Second chance: a candidate that was seen since it was queued goes to the end.
    fn hold_bounds(&mut self, keep: Key) {
        while self.lives.len() > self.limits.lives || self.lives.bytes() > self.limits.bytes {
            let Some((queued, key)) = self.queue.pop_front() else { return };
            match self.lives.get(key) {
                None => {}
                Some(life) if life.seen > queued || key == keep => {
                    let seen = life.seen.max(queued);
                    self.queue.push_back((seen, key));
                    if self.queue.len() == 1 {
                        return;
                    }
                }
                Some(_) => {
                    self.forget(key);
                    self.evicted += 1;
                }
            }
        }
        self.trim_queue();
    }

    /// Lives that ended leave their candidates behind; they are dropped before they outnumber the living.
    fn trim_queue(&mut self) {
        if self.queue.len() > 2 * self.lives.len() + 1024 {
            let lives = &self.lives;
            self.queue.retain(|(_, key)| lives.get(*key).is_some());
            let ended = &mut self.ended;
            ended.retain(|(_, key)| lives.get(*key).is_some());
        }
    }

    /// Where a process is after its exec or at first sight: its cgroup, or, if it is already gone, where its parent is.
    fn settle(&mut self, key: Key) {
        let Some(life) = self.lives.get(key) else { return };
        let (pid, start) = (life.pid, life.start_ticks);
        // The stat after the read proves that the cgroup was still that of this life.
        let lines = self
            .proc
            .cgroup(pid)
            .filter(|_| start.is_some() && self.proc.stat(pid).map(|stat| stat.start_ticks) == start);
        let (place, inherited) = match lines {
            Some(lines) => (self.containers.place(pid, &self.proc, &lines), false),
            None => (self.inherited(key), true),
        };
        if let Some(life) = self.lives.get_mut(key) {
            life.inherited = inherited && !matches!(place, Place::Unknown(_));
            life.place = place;
        }
    }

    /// A child runs where its parent runs, unless one of them is a runtime, which moves its children into containers.
    fn inherited(&self, key: Key) -> Place {
        let Some(life) = self.lives.get(key) else { return Place::Unknown("pid-gone") };
        if life.placed_by_itself() {
            return life.place.clone();
        }
        let parent = life.parent.and_then(|parent| self.lives.get(parent));
        match parent.filter(|parent| !parent.is_runtime() && !life.is_runtime()) {
            Some(parent) => parent.place.clone(),
            None => Place::Unknown("pid-gone"),
        }
    }
}
