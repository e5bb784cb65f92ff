//! The bytes that a read of a fanotify group gives (`linux/fanotify.h`, version 3 of the metadata), as values that borrow from them.
//!
//! Pure. Never fails as a whole: what cannot be read is an item that says so, and reading goes on behind it where its length
//! can be believed. Descriptors come out as numbers; who reads them from the kernel closes them.
//!
//! ```text
//! event_len u32 | vers u8 | reserved u8 | metadata_len u16 | mask u64 | fd i32 | pid i32 | info records ...
//! info record: type u8 | pad u8 | len u16 | ...
//!   FID DFID DFID_NAME OLD_ NEW_: fsid 2 x i32 | handle_bytes u32 | handle_type i32 | handle | name, NUL
//!   PIDFD: pidfd i32     ERROR: error i32 | count u32     MNT: pad u32 | mnt_id u64
//! ```

/// `FAN_EVENT_METADATA_LEN`.
const HEAD: usize = 24;
/// `FANOTIFY_METADATA_VERSION`.
const VERSION: u8 = 3;
/// Longest handle that the kernel gives (`MAX_HANDLE_SZ`).
const LONGEST_HANDLE: usize = 128;

/// One event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// What happened.
    pub mask: u64,
    /// An open file, of groups without file handles; negative: none.
    pub fd: i32,
    /// Thread group that did it, as we number processes; 0: we do not see it.
    pub pid: i32,
    /// All bytes of the event, so that it can be kept and read again.
    pub bytes: &'a [u8],
    info: &'a [u8],
}

/// What one step of reading gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// An event.
    Event(Event<'a>),
    /// Something else stood there.
    Bad(Bad),
}

/// Why something cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Bad {
    /// The rest is shorter than an event's head; reading ends.
    Short,
    /// An event's length is below its head or beyond the buffer; reading ends.
    Length,
    /// A metadata version that we do not know; it is left out.
    Version,
    /// An info record that does not fit into its event; the event's other records are lost.
    Record,
    /// A handle or name that does not fit into its record; it is left out.
    Handle,
}

/// The object or folder that a handle names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handle<'a> {
    /// `statfs.f_fsid` of its file system.
    pub fsid: u64,
    /// `handle_type`: which file system made it, and how.
    pub kind: i32,
    /// Its bytes, at most 128.
    pub bytes: &'a [u8],
    /// All of the above as it stands in the buffer: the same object has the same key.
    pub key: &'a [u8],
}

impl Handle<'_> {
    /// The inode number, where the kind of handle is one that tells it (ext4 and its like, xfs, tmpfs; not btrfs).
    /// Kinds: `enum fid_type` of `linux/exportfs.h`; tmpfs puts its generation first (`mm/shmem.c`, `shmem_encode_fh`).
    #[must_use]
    pub fn inode(&self) -> Option<u64> {
        match (self.kind, self.bytes.len()) {
            (1 | 2, 8 | 16) => u32_at(self.bytes, 0).map(u64::from),
            (1, 12) => Some(u64::from(u32_at(self.bytes, 4)?) | u64::from(u32_at(self.bytes, 8)?) << 32),
            (0x81 | 0x82, 12 | 24) => u64_at(self.bytes, 0),
            _ => None,
        }
    }
}

/// One info record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// The object itself.
    Object(Handle<'a>),
    /// A folder and a name in it; `.` is the folder itself.
    Named(Handle<'a>, &'a [u8]),
    /// Of a rename: where it was.
    Old(Handle<'a>, &'a [u8]),
    /// Of a rename: where it is.
    New(Handle<'a>, &'a [u8]),
    /// A folder without a name.
    Folder(Handle<'a>),
    /// A descriptor of the process; negative: it had ended, or there was none to have.
    Pidfd(i32),
    /// An error of the file system, and how many there were.
    Error(i32, u32),
    /// A mount.
    Mount(u64),
    /// A type that we do not know.
    Other(u8),
    /// Something that cannot be read.
    Bad(Bad),
}

/// The events of a buffer.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    rest: &'a [u8],
}

