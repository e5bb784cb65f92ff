//! Who had a pid at a moment, for those who were told the pid alone and came too late to ask the process itself.
//!
//! An answer is given only where there is no doubt: exactly one life had the pid within the time that the teller may be late
//! by, the process connector told of it, and no message was lost in between. Everything else says why not.

use schema::{Event, Timestamp};

use super::apply::Present;
use super::happen::SAME_NS;
use super::lookup::SLACK_NS;
use super::timeline::MS;
use super::{Key, Life, Sight, Table, Text};

/// Holes in the connector's messages that are remembered; of older ones it is not known that they were none.
pub(super) const GAPS: usize = 16;
/// Lives looked through for one pid.
const MOST: usize = 64;
/// Parents looked through.
const DEPTH: usize = 32;

/// Why nobody can be named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// Nobody is known who had this pid then.
    Nobody,
    /// Several had it.
    Several,
    /// Messages were lost then, or nobody listens.
    Loss,
}

/// One ancestor, the process itself being the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ancestor {
    /// Its pid.
    pub pid: u32,
    /// `comm`.
    pub name: Text,
    /// Its executable, as far as known.
    pub executable: Option<Text>,
}

impl Table {
    /// The one life that had this pid at some time within the `late_ms` before `at`.
    ///
    /// # Errors
    /// Why that is not known for sure.
    pub fn identify(&mut self, pid: u32, at: Timestamp, late_ms: i64) -> Result<&Life, Doubt> {
        let key = self.sole(pid, at, late_ms)?;
        self.complete(key);
        self.name(key);
        self.lives.get(key).ok_or(Doubt::Nobody)
    }

    fn sole(&self, pid: u32, at: Timestamp, late_ms: i64) -> Result<Key, Doubt> {
        // A date is cut to a millisecond.
        let until_ns = self.timeline.boot_ns(at.millis()).saturating_add(MS + SLACK_NS);
        let since_ns = self.timeline.boot_ns(at.millis()).saturating_sub(late_ms.saturating_mul(MS));
        if !self.listening || self.gap_ns.is_some_and(|gap_ns| gap_ns < until_ns) {
            return Err(Doubt::Loss);
        }
        if self.gaps.iter().any(|&(from_ns, to_ns)| from_ns < until_ns && to_ns > since_ns) {
            return Err(Doubt::Loss);
        }
        let mut found: Option<Key> = None;
        let mut at = self.newest.get(&pid).copied();
        for _ in 0..MOST {
            let Some((key, life)) = at.and_then(|key| Some((key, self.lives.get(key)?))) else { break };
            if life.start_ns <= until_ns && life.ended_ns >= since_ns {
                if found.is_some() {
                    return Err(Doubt::Several);
                }
                found = Some(key);
            }
            if life.start_ns <= since_ns {
                break;
            }
            at = life.previous;
        }
        let key = found.ok_or(Doubt::Nobody)?;
        if self.lives.get(key).is_none_or(|life| !life.watched || life.end_inferred) {
            return Err(Doubt::Loss);
        }
        Ok(key)
    }

    /// Adds what is known of the life with this pid, and this start where it is known, to an event that tells of it late.
    pub fn apply_as(
        &mut self,
        pid: u32,
        start_ns: Option<i64>,
        (at, late_ms): (Timestamp, i64),
        present: Present,
        event: &mut Event,
    ) {
        let key = match start_ns {
            Some(start_ns) => self.started(pid, start_ns),
            None => self.sole(pid, at, late_ms).ok(),
        };
        let Some(key) = key else { return };
        self.complete(key);
        self.name(key);
        self.close(key, 0);
        let Some(life) = self.lives.get(key) else { return };
        let sight = Sight { key, parent: life.parent, before_exec: false };
        self.apply(sight, present, event);
    }

    /// The life of this pid that began then, to the precision that starts are told with.
    fn started(&self, pid: u32, start_ns: i64) -> Option<Key> {
        let mut at = self.newest.get(&pid).copied();
        for _ in 0..MOST {
            let key = at?;
            let life = self.lives.get(key)?;
            if (life.start_ns - start_ns).abs() <= SAME_NS {
                return Some(key);
            }
            at = life.previous;
        }
        None
    }

    /// The process that has this pid now or had it last, and its parents, as far as known.
    #[must_use]
    pub fn ancestors(&self, pid: u32, at: Timestamp) -> Vec<Ancestor> {
        let at_ns = self.timeline.boot_ns(at.millis());
        let mut key = self.at_time(pid, at_ns, None).or_else(|| self.newest.get(&pid).copied());
        let mut all = Vec::new();
        while let Some(life) = key.and_then(|key| self.lives.get(key)).filter(|_| all.len() < DEPTH) {
            let image = &life.image;
            all.push(Ancestor { pid: life.pid, name: image.comm.clone(), executable: image.exe.clone() });
            // Whoever made it, even where that has ended meanwhile and another one took it in.
            key = life.creator.as_ref().and_then(|creator| creator.key).or(life.parent);
        }
        all
    }

    /// What the connector does not tell, while the process can still be asked.
    fn complete(&mut self, key: Key) {
        let Some(life) = self.lives.get(key).filter(|life| life.lives()) else { return };
        let (pid, wants_ids, wants_args) = (life.pid, life.uids.is_none(), life.image.args.is_empty());
        if !wants_ids && !wants_args && life.image.exe.is_some() {
            return;
        }
        let uids = self.proc.uids(pid).filter(|_| wants_ids);
        let exe = self.proc.exe(pid).map(|exe| Text::of(&exe));
        let args = self.read_args(pid);
        if self.stat_of(key).is_none() {
            return;
        }
        let Some(life) = self.lives.get_mut(key) else { return };
        life.uids = life.uids.or(uids);
        if life.image.exe.is_none() || wants_args && !args.args.is_empty() {
            let mut image = (*life.image).clone();
            image.exe = image.exe.or(exe);
            if wants_args {
                (image.args, image.args_count) = (args.args, args.args_count);
            }
            self.lives.set_image(key, std::sync::Arc::new(image));
        }
    }
}
