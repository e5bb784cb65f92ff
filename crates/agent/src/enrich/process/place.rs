//! Where a process runs, and what `/proc` says of it besides.
//!
//! A place is proven by a read of the process's own cgroup, with a look at its start after the read: the pid was still its
//! own. Without a read it is taken from the parent, and marked so, only where the fork itself was seen, the parent's own place
//! is known, and the parent is no runtime, which moves its children. Everything else is unknown, reason `pid-gone`.

use std::sync::Arc;

use super::hash::FileId;
use super::life::{Image, Start};
use super::lives::Key;
use super::{Life, Place, Table, Text, Where};
use crate::sys::proc::{Stat, TICK_MS};

/// Parents of whose places one depends.
const DEPTH: usize = 16;
/// Reads of a place that failed; a hidden `/proc` is not asked for ever.
const TRIES: u8 = 3;

/// Nothing is known of where a process is.
pub(super) fn gone() -> Arc<Where> {
    Arc::new(Where { place: Place::Unknown("pid-gone"), inherited: false })
}

impl Table {
    /// Reads cgroup and stat of a life. Says whether it was still there.
    pub(super) fn settle(&mut self, key: Key) -> bool {
        let Some(life) = self.lives.get(key) else { return false };
        let pid = life.pid;
        let lines = self.proc.cgroup(pid);
        let (file, exe) = (self.file_of(pid), self.exe_of(key));
        // The stat after the read proves that the cgroup was still that of this life.
        let stat = self.stat_of(key);
        let read = stat.as_ref().and(lines).map(|lines| self.containers.place(pid, &self.proc, &lines));
        // The v1 hierarchies show `/` for a process that has begun to end.
        let proven =
            read.filter(|place| place.container().is_some() || stat.as_ref().is_some_and(|stat| !stat.exiting));
        if let Some(stat) = &stat {
            self.take_stat(key, stat);
            self.take_exe(key, exe);
        }
        let Some(life) = self.lives.get_mut(key) else { return false };
        if stat.is_some() && file.is_some() {
            life.file = file;
        }
        match proven {
            Some(place) => {
                (life.tries, life.open) = (0, false);
                life.place = Arc::new(Where { place, inherited: false });
            }
            None => life.tries = life.tries.saturating_add(1),
        }
        stat.is_some()
    }

    /// As [`Self::settle`] without the cgroup.
    pub(super) fn look(&mut self, key: Key) {
        let Some(life) = self.lives.get(key) else { return };
        let (file, exe) = (self.file_of(life.pid), self.exe_of(key));
        let Some(stat) = self.stat_of(key) else { return };
        self.take_stat(key, &stat);
        self.take_exe(key, exe);
        if let Some(life) = self.lives.get_mut(key).filter(|_| file.is_some()) {
            life.file = file;
        }
    }

    fn file_of(&self, pid: u32) -> Option<Arc<FileId>> {
        FileId::of(&self.proc.executable_metadata(pid)?).map(Arc::new)
    }

    /// The path of its program, if nobody told it yet.
    fn exe_of(&self, key: Key) -> Option<Text> {
        let life = self.lives.get(key).filter(|life| life.image.exe.is_none())?;
        self.proc.exe(life.pid).map(|exe| Text::of(&exe))
    }

    fn take_exe(&mut self, key: Key, exe: Option<Text>) {
        let Some(life) = self.lives.get(key).filter(|life| life.image.exe.is_none()) else { return };
        if exe.is_some() {
            let image = Image { exe, ..(*life.image).clone() };
            self.lives.set_image(key, Arc::new(image));
        }
    }

    /// As [`Self::settle`], if there is reason to: the place is unknown, or its program is one that changes it.
    pub(super) fn settle_if_open(&mut self, key: Key) {
        let Some(life) = self.lives.get(key).filter(|life| life.lives()) else { return };
        let unknown = matches!(life.place.place, Place::Unknown(_)) && life.tries < TRIES;
        if unknown || life.image.is_runtime() && life.container().is_none() {
            self.settle(key);
            self.enter(key);
        }
    }

