//! What policies need to know of the host they are made for: asked when they are loaded and when something is replaced, never
//! while somebody waits.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use sha2::{Digest as _, Sha256};

use crate::entry::{Digest, FileId};

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
        table.split(|&byte| byte == b'\n').filter_map(mount).collect()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::system()
    }
}

/// Mount point and type of a line of mountinfo (proc(5)).
fn mount(line: &[u8]) -> Option<(PathBuf, Box<str>)> {
    let mut fields = line.split(|&byte| byte == b' ');
    let point = fields.nth(4)?;
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    let mut path = Vec::with_capacity(point.len());
    let mut rest = point;
    while let [byte, after @ ..] = rest {
        let escaped = after.get(..3).filter(|_| *byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let octal = escaped.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        path.push(octal.unwrap_or(*byte));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    Some((std::ffi::OsString::from_vec(path).into(), String::from_utf8_lossy(kind).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_and_types_are_read() {
        let line = b"36 35 98:0 /m1 /mnt\\040two rw,noatime master:1 - ext3 /dev/root rw";
        assert_eq!(mount(line), Some(("/mnt two".into(), "ext3".into())));
        assert_eq!(mount(b"36 35 98:0"), None);
        assert!(Live::host().mounts().iter().any(|(path, _)| path == Path::new("/")));
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
