//! Opening a folder below another one so that no symbolic link is ever followed and nothing outside is ever reached.
//!
//! `openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS` (Linux 5.6) does this in the kernel, which no race
//! with a rename can fool. Where it is missing or forbidden, and for paths longer than one call takes, the path is walked one
//! component at a time with `O_NOFOLLOW`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// Longest path given to one call, below the kernel's `PATH_MAX` of 4,096 with its end.
const LONGEST: usize = 4000;
/// So often is a path resolved again when a rename elsewhere disturbed it (`EAGAIN`).
const TRIES: usize = 8;

/// Why a folder could not be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Error {
    /// It is not there, or is not a folder (any more), or a symbolic link stands in the way.
    Absent,
    /// The kernel said no.
    Failed(Errno),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Self::Absent,
            other => Self::Failed(other),
        }
    }
}

/// A folder that is held open; all that is opened lies below it.
#[derive(Debug)]
pub(crate) struct Anchor {
    path: PathBuf,
    fd: OwnedFd,
}

impl Anchor {
    /// Holds `path`, whose own components must not be symbolic links. `/proc/PID/root` is let through as the root of a container.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let start = container_root(path).unwrap_or(Path::new("/"));
        let fd = rustix::fs::open(start, folder_flags(OFlags::PATH), Mode::empty())?;
        let start = Self { path: start.to_path_buf(), fd };
        if path == start.path {
            return Ok(start);
        }
        let fd = start.folder(path, OFlags::PATH)?;
        Ok(Self { path: path.to_path_buf(), fd })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the folder `path`, the anchor itself or below it, with these flags (`OFlags::PATH`, or `RDONLY` to list it).
    pub(crate) fn folder(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Error> {
        let relative = path.strip_prefix(&self.path).map_err(|_| Error::Absent)?;
        folder_below(self.fd.as_fd(), relative, folder_flags(flags))
    }
}

fn folder_flags(flags: OFlags) -> OFlags {
    flags | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// `/proc/PID/root`, where a path begins so.
pub(crate) fn container_root(path: &Path) -> Option<&Path> {
    let rest = path.as_os_str().as_bytes().strip_prefix(b"/proc/")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = rest[digits..].strip_prefix(b"/root")?;
    (digits > 0 && (after.is_empty() || after[0] == b'/'))
        .then(|| path.ancestors().nth(path.components().count() - 4))
        .flatten()
}

fn folder_below(from: BorrowedFd<'_>, relative: &Path, flags: OFlags) -> Result<OwnedFd, Error> {
    if relative.as_os_str().is_empty() {
        return Ok(openat(from, c".", flags, Mode::empty())?);
    }
    if relative.as_os_str().len() > LONGEST {
        return stepwise(from, relative, flags);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..TRIES {
        match openat2(from, relative, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS | Errno::PERM) => break,
            answer => return Ok(answer?),
        }
    }
    stepwise(from, relative, flags)
}

fn stepwise(from: BorrowedFd<'_>, relative: &Path, flags: OFlags) -> Result<OwnedFd, Error> {
    let mut held: Option<OwnedFd> = None;
    let mut components = relative.components().peekable();
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else { return Err(Error::Absent) };
        let flags = if components.peek().is_some() { folder_flags(OFlags::PATH) } else { flags };
        let at = held.as_ref().map_or(from, AsFd::as_fd);
        held = Some(openat(at, name, flags, Mode::empty())?);
    }
    held.ok_or(Error::Absent)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("real/below")).unwrap();
        symlink(root.join("real"), root.join("link")).unwrap();
        symlink("/", root.join("real/out")).unwrap();
        let anchor = Anchor::open(&root).unwrap();
        assert!(anchor.folder(&root.join("real/below"), OFlags::PATH).is_ok());
        assert!(anchor.folder(&root, OFlags::RDONLY).is_ok());
        for path in ["link", "link/below", "real/out", "real/out/etc", "nothing"] {
            assert_eq!(anchor.folder(&root.join(path), OFlags::PATH).err(), Some(Error::Absent), "{path}");
            assert_eq!(
                stepwise(anchor.fd.as_fd(), Path::new(path), folder_flags(OFlags::PATH)).err(),
                Some(Error::Absent)
            );
        }
        assert_eq!(anchor.folder(Path::new("/etc"), OFlags::PATH).err(), Some(Error::Absent));
        assert_eq!(Anchor::open(&root.join("link/below")).err(), Some(Error::Absent));
    }

    #[test]
    fn a_path_longer_than_a_call_takes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let anchor = Anchor::open(&root).unwrap();
        let name = "n".repeat(200);
        let mut path = root.clone();
        let mut fd = anchor.folder(&root, OFlags::RDONLY).unwrap();
        for _ in 0..40 {
            rustix::fs::mkdirat(&fd, name.as_str(), Mode::RWXU).unwrap();
            fd = openat(&fd, name.as_str(), folder_flags(OFlags::RDONLY), Mode::empty()).unwrap();
            path.push(&name);
        }
        assert!(path.as_os_str().len() > 4096);
        let found = anchor.folder(&path, OFlags::RDONLY).unwrap();
        let (found, made) = (rustix::fs::fstat(&found).unwrap(), rustix::fs::fstat(&fd).unwrap());
        assert_eq!(found.st_ino, made.st_ino);
    }

    #[test]
    fn roots_of_containers() {
        let root = |path: &'static str| container_root(Path::new(path)).and_then(Path::to_str);
        assert_eq!(root("/proc/12/root"), Some("/proc/12/root"));
        assert_eq!(root("/proc/12/root/etc/passwd"), Some("/proc/12/root"));
        assert_eq!(root("/proc/12/rooted"), None);
        assert_eq!(root("/proc/self/root/etc"), None);
        assert_eq!(root("/proc/12/cwd"), None);
        assert_eq!(root("/etc"), None);
    }
}
