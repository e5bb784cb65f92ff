//! Files below a folder that somebody else controls: the root of a container, or what a runtime keeps of it.
//!
//! Whoever is root in a container may put anything in the way of a path: a FIFO that never gives a byte, a device, a
//! symlink to our own files or to `/proc/self/root`, two gigabytes of nothing. So nothing is opened before it is known to be
//! a regular file (`O_PATH`, then `fstat`, then the same file again), symlinks are resolved as the container itself would
//! (`RESOLVE_IN_ROOT`), magic links not at all, and a file beyond the bound is not read in part.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use rustix::io::Errno;

/// Why a file was not read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum Refused {
    /// There is none, or its way leads nowhere.
    #[error("is not there")]
    Absent,
    /// Symlinks in a circle, or out through `/proc`.
    #[error("leads out of the root")]
    Outside,
    /// A FIFO, a device, a folder, a socket.
    #[error("is no regular file")]
    NotRegular,
    /// More bytes than allowed.
    #[error("is too large")]
    TooLarge,
    /// Not ours to read, or the system has no `openat2`.
    #[error("cannot be read")]
    Unreadable,
}

impl Refused {
    /// The label in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Outside => "outside",
            Self::NotRegular => "not-regular",
            Self::TooLarge => "too-large",
            Self::Unreadable => "unreadable",
        }
    }
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Absent,
            Errno::LOOP | Errno::XDEV => Self::Outside,
            _ => Self::Unreadable,
        }
    }
}

/// A folder to read below; it stays the same one whatever is mounted or moved over its path.
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// # Errors
    /// There is no such folder, or it is not ours to see.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(open(path, flags, Mode::empty())?))
    }

    /// Whether both are the same folder.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let id = |root: &Self| fstat(&root.0).ok().map(|stat| (stat.st_dev, stat.st_ino));
        id(self).is_some_and(|mine| id(other) == Some(mine))
    }

    /// The whole of a regular file of at most `most` bytes. `path` is taken from this root, with or without a leading `/`.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn read(&self, path: &Path, most: usize) -> Result<Vec<u8>, Refused> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let handle = openat2(&self.0, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)?;
        let stat = fstat(&handle)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Refused::NotRegular);
        }
        if usize::try_from(stat.st_size).map_or(true, |size| size > most) {
            return Err(Refused::TooLarge);
        }
        let mut bytes = Vec::new();
        // It may grow while it is read.
        let file = reopen(&handle).map_err(|_| Refused::Unreadable)?;
        file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|_| Refused::Unreadable)?;
        if bytes.len() > most { Err(Refused::TooLarge) } else { Ok(bytes) }
    }
}

/// The very file that the handle names, for reading.
fn reopen(handle: impl AsFd) -> io::Result<File> {
    File::open(format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Stand(tempfile::TempDir, Root);

    impl Stand {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("root/etc")).unwrap();
            fs::write(folder.path().join("secret"), "ours").unwrap();
            let root = Root::open(&folder.path().join("root")).unwrap();
            Self(folder, root)
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.0.path().join("root").join(name)
        }

        fn check(&self, path: &str, expect: Result<&[u8], Refused>) {
            assert_eq!(self.1.read(Path::new(path), 100), expect.map(<[u8]>::to_vec), "{path}");
        }
    }

    #[test]
    fn regular_files_also_behind_symlinks_inside() {
        let stand = Stand::new();
        fs::write(stand.path("etc/real"), "text").unwrap();
        symlink("/etc/real", stand.path("etc/absolute")).unwrap();
        symlink("../../../../etc/real", stand.path("etc/above")).unwrap();
        for path in ["etc/real", "/etc/real", "etc/absolute", "etc/above"] {
            stand.check(path, Ok(b"text"));
        }
        stand.check("etc/none", Err(Refused::Absent));
        stand.check("etc/real/x", Err(Refused::Absent));
    }

    #[test]
    fn nothing_out_of_the_root() {
        let stand = Stand::new();
        symlink("../secret", stand.path("up")).unwrap();
        symlink(stand.0.path().join("secret"), stand.path("absolute")).unwrap();
        symlink("loop", stand.path("loop")).unwrap();
        stand.check("up", Err(Refused::Absent));
        stand.check("absolute", Err(Refused::Absent));
        stand.check("../secret", Err(Refused::Absent));
        stand.check("loop", Err(Refused::Outside));
        let proc = Root::open(Path::new("/proc")).unwrap();
        assert_eq!(proc.read(Path::new("self/root/etc/passwd"), 1 << 20), Err(Refused::Outside));
    }

    #[test]
    fn regular_files_of_the_allowed_size_only() {
        let stand = Stand::new();
        let mkfifo = std::process::Command::new("mkfifo").arg(stand.path("fifo")).status().unwrap();
        assert!(mkfifo.success());
        fs::write(stand.path("large"), [b'x'; 101]).unwrap();
        fs::write(stand.path("fits"), [b'x'; 100]).unwrap();
        File::create(stand.path("huge")).unwrap().set_len(2 << 30).unwrap();
        stand.check("fifo", Err(Refused::NotRegular));
        stand.check("etc", Err(Refused::NotRegular));
        stand.check("large", Err(Refused::TooLarge));
        stand.check("huge", Err(Refused::TooLarge));
        stand.check("fits", Ok(&[b'x'; 100]));
        let dev = Root::open(Path::new("/dev")).unwrap();
        assert_eq!(dev.read(Path::new("zero"), 100), Err(Refused::NotRegular));
    }

    #[test]
    fn a_root_is_known_again() {
        let stand = Stand::new();
        let again = Root::open(&stand.path("")).unwrap();
        assert!(stand.1.is(&again) && !stand.1.is(&Root::open(stand.0.path()).unwrap()));
    }
}
