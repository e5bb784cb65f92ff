//! What the kernel's process connector tells, in its order.
//!
//! Its messages are complete and in causal order, so lives that it watched from their start need no guesses. Where messages
//! were lost ([`Table::catch_up`]), `/proc` tells who lives now; who is gone ended somewhere in the gap.

use std::sync::Arc;

use super::identify::GAPS;
use super::life::{Image, Start};
use super::lives::Key;
use super::lookup::SLACK_NS;
use super::place::start_ns;
use super::{Life, Place, Table, Text};
use crate::sys::connector::Happening;

/// A start from `/proc` may lie so far before the fork's own message: it is cut to a tick, and the message comes later.
pub(super) const SAME_NS: i64 = 60_000_000;
/// Processes without their first thread looked at per tick.
const SUSPECTS: usize = 64;
/// What runc's own process in a container is called from when it is in place until it becomes the container's program.
const LAST_STAGE: &str = "runc:[2:INIT]";
/// `SIGNAL` bits of a wait status.
const SIGNAL: u32 = 0x7f;

impl Table {
    /// From now on the connector is believed; to be called before the scan of `/proc`.
    pub fn listen(&mut self) {
        self.listening = true;
    }

    /// The connector has ended: from now on lives are doubted as before.
    pub fn stop_listening(&mut self) {
        self.listening = false;
        self.doubt_all();
    }

    /// Learns from one message. `at_ns` is since boot.
    pub fn happen(&mut self, what: Happening, at_ns: i64) {
        self.heard_ns = self.heard_ns.max(at_ns);
        match what {
            Happening::Fork { parent, pid } => self.fork(parent, pid, at_ns),
            Happening::Exec { pid } => self.exec(pid, at_ns),
            Happening::Exit { pid, first, status } => self.exit(pid, first, status, at_ns),
            Happening::Thread { pid } => self.with(pid, |life| life.threads = life.threads.saturating_add(1)),
            Happening::Uid { pid, real, effective } => self.with(pid, |life| life.uids = Some([real, effective])),
            Happening::Session { pid } => {
                self.with(pid, |life| (life.session, life.group, life.terminal) = (life.pid, life.pid, false));
                if let Some(key) = self.alive(pid) {
                    self.enter(key);
                }
            }
            Happening::Comm { pid, first: true, comm } => self.rename(pid, &comm),
            Happening::Comm { .. } | Happening::Gid { .. } | Happening::Ack { .. } | Happening::Other => {}
        }
    }

    /// Messages are missing from here on, until [`Self::catch_up`].
    pub fn lost(&mut self) {
        self.gap_ns.get_or_insert(self.heard_ns);
    }

    /// After messages were lost: who lives is read from `/proc`, who is gone ended unseen since the last one that came.
    pub fn catch_up(&mut self, now_ns: i64) {
        let gap_ns = self.gap_ns.take().unwrap_or(self.heard_ns);
        self.gaps.push_back((gap_ns, now_ns));
        if self.gaps.len() > GAPS {
            self.gaps.pop_front();
        }
        let all: Vec<Key> = self.lives.iter().filter(|(_, life)| life.lives()).map(|(key, _)| key).collect();
        for key in all {
            match self.stat_of(key) {
                Some(stat) => {
                    if let Some(life) = self.lives.get_mut(key) {
                        life.watched = true;
                        life.headless = false;
                        life.threads = u16::try_from(stat.threads.saturating_sub(1)).unwrap_or(u16::MAX);
                    }
                    self.settle_moved(key);
                }
                None => {
                    if let Some(life) = self.lives.get_mut(key) {
                        life.seen_ns = life.seen_ns.max(gap_ns);
                    }
                    self.end(key, now_ns, true);
                }
            }
        }
        self.scan_at(now_ns);
    }

