//! The process table: lives of processes, keyed by pid **and** start.
//!
//! A pid alone means little: with the default `pid_max` it comes back within minutes. A [`Life`] is one process from its start
//! to its end, with parent, executable, arguments and container, and an `entity_id` that never changes once given. It is
//! found by pid and the event's own time, so an event that arrives after the exit, or after the pid came back, still finds
//! its process.
//!
//! Feeds, in order of trust: the kernel's process connector ([`Table::happen`], fed by [`feed`]), exec, fork and exit events
//! of the stream, any event with pid, parent, name and executable ([`Table::observe`]), `/proc` at start, on first sight, and
//! where something does not fit.
//!
//! Bounds: [`Limits`], held at every moment ([`bounds`]). What a process left behind (arguments, folders, names) counts too.
//!
//! ```
//! use agent::enrich::container::{Containers, Roots};
//! use agent::enrich::process::{Facts, Table};
//! use agent::sys::{connector::Happening, proc::Proc};
//! use schema::Timestamp;
//!
//! let mut table = Table::new(Proc::at("/nowhere"), Containers::new(Roots::default()), "host", "boot");
//! table.listen();
//! table.happen(Happening::Fork { parent: 1, pid: 30 }, 5_000_000_000);
//! table.happen(Happening::Exit { pid: 30, first: true, status: 0 }, 6_000_000_000);
//! table.happen(Happening::Fork { parent: 1, pid: 30 }, 7_000_000_000);
//! let at = |ms| Facts { pid: 30, time: Timestamp::from_millis(ms), ..Facts::default() };
//! let (first, second) = (table.observe(&at(5_500)).key, table.observe(&at(7_500)).key);
//! assert_ne!(first, second);
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use schema::{Event, Timestamp};

mod apply;
mod bounds;
mod config;
mod entity;
mod facts;
pub mod feed;
mod happen;
pub mod hash;
mod identify;
mod leader;
mod life;
mod lives;
mod lookup;
mod place;
mod script;
mod snapshot;
mod timeline;

#[cfg(test)]
mod tests;

pub use apply::Present;
pub use config::{Config, Switch};
pub use facts::{Facts, Text};
pub use identify::{Ancestor, Doubt};
pub use leader::Entry;
pub use life::{Creator, Image, Life, Where};
pub use lives::Key;

use super::container::{Containers, Place};
use crate::sys::proc::Proc;
use entity::Host;
use life::Start;
use lives::Lives;
use timeline::{MS, Timeline};

/// Bounds of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Living processes.
    pub live: usize,
    /// Ended ones ...
    pub dead: usize,
    /// ... and how long they are kept.
    pub dead_ms: i64,
    /// Bytes of all, strings included.
    pub bytes: usize,
    /// Bytes of arguments kept for one.
    pub args_bytes: usize,
    /// A life silent for so long is checked before it is believed, where nobody watches.
    pub silence_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { live: 65_536, dead: 16_384, dead_ms: 60_000, bytes: 24 << 20, args_bytes: 1024, silence_ms: 60_000 }
    }
}

/// Looks at both clocks until one is quick.
const CLOCK_LOOKS: usize = 8;
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
    dead: VecDeque<(i64, Key)>,
    /// Candidates for eviction by the time since when they were silent; at most one entry each.
    idle: BinaryHeap<Reverse<(i64, Key)>>,
    /// Lives whose first thread ended before the others.
    suspects: VecDeque<Key>,
    living: usize,
    /// The connector tells everything.
    listening: bool,
    /// Its newest message.
    heard_ns: i64,
    /// Messages after this moment were lost, and `/proc` was not read since.
    gap_ns: Option<i64>,
    /// The last times between such a moment and the reading.
    gaps: VecDeque<(i64, i64)>,
    timeline: Timeline,
    /// Where the look at silent lives goes on.
    cursor: usize,
    evicted_live: u64,
    evicted_dead: u64,
    /// Shared by all that nothing is known of.
    unknown: Arc<Where>,
    nobody: Arc<Image>,
}

