//! The notification group: one mark per file system, and the thread `fim-read` that empties the kernel's queue.
//!
//! The thread reads, learns from each event's pidfd who did it while that process lives, drops our own process and the folders
//! that nobody asked for, and hands the bytes on. It resolves no path and waits for nobody. When the queue behind it is full it
//! counts per file system and goes on reading.

pub mod parse;

pub(crate) mod groups;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use self::groups::{Group, Groups};
use self::parse::{Event, Item as Parsed, Record};
use super::LostBy;
use super::person::{self, Person};
use super::queue::{Batch, Hole, Item, Of, Queue};
use super::sys;

/// What a mark on a file system tells of. No `DELETE_SELF` or `MOVE_SELF`: `DELETE` and `RENAME` say it, and resolving what is
/// deleted would make more of them.
pub(crate) const CHANGES: u64 = libc::FAN_CREATE
    | libc::FAN_DELETE
    | libc::FAN_RENAME
    | libc::FAN_MODIFY
    | libc::FAN_CLOSE_WRITE
    | libc::FAN_ATTRIB
    | libc::FAN_OPEN_EXEC
    | libc::FAN_ONDIR;

/// Each event may bring a descriptor, so a read is small enough that they stay few: some 300.
const BUFFER: usize = 32 << 10;
/// How long the thread waits before it looks whether it comes late.
const WAIT: Duration = Duration::from_secs(1);
/// This much later than it should be is told.
const LATE: Duration = Duration::from_secs(1);
/// Folders known as excluded, at most; beyond, all are forgotten.
const EXCLUDED: usize = 65_536;

/// Folders in which nobody wants anything, by their handles; shared by the thread and by who resolves paths.
///
/// A decision holds until any folder is renamed or the policies change: then all are dropped and the epoch moves, so that a
/// decision made of what was known before does not come in late.
#[derive(Debug, Default)]
pub(crate) struct Excluded(Mutex<(u64, HashSet<Box<[u8]>>)>);

impl Excluded {
    /// The epoch: take it before reading what [`Self::add`] is told of. A folder that was renamed since then may be somewhere else.
    pub(crate) fn epoch(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// This folder is excluded, if nothing has moved since `epoch`.
    pub(crate) fn add(&self, epoch: u64, folder: &[u8]) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.0 != epoch {
            return;
        }
        if inner.1.len() >= EXCLUDED {
            inner.1.clear();
        }
        inner.1.insert(folder.into());
    }

    /// Forgets all.
    pub(crate) fn forget(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 += 1;
        inner.1.clear();
    }
}

/// Inodes with several names of which one is watched: what happens to them under a name outside is told too.
#[derive(Debug, Default)]
pub(crate) struct Links(pub(crate) Mutex<super::links::Known>);

/// Counts of the thread.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) read: std::sync::atomic::AtomicU64,
    pub(crate) own: std::sync::atomic::AtomicU64,
    pub(crate) excluded: std::sync::atomic::AtomicU64,
    pub(crate) lost: std::sync::atomic::AtomicU64,
}

/// The thread.
pub(crate) struct Reader {
    pub(crate) groups: Arc<Groups>,
    /// Readable when the thread is to end.
    pub(crate) end: Arc<OwnedFd>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) excluded: Arc<Excluded>,
    pub(crate) links: Arc<Links>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) now: super::Now,
}

/// Waits until the group is readable; `None`: the thread is to end. An error: the kernel cannot wait.
pub(crate) fn wait(group: &OwnedFd, end: &OwnedFd, wait: Duration) -> rustix::io::Result<Option<bool>> {
    let mut polled = [PollFd::new(group, PollFlags::IN), PollFd::new(end, PollFlags::IN)];
    let timeout = Timespec::try_from(wait).ok();
    match rustix::event::poll(&mut polled, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Some(false)),
        Err(error) => return Err(error),
    }
    let ready = |at: usize| polled.get(at).is_some_and(|one: &PollFd<'_>| !one.revents().is_empty());
    Ok(if ready(1) { None } else { Some(ready(0)) })
}