    /// An exec may have been lost: name and place are read again.
    fn settle_moved(&mut self, key: Key) {
        let Some(life) = self.lives.get(key) else { return };
        let exe = self.proc.exe(life.pid).map(|exe| Text::of(&exe));
        if exe.is_some() && exe != life.image.exe {
            let (pid, now_ns) = (life.pid, self.proc.boot_ns().unwrap_or(life.seen_ns));
            let image = Image { exe, ..self.read_args(pid) };
            self.lives.set_earlier(key, now_ns, (&self.nobody, &self.unknown));
            self.lives.set_image(key, Arc::new(image));
            if let Some(life) = self.lives.get_mut(key) {
                life.exec_ns = now_ns;
            }
        }
        self.settle(key);
        self.enter(key);
    }

    fn doubt_all(&mut self) {
        let all: Vec<Key> = self.lives.iter().map(|(key, _)| key).collect();
        for key in all {
            if let Some(life) = self.lives.get_mut(key) {
                life.watched = false;
            }
        }
    }

    fn with(&mut self, pid: u32, change: impl FnOnce(&mut Life)) {
        if let Some(life) = self.alive(pid).and_then(|key| self.lives.get_mut(key)) {
            change(life);
        }
    }

    /// The one that has this pid at this point of the stream.
    pub(super) fn alive(&self, pid: u32) -> Option<Key> {
        let key = self.newest.get(&pid).copied()?;
        self.lives.get(key).is_some_and(Life::lives).then_some(key)
    }

    fn fork(&mut self, parent: u32, pid: u32, at_ns: i64) {
        let creator = self.alive(parent).or_else(|| self.look_up(parent, at_ns, 0));
        if let Some((key, start, start_ns)) = self.alive(pid).and_then(|key| {
            let life = self.lives.get(key)?;
            Some((key, life.start, life.start_ns))
        }) {
            let scanned = start != Start::Told && (start == Start::Unknown || (at_ns - start_ns).abs() <= SAME_NS);
            if scanned || start_ns > at_ns {
                // The scan was quicker than the message; or the message is of a life before the one that the scan found.
                if scanned {
                    self.forked_before_scan(key, creator);
                }
                return;
            }
            self.end(key, at_ns, true);
        }
        let life = match creator.and_then(|key| Some((key, self.lives.get(key)?))) {
            Some((key, creator)) => creator.copy_for_child(pid, key, at_ns, self.at_fork(creator)),
            None => {
                let mut life = Life::new(pid, at_ns, &self.unknown, &self.nobody);
                (life.ppid, life.start, life.start_ns) = (parent, Start::Told, at_ns);
                life
            }
        };
        let key = self.begin(Life { watched: self.listening, ..life }, 0);
        if let Some(creator) = creator.and_then(|key| self.lives.get_mut(key)) {
            creator.seen_ns = creator.seen_ns.max(at_ns);
        }
        self.enter(key);
    }

    /// A life that the scan found first. If it was gone before its place could be read, that of its fork holds.
    fn forked_before_scan(&mut self, key: Key, creator: Option<Key>) {
        let place = creator.and_then(|key| self.lives.get(key)).map(|creator| self.at_fork(creator));
        let Some(life) = self.lives.get_mut(key) else { return };
        life.watched = true;
        if let Some(place) = place.filter(|_| matches!(life.place.place, Place::Unknown(_))) {
            life.place = place;
        }
    }

    fn exec(&mut self, pid: u32, at_ns: i64) {
        let Some(key) = self.alive(pid).or_else(|| self.look_up(pid, at_ns, 0)) else { return };
        self.lives.set_earlier(key, at_ns, (&self.nobody, &self.unknown));
        let still = self.lives.get(key).is_some_and(|life| self.has_not_moved(life));
        let nobody = Arc::clone(&self.nobody);
        self.lives.set_image(key, nobody);
        if let Some(life) = self.lives.get_mut(key) {
            (life.exec_ns, life.seen_ns) = (at_ns, life.seen_ns.max(at_ns));
            (life.threads, life.headless, life.tries) = (0, false, 0);
            life.file = None;
        }
        if still {
            self.look(key);
        } else if !self.settle(key) {
            self.unsettle(key);
        }
        self.enter(key);
    }

