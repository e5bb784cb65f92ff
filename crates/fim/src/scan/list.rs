//! The names in one folder.

use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

/// So much of a folder is asked for at once.
const ROOM: usize = 32 << 10;

/// A name, in the list's bytes.
#[derive(Clone, Copy, Debug)]
struct Name {
    inode: u64,
    at: usize,
    length: u32,
    folder: bool,
}

/// The names in a folder, in byte order. Holds its memory for the next folder.
#[derive(Debug)]
pub(super) struct List {
    bytes: Vec<u8>,
    names: Vec<Name>,
    by_inode: Vec<u32>,
    room: Vec<MaybeUninit<u8>>,
}

impl Default for List {
    fn default() -> Self {
        Self { bytes: Vec::new(), names: Vec::new(), by_inode: Vec::new(), room: vec![MaybeUninit::uninit(); ROOM] }
    }
}

impl List {
    /// Reads all names of an open folder; what was in here before goes.
    pub(super) fn read(&mut self, folder: impl AsFd) -> Result<(), Errno> {
        self.bytes.clear();
        self.names.clear();
        self.by_inode.clear();
        let mut entries = RawDir::new(folder.as_fd(), &mut self.room);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno),
            };
            let name = entry.file_name().to_bytes_with_nul();
            if name == b".\0" || name == b"..\0" {
                continue;
            }
            let Ok(length) = u32::try_from(name.len()) else { continue };
            let folder = entry.file_type() == FileType::Directory;
            self.names.push(Name { inode: entry.ino(), at: self.bytes.len(), length, folder });
            self.bytes.extend_from_slice(name);
        }
        let bytes = &self.bytes;
        self.names.sort_unstable_by(|one, other| slice(bytes, one).cmp(slice(bytes, other)));
        // A folder that changes while it is listed may tell a name twice.
        self.names.dedup_by(|one, other| slice(bytes, one) == slice(bytes, other));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The name at a place in byte order.
    pub(super) fn name(&self, at: usize) -> &OsStr {
        OsStr::from_bytes(slice(&self.bytes, &self.names[at]))
    }

    /// The same for the kernel.
    pub(super) fn c_name(&self, at: usize) -> &CStr {
        let name = &self.names[at];
        // The bytes come from the kernel with their end, so this cannot fail; an empty name is nothing in any folder.
        CStr::from_bytes_with_nul(&self.bytes[name.at..name.at + name.length as usize]).unwrap_or_default()
    }

    /// Whether the folder itself says that this is a folder.
    pub(super) fn is_folder(&self, at: usize) -> bool {
        self.names[at].folder
    }

    /// Places in the order of inodes: nearly that of the disk, which matters when nothing is in memory yet.
    pub(super) fn by_inode(&mut self) -> Vec<u32> {
        let mut order = std::mem::take(&mut self.by_inode);
        order.clear();
        order.extend(0..u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        order.sort_unstable_by_key(|at| self.names[*at as usize].inode);
        order
    }

    /// Gives the memory of [`List::by_inode`] back.
    pub(super) fn keep(&mut self, order: Vec<u32>) {
        self.by_inode = order;
    }
}

fn slice<'a>(bytes: &'a [u8], name: &Name) -> &'a [u8] {
    &bytes[name.at..name.at + name.length as usize - 1]
}
