//! Looking at one object of a file system: all of its attributes, and digests of its content.
//!
//! ```text
//! statx ── link target, extended attributes ── open, statx again, read, statx again ──► Entry
//!            same stat as last seen? then these need not be read: they are taken from there
//! ```
//!
//! Promises: a symbolic link is never followed, neither in the folders of a path nor at its end; only regular files are opened,
//! and never so that the opening waits; digests belong to one version of the content, or the entry says [`Content::Unstable`]; what
//! cannot be read is a value with its reason. Nothing is waited for: a file that grows without end is read up to the size that it
//! had, a pipe or device is not opened, and a file that says it is empty (as those of `/proc` do) is not read.
//!
//! Does not know policies beyond what of a file they want ([`Wanted`]), nor what was there before beyond the one entry it is given.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

#[cfg(doc)]
use crate::entry::Content;
use crate::entry::Entry;
use crate::policy::{Hash, Partial, Policy};

mod attributes;
mod beneath;
mod content;
mod eye;
mod live;

pub(crate) use attributes::{entry, id, mounted_on, name, stat};
pub(crate) use beneath::{Anchor, Error as BeneathError};
pub(crate) use eye::{Eye, Glance, Glanced};
pub use live::Live;

/// Looks at objects. [`Live`] does so on this host; tests hand in what they like.
pub trait Look {
    /// What is under this absolute path now. `last` is what was last seen there: where its stat is still the same, its digests,
    /// extended attributes and link target are taken over instead of being read.
    fn look(&self, path: &Path, wanted: &Wanted, last: Option<&Entry>) -> Looked;
}

/// What was found under a path.
#[expect(clippy::large_enum_variant, reason = "almost always an entry")]
#[derive(Clone, PartialEq, Debug)]
pub enum Looked {
    /// Nothing: no such name, or a folder on the way to it is gone or has become something else.
    Absent,
    /// This.
    Entry(Entry),
    /// It is there or may be, but could not be looked at.
    Failed(Reason),
}

/// Why something could not be looked at: the kernel's error number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(pub i32);

impl Reason {
    /// Names of those that are met here; others show as their number.
    const NAMES: [(i32, &'static str); 19] = [
        (libc::EPERM, "EPERM"),
        (libc::ENOENT, "ENOENT"),
        (libc::EINTR, "EINTR"),
        (libc::EIO, "EIO"),
        (libc::ENXIO, "ENXIO"),
        (libc::ENOMEM, "ENOMEM"),
        (libc::EACCES, "EACCES"),
        (libc::EBUSY, "EBUSY"),
        (libc::ENODEV, "ENODEV"),
        (libc::ENOTDIR, "ENOTDIR"),
        (libc::EINVAL, "EINVAL"),
        (libc::ENFILE, "ENFILE"),
        (libc::EMFILE, "EMFILE"),
        (libc::ETXTBSY, "ETXTBSY"),
        (libc::ENAMETOOLONG, "ENAMETOOLONG"),
        (libc::ELOOP, "ELOOP"),
        (libc::EOVERFLOW, "EOVERFLOW"),
        (libc::ESTALE, "ESTALE"),
        (libc::ENOTCONN, "ENOTCONN"),
    ];

    /// Whether it says something of us and the moment, not of the object: then nothing is concluded from it.
    #[must_use]
    pub fn passing(self) -> bool {
        matches!(self.0, libc::EINTR | libc::ENOMEM | libc::ENFILE | libc::EMFILE | libc::EAGAIN)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<rustix::io::Errno> for Reason {
    fn from(errno: rustix::io::Errno) -> Self {
        Self(errno.raw_os_error())
    }
}

const NOTHING: Partial = Partial { head: 0, tail: 0, samples: 0, sample: 0 };

/// What is wanted of a file beside its attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// BLAKE3 of the content: the change key.
    pub blake3: bool,
    /// SHA-256: what others look up.
    pub sha256: bool,
    /// SHA-1, only if listed.
    pub sha1: bool,
    /// MD5, only if listed.
    pub md5: bool,
    /// Files of at most so many bytes are read whole, and those that are smaller than what would be sampled of them;
    pub whole: u64,
    /// of larger ones these parts, and the entry says [`Content::Partial`].
    pub partial: Partial,
    /// A log: when it grew, say whether what was there before is still the same.
    pub append_only: bool,
    /// Read again even where the stat says that nothing changed.
    pub fresh: bool,
    /// Read from the disk, not from the page cache: that is where a write to the raw device shows.
    pub from_disk: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            blake3: true,
            sha256: true,
            sha1: false,
            md5: false,
            whole: Self::WHOLE,
            partial: Partial::default(),
            append_only: false,
            fresh: false,
            from_disk: false,
        }
    }
}

impl Wanted {
    /// Files up to 1 GiB are read whole unless a policy says otherwise.
    pub const WHOLE: u64 = 1 << 30;

    /// Attributes alone.
    #[must_use]
    pub fn metadata() -> Self {
        Self { blake3: false, sha256: false, ..Self::default() }
    }

    /// All that any of these policies asks for; for none attributes alone.
    #[must_use]
    pub fn of(policies: &[Arc<Policy>]) -> Self {
        let mut all = Self { whole: 0, partial: NOTHING, ..Self::metadata() };
        for policy in policies {
            all.blake3 |= policy.hash.has(Hash::Blake3);
            all.sha256 |= policy.hash.has(Hash::Sha256);
            all.sha1 |= policy.hash.has(Hash::Sha1);
            all.md5 |= policy.hash.has(Hash::Md5);
            all.append_only |= policy.append_only;
            all.whole = all.whole.max(policy.max_file_size);
            all.partial.head = all.partial.head.max(policy.partial.head);
            all.partial.tail = all.partial.tail.max(policy.partial.tail);
            all.partial.samples = all.partial.samples.max(policy.partial.samples);
            all.partial.sample = all.partial.sample.max(policy.partial.sample);
        }
        all
    }

    /// Whether a file of this size is read in part.
    #[must_use]
    pub(crate) fn partly(&self, size: u64) -> bool {
        size > self.whole && size > content::sampled(&self.partial)
    }

    /// Whether any digest is asked for.
    #[must_use]
    pub fn content(&self) -> bool {
        self.blake3 || self.sha256 || self.sha1 || self.md5
    }
}
