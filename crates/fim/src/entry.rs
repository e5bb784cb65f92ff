//! What is known of one object of a file system: an entry of the baseline, and one side of a difference.

use std::fmt;

/// What kind of object it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A regular file.
    File = 0,
    /// A directory.
    Directory = 1,
    /// A symbolic link.
    Symlink = 2,
    /// A named pipe.
    Fifo = 3,
    /// A socket.
    Socket = 4,
    /// A character device.
    Character = 5,
    /// A block device.
    Block = 6,
}

impl Kind {
    /// All kinds by their numbers.
    pub const ALL: [Self; 7] =
        [Self::File, Self::Directory, Self::Symlink, Self::Fifo, Self::Socket, Self::Character, Self::Block];

    /// `file.type`: the words of ECS.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "dir",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Character => "character_device",
            Self::Block => "block_device",
        }
    }
}

/// An object's canonical identity: the file system it lies on and its inode there. A path is an attribute of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FileId {
    /// Major and minor number of the device, as `makedev` packs them.
    pub dev: u64,
    /// Inode number.
    pub inode: u64,
}

/// A digest of 32 bytes; by default zeros, which stand for none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = NoDigest;

    /// From 64 hex digits.
    fn from_str(text: &str) -> Result<Self, NoDigest> {
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NoDigest);
        }
        let mut out = [0; 32];
        for (byte, at) in out.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2).unwrap_or_default(), 16).map_err(|_| NoDigest)?;
        }
        Ok(Self(out))
    }
}

/// A text is no digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it is no digest: 64 hex digits are asked for")]
pub struct NoDigest;

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How far the digests of a file speak for its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Content {
    /// Nothing to hash: no regular file, or the policy asks for no hash.
    #[default]
    None = 0,
    /// Every byte of one version was read.
    Whole = 1,
    /// Head, tail and samples of a file beyond the policy's size bound.
    Partial = 2,
    /// The file changed while it was read, three times in a row.
    Unstable = 3,
    /// It could not be read.
    Unreadable = 4,
}

/// Digests of a file's content; which are there says the policy.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Hashes {
    /// The change key.
    pub blake3: Option<Digest>,
    /// What others look up.
    pub sha256: Option<Digest>,
    /// Only if listed.
    pub sha1: Option<[u8; 20]>,
    /// Only if listed.
    pub md5: Option<[u8; 16]>,
}

/// One extended attribute: ACLs (`system.posix_acl_access`, `system.posix_acl_default`), capabilities (`security.capability`) and
/// the SELinux label (`security.selinux`) are such too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Xattr {
    /// Full name with its namespace; bytes.
    pub name: Box<[u8]>,
    /// Its value.
    pub value: Value,
}

/// The value of an extended attribute.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    /// A short value of the `system` and `security` namespaces, at most [`Value::KEPT`] bytes: people want to read it.
    Bytes(Box<[u8]>),
    /// BLAKE3 of anything else, with its length: users' data is not copied.
    Hash {
        /// Bytes of the value.
        length: u32,
        /// BLAKE3 of it.
        digest: Digest,
    },
}

impl Value {
    /// Longest value that is kept as it is.
    pub const KEPT: usize = 256;
}

/// Inode flags, by the bits of `STATX_ATTR_*` (`linux/stat.h`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// The flags that we keep and their words.
    pub const NAMES: [(u32, &'static str); 6] = [
        (0x0000_0004, "compressed"),
        (0x0000_0010, "immutable"),
        (0x0000_0020, "append"),
        (0x0000_0040, "nodump"),
        (0x0000_0800, "encrypted"),
        (0x0010_0000, "verity"),
    ];

    /// The words of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(bit, _)| self.0 & bit != 0).map(|(_, name)| name)
    }
}

/// All attributes of one object at one moment. Times are nanoseconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub id: FileId,
    /// Permission bits with set-uid, set-gid and sticky (`0o7777`).
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names.
    pub nlink: u32,
    /// Bytes.
    pub size: u64,
    /// Content changed.
    pub mtime_ns: i64,
    /// Anything changed; nobody can set it back.
    pub ctime_ns: i64,
    /// Made, where the file system knows.
    pub btime_ns: Option<i64>,
    /// Device number of a device.
    pub rdev: u64,
    /// Inode flags.
    pub flags: Flags,
    /// Where a symbolic link points; bytes.
    pub target: Option<Box<[u8]>>,
    /// In order of their names.
    pub xattrs: Vec<Xattr>,
    /// Of the content.
    pub hashes: Hashes,
    /// How far they speak for it.
    pub content: Content,
}

impl Entry {
    /// Whether size, times and inode are the same, so that the content need not be read again: with the ctime this holds even
    /// when somebody puts the mtime back.
    #[must_use]
    pub fn same_stat(&self, other: &Self) -> bool {
        (self.id, self.kind, self.size, self.mtime_ns, self.ctime_ns)
            == (other.id, other.kind, other.size, other.mtime_ns, other.ctime_ns)
    }
}
