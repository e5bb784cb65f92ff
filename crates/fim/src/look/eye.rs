//! One thread's look at objects, with its buffers.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use crate::entry::{Content, Entry, Hashes, Kind, Xattr};
use crate::look::attributes::{self, Xattrs};
use crate::look::content::{self, Broken, Buffer, Pace, Reading};
use crate::look::{Reason, Wanted};

/// So often is a file read again that changes meanwhile, before it is called unstable.
const TRIES: u32 = 3;

/// What a look at one object gave.
#[derive(Debug)]
pub(crate) struct Glance {
    /// All of it.
    pub(crate) entry: Entry,
    /// Of a log that grew: whether what was there before is still the same.
    pub(crate) kept: Option<bool>,
    /// Why the content could not be read.
    pub(crate) unreadable: Option<Reason>,
}

/// How a look ended.
#[expect(clippy::large_enum_variant, reason = "almost always an entry")]
#[derive(Debug)]
pub(crate) enum Glanced {
    /// There is nothing.
    Absent,
    /// There it is.
    Entry(Glance),
    /// It could not be looked at.
    Failed(Reason),
    /// The pace said to stop.
    Stopped,
}

impl From<Errno> for Glanced {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Absent,
            other => Self::Failed(other.into()),
        }
    }
}

/// Buffers for looking: some 260 KiB.
#[derive(Debug, Default)]
pub(crate) struct Eye {
    buffer: Buffer,
    xattrs: Xattrs,
}

/// How one try at a regular file ended.
enum Try {
    Read(Reading, Vec<Xattr>),
    Changed,
    Unreadable(Errno),
    Over(Glanced),
}

impl Eye {
    /// Looks at `name` in `folder`.
    pub(crate) fn look(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        wanted: &Wanted,
        last: Option<&Entry>,
        pace: &mut Pace<'_>,
    ) -> Glanced {
        match attributes::stat(folder, name).and_then(|stat| attributes::entry(&stat)) {
            Ok(entry) => self.complete(folder, name, entry, wanted, last, pace),
            Err(errno) => errno.into(),
        }
    }

    /// Adds to what `statx` just told of `name` in `folder` all the rest.
    pub(crate) fn complete(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        mut entry: Entry,
        wanted: &Wanted,
        last: Option<&Entry>,
        pace: &mut Pace<'_>,
    ) -> Glanced {
        if let Some(last) = last
            && !wanted.fresh
            && known(last, &entry, wanted)
        {
            entry.target.clone_from(&last.target);
            entry.xattrs.clone_from(&last.xattrs);
            entry.hashes = taken(&last.hashes, wanted);
            entry.content = if wanted.content() { last.content } else { Content::None };
            return plain(entry);
        }
        if entry.kind == Kind::File && wanted.content() && entry.size > 0 {
            return self.file(folder, name, entry, wanted, last, pace);
        }
        entry.xattrs = self.xattrs.of_name(folder, name);
        match entry.kind {
            Kind::Symlink => match attributes::target(folder, name) {
                Ok(target) => entry.target = Some(target),
                // It has become something else since: then look at that.
                Err(Errno::INVAL) => return self.again(folder, name, wanted, last, pace),
                Err(errno) => return errno.into(),
            },
            Kind::File if wanted.content() => {
                entry.hashes = content::empty(wanted);
                entry.content = Content::Whole;
            }
            _ => {}
        }
        plain(entry)
    }

    fn again(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        wanted: &Wanted,
        last: Option<&Entry>,
        pace: &mut Pace<'_>,
    ) -> Glanced {
        match attributes::stat(folder, name).and_then(|stat| attributes::entry(&stat)) {
            Ok(entry) if entry.kind != Kind::Symlink => self.complete(folder, name, entry, wanted, last, pace),
            Ok(_) => Glanced::Failed(Errno::INVAL.into()),
            Err(errno) => errno.into(),
        }
    }

