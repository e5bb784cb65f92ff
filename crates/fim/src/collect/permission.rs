//! The permission group: whoever opens a guarded file waits until the thread `fim-perm` has answered.
//!
//! That thread reads who it is while the opener is held, asks [`Decide`], and answers. It opens nothing. Should that take longer than
//! the deadline, finding out who it is included, the thread `fim-perm-late` lets everybody through who waits and says so; it asks
//! nobody who they are. When the group is closed, by an orderly end or because the program died, the kernel lets all waiters
//! through. Without both threads there is no group.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::fanotify::parse::{self, Event, Item as Parsed};
use super::fanotify::wait;
use super::person::{self, Person};
use super::queue::{Hole, Item, Of, Queue};
use super::sys::{self, On};
use super::{Ask, Decide, LostBy, Verdict};
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
/// Pause after the kernel could not wait for us (no memory).
const AGAIN: Duration = Duration::from_millis(10);

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

/// A question of the kernel, as far as it is known: at first only the file and a pid.
struct Asked {
    file: Arc<OwnedFd>,
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

    /// A pause; the end cuts it short.
    fn pause(&self, time: Duration) {
        let waiting = self.waiting();
        if !waiting.end {
            drop(self.woken.wait_timeout(waiting, time).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Ends the late thread: once `fim-perm` has ended, which it watches over.
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
        loop {
            match wait(&self.guard.group, &self.end, Duration::from_secs(60)) {
                Ok(Some(true)) => {}
                Ok(Some(false)) => continue,
                Ok(None) => return,
                // Whoever is held wants an answer all the same: reading does not wait.
                Err(_) => self.guard.pause(AGAIN),
            }
            loop {
                match sys::read(&self.guard.group, &mut buffer) {
                    Ok(0) => break,
                    Ok(length) => {
                        self.each(buffer.get(..length).unwrap_or_default(), |asked, event, pidfd| {
                            self.one(asked, || who(event.pid, pidfd));
                        });
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => {
                        // When the kernel cannot give us the file (no descriptors left) it has refused the opener.
                        self.queue.lost(Hole { of: Of::Marked, why: LostBy::Unreadable }, 1);
                        break;
                    }
                }
            }
        }
    }

    /// Each question of a buffer; our own process and what cannot be read is let through at once.
    fn each(&self, buffer: &[u8], mut ask: impl FnMut(Asked, &Event<'_>, Option<&OwnedFd>)) {
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
                // Without a pidfd nothing is read: only the number is known.
                let who = who(event.pid, None);
                ask(
                    Asked { file: Arc::new(file), id: None, path: None, who, mask: Mask(event.mask) },
                    &event,
                    pidfd.as_ref(),
                );
            }
        }
    }

    /// Which guarded file this is. Of the network, what the kernel knows of it already.
    fn place(&self, file: &OwnedFd) -> (Option<FileId>, Option<PathBuf>) {
        let id = person::id_of(file, c"", AtFlags::EMPTY_PATH);
        (id, id.and_then(|id| self.guard.files().get(&id).cloned()))
    }

    /// `identify` may hang, as `decide` may: the late thread knows of the question before.
    fn one(&self, asked: Asked, identify: impl FnOnce() -> Who) {
        let (file, mask) = (Arc::clone(&asked.file), asked.mask);
        {
            let mut waiting = self.guard.waiting();
            waiting.now = Some((Instant::now(), asked));
            waiting.count += 1;
            waiting.deciding = true;
            if std::mem::take(&mut waiting.asleep) {
                self.guard.woken.notify_all();
            }
        }
        let (id, path) = self.place(&file);
        let who = identify();
        if let Some((_, asked)) = &mut self.guard.waiting().now {
            (asked.id, asked.path, asked.who) = (id, path.clone(), who.clone());
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
    fn late(&self, mut asked: Asked) {
        self.reply(&asked.file, false);
        if asked.id.is_none() {
            (asked.id, asked.path) = self.place(&asked.file);
        }
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
                Ok(Some(true)) => {}
                Ok(Some(false)) => continue,
                // `fim-perm` is to end but still is at it: until it has, there are waiters.
                Ok(None) | Err(_) => self.guard.pause(AGAIN),
            }
            if let Ok(length) = sys::read(&self.guard.group, &mut buffer) {
                self.each(buffer.get(..length).unwrap_or_default(), |asked, _, _| self.late(asked));
            }
        }
    }
}

fn who(pid: i32, pidfd: Option<&OwnedFd>) -> Who {
    match person::person(pid, pidfd, true) {
        Person::Known(who) => who,
        // Killed while it waited.
        other => other.who(|_| None),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::sync_channel;

    use super::*;

    struct Refuse;

    impl Decide for Refuse {
        fn decide(&self, _: &Ask<'_>) -> Verdict {
            Verdict { access: Access::Denied, refuse: true }
        }
    }

    /// A stream stands for the group: what is answered comes out at its other end.
    fn keeper() -> (Arc<Keeper>, UnixStream) {
        let (group, kernel) = UnixStream::pair().unwrap();
        group.set_nonblocking(true).unwrap();
        kernel.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (files, waiting, woken) = (Mutex::default(), Mutex::default(), Condvar::new());
        let keeper = Keeper {
            guard: Arc::new(Guard { group: group.into(), files, waiting, woken }),
            end: Arc::new(sys::flag().unwrap()),
            queue: Arc::new(Queue::new(1 << 20)),
            decide: Arc::new(Refuse),
            deadline: Duration::from_millis(20),
            now: Arc::new(schema::Timestamp::default),
        };
        (Arc::new(keeper), kernel)
    }

    #[test]
    fn who_cannot_be_identified_goes_on_after_the_deadline() {
        let (keeper, mut kernel) = keeper();
        let file = Arc::new(OwnedFd::from(std::fs::File::open("/proc/self/exe").unwrap()));
        let (go, hangs) = sync_channel::<()>(0);
        let (late, answering) = (Arc::clone(&keeper), Arc::clone(&keeper));
        let late = std::thread::spawn(move || late.watch());
        let number = file.as_raw_fd();
        let asked = Asked { file, id: None, path: None, who: who(7, None), mask: Mask::OPEN_PERM };
        let answering = std::thread::spawn(move || {
            answering.one(asked, || {
                hangs.recv().unwrap();
                Who::default()
            });
        });
        let mut answer = [0; 8];
        io::Read::read_exact(&mut kernel, &mut answer).unwrap();
        let allowed = [number.to_ne_bytes(), sys::FAN_ALLOW.to_ne_bytes()].concat();
        assert_eq!(answer, *allowed);
        let Some(Item::Permission(told)) = keeper.queue.pop(Duration::from_secs(20)) else { panic!("nothing told") };
        let permission = told.permission.unwrap();
        assert_eq!((permission.refused, permission.in_time, told.id.is_some()), (false, false, true));
        go.send(()).unwrap();
        answering.join().unwrap();
        keeper.guard.end();
        late.join().unwrap();
        // It was answered once.
        drop(keeper);
        assert_eq!(io::Read::read(&mut kernel, &mut answer).unwrap(), 0);
    }
}
