//! What policies need to know of the host they are made for: asked when they are loaded and when something is replaced, never
//! while somebody waits.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use sha2::{Digest as _, Sha256};

use crate::entry::{Digest, FileId};
use crate::mountinfo;

/// A host, or the root of a container.
pub trait Ground {
    /// The path without symbolic links; `None`: nothing is there, or it cannot be told.
    fn resolve(&self, path: &Path) -> Option<PathBuf>;

    /// What this path leads to, links followed.
    fn identify(&self, path: &Path) -> Option<FileId>;

    /// SHA-256 of a file's content.
    fn sha256(&self, path: &Path) -> Option<Digest>;

    /// A user's number.
    fn uid(&self, name: &str) -> Option<u32>;

    /// Mount points and the types of their file systems; of several at one place the last.
    fn mounts(&self) -> Vec<(PathBuf, Box<str>)>;

    /// The clock on the wall.
    fn zone(&self) -> TimeZone;
}

/// Knows nothing: paths are what they say, no application has an identity, and the wall's clock is UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Ground for Nowhere {
    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        Some(path.to_owned())
    }

    fn identify(&self, _: &Path) -> Option<FileId> {
        None
    }

    fn sha256(&self, _: &Path) -> Option<Digest> {
        None
    }

    fn uid(&self, _: &str) -> Option<u32> {
        None
    }

    fn mounts(&self) -> Vec<(PathBuf, Box<str>)> {
        Vec::new()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

/// This host, or the root folder of a container on it, where links lead to what they lead to inside.
#[derive(Debug, Default)]
pub struct Live {
    root: Option<OwnedFd>,
}

impl Live {
    /// This host.
    #[must_use]
    pub fn host() -> Self {
        Self::default()
    }

    /// A container, by its root folder: `/proc/PID/root`.
    ///
    /// # Errors
    /// It cannot be opened: the process is gone, or our rights do not suffice.
    pub fn inside(root: &Path) -> std::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: Some(rustix::fs::open(root, flags, Mode::empty())?) })
    }

    /// Nothing but regular files is given.
    fn open(&self, path: &Path, flags: OFlags) -> Option<File> {
        let flags = flags | OFlags::CLOEXEC;
        let fd = match &self.root {
            None => rustix::fs::openat(CWD, path, flags, Mode::empty()),
            Some(root) => {
                let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
                rustix::fs::openat2(root, path, flags, Mode::empty(), inside)
            }
        };
        let file = File::from(fd.ok()?);
        file.metadata().ok()?.is_file().then_some(file)
    }
}

/// Does not wait for the other end of a pipe.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// Larger executables have no digest here, so an entry with `sha256` does not fit them.
const MOST_READ: u64 = 1 << 30;
/// Of `/etc/passwd`.
const MOST_USERS: u64 = 16 << 20;

impl Ground for Live {
    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        match self.root {
            None => fs::canonicalize(path).ok(),
            Some(_) => Some(path.to_owned()),
        }
    }

    fn identify(&self, path: &Path) -> Option<FileId> {
        let file = self.open(path, OFlags::PATH)?;
        let facts = file.metadata().ok()?;
        Some(FileId { dev: facts.dev(), inode: facts.ino() })
    }

    fn sha256(&self, path: &Path) -> Option<Digest> {
        let mut file = self.open(path, READ)?;
        if file.metadata().ok()?.len() > MOST_READ {
            return None;
        }
        let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
        loop {
            match file.read(&mut buffer).ok()? {
                0 => return Some(Digest(hasher.finalize().into())),
                n => hasher.update(&buffer[..n]),
            }
        }
    }

    fn uid(&self, name: &str) -> Option<u32> {
        let mut text = Vec::new();
        let file = self.open(Path::new("/etc/passwd"), READ)?;
        file.take(MOST_USERS).read_to_end(&mut text).ok()?;
        text.split(|&byte| byte == b'\n').find_map(|line| {
            let mut fields = line.split(|&byte| byte == b':');
            let uid = fields.next().filter(|have| *have == name.as_bytes()).and_then(|_| fields.nth(1))?;
            std::str::from_utf8(uid).ok()?.parse().ok()
        })
    }

    fn mounts(&self) -> Vec<(PathBuf, Box<str>)> {
        let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
        mountinfo::read(&table).list.into_iter().map(|mount| (mount.point, mount.fstype.into())).collect()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::system()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_and_types_are_read() {
        assert!(Live::host().mounts().iter().any(|(path, kind)| path == Path::new("/proc") && &**kind == "proc"));
    }

    #[test]
    fn a_containers_links_lead_where_they_lead_inside() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("usr/bin")).unwrap();
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::write(folder.path().join("usr/bin/tool"), "tool").unwrap();
        fs::write(folder.path().join("etc/passwd"), "root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n").unwrap();
        std::os::unix::fs::symlink("/usr/bin", folder.path().join("bin")).unwrap();
        let inside = Live::inside(folder.path()).unwrap();
        let real = fs::metadata(folder.path().join("usr/bin/tool")).unwrap();
        assert_eq!(inside.identify(Path::new("/bin/tool")).map(|id| id.inode), Some(real.ino()));
        assert_eq!(inside.uid("web"), Some(33));
        assert_eq!(inside.uid("nobody-there"), None);
        assert_eq!(inside.sha256(Path::new("/bin/tool")), Some(Digest(Sha256::digest("tool").into())));
        assert_eq!(inside.identify(Path::new("/usr")), None);
    }
}
