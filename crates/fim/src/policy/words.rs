//! The words that policies are written in.

use serde::{Deserialize, Serialize};

/// What can happen to a file, as a policy asks for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Classes(pub u8);

impl Classes {
    /// A name was made.
    pub const CREATE: Self = Self(1);
    /// It was opened.
    pub const ACCESS: Self = Self(2);
    /// Its content changed.
    pub const MODIFY: Self = Self(4);
    /// A name went.
    pub const DELETE: Self = Self(8);
    /// A name changed.
    pub const MOVE: Self = Self(16);
    /// Its attributes changed.
    pub const ATTRIB: Self = Self(32);
    /// It was executed.
    pub const EXEC: Self = Self(64);
    /// All that changes a file.
    pub const CHANGES: Self = Self(1 | 4 | 8 | 16 | 32);

    /// The words.
    pub const NAMES: [(Self, &'static str); 7] = [
        (Self::CREATE, "create"),
        (Self::ACCESS, "access"),
        (Self::MODIFY, "modify"),
        (Self::DELETE, "delete"),
        (Self::MOVE, "move"),
        (Self::ATTRIB, "attrib"),
        (Self::EXEC, "exec"),
    ];

    /// Whether any of these is asked for.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The words of the classes that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(class, _)| self.has(*class)).map(|(_, name)| name)
    }
}

impl FromIterator<Class> for Classes {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        classes.into_iter().fold(Self::default(), |all, class| all.with(class.bit()))
    }
}

/// One class, as written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A name was made.
    Create,
    /// It was opened.
    Access,
    /// Its content changed.
    Modify,
    /// A name went.
    Delete,
    /// A name changed.
    Move,
    /// Its attributes changed.
    Attrib,
    /// It was executed.
    Exec,
}

impl Class {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 7] =
        [Self::Create, Self::Access, Self::Modify, Self::Delete, Self::Move, Self::Attrib, Self::Exec];

    /// Its bit.
    #[must_use]
    pub const fn bit(self) -> Classes {
        match self {
            Self::Create => Classes::CREATE,
            Self::Access => Classes::ACCESS,
            Self::Modify => Classes::MODIFY,
            Self::Delete => Classes::DELETE,
            Self::Move => Classes::MOVE,
            Self::Attrib => Classes::ATTRIB,
            Self::Exec => Classes::EXEC,
        }
    }
}

/// How bad a change is, in Sigma's words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line.
    Informational,
    /// Rarely a problem.
    Low,
    /// To be looked at.
    #[default]
    Medium,
    /// To be looked at today.
    High,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// All of them, the mildest first.
    pub const ALL: [Self; 5] = [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// `event.severity`: 0, 21, 47, 73, 99, the middle numbers that Elastic's rules use for these words.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Informational => 0,
            Self::Low => 21,
            Self::Medium => 47,
            Self::High => 73,
            Self::Critical => 99,
        }
    }
}

/// Whether openers are held while we look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guard {
    /// We are told afterwards.
    #[default]
    Notify,
    /// A permission event: the opener waits, so that we know for certain who it is.
    Hold,
}

/// What becomes of an opener that is not allowed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// It opens the file, and we say so.
    #[default]
    Detect,
    /// It gets EPERM; asks for [`Guard::Hold`].
    Enforce,
}

/// A digest of contents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// The change key.
    Blake3,
    /// What others look up.
    Sha256,
    /// Only for comparing with old lists.
    Sha1,
    /// Only for comparing with old lists.
    Md5,
}

/// Digests that are asked for, as bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Digests(pub u8);

impl Digests {
    /// Whether this one is asked for.
    #[must_use]
    pub const fn has(self, hash: Hash) -> bool {
        self.0 & (1 << hash as u8) != 0
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All that either asks for.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Hash> for Digests {
    fn from_iter<I: IntoIterator<Item = Hash>>(hashes: I) -> Self {
        hashes.into_iter().fold(Self::default(), |all, hash| Self(all.0 | 1 << hash as u8))
    }
}

/// An attribute that is compared; the names are those of [`crate::change::Difference::attribute`], but that `xattr` stands for
/// every extended attribute which is no ACL, capability or label.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attribute {
    /// What kind of object it is.
    Type,
    /// Permission bits.
    Mode,
    /// Owner.
    Uid,
    /// Group.
    Gid,
    /// Bytes.
    Size,
    /// Time of the content.
    Mtime,
    /// Time of any change.
    Ctime,
    /// Time it was made.
    Btime,
    /// The object itself.
    Inode,
    /// Number of names.
    Nlink,
    /// Where a link points.
    Target,
    /// Extended attributes.
    Xattr,
    /// Access control lists.
    Acl,
    /// File capabilities.
    Capabilities,
    /// SELinux label.
    Selinux,
    /// Inode flags: immutable, append ...
    Flags,
}

/// Attributes that are compared, as bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Attributes(pub u32);

impl Attributes {
    /// Every one.
    pub const ALL: Self = Self(0xffff);

    /// Whether this one is compared.
    #[must_use]
    pub const fn has(self, attribute: Attribute) -> bool {
        self.0 & (1 << attribute as u32) != 0
    }

    /// All that either asks for.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<Attribute> for Attributes {
    fn from_iter<I: IntoIterator<Item = Attribute>>(attributes: I) -> Self {
        attributes.into_iter().fold(Self(0), |all, attribute| Self(all.0 | 1 << attribute as u32))
    }
}