/// Reads a buffer.
#[must_use]
pub fn events(buffer: &[u8]) -> Events<'_> {
    Events { rest: buffer }
}

impl<'a> Iterator for Events<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(length) = u32_at(self.rest, 0).filter(|_| self.rest.len() >= HEAD) else {
            self.rest = &[];
            return Some(Item::Bad(Bad::Short));
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < HEAD || length > self.rest.len() {
            self.rest = &[];
            return Some(Item::Bad(Bad::Length));
        }
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(event(bytes).map_or_else(Item::Bad, Item::Event))
    }
}

/// One event from exactly its bytes.
fn event(bytes: &[u8]) -> Result<Event<'_>, Bad> {
    if bytes.get(4) != Some(&VERSION) {
        return Err(Bad::Version);
    }
    let head = usize::from(u16_at(bytes, 6).ok_or(Bad::Short)?);
    let info = bytes.get(head..).filter(|_| head >= HEAD).ok_or(Bad::Length)?;
    let (mask, fd, pid) = (u64_at(bytes, 8), i32_at(bytes, 16), i32_at(bytes, 20));
    Ok(Event { mask: mask.ok_or(Bad::Short)?, fd: fd.ok_or(Bad::Short)?, pid: pid.ok_or(Bad::Short)?, bytes, info })
}

impl<'a> Event<'a> {
    /// Its info records.
    #[must_use]
    pub fn records(&self) -> Records<'a> {
        Records { rest: self.info }
    }

    /// The descriptor of its process; `None`: no such record.
    #[must_use]
    pub fn pidfd(&self) -> Option<i32> {
        self.records().find_map(|record| if let Record::Pidfd(fd) = record { Some(fd) } else { None })
    }
}

/// The info records of one event.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let length = u16_at(self.rest, 2).map_or(0, usize::from);
        if length < 4 || length > self.rest.len() {
            self.rest = &[];
            return Some(Record::Bad(Bad::Record));
        }
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(record(bytes).unwrap_or(Record::Bad(Bad::Handle)))
    }
}

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    Some(match *bytes.first()? {
        1 => Record::Object(handle(bytes)?.0),
        2 => handle(bytes).and_then(|(folder, rest)| Some(Record::Named(folder, name(rest)?)))?,
        3 => Record::Folder(handle(bytes)?.0),
        4 => Record::Pidfd(i32_at(bytes, 4)?),
        5 => Record::Error(i32_at(bytes, 4)?, u32_at(bytes, 8)?),
        7 => Record::Mount(u64_at(bytes, bytes.len().checked_sub(8).filter(|at| *at >= 4)?)?),
        10 => handle(bytes).and_then(|(folder, rest)| Some(Record::Old(folder, name(rest)?)))?,
        12 => handle(bytes).and_then(|(folder, rest)| Some(Record::New(folder, name(rest)?)))?,
        other => Record::Other(other),
    })
}

/// The handle in a record, and what stands behind it.
fn handle(record: &[u8]) -> Option<(Handle<'_>, &[u8])> {
    let length = usize::try_from(u32_at(record, 12)?).ok().filter(|length| *length <= LONGEST_HANDLE)?;
    let (bytes, rest) = record.get(20..)?.split_at_checked(length)?;
    let key = record.get(4..20 + length)?;
    Some((Handle { fsid: u64_at(record, 4)?, kind: i32_at(record, 16)?, bytes, key }, rest))
}

/// A name up to its NUL; it is never empty and never holds a slash.
fn name(bytes: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(0, bytes)?;
    bytes.get(..end).filter(|name| !name.is_empty() && memchr::memchr(b'/', name).is_none())
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    take(bytes, at).map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    take(bytes, at).map(u32::from_ne_bytes)
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    take(bytes, at).map(i32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    take(bytes, at).map(u64::from_ne_bytes)
}
