//! The attributes of an object: `statx`, link target, extended attributes.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{
    AtFlags, FileType, Statx, StatxAttributes, StatxFlags, fgetxattr, flistxattr, lgetxattr, llistxattr, readlinkat,
    statx,
};
use rustix::io::Errno;

use crate::entry::{Content, Digest, Entry, FileId, Flags, Hashes, Kind, Value, Xattr};

/// First room for the names of extended attributes; most files have none or one.
const NAMES: usize = 512;
/// The kernel's bound for all names, and for one value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const LARGEST: usize = 65_536;

/// `statx` of `name` in `folder`, links not followed and automounts not triggered; an empty name is the folder's own. Of files that lie
/// elsewhere (network, FUSE) what is true now is asked for, not what was a while ago; on local file systems that costs nothing.
pub(crate) fn stat(folder: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    let mut flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_FORCE_SYNC;
    if name.is_empty() {
        flags |= AtFlags::EMPTY_PATH;
    }
    statx(folder, name, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME)
}

/// Whether a file system is mounted on it (also one that is bound there).
pub(crate) fn mounted_on(stat: &Statx) -> bool {
    stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
}

/// What `statx` tells, without target, extended attributes and digests.
pub(crate) fn entry(stat: &Statx) -> Result<Entry, Errno> {
    let kind = match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::Character,
        FileType::BlockDevice => Kind::Block,
        FileType::Unknown => return Err(Errno::NODEV),
    };
    let device = matches!(kind, Kind::Character | Kind::Block);
    Ok(Entry {
        kind,
        id: id(stat),
        mode: stat.stx_mode & 0o7777,
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        nlink: stat.stx_nlink,
        size: stat.stx_size,
        mtime_ns: nanoseconds(stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
        ctime_ns: nanoseconds(stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec),
        btime_ns: (stat.stx_mask & StatxFlags::BTIME.bits() != 0)
            .then(|| nanoseconds(stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec)),
        rdev: if device { rustix::fs::makedev(stat.stx_rdev_major, stat.stx_rdev_minor) } else { 0 },
        flags: flags(stat),
        target: None,
        xattrs: Vec::new(),
        hashes: Hashes::default(),
        content: Content::None,
    })
}

/// The canonical identity.
pub(crate) fn id(stat: &Statx) -> FileId {
    FileId { dev: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor), inode: stat.stx_ino }
}

fn flags(stat: &Statx) -> Flags {
    let known = Flags::NAMES.iter().fold(0, |all, (bit, _)| all | bit);
    let told = stat.stx_attributes.bits() & stat.stx_attributes_mask.bits();
    Flags(u32::try_from(told & u64::from(known)).unwrap_or(0))
}

fn nanoseconds(seconds: i64, rest: u32) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(rest))
}

/// Where a symbolic link points.
pub(crate) fn target(folder: BorrowedFd<'_>, name: &CStr) -> Result<Box<[u8]>, Errno> {
    Ok(readlinkat(folder, name, Vec::new())?.into_bytes().into_boxed_slice())
}

/// Reads extended attributes into buffers of its own.
#[derive(Debug)]
pub(crate) struct Xattrs {
    names: Vec<u8>,
    value: Vec<u8>,
    path: Vec<u8>,
}

impl Default for Xattrs {
    fn default() -> Self {
        Self { names: vec![0; NAMES], value: vec![0; NAMES], path: Vec::new() }
    }
}

/// Where to ask: an open file, or a path that ends without following a link.
enum Subject<'a> {
    Open(BorrowedFd<'a>),
    Path(CString),
}

impl Subject<'_> {
    fn list(&self, room: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(fd) => flistxattr(fd, room),
            Self::Path(path) => llistxattr(path.as_c_str(), room),
        }
    }

    fn value(&self, name: &CStr, room: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(fd) => fgetxattr(fd, name, room),
            Self::Path(path) => lgetxattr(path.as_c_str(), name, room),
        }
    }
}

impl Xattrs {
    /// Those of an open file, in the order of their names. What a file system does not have or does not show is left out.
    pub(crate) fn of_open(&mut self, file: impl AsFd) -> Vec<Xattr> {
        self.read(&Subject::Open(file.as_fd()))
    }

    /// Those of `name` in `folder`, without opening it: by `/proc/self/fd`, so that no folder on the way can be exchanged for a link.
    pub(crate) fn of_name(&mut self, folder: BorrowedFd<'_>, name: &CStr) -> Vec<Xattr> {
        self.path.clear();
        self.path.extend_from_slice(b"/proc/self/fd/");
        self.path.extend_from_slice(folder.as_raw_fd().to_string().as_bytes());
        if !name.is_empty() {
            self.path.push(b'/');
            self.path.extend_from_slice(name.to_bytes());
        }
        // The folder's own are asked for through the magic link itself, which the list calls without `l` would follow.
        if name.is_empty() {
            self.path.extend_from_slice(b"/.");
        }
        match CString::new(std::mem::take(&mut self.path)) {
            Ok(path) => {
                let subject = Subject::Path(path);
                let found = self.read(&subject);
                if let Subject::Path(path) = subject {
                    self.path = path.into_bytes();
                }
                found
            }
            Err(_) => Vec::new(),
        }
    }

    fn read(&mut self, subject: &Subject<'_>) -> Vec<Xattr> {
        let length = grow(&mut self.names, |room| subject.list(room)).unwrap_or(0);
        if length == 0 {
            return Vec::new();
        }
        let mut found = Vec::with_capacity(1);
        for name in self.names[..length].split_inclusive(|byte| *byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
            if let Ok(length) = grow(&mut self.value, |room| subject.value(name, room)) {
                found
                    .push(Xattr { name: name.to_bytes().into(), value: value(name.to_bytes(), &self.value[..length]) });
            }
        }
        found.sort_unstable();
        found
    }
}

/// Calls with the room there is, and once more with the most that can be needed.
fn grow(room: &mut Vec<u8>, mut call: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
    match call(room) {
        Err(Errno::RANGE) if room.len() < LARGEST => {
            room.resize(LARGEST, 0);
            call(room)
        }
        answer => answer,
    }
}

fn value(name: &[u8], bytes: &[u8]) -> Value {
    let read_by_people = name.starts_with(b"system.") || name.starts_with(b"security.");
    match u32::try_from(bytes.len()) {
        Ok(length) if !read_by_people || bytes.len() > Value::KEPT => {
            Value::Hash { length, digest: Digest(*blake3::hash(bytes).as_bytes()) }
        }
        _ => Value::Bytes(bytes.into()),
    }
}

/// A name for the kernel. Names from it hold no zero byte; another holds nothing that can be there.
pub(crate) fn name(name: &std::ffi::OsStr) -> Result<CString, Errno> {
    CString::new(name.as_bytes()).map_err(|_| Errno::NOENT)
}