    /// Gone before its cgroup could be read: what was known of its place holds only if nobody could have moved it since.
    pub(super) fn unsettle(&mut self, key: Key) {
        let unknown = Arc::clone(&self.unknown);
        let Some(life) = self.lives.get(key) else { return };
        let was_runtime = life.earlier.as_ref().is_some_and(|(image, _)| image.is_runtime());
        let parent = life.parent.and_then(|parent| self.lives.get(parent));
        // A parent whose program is not known yet decides when it is.
        let nameless = parent.is_some_and(Life::is_nameless);
        let mover = parent.is_none_or(|parent| {
            parent.image.is_runtime()
                || parent.exec_ns > life.start_ns
                    && parent.earlier.as_ref().is_some_and(|(image, _)| image.is_runtime())
                || nameless && !life.place.inherited
        });
        // Read after this exec, when we were late; or runc had moved it before it got its last name, and nobody moves it later.
        let last_stage = life.earlier.as_ref().is_some_and(|(image, _)| image.comm.as_str() == LAST_STAGE);
        let arrived =
            !life.place.inherited && life.container().is_some() && (last_stage || life.read_ns > life.exec_ns);
        let Some(life) = self.lives.get_mut(key) else { return };
        if (was_runtime || mover) && !arrived {
            life.place = unknown;
        } else if nameless {
            life.open = true;
        }
    }

    fn exit(&mut self, pid: u32, first: bool, status: u32, at_ns: i64) {
        let Some(key) = self.alive(pid) else { return };
        let Some(life) = self.lives.get_mut(key) else { return };
        if life.start_ns > at_ns.saturating_add(SLACK_NS) {
            return;
        }
        if first {
            life.headless = true;
            life.status = Some(status);
        } else {
            life.threads = life.threads.saturating_sub(1);
            if life.headless && life.status == Some(0) {
                life.status = Some(status);
            }
        }
        match (life.headless, life.threads) {
            (true, 0) => self.end(key, at_ns, false),
            (true, _) => self.suspects.push_back(key),
            (false, _) => {}
        }
    }

    /// A first thread that ended before the others, or a miscount: threads that the scan counted and the stream told again.
    pub(super) fn look_at_suspects(&mut self, now_ns: i64) {
        for _ in 0..self.suspects.len().min(SUSPECTS) {
            let Some(key) = self.suspects.pop_front() else { return };
            if self.lives.get(key).is_none_or(|life| !life.lives() || !life.headless) {
                continue;
            }
            match self.stat_of(key) {
                Some(_) => self.suspects.push_back(key),
                None => self.end(key, now_ns, true),
            }
        }
    }

    fn rename(&mut self, pid: u32, comm: &[u8; 16]) {
        let Some(key) = self.alive(pid) else { return };
        let Some(life) = self.lives.get(key) else { return };
        let end = comm.iter().position(|&byte| byte == 0).unwrap_or(comm.len());
        let image = Image { comm: Text::of(&comm[..end]), ..(*life.image).clone() };
        let last_stage = image.comm.as_str() == LAST_STAGE;
        self.lives.set_image(key, Arc::new(image));
        if last_stage {
            self.settle(key);
            self.enter(key);
        }
    }

    /// Learns every process that lives now.
    pub(super) fn scan_at(&mut self, now_ns: i64) {
        let pids: Vec<u32> = self.proc.pids().collect();
        for pid in pids {
            if self.alive(pid).is_none() && self.proc.stat(pid).is_some_and(|stat| start_ns(&stat) <= now_ns + SLACK_NS)
            {
                self.look_up(pid, now_ns, 0);
            }
        }
    }
}

/// Exit code and signal of a wait status.
pub(super) fn code_and_signal(status: u32) -> (i64, Option<u32>) {
    let signal = status & SIGNAL;
    (i64::from(status >> 8 & 0xff), (signal != 0).then_some(signal))
}
