//! The permission group: whoever opens a guarded file waits until the thread `fim-perm` has answered.
//!
//! That thread reads who it is while the opener is held, asks [`Decide`], and answers. It opens nothing. Should deciding take longer
//! than the deadline, the thread `fim-perm-late` lets everybody through who waits and says so. When the group is closed, by an
//! orderly end or because the program died, the kernel lets all waiters through.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags};

use super::fanotify::parse::{self, Event, Item as Parsed};
use super::fanotify::wait;
use super::queue::{Hole, Item, Of, Queue};
use super::sys::{self, On};
use super::{Ask, Decide, LostBy, Verdict};
use super::{person, person::Person};
use crate::change::{Access, Permission};
use crate::entry::FileId;
use crate::evidence::{Collector, Evidence, Mask};
use crate::who::Who;

/// Guarded files, at most; beyond, files are watched without being held.
pub(crate) const MOST: usize = 4_096;
/// Room for one question with or without a pidfd: who waits behind it stays in the kernel's queue, where the late thread finds it.
const ONE: usize = 40;
/// The late thread goes to sleep after so long without anybody waiting.
const IDLE: Duration = Duration::from_secs(1);

/// The group and the files in it.
pub(crate) struct Guard {
    group: OwnedFd,
    files: Mutex<HashMap<FileId, PathBuf>>,
    /// The one about whom is being decided.
    waiting: Mutex<Waiting>,
    woken: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Who waits since when; `None` inside of an answer already given by the late thread.
    now: Option<(Instant, Asked)>,
    /// Which question this is; the late thread recognises by it that an answer still is not there.
    count: u64,
    /// A decision is being made, whether somebody still waits for it or not.
    deciding: bool,
    /// The late thread sleeps until woken.
    asleep: bool,
    end: bool,
}

/// A question of the kernel.
struct Asked {
    file: OwnedFd,
    id: Option<FileId>,
    path: Option<PathBuf>,
    who: Who,
    mask: Mask,
}

impl Guard {
    pub(crate) fn open() -> io::Result<Self> {
        let flags = libc::FAN_CLASS_CONTENT | libc::FAN_UNLIMITED_QUEUE | libc::FAN_UNLIMITED_MARKS;
        let group = sys::init(flags | libc::FAN_REPORT_PIDFD).or_else(|_| sys::init(flags))?;
        Ok(Self { group, files: Mutex::default(), waiting: Mutex::default(), woken: Condvar::new() })
    }

    fn files(&self) -> MutexGuard<'_, HashMap<FileId, PathBuf>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds who opens this file from now on. Not a regular file: nothing to do.
    pub(crate) fn hold(&self, path: &Path) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        let id = FileId { dev: stat.st_dev, inode: stat.st_ino };
        let mut files = self.files();
        if files.get(&id).is_some_and(|known| known == path) {
            return Ok(());
        }
        if files.len() >= MOST && !files.contains_key(&id) {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        // By the open file, so that what is marked is what was looked at.
        let link = std::ffi::CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(io::Error::other)?;
        sys::mark(&self.group, libc::FAN_MARK_ADD, libc::FAN_OPEN_PERM | libc::FAN_OPEN_EXEC_PERM, On::Path(&link))?;
        files.retain(|_, known| known != path);
        files.insert(id, path.to_owned());
        Ok(())
    }

    /// Lets all files go.
    pub(crate) fn forget(&self) {
        let mut files = self.files();
        // Closing the group would do the same; what else can fail is not ours to repair.
        drop(sys::mark(&self.group, libc::FAN_MARK_FLUSH, 0, On::Path(c"/")));
        files.clear();
    }

    pub(crate) fn guarded(&self) -> usize {
        self.files().len()
    }

    /// Ends the late thread.
    pub(crate) fn end(&self) {
        self.waiting().end = true;
        self.woken.notify_all();
    }
}

/// Both threads.
pub(crate) struct Keeper {
    pub(crate) guard: Arc<Guard>,
    pub(crate) end: Arc<OwnedFd>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) decide: Arc<dyn Decide>,
    pub(crate) deadline: Duration,
    pub(crate) now: super::Now,
}