    /// What a life's stat says now, if it is still its own.
    pub(super) fn stat_of(&self, key: Key) -> Option<Stat> {
        let life = self.lives.get(key)?;
        let stat = self.proc.stat(life.pid)?;
        match life.started_at(stat.start_ticks) {
            Some(same) => same.then_some(stat),
            // A start not known yet: what lives here and began before anything was heard of it is the same.
            None => (start_ns(&stat) <= life.seen_ns.saturating_add(super::lookup::SLACK_NS)).then_some(stat),
        }
    }

    /// What stat says besides.
    pub(super) fn take_stat(&mut self, key: Key, stat: &Stat) {
        let now_ns = self.proc.boot_ns().unwrap_or(i64::MAX);
        let entity_host = &self.host;
        let Some(life) = self.lives.get_mut(key) else { return };
        life.read_ns = now_ns;
        // Of one that is being reaped the kernel shows zeros for these.
        if stat.threads > 0 {
            (life.session, life.group, life.terminal) = (stat.session, stat.group, stat.terminal);
        }
        if life.start == Start::Unknown {
            (life.start, life.start_ns) = (Start::Tick, start_ns(stat));
        }
        if !life.named {
            life.entity = entity_host.entity(life.pid, Some(stat.start_ticks), 0);
        }
        if life.is_nameless() {
            let image = Image { comm: Text::of(&stat.comm), ..(*life.image).clone() };
            self.lives.set_image(key, Arc::new(image));
        }
    }

    /// Where a child is at its fork. Of a creator whose program is not known yet it stays open ([`Self::close`]).
    pub(super) fn at_fork(&self, creator: &Life) -> Arc<Where> {
        let known = !matches!(creator.place.place, Place::Unknown(_));
        match known && !creator.image.is_runtime() {
            true if creator.place.inherited => Arc::clone(&creator.place),
            true => Arc::new(Where { place: creator.place.place.clone(), inherited: true }),
            false => Arc::clone(&self.unknown),
        }
    }

    /// A place taken from the parent when nobody knew yet what that was: by now everything of before is known.
    pub(super) fn close(&mut self, key: Key, depth: usize) {
        let Some(life) = self.lives.get(key).filter(|life| life.open) else { return };
        let origin = life.creator.as_ref().map_or(life.parent, |creator| creator.key);
        if let Some(origin) = origin.filter(|_| depth < DEPTH) {
            self.close(origin, depth + 1);
        }
        let Some(life) = self.lives.get(key) else { return };
        let proof = origin.and_then(|origin| self.lives.get(origin)).and_then(|origin| {
            let (image, place) = match &origin.earlier {
                _ if origin.exec_ns <= life.start_ns => (&origin.image, &origin.place),
                Some((image, place)) if origin.earlier_exec_ns <= life.start_ns => (image, place),
                _ => return None,
            };
            let known = !matches!(place.place, Place::Unknown(_));
            (known && !image.is_runtime() && !image.comm.as_str().is_empty()).then(|| place.place.clone())
        });
        // An exec that found the process gone kept the place of the fork.
        let place = match proof {
            Some(place) => Arc::new(Where { place, inherited: true }),
            None => Arc::clone(&self.unknown),
        };
        if let Some(life) = self.lives.get_mut(key) {
            if life.place.inherited {
                life.place = Arc::clone(&place);
            }
            if let Some((_, earlier)) = life.earlier.as_mut().filter(|(_, earlier)| earlier.inherited) {
                *earlier = place;
            }
            life.open = false;
        }
    }

    /// A program replaced by itself in the same container as its parent, which is no runtime, has not moved.
    pub(super) fn has_not_moved(&self, life: &Life) -> bool {
        let Some(container) = life.container() else { return false };
        let Some(parent) = life.parent.and_then(|parent| self.lives.get(parent)) else { return false };
        let still = |life: &Life| !life.is_nameless() && !life.image.is_runtime();
        let same = parent.container().is_some_and(|theirs| theirs.id() == container.id());
        same && parent.lives() && still(parent) && still(life)
    }
}

/// Start in ns since boot.
pub(super) fn start_ns(stat: &Stat) -> i64 {
    let ticks = i64::try_from(stat.start_ticks).unwrap_or(i64::MAX);
    ticks.saturating_mul(TICK_MS * super::timeline::MS)
}