impl Reader {
    /// Reads until told to end.
    pub(crate) fn run(self) {
        let mut buffer = vec![0; BUFFER];
        let mut alive = Instant::now();
        let mut groups = self.groups.all();
        while let Some(ready) = self.wait(&groups) {
            // Stopped, or starved: what waited for us may be of processes that are gone.
            self.look_at_the_clock(&mut alive, WAIT + LATE);
            for group in ready.iter().filter_map(|at| groups.get(*at)) {
                self.drain(group, &mut buffer, &mut alive);
            }
            if ready.contains(&groups.len()) {
                groups = self.groups.all();
            }
        }
    }

    /// Waits at most [`WAIT`]; which groups are readable, and their number where there are more by now. `None`: end.
    fn wait(&self, groups: &[Group]) -> Option<Vec<usize>> {
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut polled: Vec<PollFd<'_>> = groups.iter().map(|group| readable(group.fd.as_fd())).collect();
        polled.extend([readable(self.groups.grown.as_fd()), readable(self.end.as_fd())]);
        match rustix::event::poll(&mut polled, Timespec::try_from(WAIT).ok().as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Some(Vec::new()),
            Err(_) => return None,
        }
        let ready = polled.iter().enumerate().filter(|(_, one)| !one.revents().is_empty()).map(|(at, _)| at);
        let ready: Vec<usize> = ready.collect();
        (!ready.contains(&(groups.len() + 1))).then_some(ready)
    }

    fn look_at_the_clock(&self, alive: &mut Instant, expected: Duration) {
        let now = Instant::now();
        if now.duration_since(*alive) > expected {
            self.queue.lost(Hole { of: Of::Marked, why: LostBy::Late }, 0);
        }
        *alive = now;
    }

    /// Reads until nothing is there.
    fn drain(&self, group: &Group, buffer: &mut [u8], alive: &mut Instant) {
        let of = group.fsid.map_or(Of::Marked, Of::FileSystem);
        loop {
            self.look_at_the_clock(alive, LATE);
            match sys::read(&*group.fd, buffer) {
                Ok(0) => return,
                Ok(length) => self.hand_over(of, buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    // The event at hand could not be given (no descriptors left): it is gone.
                    self.queue.lost(Hole { of, why: LostBy::Unreadable }, 1);
                    return;
                }
            }
        }
    }

    /// One buffer as the kernel gave it.
    fn hand_over(&self, of: Of, buffer: &[u8]) {
        use std::sync::atomic::Ordering::Relaxed;
        let mut batch = Batch { at: (self.now)(), epoch: self.excluded.epoch(), ..Batch::default() };
        let mut people = People::default();
        let own = i32::try_from(std::process::id()).unwrap_or(-1);
        let mut tally = [0_u64; 3];
        let [read, ours, out] = &mut tally;
        for item in parse::events(buffer) {
            let Parsed::Event(event) = item else {
                self.queue.lost(Hole { of, why: LostBy::Unreadable }, 1);
                continue;
            };
            *read += 1;
            let pidfd = event.pidfd().and_then(sys::adopt);
            if event.mask & libc::FAN_Q_OVERFLOW != 0 {
                self.queue.lost(Hole { of, why: LostBy::KernelQueue }, 0);
            } else if event.pid == own {
                *ours += 1;
            } else if self.nobody_asked(&event) {
                *out += 1;
            } else {
                batch.who.push(people.place(event.pid, pidfd));
                batch.bytes.extend_from_slice(event.bytes);
            }
        }
        for (counter, count) in [&self.counts.read, &self.counts.own, &self.counts.excluded].into_iter().zip(tally) {
            counter.fetch_add(count, Relaxed);
        }
        batch.people = people.settle(&mut batch.who);
        if !batch.who.is_empty()
            && let Err(Item::Batch(refused)) = self.queue.push(Item::Batch(batch))
        {
            self.count(&refused);
        }
    }

    /// Counts what did not get in, per file system.
    fn count(&self, refused: &Batch) {
        let mut total = 0;
        for item in parse::events(&refused.bytes) {
            let Parsed::Event(event) = item else { continue };
            let fsid = event.records().find_map(|record| folder(&record).map(|(handle, _)| handle.fsid));
            let of = fsid.map_or(Of::Marked, Of::FileSystem);
            self.queue.lost(Hole { of, why: LostBy::HandOver }, 1);
            total += 1;
        }
        self.counts.lost.fetch_add(total, std::sync::atomic::Ordering::Relaxed);
    }