impl Keeper {
    /// `fim-perm`: answers until told to end.
    pub(crate) fn answer(&self) {
        let mut buffer = [0; ONE];
        while let Some(ready) = wait(&self.guard.group, &self.end, Duration::from_secs(60)) {
            if !ready {
                continue;
            }
            loop {
                match sys::read(&self.guard.group, &mut buffer) {
                    Ok(0) => break,
                    Ok(length) => self.each(buffer.get(..length).unwrap_or_default(), |asked| self.one(asked)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => {
                        // The kernel lets the opener go when it cannot give us its file.
                        self.queue.lost(Hole { of: Of::Marked, why: LostBy::Unreadable }, 1);
                        break;
                    }
                }
            }
        }
    }

    /// Each question of a buffer; our own process and what cannot be read is let through at once.
    fn each(&self, buffer: &[u8], mut ask: impl FnMut(Asked)) {
        let own = i32::try_from(std::process::id()).unwrap_or(-1);
        for item in parse::events(buffer) {
            let Parsed::Event(event) = item else {
                self.queue.lost(Hole { of: Of::Marked, why: LostBy::Unreadable }, 1);
                continue;
            };
            let pidfd = event.pidfd().and_then(sys::adopt);
            let Some(file) = sys::adopt(event.fd) else { continue };
            if event.pid == own {
                self.reply(&file, false);
            } else {
                ask(self.asked(&event, file, pidfd.as_ref()));
            }
        }
    }

    fn asked(&self, event: &Event<'_>, file: OwnedFd, pidfd: Option<&OwnedFd>) -> Asked {
        let id = rustix::fs::fstat(&file).ok().map(|stat| FileId { dev: stat.st_dev, inode: stat.st_ino });
        let path = id.and_then(|id| self.guard.files().get(&id).cloned());
        let who = match person::person(event.pid, pidfd, true) {
            Person::Known(who) => who,
            // Killed while it waited.
            other => other.who(|_| None),
        };
        Asked { file, id, path, who, mask: Mask(event.mask) }
    }

    fn one(&self, asked: Asked) {
        let (path, who, mask) = (asked.path.clone(), asked.who.clone(), asked.mask);
        {
            let mut waiting = self.guard.waiting();
            waiting.now = Some((Instant::now(), asked));
            waiting.count += 1;
            waiting.deciding = true;
            if std::mem::take(&mut waiting.asleep) {
                self.guard.woken.notify_all();
            }
        }
        let ask = Ask { path: path.as_deref().unwrap_or(Path::new("")), who: &who, mask };
        let verdict = self.decide.decide(&ask);
        // Nobody there: the late thread was quicker.
        let answered = {
            let mut waiting = self.guard.waiting();
            waiting.deciding = false;
            waiting.now.take()
        };
        if let Some((_, asked)) = answered {
            self.reply(&asked.file, verdict.refuse);
            self.tell(asked, verdict, true);
        }
    }

    fn reply(&self, file: &OwnedFd, refuse: bool) {
        let response = if refuse { sys::FAN_DENY } else { sys::FAN_ALLOW };
        let [a, b, c, d] = file.as_raw_fd().to_ne_bytes();
        let [e, f, g, h] = response.to_ne_bytes();
        // An error: the opener was killed meanwhile and waits no more.
        rustix::io::write(&self.guard.group, &[a, b, c, d, e, f, g, h]).ok();
    }

    fn tell(&self, asked: Asked, verdict: Verdict, in_time: bool) {
        let permission = Permission { access: verdict.access, refused: verdict.refuse && in_time, in_time };
        let evidence = Evidence {
            path: asked.path,
            id: asked.id,
            who: asked.who,
            permission: Some(permission),
            failed: permission.refused,
            ..Evidence::new((self.now)(), Collector::Permission, asked.mask)
        };
        if self.queue.push(Item::Permission(Box::new(evidence))).is_err() {
            self.queue.lost(Hole { of: Of::Marked, why: LostBy::HandOver }, 1);
        }
    }

    /// `fim-perm-late`: lets through who waits longer than the deadline, until told to end.
    pub(crate) fn watch(&self) {
        let mut seen = (0, Instant::now());
        loop {
            let late = {
                let mut waiting = self.guard.waiting();
                if waiting.end {
                    return;
                }
                if waiting.count != seen.0 {
                    seen = (waiting.count, Instant::now());
                }
                let overdue = waiting.now.as_ref().is_some_and(|(since, _)| since.elapsed() >= self.deadline);
                if overdue {
                    waiting.now.take()
                } else {
                    let sleep = waiting.now.is_none() && seen.1.elapsed() > IDLE;
                    waiting.asleep = sleep;
                    let tick = if sleep { Duration::from_secs(3600) } else { self.deadline / 4 };
                    drop(self.guard.woken.wait_timeout(waiting, tick).unwrap_or_else(PoisonError::into_inner));
                    None
                }
            };
            if let Some((_, asked)) = late {
                self.late(asked);
                self.let_all_through(seen.0);
            }
        }
    }

    /// Nobody knows whether it would have been allowed; it counts as on neither list.
    fn late(&self, asked: Asked) {
        self.reply(&asked.file, false);
        self.tell(asked, Verdict { access: Access::Denied, refuse: false }, false);
    }

    /// While the decision of this question is still not there, whoever asks next is let through.
    fn let_all_through(&self, question: u64) {
        let mut buffer = [0; ONE];
        loop {
            {
                let waiting = self.guard.waiting();
                if waiting.end || waiting.count != question || !waiting.deciding {
                    return;
                }
            }
            match wait(&self.guard.group, &self.end, self.deadline) {
                Some(true) => {
                    if let Ok(length) = sys::read(&self.guard.group, &mut buffer) {
                        self.each(buffer.get(..length).unwrap_or_default(), |asked| self.late(asked));
                    }
                }
                Some(false) => {}
                None => return,
            }
        }
    }
}
