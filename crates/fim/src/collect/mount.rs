//! The thread `fim-mount`: tells when mounts come and go.
//!
//! From 6.14 on a fanotify group of its own says so with the pid of who did it; before, the kernel wakes whoever polls
//! `/proc/self/mountinfo`. Either way the table itself is read by who takes the news.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};
use schema::Timestamp;

use super::fanotify::parse::{self, Item as Parsed};
use super::person::{self, Person};
use super::queue::{Item, Queue};
use super::sys::{self, On};

/// Mounts have moved.
#[derive(Clone, Debug)]
pub(crate) struct Moves {
    /// When it was noticed.
    pub(crate) at: Timestamp,
    /// By whom, where the kernel says.
    pub(crate) by: Vec<Person>,
}

/// How the thread learns of mounts.
pub(crate) enum Source {
    /// A fanotify group with a mark on our mount namespace.
    Group(OwnedFd),
    /// `/proc/self/mountinfo`.
    Table(File),
}

impl Source {
    /// The best that this kernel has.
    pub(crate) fn open() -> io::Result<Self> {
        Self::group().map(Self::Group).or_else(|_| File::open("/proc/self/mountinfo").map(Self::Table))
    }

    fn group() -> io::Result<OwnedFd> {
        let group = sys::init(sys::FAN_REPORT_MNT)?;
        let namespace = File::open("/proc/self/ns/mnt")?;
        let flags = libc::FAN_MARK_ADD | sys::FAN_MARK_MNTNS;
        sys::mark(&group, flags, sys::FAN_MNT_MOVES, On::Open(namespace.as_fd()))?;
        Ok(group)
    }
}

/// The thread.
pub(crate) struct Watcher {
    pub(crate) source: Source,
    pub(crate) end: Arc<OwnedFd>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) now: super::Now,
}

impl Watcher {
    /// Watches until told to end.
    pub(crate) fn run(mut self) {
        while self.moved() {
            let mut moves = Moves { at: (self.now)(), by: Vec::new() };
            match &mut self.source {
                Source::Group(group) => {
                    let Some(by) = drain(group) else { return };
                    moves.by = by;
                }
                Source::Table(table) => {
                    // Reading is what makes the next poll wait.
                    let mut text = Vec::new();
                    let read = table.read_to_end(&mut text).and_then(|_| io::Seek::rewind(table));
                    if read.is_err() {
                        return;
                    }
                }
            }
            // Full: something is under way that reads the table anyway, and the queue tells of its loss.
            drop(self.queue.push(Item::Mounts(moves)));
        }
    }

    /// Waits for mounts to move; false: end.
    fn moved(&self) -> bool {
        let (file, flags) = match &self.source {
            Source::Group(group) => (group.as_fd(), PollFlags::IN),
            Source::Table(table) => (table.as_fd(), PollFlags::PRI),
        };
        loop {
            let mut polled = [PollFd::from_borrowed_fd(file, flags), PollFd::new(&*self.end, PollFlags::IN)];
            match rustix::event::poll(&mut polled, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return false,
            }
            let [file, end] = polled;
            if !end.revents().is_empty() {
                return false;
            }
            if !file.revents().is_empty() {
                return true;
            }
        }
    }
}

/// All events there are: who did them, each once.
fn drain(group: &OwnedFd) -> Option<Vec<Person>> {
    let mut buffer = [0; 4096];
    let mut pids: Vec<i32> = Vec::new();
    loop {
        match sys::read(group, &mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                for item in parse::events(buffer.get(..length).unwrap_or_default()) {
                    if let Parsed::Event(event) = item
                        && !pids.contains(&event.pid)
                    {
                        pids.push(event.pid);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    let person = |pid| match u32::try_from(pid) {
        Ok(0) | Err(_) => Person::Elsewhere,
        Ok(pid) => person::by_number(pid),
    };
    Some(pids.into_iter().map(person).collect())
}