    /// Whether all folders that the event names are excluded, and the object is not known by another name.
    fn nobody_asked(&self, event: &Event<'_>) -> bool {
        let moved = event.mask & libc::FAN_RENAME != 0 && event.mask & libc::FAN_ONDIR != 0;
        let mut inner = self.excluded.0.lock().unwrap_or_else(PoisonError::into_inner);
        if moved {
            inner.0 += 1;
            inner.1.clear();
            return false;
        }
        let mut folders = 0;
        for record in event.records() {
            match folder(&record) {
                Some((handle, _)) if !inner.1.contains(handle.key) => return false,
                Some(_) => folders += 1,
                None => {}
            }
        }
        drop(inner);
        // A nameless change of attributes is that of the number of names: the last name's removal tells of itself.
        let names_alone = event.mask & !libc::FAN_ONDIR == libc::FAN_ATTRIB;
        (folders > 0 || names_alone) && !self.linked(event)
    }

    fn linked(&self, event: &Event<'_>) -> bool {
        let links = self.links.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut objects = event.records().filter_map(|record| match record {
            Record::Object(handle) => Some(handle),
            _ => None,
        });
        !links.is_empty() && objects.any(|handle| handle.inode().is_some_and(|inode| links.has_inode(inode)))
    }
}

/// The folder and name of a record that has one.
pub(crate) fn folder<'a>(record: &Record<'a>) -> Option<(parse::Handle<'a>, &'a [u8])> {
    match *record {
        Record::Named(folder, name) | Record::Old(folder, name) | Record::New(folder, name) => Some((folder, name)),
        Record::Folder(folder) => Some((folder, b".")),
        _ => None,
    }
}

/// Those who did the events of one buffer. Within one buffer a process is looked at once: all its events were there before.
#[derive(Default)]
struct People {
    found: Vec<(i32, Option<OwnedFd>, Person)>,
    /// Later events of a pid that is known already: event, place, its own pidfd.
    again: Vec<(usize, u16, Option<OwnedFd>)>,
    events: usize,
}

impl People {
    /// The place of who did the next event.
    fn place(&mut self, pid: i32, pidfd: Option<OwnedFd>) -> u16 {
        let event = self.events;
        self.events += 1;
        // The same few pids follow each other: the last ones are looked at first.
        if let Some(at) = self.found.iter().rposition(|(known, _, _)| *known == pid) {
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            self.again.push((event, place, pidfd));
            return place;
        }
        self.add(pid, pidfd)
    }

    fn add(&mut self, pid: i32, pidfd: Option<OwnedFd>) -> u16 {
        let person = person::person(pid, pidfd.as_ref(), false);
        self.found.push((pid, pidfd, person));
        u16::try_from(self.found.len() - 1).unwrap_or(u16::MAX)
    }

    /// Sorts out pids that changed hands between two events of the buffer, and gives all people by their places.
    fn settle(mut self, who: &mut [u16]) -> Vec<Person> {
        let lives: Vec<bool> = self
            .found
            .iter()
            .map(|(_, pidfd, _)| pidfd.as_ref().is_some_and(|pidfd| !person::ended(pidfd.as_fd())))
            .collect();
        for (event, place, own) in std::mem::take(&mut self.again) {
            let known = self.found.get(usize::from(place));
            let lives = lives.get(usize::from(place)).copied().unwrap_or(false);
            // One that still lives had the pid all the time. One that ended is compared by its pidfd's inode.
            let first = known.and_then(|(_, pidfd, _)| pidfd.as_ref());
            let other = match (&own, first) {
                (Some(own), Some(first)) => !lives && !person::same(own, first),
                (Some(_), None) => true,
                (None, _) => false,
            };
            if other && let Some(pid) = known.map(|(pid, _, _)| *pid) {
                let place = self.add(pid, own);
                if let Some(slot) = who.get_mut(event) {
                    *slot = place;
                }
            }
        }
        self.found.into_iter().map(|(_, _, person)| person).collect()
    }
}
