//! The fields that a condition can look at, and what the kernel allows with each.

use super::{List, Operator};

/// The kernel's number of a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FieldId(pub u32);

/// What kind of value a field takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A number.
    Number,
    /// A number of 64 bits of which the kernel's rule has 32.
    Argument,
    /// A user, by name or number.
    User,
    /// A group, by name or number.
    Group,
    /// An audit session.
    Session,
    /// `b64`, `b32`, a machine or an arch word.
    Arch,
    /// A result: a number or an error's name.
    Exit,
    /// 0 or 1.
    Success,
    /// A record type.
    RecordType,
    /// Letters of `rwxa`.
    Permissions,
    /// A kind of file.
    FileType,
    /// A file system.
    FileSystem,
    /// An address family.
    Family,
    /// A comparison of two fields (`-C`).
    Comparison,
    /// A path.
    Path,
    /// A label of a security module.
    Label,
    /// Keys.
    Key,
}

impl Kind {
    /// Whether its value is in the string buffer.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Path | Self::Label | Self::Key)
    }
}

/// What is known of a field.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) id: FieldId,
    pub(super) kind: Kind,
    /// Lists that take it besides exit and `io_uring`, which take all but those of record types and file systems.
    also: &'static [List],
}

impl FieldId {
    /// `arch`.
    pub const ARCH: Self = Self(11);
    /// `msgtype`.
    pub const MSGTYPE: Self = Self(12);
    /// `auid`.
    pub const AUID: Self = Self(9);
    /// `sessionid`.
    pub const SESSIONID: Self = Self(25);
    /// `fstype`.
    pub const FSTYPE: Self = Self(26);
    /// `inode`.
    pub const INODE: Self = Self(102);
    /// `exit`.
    pub const EXIT: Self = Self(103);
    /// `success`.
    pub const SUCCESS: Self = Self(104);
    /// `path`.
    pub const PATH: Self = Self(105);
    /// `perm`.
    pub const PERM: Self = Self(106);
    /// `dir`.
    pub const DIR: Self = Self(107);
    /// A comparison of two fields.
    pub const COMPARISON: Self = Self(111);
    /// `exe`.
    pub const EXE: Self = Self(112);
    /// `a2`: the flags of openat.
    pub const A2: Self = Self(202);
    /// `key`.
    pub const KEY: Self = Self(210);

    pub(super) fn known(self) -> Option<&'static Known> {
        FIELDS.iter().find(|known| known.id == self)
    }

    /// What kind of value it takes; a field that no table knows takes a number.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.known().map_or(Kind::Number, |known| known.kind)
    }

    /// Its name, `f123` if no table knows it.
    #[must_use]
    pub fn name(self) -> String {
        self.known().map_or_else(|| format!("f{}", self.0), |known| known.name.to_owned())
    }

    /// The field of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "loginuid" { "auid" } else { name };
        if let Some(known) = FIELDS.iter().find(|known| known.name == name) {
            return Some(known.id);
        }
        let number: u32 = name.strip_prefix('f')?.parse().ok()?;
        Some(Self(number)).filter(|id| id.known().is_none())
    }
}

/// Why the kernel refuses this field in this list or with this operator (`audit_field_valid` in
/// `kernel/auditfilter.c`).
pub(super) fn refusal(id: FieldId, operator: Operator, list: List) -> Option<String> {
    let known = id.known()?;
    let name = known.name;
    if !known.allowed_in(list) {
        let wanted = known.lists();
        return Some(format!("field `{name}` cannot be used in the {} list, only in {wanted}", list.word()));
    }
    if list == List::IoUring && id == FieldId::PERM {
        return Some("field `perm` cannot be used in the io_uring list: name the operations with -S".to_owned());
    }
    let allowed = match known.kind {
        Kind::Argument => true,
        Kind::Number if name == "pers" || name == "devminor" => true,
        Kind::Path if id != FieldId::EXE => operator == Operator::Equal,
        Kind::Key | Kind::Permissions => operator == Operator::Equal,
        Kind::Path | Kind::Arch | Kind::FileType | Kind::FileSystem | Kind::Comparison => operator.is_equality(),
        Kind::Label if !known.is_level() => operator.is_equality(),
        _ => !operator.is_bitwise(),
    };
    (!allowed).then(|| format!("operator `{}` cannot be used with `{name}`", operator.sign()))
}

impl Known {
    pub(super) fn allowed_in(&self, list: List) -> bool {
        match list {
            List::Exit | List::IoUring => !matches!(self.id, FieldId::MSGTYPE | FieldId::FSTYPE),
            other => self.also.contains(&other),
        }
    }

    fn lists(&self) -> String {
        let lists: Vec<_> = List::ALL.into_iter().filter(|list| self.allowed_in(*list)).map(List::word).collect();
        lists.join(", ")
    }

    /// Sensitivity and clearance have an order.
    fn is_level(&self) -> bool {
        matches!(self.name, "subj_sen" | "subj_clr" | "obj_lev_low" | "obj_lev_high")
    }
}

const fn field(name: &'static str, id: u32, kind: Kind, also: &'static [List]) -> Known {
    Known { name, id: FieldId(id), kind, also }
}

