//! Which life an event belongs to.
//!
//! The event's date is turned into time since boot and compared with the lives of its pid. The kernel stamps records with a
//! coarse clock, so the true moment lies up to [`SLACK_NS`] after the date. What the connector told from the start is
//! believed; where it did not listen, an event that does not fit (another executable, another parent, an exec, a minute of
//! silence) has `/proc/PID/stat` decide whether the pid has come back.

use std::sync::Arc;

use super::life::{Image, NEVER, Start};
use super::lives::Key;
use super::place::start_ns;
use super::timeline::MS;
use super::{Facts, Life, Sight, Table, Text};

/// The coarse clock ticks every 10 ms at most, a date is cut to 1 ms, and a start from `/proc` to 10 ms.
pub(super) const SLACK_NS: i64 = 12 * MS;
/// What the two clocks may differ by after turning one into the other.
const SKEW_NS: i64 = 2 * MS;
/// No pid comes back sooner where nobody watches: that would take thousands of forks a second.
const WRAP_NS: i64 = 2000 * MS;
/// Parents looked up in `/proc` beyond the first.
const DEPTH: usize = 16;

impl Table {
    /// The life of the event's process; made if it is not known.
    pub(super) fn find(&mut self, facts: &Facts, at_ns: i64) -> Key {
        match self.at_time(facts.pid, at_ns, Some(facts)) {
            Some(key) if !self.doubtful(key, facts, at_ns) => key,
            Some(key) => self.check(key, facts, at_ns),
            None => self.first_sight(facts, at_ns),
        }
    }

    /// Of the lives of this pid the one that the moment falls into. Where two come into question, the one that the event's
    /// parent fits, then the one that it lies in without slack.
    pub(super) fn at_time(&self, pid: u32, at_ns: i64, facts: Option<&Facts>) -> Option<Key> {
        let mut best: Option<(u8, Key)> = None;
        let mut at = self.newest.get(&pid).copied();
        while let Some(key) = at {
            let Some(life) = self.lives.get(key) else { break };
            if could_be(life, at_ns) {
                let parent = facts.and_then(|facts| facts.ppid).is_none_or(|ppid| {
                    life.ppid == ppid || life.creator.as_ref().is_some_and(|creator| creator.pid == ppid)
                });
                let image = facts.is_none_or(|facts| fits(life, facts));
                let inside = life.start_ns <= at_ns && at_ns <= life.ended_ns;
                let score = u8::from(parent && image) * 4 + u8::from(parent) * 2 + u8::from(inside);
                if best.is_none_or(|(most, _)| score > most) {
                    best = Some((score, key));
                }
            }
            let surely_begun = life.start_ns.saturating_add(if life.start == Start::Told { SKEW_NS } else { SLACK_NS });
            if life.start != Start::Unknown && at_ns >= surely_begun {
                // Whoever had the pid before was gone by then.
                break;
            }
            at = life.previous;
        }
        best.map(|(_, key)| key)
    }

    /// Whether the event could belong to another process that has this pid by now.
    fn doubtful(&self, key: Key, facts: &Facts, at_ns: i64) -> bool {
        let Some(life) = self.lives.get(key) else { return true };
        if life.watched {
            let gap = self.gap_ns.is_some_and(|gap_ns| at_ns > gap_ns);
            return life.end_inferred || gap;
        }
        let other_parent = facts.ppid.is_some_and(|ppid| ppid != life.ppid);
        let other_exe = !fits(life, facts);
        let silent = at_ns - life.seen_ns > self.limits.silence_ms.saturating_mul(MS);
        let exec = facts.is_exec && !facts.failed;
        other_parent || other_exe || silent || exec
    }