/// Which life an event belongs to, and which of its facts are true for the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sight {
    /// The life.
    pub key: Key,
    /// Its parent at the time of the event.
    pub parent: Option<Key>,
    /// The event is older than the life's last exec.
    pub before_exec: bool,
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
            dead: VecDeque::new(),
            idle: BinaryHeap::new(),
            suspects: VecDeque::new(),
            living: 0,
            listening: false,
            heard_ns: i64::MIN,
            gap_ns: None,
            gaps: VecDeque::new(),
            timeline: Timeline::default(),
            cursor: 0,
            evicted_live: 0,
            evicted_dead: 0,
            unknown: place::gone(),
            nobody: Arc::default(),
        }
    }

    /// With other bounds.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Compares the wall clock with the time since boot, on which lives are kept. A thread that is put aside between the two
    /// looks would move every date by that pause, so it looks again, and takes the quickest.
    pub fn set_clock(&mut self, wall: impl Fn() -> Timestamp) {
        let mut best: Option<(i64, Timestamp, i64)> = None;
        for _ in 0..CLOCK_LOOKS {
            let (Some(before_ns), now, Some(boot_ns)) = (self.proc.boot_ns(), wall(), self.proc.boot_ns()) else {
                return;
            };
            let took_ns = boot_ns - before_ns;
            if best.is_none_or(|(least_ns, ..)| took_ns < least_ns) {
                best = Some((took_ns, now, boot_ns));
            }
            if took_ns < MS {
                break;
            }
        }
        if let Some((_, now, boot_ns)) = best {
            self.set_clocks(now, boot_ns);
        }
    }

    /// The same with both clocks given.
    pub fn set_clocks(&mut self, now: Timestamp, boot_ns: i64) {
        self.timeline.set(now.millis(), boot_ns);
    }

    /// Learns every process that lives now.
    pub fn scan(&mut self) {
        if let Some(now_ns) = self.proc.boot_ns() {
            self.scan_at(now_ns);
        }
    }

    /// Forgets lives that ended long enough ago.
    pub fn tick(&mut self, now: Timestamp) {
        let now_ns = self.timeline.boot_ns(now.millis());
        self.expire(now_ns);
        self.look_at_suspects(now_ns);
        if !self.listening {
            (0..LOOKS).for_each(|_| self.look_at_next(now_ns));
        }
    }

    /// Ends that nobody told us of: a life silent for long is looked up.
    fn look_at_next(&mut self, now_ns: i64) {
        self.cursor = if self.cursor >= self.lives.slots() { 0 } else { self.cursor };
        let Some((key, life)) = self.lives.nth(self.cursor) else {
            self.cursor += 1;
            return;
        };
        self.cursor += 1;
        let silent = now_ns - life.seen_ns > self.limits.silence_ms.saturating_mul(MS);
        if life.lives() && silent && self.stat_of(key).is_none() {
            self.end(key, now_ns, true);
        }
    }

    /// Learns from one event and gives the life that it belongs to.
    pub fn observe(&mut self, facts: &Facts) -> Sight {
        let at_ns = self.timeline.boot_ns(facts.time.millis());
        let key = self.find(facts, at_ns);
        self.name(key);
        self.close(key, 0);
        let parent = self.reparent(key, facts, at_ns);
        let sight = self.sight(key, facts, at_ns, parent);
        self.learn(sight, facts, at_ns);
        let told = self.lives.get(key).is_some_and(|life| life.watched);
        if facts.is_end && !facts.failed && !told {
            self.end(key, at_ns, false);
        }
        if let Some(child) = facts.child.filter(|_| !facts.failed && !self.listening) {
            self.forked(key, child, at_ns, facts.serial);
        }
        sight
    }

    /// Adds what the table knows of a life and its parents; see [`super`] for what is added to which events.
    pub fn apply(&self, sight: Sight, present: Present, event: &mut Event) {
        apply::apply(self, sight, present, event);
    }

    /// A life by its key.
    #[must_use]
    pub fn life(&self, key: Key) -> Option<&Life> {
        self.lives.get(key)
    }

    /// The life that has this pid now.
    #[must_use]
    pub fn living(&self, pid: u32) -> Option<&Life> {
        self.alive(pid).and_then(|key| self.lives.get(key))
    }

    /// All lives, ended ones among them, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Life> {
        self.lives.iter().map(|(_, life)| life)
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

    /// Bytes of all lives with their strings.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lives.bytes()
    }

    /// Living and dead forgotten at a bound.
    #[must_use]
    pub fn evicted(&self) -> [u64; 2] {
        [self.evicted_live, self.evicted_dead]
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
    fn learn(&mut self, sight: Sight, facts: &Facts, at_ns: i64) {
        let key = sight.key;
        if let Some(life) = self.lives.get_mut(key) {
            life.seen_ns = life.seen_ns.max(at_ns);
            if let [Some(real), Some(effective)] = facts.uids {
                life.uids = Some([real, effective]);
            }
        }
        if sight.before_exec {
            self.learn_earlier(key, facts);
            return;
        }
        let exec = facts.is_exec && !facts.failed;
        if exec && !self.is_told_exec(key, at_ns) {
            self.lives.set_earlier(key, at_ns, (&self.nobody, &self.unknown));
            if let Some(life) = self.lives.get_mut(key) {
                life.exec_ns = at_ns;
            }
        }
        if let Some(image) = self.image_from(key, facts, exec) {
            self.lives.set_image(key, Arc::new(image));
        }
        let cwd = self.lives.get(key).and_then(|life| life.cwd.as_deref());
        if let Some(cwd) = facts.cwd.as_ref().filter(|now| cwd != Some(*now)) {
            self.lives.set_cwd(key, Arc::new(cwd.clone()));
        }
        if exec && self.lives.get(key).is_some_and(|life| !life.watched && life.lives()) {
            if !self.settle(key) {
                self.unsettle(key);
            }
            self.enter(key);
        }
        self.settle_if_open(key);
        self.hold_bounds(key);
    }

    /// The connector told of this exec before the event came.
    fn is_told_exec(&self, key: Key, at_ns: i64) -> bool {
        self.lives.get(key).is_some_and(|life| life.watched && life.exec_ns >= at_ns.saturating_sub(lookup::SLACK_NS))
    }

    /// What the event knows better than the table.
    fn image_from(&self, key: Key, facts: &Facts, exec: bool) -> Option<Image> {
        let life = self.lives.get(key)?;
        let old = &*life.image;
        let comm = facts.comm.as_ref().filter(|comm| **comm != old.comm);
        let exe = facts.exe.as_ref().filter(|exe| old.exe.as_ref() != Some(*exe));
        if !exec && comm.is_none() && exe.is_none() {
            return None;
        }
        let mut image = if exec { Image { script: None, ..old.clone() } } else { old.clone() };
        if let Some(comm) = comm {
            image.comm = comm.clone();
        }
        if let Some(exe) = exe {
            image.exe = Some(exe.clone());
        }
        if exec && !facts.args.is_empty() {
            image.set_args(facts.args.iter().cloned(), self.limits.args_bytes);
            let cwd = facts.cwd.as_ref().or(life.cwd.as_deref());
            image.script = script::of(facts.exe.as_ref(), &facts.args, facts.invoked.as_ref(), cwd);
        }
        Some(image)
    }

    /// An event that came after the exec: it may still name what ran before.
    fn learn_earlier(&mut self, key: Key, facts: &Facts) {
        let Some(life) = self.lives.get(key) else { return };
        let Some((earlier, _)) = life.earlier.as_ref().filter(|(earlier, _)| earlier.exe.is_none()) else { return };
        let mut image = (**earlier).clone();
        image.exe.clone_from(&facts.exe);
        if let Some(comm) = &facts.comm {
            image.comm = comm.clone();
        }
        self.lives.set_earlier_image(key, Arc::new(image));
    }

    /// A process was seen to be forked: it begins as a copy of its parent.
    fn forked(&mut self, parent: Key, pid: u32, at_ns: i64, serial: i64) {
        if self.alive(pid).and_then(|key| self.lives.get(key)).is_some_and(|life| life.seen_ns >= at_ns) {
            return;
        }
        let Some(creator) = self.lives.get(parent) else { return };
        let mut copy = creator.copy_for_child(pid, parent, at_ns, self.at_fork(creator));
        copy.start = Start::Unknown;
        let key = self.begin(copy, serial);
        self.enter(key);
    }

    /// Gives a new life its entity and its place among those of its pid.
    fn begin(&mut self, mut life: Life, serial: i64) -> Key {
        life.entity = self.host.entity(life.pid, life.ticks(), serial);
        let (pid, starts) = (life.pid, if life.start == Start::Unknown { life.seen_ns } else { life.start_ns });
        let parent = life.parent;
        let key = self.lives.insert(life);
        self.living += 1;
        self.link(key, pid, starts);
        self.has_child(parent);
        self.queue(key);
        self.hold_bounds(key);
        self.trim_queue();
        key
    }

    /// In the order of their starts; whoever had the pid before has ended, and whoever is followed has ended too.
    fn link(&mut self, key: Key, pid: u32, starts: i64) {
        let starts_of = |life: &Life| if life.start == Start::Unknown { life.seen_ns } else { life.start_ns };
        let (mut newer, mut older) = (None, self.newest.get(&pid).copied());
        while let Some(life) = older.and_then(|older| self.lives.get(older)).filter(|life| starts_of(life) > starts) {
            (newer, older) = (older, life.previous);
        }
        if let Some(older) = older {
            self.end(older, starts, true);
            if let Some(older) = self.lives.get_mut(older).filter(|older| older.end_inferred) {
                older.ended_ns = older.ended_ns.min(starts);
            }
        }
        if let Some(life) = self.lives.get_mut(key) {
            life.previous = older;
        }
        match newer {
            Some(newer) => {
                let ended = self.lives.get(newer).map_or(starts, starts_of);
                if let Some(newer) = self.lives.get_mut(newer) {
                    newer.previous = Some(key);
                }
                self.end(key, ended, true);
            }
            None => {
                self.newest.insert(pid, key);
            }
        }
    }

    /// From now on the entity stays. A start told by a fork is looked up first: what `/proc` shows may be a tick earlier.
    fn name(&mut self, key: Key) {
        let Some(life) = self.lives.get(key).filter(|life| !life.named) else { return };
        if life.start == Start::Told
            && life.lives()
            && let Some(stat) = self.stat_of(key)
        {
            self.take_stat(key, &stat);
        }
        if let Some(life) = self.lives.get_mut(key) {
            life.named = true;
        }
    }

    /// Lives that are over leave their candidates behind; they are dropped before they outnumber the living.
    fn trim_queue(&mut self) {
        if self.idle.len() > 2 * self.living + 1024 {
            let lives = &self.lives;
            self.idle.retain(|Reverse((_, key))| lives.get(*key).is_some_and(Life::lives));
        }
        if self.suspects.len() > 2 * self.living + 1024 {
            let lives = &self.lives;
            self.suspects.retain(|key| lives.get(*key).is_some_and(|life| life.lives() && life.headless));
        }
    }
}