const EXIT_ONLY: &[List] = &[];
const TASK: &[List] = &[List::Task];
const ACTOR: &[List] = &[List::User, List::Task, List::Exclude];
const SUBJECT: &[List] = &[List::User, List::Task, List::Exclude];
const ANY: &[List] = &[List::User, List::Task, List::Exclude, List::Filesystem];

const FIELDS: &[Known] = &[
    field("pid", 0, Kind::Number, ACTOR),
    field("uid", 1, Kind::User, ACTOR),
    field("euid", 2, Kind::User, TASK),
    field("suid", 3, Kind::User, TASK),
    field("fsuid", 4, Kind::User, TASK),
    field("gid", 5, Kind::Group, ACTOR),
    field("egid", 6, Kind::Group, TASK),
    field("sgid", 7, Kind::Group, TASK),
    field("fsgid", 8, Kind::Group, TASK),
    field("auid", 9, Kind::User, ACTOR),
    field("pers", 10, Kind::Number, TASK),
    field("arch", 11, Kind::Arch, TASK),
    field("msgtype", 12, Kind::RecordType, &[List::User, List::Exclude]),
    field("subj_user", 13, Kind::Label, SUBJECT),
    field("subj_role", 14, Kind::Label, SUBJECT),
    field("subj_type", 15, Kind::Label, SUBJECT),
    field("subj_sen", 16, Kind::Label, SUBJECT),
    field("subj_clr", 17, Kind::Label, SUBJECT),
    field("ppid", 18, Kind::Number, TASK),
    field("obj_user", 19, Kind::Label, EXIT_ONLY),
    field("obj_role", 20, Kind::Label, EXIT_ONLY),
    field("obj_type", 21, Kind::Label, EXIT_ONLY),
    field("obj_lev_low", 22, Kind::Label, EXIT_ONLY),
    field("obj_lev_high", 23, Kind::Label, EXIT_ONLY),
    field("loginuid_set", 24, Kind::Success, ACTOR),
    field("sessionid", 25, Kind::Session, TASK),
    field("fstype", 26, Kind::FileSystem, &[List::Filesystem]),
    field("devmajor", 100, Kind::Number, EXIT_ONLY),
    field("devminor", 101, Kind::Number, EXIT_ONLY),
    field("inode", 102, Kind::Number, EXIT_ONLY),
    field("exit", 103, Kind::Exit, EXIT_ONLY),
    field("success", 104, Kind::Success, EXIT_ONLY),
    field("path", 105, Kind::Path, EXIT_ONLY),
    field("perm", 106, Kind::Permissions, EXIT_ONLY),
    field("dir", 107, Kind::Path, EXIT_ONLY),
    field("filetype", 108, Kind::FileType, EXIT_ONLY),
    field("obj_uid", 109, Kind::User, EXIT_ONLY),
    field("obj_gid", 110, Kind::Group, EXIT_ONLY),
    field("field_compare", 111, Kind::Comparison, EXIT_ONLY),
    field("exe", 112, Kind::Path, ACTOR),
    field("saddr_fam", 113, Kind::Family, EXIT_ONLY),
    field("a0", 200, Kind::Argument, EXIT_ONLY),
    field("a1", 201, Kind::Argument, EXIT_ONLY),
    field("a2", 202, Kind::Argument, EXIT_ONLY),
    field("a3", 203, Kind::Argument, EXIT_ONLY),
    field("key", 210, Kind::Key, ANY),
];

/// All names that a condition can have.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().filter(|known| known.id != FieldId::COMPARISON).map(|known| known.name)
}

/// The pairs that `-C` can compare, with the kernel's number of each.
const COMPARISONS: [(&str, &str, u32); 25] = [
    ("uid", "obj_uid", 1),
    ("gid", "obj_gid", 2),
    ("euid", "obj_uid", 3),
    ("egid", "obj_gid", 4),
    ("auid", "obj_uid", 5),
    ("suid", "obj_uid", 6),
    ("sgid", "obj_gid", 7),
    ("fsuid", "obj_uid", 8),
    ("fsgid", "obj_gid", 9),
    ("uid", "auid", 10),
    ("uid", "euid", 11),
    ("uid", "fsuid", 12),
    ("uid", "suid", 13),
    ("auid", "fsuid", 14),
    ("auid", "suid", 15),
    ("auid", "euid", 16),
    ("euid", "suid", 17),
    ("euid", "fsuid", 18),
    ("suid", "fsuid", 19),
    ("gid", "egid", 20),
    ("gid", "fsgid", 21),
    ("gid", "sgid", 22),
    ("egid", "fsgid", 23),
    ("egid", "sgid", 24),
    ("sgid", "fsgid", 25),
];

/// The number of a pair, in either order.
pub(super) fn comparison(left: &str, right: &str) -> Option<u32> {
    let is = |a: &str, b: &str| (a == left && b == right) || (a == right && b == left);
    COMPARISONS.iter().find(|(a, b, _)| is(a, b)).map(|(.., number)| *number)
}

/// The pair of a number.
pub(super) fn compared(number: u32) -> Option<(&'static str, &'static str)> {
    COMPARISONS.iter().find(|(.., known)| *known == number).map(|(a, b, _)| (*a, *b))
}

/// Whether a name can stand in a comparison at all.
pub(super) fn is_comparable(name: &str) -> bool {
    COMPARISONS.iter().any(|(a, b, _)| *a == name || *b == name)
}