    /// Asks `/proc` whether the pid is still that of the life at hand.
    fn check(&mut self, key: Key, facts: &Facts, at_ns: i64) -> Key {
        let Some(life) = self.lives.get(key) else { return self.first_sight(facts, at_ns) };
        if !life.lives() {
            return if life.end_inferred { self.gone(key, facts, at_ns) } else { key };
        }
        let seen_ns = life.seen_ns;
        match self.proc.stat(facts.pid) {
            Some(stat) if life.started_at(stat.start_ticks) == Some(true) => key,
            Some(stat) if life.start == Start::Unknown && start_ns(&stat) <= seen_ns.saturating_add(SLACK_NS) => {
                self.take_stat(key, &stat);
                key
            }
            // The pid has come back, but after this event.
            Some(stat) if start_ns(&stat) > at_ns.saturating_add(SLACK_NS) => self.gone(key, facts, at_ns),
            Some(_) => self.first_sight(facts, at_ns),
            None => self.gone(key, facts, at_ns),
        }
    }

    /// The process is over and cannot be asked. Where messages were lost, only what it did before them is surely its own.
    /// Where nobody watches, a silent minute is another process, and so is an exec below another parent or after a pause long
    /// enough for the pid to come back; a new parent alone is what happens to every orphan.
    fn gone(&mut self, key: Key, facts: &Facts, at_ns: i64) -> Key {
        let Some(life) = self.lives.get(key) else { return self.first_sight(facts, at_ns) };
        let silent = at_ns - life.seen_ns;
        let exec = facts.is_exec && !facts.failed;
        let other_parent = facts.ppid.is_some_and(|ppid| ppid != life.ppid);
        if life.watched {
            let sure_ns = life.seen_ns.max(self.gap_ns.unwrap_or(i64::MIN));
            return if at_ns > sure_ns { self.first_sight(facts, at_ns) } else { key };
        }
        let other = silent > self.limits.silence_ms.saturating_mul(MS) || exec && (other_parent || silent > WRAP_NS);
        if other { self.first_sight(facts, at_ns) } else { key }
    }

    /// The parent that the event names takes the place of the one known so far; the first one is remembered. An event from
    /// before that change names the first one, and gets it.
    pub(super) fn reparent(&mut self, key: Key, facts: &Facts, at_ns: i64) -> Option<Key> {
        let life = self.lives.get(key)?;
        let Some(ppid) = facts.ppid.filter(|&ppid| ppid != life.ppid) else { return life.parent };
        if let Some(creator) = life.creator.as_ref().filter(|creator| creator.pid == ppid) {
            return creator.key;
        }
        let parent = self.parent_of(ppid, at_ns, 0);
        self.set_parent(key, ppid, parent);
        parent
    }

    pub(super) fn set_parent(&mut self, key: Key, ppid: u32, parent: Option<Key>) {
        let Some(life) = self.lives.get(key) else { return };
        let (old, had_creator, lives) = (life.parent, life.creator.is_some(), life.lives());
        let creator = old.and_then(|old| self.lives.get(old)).map(|creator| super::life::Creator {
            pid: creator.pid,
            key: old,
            entity: creator.entity,
        });
        if lives {
            self.lost_child(old);
            self.has_child(parent);
        }
        let noted = !had_creator && creator.is_some();
        if let Some(life) = self.lives.get_mut(key) {
            if noted {
                life.creator = creator.map(Box::new);
            }
            (life.ppid, life.parent) = (ppid, parent);
        }
        if noted {
            self.lives.note_creator();
        }
    }

    /// A process that the table does not know: from the event, and from `/proc` if it still lives there. A pid whose present
    /// holder began before the event was this holder's then too.
    fn first_sight(&mut self, facts: &Facts, at_ns: i64) -> Key {
        let stat = self.proc.stat(facts.pid);
        let stat = stat.filter(|stat| start_ns(stat) <= at_ns.saturating_add(SLACK_NS));
        let known = stat.as_ref().and_then(|_| self.newest.get(&facts.pid).copied());
        let mut life = Life::new(facts.pid, at_ns, &self.unknown, &self.nobody);
        if let Some(stat) = &stat {
            (life.start, life.start_ns) = (Start::Tick, start_ns(stat));
            if facts.args.is_empty() {
                life.image = Arc::new(Image { comm: Text::of(&stat.comm), ..self.read_args(facts.pid) });
            }
        }
        life.watched = stat.is_some() && self.listening;
        life.ppid = facts.ppid.or(stat.as_ref().map(|stat| stat.ppid)).unwrap_or(0);
        life.parent = self.parent_of(life.ppid, at_ns, 0);
        let gone = stat.is_none();
        if let Some(known) = known {
            self.end(known, life.start_ns, true);
        }
        let key = self.begin(life, facts.serial);
        if gone {
            // It ended somewhere between its event and now.
            let now_ns = self.proc.boot_ns().unwrap_or(at_ns).max(at_ns);
            self.end(key, now_ns, true);
        } else {
            self.settle(key);
        }
        self.enter(key);
        key
    }