    fn file(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        mut entry: Entry,
        wanted: &Wanted,
        last: Option<&Entry>,
        pace: &mut Pace<'_>,
    ) -> Glanced {
        for _ in 0..TRIES {
            match self.read(folder, name, &entry, wanted, last, pace) {
                Try::Read(reading, xattrs) => {
                    entry.xattrs = xattrs;
                    entry.hashes = reading.hashes;
                    entry.content = reading.content;
                    return Glanced::Entry(Glance { entry, kept: reading.kept, unreadable: None });
                }
                Try::Changed => {}
                Try::Unreadable(errno) => {
                    entry.xattrs = self.xattrs.of_name(folder, name);
                    entry.content = Content::Unreadable;
                    return Glanced::Entry(Glance { entry, kept: None, unreadable: Some(errno.into()) });
                }
                Try::Over(how) => return how,
            }
            match attributes::stat(folder, name).and_then(|stat| attributes::entry(&stat)) {
                Ok(now) if now.kind == Kind::File && now.size > 0 => entry = now,
                Ok(now) => return self.complete(folder, name, now, wanted, last, pace),
                Err(errno) => return errno.into(),
            }
        }
        entry.xattrs = self.xattrs.of_name(folder, name);
        entry.content = Content::Unstable;
        Glanced::Entry(Glance { entry, kept: None, unreadable: None })
    }

    /// Opens, makes sure that it is what `stat` told of, reads, and makes sure again.
    fn read(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        stat: &Entry,
        wanted: &Wanted,
        last: Option<&Entry>,
        pace: &mut Pace<'_>,
    ) -> Try {
        let file = match content::open(folder, name, wanted.from_disk) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Try::Changed,
            Err(errno) => return refused(errno),
        };
        match attributes::stat(file.as_fd(), c"").and_then(|stat| attributes::entry(&stat)) {
            Ok(now) if now.same_stat(stat) => {}
            Ok(_) => return Try::Changed,
            Err(errno) => return refused(errno),
        }
        await_writes(&file);
        let reading = match content::read(&file, stat, wanted, last, &mut self.buffer, pace) {
            Ok(reading) => reading,
            Err(Broken::Stopped) => return Try::Over(Glanced::Stopped),
            Err(Broken::Failed(errno)) => return refused(errno),
        };
        let xattrs = self.xattrs.of_open(&file);
        match attributes::stat(file.as_fd(), c"").and_then(|stat| attributes::entry(&stat)) {
            Ok(now) if now.same_stat(stat) => Try::Read(reading, xattrs),
            Ok(_) => Try::Changed,
            Err(errno) => refused(errno),
        }
    }
}

/// Waits for a call of `write` that began before: the kernel dates a write when it begins, so a file that is read while one goes on
/// has the same times before and after. Asking where data begins takes the lock that a write holds (ext4, btrfs, tmpfs; on xfs each
/// read takes it). A write that begins later gets a later time, which the look after the reading shows.
fn await_writes(file: &OwnedFd) {
    // The answer does not matter, nor whether the file system has one.
    _ = rustix::fs::seek(file, rustix::fs::SeekFrom::Data(0));
}

fn refused(errno: Errno) -> Try {
    let reason = Reason::from(errno);
    if reason.passing() { Try::Over(Glanced::Failed(reason)) } else { Try::Unreadable(errno) }
}

fn plain(entry: Entry) -> Glanced {
    Glanced::Entry(Glance { entry, kept: None, unreadable: None })
}

/// Whether what was last seen spares us the reading: nothing moved, and all that is wanted is there.
fn known(last: &Entry, now: &Entry, wanted: &Wanted) -> bool {
    if !last.same_stat(now) {
        return false;
    }
    if now.kind != Kind::File || !wanted.content() {
        return true;
    }
    let has = |wanted: bool, there: bool| !wanted || there;
    let digests = has(wanted.blake3, last.hashes.blake3.is_some())
        && has(wanted.sha256, last.hashes.sha256.is_some())
        && has(wanted.sha1, last.hashes.sha1.is_some())
        && has(wanted.md5, last.hashes.md5.is_some());
    // Read again when the bound moved past it.
    let expected = if wanted.partly(now.size) { Content::Partial } else { Content::Whole };
    digests && last.content == expected
}

fn taken(known: &Hashes, wanted: &Wanted) -> Hashes {
    Hashes {
        blake3: known.blake3.filter(|_| wanted.blake3),
        sha256: known.sha256.filter(|_| wanted.sha256),
        sha1: known.sha1.filter(|_| wanted.sha1),
        md5: known.md5.filter(|_| wanted.md5),
    }
}
