//! Which life an event belongs to.

use super::{Facts, Key, Life, Table, Text};
use crate::sys::proc::{Stat, TICK_MS};

/// Start ticks are cut to 10 ms, and the wall clock at boot is known to about as much.
const SLACK_MS: i64 = 50;
/// No pid comes back sooner: that would take thousands of forks a second.
const WRAP_MS: i64 = 2000;
/// Parents looked up in `/proc` beyond the first.
const DEPTH: usize = 16;

impl Table {
    /// The life of the event's process; made if it is not known.
    pub(super) fn find(&mut self, facts: &Facts) -> Key {
        match self.at_time(facts) {
            Some(key) if !self.doubtful(key, facts) => key,
            Some(key) => self.check(key, facts),
            None => self.first_sight(facts),
        }
    }

    /// Of the lives of this pid the one that the event's time falls into.
    fn at_time(&self, facts: &Facts) -> Option<Key> {
        let time = facts.time.millis();
        let mut at = self.newest.get(&facts.pid).copied();
        while let Some(key) = at {
            let life = self.lives.get(key)?;
            if life.start_ms.is_none_or(|start| start <= time + SLACK_MS) {
                let over = life.ended.is_some_and(|ended| ended + SLACK_MS < time);
                return (!over).then_some(key);
            }
            at = life.previous;
        }
        None
    }

    /// Whether the event could belong to another process that has this pid by now.
    fn doubtful(&self, key: Key, facts: &Facts) -> bool {
        let Some(life) = self.lives.get(key) else { return true };
        let other_parent = facts.ppid.is_some_and(|ppid| ppid != life.ppid);
        let other_exe = matches!((&facts.exe, &life.exe), (Some(now), Some(then)) if now != then);
        let silent = facts.time.millis() - life.seen > self.limits.silence_ms;
        let exec = facts.is_exec && !facts.failed;
        other_parent || other_exe || silent || exec
    }

    /// Asks `/proc` whether the pid is still that of the life at hand.
    fn check(&mut self, key: Key, facts: &Facts) -> Key {
        let Some(life) = self.lives.get(key) else { return self.first_sight(facts) };
        if life.ended.is_some() {
            return key;
        }
        let (start, seen) = (life.start_ticks, life.seen);
        match self.proc.stat(facts.pid) {
            Some(stat) if start == Some(stat.start_ticks) => key,
            Some(stat) if start.is_none() && self.start_ms(&stat) <= seen + SLACK_MS => {
                self.date(key, &stat);
                key
            }
            // The pid has come back, but after this event.
            Some(stat) if self.start_ms(&stat) > facts.time.millis() + SLACK_MS => self.gone(key, facts),
            Some(_) => self.first_sight(facts),
            None => self.gone(key, facts),
        }
    }

    /// The process is over and cannot be asked. A silent minute is another process, and so is an exec below another parent
    /// or after a pause long enough for the pid to come back; a new parent alone is what happens to every orphan.
    fn gone(&mut self, key: Key, facts: &Facts) -> Key {
        let Some(life) = self.lives.get(key) else { return self.first_sight(facts) };
        let silent = facts.time.millis() - life.seen;
        let exec = facts.is_exec && !facts.failed;
        let other_parent = facts.ppid.is_some_and(|ppid| ppid != life.ppid);
        let other = silent > self.limits.silence_ms || exec && (other_parent || silent > WRAP_MS);
        if other { self.first_sight(facts) } else { key }
    }

    /// The parent that the event names takes the place of the one known so far; the first one is remembered.
    pub(super) fn reparent(&mut self, key: Key, facts: &Facts) {
        let Some(ppid) = facts.ppid.filter(|&ppid| self.lives.get(key).is_some_and(|life| life.ppid != ppid)) else {
            return;
        };
        let parent = self.parent_of(ppid, facts.time.millis(), 0);
        if let Some(life) = self.lives.get_mut(key) {
            life.creator = life.creator.or(life.parent);
            (life.ppid, life.parent) = (ppid, parent);
        }
    }

    /// The start of a life that was first known without it. Its entity stays.
    fn date(&mut self, key: Key, stat: &Stat) {
        let start_ms = self.start_ms(stat);
        if let Some(life) = self.lives.get_mut(key) {
            (life.start_ticks, life.start_ms) = (Some(stat.start_ticks), Some(start_ms));
        }
    }

    /// A process that the table does not know: from the event, and from `/proc` if it still lives there.
    fn first_sight(&mut self, facts: &Facts) -> Key {
        let time = facts.time.millis();
        let stat = self.proc.stat(facts.pid).filter(|stat| self.start_ms(stat) <= time + SLACK_MS);
        let mut life = Life::new(facts.pid, time, facts.serial);
        if let Some(stat) = &stat {
            (life.start_ticks, life.start_ms) = (Some(stat.start_ticks), Some(self.start_ms(stat)));
            life.comm = Text::of(&stat.comm);
            if facts.args.is_empty() {
                self.read_args(&mut life);
            }
        }
        life.ppid = facts.ppid.or(stat.map(|stat| stat.ppid)).unwrap_or(0);
        life.parent = self.parent_of(life.ppid, time, 0);
        let key = self.begin(life);
        self.settle(key);
        key
    }

    /// The process that has this pid now, with its parents; `depth` ends a chain that a hostile `/proc` made endless.
    pub(super) fn look_up(&mut self, pid: u32, now: i64, depth: usize) -> Option<Key> {
        let stat = self.proc.stat(pid)?;
        let mut life = Life::new(pid, now, 0);
        (life.start_ticks, life.start_ms) = (Some(stat.start_ticks), Some(self.start_ms(&stat)));
        life.comm = Text::of(&stat.comm);
        life.exe = self.proc.exe(pid).map(|exe| Text::of(&exe));
        life.cwd = self.proc.cwd(pid).map(|cwd| Text::of(&cwd));
        self.read_args(&mut life);
        life.ppid = stat.ppid;
        life.parent = self.parent_of(stat.ppid, now, depth + 1);
        let key = self.begin(life);
        self.settle(key);
        Some(key)
    }

    fn parent_of(&mut self, ppid: u32, time: i64, depth: usize) -> Option<Key> {
        if ppid == 0 || depth > DEPTH {
            return None;
        }
        let known = self.newest.get(&ppid).copied().filter(|&key| self.was_there(key, time));
        known.or_else(|| self.look_up(ppid, time, depth))
    }

    /// Whether a life could be somebody's parent at this time.
    fn was_there(&self, key: Key, time: i64) -> bool {
        self.lives.get(key).is_some_and(|life| {
            life.start_ms.is_none_or(|start| start <= time + SLACK_MS)
                && life.ended.is_none_or(|ended| ended + SLACK_MS >= time)
        })
    }

    fn read_args(&self, life: &mut Life) {
        let limit = self.limits.args_bytes;
        if let Some(args) = self.proc.args(life.pid, limit) {
            life.set_args(args.iter().map(|arg| Text::of(arg)).collect::<Vec<_>>().into_iter(), limit);
        }
    }

    fn start_ms(&self, stat: &Stat) -> i64 {
        let ticks = i64::try_from(stat.start_ticks).unwrap_or(i64::MAX);
        self.boot_ms.saturating_add(ticks.saturating_mul(TICK_MS))
    }
}