    /// The process that has this pid now, with its parents; `depth` ends a chain that a hostile `/proc` made endless.
    pub(super) fn look_up(&mut self, pid: u32, at_ns: i64, depth: usize) -> Option<Key> {
        let stat = self.proc.stat(pid)?;
        if start_ns(&stat) > at_ns.saturating_add(SLACK_NS) {
            return None;
        }
        let mut life = Life::new(pid, at_ns, &self.unknown, &self.nobody);
        (life.start, life.start_ns) = (Start::Tick, start_ns(&stat));
        life.image = Arc::new(Image {
            comm: Text::of(&stat.comm),
            exe: self.proc.exe(pid).map(|exe| Text::of(&exe)),
            ..self.read_args(pid)
        });
        life.cwd = self.proc.cwd(pid).map(|cwd| Arc::new(Text::of(&cwd)));
        life.threads = u16::try_from(stat.threads.saturating_sub(1)).unwrap_or(u16::MAX);
        life.uids = self.proc.uids(pid);
        (life.existing, life.watched) = (true, self.listening);
        life.ppid = stat.ppid;
        life.parent = self.parent_of(stat.ppid, at_ns, depth + 1);
        let key = self.begin(life, 0);
        self.settle(key);
        self.enter(key);
        Some(key)
    }

    pub(super) fn parent_of(&mut self, ppid: u32, at_ns: i64, depth: usize) -> Option<Key> {
        if ppid == 0 || depth > DEPTH {
            return None;
        }
        self.at_time(ppid, at_ns, None).or_else(|| self.look_up(ppid, at_ns, depth))
    }

    pub(super) fn read_args(&self, pid: u32) -> Image {
        let mut image = Image::default();
        let limit = self.limits.args_bytes;
        if let Some(args) = self.proc.args(pid, limit) {
            image.set_args(args.iter().map(|arg| Text::of(arg)).collect::<Vec<_>>().into_iter(), limit);
        }
        image
    }

    /// Whether the event is older than the last exec of its life, so that what that brought is not true for it.
    pub(super) fn sight(&self, key: Key, facts: &Facts, at_ns: i64, parent: Option<Key>) -> Sight {
        let before_exec = self.lives.get(key).is_some_and(|life| {
            let exec = facts.is_exec && !facts.failed;
            let Some((earlier, _)) = life.earlier.as_ref().filter(|_| !exec && at_ns < life.exec_ns) else {
                return false;
            };
            // Within the slack both come into question, and the program that the event names decides.
            let close = life.exec_ns - at_ns <= SLACK_NS;
            !close || !life.image.fits(facts) || life.is_nameless() && earlier.fits(facts)
        });
        Sight { key, parent, before_exec }
    }
}

/// Whether a moment can lie in a life.
fn could_be(life: &Life, at_ns: i64) -> bool {
    let begun = life.start_ns <= at_ns.saturating_add(SLACK_NS);
    // An inferred end is an upper bound already.
    let skew_ns = if life.end_inferred { 0 } else { SKEW_NS };
    begun && (life.ended_ns == NEVER || at_ns <= life.ended_ns.saturating_add(skew_ns))
}

/// Whether an event's program is one that this life has or had.
fn fits(life: &Life, facts: &Facts) -> bool {
    life.image.fits(facts)
        || life.earlier.as_ref().is_some_and(|(image, _)| image.fits(facts))
        || facts.is_exec && !facts.failed
}
